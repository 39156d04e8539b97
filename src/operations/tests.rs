//! Tools in few words, and their names in any spelling.

use std::sync::Arc;

use serde_json::{Value, json};

use super::resolve::resolve;
use super::{compact_schema, first_sentence, signature};
use crate::domain::{Effect, Hints, InputSchema, ServerName, Tool, ToolKey};
use crate::index::{Entry, Options, Snapshot};

#[test]
fn signatures_show_required_parameters_first_and_stay_short() {
    let check = |schema: Value, expected: &str| assert_eq!(signature(&schema), expected);
    check(
        json!({"properties": {"b": {"type": "integer"}, "a": {"type": "string"}}, "required": ["a"]}),
        "a: string, b?: integer",
    );
    check(json!({"properties": {"to": {"enum": ["a", "b", "c", "d", "e"]}}}), "to?: a|b|c|d|…");
    check(json!({"properties": {"x": {"anyOf": [{"type": "string"}, {"type": "null"}]}}}), "x?: string");
    check(json!({"properties": {"x": {"type": "array", "items": {"type": "number"}}}}), "x?: number[]");
    check(json!({"properties": {"x": {}}}), "x?: any");
    check(json!({}), "");
    let many: serde_json::Map<String, Value> =
        (0..14).map(|number| (format!("p{number}"), json!({"type": "null"}))).collect();
    assert!(signature(&json!({ "properties": many })).ends_with("… 4 more"));
}

#[test]
fn sentences_end_where_they_end() {
    let check = |text: &str, expected: &str| assert_eq!(first_sentence(text), expected);
    check("Reads a file. Then more.", "Reads a file");
    check("\n\n  Version 1.2 of it, e.g.this\nmore", "Version 1.2 of it, e.g.this");
    check("", "");
    assert_eq!(first_sentence(&"x".repeat(500)).chars().count(), 161);
}

#[test]
fn a_schema_loses_its_ornaments_but_no_parameter() {
    let schema = json!({"$schema": "s", "title": "T", "properties": {
        "title": {"type": "string", "title": "Title", "examples": ["x"]}, "examples": {"type": "array"}}});
    let expected = json!({"properties": {"title": {"type": "string"}, "examples": {"type": "array"}}});
    assert_eq!(compact_schema(&schema, 1000), Some(expected));
    assert_eq!(compact_schema(&schema, 20), None);
}

#[test]
fn tools_are_found_under_any_usual_spelling() {
    let entry = |server: &str, tool: &str| Entry {
        tool: Arc::new(Tool {
            key: ToolKey { server: ServerName::parse(server).unwrap(), tool: tool.to_owned() },
            title: String::new(),
            description: String::new(),
            input_schema: InputSchema::any_object(),
            effect: Effect::Read,
            is_idempotent: true,
            raw: "{}".into(),
        }),
        server_hints: Arc::new(Hints::default()),
        tool_hints: Arc::new(Hints::default()),
        vectors: Vec::new(),
    };
    let entries = vec![
        entry("git", "git_log"),
        entry("git.hub", "list.issues"),
        entry("other", "git_log"),
        entry("other", "run"),
    ];
    let snapshot = Snapshot::build(1, String::new(), 0, entries, &Options::default()).unwrap();
    let check = |text: &str, expected: Result<&str, &str>| match (resolve(&snapshot, text), expected) {
        (Ok(tool), Ok(expected)) => assert_eq!(tool.key.to_string(), expected),
        (Err(fault), Err(expected)) => assert!(fault.to_string().contains(expected), "{fault}"),
        (found, _) => panic!("{text}: {found:?}"),
    };
    check("git.git_log", Ok("git.git_log"));
    check("git/git_log", Ok("git.git_log"));
    check("git__git_log", Ok("git.git_log"));
    check("git.hub.list.issues", Ok("git.hub.list.issues"));
    check(" run ", Ok("other.run"));
    check("git_log", Err("git.git_log, other.git_log"));
    check("git.git_lag", Err("the nearest are git.git_log"));
    check("weather", Err("find_tool"));
}
