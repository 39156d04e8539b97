//! The members of `_meta` that carry a trace: `traceparent` and `tracestate` of W3C's Trace Context, and its `baggage`. They pass as
//! they are; what comes in HTTP headers takes their place where a request has none.

use std::sync::Arc;

use serde_json::Value;

use crate::wire::Members;

pub(super) const TRACEPARENT: &str = "traceparent";
pub(super) const TRACESTATE: &str = "tracestate";
const BAGGAGE: &str = "baggage";

/// Longest `tracestate` that is taken from a header, in bytes; W3C asks for 512 at least. A guess.
const TRACESTATE_BYTES_MAX: usize = 2_048;
/// Longest `baggage`; W3C's number.
const BAGGAGE_BYTES_MAX: usize = 8_192;

/// What headers carry, as raw members of `_meta` without braces. `header` gives the text of a header by its name in small letters;
/// of several of one name the first counts. Without a `traceparent` that is one, the `tracestate` counts for nothing.
#[must_use]
pub fn from_headers<'a>(header: impl Fn(&str) -> Option<&'a str>) -> Option<Arc<str>> {
    let parent = header(TRACEPARENT).map(str::trim).filter(|text| is_traceparent(text));
    let state = parent.and_then(|_| header(TRACESTATE)).filter(|text| is_short(text, TRACESTATE_BYTES_MAX));
    let baggage = header(BAGGAGE).filter(|text| is_short(text, BAGGAGE_BYTES_MAX));
    let members: Vec<String> = [(TRACEPARENT, parent), (TRACESTATE, state), (BAGGAGE, baggage)]
        .into_iter()
        .filter_map(|(name, text)| Some(format!("\"{name}\":{}", Value::from(text?.trim()))))
        .collect();
    (!members.is_empty()).then(|| members.join(",").into())
}

/// The members of a request's `_meta` with those that came beside it, unless it carries a trace itself. Both raw and without braces.
#[must_use]
pub fn with_carried(meta: Option<&Arc<str>>, beside: Option<&Arc<str>>) -> Option<Arc<str>> {
    let (Some(meta), Some(beside)) = (meta, beside) else { return meta.or(beside).cloned() };
    let whole = format!("{{{meta}}}");
    let Ok(members) = Members::parse(&whole) else { return Some(meta.clone()) };
    if [TRACEPARENT, TRACESTATE, BAGGAGE].iter().any(|name| members.member(name).is_some()) {
        return Some(meta.clone());
    }
    Some(format!("{meta},{beside}").into())
}

/// Whether W3C's grammar has it, of this version or a later one.
pub(super) fn is_traceparent(text: &str) -> bool {
    let mut parts = text.split('-');
    let mut hex = |len: usize| {
        let is_hex = |part: &&str| part.len() == len && part.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        parts.next().filter(is_hex)
    };
    let is_some_id = |id: &str| id.bytes().any(|b| b != b'0');
    let (Some(version), Some(trace), Some(parent), Some(_flags)) = (hex(2), hex(32), hex(16), hex(2)) else {
        return false;
    };
    // Later versions may say more behind that.
    let has_end = version != "00" || text.len() == 55;
    version != "ff" && is_some_id(trace) && is_some_id(parent) && has_end && text.len() <= 256
}

fn is_short(text: &str, bytes_max: usize) -> bool {
    !text.trim().is_empty() && text.len() <= bytes_max
}
