//! What a modern client carries from one round of a request to the next: sealed, so that it cannot be changed on the way.

use std::hash::{BuildHasher, RandomState};

use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::demo_server::text_codes::{decode, encode};

/// How long a sealed state is good for, in seconds. A guess: longer than a person takes to answer.
const GOOD_FOR_S: i64 = 600;

/// The key of this process, and the seals made with it.
pub(super) struct Seal {
    key: [u8; 32],
}

impl Seal {
    /// Takes a new key.
    pub(super) fn new() -> Self {
        let mut key = [0; 32];
        for (number, part) in key.chunks_exact_mut(8).enumerate() {
            // Each RandomState is seeded anew by the standard library: random enough for this, without a crate.
            part.copy_from_slice(&RandomState::new().hash_one(number).to_ne_bytes());
        }
        Self { key }
    }

    /// Seals a state for one request: `subject` says of what.
    pub(super) fn close(&self, subject: &str, state: &Value, now_s: i64) -> String {
        let payload = json!({"for": subject, "until": now_s + GOOD_FOR_S, "state": state}).to_string();
        let payload = encode(payload.as_bytes());
        let tag = self.keyed(&payload).finalize().into_bytes();
        format!("{payload}.{}", encode(&tag))
    }

    /// The state, if it was sealed by this process for the same request, and not too long ago.
    pub(super) fn open(&self, subject: &str, sealed: &str, now_s: i64) -> Option<Value> {
        let (payload, tag) = sealed.split_once('.')?;
        let tag = decode(tag)?;
        // One seal has one spelling.
        if encode(&tag) != sealed[payload.len() + 1..] {
            return None;
        }
        self.keyed(payload).verify_slice(&tag).ok()?;
        let mut payload: Value = serde_json::from_slice(&decode(payload)?).ok()?;
        let is_good = payload["for"] == subject && payload["until"].as_i64()? >= now_s;
        is_good.then(|| payload["state"].take())
    }

    /// An id that nobody can guess.
    pub(super) fn id(&self, number: u64) -> String {
        let tag = self.keyed(&format!("id {number}")).finalize().into_bytes();
        tag.iter().take(12).map(|byte| format!("{byte:02x}")).collect()
    }

    fn keyed(&self, text: &str) -> Hmac<Sha256> {
        let mut hmac = Hmac::<Sha256>::new_from_slice(&self.key).expect("a key of any length will do");
        hmac.update(text.as_bytes());
        hmac
    }
}
