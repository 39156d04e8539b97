//! The schemas of the forms that clients are asked to have filled.

use serde_json::{Value, json};

/// A form with one required text.
pub(super) fn one_text(name: &str) -> Value {
    one(name, &json!({"type": "string"}))
}

/// A form with one required field.
pub(super) fn one(name: &str, schema: &Value) -> Value {
    json!({"type": "object", "properties": {name: schema}, "required": [name]})
}

/// Two required texts.
pub(super) fn user() -> Value {
    json!({
        "type": "object",
        "properties": {
            "username": {"type": "string", "description": "User's response"},
            "email": {"type": "string", "description": "User's email address"},
        },
        "required": ["username", "email"],
    })
}

/// One field of each primitive type, each with a default (SEP-1034).
pub(super) fn defaults() -> Value {
    json!({
        "type": "object",
        "properties": {
            "name": {"type": "string", "default": "John Doe"},
            "age": {"type": "integer", "default": 30},
            "score": {"type": "number", "default": 95.5},
            "status": {"type": "string", "enum": ["active", "inactive", "pending"], "default": "active"},
            "verified": {"type": "boolean", "default": true},
        },
        "required": [],
    })
}

/// All five ways to offer a choice (SEP-1330).
pub(super) fn choices() -> Value {
    let titled = |words: [&str; 3]| {
        let of = |(word, number): (&str, u32)| json!({"const": format!("value{number}"), "title": word});
        Value::Array(words.into_iter().zip(1..).map(of).collect())
    };
    let options = json!(["option1", "option2", "option3"]);
    json!({
        "type": "object",
        "properties": {
            "untitledSingle": {"type": "string", "enum": options},
            "titledSingle": {"type": "string", "oneOf": titled(["First Option", "Second Option", "Third Option"])},
            "legacyEnum": {
                "type": "string",
                "enum": ["opt1", "opt2", "opt3"],
                "enumNames": ["Option One", "Option Two", "Option Three"],
            },
            "untitledMulti": {"type": "array", "items": {"type": "string", "enum": options}},
            "titledMulti": {
                "type": "array",
                "items": {"anyOf": titled(["First Choice", "Second Choice", "Third Choice"])},
            },
        },
        "required": [],
    })
}
