//! The stream on which a server of the older revisions tells and asks what belongs to no request.

use std::sync::Arc;
use std::time::Duration;

use crate::upstream::Error;
use crate::upstream::link::Incoming;

use super::answer::one_line;
use super::events::{Event, Events, TooLong};
use super::exchange::RETRY_DEFAULT;
use super::outgoing::Outgoing;
use super::way::{BodyKind, Way, body_kind};

/// Longest wait before the stream is opened again.
const REOPEN_MAX: Duration = Duration::from_secs(60);

/// Sends `notifications/initialized`, lets the others follow it, and listens from then on.
pub(super) async fn initialized(way: Arc<Way>, message: Outgoing) {
    if super::old::is_spoken(&way) {
        if let Err(fault) = super::old::post(&way, &message).await {
            way.fail(&message, fault).await;
        }
        way.gate.send_replace(true);
        return;
    }
    super::courier::notify(&way, &message).await;
    way.gate.send_replace(true);
    drop(message);
    listen(&way).await;
}

/// Keeps the stream open for as long as the session lasts, or returns when the server has none.
async fn listen(way: &Way) {
    let mut wait = RETRY_DEFAULT;
    let mut events: Option<Events> = None;
    loop {
        let last_id = events.as_ref().and_then(Events::last_id);
        match way.ask(&way.get(last_id)).await {
            Ok(response) if response.status().is_success() => {
                if body_kind(&response) != BodyKind::Events {
                    return;
                }
                let events = match &mut events {
                    Some(events) => {
                        events.resume(response);
                        events
                    }
                    None => events.insert(Events::of(response, way.line_bytes_max, false)),
                };
                follow(way, events).await;
                if events.has_moved() {
                    wait = RETRY_DEFAULT;
                }
            }
            Ok(response) if response.status().as_u16() == 404 && way.session_id().is_some() => {
                drop(way.session_lost());
                return way.end_if_lost().await;
            }
            Ok(response) if is_passing(response.status().as_u16()) => {}
            Ok(response) => {
                let status = response.status().as_u16();
                return tracing::debug!(server.name = %way.server, status, "the server has no stream of its own");
            }
            Err(fault) => {
                // Also without the right to it: a login may be renewed while the session lasts.
                tracing::debug!(server.name = %way.server, error = %fault, "the server's stream cannot be had now");
            }
        }
        tokio::time::sleep(events.as_ref().and_then(Events::retry).unwrap_or(RETRY_DEFAULT).max(wait)).await;
        wait = (wait * 2).min(REOPEN_MAX);
    }
}

/// Whether a later try may be answered otherwise.
pub(super) fn is_passing(status: u16) -> bool {
    matches!(status, 401 | 403 | 408 | 429) || (status >= 500 && status != 501)
}

/// Hands over what comes on a stream that belongs to no request, until it ends.
pub(super) async fn follow(way: &Way, events: &mut Events) {
    while let Some(event) = events.next().await {
        match event {
            Event::Whole { name, data } if name.is_empty() || name == "message" => {
                way.put(Incoming::Message { line: one_line(data), about: None }).await;
            }
            Event::Whole { .. } | Event::NotUtf8 => {}
            Event::TooLong(TooLong { len, id }) => {
                let fault = Error::AnswerTooLong { server: way.server.clone(), len, max: way.line_bytes_max };
                match id {
                    Some(id) => way.put(Incoming::Failed { id, fault }).await,
                    None => tracing::info!(server.name = %way.server, error = %fault, "a message was passed over"),
                }
            }
        }
    }
}
