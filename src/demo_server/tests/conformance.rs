//! The fixture of the conformance suite: what it lists, gives at once, tells of changes, and does as a task.

use serde_json::{Value, json};

use super::{Live, flags, initialize, legacy, modern, raw_session, session, to_lines};

const TASKS: &str = "io.modelcontextprotocol/tasks";

/// A modern request of a client that can do this.
pub(super) fn able(capabilities: &Value, id: u32, method: &str, params: Value) -> Value {
    let mut request = modern(id, method, params);
    request["params"]["_meta"]["io.modelcontextprotocol/clientCapabilities"] = capabilities.clone();
    request
}

fn call(id: u32, tool: &str, arguments: Value) -> Value {
    modern(id, "tools/call", json!({"name": tool, "arguments": arguments}))
}

fn legacy_call(id: u32, tool: &str, arguments: Value) -> Value {
    legacy(id, "tools/call", json!({"name": tool, "arguments": arguments}))
}

/// The part of the answer that both eras must give the same.
fn check(method: &str, params: &Value, pointer: &str, expected: &Value) {
    let in_modern = session("--conformance", &[modern(1, method, params.clone())]).remove(0);
    assert_eq!(in_modern.pointer(pointer), Some(expected), "modern {method} {params} gave {in_modern}");
    assert_eq!(in_modern["result"]["resultType"], "complete", "{method}");
    assert_eq!(
        in_modern["result"]["_meta"]["io.modelcontextprotocol/serverInfo"]["name"], "mcporch-demo-conformance",
        "{method}"
    );
    let in_legacy = session("--conformance", &[initialize(), legacy(1, method, params.clone())]).remove(1);
    assert_eq!(in_legacy.pointer(pointer), Some(expected), "legacy {method} {params} gave {in_legacy}");
    assert_eq!(in_legacy["result"]["resultType"], Value::Null, "{method}");
}

fn check_error(request: Value, code: i32, data: &Value) {
    let answer = session("--conformance", &[initialize(), request]).remove(1);
    assert_eq!((&answer["error"]["code"], &answer["error"]["data"]), (&json!(code), data), "{answer}");
}

#[test]
fn it_lists_everything_that_the_suite_looks_for() {
    let answer = session("--conformance", &[modern(1, "tools/list", json!({}))]).remove(0);
    let tools = answer["result"]["tools"].as_array().unwrap();
    for name in [
        "test_simple_text",
        "test_tool_with_progress",
        "test_reconnection",
        "test_missing_capability",
        "test_trigger_prompt_change",
        "test_input_required_result_capabilities",
        "test_tool_with_task",
        "protocol_error_job",
    ] {
        assert!(tools.iter().any(|tool| tool["name"] == name), "{name}");
    }
    for tool in tools {
        assert!(tool["description"].is_string() && tool["inputSchema"]["type"] == "object", "{tool}");
        jsonschema::validator_for(&tool["inputSchema"]).unwrap();
    }
    let schema = |name: &str| &tools.iter().find(|tool| tool["name"] == name).unwrap()["inputSchema"];
    assert_eq!(schema("json_schema_2020_12_tool")["$defs"]["address"]["$anchor"], "addressDef");
    assert_eq!(schema("test_x_mcp_header")["properties"]["region"]["x-mcp-header"], "Region");
    check("resources/list", &json!({}), "/result/resources/0/uri", &json!("test://static-text"));
    let template = "test://template/{id}/data";
    check("resources/templates/list", &json!({}), "/result/resourceTemplates/0/uriTemplate", &json!(template));
    check("prompts/list", &json!({}), "/result/prompts/1/arguments/1/name", &json!("arg2"));
}

#[test]
fn it_introduces_itself_in_both_eras() {
    let answers = session("--conformance --name own", &[initialize(), modern(1, "server/discover", json!({}))]);
    assert_eq!(answers[0]["result"]["serverInfo"]["name"], "own");
    assert_eq!(answers[0]["result"]["capabilities"]["resources"], json!({"subscribe": true, "listChanged": true}));
    assert_eq!(answers[0]["result"]["capabilities"]["extensions"], Value::Null);
    assert_eq!(answers[1]["result"]["capabilities"]["extensions"], json!({TASKS: {}}));
    assert_eq!(answers[0]["result"]["instructions"], answers[1]["result"]["instructions"]);
    assert!(answers[0]["result"]["instructions"].is_string());
    for method in ["initialize", "ping", "logging/setLevel", "resources/subscribe", "tasks/list", "tasks/result"] {
        check_error(modern(1, method, json!({"level": "info", "uri": "test://static-text"})), -32601, &Value::Null);
    }
    let one_era = session("--conformance --era legacy", &[initialize(), modern(1, "subscriptions/listen", json!({}))]);
    assert_eq!(one_era[1]["error"]["code"], -32601);
}

#[test]
fn tools_give_what_the_suite_wants() {
    let text = "/result/content/0/text";
    for (tool, pointer, expected) in [
        ("test_simple_text", text, json!("This is a simple text response for testing.")),
        ("test_image_content", "/result/content/0/mimeType", json!("image/png")),
        ("test_audio_content", "/result/content/0/mimeType", json!("audio/wav")),
        ("test_embedded_resource", "/result/content/0/resource/uri", json!("test://embedded-resource")),
        ("test_multiple_content_types", "/result/content/2/resource/mimeType", json!("application/json")),
        ("test_error_handling", "/result/isError", json!(true)),
        ("greet", text, json!("Hello, Ann!")),
        ("test_x_mcp_header", text, json!("{\"name\":\"Ann\"}")),
    ] {
        check("tools/call", &json!({"name": tool, "arguments": {"name": "Ann"}}), pointer, &expected);
    }
}

#[test]
fn odd_json_leaves_and_arrives_as_it_is() {
    let arguments = r#"{"z":18446744073709551617,  "a":[1.0,1e400],"b":"\u00e9\/"}"#;
    for (is_modern, tail) in [(true, r#","resultType":"#), (false, "}}\n")] {
        let meta = if is_modern {
            r#","_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}"#
        } else {
            ""
        };
        let call = |tool: &str| {
            format!(
                r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"{tool}","arguments":{arguments}{meta}}}}}"#
            )
        };
        let input = format!(
            "{}{}\n{}\n",
            String::from_utf8(to_lines(&[initialize()])).unwrap(),
            call("test_odd_json"),
            call("test_echo_arguments")
        );
        let (out, ended) = raw_session(&flags("--conformance"), input.as_bytes());
        ended.unwrap();
        let out = String::from_utf8(out).unwrap();
        assert!(
            out.contains(r#"{"zeta":1,"content":[{"x-unknown":{"b":1,"a":[2,{"d":3,"c":4}]},"text":"odd \/ caf\u00e9"#)
        );
        assert!(out.contains(
            r#""big":18446744073709551617,"negative":-9223372036854775809,"precise":0.10000000000000000555"#
        ));
        assert!(out.contains(&format!(r#""structuredContent":{arguments}{tail}"#)), "{out}");
    }
}

#[test]
fn a_large_result_has_the_asked_length() {
    for (bytes, is_error) in [(0, false), (1_000_000, false), (300_000_000, true)] {
        let answer = session("--conformance", &[call(1, "test_large_result", json!({"bytes": bytes}))]).remove(0);
        assert_eq!(answer["result"]["isError"] == true, is_error);
        let len = answer["result"]["content"][0]["text"].as_str().unwrap().len();
        assert!(is_error || len == bytes, "{len}");
    }
}

#[test]
fn resources_are_read_and_missed_as_each_era_says() {
    for (uri, pointer, expected) in [
        ("test://static-text", "text", "This is the content of the static text resource."),
        ("test://static-binary", "mimeType", "image/png"),
        ("test://template/12%2F3/data", "text", r#"{"id":"12%2F3","templateTest":true,"data":"Data for ID: 12%2F3"}"#),
    ] {
        check("resources/read", &json!({"uri": uri}), &format!("/result/contents/0/{pointer}"), &json!(expected));
        check("resources/read", &json!({"uri": uri}), "/result/contents/0/uri", &json!(uri));
    }
    let read = json!({"uri": "test://static-text"});
    let answer = session("--conformance", &[modern(1, "resources/read", read)]).remove(0);
    assert_eq!((&answer["result"]["ttlMs"], &answer["result"]["cacheScope"]), (&json!(0), &json!("private")));
    for uri in ["test://nowhere", "test://added", ""] {
        let params = json!({"uri": uri});
        check_error(modern(1, "resources/read", params.clone()), -32602, &params);
        check_error(legacy(1, "resources/read", params.clone()), -32002, &params);
        check_error(legacy(1, "resources/subscribe", params.clone()), -32002, &params);
    }
    check_error(legacy(1, "resources/list", json!({"cursor": "2"})), -32602, &Value::Null);
}

#[test]
fn prompts_and_completions_are_given() {
    let text = "/result/messages/0/content/text";
    for (name, arguments, pointer, expected) in [
        ("test_simple_prompt", json!({}), text, "This is a simple prompt for testing."),
        (
            "test_prompt_with_arguments",
            json!({"arg1": "a", "arg2": "b"}),
            text,
            "Prompt with arguments: arg1='a', arg2='b'",
        ),
        (
            "test_prompt_with_embedded_resource",
            json!({"resourceUri": "test://x"}),
            "/result/messages/0/content/resource/uri",
            "test://x",
        ),
        ("test_prompt_with_image", json!({}), "/result/messages/0/content/mimeType", "image/png"),
    ] {
        check("prompts/get", &json!({"name": name, "arguments": arguments}), pointer, &json!(expected));
    }
    let ask =
        |name: &str| json!({"ref": {"type": "ref/prompt", "name": name}, "argument": {"name": "arg1", "value": "par"}});
    let expected = json!({"values": ["paris", "park", "party"], "total": 3, "hasMore": false});
    check("completion/complete", &ask("test_prompt_with_arguments"), "/result/completion", &expected);
    check_error(modern(1, "completion/complete", ask("no_such")), -32602, &Value::Null);
    check_error(modern(1, "prompts/get", json!({"name": "no_such"})), -32602, &Value::Null);
    check_error(legacy(1, "prompts/get", json!({"name": "test_prompt_with_arguments"})), -32602, &Value::Null);
}

fn logged(messages: &[Value]) -> Vec<String> {
    let of = |message: &Value| message["params"]["level"].as_str().unwrap().to_owned();
    let answers = session("--conformance", messages);
    answers.iter().filter(|message| message["method"] == "notifications/message").map(of).collect()
}

#[test]
fn logs_come_to_those_who_asked_for_their_level() {
    let at = |level: &str| {
        let mut request = call(1, "test_logging_tool", json!({}));
        request["params"]["_meta"]["io.modelcontextprotocol/logLevel"] = json!(level);
        request
    };
    assert_eq!(logged(&[call(1, "test_logging_tool", json!({}))]).len(), 0);
    assert_eq!(logged(&[at("alert")]), ["alert", "emergency"]);
    assert_eq!(logged(&[initialize(), legacy_call(1, "test_logging_tool", json!({}))]).len(), 8);
    let set = legacy(1, "logging/setLevel", json!({"level": "critical"}));
    let both =
        [initialize(), set, legacy_call(2, "test_logging_tool", json!({})), call(3, "test_logging_tool", json!({}))];
    assert_eq!(logged(&both), ["critical", "alert", "emergency"]);
    check_error(at("loud"), -32602, &Value::Null);
    check_error(legacy(1, "logging/setLevel", json!({"level": "loud"})), -32602, &Value::Null);
}

#[test]
fn a_tool_that_takes_time_logs_and_reports() {
    let mut live = Live::start("--conformance");
    live.send(&initialize());
    live.receive();
    live.send(&legacy_call(1, "test_tool_with_logging", json!({})));
    for data in ["Tool execution started", "Tool processing data", "Tool execution completed"] {
        assert_eq!(live.receive()["params"]["data"], data);
    }
    assert_eq!(live.receive()["id"], 1);
    let mut request = call(2, "test_tool_with_progress", json!({}));
    request["params"]["_meta"]["progressToken"] = json!("own");
    live.send(&request);
    for done in [0, 50, 100] {
        let expected = json!({"progressToken": "own", "progress": done, "total": 100});
        assert_eq!(live.receive()["params"], expected);
    }
    assert_eq!(live.receive()["result"]["resultType"], "complete");
    live.end().1.unwrap();
}

#[test]
fn a_cancelled_call_stops_and_is_remembered() {
    let mut live = Live::start("--conformance");
    let mut request = call(1, "test_slow", json!({"seconds": 3600, "steps": 100_000}));
    request["params"]["_meta"]["progressToken"] = json!(7);
    live.send(&request);
    assert_eq!(live.receive()["params"]["message"], "step 1 of 100000");
    live.send(
        &json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1, "reason": "enough"}}),
    );
    live.send(&json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 99}}));
    live.send(&call(2, "test_last_cancelled", json!({})));
    let answer = std::iter::repeat_with(|| live.receive()).find(|message| message["id"] == 2).unwrap();
    let expected = json!({"cancelled": 1, "last": {"requestId": "1", "reason": "enough"}});
    assert_eq!(answer["result"]["structuredContent"], expected);
    let (rest, ended) = live.end();
    ended.unwrap();
    assert!(!rest.contains("\"id\":1"), "{rest}");
}

#[test]
fn changes_are_told_to_those_who_asked() {
    let mut live = Live::start("--conformance");
    let listen = |id: u32, filter: Value| modern(id, "subscriptions/listen", json!({"notifications": filter}));
    live.send(&listen(1, json!({"toolsListChanged": true, "resourceSubscriptions": ["test://watched-resource"]})));
    let agreed = json!({"toolsListChanged": true, "resourceSubscriptions": ["test://watched-resource"]});
    let acknowledged = live.receive();
    assert_eq!(acknowledged["method"], "notifications/subscriptions/acknowledged");
    assert_eq!(acknowledged["params"]["notifications"], agreed);
    live.send(&listen(2, json!({"promptsListChanged": true})));
    live.receive();
    for (tool, method, subscription) in [
        ("test_trigger_tool_change", "notifications/tools/list_changed", 1),
        ("test_trigger_prompt_change", "notifications/prompts/list_changed", 2),
        ("test_trigger_resource_update", "notifications/resources/updated", 1),
    ] {
        live.send(&call(3, tool, json!({})));
        let told = live.receive();
        assert_eq!(told["method"], method);
        assert_eq!(told["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"], subscription);
        assert_eq!(live.receive()["id"], 3);
    }
    live.send(&call(4, "test_trigger_resource_change", json!({})));
    assert_eq!(live.receive()["id"], 4, "nobody asked for that");
    live.send(&call(5, "test_added_tool", json!({})));
    assert_eq!(live.receive()["result"]["content"][0]["text"], "this tool was added while the server ran");
    live.send(&json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}}));
    let (rest, ended) = live.end();
    ended.unwrap();
    assert!(rest.contains("\"id\":2") && !rest.contains("\"id\":1"), "the cancelled one ends in silence: {rest}");
}

#[test]
fn a_legacy_client_is_told_of_lists_and_of_what_it_watches() {
    let watch = |id: u32, method: &str| legacy(id, method, json!({"uri": "test://watched-resource"}));
    let update = |id: u32| legacy_call(id, "test_trigger_resource_update", json!({}));
    let messages = [
        initialize(),
        update(1),
        watch(2, "resources/subscribe"),
        update(3),
        watch(4, "resources/unsubscribe"),
        update(5),
        legacy_call(6, "test_trigger_resource_change", json!({})),
        legacy(7, "resources/read", json!({"uri": "test://added"})),
        legacy_call(8, "test_trigger_tool_change", json!({})),
        legacy_call(9, "test_trigger_tool_change", json!({})),
        legacy_call(10, "test_added_tool", json!({})),
    ];
    let answers = session("--conformance", &messages);
    let heard: Vec<&Value> = answers.iter().filter(|message| message["id"].is_null()).collect();
    let methods: Vec<&str> = heard.iter().map(|message| message["method"].as_str().unwrap()).collect();
    assert_eq!(
        methods,
        [
            "notifications/resources/updated",
            "notifications/resources/list_changed",
            "notifications/tools/list_changed",
            "notifications/tools/list_changed"
        ]
    );
    assert_eq!(heard[0]["params"], json!({"uri": "test://watched-resource"}));
    let added = answers.iter().find(|message| message["id"] == 7).unwrap();
    assert!(added["result"]["contents"][0]["text"].is_string());
    assert_eq!(answers.last().unwrap()["error"]["code"], -32602, "added and taken away again");
}

#[test]
fn misbehaviours_apply_here_too() {
    let simple = call(1, "test_simple_text", json!({}));
    let twice = session("--conformance --answer-twice", std::slice::from_ref(&simple));
    assert_eq!(twice[0], twice[1]);
    let failed = session("--conformance --error-every 1", std::slice::from_ref(&simple));
    assert_eq!(failed[0]["result"]["isError"], true);
    let page = session("--conformance --page 3", &[modern(1, "tools/list", json!({}))]).remove(0);
    assert_eq!(page["result"]["tools"].as_array().unwrap().len(), 3);
    let listen = modern(9, "subscriptions/listen", json!({"notifications": {"toolsListChanged": true}}));
    let told = session("--conformance --change-tools-after-calls 1", &[listen, simple]);
    assert!(told.iter().any(|message| message["method"] == "notifications/tools/list_changed"));
}

fn with_tasks() -> Value {
    json!({"elicitation": {}, "extensions": {TASKS: {}}})
}

fn task_call(id: u32, tool: &str, arguments: Value) -> Value {
    able(&with_tasks(), id, "tools/call", json!({"name": tool, "arguments": arguments}))
}

fn about(id: u32, method: &str, task: &Value, more: Value) -> Value {
    let mut params = more;
    params["taskId"] = task.clone();
    able(&with_tasks(), id, method, params)
}

#[test]
fn a_task_asks_goes_on_and_ends() {
    let mut live = Live::start("--conformance");
    live.send(&task_call(1, "multi_input", json!({})));
    let made = live.receive()["result"].clone();
    assert_eq!((&made["resultType"], &made["status"]), (&json!("task"), &json!("working")));
    assert_eq!(made["createdAt"], "2026-11-21T12:34:56Z");
    assert!(made["inputRequests"].is_null() && made["requestState"].is_null());
    let task = &made["taskId"];
    for (answers, status, open) in [
        (json!({}), "input_required", vec!["first", "second"]),
        (
            json!({"nobody": {}, "first": {"action": "accept", "content": {"name": "A"}}}),
            "input_required",
            vec!["second"],
        ),
        (json!({"second": {"action": "accept", "content": {"name": "B"}}}), "completed", vec![]),
    ] {
        live.send(&about(2, "tasks/update", task, json!({"inputResponses": answers})));
        let done = live.receive()["result"].clone();
        assert_eq!(done.as_object().unwrap().keys().collect::<Vec<_>>(), ["resultType", "_meta"]);
        live.send(&about(3, "tasks/get", task, json!({})));
        let detail = live.receive()["result"].clone();
        assert_eq!((&detail["status"], &detail["resultType"]), (&json!(status), &json!("complete")), "{detail}");
        let asked: Vec<&String> = detail["inputRequests"].as_object().into_iter().flat_map(|map| map.keys()).collect();
        assert_eq!(asked, open);
        if status == "completed" {
            assert_eq!(detail["result"]["content"][0]["text"], "A and B");
        }
    }
    live.end().1.unwrap();
}

#[test]
fn a_task_is_cancelled_once_and_for_all() {
    let mut live = Live::start("--conformance");
    live.send(&task_call(1, "slow_compute", json!({"seconds": 3600})));
    let task = live.receive()["result"]["taskId"].clone();
    for _ in 0..2 {
        live.send(&about(2, "tasks/cancel", &task, json!({})));
        assert_eq!(live.receive()["result"]["resultType"], "complete");
        live.send(&about(3, "tasks/get", &task, json!({})));
        assert_eq!(live.receive()["result"]["status"], "cancelled");
    }
    live.end().1.unwrap();
}

#[test]
fn news_of_a_task_come_to_its_subscribers() {
    for (tool, status, field) in
        [("failing_job", "completed", "/result/isError"), ("protocol_error_job", "failed", "/error/code")]
    {
        let mut live = Live::start("--conformance");
        live.send(&task_call(1, tool, json!({})));
        let task = live.receive()["result"]["taskId"].clone();
        let filter = json!({"notifications": {"taskIds": [task, "no-such"]}});
        live.send(&able(&with_tasks(), 2, "subscriptions/listen", filter));
        assert_eq!(live.receive()["params"]["notifications"]["taskIds"], json!([task]));
        let told = live.receive();
        assert_eq!((&told["method"], &told["params"]["status"]), (&json!("notifications/tasks"), &json!(status)));
        assert!(told["params"].pointer(field).is_some(), "{told}");
        assert_eq!(told["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"], 2);
        live.end().1.unwrap();
    }
}

#[test]
fn who_takes_no_tasks_gets_none() {
    let needed = json!({"requiredCapabilities": {"extensions": {TASKS: {}}}});
    for request in [
        call(1, "failing_job", json!({})),
        modern(1, "tasks/get", json!({"taskId": "x"})),
        modern(1, "tasks/cancel", json!({"taskId": "x"})),
        modern(1, "subscriptions/listen", json!({"notifications": {"taskIds": ["x"]}})),
    ] {
        check_error(request, -32021, &needed);
    }
    for method in ["tasks/get", "tasks/update", "tasks/cancel"] {
        check_error(about(1, method, &json!("no-such"), json!({"inputResponses": {}})), -32602, &Value::Null);
    }
    let mut live = Live::start("--conformance");
    live.send(&call(1, "slow_compute", json!({"seconds": 0, "label": "x"})));
    assert_eq!(live.receive()["result"]["content"][0]["text"], "computed x in 0ns");
    live.end().1.unwrap();
}
