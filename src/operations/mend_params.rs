//! Parameters that are nearly right: models write numbers as texts, one thing where a list is asked for, `repoPath` for
//! `repo_path`. What can only be meant in one way is taken so, if the schema is content with the result, and told.

use serde_json::{Map, Value};

/// Longest text that is read as JSON, in bytes: a list of ids fits, a file does not.
const JSON_TEXT_BYTES_MAX: usize = 4_000;

/// The parameters with what could be mended, and one line for each change; `None` when there was nothing to mend. Whether
/// they fit now is for the caller to check.
pub(super) fn mend(schema: &Value, params: &Value) -> Option<(Value, Vec<String>)> {
    let properties = schema.get("properties").and_then(Value::as_object)?;
    let given = params.as_object()?;
    let mut told = Vec::new();
    let mut mended = Map::new();
    for (name, value) in given {
        let name = match properties.contains_key(name) {
            true => name.clone(),
            false => match meant_name(properties, given, name) {
                Some(meant) => {
                    told.push(format!("`{name}` was read as `{meant}`"));
                    meant
                }
                None => name.clone(),
            },
        };
        let value = match properties.get(&name).and_then(|schema| mend_value(schema, value)) {
            Some(value) => {
                told.push(format!("`{name}` was read as {}", kind_word(&value)));
                value
            }
            None => value.clone(),
        };
        mended.insert(name, value);
    }
    (!told.is_empty()).then_some((Value::Object(mended), told))
}

/// The one parameter of the tool that `name` spells in another way and that was not given itself.
fn meant_name(properties: &Map<String, Value>, given: &Map<String, Value>, name: &str) -> Option<String> {
    let bare =
        |name: &str| name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect::<String>();
    let wanted = bare(name);
    // Two spellings of one parameter mean nothing that can be known.
    if given.keys().filter(|other| bare(other) == wanted).count() > 1 {
        return None;
    }
    let mut same = properties.keys().filter(|known| !given.contains_key(*known) && bare(known) == wanted);
    let meant = same.next()?;
    same.next().is_none().then(|| meant.clone())
}

fn mend_value(schema: &Value, value: &Value) -> Option<Value> {
    let allows = |word: &str| allows_type(schema, word, 0);
    match value {
        Value::String(text) if !allows("string") => from_text(text, &allows),
        // Only where nothing but a list is asked for.
        Value::String(_) | Value::Number(_) | Value::Bool(_) | Value::Object(_)
            if allows("array") && !allows(kind_name(value)) =>
        {
            Some(Value::Array(vec![value.clone()]))
        }
        Value::Number(_) | Value::Bool(_) if allows("string") && !allows(kind_name(value)) => {
            Some(Value::String(value.to_string()))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

fn from_text(text: &str, allows: &dyn Fn(&str) -> bool) -> Option<Value> {
    let trimmed = text.trim();
    let read = (trimmed.len() <= JSON_TEXT_BYTES_MAX).then(|| serde_json::from_str::<Value>(trimmed).ok()).flatten();
    let is_wanted = |value: &Value| match value {
        Value::Number(number) => allows("number") || (allows("integer") && !number.is_f64()),
        Value::Bool(_) => allows("boolean"),
        Value::Array(_) => allows("array"),
        Value::Object(_) => allows("object"),
        Value::Null | Value::String(_) => false,
    };
    match read.filter(is_wanted) {
        Some(value) => Some(value),
        None if allows("boolean") => match trimmed.to_ascii_lowercase().as_str() {
            "true" | "yes" => Some(Value::Bool(true)),
            "false" | "no" => Some(Value::Bool(false)),
            _ => None,
        },
        None if allows("array") && !trimmed.is_empty() => Some(Value::Array(vec![Value::String(text.to_owned())])),
        None => None,
    }
}

/// Does the schema name this type? One that names none allows all.
fn allows_type(schema: &Value, word: &str, depth: usize) -> bool {
    let is_word = |named: &str| named == word || (named == "number" && word == "integer");
    match schema.get("type") {
        Some(Value::String(named)) => is_word(named),
        Some(Value::Array(named)) => named.iter().filter_map(Value::as_str).any(is_word),
        _ => match schema.get("anyOf").or_else(|| schema.get("oneOf")).and_then(Value::as_array) {
            Some(choices) if depth < 3 => choices.iter().any(|choice| allows_type(choice, word, depth + 1)),
            _ => match schema.get("enum").and_then(Value::as_array) {
                Some(values) => values.iter().any(|value| kind_name(value) == word),
                None => true,
            },
        },
    }
}

fn kind_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn kind_word(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
