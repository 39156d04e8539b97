//! Results as raw JSON: our own built, a tool's own passed through with as little as possible added.

use std::borrow::Cow;
use std::fmt::Write;

use serde::Serialize;
use serde_json::{Value, json};

use crate::operations::{FetchOutput, LargeResult, RouteInfo};
use crate::wire::Members;

use super::hello::{META_SERVER, server_info, server_info_text};
use super::render;

/// Key of the routing decision in a result's `_meta`.
const META_ROUTE: &str = "mcporch/route";
/// Key of what a part of a kept result is.
const META_FETCH: &str = "mcporch/fetch";

/// A result of one of our own tools: text for models, the same as data for programs.
pub(super) fn own(text: &str, data: Option<&impl Serialize>, is_error: bool, is_modern: bool) -> String {
    let mut result = json!({"content": [{"type": "text", "text": text}]});
    if let Some(data) = data {
        result["structuredContent"] = serde_json::to_value(data).unwrap_or(Value::Null);
    }
    if is_error {
        result["isError"] = Value::Bool(true);
    }
    if is_modern {
        result["resultType"] = "complete".into();
        result["_meta"] = json!({META_SERVER: server_info()});
    }
    result.to_string()
}

/// A failure of one of our own tools.
pub(super) fn own_failure(text: &str, is_modern: bool) -> String {
    own(text, None::<&Value>, true, is_modern)
}

/// A tool's own result. Its members pass byte for byte; added are how it was routed (in `_meta`, and as a last line of
/// text where words decided) and what the client's era wants.
pub(super) fn passed_through(raw: &str, route: &RouteInfo, is_modern: bool) -> String {
    let Ok(members) = Members::parse(raw) else {
        // No object, so no result of a tool either; shown as it is instead of being dropped.
        return own(
            raw,
            Some(&json!({"outcome": "done", "result": serde_json::from_str(raw).unwrap_or(Value::Null)})),
            false,
            is_modern,
        );
    };
    let meta = meta(members.member("_meta"), route, is_modern);
    let content = (!route.is_named || route.instead_of.is_some() || !route.lessons.is_empty())
        .then(|| with_last_line(members.member("content"), &render::ran(route)))
        .flatten();
    let mut changed = vec![("_meta", Some(meta.as_str()))];
    if let Some(content) = &content {
        changed.push(("content", Some(content)));
    }
    match (is_modern, members.member("resultType")) {
        (true, None) => changed.push(("resultType", Some("\"complete\""))),
        // Legacy clients do not know it, and the strict ones refuse what they do not know.
        (false, Some(_)) => changed.push(("resultType", None)),
        _ => {}
    }
    members.with(&changed)
}

/// A server's result in the words of the client's era, byte for byte where they are the same. A large one is not copied.
pub(super) fn in_era(mut raw: String, method: &str, is_modern: bool) -> String {
    let says_type = memchr::memmem::find(raw.as_bytes(), b"\"resultType\"").is_some();
    if !is_modern {
        if !says_type {
            return raw;
        }
        // Legacy clients do not know it, and the strict ones refuse what they do not know.
        let stripped = Members::parse(&raw)
            .map(|members| members.with(&[("resultType", None), ("ttlMs", None), ("cacheScope", None)]));
        return stripped.unwrap_or(raw);
    }
    let is_cacheable = method.ends_with("/list") || method == "resources/read";
    let mut added = String::new();
    {
        // Large results of tools are searched and not parsed; what is to be cached is always looked at.
        let members = (says_type || is_cacheable).then(|| Members::parse(&raw).unwrap_or_default());
        let has = |name: &str| members.as_ref().is_some_and(|members| members.member(name).is_some());
        if !has("resultType") {
            added.push_str("\"resultType\":\"complete\",");
        }
        // A server's list may be another one at any moment, and for another client.
        for (name, value) in [("ttlMs", "0"), ("cacheScope", "\"private\"")] {
            if is_cacheable && !has(name) {
                let _infallible = write!(added, "\"{name}\":{value},");
            }
        }
    }
    // What is no object is no result; it passes as it is.
    let Some(start) = raw.find(|c: char| !c.is_ascii_whitespace()).filter(|at| raw.as_bytes()[*at] == b'{') else {
        return raw;
    };
    if raw[start + 1..].trim_start() == "}" {
        added.pop();
    }
    raw.insert_str(start + 1, &added);
    raw
}

/// A server's error in the words of the client's era, and its code.
pub(super) fn error_in_era<'a>(raw: &'a str, method: &str, is_modern: bool) -> (i64, Cow<'a, str>) {
    let members = Members::parse(raw).unwrap_or_default();
    let code = members.member("code").and_then(|code| code.parse().ok()).unwrap_or(-32603);
    // "Resource not found" had a code of its own once.
    if is_modern && code == -32002 && method.starts_with("resources/") {
        return (-32602, Cow::Owned(members.with(&[("code", Some("-32602"))])));
    }
    (code, Cow::Borrowed(raw))
}

/// A result that was kept: what a model reads of it, the same as data, and how it was routed.
pub(super) fn kept(large: &LargeResult, route: &RouteInfo, is_modern: bool) -> String {
    let text = large.text(route);
    let own = own(&text, Some(large), large.is_error, is_modern);
    let meta = meta(large.meta.as_deref(), route, is_modern);
    match Members::parse(&own) {
        Ok(members) => members.with(&[("_meta", Some(meta.as_str()))]),
        Err(_) => own,
    }
}

/// A part of a kept result: the part as it is, then what it is and what is left.
pub(super) fn fetched(output: &FetchOutput, is_modern: bool) -> String {
    let note = json!({"type": "text", "text": format!("[mcporch] {}", output.note)}).to_string();
    let part = match &output.block {
        Some(raw) => raw.clone(),
        None => json!({"type": "text", "text": output.text}).to_string(),
    };
    let has_part = output.block.is_some() || !output.text.is_empty();
    let content = if has_part { format!("[{part},{note}]") } else { format!("[{note}]") };
    let mut meta = json!({META_FETCH: output});
    let mut kind = "";
    if is_modern {
        meta[META_SERVER] = server_info();
        kind = ",\"resultType\":\"complete\"";
    }
    format!("{{\"content\":{content},\"_meta\":{meta}{kind}}}")
}

fn meta(raw: Option<&str>, route: &RouteInfo, is_modern: bool) -> String {
    let theirs = raw.and_then(|raw| Members::parse(raw).ok()).unwrap_or_default();
    let route = serde_json::to_string(route).unwrap_or_else(|_| "null".to_owned());
    let mut changed = vec![(META_ROUTE, Some(route.as_str()))];
    if is_modern {
        changed.push((META_SERVER, Some(server_info_text())));
    }
    theirs.with(&changed)
}

/// The raw list of content with one more text behind; `None` when it is no list.
fn with_last_line(raw: Option<&str>, text: &str) -> Option<String> {
    let list = raw?.trim_end().strip_suffix(']')?;
    let comma = if list.trim_start().strip_prefix('[')?.trim().is_empty() { "" } else { "," };
    let text = serde_json::to_string(text).ok()?;
    Some(format!("{list}{comma}{{\"type\":\"text\",\"text\":{text}}}]"))
}
