//! MCP as a client sees it, in both eras.

use serde_json::{Value, json};

use crate::harness::{Client, Home, descendants, initialize_params, text};

const META: &str = "io.modelcontextprotocol/protocolVersion";

fn modern(mut params: Value) -> Value {
    params["_meta"][META] = "2026-07-28".into();
    params["_meta"]["io.modelcontextprotocol/clientCapabilities"] = json!({});
    params
}

fn tool_names(answer: &Value) -> Vec<&str> {
    answer["result"]["tools"].as_array().unwrap().iter().map(|tool| tool["name"].as_str().unwrap()).collect()
}

fn bench() -> Home {
    Home::new().with("bench", &["--kind", "bench"])
}

#[test]
fn every_legacy_version_is_spoken_and_others_get_our_newest() {
    let check = |asked: &str, expected: &str| {
        let home = bench();
        let mut client = home.start();
        let answer = client.ask("initialize", &initialize_params(asked));
        assert_eq!(answer["result"]["protocolVersion"], expected, "{answer}");
        assert_eq!(answer["result"]["capabilities"], json!({"tools": {"listChanged": true}}));
    };
    for version in ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"] {
        check(version, version);
    }
    check("2026-07-28", "2025-11-25");
    check("1999-01-01", "2025-11-25");
}

#[test]
fn the_client_sees_our_tools_in_both_eras_and_find_tool_names_what_is_connected() {
    let home = bench().with("clock", &["--kind", "clock"]);
    assert_eq!(home.run(&["index", "rebuild"]).code, 0);
    let expected = ["find_tool", "execute", "list_capabilities", "explain_tool", "fetch_result"];
    let mut client = home.connect();
    let legacy = client.ask("tools/list", &json!({}));
    assert_eq!(tool_names(&legacy), expected);
    let described = legacy["result"]["tools"][0]["description"].as_str().unwrap();
    assert!(
        described.contains("bench") && described.contains("clock") && described.contains("16 tools"),
        "{described}"
    );
    let modern = client.ask("tools/list", &modern(json!({})));
    assert_eq!(tool_names(&modern), expected);
    assert_eq!(modern["result"]["resultType"], "complete");
    assert_eq!(modern["result"]["cacheScope"], "private");
    assert!(modern["result"]["ttlMs"].is_u64());
    assert_eq!(modern["result"]["tools"], legacy["result"]["tools"]);
}

#[test]
fn nothing_is_started_for_hello_and_the_list_when_all_is_known() {
    let home = bench().with("clock", &["--kind", "clock"]);
    assert_eq!(home.run(&["index", "rebuild"]).code, 0);
    let mut client = home.connect();
    client.ask("tools/list", &json!({}));
    client.call("find_tool", &json!({"query": "what time is it"}));
    client.call("list_capabilities", &json!({}));
    assert_eq!(descendants(client.pid()), Vec::<u32>::new());
}

#[test]
fn a_modern_client_discovers_us_and_its_version_is_checked() {
    let home = bench();
    let mut client = home.start();
    let found = client.ask("server/discover", &modern(json!({})));
    assert_eq!(found["result"]["supportedVersions"], json!(["2026-07-28"]));
    assert_eq!(found["result"]["resultType"], "complete");
    assert_eq!(found["result"]["_meta"]["io.modelcontextprotocol/serverInfo"]["name"], "mcporch");
    let refused = client.ask("tools/list", &json!({"_meta": {META: "2031-01-01"}}));
    assert_eq!(refused["error"]["code"], -32022);
    assert_eq!(refused["error"]["data"], json!({"supported": ["2026-07-28"], "requested": "2031-01-01"}));
    let missing = client.ask("tools/list", &json!({}));
    assert_eq!(missing["error"]["code"], -32602, "{missing}");
    assert_eq!(client.ask("ping", &json!({}))["result"], json!({}));
}

#[test]
fn a_tools_own_result_passes_and_says_how_it_was_routed() {
    let home = bench();
    let mut client = home.connect();
    let result = client.execute("bench.echo_0", &json!({"text": "quoted \"once\""}));
    assert_eq!(text(&result, 0), "quoted \"once\"");
    assert_eq!(result["content"].as_array().unwrap().len(), 1, "a named tool's content is its own");
    let route = &result["_meta"]["mcporch/route"];
    assert_eq!(
        (&route["outcome"], &route["server"], &route["tool"]),
        (&json!("done"), &json!("bench"), &json!("echo_0"))
    );
    assert_eq!(route["confidence"], 1.0);
    assert!(result.get("resultType").is_none());
    let params = modern(json!({"name": "execute", "arguments": {"tool": "bench.echo_1", "params": {"text": "x"}}}));
    let modern = client.ask("tools/call", &params);
    assert_eq!(modern["result"]["resultType"], "complete");
    assert_eq!(modern["result"]["_meta"]["io.modelcontextprotocol/serverInfo"]["name"], "mcporch");
    assert_eq!(text(&modern["result"], 0), "x");
}

#[test]
fn both_eras_of_servers_are_called() {
    for era in ["legacy", "modern", "both"] {
        let home = Home::new().with("s", &["--kind", "bench", "--era", era]);
        let mut client = home.connect();
        let result = client.execute("s.echo_0", &json!({"text": era}));
        assert_eq!(text(&result, 0), era);
    }
}

#[test]
fn sixteen_large_answers_at_once_all_arrive_at_the_right_request() {
    let home = bench();
    let mut client = home.connect();
    let ids: Vec<(u64, usize)> = (0..16)
        .map(|number| {
            let size = 10_000 + number;
            let arguments = json!({"tool": format!("bench.echo_{}", number % 10), "params": {"size": size}});
            (client.send("tools/call", &json!({"name": "execute", "arguments": arguments})), size)
        })
        .collect();
    for (id, size) in ids {
        assert_eq!(text(&client.answer(id)["result"], 0).len(), size);
    }
}

#[test]
fn progress_comes_under_the_clients_own_token() {
    let home = Home::new().with("slow", &["--kind", "misbehave"]);
    let mut client = home.connect();
    let arguments = json!({"tool": "slow.slow_task", "params": {"seconds": 0.2, "steps": 4}});
    let id = client
        .send("tools/call", &json!({"name": "execute", "arguments": arguments, "_meta": {"progressToken": "mine"}}));
    let progress = client.notification("notifications/progress");
    assert_eq!(progress["params"]["progressToken"], "mine");
    assert!(progress["params"]["progress"].is_number());
    assert!(client.answer(id)["result"]["isError"] != true);
}

#[test]
fn a_cancelled_call_is_cancelled_at_the_server_and_never_answered() {
    let home = Home::new();
    let record = home.file("record");
    let home = home.with("slow", &["--kind", "misbehave", "--record", record.to_str().unwrap()]);
    let mut client = home.connect();
    let arguments = json!({"tool": "slow.slow_task", "params": {"seconds": 30, "steps": 300}});
    let params = json!({"name": "execute", "arguments": arguments, "_meta": {"progressToken": 1}});
    let id = client.send("tools/call", &params);
    client.notification("notifications/progress");
    client.notify("notifications/cancelled", &json!({"requestId": id}));
    crate::harness::wait_for("the server to hear of it", || {
        std::fs::read_to_string(&record).unwrap().contains("notifications/cancelled").then_some(())
    });
    client.ask("ping", &json!({}));
    assert!(!client.others.iter().any(|message| message["id"] == id), "{:?}", client.others);
}

#[test]
fn broken_messages_are_answered_and_the_next_one_works() {
    let home = bench().set("limits.client_line_bytes_max=100000");
    let mut client = home.connect();
    let mut check = |line: &[u8], code: i64| {
        client.send_raw(line);
        // The tool list may change at any moment, and that is told between the answers.
        let mut answer = client.next();
        while answer.get("method").is_some() {
            answer = client.next();
        }
        assert_eq!(
            answer["error"]["code"],
            code,
            "{answer} to {}",
            String::from_utf8_lossy(&line[..line.len().min(80)])
        );
    };
    check(b"{\"jsonrpc\":\"2.0\",\"id\":1,", -32700);
    check(b"hello", -32600);
    check(b"[]", -32600);
    check(b"42", -32600);
    check(b"\xff\xfe", -32700);
    check(b"{\"jsonrpc\":\"1.0\",\"id\":7,\"method\":\"ping\"}", -32600);
    check(b"{\"jsonrpc\":\"2.0\",\"id\":8,\"method\":\"tools/fly\"}", -32601);
    check(b"{\"jsonrpc\":\"2.0\",\"id\":9,\"method\":\"tools/call\",\"params\":[1]}", -32602);
    check(b"{\"jsonrpc\":\"2.0\",\"id\":10,\"method\":\"tools/call\",\"params\":{\"name\":\"no_such_tool\"}}", -32602);
    check(&[b"{\"x\":\"", "y".repeat(200_000).as_bytes(), b"\"}"].concat(), -32600);
    assert_eq!(client.ask("ping", &json!({}))["result"], json!({}));
}

#[test]
fn wrong_arguments_of_our_tools_are_explained_to_the_model() {
    let home = bench();
    let mut client = home.connect();
    let mut check = |tool: &str, arguments: Value, expected: &str| {
        let result = client.call(tool, &arguments);
        assert_eq!(result["isError"], true, "{result}");
        assert!(text(&result, 0).contains(expected), "{result}");
    };
    check("find_tool", json!({}), "empty");
    check("find_tool", json!({"query": 7}), "must be a text");
    check("find_tool", json!({"query": "x".repeat(1_000_000)}), "longer than 8000 characters");
    check("execute", json!({"request": ""}), "empty");
    check("execute", json!({"request": "x", "dry_run": "perhaps"}), "dry_run");
    check("execute", json!({"tool": "bench.echo_99", "params": {}}), "bench.echo_9");
    check("execute", json!({"tool": "bench.echo_0", "params": "no object"}), "must be an object");
    check("list_capabilities", json!({"category": "nonsense"}), "bench");
    check("explain_tool", json!({"server": "bench", "tool": ""}), "say which tool");
}

#[test]
fn parameters_are_checked_before_anything_is_sent() {
    let home = Home::new();
    let record = home.file("record");
    let home = home.with("clock", &["--kind", "clock", "--record", record.to_str().unwrap()]);
    let mut client = home.connect();
    let mut check = |params: Value| {
        let result = client.execute("clock.day_of_week", &params);
        assert_eq!(result["structuredContent"]["outcome"], "needs_params", "{result}");
        assert!(!result["structuredContent"]["problems"].as_array().unwrap().is_empty());
        assert!(result["structuredContent"]["schema"]["properties"].get("date").is_some(), "{result}");
    };
    check(json!({}));
    check(json!({"date": [7]}));
    check(json!([1]));
    assert!(!std::fs::read_to_string(&record).unwrap_or_default().contains("tools/call"));
}

#[test]
fn a_list_that_changes_is_told_and_the_new_tool_found() {
    let home = Home::new().with("s", &["--kind", "bench", "--change-tools-after-calls", "1"]);
    let mut client = home.connect();
    client.execute("s.echo_5", &json!({}));
    let mut try_it = || {
        let result = client.execute("s.added_later", &json!({}));
        (result["_meta"]["mcporch/route"]["outcome"] == "done").then_some(())
    };
    crate::harness::wait_for("the new tool", &mut try_it);
    let gone = client.execute("s.echo_0", &json!({}));
    assert!(text(&gone, 0).contains("no tool"), "{gone}");
}

#[test]
fn listeners_are_told_in_the_modern_way() {
    let home = Home::new().with("s", &["--kind", "bench"]);
    let mut client = home.start();
    let id = client.send("subscriptions/listen", &modern(json!({"notifications": {"toolsListChanged": true}})));
    let acknowledged = client.notification("notifications/subscriptions/acknowledged");
    assert_eq!(acknowledged["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"], id);
    // The first list of this home is still to come: the text of find_tool changes with it.
    let changed = client.notification("notifications/tools/list_changed");
    assert_eq!(changed["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"], id);
}

#[test]
fn requests_that_are_piped_in_are_all_answered_before_we_leave() {
    let home = bench();
    let mut client: Client = home.connect();
    let id = client.send(
        "tools/call",
        &json!({"name": "execute", "arguments": {"tool": "bench.echo_0", "params": {"text": "last"}}}),
    );
    let answer = client.close_and_answer(id);
    assert_eq!(text(&answer["result"], 0), "last");
}

#[test]
fn the_official_rust_client_works() {
    let home = Home::new().with("clock", &["--kind", "clock"]);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        use rmcp::ServiceExt;
        let command = tokio::process::Command::from(home.client_command());
        let client = ().serve(rmcp::transport::TokioChildProcess::new(command).unwrap()).await.unwrap();
        let tools = client.list_all_tools().await.unwrap();
        assert_eq!(tools.len(), 5);
        let arguments =
            json!({"tool": "clock.day_of_week", "params": {"date": "2024-02-29"}}).as_object().cloned().unwrap();
        let call = rmcp::model::CallToolRequestParams::new("execute").with_arguments(arguments);
        let result = serde_json::to_value(client.call_tool(call).await.unwrap()).unwrap();
        assert!(text(&result, 0).contains("Thursday"), "{result}");
        client.cancel().await.unwrap();
    });
}
