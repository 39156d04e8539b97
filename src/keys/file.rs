//! The file of keys: read whole, replaced whole, by one process at a time.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use crate::domain::{Moment, Scope};

use super::Error;
use super::key::{self, SecretHash};

/// Keys in one file. A guess: one for each person and program of a large team. A file of that many has 250 kB.
pub(super) const KEYS_MAX: usize = 1000;
/// Longest file, in bytes.
const FILE_BYTES_MAX: u64 = 1024 * 1024;
/// Longest name, in characters.
const NAME_CHARS_MAX: usize = 64;
/// What this file is written like.
const VERSION: u32 = 1;

/// The keys of one home, for who makes, lists and revokes them. Everything blocks, for one small file.
#[derive(Debug, Clone)]
pub struct KeyFile {
    path: PathBuf,
}

/// What a key is to be.
#[derive(Debug, Clone)]
pub struct NewKey {
    /// What its holder is called in logs and lists; no other key has the name.
    pub name: String,
    /// What its holder may do.
    pub scope: Scope,
    /// When it ends; `None` never.
    pub expires: Option<Moment>,
}

/// A key that was made. The one moment in which it can be shown.
pub struct MadeKey {
    /// `mo_ID_SECRET`.
    pub key: String,
    /// What is kept of it.
    pub stored: StoredKey,
}

/// What is known of a key that is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredKey {
    /// Names it, also in the key itself.
    pub id: String,
    /// What its holder is called.
    pub name: String,
    /// What he may do.
    pub scope: Scope,
    /// When it was made.
    pub created: Moment,
    /// When it ends; `None` never.
    pub expires: Option<Moment>,
    /// When it was used last, give or take a minute; `None` when it never was.
    pub last_used: Option<Moment>,
    pub(super) hash: SecretHash,
}

impl std::fmt::Debug for MadeKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MadeKey").field("stored", &self.stored).finish_non_exhaustive()
    }
}

impl KeyFile {
    /// The file at that path; nothing is read or made yet.
    #[must_use]
    pub fn at(path: PathBuf) -> Self {
        Self { path }
    }

    /// All keys, the oldest first. A file that is not there has none.
    ///
    /// # Errors
    /// When it cannot be read, is damaged, or others can read it.
    pub fn list(&self) -> Result<Vec<StoredKey>, Error> {
        let file = |source| self.fault("reading", source);
        let open = match File::open(&self.path) {
            Ok(open) => open,
            Err(fault) if fault.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(fault) => return Err(file(fault)),
        };
        #[cfg(unix)]
        if std::os::unix::fs::PermissionsExt::mode(&open.metadata().map_err(file)?.permissions()) & 0o077 != 0 {
            return Err(Error::Mode(self.path.clone()));
        }
        let mut text = String::new();
        let read = open.take(FILE_BYTES_MAX + 1).read_to_string(&mut text).map_err(file)?;
        if read as u64 > FILE_BYTES_MAX {
            return Err(self.damaged("it is longer than 1 MiB".to_owned()));
        }
        let written: Written = serde_json::from_str(&text).map_err(|fault| self.damaged(fault.to_string()))?;
        if written.version != VERSION {
            return Err(self.damaged(format!("it is of version {}, a newer mcporch wrote it", written.version)));
        }
        let keys = written.keys.into_iter().map(|line| {
            let id = line.id.clone();
            line.stored().ok_or_else(|| self.damaged(format!("the hash of key {id} is none")))
        });
        keys.collect()
    }

    /// Makes a key.
    ///
    /// # Errors
    /// When the name is taken or none, there are too many, or the file cannot be changed.
    pub fn create(&self, new: NewKey, now: Moment) -> Result<MadeKey, Error> {
        let NewKey { name, scope, expires } = new;
        if !is_name(&name) {
            return Err(Error::BadName(name));
        }
        let secret = key::new_secret()?;
        let hash = key::hash(&secret);
        let stored = self.change(|keys| {
            if keys.iter().any(|key| key.name == name || key.id == name) {
                return Err(Error::NameTaken(name));
            }
            if keys.len() >= KEYS_MAX {
                return Err(Error::TooMany(KEYS_MAX));
            }
            let id = loop {
                let id = key::new_id()?;
                if keys.iter().all(|key| key.id != id && key.name != id) {
                    break id;
                }
            };
            let stored = StoredKey { id, name, scope, created: now, expires, last_used: None, hash };
            keys.push(stored.clone());
            Ok(stored)
        })?;
        Ok(MadeKey { key: key::key(&stored.id, &secret), stored })
    }

    /// Revokes the key with that id or name, and gives what it was.
    ///
    /// # Errors
    /// When there is none, or the file cannot be changed.
    pub fn revoke(&self, id_or_name: &str) -> Result<StoredKey, Error> {
        self.change(|keys| {
            let at = keys.iter().position(|key| key.id == id_or_name || key.name == id_or_name);
            at.map(|at| keys.remove(at)).ok_or_else(|| Error::Unknown(id_or_name.to_owned()))
        })
    }

    /// Notes when keys were used last. Those that are gone stay gone.
    pub(super) fn note_used(&self, used: &[(String, Moment)]) -> Result<(), Error> {
        self.change(|keys| {
            for key in keys {
                let moment = used.iter().find(|(id, _)| *id == key.id).map(|(_, moment)| *moment);
                key.last_used = key.last_used.max(moment);
            }
            Ok(())
        })
    }

    /// Reads, changes and replaces the file while no other process does; a crash leaves the old file or the new one.
    fn change<T>(&self, change: impl FnOnce(&mut Vec<StoredKey>) -> Result<T, Error>) -> Result<T, Error> {
        let lock_path = self.path.with_extension("lock");
        if let Some(folder) = self.path.parent() {
            make_folder(folder).map_err(|source| self.fault("making the folder of", source))?;
        }
        let locking = |source| Error::File { doing: "locking", file: lock_path.clone(), source };
        let lock = private().truncate(false).open(&lock_path).map_err(locking)?;
        // Held for one small file, so there is nothing that waits long.
        lock.lock().map_err(locking)?;
        let mut keys = self.list()?;
        let changed = change(&mut keys)?;
        self.replace(&keys)?;
        drop(lock);
        Ok(changed)
    }

    fn replace(&self, keys: &[StoredKey]) -> Result<(), Error> {
        let written = Written { version: VERSION, keys: keys.iter().map(Line::of).collect() };
        let mut text = serde_json::to_string_pretty(&written).map_err(|fault| self.damaged(fault.to_string()))?;
        text.push('\n');
        let beside = self.path.with_extension("json.tmp");
        let write = || -> std::io::Result<()> {
            // What a crash has left is not taken over: its mode may be another.
            match fs::remove_file(&beside) {
                Err(fault) if fault.kind() != ErrorKind::NotFound => return Err(fault),
                Ok(()) | Err(_) => {}
            }
            let mut file = private().create_new(true).open(&beside)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            fs::rename(&beside, &self.path)?;
            // The name is on the disk when its folder is; where folders cannot be opened, the system sees to it.
            #[cfg(unix)]
            if let Some(folder) = self.path.parent() {
                File::open(folder)?.sync_all()?;
            }
            Ok(())
        };
        write().map_err(|source| self.fault("writing", source))
    }

    fn fault(&self, doing: &'static str, source: std::io::Error) -> Error {
        Error::File { doing, file: self.path.clone(), source }
    }

    fn damaged(&self, what: String) -> Error {
        Error::Damaged { file: self.path.clone(), what }
    }

    /// When and how the file was written last; `None` when it is not there.
    pub(super) fn stamp(&self) -> Option<Stamp> {
        let about = fs::metadata(&self.path).ok()?;
        Some(Stamp {
            len: about.len(),
            modified: about.modified().ok(),
            // A file is replaced, so a new one has another number even within one tick of the clock.
            #[cfg(unix)]
            inode: std::os::unix::fs::MetadataExt::ino(&about),
        })
    }
}

/// Tells one state of the file from the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    len: u64,
    modified: Option<SystemTime>,
    #[cfg(unix)]
    inode: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    version: u32,
    keys: Vec<Line>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    id: String,
    name: String,
    scope: Scope,
    /// Hexadecimal.
    sha256: String,
    created_ms: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires_ms: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last_used_ms: Option<i64>,
}

impl Line {
    fn of(key: &StoredKey) -> Self {
        Self {
            id: key.id.clone(),
            name: key.name.clone(),
            scope: key.scope,
            sha256: key.hash.iter().map(|byte| format!("{byte:02x}")).collect(),
            created_ms: key.created.0,
            expires_ms: key.expires.map(|moment| moment.0),
            last_used_ms: key.last_used.map(|moment| moment.0),
        }
    }

    fn stored(self) -> Option<StoredKey> {
        let mut hash = [0; 32];
        let is_hex = self.sha256.len() == 64 && self.sha256.bytes().all(|byte| byte.is_ascii_hexdigit());
        for (byte, pair) in hash.iter_mut().zip(self.sha256.as_bytes().chunks(2)) {
            *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
        }
        is_hex.then_some(StoredKey {
            id: self.id,
            name: self.name,
            scope: self.scope,
            created: Moment(self.created_ms),
            expires: self.expires_ms.map(Moment),
            last_used: self.last_used_ms.map(Moment),
            hash,
        })
    }
}

/// Names go into log lines, audit records and tables as they are.
fn is_name(name: &str) -> bool {
    let is_plain = |letter: char| letter.is_alphanumeric() || " ._-@+".contains(letter);
    name.trim() == name && (1..=NAME_CHARS_MAX).contains(&name.chars().count()) && name.chars().all(is_plain)
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

fn make_folder(folder: &Path) -> std::io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}
