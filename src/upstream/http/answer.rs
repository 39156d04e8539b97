//! What comes in the body of an answer, on its way to the session.

use reqwest::Response;

use crate::upstream::Error;
use crate::upstream::link::Incoming;
use crate::wire::{Envelope, EnvelopeKind};

use super::outgoing::{Kind, Outgoing};
use super::tool_headers;
use super::way::Way;

/// The whole body, if it is not longer than a message may be. What is longer is not gathered. Not cancel safe.
///
/// # Errors
/// [`Error::AnswerTooLong`], and when the connection breaks.
pub(super) async fn whole_body(way: &Way, mut response: Response) -> Result<Vec<u8>, Error> {
    let max = way.line_bytes_max;
    let too_long = |len: usize| Error::AnswerTooLong { server: way.server.clone(), len, max };
    let said = response.content_length().map_or(0, |len| usize::try_from(len).unwrap_or(usize::MAX));
    if said > max {
        return Err(too_long(said));
    }
    let mut body = Vec::with_capacity(said);
    loop {
        match response.chunk().await {
            Ok(Some(piece)) if body.len() + piece.len() > max => return Err(too_long(body.len() + piece.len())),
            Ok(Some(piece)) => body.extend_from_slice(&piece),
            Ok(None) => return Ok(body),
            Err(_) => return Err(way.unreachable("the connection broke in the middle of its answer", true)),
        }
    }
}

/// Hands over a body that is one JSON text: a message, or in 2025-03-26 a list of them.
///
/// # Errors
/// [`Error::BadAnswer`] when it is neither.
pub(super) async fn deliver_body(way: &Way, message: &Outgoing, body: Vec<u8>) -> Result<(), Error> {
    let bad = |what| way.bad_answer(message, what);
    let text = String::from_utf8(body).map_err(|_| bad("what is no UTF-8"))?;
    match text.trim_start().as_bytes().first() {
        Some(b'{') => deliver(way, message, text).await,
        Some(b'[') => {
            let parts: Vec<&serde_json::value::RawValue> =
                serde_json::from_str(&text).map_err(|_| bad("what is no JSON"))?;
            for part in parts {
                deliver(way, message, part.get().to_owned()).await;
            }
        }
        _ => return Err(bad("an empty body, or what is no JSON")),
    }
    // Where the answer was among that, nobody waits any more and this is passed over.
    Err(bad("no answer to it"))
}

/// Hands over one message that came because of this request.
pub(super) async fn deliver(way: &Way, message: &Outgoing, text: String) {
    let text = one_line(text);
    let line = match message.method.as_str() {
        "initialize" => learn_version(way, text),
        "tools/list" if message.is_modern => learn_tools(way, message, text),
        _ => text,
    };
    let about = match message.kind {
        Kind::Request(id) => Some(id),
        Kind::Notification | Kind::Cancels(_) | Kind::Answer => None,
    };
    way.put(Incoming::Message { line, about }).await;
}

/// Whether the text is the answer to the request.
pub(super) fn is_answer_to(message: &Outgoing, text: &str) -> bool {
    let Ok(envelope) = Envelope::parse(text) else { return false };
    let id = envelope.id.and_then(|id| id.get().trim_matches('"').parse().ok());
    envelope.kind() == EnvelopeKind::Answer && id.map(Kind::Request) == Some(message.kind)
}

/// JSON without line breaks: where they may stand they mean nothing, and a client over a pipe takes them for ends.
pub(super) fn one_line(text: String) -> String {
    if memchr::memchr2(b'\n', b'\r', text.as_bytes()).is_none() {
        return text;
    }
    text.trim().replace(['\n', '\r'], " ")
}

fn learn_version(way: &Way, text: String) -> String {
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Initialized {
        protocol_version: String,
    }
    let result = Envelope::parse(&text).ok().and_then(|envelope| envelope.result);
    if let Some(found) = result.and_then(|raw| serde_json::from_str::<Initialized>(raw.get()).ok()) {
        way.note_version(&found.protocol_version);
    }
    text
}

fn learn_tools(way: &Way, message: &Outgoing, text: String) -> String {
    let Some(result) = Envelope::parse(&text).ok().and_then(|envelope| envelope.result) else { return text };
    let is_first = !has_cursor(message);
    let learned = way.tools().learn(result.get(), is_first);
    if learned.faulty.is_empty() {
        return text;
    }
    for tool in &learned.faulty {
        tracing::warn!(server.name = %way.server, tool = tool.name, "tool {:?} of server {} is left out: {}", tool.name, way.server, tool.why);
    }
    tool_headers::without(&text, &learned.faulty).unwrap_or(text)
}

fn has_cursor(message: &Outgoing) -> bool {
    let text = std::str::from_utf8(&message.body).unwrap_or_default();
    let params = Envelope::parse(text).ok().and_then(|envelope| envelope.params);
    params.and_then(|params| crate::wire::Members::parse(params.get()).ok()?.member("cursor").map(drop)).is_some()
}
