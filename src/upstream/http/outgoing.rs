//! A message on its way to the server, and what of it the headers repeat.

use crate::wire::{Envelope, EnvelopeKind, Members};

use super::Held;

/// What each modern request has in its `_meta`.
const VERSION_MEMBER: &str = "\"io.modelcontextprotocol/protocolVersion\"";

/// A message on its way to the server.
#[derive(Debug)]
pub(super) struct Outgoing {
    /// The message, without newline.
    pub(super) body: Vec<u8>,
    pub(super) kind: Kind,
    /// Empty for an answer.
    pub(super) method: String,
    /// Whether it is a request of the stateless revisions.
    pub(super) is_modern: bool,
    /// The tool, prompt, resource or task that it is about.
    pub(super) name: Option<String>,
    _held: Held,
}

/// What it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// With its id.
    Request(u64),
    Notification,
    /// `notifications/cancelled` for that request.
    Cancels(u64),
    /// To a question of the server.
    Answer,
}

impl Outgoing {
    /// Takes one of our own messages apart.
    pub(super) fn read(message: &[u8], held: Held) -> Self {
        let body = message.strip_suffix(b"\n").unwrap_or(message).to_vec();
        let mut read =
            Self { body, kind: Kind::Notification, method: String::new(), is_modern: false, name: None, _held: held };
        let text = std::str::from_utf8(message).unwrap_or_default();
        // What we write is a message; otherwise the server says so.
        let Ok(envelope) = Envelope::parse(text) else { return read };
        read.method = envelope.method.as_deref().unwrap_or_default().to_owned();
        let params = Members::parse(envelope.params.map_or("{}", |params| params.get())).unwrap_or_default();
        read.kind = match envelope.kind() {
            EnvelopeKind::Request => {
                read.is_modern = params.member("_meta").is_some_and(|meta| meta.contains(VERSION_MEMBER));
                read.name = name_member(&read.method).and_then(|member| text_of(params.member(member)?));
                envelope.id.and_then(|id| id.get().parse().ok()).map_or(Kind::Notification, Kind::Request)
            }
            EnvelopeKind::Answer => Kind::Answer,
            EnvelopeKind::Notification | EnvelopeKind::Other if read.method == "notifications/cancelled" => {
                let id = params.member("requestId").and_then(|id| id.parse().ok());
                id.map_or(Kind::Notification, Kind::Cancels)
            }
            EnvelopeKind::Notification | EnvelopeKind::Other => Kind::Notification,
        };
        read
    }

    /// Whether its stream stays open for as long as the session does.
    pub(super) fn is_lasting(&self) -> bool {
        self.method == "subscriptions/listen"
    }

    /// The raw value at that path in the arguments of a tool call; `None` when there is none, or null.
    pub(super) fn argument(&self, path: &[String]) -> Option<&str> {
        let envelope = Envelope::parse(std::str::from_utf8(&self.body).ok()?).ok()?;
        let mut value = Members::parse(envelope.params?.get()).ok()?.member("arguments")?;
        for name in path {
            value = Members::parse(value).ok()?.member(name)?;
        }
        (value != "null").then_some(value)
    }
}

/// Which member of `params` says what the request is about; for the others no header does.
fn name_member(method: &str) -> Option<&'static str> {
    match method {
        "tools/call" | "prompts/get" => Some("name"),
        "resources/read" => Some("uri"),
        "tasks/get" | "tasks/update" | "tasks/cancel" => Some("taskId"),
        _ => None,
    }
}

fn text_of(raw: &str) -> Option<String> {
    serde_json::from_str(raw).ok()
}
