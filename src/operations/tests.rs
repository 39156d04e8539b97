//! Tools in few words, and their names in any spelling.

use std::sync::Arc;

use serde_json::{Value, json};

use super::mend_params::mend;
use super::plans::Plans;
use super::resolve::resolve;
use super::{compact_schema, first_sentence, schema_within, signature};
use crate::domain::{Effect, EffectSource, Hints, InputSchema, ServerName, Tool, ToolKey};
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
        tool: a_tool(server, tool),
        server_hints: Arc::new(Hints::default()),
        tool_hints: Arc::new(Hints::default()),
        vectors: Vec::new(),
        examples: Vec::new(),
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
    check("a_server_that_is_not_there.git_lag", Err("the nearest are git.git_log, other.git_log"));
    check("weather", Err("find_tool"));
}

fn a_tool(server: &str, tool: &str) -> Arc<Tool> {
    Arc::new(Tool {
        key: ToolKey { server: ServerName::parse(server).unwrap(), tool: tool.to_owned() },
        title: String::new(),
        description: String::new(),
        input_schema: InputSchema::any_object(),
        effect: Effect::Read,
        effect_source: EffectSource::Announced,
        is_idempotent: true,
        raw: "{}".into(),
    })
}

#[test]
fn parameters_that_can_only_be_meant_in_one_way_are_mended() {
    let schema = json!({"properties": {
        "repo_path": {"type": "string"}, "count": {"type": "integer"}, "ratio": {"type": "number"}, "force": {"type": "boolean"},
        "tags": {"type": "array", "items": {"type": "string"}}, "any": {}, "either": {"anyOf": [{"type": "integer"}, {"type": "null"}]}}});
    let check = |params: Value, expected: Option<Value>| {
        assert_eq!(mend(&schema, &params).map(|(mended, _)| mended), expected, "{params}");
    };
    check(json!({"repoPath": "."}), Some(json!({"repo_path": "."})));
    check(json!({"Repo-Path": ".", "repo_path": "/"}), None);
    check(json!({"repoPath": "a", "repo-path": "b"}), None);
    check(json!({"count": "5"}), Some(json!({"count": 5})));
    check(json!({"count": "5.5"}), None);
    check(json!({"count": "five"}), None);
    check(json!({"ratio": "0.5"}), Some(json!({"ratio": 0.5})));
    check(json!({"force": "Yes"}), Some(json!({"force": true})));
    check(json!({"tags": "a"}), Some(json!({"tags": ["a"]})));
    check(json!({"tags": "[\"a\", \"b\"]"}), Some(json!({"tags": ["a", "b"]})));
    check(json!({"repo_path": 7}), Some(json!({"repo_path": "7"})));
    check(json!({"either": "3"}), Some(json!({"either": 3})));
    check(json!({"any": "3"}), None);
    check(json!({"repo_path": ".", "count": 5}), None);
    check(json!({"unknown": 1}), None);
    let (_, told) = mend(&schema, &json!({"repoPath": ".", "count": "5"})).unwrap();
    assert_eq!(told, ["`repoPath` was read as `repo_path`", "`count` was read as a number"]);
}

#[test]
fn a_schema_that_is_too_long_loses_words_first_and_required_parameters_never() {
    let long = "Long words about it. ".repeat(20);
    let property = || json!({"type": "string", "description": long});
    let schema = json!({"type": "object", "required": ["a"], "properties": {"a": property(), "b": property(), "c": {"enum": (0..40).collect::<Vec<_>>()}}});
    let whole = schema.to_string().len();
    assert_eq!(schema_within(&schema, whole), Some(schema.clone()));
    let mut last = whole;
    for bytes_max in [700, 320, 240, 110] {
        let slim = schema_within(&schema, bytes_max).unwrap();
        let len = slim.to_string().len();
        assert!(len <= bytes_max && len <= last, "{slim}");
        assert!(slim["properties"]["a"].is_object(), "{slim}");
        last = len;
    }
    let least = schema_within(&schema, 110).unwrap();
    assert_eq!(least["optional"], json!(["b", "c"]));
    assert_eq!(schema_within(&schema, 20), None);
}

#[tokio::test(start_paused = true)]
async fn a_plan_runs_once_and_only_what_it_was_made_for() {
    let plans = Plans::new(std::time::Duration::from_secs(60));
    let fault = |id: &str, generation: u64| plans.take(id, generation).unwrap_err().to_string();
    let issue = || plans.issue(&a_tool("git", "log"), &json!({"n": 1}), 7);
    let id = issue();
    assert_eq!(plans.look(&id, 7).unwrap().params, json!({"n": 1}), "to look does not use it up");
    let plan = plans.take(&format!(" {id} "), 7).unwrap();
    assert_eq!((plan.tool.key.to_string(), plan.params), ("git.log".to_owned(), json!({"n": 1})));
    assert!(fault(&id, 7).contains("used already"));
    assert!(fault("p0000000", 7).contains("no plan"));
    let id = issue();
    assert!(fault(&id, 8).contains("tools have changed"));
    assert!(fault(&id, 7).contains("used already"), "a refused plan is gone too");
    let id = issue();
    tokio::time::advance(std::time::Duration::from_secs(61)).await;
    assert!(fault(&id, 7).contains("lapsed after 60 s"));
    let first = issue();
    let ids: std::collections::BTreeSet<String> = (0..300).map(|_| issue()).collect();
    assert_eq!(ids.len(), 300);
    assert!(plans.take(&first, 7).is_err(), "the oldest goes when there are too many");
}
