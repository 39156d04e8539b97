//! Problem documents (RFC 9457). Whoever finds a fault leaves it in the response; the document is written at the end, where path and
//! request id are known.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use hyper::StatusCode;
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use schemars::JsonSchema;
use serde::Serialize;

use crate::gateway::http::Refusal;
use crate::gateway::verbs::{Fault, FaultKind, Wrong};

/// What went wrong, in the form of RFC 9457.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Problem")]
pub(super) struct Document<'a> {
    /// What kind of thing: `/problems/not-found`.
    #[serde(rename = "type")]
    kind: String,
    /// The same in words.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// This time: what, where, what to do.
    detail: &'a str,
    /// The path that was asked for.
    instance: &'a str,
    /// What the log knows it by; also in `X-Request-Id`.
    request_id: &'a str,
    /// The single places that are wrong, where there are such.
    #[serde(skip_serializing_if = "<[Wrong]>::is_empty")]
    errors: &'a [Wrong],
}

/// A fault as a response that is not written yet.
#[derive(Debug)]
pub(in crate::gateway) struct Problem(pub(in crate::gateway) Fault);

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let Self(fault) = self;
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::from_u16(fault.kind.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        if let Some(wait) = fault.retry_after_s {
            response.headers_mut().insert(RETRY_AFTER, wait.into());
        }
        response.extensions_mut().insert(fault);
        response
    }
}

/// Somebody is not let in.
pub(in crate::gateway) fn refused(refusal: Refusal) -> Response {
    let kind = FaultKind::ALL.into_iter().find(|kind| kind.slug() == refusal.slug()).unwrap_or(FaultKind::Internal);
    let mut fault = Fault::new(kind, refusal.message());
    fault.retry_after_s = refusal.retry_after_s();
    let mut response = Problem(fault).into_response();
    if let Some(challenge) = refusal.challenge() {
        response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
    }
    response
}

/// The address takes other methods.
pub(super) fn not_allowed(allowed: &str) -> Response {
    let fault = Fault::new(FaultKind::MethodNotAllowed, format!("this address takes {allowed}"));
    let mut response = Problem(fault).into_response();
    if let Ok(allowed) = HeaderValue::from_str(allowed) {
        response.headers_mut().insert(ALLOW, allowed);
    }
    response
}

/// Writes the document of the fault that a response carries, if it does.
pub(super) fn write(mut response: Response, instance: &str, request_id: &str) -> Response {
    let Some(fault) = response.extensions_mut().remove::<Fault>() else { return response };
    if fault.kind == FaultKind::Internal {
        tracing::error!(request_id, error = fault.detail, "a request over HTTP met a fault inside mcporch");
    }
    let document = Document {
        kind: fault.address(),
        title: fault.kind.title(),
        status: fault.kind.status(),
        detail: &fault.detail,
        instance,
        request_id,
        errors: &fault.errors,
    };
    let text = serde_json::to_string(&document).unwrap_or_default();
    let headers = response.headers_mut();
    // The router has counted the empty body.
    headers.remove(CONTENT_LENGTH);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    *response.body_mut() = Body::from(text);
    response
}
