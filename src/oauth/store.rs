//! What logins gave us, one sealed file per server and address. A file is replaced as a whole; a damaged one is an error of
//! that server alone.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::domain::ServerName;
use crate::secrets::redactor;

use super::sealed::{open, seal};
use super::{Error, Target, key};

/// Longest sealed file, in bytes; tokens of a few thousand bytes are the longest that servers take in a header.
const FILE_BYTES_MAX: u64 = 256 << 10;
/// Ending of the sealed files.
const ENDING: &str = "sealed";

/// The folder of all credentials of one home.
#[derive(Debug, Clone)]
pub struct Store {
    folder: PathBuf,
}

/// What is known of one server at one address.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Entry {
    /// The server's name.
    pub(super) server: String,
    /// Its address.
    pub(super) url: String,
    /// What the last login gave; `None` when there was none, or it ended.
    #[serde(default)]
    pub(super) grant: Option<Grant>,
    /// The last `WWW-Authenticate` for which a person is needed; the next login starts from it.
    #[serde(default)]
    pub(super) challenge: Option<String>,
    /// Rights that logins asked for so far; a login for more asks for these too.
    #[serde(default)]
    pub(super) asked_scopes: Vec<String>,
}

/// A token, and what is needed to get the next one.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Grant {
    /// Who issued it, as he calls himself.
    pub(super) issuer: Option<String>,
    /// What it is for (RFC 8707).
    pub(super) resource: String,
    pub(super) client_id: String,
    #[serde(default)]
    pub(super) client_secret: Option<String>,
    /// The secret goes into the body of a request instead of its head.
    #[serde(default)]
    pub(super) secret_in_body: bool,
    pub(super) token_endpoint: String,
    #[serde(default)]
    pub(super) revocation_endpoint: Option<String>,
    pub(super) access_token: String,
    #[serde(default)]
    pub(super) refresh_token: Option<String>,
    /// Milliseconds since 1970, by the wall clock: that goes on while a laptop sleeps.
    pub(super) received_at_ms: i64,
    /// The same; `None` when the issuer did not say.
    #[serde(default)]
    pub(super) expires_at_ms: Option<i64>,
    /// What it allows.
    #[serde(default)]
    pub(super) scopes: Vec<String>,
    /// Got by a refresh that a refusal caused: another refusal soon after is not to be cured so.
    #[serde(default)]
    pub(super) after_refusal: bool,
}

impl Entry {
    pub(super) fn of(target: &Target) -> Self {
        Self { server: target.server.to_string(), url: target.url.to_string(), ..Self::default() }
    }

    /// From now on nothing of it is shown anywhere.
    pub(super) fn hide(&self) {
        if let Some(grant) = &self.grant {
            let optional = [&grant.refresh_token, &grant.client_secret].into_iter().flatten();
            redactor().learn(optional.chain([&grant.access_token]).map(String::as_str));
        }
    }
}

impl std::fmt::Debug for Entry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Entry")
            .field("server", &self.server)
            .field("has_grant", &self.grant.is_some())
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Grant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Grant").field("issuer", &self.issuer).field("scopes", &self.scopes).finish_non_exhaustive()
    }
}

/// When a file was written last, to notice that another process did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    len: u64,
    modified: Option<SystemTime>,
    #[cfg(unix)]
    inode: u64,
}

impl Store {
    /// The store in that folder; nothing is read or made yet.
    #[must_use]
    pub fn at(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// The file of that server at its address.
    pub(super) fn file(&self, target: &Target) -> PathBuf {
        self.folder.join(format!("{}.{ENDING}", file_stem(target)))
    }

    /// The lock that goes with it.
    pub(super) fn lock(&self, target: &Target) -> PathBuf {
        self.folder.join(format!("{}.lock", file_stem(target)))
    }

    /// Reads what is there. Blocking.
    pub(super) fn load(&self, target: &Target) -> Result<Option<Entry>, Error> {
        let path = self.file(target);
        let damaged = || Error::Damaged { path: path.clone(), server: target.server.clone() };
        let Some(file) = read_file(&path, FILE_BYTES_MAX)? else { return Ok(None) };
        let key = key::load(&self.folder, false)?.ok_or_else(damaged)?;
        let text = open(&key, &file_stem(target), &file).ok_or_else(damaged)?;
        let entry: Entry = serde_json::from_slice(&text).map_err(|_foreign| damaged())?;
        if entry.url != target.url.as_str() || entry.server != target.server.as_str() {
            return Err(damaged());
        }
        entry.hide();
        Ok(Some(entry))
    }

    /// Writes it in the place of what was there. Blocking.
    pub(super) fn save(&self, target: &Target, entry: &Entry) -> Result<(), Error> {
        make_folder(&self.folder)?;
        entry.hide();
        let key = key::load(&self.folder, true)?.ok_or(Error::NoSeal)?;
        let text = serde_json::to_vec(entry).map_err(|_no_such_entry| Error::NoSeal)?;
        write_file(&self.file(target), &seal(&key, &file_stem(target), &text)?)
    }

    /// Removes it; true when there was something. Blocking.
    pub(super) fn remove(&self, target: &Target) -> Result<bool, Error> {
        let path = self.file(target);
        match fs::remove_file(&path) {
            Ok(()) => Ok(true),
            Err(fault) if fault.kind() == ErrorKind::NotFound => Ok(false),
            Err(source) => Err(Error::File { path, doing: "removed", source }),
        }
    }

    /// When it was written last. Blocking for one question to the system.
    pub(super) fn stamp(&self, target: &Target) -> Option<Stamp> {
        let about = fs::metadata(self.file(target)).ok()?;
        Some(Stamp {
            len: about.len(),
            modified: about.modified().ok(),
            #[cfg(unix)]
            inode: std::os::unix::fs::MetadataExt::ino(&about),
        })
    }
}

/// Readable, and different for each name and address. A changed address is another server: it gets no token of the old one.
fn file_stem(target: &Target) -> String {
    let name: &ServerName = &target.server;
    let plain: String =
        name.as_str().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).take(40).collect();
    let mut hash = Sha256::new();
    for part in [name.as_str(), target.url.as_str()] {
        hash.update(part.len().to_le_bytes());
        hash.update(part);
    }
    let hash: String = hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    format!("{plain}-{hash}")
}

/// The folder, for its owner alone.
pub(super) fn make_folder(folder: &Path) -> Result<(), Error> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder).map_err(|source| Error::File { path: folder.to_owned(), doing: "written", source })
}

/// The bytes of a file; `None` when there is none.
pub(super) fn read_file(path: &Path, bytes_max: u64) -> Result<Option<Vec<u8>>, Error> {
    let fault = |source| Error::File { path: path.to_owned(), doing: "read", source };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(fault) if fault.kind() == ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(fault(source)),
    };
    let mut bytes = Vec::new();
    file.take(bytes_max).read_to_end(&mut bytes).map_err(fault)?;
    Ok(Some(bytes))
}

/// Writes a file that only its owner may read, whole or not at all, whatever stops us.
pub(super) fn write_file(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let fault = |source| Error::File { path: path.to_owned(), doing: "written", source };
    // The lock lets one process write at a time; the number is for several threads of tests.
    let beside = path.with_extension(format!("{}.tmp", std::process::id()));
    let mut options = OpenOptions::new();
    options.create(true).write(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&beside).map_err(fault)?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all()).and_then(|()| fs::rename(&beside, path));
    written.map_err(|source| {
        let _left_behind = fs::remove_file(&beside);
        fault(source)
    })?;
    // So that a power cut does not bring the old refresh token back, which is worth nothing. Where a folder cannot be synced,
    // the file is still whole.
    #[cfg(unix)]
    if let Some(folder) = path.parent() {
        let _as_it_is = File::open(folder).and_then(|folder| folder.sync_all());
    }
    Ok(())
}
