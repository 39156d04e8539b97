//! The `feedback` of `execute`: whether an earlier answer's tool was the right one.

use serde_json::{Map, Value, json};

use crate::history::{Teacher, Verdict};
use crate::operations::FeedbackInput;

const FORM: &str = "`feedback` must be an object like {\"route\": \"r7k3m9px\", \"verdict\": \"right\" or \"wrong\", \
                    \"tool\": \"server.tool\" if another was right}";

/// As `tools/list` describes it: each prompt of each conversation pays for this.
pub(super) fn schema() -> Value {
    json!({
        "type": "object",
        "description": "Says whether an earlier answer's tool was the right one; alone or with the next request",
        "properties": {
            "route": {"type": "string", "description": "The route id of that answer"},
            "verdict": {"type": "string", "enum": ["right", "wrong"]},
            "tool": {"type": "string", "description": "The right one, as server.tool, if known"}
        },
        "required": ["route", "verdict"]
    })
}

/// Reads it as models write it: also as a text, and with the words they use.
///
/// # Errors
/// What is wrong, for the model.
pub(super) fn read(value: Value) -> Result<FeedbackInput, String> {
    let mut members: Map<String, Value> = match value {
        Value::Object(members) => members,
        Value::String(text) => serde_json::from_str(&text).map_err(|_| FORM.to_owned())?,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => return Err(FORM.to_owned()),
    };
    let mut take =
        |names: &[&str]| names.iter().find_map(|name| members.remove(*name)).filter(|value| !value.is_null());
    let route = match take(&["route", "route_id", "id"]) {
        Some(Value::String(route)) => route,
        _ => return Err(FORM.to_owned()),
    };
    let verdict = match take(&["verdict", "is_right"]) {
        Some(Value::Bool(true)) => Verdict::Right,
        Some(Value::Bool(false)) => Verdict::Wrong,
        Some(Value::String(word)) => verdict(&word).ok_or_else(|| FORM.to_owned())?,
        _ => return Err(FORM.to_owned()),
    };
    let tool = match take(&["tool", "right_tool"]) {
        None => None,
        Some(Value::String(tool)) => Some(tool),
        Some(_) => return Err(FORM.to_owned()),
    };
    Ok(FeedbackInput { route, verdict, tool, teacher: Teacher::Client })
}

fn verdict(word: &str) -> Option<Verdict> {
    Verdict::parse(word).or_else(|| match word.trim().to_ascii_lowercase().as_str() {
        "correct" | "good" | "yes" => Some(Verdict::Right),
        "incorrect" | "bad" | "no" => Some(Verdict::Wrong),
        _ => None,
    })
}
