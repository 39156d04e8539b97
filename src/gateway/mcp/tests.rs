//! How calls are read that are not written as our schema says.

use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::arguments::Arguments;
use crate::operations::{Detail, ExecuteInput, FetchInput};

fn read(arguments: &Value) -> Arguments {
    let raw = RawValue::from_string(arguments.to_string()).unwrap();
    Arguments::parse(Some(&raw)).unwrap()
}

/// `request`, `tool` and `params` of the call, and whether something had to be taught.
fn check(arguments: Value, expected: (&str, Option<&str>, Option<Value>, bool)) {
    let ExecuteInput { request, tool, params, lessons, beside, .. } = read(&arguments).into_execute().unwrap();
    let is_odd = !lessons.is_empty() || !beside.is_empty();
    assert_eq!((request.as_str(), tool.as_deref(), params, is_odd), expected, "{arguments}");
}

#[test]
fn a_call_as_it_should_be_teaches_nothing() {
    check(json!({"request": "show the log"}), ("show the log", None, None, false));
    check(json!({"tool": "git.log", "params": {"n": 1}}), ("", Some("git.log"), Some(json!({"n": 1})), false));
    check(json!({"request": "x", "params": {}, "dry_run": true}), ("x", None, Some(json!({})), false));
}

#[test]
fn other_names_and_objects_in_texts_are_understood() {
    let params = || Some(json!({"n": 1}));
    check(json!({"query": "show", "args": {"n": 1}}), ("show", None, params(), false));
    check(json!({"tool_name": "git.log", "arguments": "{\"n\": 1}"}), ("", Some("git.log"), params(), false));
    check(json!({"server": "git", "tool": "log", "params": {"n": 1}}), ("", Some("git.log"), params(), false));
    check(json!({"server": "git", "tool": "git.log"}), ("", Some("git.log"), None, false));
    let text = Value::String(json!({"tool": "git.log"}).to_string());
    check(text, ("", Some("git.log"), None, false));
}

#[test]
fn arguments_in_the_wrong_slot_are_taken_and_taught() {
    let params = || Some(json!({"n": 1}));
    check(json!({"tool": "git.log", "n": 1}), ("", Some("git.log"), params(), true));
    check(
        json!({"tool": "git.log", "params": {"n": 1}, "m": 2}),
        ("", Some("git.log"), Some(json!({"n": 1, "m": 2})), true),
    );
    check(json!({"tool": {"name": "git.log", "arguments": {"n": 1}}}), ("", Some("git.log"), params(), true));
    check(json!({"request": {"tool": "git.log", "params": {"n": 1}}}), ("", Some("git.log"), params(), true));
    check(json!({"params": {"tool": "git.log", "params": {"n": 1}}}), ("", Some("git.log"), params(), true));
    check(json!({"request": "show", "n": 1}), ("show", None, params(), true));
    // A tool's own parameter that is called `name` or `tool` stays where it is.
    check(
        json!({"request": "greet", "params": {"name": "Anna"}}),
        ("greet", None, Some(json!({"name": "Anna"})), false),
    );
    check(json!({"params": {"name": "Anna"}}), ("", None, Some(json!({"name": "Anna"})), false));
    check(json!({"request": "x", "server": "git"}), ("x", None, Some(json!({"server": "git"})), true));
}

#[test]
fn a_call_written_as_text_keeps_its_arguments_or_is_refused() {
    let params = || Some(json!({"n": 1}));
    for text in ["git.log {\"n\": 1}", "git.log({\"n\": 1})", " git.log( {\"n\": 1} ) "] {
        check(json!({"tool": text}), ("", Some("git.log"), params(), true));
        check(json!({"request": text}), ("", Some("git.log"), params(), true));
    }
    check(json!({"tool": "git.log()"}), ("", Some("git.log"), Some(json!({})), true));
    let refused = |arguments: Value| read(&arguments).into_execute().unwrap_err();
    assert!(refused(json!({"tool": "git.log(n=1)"})).contains("nothing was run"));
    assert!(refused(json!({"request": "git.log(n=1)"})).contains("nothing was run"));
    check(json!({"request": "show the log (of today)"}), ("show the log (of today)", None, None, false));
    check(json!({"request": "notes.txt (the new one)"}), ("notes.txt (the new one)", None, None, false));
    check(json!({"request": "read notes.txt (the new one)"}), ("read notes.txt (the new one)", None, None, false));
}

#[test]
fn every_spelling_of_a_dry_run_is_one() {
    for name in ["dry_run", "dryRun", "dry-run"] {
        let mut arguments = json!({"tool": "git.log", "params": {"n": 1}});
        arguments[name] = json!(true);
        let input = read(&arguments).into_execute().unwrap();
        assert!(input.dry_run && input.beside.is_empty(), "{name}");
    }
}

#[test]
fn what_cannot_be_meant_is_refused_with_a_reason() {
    let check = |arguments: Value, expected: &str| {
        let fault = read(&arguments).into_execute().unwrap_err();
        assert!(fault.contains(expected), "{arguments}: {fault}");
    };
    check(json!({"request": 7}), "`request` must be a text");
    check(json!({"tool": ["git.log"]}), "`tool` must be a text");
    check(json!({"request": "x", "params": "not json"}), "must be an object");
    check(json!({"request": "x", "dry_run": "perhaps"}), "`dry_run` must be true or false");
}

#[test]
fn parts_of_results_are_asked_for_in_many_ways() {
    let check = |arguments: Value, expected: FetchInput| {
        assert_eq!(
            read(&arguments).into_fetch().unwrap(),
            FetchInput { handle: "r_1".to_owned(), ..expected },
            "{arguments}"
        );
    };
    let none = FetchInput::default;
    check(json!({"handle": "r_1", "grep": "", "offset": null}), none());
    check(json!({"id": "r_1", "start": "20", "limit": 5}), FetchInput { offset: Some(20), limit: Some(5), ..none() });
    for lines in [json!("3-7"), json!([3, 7]), json!("3:7"), json!(["3", "7"])] {
        check(json!({"handle": "r_1", "lines": lines}), FetchInput { lines: Some((3, 7)), ..none() });
    }
    check(json!({"handle": "r_1", "lines": 3}), FetchInput { lines: Some((3, 3)), ..none() });
    check(json!({"handle": "r_1", "regex": "a b"}), FetchInput { grep: Some("a b".to_owned()), ..none() });
    check(json!({"handle": "r_1", "json_path": "$.a"}), FetchInput { path: Some("$.a".to_owned()), ..none() });
    for arguments in [
        json!({}),
        json!({"handle": " "}),
        json!({"handle": "r_1", "lines": "7-3"}),
        json!({"handle": "r_1", "limit": -1}),
    ] {
        assert!(read(&arguments).into_fetch().is_err(), "{arguments}");
    }
}

#[test]
fn searches_read_their_detail_and_limit() {
    let input = read(&json!({"request": "x", "limit": "7", "detail": "full"})).into_find().unwrap();
    assert_eq!((input.query.as_str(), input.limit, input.detail), ("x", Some(7), Detail::Full));
    assert_eq!(read(&json!({"query": "x"})).into_find().unwrap().detail, Detail::Brief);
    assert!(read(&json!({"query": "x", "detail": "much"})).into_find().unwrap_err().contains("\"names\""));
}
