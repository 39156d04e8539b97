//! A message that comes by POST: read, taken apart once, and given to the era that it is of.

use std::sync::Arc;

use hyper::body::{Bytes, Incoming};
use hyper::header::HeaderMap;
use hyper::{Response, StatusCode};

use crate::gateway::mcp::{LEGACY_VERSIONS, META_VERSION, MODERN_VERSIONS};
use crate::wire::{Envelope, Members};

use super::answer::{self, INVALID_REQUEST, NOT_SERVED, Reply, SESSION_ID, refuse};
use super::headers::{self, Accepts};
use super::modern::Sender;
use super::service::Service;
use super::{body, depth, events, legacy, modern};

const PARSE_ERROR: i64 = -32700;

pub(super) async fn receive(
    service: &Arc<Service>,
    sender: Sender,
    headers: &HeaderMap,
    incoming: Incoming,
) -> Response<Reply> {
    if !headers::is_json(headers) {
        let what = "the body must be JSON: send Content-Type: application/json";
        return refuse(StatusCode::UNSUPPORTED_MEDIA_TYPE, INVALID_REQUEST, what);
    }
    let accepts = Accepts::of(headers);
    if !accepts.json && !accepts.events {
        return no_way_back();
    }
    let limits = &service.limits;
    let bytes = match body::read_body(incoming, limits.body_bytes_max, limits.body_timeout).await {
        Ok(bytes) => bytes,
        Err(fault) => return fault.refusal(),
    };
    // Parts of it become parts of lines. Outside of texts a line break means nothing, and inside there may be none.
    let bytes = without_line_breaks(bytes);
    let Ok(text) = std::str::from_utf8(&bytes) else {
        return refuse(StatusCode::BAD_REQUEST, PARSE_ERROR, "the message is not valid UTF-8");
    };
    if depth::is_too_deep(&bytes) {
        let what = format!("the message is nested deeper than {} levels", depth::DEPTH_MAX);
        return refuse(StatusCode::BAD_REQUEST, INVALID_REQUEST, &what);
    }
    if text.trim_start().starts_with('[') {
        return legacy::receive_batch(service, &sender, headers, text, accepts);
    }
    let envelope = match Envelope::parse(text) {
        Ok(envelope) => envelope,
        Err(fault) if fault.is_data() && !text.trim().is_empty() => {
            return refuse(StatusCode::BAD_REQUEST, INVALID_REQUEST, &fault.to_string());
        }
        Err(fault) => {
            let what = format!("the message cannot be read: {fault}");
            return refuse(StatusCode::BAD_REQUEST, PARSE_ERROR, &what);
        }
    };
    if !has_good_id(&envelope, text) {
        let what = "the id of a request is a text or a number, and a notification has none";
        return refuse(StatusCode::BAD_REQUEST, INVALID_REQUEST, what);
    }
    if is_modern(headers, &bytes, envelope.method.as_deref()) {
        modern::receive(service, sender, headers, &envelope, accepts).await
    } else {
        legacy::receive(service, sender, headers, &envelope, accepts).await
    }
}

fn without_line_breaks(bytes: Bytes) -> Bytes {
    match memchr::memchr2(b'\n', b'\r', &bytes) {
        None => bytes,
        Some(_) => bytes.iter().map(|b| if matches!(b, b'\n' | b'\r') { b' ' } else { *b }).collect::<Vec<u8>>().into(),
    }
}

/// Whether the id is one, or left out where there may be none.
fn has_good_id(envelope: &Envelope<'_>, text: &str) -> bool {
    match (envelope.id, &envelope.method) {
        (Some(id), _) => matches!(id.get().as_bytes().first(), Some(b'"' | b'-' | b'0'..=b'9')),
        // One that is `null` reads as none.
        (None, Some(_)) => Members::parse(text).is_ok_and(|members| members.member("id").is_none()),
        (None, None) => true,
    }
}

/// Whether a message is of the stateless revisions, or is to be refused as one of them.
fn is_modern(headers: &HeaderMap, body: &[u8], method: Option<&str>) -> bool {
    let says_so = || memchr::memmem::find(body, META_VERSION.as_bytes()).is_some();
    // Some clients write their newest revision into everything, and begin with the handshake of the older ones.
    if method == Some("initialize") && !says_so() {
        return false;
    }
    let has_session = headers.contains_key(SESSION_ID);
    match headers.get(headers::VERSION).map(|version| version.to_str().unwrap_or_default().trim()) {
        Some(version) if MODERN_VERSIONS.contains(&version) => true,
        Some(version) if LEGACY_VERSIONS.contains(&version) => !has_session && says_so(),
        Some(_) => !has_session,
        None => !has_session && says_so(),
    }
}

/// An answer in the way that the client takes.
pub(super) fn given(status: StatusCode, line: Bytes, accepts: Accepts) -> Response<Reply> {
    if accepts.json || status != StatusCode::OK {
        answer::json(status, line)
    } else {
        answer::whole_stream(events::event(&line, None).into())
    }
}

/// The client takes no answer that we could give.
pub(super) fn no_way_back() -> Response<Reply> {
    let what = "send Accept: application/json, text/event-stream";
    refuse(StatusCode::NOT_ACCEPTABLE, NOT_SERVED, what)
}
