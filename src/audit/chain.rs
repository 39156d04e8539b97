//! How one line holds the one before: the hash is over the bytes that stand in the file, so that anybody can check it without knowing how
//! we write JSON.

use sha2::{Digest, Sha256};

use super::entry::{Entry, hex};

/// `prev` of the very first record.
pub(super) const BEGIN: &str = "0000000000000000000000000000000000000000000000000000000000000000";
/// What stands between a record and its hash.
const BEFORE_HASH: &str = ",\"hash\":\"";
/// A hash, a quote and a brace.
const TAIL_LEN: usize = 64 + 2;

/// The line of a record with its hash, without a line break; and the hash.
pub(super) fn sealed(entry: &Entry) -> (String, String) {
    let mut line = serde_json::to_string(entry).expect("a record is made of texts, numbers and JSON values");
    let hash = hash(&entry.prev, &line);
    // In the place of the closing brace.
    line.truncate(line.len() - 1);
    line.extend([BEFORE_HASH, &hash, "\"}"]);
    (line, hash)
}

/// Whether the hash at the end of a line is that of what is before it and of `prev`.
pub(super) fn is_sealed(line: &str, prev: &str) -> bool {
    let Some(body_len) = line.len().checked_sub(TAIL_LEN + BEFORE_HASH.len()) else { return false };
    let Some((body, tail)) = line.split_at_checked(body_len) else { return false };
    let said = tail.strip_prefix(BEFORE_HASH).and_then(|rest| rest.strip_suffix("\"}"));
    said.is_some_and(|said| said == hash(prev, &format!("{body}}}")))
}

fn hash(prev: &str, body: &str) -> String {
    hex(&Sha256::new().chain_update(prev).chain_update(body).finalize())
}
