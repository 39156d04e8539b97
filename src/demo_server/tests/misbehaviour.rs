//! Every misbehaviour that can be seen through a pipe.

use std::fs;

use serde_json::{Value, json};

use super::{Live, call, flags, initialize, legacy, modern, raw_session, session, to_lines};
use crate::demo_server::{Error, Moment};

fn lines(line: &str, messages: &[Value]) -> (Vec<String>, Result<(), Error>) {
    let (out, ended) = raw_session(&flags(line), &to_lines(messages));
    (String::from_utf8_lossy(&out).lines().map(str::to_owned).collect(), ended)
}

fn list() -> Value {
    modern(1, "tools/list", json!({}))
}

fn listed(line: &str) -> Vec<Value> {
    session(line, &[list()]).remove(0)["result"]["tools"].as_array().unwrap().clone()
}

#[test]
fn it_hangs_where_it_is_told() {
    let messages = [modern(0, "server/discover", json!({})), initialize(), list(), call(2, "echo_0", json!({}))];
    for (line, ids) in [
        ("--hang-at start", vec![]),
        ("--hang-at discover", vec![0, 1, 2]),
        ("--silent-discover", vec![0, 1, 2]),
        ("--hang-at initialize", vec![0, 1, 2]),
        ("--hang-at list", vec![0, 0, 2]),
        ("--hang-at call", vec![0, 0, 1]),
    ] {
        let answers = session(line, &messages);
        let got: Vec<i64> = answers.iter().map(|answer| answer["id"].as_i64().unwrap()).collect();
        assert_eq!(got, ids, "{line}");
    }
}

#[test]
fn it_exits_where_it_is_told() {
    let messages = [initialize(), list(), call(2, "echo_0", json!({})), call(3, "echo_0", json!({}))];
    for (line, answered, moment) in [
        ("--exit-at start --exit-code 7", 0, Moment::Start),
        ("--exit-at initialize --exit-code 7", 0, Moment::Initialize),
        ("--exit-at list --exit-code 7", 1, Moment::List),
        ("--exit-at call --exit-code 7", 2, Moment::Call),
        ("--crash-after-calls 1 --exit-code 7", 3, Moment::Call),
    ] {
        let (out, ended) = lines(line, &messages);
        assert_eq!(out.len(), answered, "{line}");
        let error = ended.unwrap_err();
        assert!(matches!(error, Error::AskedToExit { moment: at, .. } if at == moment), "{line}: {error}");
        assert_eq!(error.exit_code(), 7);
    }
    let (out, ended) = lines("--kind misbehave", &[call(1, "crash", json!({}))]);
    assert!(out.is_empty() && ended.is_err());
}

#[test]
fn it_can_die_of_an_unknown_first_message() {
    let (_, ended) = lines("--exit-on-unknown-first --exit-code 3", &[modern(1, "server/discover", json!({}))]);
    assert_eq!(ended.unwrap_err().exit_code(), 3);
    let (out, ended) = lines("--exit-on-unknown-first", &[initialize(), legacy(1, "ping", json!({}))]);
    ended.unwrap();
    assert_eq!(out.len(), 2);
}

#[test]
fn noise_stands_before_and_between_answers() {
    let (out, ended) = lines("--noise 2", &[list(), call(2, "echo_0", json!({}))]);
    ended.unwrap();
    let is_message = |line: &String| line.contains("jsonrpc");
    assert_eq!(out.iter().map(is_message).collect::<Vec<_>>(), [false, false, true, false, false, true, false, false]);
    assert!(serde_json::from_str::<Value>(&out[0]).is_err());
    assert!(serde_json::from_str::<Value>(&out[1]).is_ok());
}

#[test]
fn answers_can_be_doubled_misaddressed_and_of_wrong_types() {
    let (out, _) = lines("--answer-twice", &[call(2, "echo_0", json!({}))]);
    assert_eq!(out.len(), 2);
    assert_eq!(out[0], out[1]);

    let answers = session("--answer-wrong-id", &[list(), call(2, "echo_0", json!({}))]);
    assert_eq!(answers[0]["id"], 1);
    assert_ne!(answers[1]["id"], 2);

    let answers = session("--answer-wrong-types", &[list(), call(2, "echo_0", json!({}))]);
    assert!(answers[0]["result"]["tools"].is_string());
    assert!(answers[1]["result"]["content"].is_string());
}

#[test]
fn results_and_lines_can_be_giant() {
    let answers = session("--kind maths --giant-result 2000000", &[call(1, "random_numbers", json!({}))]);
    assert_eq!(answers[0]["result"]["content"][0]["text"].as_str().unwrap().len(), 2_000_000);

    let messages = [call(1, "echo_0", json!({})), list(), call(2, "echo_0", json!({})), call(3, "echo_0", json!({}))];
    let (out, ended) = lines("--giant-line 5000", &messages);
    ended.unwrap();
    assert_eq!(out.iter().map(|line| line.len() == 5000).collect::<Vec<_>>(), [true, false, true, true]);
    assert!(out[1].contains("tools"), "the next message starts a new line");
}

#[test]
fn bytes_can_be_no_utf8() {
    let (out, ended) = raw_session(&flags("--invalid-utf8"), &to_lines(&[call(1, "echo_0", json!({}))]));
    ended.unwrap();
    assert!(String::from_utf8(out).is_err());
}

#[test]
fn the_list_can_be_faulty() {
    let tools = listed("--giant-description 100000");
    assert_eq!(tools[0]["description"].as_str().unwrap().len(), 100_000);
    assert_eq!(tools.len(), 10);

    let tools = listed("--tool-without-schema --tool-without-name --duplicate-tool");
    assert_eq!(tools.len(), 13);
    assert_eq!(tools[10]["name"], "echo_0");
    assert_ne!(tools[10]["description"], tools[0]["description"]);
    assert_eq!(tools[11]["inputSchema"], Value::Null);
    assert_eq!(tools[12]["name"], Value::Null);
    let answers = session("--tool-without-schema", &[call(1, "without_schema", json!({"a": 1}))]);
    assert_eq!(answers[0]["result"]["content"][0]["text"], "{\"a\":1}");
}

#[test]
fn tools_change_after_calls_and_legacy_clients_are_told() {
    let messages = [
        initialize(),
        call(1, "echo_0", json!({})),
        call(2, "echo_0", json!({})),
        legacy(3, "tools/list", json!({})),
        call(4, "added_later", json!({"x": 2})),
        call(5, "echo_0", json!({})),
    ];
    let answers = session("--change-tools-after-calls 2", &messages);
    assert_eq!(answers[3]["method"], "notifications/tools/list_changed");
    let names: Vec<&str> =
        answers[4]["result"]["tools"].as_array().unwrap().iter().map(|tool| tool["name"].as_str().unwrap()).collect();
    assert_eq!((names[0], names[9], names.len()), ("echo_1", "added_later", 10));
    assert_eq!(answers[5]["result"]["content"][0]["text"], "{\"x\":2}");
    assert_eq!(answers[6]["error"]["code"], -32602);
}

#[test]
fn nobody_is_told_of_a_change_without_asking() {
    let answers = session("--change-tools-after-calls 1", &[call(1, "echo_0", json!({})), list()]);
    assert_eq!(answers.len(), 2);
    assert_eq!(answers[1]["result"]["tools"][0]["name"], "echo_1");
}

#[test]
fn every_nth_call_fails() {
    let messages: Vec<Value> = (1..=6).map(|id| call(id, "echo_0", json!({}))).collect();
    let answers = session("--error-every 3", &messages);
    let failed: Vec<bool> = answers.iter().map(|answer| answer["result"]["isError"] == true).collect();
    assert_eq!(failed, [false, false, true, false, false, true]);
    let answers = session("--kind misbehave", &[call(1, "fail", json!({}))]);
    assert_eq!(answers[0]["result"]["isError"], true);
}

#[test]
fn output_closes_after_some_answers_and_the_server_reads_on() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("seen.jsonl");
    let line = format!("--close-stdout-after 2 --record {}", file.display());
    let messages: Vec<Value> = (1..=4).map(|id| call(id, "echo_0", json!({}))).collect();
    let (out, ended) = lines(&line, &messages);
    ended.unwrap();
    assert_eq!(out.len(), 2);
    assert_eq!(fs::read_to_string(&file).unwrap().into_bytes(), to_lines(&messages));
    lines(&line, &messages[..1]).1.unwrap();
    assert_eq!(fs::read_to_string(&file).unwrap().lines().count(), 5, "a second run appends");
}

#[test]
fn a_slow_list_blocks_nobody() {
    let mut live = Live::start("--slow-list 600000");
    live.send(&list());
    live.send(&call(2, "echo_0", json!({})));
    assert_eq!(live.receive()["id"], 2);
    live.end().1.unwrap();
    let mut live = Live::start("--slow-list 1 --slow-start 1");
    live.send(&list());
    assert_eq!(live.receive()["result"]["tools"].as_array().unwrap().len(), 10);
    live.end().1.unwrap();
}

#[test]
fn custom_tools_come_from_a_file_or_are_generated() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tools.json");
    fs::write(&file, r#"[{"name":"a","x-own": 1e400,"inputSchema":{"type":"object"}}, {"name":5}, "no object"]"#)
        .unwrap();
    let (out, ended) =
        lines(&format!("--kind custom --tools {}", file.display()), &[list(), call(2, "a", json!({"b": [1]}))]);
    ended.unwrap();
    assert!(out[0].contains(r#"{"name":"a","x-own": 1e400,"inputSchema":{"type":"object"}},{"name":5},"no object""#));
    assert!(out[1].contains(r#""text":"{\"b\":[1]}""#));

    let tools = listed("--kind custom --tool-count 20000");
    let names: std::collections::BTreeSet<&str> = tools.iter().map(|tool| tool["name"].as_str().unwrap()).collect();
    let descriptions: std::collections::BTreeSet<&str> =
        tools.iter().map(|tool| tool["description"].as_str().unwrap()).collect();
    assert_eq!(names.len(), 20_000);
    assert_eq!(descriptions.len(), 10_000, "16 verbs, 25 nouns, 25 places");
    assert!(names.iter().all(|name| name.len() <= 64));
}

#[test]
fn flags_that_cannot_be_served_are_told() {
    for (line, expected) in [
        ("--kind custom", "needs --tools FILE or --tool-count N"),
        ("--kind custom --tools no-such-file", "cannot use no-such-file named by --tools"),
        ("--kind custom --tools Cargo.toml", "Cargo.toml named by --tools is no JSON list"),
        ("--record no-such-folder/file", "named by --record"),
    ] {
        let error = lines(line, &[]).1.unwrap_err();
        assert!(error.to_string().contains(expected), "{line}: {error}");
        assert_eq!(error.exit_code(), 2);
    }
}
