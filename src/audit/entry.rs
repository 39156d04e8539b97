//! A record: what is handed over to be written, and what stands in the file.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

/// Longest text of a record, in characters; longer ones are cut. A guess: names are shorter, and a line stays below 4 kB.
const TEXT_CHARS_MAX: usize = 200;

/// Something that was done, or was not let happen.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Event {
    /// When it was over, in milliseconds since 1970.
    pub at: i64,
    /// Who did it: the name of a key, or what everybody is called who came the same way.
    pub who: Option<Arc<str>>,
    /// From which address, if from another machine or over a socket.
    pub from: Option<String>,
    /// Which way he came (`rest`, `mcp-stdio`).
    pub surface: Option<&'static str>,
    /// What it was: `execute`, `call`, `server.start`, `keys.create`, `access.refused`.
    pub action: &'static str,
    /// To what: `server.tool`, a server, the id of a key.
    pub target: String,
    /// How it ended: `done`, `failed`, the slug of a refusal.
    pub outcome: &'static str,
    /// How long it took, in milliseconds.
    pub ms: Option<f64>,
    /// Of the parameters.
    pub params: Option<ParamsDigest>,
    /// What else is to be known. No texts of requests, arguments or results.
    pub details: Vec<(&'static str, Value)>,
}

/// Parameters on their way to their hash: short ones are hashed where nobody waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ParamsDigest {
    /// Not hashed yet.
    Raw(Box<[u8]>),
    /// SHA-256.
    Done([u8; 32]),
}

impl ParamsDigest {
    /// Longest parameters that are copied instead of hashed at once, in bytes: copying them costs less than a microsecond.
    const RAW_BYTES_MAX: usize = 4096;

    /// Of that text.
    #[must_use]
    pub fn of(params: &str) -> Self {
        if params.len() <= Self::RAW_BYTES_MAX {
            Self::Raw(params.as_bytes().into())
        } else {
            Self::Done(Sha256::digest(params.as_bytes()).into())
        }
    }

    fn hex(&self) -> String {
        match self {
            Self::Raw(bytes) => hex(&Sha256::digest(bytes)),
            Self::Done(digest) => hex(digest),
        }
    }
}

/// A record as it stands in the file, in this order; `hash` is over `prev` and the line without its `hash`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Entry {
    /// Which, from 1, without gaps.
    pub seq: u64,
    /// When it was over, in milliseconds since 1970.
    pub at: i64,
    /// Who did it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub who: Option<String>,
    /// From which address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Which way he came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub surface: Option<String>,
    /// What it was.
    pub action: String,
    /// To what.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub target: String,
    /// How it ended.
    pub outcome: String,
    /// How long it took, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ms: Option<f64>,
    /// What else is known: `params_sha256`, `confidence`, `decision`, `count`.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub details: Map<String, Value>,
    /// The hash of the record before; of the very first, 64 zeros.
    pub prev: String,
    /// SHA-256 over `prev` and the line without this member.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub hash: String,
}

impl Entry {
    /// The record of an event at that place of the chain, without its hash.
    pub(super) fn of(event: &Event, seq: u64, prev: &str) -> Self {
        let mut details: Map<String, Value> =
            event.details.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        if let Some(params) = &event.params {
            details.insert("params_sha256".to_owned(), params.hex().into());
        }
        Self {
            seq,
            at: event.at,
            who: event.who.as_deref().map(short),
            from: event.from.as_deref().map(short),
            surface: event.surface.map(str::to_owned),
            action: event.action.to_owned(),
            target: short(&event.target),
            outcome: event.outcome.to_owned(),
            // Microseconds are enough.
            ms: event.ms.map(|ms| (ms * 1000.0).round() / 1000.0),
            details,
            prev: prev.to_owned(),
            hash: String::new(),
        }
    }
}

fn short(text: &str) -> String {
    match text.char_indices().nth(TEXT_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// As two hexadecimal digits for each byte.
pub(super) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits = bytes.iter().flat_map(|byte| [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
    digits.map(char::from).collect()
}
