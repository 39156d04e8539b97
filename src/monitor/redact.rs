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
        return redactor().redact_cut(&history::redact(raw)).into_owned();
    }
    match serde_json::from_str::<Value>(raw) {
        Ok(mut value) => {
            clean(&mut value);
            redactor().redact(&value.to_string()).into_owned()
        }
        Err(_) => text(raw),
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
        Err(_) => text(members),
    }
}

fn clean(value: &mut Value) {
    match value {
        Value::Object(members) => {
            for (name, member) in members.iter_mut() {
                match member {
                    Value::Null | Value::Bool(_) => {}
                    member if is_secret_name(name) => *member = MASK.into(),
                    member => clean(member),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(clean),
        Value::String(text) => *text = history::redact(text),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
