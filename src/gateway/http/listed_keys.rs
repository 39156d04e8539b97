//! Keys that the operator wrote into a file himself: kept as hashes, read again when the file changes.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use sha2::{Digest, Sha256};
use tokio::time::Instant;

use crate::domain::error_chain;
use crate::secrets::redactor;

use super::Error;

/// Shortest key, in bytes: 16 letters and digits by chance are more than can be tried.
const KEY_BYTES_MIN: usize = 16;
/// Keys in one file. A guess: one for each person of a team.
const KEYS_MAX: usize = 1000;
/// Longest file, in bytes.
const FILE_BYTES_MAX: u64 = 1024 * 1024;
/// From one look at the file to the next. A look is one system call.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Who may come, by his key.
pub struct ListedKeys {
    file: PathBuf,
    known: Mutex<Known>,
}

struct Known {
    stamp: Option<Stamp>,
    looked: Instant,
    keys: Vec<Key>,
}

struct Key {
    name: Arc<str>,
    digest: [u8; 32],
}

type Stamp = (SystemTime, u64);

impl std::fmt::Debug for ListedKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ListedKeys").field("file", &self.file).finish_non_exhaustive()
    }
}

impl ListedKeys {
    /// Reads a file with one key on each line, `NAME:KEY` or `KEY`; lines that begin with `#` are passed over. Blocking: a small
    /// file.
    ///
    /// # Errors
    /// When it cannot be read, others can, or a line is no key.
    pub fn read(file: &Path) -> Result<Self, Error> {
        let (stamp, keys) = (stamp(file), read(file)?);
        let known = Known { stamp, looked: Instant::now(), keys };
        Ok(Self { file: file.to_owned(), known: Mutex::new(known) })
    }

    /// Whose key this is. Takes as long for each.
    pub(super) fn owner(&self, shown: &str) -> Option<Arc<str>> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.looked.elapsed() >= LOOK_EVERY {
            known.looked = Instant::now();
            self.look(&mut known);
        }
        let digest: [u8; 32] = Sha256::digest(shown.as_bytes()).into();
        let mut owner = None;
        for key in &known.keys {
            // No early end: how much of a key was right must not show.
            let differing = key.digest.iter().zip(digest).fold(0, |differing, (a, b)| differing | (a ^ b));
            if differing == 0 {
                owner = Some(key.name.clone());
            }
        }
        owner
    }

    fn look(&self, known: &mut Known) {
        let stamp = stamp(&self.file);
        if stamp == known.stamp && stamp.is_some() {
            return;
        }
        known.stamp = stamp;
        match read(&self.file) {
            Ok(keys) => {
                tracing::info!(count = keys.len(), "the keys of HTTP clients were read again");
                known.keys = keys;
            }
            Err(fault) => {
                // A key that was taken out of a broken file must not go on working.
                if !known.keys.is_empty() {
                    tracing::error!(error = error_chain(&fault), "no HTTP client is let in until the keys can be read");
                }
                known.keys.clear();
                // Tried again at the next look: what was wrong, such as its mode, need not show in the stamp.
                known.stamp = None;
            }
        }
    }
}

fn stamp(file: &Path) -> Option<Stamp> {
    let about = std::fs::metadata(file).ok()?;
    Some((about.modified().ok()?, about.len()))
}

fn read(file: &Path) -> Result<Vec<Key>, Error> {
    let unreadable = |source| Error::KeyFile { file: file.to_owned(), source };
    let about = std::fs::metadata(file).map_err(unreadable)?;
    #[cfg(unix)]
    if std::os::unix::fs::PermissionsExt::mode(&about.permissions()) & 0o077 != 0 {
        return Err(Error::KeyFileMode(file.to_owned()));
    }
    let fault = |line, what| Error::Key { file: file.to_owned(), line, what };
    if about.len() > FILE_BYTES_MAX {
        return Err(fault(0, "the file is longer than 1 MiB"));
    }
    let text = std::fs::read_to_string(file).map_err(unreadable)?;
    let mut keys: Vec<Key> = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (name, key) = line.split_once(':').map_or((None, line), |(name, key)| (Some(name.trim()), key.trim()));
        if key.len() < KEY_BYTES_MIN {
            return Err(fault(at + 1, "a key has at least 16 characters; `openssl rand -hex 32` makes one"));
        }
        if key.bytes().any(|byte| !byte.is_ascii_graphic()) {
            return Err(fault(at + 1, "a key is one word of plain characters"));
        }
        if keys.len() == KEYS_MAX {
            return Err(fault(at + 1, "there are more than 1000 keys"));
        }
        redactor().learn([key]);
        let digest: [u8; 32] = Sha256::digest(key.as_bytes()).into();
        let name = match name.filter(|name| !name.is_empty()) {
            Some(name) => Arc::from(name),
            // Stable while lines move, and tells nothing of the key.
            None => Arc::from(format!("key-{:02x}{:02x}{:02x}{:02x}", digest[0], digest[1], digest[2], digest[3])),
        };
        keys.push(Key { name, digest });
    }
    if keys.is_empty() { Err(fault(0, "there is no key in it")) } else { Ok(keys) }
}

#[cfg(test)]
mod tests {
    use super::ListedKeys;

    #[cfg(unix)]
    fn file(text: &str, mode: u32) -> (tempfile::TempDir, std::path::PathBuf) {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("keys");
        std::fs::write(&file, text).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
        (folder, file)
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_key_names_its_owner() {
        let (_folder, file) = file("# team\nann:0123456789abcdef\n\nfedcba9876543210\n", 0o600);
        let keys = ListedKeys::read(&file).unwrap();
        let check = |key: &str, expected: Option<&str>| assert_eq!(keys.owner(key).as_deref(), expected, "{key}");
        check("0123456789abcdef", Some("ann"));
        check("fedcba9876543210", Some("key-3465f6e6"));
        check("0123456789abcdeF", None);
        check("", None);
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_faulty_file_is_refused() {
        let check = |text: &str, mode, expected: &str| {
            let (_folder, file) = file(text, mode);
            let fault = ListedKeys::read(&file).unwrap_err().to_string();
            assert!(fault.contains(expected), "{fault}");
        };
        check("ann:0123456789abcdef\n", 0o644, "chmod 600");
        check("ann:short\n", 0o600, "keys:1: a key has at least");
        check("# nothing\n", 0o600, "no key");
        check("ann:0123456789 abcdef\n", 0o600, "one word");
    }
}
