//! A tool's schema in as few words as a model can call it with: ornaments first go, then long words, then what is optional.

use serde_json::{Map, Value};

/// Nested deeper than this a schema is no help to anybody.
const DEPTH_MAX: usize = 32;
/// A description of a parameter once words have become dear, in characters.
const DESCRIPTION_CHARS: usize = 80;
/// Values of an enum that are shown once words have become dear.
const ENUM_VALUES: usize = 8;

/// How much of a schema is left out. Each leaves out what those before it do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Slimness {
    /// `$schema`, titles, examples.
    Ornaments,
    /// What stands behind the first words of a description, and values of long enums.
    LongWords,
    /// All descriptions of parameters that are optional.
    OptionalWords,
    /// All descriptions.
    Words,
    /// Optional parameters: their names stand in a list.
    Optional,
}

/// The schema without what a model does not need to call the tool; `None` when it is longer than `bytes_max` as compact
/// JSON even so.
#[must_use]
pub fn compact_schema(schema: &Value, bytes_max: usize) -> Option<Value> {
    let slim = slimmed(schema, Slimness::Ornaments, true, 0);
    (slim.to_string().len() <= bytes_max).then_some(slim)
}

/// As much of the schema as goes into `bytes_max`: what is left out first is what a call can best do without. `None` when
/// even the required parameters alone are longer.
#[must_use]
pub fn schema_within(schema: &Value, bytes_max: usize) -> Option<Value> {
    use Slimness::{LongWords, Optional, OptionalWords, Ornaments, Words};
    [Ornaments, LongWords, OptionalWords, Words, Optional].into_iter().find_map(|slimness| {
        let slim = slimmed(schema, slimness, true, 0);
        (slim.to_string().len() <= bytes_max).then_some(slim)
    })
}

fn slimmed(schema: &Value, slimness: Slimness, is_required: bool, depth: usize) -> Value {
    if let Some(items) = schema.as_array() {
        return Value::Array(items.iter().map(|item| slimmed(item, slimness, is_required, depth + 1)).collect());
    }
    let Some(members) = schema.as_object().filter(|_| depth < DEPTH_MAX) else { return schema.clone() };
    let required: Vec<&str> =
        members.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    let mut slim = Map::new();
    for (key, value) in members {
        let kept = match (key.as_str(), value) {
            ("$schema" | "$id" | "examples" | "$comment", _) | ("title", Value::String(_)) => None,
            ("description", Value::String(text)) => description(text, slimness, is_required).map(Value::String),
            ("enum", Value::Array(values)) if slimness >= Slimness::LongWords && values.len() > ENUM_VALUES => {
                let mut few = values[..ENUM_VALUES].to_vec();
                few.push("…".into());
                Some(Value::Array(few))
            }
            // Below these, keys are names of parameters: one called `examples` is no ornament.
            ("properties", Value::Object(named)) => {
                Some(Value::Object(slim_properties(named, &required, slimness, depth, &mut slim)))
            }
            ("patternProperties" | "$defs" | "definitions", Value::Object(named)) => {
                let each = |(name, one): (&String, &Value)| (name.clone(), slimmed(one, slimness, false, depth + 1));
                Some(Value::Object(named.iter().map(each).collect()))
            }
            ("default" | "additionalProperties", _) if slimness >= Slimness::Words && !value.is_object() => None,
            _ => Some(slimmed(value, slimness, is_required, depth + 1)),
        };
        slim.extend(kept.map(|kept| (key.clone(), kept)));
    }
    Value::Object(slim)
}

/// Optional ones that are left out are named in a member of `slim`, so that nobody takes them for missing.
fn slim_properties(
    named: &Map<String, Value>,
    required: &[&str],
    slimness: Slimness,
    depth: usize,
    slim: &mut Map<String, Value>,
) -> Map<String, Value> {
    let is_required = |name: &str| required.contains(&name);
    let mut left_out = Vec::new();
    let mut kept = Map::new();
    for (name, one) in named {
        if slimness >= Slimness::Optional && !is_required(name) {
            left_out.push(Value::String(name.clone()));
        } else {
            kept.insert(name.clone(), slimmed(one, slimness, is_required(name), depth + 1));
        }
    }
    if !left_out.is_empty() {
        slim.insert("optional".to_owned(), Value::Array(left_out));
    }
    kept
}

fn description(text: &str, slimness: Slimness, is_required: bool) -> Option<String> {
    match slimness {
        Slimness::Ornaments => Some(text.to_owned()),
        Slimness::LongWords => Some(super::describe::cut(text, DESCRIPTION_CHARS)),
        Slimness::OptionalWords => is_required.then(|| super::describe::cut(text, DESCRIPTION_CHARS)),
        Slimness::Words | Slimness::Optional => None,
    }
}
