//! A page that shows the API and lets it be tried: our own, without anything from elsewhere.

use axum::body::Body;
use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use hyper::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue};

use crate::gateway::verbs::{Fault, FaultKind};

use super::problem::Problem;

const PAGE: &str = include_str!("docs/page.html");
const STYLE: &str = include_str!("docs/docs.css");
const SCRIPT: &str = include_str!("docs/docs.js");

/// Only what we serve ourselves is loaded, run or talked to.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// `GET /api/v1/docs`.
pub(super) fn page() -> Response {
    let mut response = asset(PAGE, "text/html; charset=utf-8");
    response.headers_mut().insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    response
}

/// `GET /api/v1/docs/{file}`.
pub(super) async fn file(Path(file): Path<String>) -> Response {
    match file.as_str() {
        "docs.css" => asset(STYLE, "text/css; charset=utf-8"),
        "docs.js" => asset(SCRIPT, "text/javascript; charset=utf-8"),
        _ => Problem(Fault::new(FaultKind::NotFound, "there is no such file")).into_response(),
    }
}

fn asset(text: &'static str, kind: &'static str) -> Response {
    let mut response = Response::new(Body::from(text));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}
