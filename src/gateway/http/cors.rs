//! Pages of other origins that may call: browsers ask first, and let a page see only what it is told that it may.

use hyper::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS, HeaderMap, HeaderValue,
    VARY,
};
use hyper::{Response, StatusCode};

use super::answer::{Reply, empty};

/// What every client may send; tools may want more (`Mcp-Param-…`).
const HEADERS: &str = "authorization, content-type, accept, mcp-protocol-version, mcp-session-id, mcp-method, mcp-name, \
                       last-event-id, if-none-match, x-request-id";

/// What a page may read of an answer beside what it may always.
const EXPOSED: &str = "mcp-session-id, www-authenticate, x-request-id, etag, retry-after, allow";

/// Answers a browser's question before the request. The origin was checked.
pub(in crate::gateway) fn preflight(headers: &HeaderMap) -> Response<Reply> {
    let mut response = empty(StatusCode::NO_CONTENT);
    let asked = headers.get(ACCESS_CONTROL_REQUEST_HEADERS).and_then(|asked| asked.to_str().ok()).unwrap_or_default();
    let params = asked.split(',').map(str::trim).filter(|name| {
        name.len() < 128 && name.get(..10).is_some_and(|start| start.eq_ignore_ascii_case("mcp-param-"))
    });
    let allowed = params.fold(HEADERS.to_owned(), |all, name| all + ", " + name);
    let told = response.headers_mut();
    told.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("POST, GET, DELETE"));
    told.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
    if let Ok(allowed) = HeaderValue::from_str(&allowed) {
        told.insert(ACCESS_CONTROL_ALLOW_HEADERS, allowed);
    }
    response
}

/// Lets the page of a checked origin see the response.
pub(super) fn open(response: &mut Response<Reply>, origin: HeaderValue) {
    let told = response.headers_mut();
    told.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    told.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED));
    // Beside what it says already: the files of the dashboard differ by encoding, too.
    told.append(VARY, HeaderValue::from_static("origin"));
}
