//! What the link asks of a modern server by itself: which parameters of a tool go into headers; and the streams on which the
//! server tells of changes, opened again whenever they end.

use std::sync::Arc;
use std::time::Duration;

use crate::upstream::link::Incoming;
use crate::upstream::{Error, MODERN_VERSION};
use crate::wire::{Envelope, Members};

use super::Held;
use super::answer::{deliver, is_answer_to, whole_body};
use super::events::{Event, Events};
use super::exchange::{Posted, RETRY_DEFAULT, post};
use super::outgoing::Outgoing;
use super::standalone::is_passing;
use super::way::{BodyKind, Way, body_kind};

/// Longest wait before such a stream is opened again.
const REOPEN_MAX: Duration = Duration::from_secs(60);
/// Pages of tools that are read for their headers at most. A guess.
const PAGES_MAX: usize = 100;
/// For all those pages; then the call goes without. A guess, well below what callers wait.
const LIST_TIMEOUT: Duration = Duration::from_secs(10);

/// Keeps a stream open for as long as the session lasts. What changed while it was closed was not told, so the lists that it
/// is about are then said to have changed.
///
/// # Errors
/// When the server does not take the request.
pub(super) async fn listen(way: &Arc<Way>, message: &Outgoing) -> Result<(), Error> {
    let mut wait = RETRY_DEFAULT;
    let mut is_first = true;
    let mut is_said = false;
    loop {
        match post(way, message).await {
            Ok(Posted::Answer(response)) if body_kind(&response) == BodyKind::Events => {
                if !is_first {
                    tell_changes(way, message).await;
                }
                (is_first, is_said) = (false, false);
                let mut events = Events::of(response, way.line_bytes_max, false);
                while let Some(event) = events.next().await {
                    let Event::Whole { data, .. } = event else { continue };
                    if is_answer_to(message, &data) {
                        break;
                    }
                    wait = RETRY_DEFAULT;
                    deliver(way, message, data).await;
                }
            }
            // It says no, or once and for all.
            Ok(Posted::Answer(_) | Posted::Done | Posted::Old) => return Ok(()),
            // There is no such stream there.
            Err(Error::HttpStatus { server, status, what }) if !is_passing(status) => {
                return Err(Error::HttpStatus { server, status, what });
            }
            // A token that cannot be had just now, a proxy that has enough: what passes must not cost all later news.
            Err(fault) => {
                is_first = false;
                if !std::mem::replace(&mut is_said, true) {
                    tracing::info!(server.name = %way.server, error = %fault, "a stream of the server cannot be had now; it is tried again");
                }
            }
        }
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(REOPEN_MAX);
    }
}

async fn tell_changes(way: &Way, message: &Outgoing) {
    let wanted = wanted(message).unwrap_or_default();
    for (member, method) in [
        ("toolsListChanged", "notifications/tools/list_changed"),
        ("promptsListChanged", "notifications/prompts/list_changed"),
        ("resourcesListChanged", "notifications/resources/list_changed"),
    ] {
        if wanted.contains(member) {
            let line = format!("{{\"jsonrpc\":\"2.0\",\"method\":\"{method}\"}}");
            way.put(Incoming::Message { line, about: None }).await;
        }
    }
}

/// Raw JSON of what a stream was asked to tell.
fn wanted(message: &Outgoing) -> Option<String> {
    let envelope = Envelope::parse(std::str::from_utf8(&message.body).ok()?).ok()?;
    Members::parse(envelope.params?.get()).ok()?.member("notifications").map(str::to_owned)
}

/// Lists the tools if the headers of this call are not known yet. Without a list the call goes as it is: the server says what
/// is missing.
pub(super) async fn know_tool(way: &Arc<Way>, call: &Outgoing) {
    let tool = call.name.clone().unwrap_or_default();
    let is_known = || way.tools().knows(&tool);
    if is_known() {
        return;
    }
    let _alone = way.listing.lock().await;
    if is_known() {
        return;
    }
    match tokio::time::timeout(LIST_TIMEOUT, list(way)).await {
        Ok(Ok(())) => {}
        Ok(Err(fault)) => {
            tracing::debug!(server.name = %way.server, error = %fault, "the tools could not be listed for their headers");
        }
        Err(_) => tracing::debug!(server.name = %way.server, "the tools were not listed in time for their headers"),
    }
}

async fn list(way: &Arc<Way>) -> Result<(), Error> {
    let mut cursor: Option<String> = None;
    for page in 0..PAGES_MAX {
        let message = Outgoing::read(list_request(page, cursor.as_deref()).as_bytes(), Held::default());
        // Not through `post`, which would come back here.
        let response = way.ask(&way.post(&message)).await?;
        if !response.status().is_success() {
            return Err(way.bad_answer(&message, &format!("HTTP status {}", response.status().as_u16())));
        }
        let text = match body_kind(&response) {
            BodyKind::Json => String::from_utf8(whole_body(way, response).await?).unwrap_or_default(),
            BodyKind::Events => only_answer(Events::of(response, way.line_bytes_max, true)).await.unwrap_or_default(),
            BodyKind::Other(kind) => return Err(way.bad_answer(&message, &kind)),
        };
        let result = Envelope::parse(&text).ok().and_then(|envelope| envelope.result);
        let result = result.ok_or_else(|| way.bad_answer(&message, "no list"))?;
        let next = way.tools().learn(result.get(), cursor.is_none()).next;
        if next.is_none() || next == cursor {
            return Ok(());
        }
        cursor = next;
    }
    Ok(())
}

/// The first message on the stream that has a result.
async fn only_answer(mut events: Events) -> Option<String> {
    loop {
        match events.next().await? {
            Event::Whole { data, .. } if Envelope::parse(&data).is_ok_and(|it| it.result.is_some()) => {
                return Some(data);
            }
            Event::Whole { .. } => {}
            Event::NotUtf8 | Event::TooLong(_) => return None,
        }
    }
}

fn list_request(page: usize, cursor: Option<&str>) -> String {
    let mut params = serde_json::json!({"_meta": {
        "io.modelcontextprotocol/protocolVersion": MODERN_VERSION,
        "io.modelcontextprotocol/clientInfo": {"name": "mcporch", "version": env!("CARGO_PKG_VERSION")},
        "io.modelcontextprotocol/clientCapabilities": {},
    }});
    if let Some(cursor) = cursor {
        params["cursor"] = cursor.into();
    }
    // A text as id: those of the session are numbers.
    serde_json::json!({"jsonrpc": "2.0", "id": format!("headers-{page}"), "method": "tools/list", "params": params})
        .to_string()
}
