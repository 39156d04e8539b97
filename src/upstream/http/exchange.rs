//! One request and what comes because of it: the answer as JSON or on a stream, a stream that is opened again, or a fault.

use std::sync::Arc;
use std::time::Duration;

use reqwest::Response;

use crate::upstream::link::Incoming;
use crate::upstream::{Error, MODERN_VERSION, RemoteKind};
use crate::wire::raw_error_line;

use super::answer::{deliver, deliver_body, is_answer_to, whole_body};
use super::events::{Event, Events};
use super::faults::{HEADER_MISMATCH, Refusal, RpcError, UNSUPPORTED_VERSION};
use super::outgoing::{Kind, Outgoing};
use super::way::{BodyKind, Way, body_kind};
use super::{listen, old};

/// Wait before a stream is opened again when the server names none.
pub(super) const RETRY_DEFAULT: Duration = Duration::from_secs(1);
/// Shortest such wait, whatever the server names: one that closes each stream at once is not to be asked without a pause.
const RETRY_MIN: Duration = Duration::from_millis(100);
/// How often in a row a stream is opened again that brings nothing. A guess.
const RESUMES_MAX: u32 = 5;
/// Longest wait for `notifications/initialized` to arrive before other messages follow. A guess.
const GATE_TIMEOUT: Duration = Duration::from_secs(5);

/// Carries a request to its end: its answer, or the fault in its place.
///
/// Cancel safe: the connection is closed, which tells a modern server that nobody waits.
pub(super) async fn request(way: Arc<Way>, message: Outgoing) {
    pass_gate(&way).await;
    let done = if message.is_lasting() {
        listen::listen(&way, &message).await
    } else {
        let _slot = way.slots.acquire().await;
        answered(&way, &message).await
    };
    if let Err(fault) = done {
        way.fail(&message, fault).await;
        way.end_if_lost().await;
    }
}

/// Waits while nothing may be sent.
pub(super) async fn pass_gate(way: &Way) {
    let mut gate = way.gate.subscribe();
    let _too_slow = tokio::time::timeout(GATE_TIMEOUT, gate.wait_for(|is_open| *is_open)).await;
}

async fn answered(way: &Arc<Way>, message: &Outgoing) -> Result<(), Error> {
    if old::is_spoken(way) {
        return old::post(way, message).await;
    }
    if message.is_modern && message.method == "tools/call" {
        listen::know_tool(way, message).await;
    }
    match post(way, message).await? {
        Posted::Answer(response) => take(way, message, response).await,
        Posted::Done => Ok(()),
        Posted::Old => old::post(way, message).await,
    }
}

/// What became of a POST.
pub(super) enum Posted {
    /// The server took it.
    Answer(Response),
    /// The session has its answer.
    Done,
    /// The server speaks the old transport, whose stream is open now.
    Old,
}

/// Sends a request, and again where the server says how it should have been sent.
pub(super) async fn post(way: &Arc<Way>, message: &Outgoing) -> Result<Posted, Error> {
    let mut is_again = false;
    loop {
        let response = way.ask(&way.post(message)).await?;
        if response.status().is_success() {
            way.worked();
            return Ok(Posted::Answer(response));
        }
        let refusal = Refusal::read(response).await;
        let error = refusal.error();
        if is_session_lost(way, message, &refusal, error.as_ref()) {
            return Err(way.session_lost());
        }
        match error {
            Some(error) if !is_again && can_be_mended(message, &error) => {
                is_again = true;
                if error.code == HEADER_MISMATCH {
                    way.tools().clear();
                    listen::know_tool(way, message).await;
                }
            }
            Some(error) if error.is_answer => {
                way.worked();
                if let Kind::Request(id) = message.kind {
                    // Its id may be null, since it was refused before it was read.
                    let line = raw_error_line(&id.to_string(), &error.raw);
                    let line = String::from_utf8_lossy(&line).trim_end().to_owned();
                    way.put(Incoming::Message { line, about: Some(id) }).await;
                }
                return Ok(Posted::Done);
            }
            _ if is_perhaps_old(way, refusal.status) => {
                return match old::open(way).await {
                    Ok(()) => Ok(Posted::Old),
                    Err(fault) => {
                        tracing::debug!(server.name = %way.server, error = %fault, "no HTTP with server-sent events there either");
                        Err(refusal.into_error(&way.server))
                    }
                };
            }
            _ => return Err(refusal.into_error(&way.server)),
        }
    }
}

/// 404 for a session that the server gave out means that it is over. Many say 400, and mean the same in words.
fn is_session_lost(way: &Way, message: &Outgoing, refusal: &Refusal, error: Option<&RpcError>) -> bool {
    // What was on its way when another message found out is refused for the same reason.
    let had_session = way.session_id().is_some() || way.is_lost();
    if message.is_modern || message.method == "initialize" || !had_session {
        return false;
    }
    let is_answer = error.is_some_and(|error| error.id.map(Kind::Request) == Some(message.kind));
    match refusal.status {
        404 => !is_answer,
        400 => error.is_some_and(|error| {
            (-32019..=-32000).contains(&error.code) && error.message.to_ascii_lowercase().contains("session")
        }),
        _ => false,
    }
}

/// Whether sending it once more may help: headers that did not fit the tool, or a version that the server does name.
fn can_be_mended(message: &Outgoing, error: &RpcError) -> bool {
    match error.code {
        HEADER_MISMATCH => message.is_modern && message.method == "tools/call",
        UNSUPPORTED_VERSION => message.is_modern && error.supported.iter().any(|version| version == MODERN_VERSION),
        _ => false,
    }
}

fn is_perhaps_old(way: &Way, status: u16) -> bool {
    way.kind == RemoteKind::Any && !way.has_worked() && matches!(status, 400 | 404 | 405)
}

async fn take(way: &Way, message: &Outgoing, response: Response) -> Result<(), Error> {
    if message.method == "initialize" {
        way.note_session(&response);
    }
    match body_kind(&response) {
        BodyKind::Events => {
            let mut events = Events::of(response, way.line_bytes_max, true);
            follow(way, message, &mut events).await
        }
        // Some take a request so, and answer it on another stream.
        _ if response.status().as_u16() == 202 && !message.is_modern => Ok(()),
        BodyKind::Json => {
            let body = whole_body(way, response).await?;
            deliver_body(way, message, body).await
        }
        BodyKind::Other(kind) => {
            Err(way.bad_answer(message, &format!("{kind} instead of JSON or an event stream; is its `url` right?")))
        }
    }
}

/// Hands over what comes on the request's own stream until its answer did. Where that can be, a stream that ended too early
/// is opened again.
async fn follow(way: &Way, message: &Outgoing, events: &mut Events) -> Result<(), Error> {
    let mut tries_left = RESUMES_MAX;
    loop {
        while let Some(event) = events.next().await {
            if handed_over(way, message, event).await? {
                return Ok(());
            }
        }
        if events.has_moved() {
            tries_left = RESUMES_MAX;
        }
        loop {
            let Some(last_id) = events.last_id().filter(|_| !message.is_modern && tries_left > 0) else {
                return Err(way.unreachable("its stream ended before the answer", true));
            };
            let wait = events.retry().unwrap_or(RETRY_DEFAULT).max(RETRY_MIN);
            tokio::time::sleep(wait * 2_u32.pow(RESUMES_MAX - tries_left)).await;
            tries_left -= 1;
            match way.ask(&way.get(Some(last_id))).await {
                Ok(response) if response.status().is_success() && body_kind(&response) == BodyKind::Events => {
                    events.resume(response);
                    break;
                }
                Ok(response) if response.status().as_u16() == 404 && way.session_id().is_some() => {
                    drop(way.session_lost());
                    return Err(way.unreachable("it has forgotten our session before the answer", true));
                }
                Ok(response) if response.status().is_server_error() => {}
                Ok(response) => return Err(Refusal::read(response).await.into_error(&way.server)),
                Err(Error::Unreachable { .. }) => {}
                Err(fault) => return Err(fault),
            }
        }
    }
}

/// True when this was the answer.
async fn handed_over(way: &Way, message: &Outgoing, event: Event) -> Result<bool, Error> {
    match event {
        Event::Whole { name, data } if name.is_empty() || name == "message" => {
            let is_answer = is_answer_to(message, &data);
            deliver(way, message, data).await;
            Ok(is_answer)
        }
        Event::Whole { .. } => Ok(false),
        Event::NotUtf8 => Err(way.bad_answer(message, "what is no UTF-8")),
        Event::TooLong(long) => {
            Err(Error::AnswerTooLong { server: way.server.clone(), len: long.len, max: way.line_bytes_max })
        }
    }
}
