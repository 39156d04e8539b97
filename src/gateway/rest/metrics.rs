//! `GET /metrics`: the figures, for Prometheus.

use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use hyper::Method;
use hyper::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE, HeaderValue};

use crate::gateway::verbs::{Fault, FaultKind};
use crate::monitor::Exposition;

use super::problem::{Problem, not_allowed};
use super::serve::came;

/// In the form that the scraper asks for. Whoever has a key may look, and on this machine everybody.
pub(super) async fn metrics(mut request: Request) -> Response {
    if ![Method::GET, Method::HEAD].contains(request.method()) {
        return not_allowed("GET, HEAD, OPTIONS");
    }
    let came = came(&mut request);
    let Some(monitor) = came.service.verbs.monitor() else {
        return Problem(Fault::new(FaultKind::NotFound, "no figures are kept (monitor.enabled)")).into_response();
    };
    let accept = request.headers().get(ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    let exposition = Exposition::accepted(accept);
    let mut response = Response::new(Body::from(monitor.render(exposition)));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(exposition.content_type()));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
