//! The nouns hold what they promise.

use std::sync::Arc;

use serde_json::json;

use super::{Confidence, InputSchema, ServerName};

#[test]
fn server_names_are_short_printable_and_trimmed() {
    let check = |name: &str, is_good: bool| assert_eq!(ServerName::parse(name).is_ok(), is_good, "{name:?}");
    check("git", true);
    check("my server (v2)", true);
    check("日本", true);
    check("", false);
    check(" git", false);
    check("a\nb", false);
    check(&"x".repeat(129), false);
}

#[test]
fn confidence_is_always_a_probability() {
    let check = |value: f32, expected: f32| assert!((Confidence::new(value).value() - expected).abs() < f32::EPSILON);
    check(0.4, 0.4);
    check(7.0, 1.0);
    check(-1.0, 0.0);
    check(f32::NAN, 0.0);
    check(f32::INFINITY, 1.0);
}

#[test]
fn an_outline_is_read_out_of_odd_schemas_too() {
    let check = |schema: serde_json::Value, names: &[&str], required: &[&str]| {
        let schema = InputSchema::of(&schema);
        let outline = schema.outline();
        let found: Vec<&str> = outline.parameters.iter().map(|parameter| parameter.name.as_ref()).collect();
        assert_eq!(
            (found.as_slice(), outline.required.iter().map(AsRef::as_ref).collect::<Vec<&str>>().as_slice()),
            (names, required)
        );
    };
    check(
        json!({"properties": {"b": {"description": "B"}, "a": true, "c": {"description": 7}}, "required": ["a"]}),
        &["b", "a", "c"],
        &["a"],
    );
    check(json!({"properties": [1], "required": "a"}), &[], &[]);
    check(json!({"type": "object"}), &[], &[]);
    check(json!("no schema"), &[], &[]);
    let described = InputSchema::of(&json!({"properties": {"x": {"description": "a \"quoted\" word"}}}));
    assert_eq!(described.outline().parameters[0].description, "a \"quoted\" word");
}

#[test]
fn a_schema_is_a_part_of_its_tools_text() {
    let whole: Arc<str> = r#"{"name":"t","inputSchema":{"type":"object"}}"#.into();
    let start = whole.find(r#"{"type"#).unwrap();
    let schema = InputSchema::within(&whole, start..whole.len() - 1).unwrap();
    assert_eq!(schema.to_value(), json!({"type": "object"}));
    assert_eq!(schema, InputSchema::any_object());
    assert!(InputSchema::within(&whole, 1..5).is_none());
    assert!(InputSchema::within(&whole, 0..500).is_none());
}
