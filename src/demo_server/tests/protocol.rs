//! Both protocol eras, as a correct client sees them.

use serde_json::{Value, json};

use super::{Kind, Live, call, catalogue, flags, initialize, legacy, modern, raw_session, session};

fn check_error(line: &str, message: Value, code: i32) -> Value {
    let answers = session(line, std::slice::from_ref(&message));
    assert_eq!(answers.len(), 1, "{message}");
    assert_eq!(answers[0]["error"]["code"], code, "{message} gave {}", answers[0]);
    assert_eq!(answers[0]["id"], message["id"]);
    answers[0]["error"].clone()
}

#[test]
fn initialize_gives_the_asked_version_or_the_newest_legacy_one() {
    for (asked, given) in [
        ("2024-11-05", "2024-11-05"),
        ("2025-03-26", "2025-03-26"),
        ("2025-06-18", "2025-06-18"),
        ("2025-11-25", "2025-11-25"),
        ("2026-07-28", "2025-11-25"),
        ("1999-01-01", "2025-11-25"),
    ] {
        let answers = session("", &[legacy(0, "initialize", json!({"protocolVersion": asked}))]);
        assert_eq!(answers[0]["result"]["protocolVersion"], given);
        assert_eq!(answers[0]["result"]["serverInfo"]["name"], "mcporch-demo-bench");
    }
}

#[test]
fn a_legacy_session_works() {
    let initialized = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
    let messages = [
        initialize(),
        initialized,
        legacy(1, "ping", json!({})),
        legacy(2, "logging/setLevel", json!({"level": "info"})),
        legacy(3, "tools/list", json!({})),
        legacy(4, "tools/call", json!({"name": "echo_3", "arguments": {"size": 5}})),
        json!({"jsonrpc": "2.0", "id": "text id", "method": "tools/call", "params": {"name": "echo_0", "arguments": {"text": "a\"ü"}}}),
    ];
    let answers = session("", &messages);
    assert_eq!(answers.len(), 6);
    assert_eq!(answers[1]["result"], json!({}));
    assert_eq!(answers[3]["result"]["tools"].as_array().unwrap().len(), 10);
    assert_eq!(
        answers[4],
        json!({"jsonrpc": "2.0", "id": 4, "result": {"content": [{"type": "text", "text": "abcde"}]}})
    );
    assert_eq!(answers[5]["id"], "text id");
    assert_eq!(answers[5]["result"]["content"][0]["text"], "a\"ü");
}

#[test]
fn a_modern_request_needs_no_handshake() {
    let messages =
        [modern(1, "server/discover", json!({})), modern(2, "tools/list", json!({})), call(3, "echo_9", json!({}))];
    let answers = session("--name own", &messages);
    for answer in &answers {
        assert_eq!(answer["result"]["resultType"], "complete");
        assert_eq!(answer["result"]["_meta"]["io.modelcontextprotocol/serverInfo"]["name"], "own");
    }
    assert_eq!(answers[0]["result"]["supportedVersions"], json!(["2026-07-28"]));
    assert_eq!(answers[0]["result"]["cacheScope"], "public");
    assert_eq!(answers[1]["result"]["ttlMs"], 60_000);
    assert_eq!(answers[1]["result"]["cacheScope"], "public");
    assert_eq!(answers[2]["result"]["content"][0]["text"].as_str().unwrap().len(), 100);
}

#[test]
fn modern_metadata_is_checked() {
    check_error("", legacy(1, "tools/list", json!({})), -32602);
    check_error("", legacy(1, "server/discover", json!({})), -32602);
    let mut message = modern(1, "tools/list", json!({}));
    message["params"]["_meta"].as_object_mut().unwrap().remove("io.modelcontextprotocol/clientCapabilities");
    check_error("", message, -32602);
    for version in ["2099-01-01", "2025-11-25"] {
        let mut message = modern(1, "tools/call", json!({"name": "echo_0"}));
        message["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"] = json!(version);
        let error = check_error("", message, -32022);
        assert_eq!(error["data"], json!({"supported": ["2026-07-28"], "requested": version}));
    }
}

#[test]
fn each_era_can_be_alone() {
    check_error("--era legacy", modern(1, "server/discover", json!({})), -32601);
    let error = check_error("--era modern", initialize(), -32022);
    assert_eq!(error["data"]["requested"], "2025-11-25");
    check_error("--era modern", legacy(1, "ping", json!({})), -32602);
    check_error("--era modern", modern(1, "ping", json!({})), -32601);
    check_error("", modern(1, "logging/setLevel", json!({})), -32601);
    let answers = session("--era legacy", &[legacy(1, "tools/list", json!({}))]);
    assert!(answers[0]["result"]["tools"].is_array());
}

#[test]
fn faults_of_a_client_are_told_and_survived() {
    check_error("", call(7, "no_such_tool", json!({})), -32602);
    check_error("", modern(7, "resources/list", json!({})), -32601);
    check_error("", legacy(7, "tools/call", json!(["echo_0"])), -32602);
    check_error("", legacy(7, "tools/call", json!({"name": 5})), -32602);
    check_error("", modern(7, "tools/list", json!({"cursor": "nowhere"})), -32602);
    let input = b"{\"jsonrpc\":\n\n  \nnot json\n[{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}]\n{\"jsonrpc\":\"2.0\",\"id\":{},\"method\":\"ping\"}\n\"\xff\"\n{\"jsonrpc\":\"2.0\",\"id\":9,\"result\":{}}\n{\"jsonrpc\":\"2.0\",\"id\":5,\"method\":\"ping\"}";
    let (out, ended) = raw_session(&flags(""), input);
    ended.unwrap();
    let answers: Vec<Value> =
        String::from_utf8(out).unwrap().lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    let codes: Vec<&Value> = answers.iter().map(|answer| &answer["error"]["code"]).collect();
    assert_eq!(codes, [&json!(-32700), &json!(-32700), &json!(-32600), &json!(-32600), &json!(-32700), &Value::Null]);
    assert_eq!(answers[0]["id"], Value::Null);
    assert_eq!(answers[5], json!({"jsonrpc": "2.0", "id": 5, "result": {}}));
}

#[test]
fn pages_hold_each_tool_once_in_order() {
    let mut cursor = Value::Null;
    let mut names = Vec::new();
    loop {
        let params = if cursor.is_null() { json!({}) } else { json!({"cursor": cursor}) };
        let answer = session("--page 4", &[modern(1, "tools/list", params)]).remove(0);
        let page = answer["result"]["tools"].as_array().unwrap().clone();
        assert!(page.len() <= 4);
        names.extend(page.iter().map(|tool| tool["name"].as_str().unwrap().to_owned()));
        cursor = answer["result"]["nextCursor"].clone();
        if cursor.is_null() {
            break;
        }
    }
    assert_eq!(names, (0..10).map(|n| format!("echo_{n}")).collect::<Vec<_>>());
}

#[test]
fn a_slow_task_reports_progress_and_blocks_nobody() {
    let mut live = Live::start("--kind misbehave");
    live.send(&modern(1, "tools/call", json!({"name": "slow_task", "arguments": {"seconds": 600}})));
    let token = json!({"name": "slow_task", "arguments": {"seconds": 0, "steps": 3}, "_meta": {"progressToken": "p"}});
    live.send(&modern(2, "tools/call", token));
    for done in 1..=3 {
        let progress = live.receive();
        assert_eq!(progress["method"], "notifications/progress");
        assert_eq!(progress["params"]["progressToken"], "p");
        assert_eq!(progress["params"]["progress"], done);
        assert_eq!(progress["params"]["total"], 3);
    }
    assert_eq!(live.receive()["id"], 2);
    live.send(&call(3, "echo", json!({"text": "quick"})));
    assert_eq!(live.receive()["id"], 3);
    let (rest, ended) = live.end();
    ended.unwrap();
    assert_eq!(rest, "", "the first task was stopped by the end of the session");
}

#[test]
fn a_cancelled_task_is_never_answered() {
    let mut live = Live::start("--kind bench");
    live.send(&call(1, "slow_task", json!({"seconds": 600})));
    live.send(&json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}}));
    live.send(&json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": "unknown"}}));
    live.send(&call(2, "echo_1", json!({})));
    assert_eq!(live.receive()["id"], 2);
    let (rest, ended) = live.end();
    ended.unwrap();
    assert_eq!(rest, "");
}

#[test]
fn a_subscription_is_acknowledged_told_and_closed() {
    let wanted = json!({"notifications": {"toolsListChanged": true, "promptsListChanged": true}});
    let messages = [
        modern(5, "subscriptions/listen", wanted.clone()),
        modern(6, "subscriptions/listen", json!({"notifications": {}})),
        modern(7, "subscriptions/listen", wanted),
        json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 7}}),
        call(8, "echo_1", json!({})),
        modern(9, "tools/list", json!({})),
    ];
    let answers = session("--change-tools-after-calls 1", &messages);
    let of = |id: u32| json!({"io.modelcontextprotocol/subscriptionId": id});
    assert_eq!(answers[0]["method"], "notifications/subscriptions/acknowledged");
    assert_eq!(answers[0]["params"], json!({"_meta": of(5), "notifications": {"toolsListChanged": true}}));
    assert_eq!(answers[1]["params"]["notifications"], json!({}));
    assert_eq!(answers[3]["id"], 8);
    assert_eq!(answers[4]["method"], "notifications/tools/list_changed");
    assert_eq!(answers[4]["params"]["_meta"], of(5));
    assert_eq!(answers[5]["id"], 9);
    assert_eq!(answers[6]["id"], 5, "closed at the end");
    assert_eq!(answers[6]["result"]["resultType"], "complete");
    assert_eq!(answers.len(), 7);
}

#[test]
fn the_catalogue_has_about_fifty_well_formed_tools() {
    let mut count = 0;
    let mut names = std::collections::BTreeSet::new();
    for server in catalogue() {
        assert!(server.description.ends_with('.') && server.keywords.len() >= 6, "{}", server.name);
        let tools = server.kind.demo_tools();
        assert!(tools.len() >= 5, "{}", server.name);
        for tool in tools {
            count += 1;
            assert!(names.insert(tool.name), "{} is there twice", tool.name);
            let object: Value = serde_json::from_str(&tool.to_json()).unwrap();
            assert!(tool.description.len() >= 20 && tool.description.ends_with('.'), "{}", tool.name);
            assert!(jsonschema::meta::is_valid(&object["inputSchema"]), "{}", tool.name);
            let properties = object["inputSchema"]["properties"].as_object().unwrap();
            assert!(
                properties.values().all(|p| p["description"].is_string() && p["type"] != Value::Null),
                "{}",
                tool.name
            );
            assert!(tool.required.iter().all(|name| properties.contains_key(*name)), "{}", tool.name);
            if let Some(output) = object.get("outputSchema") {
                assert!(jsonschema::meta::is_valid(output), "{}", tool.name);
            }
            assert!(object["annotations"]["readOnlyHint"].is_boolean());
        }
    }
    assert!(catalogue().len() >= 7 && (40..=60).contains(&count), "{count} tools");
    assert!(Kind::Bench.demo_tools().is_empty());
}

#[test]
fn a_tool_fault_is_an_error_result_that_helps() {
    for (arguments, expected) in [
        (json!({}), "\"expression\" is missing"),
        (json!({"expression": 5}), "must be a text, not 5"),
        (json!({"expression": "1/0"}), "division by zero"),
        (json!({"expresion": "1"}), "no argument \"expresion\"; known are: expression"),
        (json!([1]), "must be a JSON object"),
    ] {
        let answer = session("--kind maths", &[call(1, "evaluate_expression", arguments)]).remove(0);
        assert_eq!(answer["result"]["isError"], true);
        let text = answer["result"]["content"][0]["text"].as_str().unwrap();
        assert!(text.contains(expected), "{text}");
    }
    let answer =
        session("--kind maths", &[call(1, "evaluate_expression", json!({"expression": "12 times 7"}))]).remove(0);
    assert_eq!(answer["result"]["structuredContent"], json!({"result": 84.0}));
}
