//! Which requests are for the dashboard, and what they get.

use hyper::body::Bytes;
use hyper::header::{
    ACCEPT, ACCEPT_ENCODING, ALLOW, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG,
    HeaderMap, HeaderName, HeaderValue, IF_NONE_MATCH, REFERRER_POLICY, VARY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use hyper::{Method, Response, StatusCode};

use super::assets::{self, Asset};

/// The page may load what comes from here and nothing else, run no script and no style that stands in it, and stand in
/// nobody's frame. Pictures in `data:` are those that tools answer with.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
                      font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
/// It needs nothing of the machine that it is looked at from.
const PERMISSIONS: &str = "camera=(), microphone=(), geolocation=(), payment=(), usb=(), display-capture=()";
/// The name follows from the contents: whoever has it never asks again.
const FOREVER: &str = "public, max-age=31536000, immutable";
/// Kept, but asked for each time whether it is still that: it names the files of this version.
const ASK_AGAIN: &str = "no-cache";

/// First parts of addresses that the script in the page makes pages of.
const PAGES: [&str; 6] = ["", "servers", "routes", "calls", "audit", "settings"];
/// First parts of addresses that are never the dashboard's, whatever a browser says.
const NOT_PAGES: [&str; 8] = ["api", "mcp", "ws", "metrics", "healthz", "readyz", "problems", ".well-known"];

/// The answer to a request for the dashboard; `None` when it is for something else. An address that nobody knows is the
/// dashboard's where a browser asks for a page: it gets the page, which says so, with status 404.
///
/// The request was let in before (`Host`, `Origin`); no key is needed, since nothing here is a secret.
#[must_use]
pub fn answer(method: &Method, path: &str, headers: &HeaderMap) -> Option<Response<Bytes>> {
    let (asset, status) = wanted(path, headers)?;
    if !matches!(*method, Method::GET | Method::HEAD) {
        // An unknown address has no methods to offer.
        return (status == StatusCode::OK).then(not_allowed);
    }
    Some(reply(&asset, status, headers))
}

fn wanted(path: &str, headers: &HeaderMap) -> Option<(Asset, StatusCode)> {
    let path = path.strip_prefix('/')?;
    let first = path.split('/').next().unwrap_or_default();
    if first == "assets" {
        // The packed files themselves are no addresses.
        let asset = assets::find(path).filter(|_| !path.ends_with(".gz"))?;
        return Some((asset, StatusCode::OK));
    }
    if PAGES.contains(&first) {
        return Some((assets::find("index.html")?, StatusCode::OK));
    }
    let is_page = !NOT_PAGES.contains(&first) && is_listed(headers, &ACCEPT, "text/html");
    is_page.then(|| assets::find("index.html")).flatten().map(|index| (index, StatusCode::NOT_FOUND))
}

fn reply(asset: &Asset, status: StatusCode, headers: &HeaderMap) -> Response<Bytes> {
    let is_page = asset.kind.starts_with("text/html");
    let tag = format!("W/\"{}\"", asset.tag);
    let is_known = status == StatusCode::OK && knows(headers, &tag);
    let takes_packed = is_listed(headers, &ACCEPT_ENCODING, "gzip");
    let body = if is_known {
        Some(Bytes::new())
    } else if takes_packed {
        Some(asset.bytes.clone())
    } else {
        asset.unpacked()
    };
    let mut response = Response::new(body.clone().unwrap_or_default());
    *response.status_mut() = match body {
        Some(_) if is_known => StatusCode::NOT_MODIFIED,
        Some(_) => status,
        None => StatusCode::NOT_ACCEPTABLE,
    };
    let all = response.headers_mut();
    let mut add = |name: HeaderName, value: &'static str| all.insert(name, HeaderValue::from_static(value));
    add(CACHE_CONTROL, if asset.is_forever { FOREVER } else { ASK_AGAIN });
    add(X_CONTENT_TYPE_OPTIONS, "nosniff");
    add(REFERRER_POLICY, "no-referrer");
    add(HeaderName::from_static("cross-origin-resource-policy"), "same-origin");
    // A picture opened by itself is a document too, so everything has the policy.
    add(CONTENT_SECURITY_POLICY, POLICY);
    add(X_FRAME_OPTIONS, "DENY");
    if is_page {
        add(HeaderName::from_static("cross-origin-opener-policy"), "same-origin");
        add(HeaderName::from_static("permissions-policy"), PERMISSIONS);
    }
    if asset.is_packed {
        add(VARY, "accept-encoding");
    }
    if !is_known {
        add(CONTENT_TYPE, asset.kind);
    }
    if asset.is_packed && takes_packed && !is_known {
        add(CONTENT_ENCODING, "gzip");
    }
    if let Ok(tag) = HeaderValue::try_from(tag) {
        all.insert(ETAG, tag);
    }
    response
}

fn not_allowed() -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
    response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
    response
}

/// Whether the client has it already.
fn knows(headers: &HeaderMap, tag: &str) -> bool {
    let bare = tag.trim_start_matches("W/");
    items(headers, &IF_NONE_MATCH).any(|one| one == "*" || one.trim_start_matches("W/") == bare)
}

/// Whether a header lists a name, and not as what is never wanted (`;q=0`).
fn is_listed(headers: &HeaderMap, header: &HeaderName, name: &str) -> bool {
    items(headers, header).any(|one| {
        let mut parts = one.split(';').map(str::trim);
        let is_it = parts.next().is_some_and(|first| first.eq_ignore_ascii_case(name));
        let weight = parts.find_map(|part| part.strip_prefix("q=")).and_then(|weight| weight.parse::<f32>().ok());
        is_it && weight.is_none_or(|weight| weight > 0.0)
    })
}

fn items<'a>(headers: &'a HeaderMap, header: &HeaderName) -> impl Iterator<Item = &'a str> {
    headers
        .get_all(header)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
}
