//! The stateless revisions: each request is a client of its own, and ends with its connection.

use std::net::IpAddr;
use std::sync::Arc;

use hyper::header::HeaderMap;
use hyper::{Response, StatusCode};
use serde_json::value::RawValue;

use crate::domain::Surface;
use crate::gateway::mcp::{Caller, Conversation, Exchange, Outlet, Profile};
use crate::wire::{Envelope, EnvelopeKind};

use super::answer::{self, NOT_SERVED, Reply, busy, refuse};
use super::events::{Attached, Held};
use super::exchange::{First, HttpExchange, Streams};
use super::headers::{self, Accepts};
use super::post::{given, no_way_back};
use super::service::Service;

/// Codes of errors that are told by the status too.
const PARSE_ERROR: i64 = -32700;
const INVALID_REQUEST: i64 = -32600;
const METHOD_NOT_FOUND: i64 = -32601;
const INVALID_PARAMS: i64 = -32602;
/// `HeaderMismatch`, `MissingRequiredClientCapability` and `UnsupportedProtocolVersion`.
const ABOUT_THE_REQUEST: std::ops::RangeInclusive<i64> = -32022..=-32020;

/// Who sends a message, and what he wants to see.
pub(super) struct Sender {
    pub(super) principal: Arc<str>,
    pub(super) profile: Arc<Profile>,
    pub(super) from: IpAddr,
}

/// Answers one message.
pub(super) async fn receive(
    service: &Arc<Service>,
    sender: Sender,
    headers: &HeaderMap,
    envelope: &Envelope<'_>,
    accepts: Accepts,
) -> Response<Reply> {
    if matches!(envelope.kind(), EnvelopeKind::Notification | EnvelopeKind::Answer) {
        // There is nobody whom it could concern.
        return answer::empty(StatusCode::ACCEPTED);
    }
    let is_listen = envelope.method.as_deref() == Some("subscriptions/listen");
    if is_listen && !accepts.events {
        return no_way_back();
    }
    let mut held: Vec<Held> = Vec::new();
    let slot = if is_listen {
        match service.count_stream(&sender.principal, sender.from) {
            Some(counted) => held.push(Box::new(counted)),
            None => return service.too_many_streams(),
        }
        None
    } else {
        match service.slots.clone().try_acquire_owned() {
            Ok(slot) => Some(slot),
            Err(_) => {
                let what = "too many calls are in flight (limits.calls_in_flight_max); wait for some to end";
                return busy(StatusCode::SERVICE_UNAVAILABLE, what);
            }
        }
    };
    let (id, principal, from) = (service.front.next_caller(), sender.principal, sender.from);
    let caller = Caller { id, is_anonymous: true, principal, surface: Surface::McpHttp, from: Some(from) };
    let conversation = service.front.conversation(sender.profile, caller, service.nowhere.clone(), &service.end);
    let id = envelope.id.map_or("null", RawValue::get);
    let streams = if accepts.events { Streams::Passing(service.limits.stream_bytes_max) } else { Streams::None };
    let (exchange, first) = HttpExchange::new(id, streams, slot, headers::carried(headers));
    let way: Arc<dyn Exchange> = exchange.clone();
    let hang_up = HangUp { conversation, id: id.to_owned(), exchange, is_listen, service: service.clone() };
    hang_up.conversation.receive_checked(envelope, &way, &|asked| {
        headers::check(headers, asked, |name| hang_up.conversation.find_tool(name))
    });
    drop(way);
    let first = tokio::select! {
        biased;
        first = first => first.unwrap_or(First::Nothing),
        () = service.end.cancelled() => First::Nothing,
    };
    match first {
        First::Answer { code, line } => given(status(code), line, accepts),
        First::Stream(stream) => {
            held.push(Box::new(hang_up));
            let attached = Attached::new(stream, None, service.limits.keep_alive, &service.end, held);
            // A call that runs was allowed when it began; who listens may do so for days.
            let allowed = is_listen.then(|| service.still_allowed(headers, from)).flatten();
            answer::stream(attached.only(allowed))
        }
        First::Nothing => refuse(StatusCode::SERVICE_UNAVAILABLE, NOT_SERVED, "mcporch is stopping"),
    }
}

fn status(code: Option<i64>) -> StatusCode {
    match code {
        Some(METHOD_NOT_FOUND) => StatusCode::NOT_FOUND,
        Some(PARSE_ERROR | INVALID_REQUEST | INVALID_PARAMS) => StatusCode::BAD_REQUEST,
        Some(code) if ABOUT_THE_REQUEST.contains(&code) => StatusCode::BAD_REQUEST,
        _ => StatusCode::OK,
    }
}

/// What belongs to no request goes nowhere.
pub(super) struct Nowhere;

impl Outlet for Nowhere {
    fn tell(&self, _line: &[u8]) {}
}

/// A request whose client may hang up: then nobody wants its answer. One that was answered is left alone: the call behind an
/// `input_required` waits for its client to come back.
struct HangUp {
    conversation: Arc<Conversation>,
    id: String,
    exchange: Arc<HttpExchange>,
    is_listen: bool,
    service: Arc<Service>,
}

impl Drop for HangUp {
    fn drop(&mut self) {
        if !self.exchange.is_over() {
            self.exchange.close();
            self.conversation.cancel(&self.id);
        }
        if self.is_listen {
            let conversation = self.conversation.clone();
            self.service.tasks.spawn(async move { conversation.end().await });
        }
    }
}
