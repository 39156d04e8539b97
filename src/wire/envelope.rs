//! The outside of a JSON-RPC message; `params`, `result` and `error` stay raw.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// One message, borrowed from its line. Fields that JSON-RPC does not know are passed over.
#[derive(Debug, Deserialize)]
pub struct Envelope<'a> {
    /// `"2.0"`, or the message is none of JSON-RPC's.
    #[serde(borrow, default)]
    pub jsonrpc: Option<Cow<'a, str>>,
    /// As the sender wrote it: a number or a string, kept byte for byte.
    #[serde(borrow, default)]
    pub id: Option<&'a RawValue>,
    /// Present in requests and notifications.
    #[serde(borrow, default)]
    pub method: Option<Cow<'a, str>>,
    /// What the method is given.
    #[serde(borrow, default)]
    pub params: Option<&'a RawValue>,
    /// Present in an answer that went well.
    #[serde(borrow, default)]
    pub result: Option<&'a RawValue>,
    /// Present in an answer that did not.
    #[serde(borrow, default)]
    pub error: Option<&'a RawValue>,
}

/// What an envelope is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EnvelopeKind {
    /// Has a method and an id.
    Request,
    /// Has a method and no id.
    Notification,
    /// Has an id and a result or an error.
    Answer,
    /// JSON, but no message of JSON-RPC 2.0.
    Other,
}

impl<'a> Envelope<'a> {
    /// Takes a line apart.
    ///
    /// # Errors
    /// When the line is no JSON object of this shape (batches are not: MCP dropped them in 2025-06-18).
    pub fn parse(line: &'a str) -> Result<Self, serde_json::Error> {
        // The derived code would take an array for a struct.
        if !line.trim_start().starts_with('{') {
            return Err(serde::de::Error::custom("not a JSON object"));
        }
        serde_json::from_str(line)
    }

    /// What this is.
    #[must_use]
    pub fn kind(&self) -> EnvelopeKind {
        if self.jsonrpc.as_deref() != Some("2.0") {
            return EnvelopeKind::Other;
        }
        match (self.method.is_some(), self.id.is_some(), self.result.is_some() || self.error.is_some()) {
            (true, true, _) => EnvelopeKind::Request,
            (true, false, _) => EnvelopeKind::Notification,
            (false, true, true) => EnvelopeKind::Answer,
            _ => EnvelopeKind::Other,
        }
    }
}

/// A request as one line, newline included. `params` must be JSON without line breaks.
#[must_use]
pub fn request_line(id: u64, method: &str, params: &str) -> Vec<u8> {
    let mut line = Vec::with_capacity(64 + method.len() + params.len());
    line.extend_from_slice(b"{\"jsonrpc\":\"2.0\",\"id\":");
    line.extend_from_slice(id.to_string().as_bytes());
    line.extend_from_slice(b",\"method\":");
    push_text(&mut line, method);
    line.extend_from_slice(b",\"params\":");
    line.extend_from_slice(params.as_bytes());
    line.extend_from_slice(b"}\n");
    line
}

/// A notification as one line, newline included. `params` must be JSON without line breaks.
#[must_use]
pub fn notification_line(method: &str, params: &str) -> Vec<u8> {
    let mut line = Vec::with_capacity(48 + method.len() + params.len());
    line.extend_from_slice(b"{\"jsonrpc\":\"2.0\",\"method\":");
    push_text(&mut line, method);
    line.extend_from_slice(b",\"params\":");
    line.extend_from_slice(params.as_bytes());
    line.extend_from_slice(b"}\n");
    line
}

/// Whether a method is written as methods are; others come from those who are up to something.
#[must_use]
pub fn is_method(text: &str) -> bool {
    (1..=200).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"/_.$-:".contains(&b))
}

/// A text as JSON; what needs no escapes is not looked at twice.
fn push_text(line: &mut Vec<u8>, text: &str) {
    if is_method(text) {
        line.push(b'"');
        line.extend_from_slice(text.as_bytes());
        line.push(b'"');
    } else {
        line.extend_from_slice(serde_json::to_string(text).expect("a string serialises").as_bytes());
    }
}

/// An answer as one line, newline included. `id` and `result` must be JSON without line breaks.
#[must_use]
pub fn result_line(id: &str, result: &str) -> Vec<u8> {
    answer_line(id, "result", result)
}

/// The same of a result that is given away: a large one is not copied.
#[must_use]
pub fn owned_result_line(id: &str, result: Cow<'_, str>) -> Vec<u8> {
    let result = match result {
        Cow::Borrowed(result) => return result_line(id, result),
        Cow::Owned(result) => result,
    };
    let start = format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"result\":");
    let mut line = result.into_bytes();
    line.reserve_exact(start.len() + 2);
    line.splice(0..0, start.into_bytes());
    line.extend_from_slice(b"}\n");
    line
}

/// A JSON-RPC error as one line, newline included. `id` must be JSON (`null` when it could not be read).
#[must_use]
pub fn error_line(id: &str, code: i64, message: &str, data: Option<&serde_json::Value>) -> Vec<u8> {
    #[derive(Serialize)]
    struct ErrorBody<'a> {
        code: i64,
        message: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        data: Option<&'a serde_json::Value>,
    }
    let body = serde_json::to_string(&ErrorBody { code, message, data }).expect("a struct of plain fields serialises");
    answer_line(id, "error", &body)
}

/// A JSON-RPC error as one line, newline included; `error` is the raw error object, without line breaks.
#[must_use]
pub fn raw_error_line(id: &str, error: &str) -> Vec<u8> {
    answer_line(id, "error", error)
}

fn answer_line(id: &str, member: &str, body: &str) -> Vec<u8> {
    let mut line = Vec::with_capacity(48 + id.len() + body.len());
    for part in ["{\"jsonrpc\":\"2.0\",\"id\":", id, ",\"", member, "\":", body, "}\n"] {
        line.extend_from_slice(part.as_bytes());
    }
    line
}
