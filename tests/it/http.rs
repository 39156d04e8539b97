//! Clients over HTTP, in both eras: what they see, how answers come, and what becomes of them when they go.

use serde_json::{Value, json};

use crate::harness::http::{Http, MODERN, Served};
use crate::harness::{Home, text, wait_for};

fn fixture() -> Home {
    Home::new().with("fix", &["--conformance"])
}

fn names(list: &Value) -> Vec<&str> {
    list["result"]["tools"].as_array().unwrap().iter().map(|tool| tool["name"].as_str().unwrap()).collect()
}

/// What the fixture says of the calls that its clients took back.
fn cancelled(client: &mut Http) -> Value {
    client.call_modern("test_last_cancelled", &json!({})).answer()["result"]["structuredContent"]["cancelled"].clone()
}

#[test]
fn each_address_shows_its_own_view_in_both_eras() {
    let home = fixture().with("bench", &["--kind", "bench"]);
    std::fs::create_dir_all(home.file("home/config")).unwrap();
    let profiles = "[profiles.few]\ntools = [\"bench.echo_1\", \"fix.test_simple*\"]\nprefix = false\n";
    std::fs::write(home.file("home/config/mcporch.toml"), profiles).unwrap();
    let served = Served::start(&home, &[]);
    wait_for("both servers to be listed", || {
        let list = served.modern("/mcp/direct").ask_modern("tools/list", &json!({})).json();
        let all = names(&list);
        (all.contains(&"bench__echo_1") && all.contains(&"fix__test_simple_text")).then_some(())
    });
    let check = |path: &str, expected: &[&str]| {
        let modern = served.modern(path).ask_modern("tools/list", &json!({}));
        assert_eq!((modern.status, modern.header("content-type")), (200, Some("application/json")), "{path}");
        let modern = modern.json();
        assert_eq!(modern["result"]["resultType"], "complete");
        for version in ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"] {
            let legacy = served.session(path, version).request("tools/list", &json!({})).json();
            assert_eq!(names(&legacy), names(&modern), "{path} {version}");
        }
        assert!(expected.iter().all(|name| names(&modern).contains(name)), "{path}: {modern}");
        names(&modern).len()
    };
    check("/mcp", &["execute", "find_tool"]);
    check("/mcp/s/bench", &["echo_1"]);
    assert_eq!(check("/mcp/p/few", &["echo_1", "test_simple_text"]), 2);
    for path in ["/mcp/none", "/none", "/mcpnone"] {
        assert_eq!(served.modern(path).ask_modern("tools/list", &json!({})).status, 404, "{path}");
    }
    for path in ["/mcp/p/none", "/mcp/s/none", "/mcp/p/none/none"] {
        let answer = served.modern(path).ask_modern("tools/list", &json!({}));
        assert_eq!(answer.status, 404, "{path}");
        let error = answer.json();
        assert!(error["error"]["message"].as_str().unwrap().contains("/mcp/p/few"), "{error}");
    }
}

#[test]
fn an_answer_is_json_and_what_is_told_before_makes_it_a_stream() {
    let served = Served::start(&fixture(), &[]);
    let mut client = served.modern("/mcp/s/fix");
    let plain = client.call_modern("test_simple_text", &json!({}));
    assert_eq!((plain.status, plain.header("content-type")), (200, Some("application/json")));
    let params = json!({"name": "test_tool_with_progress", "arguments": {}, "_meta": {"progressToken": "mine"}});
    let mut told = client.ask_modern("tools/call", &params);
    assert_eq!(told.header("content-type"), Some("text/event-stream"));
    for progress in [0, 50, 100] {
        let (id, event) = told.event().unwrap();
        assert_eq!(id, None);
        assert_eq!(
            (&event["params"]["progressToken"], &event["params"]["progress"]),
            (&json!("mine"), &json!(progress))
        );
    }
    assert_eq!(told.event().unwrap().1["result"]["resultType"], "complete");
    assert_eq!(told.event(), None);
    // Who takes one of the two gets that.
    let params = json!({"name": "test_tool_with_progress", "arguments": {}, "_meta": {"progressToken": 1}});
    let only_json = client.clone().with("Accept", "application/json").ask_modern("tools/call", &params);
    assert_eq!(only_json.json()["result"]["resultType"], "complete");
    let mut only_events =
        client.clone().with("Accept", "text/event-stream").call_modern("test_simple_text", &json!({}));
    assert!(only_events.event().unwrap().1["result"].is_object());
    assert_eq!(client.with("Accept", "text/html").call_modern("test_simple_text", &json!({})).status, 406);
}

#[test]
fn headers_that_say_another_thing_than_the_body_are_refused() {
    let served = Served::start(&fixture(), &[]);
    // Its tools must be known: this view waits for them.
    served.modern("/mcp/direct").ask_modern("tools/list", &json!({}));
    let mut client = served.modern("/mcp/s/fix");
    client.ask_modern("tools/list", &json!({}));
    let check = |client: &Http, params: Value, expected: (u16, i64)| {
        let answer = client.clone().call_modern("test_x_mcp_header", &params);
        let status = answer.status;
        let code = answer.json()["error"]["code"].as_i64().unwrap_or(0);
        assert_eq!((status, code), expected, "{:?} {params}", client.headers);
    };
    let mismatch = (400, -32020);
    check(&client, json!({"note": "no header wanted"}), (200, 0));
    check(&client.clone().with("Mcp-Method", "tools/list"), json!({}), mismatch);
    check(&client.clone().with("Mcp-Name", "other"), json!({}), mismatch);
    check(&client.clone().with("MCP-Protocol-Version", "2025-11-25"), json!({}), mismatch);
    check(&client, json!({"region": "eu"}), mismatch);
    check(&client.clone().with("Mcp-Param-Region", "us"), json!({"region": "eu"}), mismatch);
    check(&client.clone().with("Mcp-Param-Region", "eu"), json!({"region": "eu"}), (200, 0));
    check(&client.clone().with("Mcp-Param-Region", "=?base64?w7w=?="), json!({"region": "ü"}), (200, 0));
    check(&client.clone().with("Mcp-Param-Priority", "7"), json!({"priority": 7}), (200, 0));
    check(&client.clone().with("Mcp-Param-Region", "eu"), json!({}), mismatch);
    let unknown = client.ask_modern("no/such", &json!({}));
    assert_eq!((unknown.status, unknown.json()["error"]["code"].clone()), (404, json!(-32601)));
    let bare = client.clone().with("MCP-Protocol-Version", MODERN).request("tools/list", &json!({}));
    assert_eq!((bare.status, bare.json()["error"]["code"].clone()), (400, json!(-32602)));
}

#[test]
fn sessions_are_apart_and_end() {
    let served = Served::start(&fixture(), &[]);
    let one = served.session("/mcp/s/fix", "2025-11-25");
    let two = served.session("/mcp/s/fix", "2025-11-25");
    let call = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": {"name": "test_echo_arguments", "arguments": {"who": "one"}}});
    let other = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": {"name": "test_echo_arguments", "arguments": {"who": "two"}}});
    let answers: Vec<Value> = std::thread::scope(|scope| {
        let both =
            [(&one, &call), (&two, &other)].map(|(client, call)| scope.spawn(move || client.post(call).answer()));
        both.into_iter().map(|answer| answer.join().unwrap()).collect()
    });
    assert!(answers[0].to_string().contains("one") && answers[1].to_string().contains("two"), "{answers:?}");

    let ping = json!({"jsonrpc": "2.0", "id": 2, "method": "ping"});
    let check = |client: &Http, expected: u16| assert_eq!(client.post(&ping).status, expected, "{:?}", client.headers);
    check(&one, 200);
    check(&one.clone().without("Mcp-Session-Id"), 400);
    check(&one.clone().with("Mcp-Session-Id", "0123456789"), 404);
    check(&one.clone().with("MCP-Protocol-Version", "1999-01-01"), 400);
    // A session of one view is none of another.
    let elsewhere = served.modern("/mcp").with("Mcp-Session-Id", one_id(&one));
    check(&elsewhere, 404);
    assert_eq!(one.send("DELETE", "").status, 204);
    check(&one, 404);
    check(&two, 200);
}

#[test]
fn a_session_that_nobody_uses_ends() {
    let home = Home::new().set("http.session_idle_s=1");
    let record = home.file("record");
    let home = home.with("fix", &["--conformance", "--record", record.to_str().unwrap()]);
    let served = Served::start(&home, &[]);
    let mut client = served.session("/mcp/s/fix", "2025-11-25");
    client.request("resources/subscribe", &json!({"uri": "test://watched-resource"})).answer();
    wait_for("what it subscribed to be taken back", || {
        std::fs::read_to_string(&record).unwrap_or_default().contains("notifications/cancelled").then_some(())
    });
    assert_eq!(client.request("ping", &json!({})).status, 404);
}

#[test]
fn a_session_is_asked_and_told_beside_its_requests() {
    let served = Served::start(&fixture(), &[]);
    let mut client = served.session("/mcp/s/fix", "2025-11-25");
    let mut call = client.request("tools/call", &json!({"name": "test_elicitation", "arguments": {"message": "who?"}}));
    let (id, primer) = call.event().unwrap();
    assert!(id.is_some() && primer.is_null());
    let asked = call.event().unwrap().1;
    assert_eq!((&asked["method"], &asked["params"]["message"]), (&json!("elicitation/create"), &json!("who?")));
    let answer = json!({"action": "accept", "content": {"username": "ann", "email": "ann@example.com"}});
    assert_eq!(client.post(&json!({"jsonrpc": "2.0", "id": asked["id"], "result": answer})).status, 202);
    assert!(call.event().unwrap().1.to_string().contains("accept"));
    assert_eq!(call.event(), None);
    // Nobody listens when it changes; who comes then is told.
    client.request("tools/call", &json!({"name": "test_trigger_tool_change", "arguments": {}})).answer();
    let mut general = client.send("GET", "");
    assert_eq!(general.event().unwrap().1["method"], "notifications/tools/list_changed");
    // A second one takes its place.
    let _second = client.send("GET", "");
    assert_eq!(general.event(), None);
}

#[test]
fn a_stream_that_broke_off_goes_on_elsewhere() {
    let served = Served::start(&fixture(), &[]);
    let mut client = served.session("/mcp/s/fix", "2025-11-25");
    let arguments = json!({"seconds": 1, "steps": 4});
    let params = json!({"name": "test_slow", "arguments": arguments, "_meta": {"progressToken": "p"}});
    let mut call = client.request("tools/call", &params);
    let _primer = call.event().unwrap();
    let (id, first) = call.event().unwrap();
    assert_eq!(first["params"]["progress"], 1);
    drop(call);
    let mut rest = client.clone().with("Last-Event-ID", &id.unwrap()).send("GET", "");
    for progress in 2..=4 {
        assert_eq!(rest.event().unwrap().1["params"]["progress"], progress);
    }
    assert_eq!(text(&rest.event().unwrap().1["result"], 0), "done: 4 steps");
    assert_eq!(rest.event(), None);
}

#[test]
fn several_messages_in_one_are_answered_where_the_revision_has_them() {
    let served = Served::start(&fixture(), &[]);
    let batch = json!([
        {"jsonrpc": "2.0", "id": 1, "method": "ping"},
        {"jsonrpc": "2.0", "method": "notifications/roots/list_changed"},
        {"jsonrpc": "2.0", "id": 2, "method": "no/such"},
    ]);
    let mut answers = served.session("/mcp", "2025-03-26").post(&batch);
    let mut ids = Vec::new();
    while let Some((_, event)) = answers.event() {
        ids.push((event["id"].clone(), event["error"]["code"].clone()));
    }
    ids.sort_by_key(|(id, _)| id.as_u64());
    assert_eq!(ids, [(json!(1), Value::Null), (json!(2), json!(-32601))]);
    assert_eq!(served.session("/mcp", "2025-06-18").post(&batch).status, 400);
    assert_eq!(served.modern("/mcp").post(&batch).status, 400);
}

#[test]
fn who_hangs_up_takes_his_request_back_and_a_parked_call_waits() {
    let home = fixture().with("old", &["--conformance", "--era", "legacy"]);
    let served = Served::start(&home, &[]);
    let mut client = served.modern("/mcp/s/fix");
    assert_eq!(cancelled(&mut client), 0);
    let params =
        json!({"name": "test_slow", "arguments": {"seconds": 600, "steps": 6000}, "_meta": {"progressToken": 1}});
    let mut call = client.ask_modern("tools/call", &params);
    call.event().unwrap();
    drop(call);
    wait_for("the call to be cancelled", || (cancelled(&mut client) == 1).then_some(()));

    let mut client = served.modern("/mcp/s/old");
    let parked = client.call_modern("test_elicitation", &json!({"message": "who?"})).answer();
    let result = &parked["result"];
    assert_eq!(result["resultType"], "input_required", "{parked}");
    let (key, _) = result["inputRequests"].as_object().unwrap().iter().next().unwrap();
    let content = json!({"username": "ann", "email": "ann@example.com"});
    let retry = json!({"name": "test_elicitation", "arguments": {"message": "who?"},
        "requestState": result["requestState"], "inputResponses": {key: {"action": "accept", "content": content}}});
    let done = client.ask_modern("tools/call", &retry).answer();
    assert_eq!(done["result"]["resultType"], "complete", "{done}");
    assert_eq!(client.ask_modern("tools/call", &retry).status, 400);
}

#[test]
fn a_listener_is_told_what_it_asked_for_until_mcporch_stops() {
    let mut served = Served::start(&fixture(), &[]);
    let mut client = served.modern("/mcp/s/fix");
    let wanted = json!({"notifications": {"toolsListChanged": true}});
    let mut stream = client.ask_modern("subscriptions/listen", &wanted);
    let acknowledged = stream.event().unwrap().1;
    assert_eq!(acknowledged["params"]["notifications"], wanted["notifications"]);
    client.call_modern("test_trigger_prompt_change", &json!({})).answer();
    client.call_modern("test_trigger_tool_change", &json!({})).answer();
    assert_eq!(stream.event().unwrap().1["method"], "notifications/tools/list_changed");
    assert_eq!(client.with("Accept", "application/json").ask_modern("subscriptions/listen", &wanted).status, 406);
    served.terminate();
    assert_eq!(stream.event(), None);
    assert_eq!(served.ended(), Some(0));
}

#[test]
fn what_is_open_is_answered_before_mcporch_stops() {
    let mut served = Served::start(&fixture(), &[]);
    let mut client = served.session("/mcp/s/fix", "2025-11-25");
    let params = json!({"name": "test_slow", "arguments": {"seconds": 1, "steps": 2}, "_meta": {"progressToken": 1}});
    let mut call = client.request("tools/call", &params);
    let (_primer, _first) = (call.event().unwrap(), call.event().unwrap());
    served.terminate();
    assert_eq!(text(&call.answer()["result"], 0), "done: 2 steps");
    assert_eq!(served.ended(), Some(0));
}

#[test]
fn it_takes_the_place_of_an_idle_daemon_and_of_no_other() {
    let home = Home::new().with("bench", &["--kind", "bench"]);
    let client = crate::harness::Client::start(home.shared_command()).past_hello();
    let refused = home.run_shared(&["serve", "--http", "127.0.0.1:0"]);
    assert_eq!(refused.code, 1);
    assert!(refused.stderr.contains("it serves 1 clients"), "{}", refused.stderr);
    client.leave();
    let served = wait_for("the daemon to be idle", || {
        let status = home.run_shared(&["--json", "status"]).json();
        (status["daemon"]["clients"] == 0).then(|| Served::start(&home, &[]))
    });
    // Who comes over stdio is served by the same process.
    let mut client = crate::harness::Client::start(home.shared_command()).past_hello();
    client.execute("bench.echo_1", &json!({}));
    let mut other = served.modern("/mcp/s/bench");
    other.call_modern("echo_1", &json!({})).answer();
    let status = home.run_shared(&["--json", "status"]).json();
    assert_eq!(status["daemon"]["clients"], 1, "{status}");
}

fn one_id(client: &Http) -> &str {
    client.headers.iter().find(|(name, _)| name == "Mcp-Session-Id").map(|(_, id)| id.as_str()).unwrap()
}

#[test]
fn every_address_that_is_listened_on_serves_the_same() {
    let served = Served::start(&fixture(), &["--http", "127.0.0.1:0", "--http", "127.0.0.1:0"]);
    assert_eq!(served.addresses.len(), 3);
    assert_eq!(served.addresses[0], served.address);
    let first = served.session("/mcp/s/fix", "2025-11-25");
    let session = one_id(&first).to_owned();
    for address in &served.addresses {
        // A session of one address is a session of all.
        let answer = served
            .at(address, "/mcp/s/fix")
            .with("MCP-Protocol-Version", "2025-11-25")
            .with("Mcp-Session-Id", &session);
        assert_eq!(answer.post(&json!({"jsonrpc": "2.0", "id": 1, "method": "ping"})).status, 200, "{address}");
    }
}

#[test]
fn an_address_that_others_reach_is_not_opened_without_keys_beside_one_of_this_machine() {
    let refused = fixture().run(&["serve", "--http", "127.0.0.1:0", "--http", "0.0.0.0:0"]);
    assert!(refused.stderr.contains("0.0.0.0:0 can be reached from other machines"), "{}", refused.stderr);
}
