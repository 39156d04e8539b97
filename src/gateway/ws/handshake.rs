//! From HTTP to WebSocket: RFC 6455, section 4.2.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::header::{
    CONNECTION, HeaderMap, HeaderName, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION,
    UPGRADE,
};
use hyper::http::request::Parts;
use hyper::{Method, Version};
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};

/// What the standard says a server appends to the client's key.
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
/// The only version there is.
const WEBSOCKET_VERSION: &str = "13";

/// Why a request for a WebSocket gets none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::gateway) enum Unfit {
    /// It is an ordinary request.
    NoUpgrade,
    /// It speaks another version; the answer says which it is to be.
    Version,
    /// Something in it is wrong.
    Malformed(&'static str),
}

/// Whether a request wants to be a WebSocket, whatever else is in it.
pub(in crate::gateway) fn is_wanted(parts: &Parts) -> bool {
    parts.method == Method::GET && has(&parts.headers, &UPGRADE, "websocket")
}

/// The headers of the answer that makes it one.
///
/// # Errors
/// [`Unfit`].
pub(super) fn accept(parts: &Parts) -> Result<[(HeaderName, HeaderValue); 3], Unfit> {
    if !is_wanted(parts) || parts.version < Version::HTTP_11 {
        return Err(Unfit::NoUpgrade);
    }
    let headers = &parts.headers;
    if !has(headers, &CONNECTION, "upgrade") {
        return Err(Unfit::Malformed("the Connection header does not say Upgrade"));
    }
    if headers.get(SEC_WEBSOCKET_VERSION).is_none_or(|version| version != WEBSOCKET_VERSION) {
        return Err(Unfit::Version);
    }
    let key = headers.get(SEC_WEBSOCKET_KEY).map(HeaderValue::as_bytes).unwrap_or_default();
    if STANDARD.decode(key).map(|nonce| nonce.len()) != Ok(16) {
        return Err(Unfit::Malformed("Sec-WebSocket-Key is not 16 bytes in base64"));
    }
    let accept = HeaderValue::from_str(&accept_of(key)).map_err(|_| Unfit::Malformed("Sec-WebSocket-Key"))?;
    Ok([
        (CONNECTION, HeaderValue::from_static("Upgrade")),
        (UPGRADE, HeaderValue::from_static("websocket")),
        (SEC_WEBSOCKET_ACCEPT, accept),
    ])
}

/// The header that tells the version.
pub(in crate::gateway) fn version() -> (HeaderName, HeaderValue) {
    (SEC_WEBSOCKET_VERSION, HeaderValue::from_static(WEBSOCKET_VERSION))
}

fn accept_of(key: &[u8]) -> String {
    STANDARD.encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, &[key, GUID].concat()))
}

/// Whether a list in headers has this word.
fn has(headers: &HeaderMap, name: &HeaderName, word: &str) -> bool {
    let values = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|said| said.trim().eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use hyper::Request;

    use super::{Unfit, accept, accept_of};

    #[test]
    fn the_example_of_the_standard_is_answered_as_it_says() {
        assert_eq!(accept_of(b"dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    #[test]
    fn only_a_whole_handshake_is_taken() {
        let good = [
            ("upgrade", "WebSocket"),
            ("connection", "keep-alive, Upgrade"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ];
        let check = |other: (&str, &str), expected: Result<(), Unfit>| {
            let mut request = Request::get("/ws");
            for (name, value) in good {
                request = request.header(name, if name == other.0 { other.1 } else { value });
            }
            let (parts, ()) = request.body(()).unwrap().into_parts();
            assert_eq!(accept(&parts).map(|_| ()), expected, "{other:?}");
        };
        check(("", ""), Ok(()));
        check(("upgrade", "h2c, websocket"), Ok(()));
        check(("upgrade", "h2c"), Err(Unfit::NoUpgrade));
        check(("connection", "keep-alive"), Err(Unfit::Malformed("the Connection header does not say Upgrade")));
        check(("sec-websocket-version", "8"), Err(Unfit::Version));
        check(("sec-websocket-key", "c2hvcnQ="), Err(Unfit::Malformed("Sec-WebSocket-Key is not 16 bytes in base64")));
    }
}
