//! Sealing: what lies in a file is of no use without the key, and cannot be changed or put in another's place unnoticed.

use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::{SecureRandom, SystemRandom};

use super::Error;

/// How every sealed file begins; the number is raised when the format changes.
const HEAD: &[u8] = b"mcporch credentials 1\n";
/// Length of a key in bytes.
pub(super) const KEY_LEN: usize = 32;

/// A key. `Debug` shows nothing.
pub(super) struct Key(LessSafeKey);

impl Key {
    pub(super) fn new(bytes: &[u8; KEY_LEN]) -> Result<Self, Error> {
        UnboundKey::new(&CHACHA20_POLY1305, bytes).map(|key| Self(LessSafeKey::new(key))).map_err(|_| Error::NoSeal)
    }
}

/// Random bytes for a new key.
pub(super) fn random_key() -> Result<[u8; KEY_LEN], Error> {
    let mut bytes = [0; KEY_LEN];
    SystemRandom::new().fill(&mut bytes).map_err(|_| Error::NoSeal)?;
    Ok(bytes)
}

/// The text, sealed for that place.
pub(super) fn seal(key: &Key, place: &str, text: &[u8]) -> Result<Vec<u8>, Error> {
    // Random: a home is written a few times an hour, and 2^32 writes under one key would be safe.
    let mut nonce = [0; NONCE_LEN];
    SystemRandom::new().fill(&mut nonce).map_err(|_| Error::NoSeal)?;
    let mut body = text.to_vec();
    let bound_to = bound_to(place);
    key.0
        .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(&bound_to), &mut body)
        .map_err(|_| Error::NoSeal)?;
    Ok([HEAD, &nonce, &body].concat())
}

/// What was sealed for that place; `None` when it was not, or not with this key.
pub(super) fn open(key: &Key, place: &str, file: &[u8]) -> Option<Vec<u8>> {
    let (nonce, body) = file.strip_prefix(HEAD)?.split_at_checked(NONCE_LEN)?;
    let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
    let mut body = body.to_vec();
    let bound_to = bound_to(place);
    let len = key.0.open_in_place(nonce, Aad::from(&bound_to), &mut body).ok()?.len();
    body.truncate(len);
    Some(body)
}

fn bound_to(place: &str) -> Vec<u8> {
    [HEAD, place.as_bytes()].concat()
}
