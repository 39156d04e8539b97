//! The key of the store: in the system's keyring where mcporch was built with it, else in a file that only its owner may
//! read. A key that exists is used wherever it is, so that another build finds what this one sealed.

use std::fs::OpenOptions;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::secrets::{get_from_keyring, has_keyring, redactor, set_in_keyring};

use super::Error;
use super::sealed::{KEY_LEN, Key, random_key};
use super::store::{read_file, write_file};

/// The file of the key, in the folder of the store.
const FILE: &str = "key";
/// A file that says that the key is in the keyring, and under which name.
const POINTER: &str = "key.keyring";
/// The keyring's service.
const SERVICE: &str = "mcporch";
/// Longest of these files, in bytes.
const FILE_BYTES_MAX: u64 = 1024;

/// The key of the store in that folder; made when there is none and `make` is true. Blocking, also on the keyring.
pub(super) fn load(folder: &Path, make: bool) -> Result<Option<Key>, Error> {
    let path = folder.join(FILE);
    if let Some(text) = read_file(&path, FILE_BYTES_MAX)? {
        return decode(&text).ok_or(Error::DamagedKey { path }).and_then(|bytes| Key::new(&bytes)).map(Some);
    }
    let pointer = folder.join(POINTER);
    if let Some(name) = read_file(&pointer, FILE_BYTES_MAX)? {
        let name = String::from_utf8_lossy(&name).trim().to_owned();
        let text = get_from_keyring(SERVICE, &name).map_err(|source| Error::Keyring { source })?;
        redactor().learn([text.as_str()]);
        return decode(text.as_bytes())
            .ok_or(Error::DamagedKey { path: pointer })
            .and_then(|bytes| Key::new(&bytes))
            .map(Some);
    }
    if make { Some(made(folder)).transpose() } else { Ok(None) }
}

/// A new key, by one process: of two that made one each, one could not read what it wrote.
fn made(folder: &Path) -> Result<Key, Error> {
    let lock = folder.join("key.lock");
    let fault = |source| Error::File { path: lock.clone(), doing: "locked", source };
    // Held while two small files are written, or a person answers the keyring's question.
    let held = OpenOptions::new().create(true).truncate(false).write(true).open(&lock).map_err(fault)?;
    held.lock().map_err(fault)?;
    if let Some(key) = load(folder, false)? {
        return Ok(key);
    }
    let (path, pointer) = (folder.join(FILE), folder.join(POINTER));
    let bytes = random_key()?;
    let text = STANDARD.encode(bytes);
    redactor().learn([text.as_str()]);
    if !(has_keyring() && to_keyring(&pointer, &text)?) {
        write_file(&path, text.as_bytes())?;
    }
    Key::new(&bytes)
}

/// Puts the key into the keyring. False when that refuses: a machine without a session has none.
fn to_keyring(pointer: &Path, text: &str) -> Result<bool, Error> {
    let name = format!("credentials of {}", pointer.parent().unwrap_or(pointer).display());
    match set_in_keyring(SERVICE, &name, text) {
        Ok(()) => write_file(pointer, name.as_bytes()).map(|()| true),
        Err(fault) => {
            tracing::warn!(error = %fault, "the keyring does not take the key of the credentials; it is put into a file");
            Ok(false)
        }
    }
}

fn decode(text: &[u8]) -> Option<[u8; KEY_LEN]> {
    STANDARD.decode(text.trim_ascii()).ok()?.try_into().ok()
}
