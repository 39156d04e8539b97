//! What is kept of a call, as it may be read: without known secrets, without the values of members whose names say that they are
//! secret, and without what looks like a key.

use serde_json::{Map, Value};

use crate::history;
use crate::secrets::{MASK, is_secret_name, redactor};

/// A text of people or of servers.
pub(super) fn text(text: &str) -> String {
    redactor().redact(&history::redact(text)).into_owned()
}

/// JSON text of parameters; one that was cut off, or is none, is taken as a text.
pub(super) fn params(raw: &str, is_cut: bool) -> String {
    if is_cut {
        return redactor().redact_cut(&history::redact(&without_secret_members(raw))).into_owned();
    }
    match serde_json::from_str::<Value>(raw) {
        Ok(mut value) => {
            clean(&mut value);
            redactor().redact(&value.to_string()).into_owned()
        }
        Err(_) => text(&without_secret_members(raw)),
    }
}

/// The `arguments` among the raw members of a forwarded call.
pub(super) fn arguments(members: &str) -> String {
    match serde_json::from_str::<Value>(&format!("{{{members}}}")) {
        Ok(mut whole) => {
            let mut arguments = whole.get_mut("arguments").map_or_else(|| Value::Object(Map::new()), Value::take);
            clean(&mut arguments);
            redactor().redact(&arguments.to_string()).into_owned()
        }
        Err(_) => text(&without_secret_members(members)),
    }
}

/// JSON that need not be whole, without the values behind names that say that they are secret. A text ends at its quote, a number at
/// what is none; what is a list or an object, or is cut off, is hidden with all that follows.
fn without_secret_members(raw: &str) -> String {
    let mut shown = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(begin) = rest.find('"') {
        let (before, text) = rest.split_at(begin + 1);
        shown.push_str(before);
        let Some(end) = end_of_text(text) else {
            rest = text;
            break;
        };
        let (name, behind) = text.split_at(end);
        shown.push_str(name);
        shown.push('"');
        rest = &behind[1..];
        let value = rest.trim_start().strip_prefix(':').map(str::trim_start);
        let Some(value) = value.filter(|_| is_secret_name(name)) else { continue };
        shown.push_str(":\"");
        shown.push_str(MASK);
        shown.push('"');
        rest = match value.strip_prefix('"') {
            Some(text) => end_of_text(text).map_or("", |end| &text[end + 1..]),
            None if value.starts_with(['{', '[']) => "",
            None => value.find([',', '}']).map_or("", |end| &value[end..]),
        };
    }
    shown + rest
}

/// Where the quote stands that ends a text.
fn end_of_text(text: &str) -> Option<usize> {
    let mut is_escaped = false;
    text.bytes().position(|byte| {
        let is_end = byte == b'"' && !is_escaped;
        is_escaped = byte == b'\\' && !is_escaped;
        is_end
    })
}

fn clean(value: &mut Value) {
    match value {
        Value::Object(members) => {
            for (name, member) in members.iter_mut() {
                let says_nothing = matches!(member, Value::Null | Value::Bool(_));
                if is_secret_name(name) && !says_nothing {
                    *member = MASK.into();
                } else {
                    clean(member);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(clean),
        Value::String(text) => *text = history::redact(text),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
