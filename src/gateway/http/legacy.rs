//! The revisions with sessions: `initialize` begins one, what follows names it, DELETE ends it. A lost connection ends nothing.

use std::sync::Arc;

use hyper::body::Bytes;
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use hyper::{Response, StatusCode};
use serde_json::value::RawValue;

use crate::gateway::mcp::{Exchange, LEGACY_VERSIONS, MODERN_VERSIONS, Mismatch};
use crate::wire::{Envelope, EnvelopeKind, error_line};

use super::answer::{self, INVALID_REQUEST, NOT_SERVED, Reply, SESSION_ID, busy, refuse};
use super::events::{Attached, Held, parse_id};
use super::exchange::{Batch, First, HttpExchange, Streams};
use super::headers::{self, Accepts};
use super::modern::Sender;
use super::post::{given, no_way_back};
use super::service::Service;
use super::session::Session;

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// `UnsupportedProtocolVersionError`.
const UNSUPPORTED_VERSION: i64 = -32022;
/// Said of a session that is not there, as other implementations do.
const NO_SESSION: i64 = -32001;
/// Messages in one. A guess.
const BATCH_MAX: usize = 100;

/// Answers one message.
pub(super) async fn receive(
    service: &Arc<Service>,
    sender: Sender,
    headers: &HeaderMap,
    envelope: &Envelope<'_>,
    accepts: Accepts,
) -> Response<Reply> {
    let is_hello = envelope.method.as_deref() == Some("initialize") && envelope.kind() == EnvelopeKind::Request;
    if is_hello && !headers.contains_key(SESSION_ID) {
        // In a box, since every request would carry it along.
        return Box::pin(begin(service, sender, envelope, accepts)).await;
    }
    let session = match find(service, &sender, headers) {
        Ok(session) => session,
        Err(refusal) => return *refusal,
    };
    let id = envelope.id.map_or("null", RawValue::get);
    let streams = if accepts.events { Streams::Of(Arc::downgrade(&session)) } else { Streams::None };
    let (exchange, first) = HttpExchange::new(id, streams, None, headers::carried(headers));
    let way: Arc<dyn Exchange> = exchange;
    let is_answered = matches!(envelope.kind(), EnvelopeKind::Request | EnvelopeKind::Other);
    take(&session, headers, envelope, &way);
    drop(way);
    if !is_answered {
        return answer::empty(StatusCode::ACCEPTED);
    }
    let first = tokio::select! {
        biased;
        first = first => first.unwrap_or(First::Nothing),
        () = service.end.cancelled() => return stopping(),
    };
    match first {
        First::Answer { line, .. } if envelope.kind() == EnvelopeKind::Other => {
            answer::json(StatusCode::BAD_REQUEST, line)
        }
        First::Answer { line, .. } => given(StatusCode::OK, line, accepts),
        First::Stream(stream) => {
            answer::stream(Attached::new(stream, None, service.limits.keep_alive, &service.end, Vec::new()))
        }
        // It was taken back.
        First::Nothing => answer::empty(StatusCode::ACCEPTED),
    }
}

fn take(session: &Session, headers: &HeaderMap, envelope: &Envelope<'_>, way: &Arc<dyn Exchange>) {
    // A request that is of the stateless revisions by its body alone would mean one thing to us and another to a proxy.
    session.conversation.receive_checked(envelope, way, &|asked| -> Result<(), Mismatch> {
        headers::check(headers, asked, |name| session.conversation.find_tool(name))
    });
}

/// Answers several messages in one, which one revision has.
pub(super) fn receive_batch(
    service: &Arc<Service>,
    sender: &Sender,
    headers: &HeaderMap,
    text: &str,
    accepts: Accepts,
) -> Response<Reply> {
    let bad = |what: &str| refuse(StatusCode::BAD_REQUEST, INVALID_REQUEST, what);
    const ELSEWHERE: &str =
        "several messages in one are of sessions of revision 2025-03-26 alone; send them one by one";
    if !headers.contains_key(SESSION_ID) {
        return bad(ELSEWHERE);
    }
    let session = match find(service, sender, headers) {
        Ok(session) if session.takes_batches() => session,
        Ok(_) => return bad(ELSEWHERE),
        Err(refusal) => return *refusal,
    };
    let raws: Vec<&RawValue> = match serde_json::from_str(text) {
        Ok(raws) => raws,
        Err(_) => return refuse(StatusCode::BAD_REQUEST, -32700, "the message cannot be read"),
    };
    if raws.is_empty() || raws.len() > BATCH_MAX {
        return bad("a list of messages has from 1 to 100 of them");
    }
    let parsed: Result<Vec<Envelope<'_>>, _> = raws.iter().map(|raw| Envelope::parse(raw.get())).collect();
    let Ok(envelopes) = parsed else { return bad("the list has something that is no message") };
    let is_answered = |envelope: &&Envelope<'_>| matches!(envelope.kind(), EnvelopeKind::Request | EnvelopeKind::Other);
    if envelopes.iter().any(|envelope| envelope.method.as_deref() == Some("initialize")) {
        return bad("`initialize` stands alone");
    }
    let requests = envelopes.iter().filter(is_answered).count();
    if requests > 0 && !accepts.events {
        return no_way_back();
    }
    let batch = Batch::new(session.open_stream(), requests);
    for envelope in &envelopes {
        let id = envelope.id.map_or("null", RawValue::get);
        let way: Arc<dyn Exchange> = HttpExchange::batched(id, batch.clone(), headers::carried(headers));
        take(&session, headers, envelope, &way);
    }
    if requests == 0 {
        batch.stream.finish();
        return answer::empty(StatusCode::ACCEPTED);
    }
    let stream = batch.stream.clone();
    answer::stream(Attached::new(stream, None, service.limits.keep_alive, &service.end, Vec::new()))
}

/// Opens a stream of what belongs to no request, or goes on with one that broke off.
pub(super) fn listen(service: &Arc<Service>, sender: &Sender, headers: &HeaderMap) -> Response<Reply> {
    if headers::text(headers, &headers::VERSION).is_some_and(|version| MODERN_VERSIONS.contains(&version.as_str())) {
        return answer::not_allowed("POST");
    }
    if !Accepts::of(headers).events {
        return no_way_back();
    }
    let session = match find(service, sender, headers) {
        Ok(session) => session,
        Err(refusal) => return *refusal,
    };
    let Some(counted) = service.count_stream(&sender.principal, sender.from) else { return service.too_many_streams() };
    let after = headers::text(headers, &LAST_EVENT_ID).and_then(|id| parse_id(&id));
    let known = after.and_then(|(number, seq)| Some((session.stream(number)?, Some(seq))));
    let (stream, after) = known.unwrap_or_else(|| (session.general().clone(), None));
    let held: Vec<Held> = vec![Box::new(counted)];
    let attached = Attached::new(stream, after, service.limits.keep_alive, &service.end, held);
    answer::stream(attached.only(service.still_allowed(headers, sender.from)))
}

/// Ends a session.
pub(super) fn end(service: &Arc<Service>, sender: &Sender, headers: &HeaderMap) -> Response<Reply> {
    match find(service, sender, headers) {
        Ok(session) => {
            if let Some(session) = service.sessions.remove(&session.id) {
                service.end_session(session);
            }
            answer::empty(StatusCode::NO_CONTENT)
        }
        Err(refusal) => *refusal,
    }
}

/// The session that the headers name.
fn find(service: &Service, sender: &Sender, headers: &HeaderMap) -> Result<Arc<Session>, Box<Response<Reply>>> {
    let Some(id) = headers::text(headers, &SESSION_ID) else {
        let what =
            "there is no Mcp-Session-Id header; send `initialize` first, or _meta with a version in each request";
        return Err(Box::new(refuse(StatusCode::BAD_REQUEST, NOT_SERVED, what)));
    };
    if let Some(version) = headers::text(headers, &headers::VERSION)
        && !LEGACY_VERSIONS.contains(&version.as_str())
    {
        let shown: String = version.chars().take(40).collect();
        let what = format!("MCP-Protocol-Version {shown:?} is none that sessions have");
        let data = serde_json::json!({"supported": LEGACY_VERSIONS, "requested": shown});
        let line = error_line("null", UNSUPPORTED_VERSION, &what, Some(&data));
        return Err(Box::new(answer::json(StatusCode::BAD_REQUEST, line)));
    }
    service.sessions.find(&id, &sender.principal, &sender.profile).ok_or_else(|| {
        let what = "there is no such session here (it may have expired); send `initialize` again";
        Box::new(refuse(StatusCode::NOT_FOUND, NO_SESSION, what))
    })
}

async fn begin(service: &Arc<Service>, sender: Sender, envelope: &Envelope<'_>, accepts: Accepts) -> Response<Reply> {
    let Sender { principal, profile, from } = sender;
    let session = Session::begin(&service.front, profile, (principal, from), &service.limits, &service.end);
    let mut opening = Opening { service: service.clone(), session: Some(session.clone()) };
    let id = envelope.id.map_or("null", RawValue::get);
    // Nothing is told before the answer: the client does not know the session before.
    let (exchange, first) = HttpExchange::new(id, Streams::None, None, None);
    let way: Arc<dyn Exchange> = exchange;
    session.conversation.receive_envelope(envelope, &way);
    drop(way);
    let first = tokio::select! {
        biased;
        first = first => first.unwrap_or(First::Nothing),
        () = service.end.cancelled() => First::Nothing,
    };
    let (code, line): (Option<i64>, Bytes) = match first {
        First::Answer { code, line } => (code, line),
        First::Stream(_) | First::Nothing => return stopping(),
    };
    if code.is_some() {
        return given(StatusCode::OK, line, accepts);
    }
    session.agreed(std::str::from_utf8(&line).unwrap_or_default());
    match service.sessions.add(session.clone(), service.limits.sessions_max) {
        Ok(gone) => {
            opening.session = None;
            if let Some(gone) = gone {
                service.end_session(gone);
            }
        }
        Err(_) => {
            let what = format!("{} sessions are in use (http.sessions_max)", service.limits.sessions_max);
            return busy(StatusCode::SERVICE_UNAVAILABLE, &what);
        }
    }
    let mut response = given(StatusCode::OK, line, accepts);
    if let Ok(id) = HeaderValue::from_str(&session.id) {
        response.headers_mut().insert(SESSION_ID, id);
    }
    response
}

/// A session that is ended again unless it gets into the list: the client may hang up before it is there.
struct Opening {
    service: Arc<Service>,
    session: Option<Arc<Session>>,
}

impl Drop for Opening {
    fn drop(&mut self) {
        if let Some(session) = self.session.take() {
            self.service.end_session(session);
        }
    }
}

fn stopping() -> Response<Reply> {
    refuse(StatusCode::SERVICE_UNAVAILABLE, NOT_SERVED, "mcporch is stopping")
}
