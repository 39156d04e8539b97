//! What a key looks like: `mo_ID_SECRET`. The id finds its line in the file, so that one hash is compared and not all of them.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use super::Error;

/// How every key begins: scanners of leaked secrets can know it, and it is never taken for a key of `http.bearer_key_file`.
const BEGIN: &str = "mo_";
/// Letters of an id: lower-case, none that is taken for another.
const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
/// Letters in an id: 40 bits, so that two keys have the same once in a trillion; then the second is made anew.
const ID_LEN: usize = 8;
/// Bytes of a secret: 256 bits by chance. That many cannot be tried, so their hash need not be slow.
const SECRET_LEN: usize = 32;
/// A longer text is no key, and is not looked at.
const KEY_LEN_MAX: usize = 128;

/// The hash of a secret, as it is kept.
pub(super) type SecretHash = [u8; 32];

/// Whether a text is a key by its looks.
#[must_use]
pub fn is_key(text: &str) -> bool {
    text.starts_with(BEGIN)
}

/// Id and secret of a key; `None` when it is none by its looks.
pub(super) fn parts(text: &str) -> Option<(&str, &str)> {
    if text.len() > KEY_LEN_MAX {
        return None;
    }
    // Secrets have underscores too; ids have none.
    text.strip_prefix(BEGIN)?.split_once('_')
}

/// A new id.
///
/// # Errors
/// When the system has no random bytes.
pub(super) fn new_id() -> Result<String, Error> {
    let mut bytes = [0; ID_LEN];
    getrandom::fill(&mut bytes).map_err(Error::Chance)?;
    Ok(bytes.iter().map(|byte| char::from(LETTERS[usize::from(byte % 32)])).collect())
}

/// A new secret, as text.
///
/// # Errors
/// When the system has no random bytes.
pub(super) fn new_secret() -> Result<String, Error> {
    let mut bytes = [0; SECRET_LEN];
    getrandom::fill(&mut bytes).map_err(Error::Chance)?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

/// The whole key.
pub(super) fn key(id: &str, secret: &str) -> String {
    format!("{BEGIN}{id}_{secret}")
}

/// What is kept of a secret.
pub(super) fn hash(secret: &str) -> SecretHash {
    Sha256::digest(secret.as_bytes()).into()
}

/// Whether two hashes are the same. Takes as long for each, so that time does not tell how much of one was right.
pub(super) fn is_same(left: &SecretHash, right: &SecretHash) -> bool {
    left.iter().zip(right).fold(0, |differing, (left, right)| differing | (left ^ right)) == 0
}
