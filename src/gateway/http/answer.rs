//! Responses, and the bodies that they have.

use std::pin::Pin;
use std::task::{Context, Poll};

use hyper::body::{Body, Bytes, Frame, SizeHint};
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use hyper::{Response, StatusCode};

use crate::wire::error_line;

use super::events::Attached;
use super::refusal::Refusal;

pub(super) const INVALID_REQUEST: i64 = -32600;
/// Said of what is no fault of the message: who sends it, where to, how.
pub(super) const NOT_SERVED: i64 = -32000;

/// Not in any list of the `http` crate.
pub(super) const SESSION_ID: HeaderName = HeaderName::from_static("mcp-session-id");

/// What is sent behind the head.
pub(in crate::gateway) enum Reply {
    Whole(Bytes),
    Stream(Attached),
    /// Of what is no MCP.
    Axum(axum::body::Body),
}

impl Body for Reply {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        match &mut *self {
            Self::Whole(bytes) if bytes.is_empty() => Poll::Ready(None),
            Self::Whole(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Self::Stream(stream) => stream.poll_next(cx).map(|bytes| bytes.map(|bytes| Ok(Frame::data(bytes)))),
            Self::Axum(body) => Pin::new(body).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(bytes) => bytes.is_empty(),
            Self::Stream(_) => false,
            Self::Axum(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Self::Stream(_) => SizeHint::default(),
            Self::Axum(body) => body.size_hint(),
        }
    }
}

/// A JSON body.
pub(super) fn json(status: StatusCode, body: impl Into<Bytes>) -> Response<Reply> {
    let mut response = Response::new(Reply::Whole(body.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// No body.
pub(super) fn empty(status: StatusCode) -> Response<Reply> {
    let mut response = Response::new(Reply::Whole(Bytes::new()));
    *response.status_mut() = status;
    response
}

/// A stream of events.
pub(super) fn stream(events: Attached) -> Response<Reply> {
    events_of(Reply::Stream(events))
}

/// A body of events that is over already.
pub(super) fn whole_stream(bytes: Bytes) -> Response<Reply> {
    events_of(Reply::Whole(bytes))
}

fn events_of(reply: Reply) -> Response<Reply> {
    let mut response = Response::new(reply);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache, no-transform"));
    // Proxies that gather events would hold them back.
    headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    response
}

/// A JSON-RPC error for what has no id.
pub(super) fn refuse(status: StatusCode, code: i64, message: &str) -> Response<Reply> {
    json(status, error_line("null", code, message, None))
}

/// The same, with how to do better.
pub(super) fn not_allowed(allowed: &'static str) -> Response<Reply> {
    let mut response = refuse(StatusCode::METHOD_NOT_ALLOWED, NOT_SERVED, &format!("this address takes {allowed}"));
    response.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
    response
}

/// There is too much of something; later there may be less.
pub(super) fn busy(status: StatusCode, message: &str) -> Response<Reply> {
    let mut response = refuse(status, NOT_SERVED, message);
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    response
}

/// Somebody is not let in.
pub(super) fn keep_out(refusal: Refusal) -> Response<Reply> {
    let mut response = refuse(refusal.status(), NOT_SERVED, &refusal.message());
    let headers = response.headers_mut();
    if let Some(challenge) = refusal.challenge() {
        headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
    }
    if let Some(wait) = refusal.retry_after_s() {
        headers.insert(RETRY_AFTER, wait.into());
    }
    response
}
