//! What browsers are told of every answer that is not MCP's: take it for what it says it is, show it in nobody's frame, tell nobody where
//! it was asked for.

use hyper::header::{
    CONTENT_SECURITY_POLICY, HeaderMap, HeaderName, HeaderValue, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};

/// Of an answer that brings no policy of its own: it is data, and nothing in it is loaded or run.
const DATA_ALONE: &str = "default-src 'none'; frame-ancestors 'none'";
/// A year, as is usual. Without subdomains, since those may be other programs.
const HTTPS_FROM_NOW_ON: &str = "max-age=31536000";

/// Adds what the answer does not say itself.
pub(super) fn dress(headers: &mut HeaderMap, has_tls: bool) {
    let mut add = |name: HeaderName, value: &'static str| {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    };
    add(X_CONTENT_TYPE_OPTIONS, "nosniff");
    add(REFERRER_POLICY, "no-referrer");
    add(CONTENT_SECURITY_POLICY, DATA_ALONE);
    add(X_FRAME_OPTIONS, "DENY");
    add(HeaderName::from_static("cross-origin-resource-policy"), "same-origin");
    if has_tls {
        add(STRICT_TRANSPORT_SECURITY, HTTPS_FROM_NOW_ON);
    }
}
