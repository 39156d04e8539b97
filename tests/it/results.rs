//! Large results: a handle in their place, and all of them out of it again.

use serde_json::{Value, json};

use crate::harness::{Client, Home, text};

/// A client of a server that says back what it is told, where more than 5,000 bytes are given as a handle.
fn connected(home: &Home) -> Client {
    home.connect()
}

fn bench() -> Home {
    Home::new().with("bench", &["--kind", "bench"]).set("results.inline_bytes_max=5000")
}

/// Lets the server answer this text; gives the answer.
fn say(client: &mut Client, said: &str) -> Value {
    client.execute("bench.echo_0", &json!({"text": said}))
}

fn handle(result: &Value) -> String {
    let data = &result["structuredContent"];
    assert_eq!(data["outcome"], "large_result", "{result}");
    data["handle"].as_str().unwrap().to_owned()
}

fn numbered(lines: usize) -> String {
    (1..=lines).map(|number| format!("line {number}: the \"quick\" brown föx\n")).collect()
}

#[test]
fn a_large_result_comes_out_of_its_handle_whole() {
    let home = bench();
    let mut client = connected(&home);
    let whole = numbered(2_000);
    let result = say(&mut client, &whole);
    let handle = handle(&result);
    let data = &result["structuredContent"];
    assert_eq!((&data["server"], &data["tool"]), (&json!("bench"), &json!("echo_0")));
    assert_eq!(data["preview"]["chars_total"], whole.chars().count());
    assert!(data["bytes"].as_u64().unwrap() > whole.len() as u64);
    assert!(whole.starts_with(data["preview"]["text"].as_str().unwrap()));
    assert_eq!(result["_meta"]["mcporch/route"]["tool"], "echo_0");
    let shown = text(&result, 0);
    assert!(
        shown.contains(&handle) && shown.contains(data["next"].as_str().unwrap()) && shown.len() < 5_000,
        "{shown}"
    );
    let mut again = String::new();
    loop {
        let offset = again.chars().count();
        let page = client.call("fetch_result", &json!({"handle": handle, "offset": offset}));
        again.push_str(text(&page, 0));
        assert!(text(&page, 0).len() <= 5_000, "a page is within the client's bound");
        if page["_meta"]["mcporch/fetch"]["next"].is_null() {
            assert!(text(&page, 1).ends_with("this is the end"), "{page}");
            break;
        }
    }
    assert!(again == whole);
    let short = say(&mut client, "short");
    assert_eq!(text(&short, 0), "short");
}

#[test]
fn a_handle_is_read_by_lines_pattern_path_and_words() {
    let home = bench();
    let mut client = connected(&home);
    let result = say(&mut client, &numbered(2_000));
    let handle_of_lines = handle(&result);
    let mut fetch = |mut arguments: Value| {
        arguments["handle"] = json!(handle_of_lines);
        client.call("fetch_result", &arguments)
    };
    let lines = fetch(json!({"lines": "1500-1501"}));
    assert!(text(&lines, 0).starts_with("line 1500:") && text(&lines, 0).lines().count() == 2, "{lines}");
    let grep = fetch(json!({"grep": "^line 19\\d9:", "context": 0}));
    assert!(text(&grep, 0).starts_with("1909: line 1909: the"), "{grep}");
    assert!(text(&grep, 1).contains("matches 1 to 10 of 10"), "{grep}");
    let some = fetch(json!({"pattern": "line", "limit": "2", "context": 0}));
    assert_eq!(some["_meta"]["mcporch/fetch"]["found"], 2_000);
    assert!(text(&some, 1).contains("\"offset\": 2"), "{some}");
    let words = fetch(json!({"query": "line 1234", "limit": 1}));
    assert!(text(&words, 0).contains("line 1234") && text(&words, 1).contains("passages"), "{words}");
    for (arguments, fault) in [
        (json!({"path": "$.a"}), "no JSON"),
        (json!({"grep": "("}), "no pattern"),
        (json!({"grep": "a", "query": "b"}), "one of"),
        (json!({"offset": 10_000_000}), "behind the end"),
        (json!({"block": 1}), "block 1"),
        (json!({"lines": "x"}), "10-40"),
        (json!({"offset": "x"}), "whole number"),
    ] {
        let refused = fetch(arguments.clone());
        assert!(refused["isError"] == true && text(&refused, 0).contains(fault), "{arguments}: {refused}");
    }
    let items: Vec<Value> = (0..500).map(|id| json!({"id": id, "name": format!("n{id}")})).collect();
    let result = say(&mut client, &json!({"items": items}).to_string());
    assert_eq!(
        result["structuredContent"]["preview"]["shape"],
        "{\"items\": [500 × {\"id\": integer, \"name\": text}]}"
    );
    let found = client.call("fetch_result", &json!({"handle": handle(&result), "path": "$.items[?@.id == 499].name"}));
    assert_eq!(text(&found, 0), "\"n499\"");
}

#[test]
fn handles_of_others_and_unknown_ones_are_not_told_apart_and_missing_ones_are_asked_for() {
    let home = bench();
    let mut client = connected(&home);
    let unknown = client.call("fetch_result", &json!({"handle": "r_nothing"}));
    assert!(unknown["isError"] == true && text(&unknown, 0).contains("call the tool again"), "{unknown}");
    let none = client.call("fetch_result", &json!({}));
    assert!(none["isError"] == true && text(&none, 0).contains("`handle` is missing"), "{none}");
}

#[test]
fn an_error_of_the_tool_stays_one_and_a_result_over_the_cap_is_refused_by_name() {
    let home = Home::new()
        .with("culprit", &["--giant-result", "90000"])
        .set("results.inline_bytes_max=5000")
        .set("results.result_bytes_max=80000");
    let mut client = connected(&home);
    let result = client.execute("culprit.echo_0", &json!({}));
    assert_eq!(result["isError"], true, "{result}");
    assert!(text(&result, 0).contains("results.result_bytes_max (80000)"), "{result}");
    assert!(text(&result, 0).contains("ran, but"), "{result}");
}

#[test]
fn the_tool_is_listed_where_there_may_be_handles_and_zero_hands_over_all() {
    let listed = |home: &Home| {
        let mut client = home.connect();
        let answer = client.ask("tools/list", &json!({}));
        answer["result"]["tools"].as_array().unwrap().iter().any(|tool| tool["name"] == "fetch_result")
    };
    assert!(listed(&bench()));
    let home = Home::new().with("culprit", &["--giant-result", "5000000"]).set("results.inline_bytes_max=0");
    assert!(!listed(&home));
    let mut client = connected(&home);
    assert_eq!(text(&client.execute("culprit.echo_0", &json!({})), 0).len(), 5_000_000);
    // The command line gets all, whatever the setting.
    let home = bench().set("results.inline_bytes_max=1000");
    let whole = numbered(500);
    let ran = home.run(&["call", "bench.echo_0", "--params", &json!({"text": whole}).to_string(), "--json"]);
    assert!(text(&ran.json()["result"], 0) == whole);
}

#[test]
fn a_modern_client_gets_what_its_era_wants() {
    let home = bench();
    let mut client = home.start();
    let mut call = |name: &str, arguments: Value| {
        let meta = json!({
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {},
        });
        let answer = client.ask("tools/call", &json!({"name": name, "arguments": arguments, "_meta": meta}));
        answer["result"].clone()
    };
    let large = call("execute", json!({"tool": "bench.echo_0", "params": {"text": numbered(500)}}));
    let page = call("fetch_result", json!({"handle": handle(&large), "limit": 4}));
    for result in [&large, &page] {
        assert_eq!(result["resultType"], "complete", "{result}");
        assert_eq!(result["_meta"]["io.modelcontextprotocol/serverInfo"]["name"], "mcporch");
    }
    assert_eq!(text(&page, 0), "line");
}
