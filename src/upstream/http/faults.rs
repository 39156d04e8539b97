//! What went wrong on the way, in the words of a session.

use reqwest::Response;
use serde_json::value::RawValue;

use crate::domain::{ServerName, error_chain};
use crate::secrets::redactor;
use crate::upstream::Error;
use crate::web;
use crate::wire::Envelope;

use super::way::{CONNECT_TIMEOUT, ERROR_BODY_TIMEOUT};

/// What is read of a refusal's body, in bytes. A guess: a JSON-RPC error, not a page of HTML.
const REFUSAL_BYTES_MAX: usize = 64 * 1024;
/// What is shown of it, in characters.
const REFUSAL_CHARS_SHOWN: usize = 200;

/// JSON-RPC code for headers that do not fit the body.
pub(super) const HEADER_MISMATCH: i64 = -32020;
/// JSON-RPC code for a version that the server does not speak.
pub(super) const UNSUPPORTED_VERSION: i64 = -32022;

/// A failure between us and the server's machine.
pub(super) fn of_web(server: &ServerName, fault: &web::Error) -> Error {
    let was_sent = match fault {
        web::Error::Refused { .. } | web::Error::Redirect { .. } | web::Error::NoSuchName { .. } => false,
        web::Error::Unreachable { .. } | web::Error::NoClient { .. } => false,
        // No other wait of ours is as long as that for a connection.
        web::Error::Late { after, .. } => *after != CONNECT_TIMEOUT,
        web::Error::Broken { .. } | web::Error::TooLong { .. } => true,
    };
    let what = redactor().redact(&error_chain(fault)).into_owned();
    Error::Unreachable { server: server.clone(), what, was_sent }
}

/// An answer with a status that is no success.
pub(super) struct Refusal {
    pub(super) status: u16,
    body: Vec<u8>,
}

impl Refusal {
    /// Reads the beginning of its body. Not cancel safe: what was read is lost.
    pub(super) async fn read(response: Response) -> Self {
        let status = response.status().as_u16();
        // Without a body the status says enough.
        let body = web::read_start(response, REFUSAL_BYTES_MAX, ERROR_BODY_TIMEOUT).await.unwrap_or_default();
        Self { status, body }
    }

    /// The JSON-RPC error in it.
    pub(super) fn error(&self) -> Option<RpcError> {
        #[derive(serde::Deserialize)]
        struct Read<'a> {
            code: i64,
            #[serde(default)]
            message: String,
            #[serde(borrow, default)]
            data: Option<&'a RawValue>,
        }
        #[derive(serde::Deserialize, Default)]
        #[serde(default)]
        struct Data {
            supported: Vec<String>,
        }
        let text = std::str::from_utf8(&self.body).ok()?;
        let envelope = Envelope::parse(text).ok()?;
        let error = envelope.error?.get();
        let read: Read<'_> = serde_json::from_str(error).ok()?;
        let data: Data = read.data.and_then(|data| serde_json::from_str(data.get()).ok()).unwrap_or_default();
        Some(RpcError {
            code: read.code,
            message: read.message,
            supported: data.supported,
            id: envelope.id.and_then(|id| id.get().parse().ok()),
            is_answer: envelope.jsonrpc.as_deref() == Some("2.0") && envelope.method.is_none(),
            raw: super::answer::one_line(error.to_owned()),
        })
    }

    /// As an error of the session, with the beginning of what it says.
    pub(super) fn into_error(self, server: &ServerName) -> Error {
        let what = self.shown();
        Error::HttpStatus { server: server.clone(), status: self.status, what }
    }

    fn shown(&self) -> String {
        let text = String::from_utf8_lossy(&self.body);
        let clean = redactor().redact(&text);
        let words = clean.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
        words.collect::<Vec<_>>().join(" ").chars().take(REFUSAL_CHARS_SHOWN).collect()
    }

    /// As the lack of a right.
    pub(super) fn into_not_authorized(self, server: &ServerName) -> Error {
        let said = self.shown();
        let said = if said.is_empty() { said } else { format!("; it says: {said}") };
        let message = format!(
            "server {server} refuses us with HTTP status {}; put a key into `headers` of its entry, or run \
             `mcporch auth login {server}`{said}",
            self.status
        );
        Error::NotAuthorized { server: server.clone(), message }
    }
}

/// A JSON-RPC error in a refusal.
pub(super) struct RpcError {
    pub(super) code: i64,
    pub(super) message: String,
    /// `data.supported`: versions that the server speaks.
    pub(super) supported: Vec<String>,
    /// Our own id, if it says so.
    pub(super) id: Option<u64>,
    /// Whether it came in a message of JSON-RPC, whose id may be null.
    pub(super) is_answer: bool,
    /// The raw error object in one line.
    pub(super) raw: String,
}
