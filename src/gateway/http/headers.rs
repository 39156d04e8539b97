//! What the headers of a message say of it: how it may be answered, and, for the stateless revisions, what is in it.

use std::borrow::Cow;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::HeaderMap;
use hyper::header::{ACCEPT, CONTENT_TYPE, HeaderName};
use serde_json::Value;

use crate::domain::Tool;
use crate::gateway::mcp::{Asked, Mismatch};
use crate::traces;

pub(super) const VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");
const METHOD: HeaderName = HeaderName::from_static("mcp-method");
const NAME: HeaderName = HeaderName::from_static("mcp-name");
/// `HeaderMismatch` of 2026-07-28.
const HEADER_MISMATCH: i64 = -32020;

/// How an answer may come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::gateway) struct Accepts {
    pub(in crate::gateway) json: bool,
    pub(in crate::gateway) events: bool,
}

impl Accepts {
    pub(in crate::gateway) fn of(headers: &HeaderMap) -> Self {
        let mut accepts = Self { json: false, events: false };
        let mut is_said = false;
        for value in headers.get_all(ACCEPT) {
            is_said = true;
            for kind in value.to_str().unwrap_or_default().split(',') {
                let kind = kind.split(';').next().unwrap_or_default().trim();
                let is_any = kind == "*/*";
                accepts.json |=
                    is_any || ["application/json", "application/*"].iter().any(|one| kind.eq_ignore_ascii_case(one));
                accepts.events |=
                    is_any || ["text/event-stream", "text/*"].iter().any(|one| kind.eq_ignore_ascii_case(one));
            }
        }
        if is_said { accepts } else { Self { json: true, events: true } }
    }
}

/// Whether the body is said to be JSON.
pub(in crate::gateway) fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    kind.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/json")
}

/// A header's text; one that is no text counts as one that fits nothing.
pub(super) fn text(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    headers.get(name).map(|value| value.to_str().unwrap_or("\u{fffd}").trim().to_owned())
}

/// What the headers carry of the trace that the request belongs to, as raw members of `_meta`.
pub(super) fn carried(headers: &HeaderMap) -> Option<Arc<str>> {
    traces::from_headers(|name| headers.get(name)?.to_str().ok())
}

/// Holds what the headers of a stateless request say against the request. `find_tool` knows the tools of the view.
pub(super) fn check(
    headers: &HeaderMap,
    asked: &Asked<'_>,
    find_tool: impl FnOnce(&str) -> Option<Arc<Tool>>,
) -> Result<(), Mismatch> {
    // Without a version in the body the request is refused for that.
    let Some(version) = asked.version() else { return Ok(()) };
    fits(headers, &VERSION, "_meta's protocol version", Some(version))?;
    fits(headers, &METHOD, "method", Some(asked.method()))?;
    let (member, is_needed) = match asked.method() {
        "tools/call" | "prompts/get" => ("name", true),
        "resources/read" => ("uri", true),
        "tasks/get" | "tasks/update" | "tasks/cancel" => ("taskId", false),
        _ => return Ok(()),
    };
    let name = asked.text(member);
    if is_needed || headers.contains_key(NAME) {
        fits(headers, &NAME, &format!("params.{member}"), name.as_deref())?;
    }
    match name.as_deref().filter(|_| asked.method() == "tools/call").and_then(find_tool) {
        Some(tool) if memchr::memmem::find(tool.raw.as_bytes(), b"x-mcp-header").is_some() => {
            check_params(headers, asked, &tool)
        }
        _ => Ok(()),
    }
}

/// The parameters that the tool wants in headers too.
fn check_params(headers: &HeaderMap, asked: &Asked<'_>, tool: &Tool) -> Result<(), Mismatch> {
    let raw: Value = serde_json::from_str(&tool.raw).unwrap_or_default();
    let mut wanted = Vec::new();
    collect(&raw["inputSchema"], &mut Vec::new(), &mut wanted);
    for (path, header) in wanted {
        let Ok(name) = HeaderName::from_bytes(format!("mcp-param-{header}").as_bytes()) else { continue };
        let whole: Vec<&str> = std::iter::once("arguments").chain(path.iter().map(String::as_str)).collect();
        let value = match asked.value_at(&whole) {
            Some(Value::String(text)) => Some(text),
            Some(value @ (Value::Bool(_) | Value::Number(_))) => Some(value.to_string()),
            Some(Value::Array(_) | Value::Object(_) | Value::Null) | None => None,
        };
        fits(headers, &name, &format!("params.{}", whole.join(".")), value.as_deref())?;
    }
    Ok(())
}

/// Properties with `x-mcp-header`, nested ones too: their path and the header's end.
fn collect(schema: &Value, path: &mut Vec<String>, wanted: &mut Vec<(Vec<String>, String)>) {
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        path.push(name.clone());
        if let Some(header) = property["x-mcp-header"].as_str().filter(|header| !header.is_empty()) {
            wanted.push((path.clone(), header.to_owned()));
        }
        collect(property, path, wanted);
        path.pop();
    }
}

fn fits(headers: &HeaderMap, name: &HeaderName, of: &str, expected: Option<&str>) -> Result<(), Mismatch> {
    let mismatch = |message: String| Err(Mismatch { code: HEADER_MISMATCH, message });
    match (headers.get(name), expected) {
        (None, None) => Ok(()),
        (None, Some(_)) => mismatch(format!("the header {name} is missing; it must say the same as {of}")),
        (Some(_), None) => mismatch(format!("there is a header {name}, and no {of} in the body")),
        (Some(said), Some(expected)) => {
            // One of several of the same name could be what others have read.
            let is_only = headers.get_all(name).iter().nth(1).is_none();
            match said.to_str().ok().and_then(decoded).filter(|said| is_only && said == expected) {
                Some(_) => Ok(()),
                None => mismatch(format!("the header {name} does not say the same as {of}")),
            }
        }
    }
}

/// The value behind `=?base64?…?=`; any other as it is. `None` when what is wrapped is no text.
fn decoded(value: &str) -> Option<Cow<'_, str>> {
    let value = value.trim();
    match value.strip_prefix("=?base64?").and_then(|rest| rest.strip_suffix("?=")) {
        Some(wrapped) => String::from_utf8(STANDARD.decode(wrapped).ok()?).ok().map(Cow::Owned),
        None => Some(Cow::Borrowed(value)),
    }
}

#[cfg(test)]
mod tests {
    use hyper::HeaderMap;
    use hyper::header::ACCEPT;

    use super::{Accepts, decoded};

    #[test]
    fn wrapped_values_are_unwrapped_and_others_are_not() {
        let check = |value: &str, expected: Option<&str>| assert_eq!(decoded(value).as_deref(), expected, "{value}");
        check("plain", Some("plain"));
        check("=?base64?SGVsbG8=?=", Some("Hello"));
        check("=?base64?SGVsbG8?=", None);
        check("=?base64?SGVs!!!bG8=?=", None);
        check("SGVsbG8=", Some("SGVsbG8="));
        check("=?base64?SGVsbG8=", Some("=?base64?SGVsbG8="));
    }

    #[test]
    fn what_a_client_accepts_is_read_from_all_its_words() {
        let check = |said: Option<&str>, json: bool, events: bool| {
            let mut headers = HeaderMap::new();
            if let Some(said) = said {
                headers.insert(ACCEPT, said.parse().unwrap());
            }
            assert_eq!(Accepts::of(&headers), Accepts { json, events }, "{said:?}");
        };
        check(None, true, true);
        check(Some("*/*"), true, true);
        check(Some("application/json, text/event-stream"), true, true);
        check(Some("text/event-stream;q=0.9"), false, true);
        check(Some("Application/JSON"), true, false);
        check(Some("text/html"), false, false);
    }
}
