//! The fixture's dialogues: the same questions in both eras, and what happens to wrong answers.

use std::sync::atomic::{AtomicI64, Ordering};

use serde_json::{Value, json};

use super::conformance::able;
use super::{Live, legacy, session};

fn everything() -> Value {
    json!({"elicitation": {"form": {}, "url": {}}, "sampling": {}, "roots": {}})
}

fn shake_hands(capabilities: &Value) -> Value {
    let params = json!({"protocolVersion": "2025-11-25", "capabilities": capabilities, "clientInfo": {"name": "t"}});
    legacy(0, "initialize", params)
}

fn answer_to(request: &Value) -> Value {
    match request["method"].as_str().unwrap() {
        "sampling/createMessage" => {
            json!({"role": "assistant", "content": {"type": "text", "text": "Paris"}, "model": "m"})
        }
        "roots/list" => json!({"roots": [{"uri": "file:///a"}, {"uri": "file:///b"}]}),
        _ => {
            json!({"action": "accept", "content": {"name": "Ann", "color": "blue", "ok": true, "confirm": true, "context": "work", "word": "sesame"}})
        }
    }
}

/// Answers whatever a modern client is asked, round by round: the result, and the methods it was asked with.
fn in_modern(method: &str, params: &Value) -> (Value, Vec<String>) {
    let mut live = Live::start("--conformance");
    let (mut params, mut asked) = (params.clone(), Vec::new());
    for id in 1.. {
        live.send(&able(&everything(), id, method, params.clone()));
        let result = live.receive()["result"].clone();
        if result["resultType"] == "complete" {
            live.end().1.unwrap();
            return (result, asked);
        }
        assert_eq!(result["resultType"], "input_required", "{result}");
        let mut answers = json!({});
        for (key, question) in result["inputRequests"].as_object().unwrap() {
            asked.push(question["method"].as_str().unwrap().to_owned());
            assert_eq!(question["params"]["elicitationId"], Value::Null, "only legacy revisions have it");
            answers[key] = answer_to(question);
        }
        params["inputResponses"] = answers;
        if result["requestState"].is_string() {
            params["requestState"] = result["requestState"].clone();
        }
    }
    unreachable!("there is always another id")
}

/// The same for a legacy client, which is asked by requests of the server.
fn in_legacy(method: &str, params: &Value) -> (Value, Vec<String>) {
    let mut live = Live::start("--conformance");
    live.send(&shake_hands(&everything()));
    live.receive();
    live.send(&legacy(1, method, params.clone()));
    let mut asked = Vec::new();
    loop {
        let message = live.receive();
        if message["method"].is_null() {
            assert_eq!(message["id"], 1);
            live.end().1.unwrap();
            return (message["result"].clone(), asked);
        }
        if !message["id"].is_null() {
            asked.push(message["method"].as_str().unwrap().to_owned());
            live.send(&json!({"jsonrpc": "2.0", "id": message["id"], "result": answer_to(&message)}));
        }
    }
}

/// Both eras ask the same, and say this in the end.
fn check(method: &str, params: &Value, questions: &[&str], text: &str) {
    for (result, asked) in [in_modern(method, params), in_legacy(method, params)] {
        assert_eq!(asked, questions, "{params}");
        assert!(result.to_string().contains(text), "{params} gave {result}");
    }
}

#[test]
fn every_dialogue_runs_in_both_eras() {
    let (form, model, roots) = ("elicitation/create", "sampling/createMessage", "roots/list");
    for (tool, questions, text) in [
        ("test_sampling", vec![model], "LLM response: Paris"),
        ("test_elicitation", vec![form], "User response: action=accept, content={"),
        ("test_elicitation_sep1034_defaults", vec![form], "Elicitation completed: action=accept"),
        ("test_elicitation_sep1330_enums", vec![form], "Elicitation completed: action=accept"),
        ("test_missing_capability", vec![model], "sampled: Paris"),
        ("test_streaming_elicitation", vec![form], "Elicitation completed: action=accept"),
        ("test_url_elicitation", vec![form], "Elicitation completed: action=accept"),
        ("test_input_required_result_elicitation", vec![form], "Hello, Ann!"),
        ("test_input_required_result_sampling", vec![model], "Paris"),
        ("test_input_required_result_list_roots", vec![roots], "roots: file:///a, file:///b"),
        ("test_input_required_result_request_state", vec![form], "state-ok"),
        ("test_input_required_result_tampered_state", vec![form], "as it was given: true"),
        ("test_input_required_result_multiple_inputs", vec![form, model, roots], "Paris, Ann; roots: file:///a"),
        ("test_input_required_result_multi_round", vec![form, form], "Ann likes blue"),
        ("test_input_required_result_capabilities", vec![form, model, roots], "answered: user_name, greeting"),
        ("confirm_delete", vec![form], "deleted a.txt"),
        ("multi_input", vec![form, form], "Ann and Ann"),
    ] {
        let params = json!({"name": tool, "arguments": {"filename": "a.txt", "prompt": "?", "message": "?"}});
        check("tools/call", &params, &questions, text);
    }
    check("prompts/get", &json!({"name": "test_input_required_result_prompt"}), &[form], "in this context: work");
    check("resources/read", &json!({"uri": "test://input-required"}), &[form], "The word is sesame.");
}

fn call(tool: &str, more: Value) -> Value {
    let mut params = more;
    params["name"] = json!(tool);
    able(&everything(), 1, "tools/call", params)
}

fn ask(request: Value) -> Value {
    session("--conformance", &[request]).remove(0)
}

#[test]
fn wrong_answers_are_refused_and_missing_ones_asked_for_again() {
    let tool = "test_input_required_result_elicitation";
    for (answers, kind) in [
        (json!({"user_name": 12345}), "error"),
        (Value::Null, "error"),
        (json!([]), "error"),
        (json!({"wrong_key": {"action": "accept"}}), "input_required"),
        (json!({}), "input_required"),
        (json!({"user_name": {"action": "decline"}, "other": {}}), "complete"),
    ] {
        let answer = ask(call(tool, json!({"inputResponses": answers})));
        let got = if answer["error"]["code"] == -32602 { &json!("error") } else { &answer["result"]["resultType"] };
        assert_eq!(got, kind, "{answer}");
    }
}

#[test]
fn a_state_is_good_only_as_it_was_given_for_what_it_was_given() {
    let tool = "test_input_required_result_tampered_state";
    let mut live = Live::start("--conformance");
    live.send(&call(tool, json!({"arguments": {}})));
    let state = live.receive()["result"]["requestState"].as_str().unwrap().to_owned();
    let answers = json!({"confirm": {"action": "accept", "content": {"ok": true}}});
    let mut changed = state.clone();
    let other = if state.ends_with("A=") { "B=" } else { "A=" };
    changed.replace_range(state.len() - 2.., other);
    let letter = if state.starts_with('e') { "f" } else { "e" };
    for (tool, state, arguments, is_good) in [
        (tool, format!("{state}-TAMPERED"), json!({}), false),
        (tool, changed, json!({}), false),
        (tool, format!("{letter}{}", &state[1..]), json!({}), false),
        (tool, format!(" {state}"), json!({}), false),
        (tool, String::new(), json!({}), false),
        (tool, state.clone(), json!({"other": 1}), false),
        ("test_input_required_result_request_state", state.clone(), json!({}), false),
        (tool, state.clone(), json!({}), true),
    ] {
        live.send(&call(tool, json!({"arguments": arguments, "requestState": state, "inputResponses": answers})));
        let answer = live.receive();
        let expected = if is_good { Value::Null } else { json!(-32602) };
        assert_eq!(answer["error"]["code"], expected, "{state}: {answer}");
    }
    live.end().1.unwrap();
    let of_another_process =
        ask(call(tool, json!({"arguments": {}, "requestState": state, "inputResponses": answers})));
    assert_eq!(of_another_process["error"]["code"], -32602);
}

#[test]
fn a_state_grows_too_old() {
    static NOW_S: AtomicI64 = AtomicI64::new(1_000_000);
    let mut live = Live::start_at("--conformance", || NOW_S.load(Ordering::Relaxed));
    let tool = "test_input_required_result_request_state";
    live.send(&call(tool, json!({})));
    let state = live.receive()["result"]["requestState"].clone();
    let answers = json!({"confirm": {"action": "accept", "content": {"ok": true}}});
    for (seconds, kind) in [(600, "/result/content"), (1, "/error/message")] {
        NOW_S.fetch_add(seconds, Ordering::Relaxed);
        live.send(&call(tool, json!({"requestState": state, "inputResponses": answers})));
        let answer = live.receive();
        assert!(answer.pointer(kind).is_some(), "{answer}");
    }
    live.end().1.unwrap();
}

#[test]
fn nobody_is_asked_what_they_cannot_answer() {
    for (tool, capabilities, lacking) in [
        ("test_missing_capability", json!({}), json!({"sampling": {}})),
        ("test_elicitation", json!({"sampling": {}}), json!({"elicitation": {}})),
        ("test_elicitation", json!({"elicitation": {"url": {}}}), json!({"elicitation": {}})),
        ("test_url_elicitation", json!({"elicitation": {}}), json!({"elicitation": {"url": {}}})),
        ("test_url_elicitation_required", json!({}), json!({"elicitation": {"url": {}}})),
        (
            "test_input_required_result_multiple_inputs",
            json!({"sampling": {}}),
            json!({"elicitation": {}, "roots": {}}),
        ),
    ] {
        let params = json!({"name": tool, "arguments": {}});
        let answer = ask(able(&capabilities, 1, "tools/call", params.clone()));
        assert_eq!(answer["error"]["code"], -32021, "{answer}");
        assert_eq!(answer["error"]["data"], json!({"requiredCapabilities": lacking}));
        let mut live = Live::start("--conformance");
        live.send(&shake_hands(&capabilities));
        live.receive();
        live.send(&legacy(1, "tools/call", params));
        let result = live.receive()["result"].clone();
        live.end().1.unwrap();
        assert_eq!(result["isError"], true);
        let name = lacking.as_object().unwrap().keys().next().unwrap().clone();
        assert!(result["content"][0]["text"].as_str().unwrap().contains(&name), "{result}");
    }
    let some = json!({"name": "test_input_required_result_capabilities"});
    let answer = ask(able(&json!({"sampling": {}}), 1, "tools/call", some.clone()));
    assert_eq!(answer["result"]["inputRequests"].as_object().unwrap().keys().collect::<Vec<_>>(), ["greeting"]);
    assert_eq!(ask(able(&json!({}), 1, "tools/call", some))["result"]["resultType"], "complete");
}

#[test]
fn other_requests_are_served_while_a_legacy_client_thinks() {
    let mut live = Live::start("--conformance");
    live.send(&shake_hands(&everything()));
    live.receive();
    live.send(&legacy(1, "tools/call", json!({"name": "test_sampling", "arguments": {"prompt": "?"}})));
    let question = live.receive();
    live.send(&legacy(2, "ping", json!({})));
    assert_eq!(live.receive()["id"], 2);
    let error = json!({"code": -1, "message": "not today"});
    live.send(&json!({"jsonrpc": "2.0", "id": 12345, "result": {}}));
    live.send(&json!({"jsonrpc": "2.0", "id": question["id"], "error": error}));
    let answer = live.receive();
    assert_eq!((&answer["id"], &answer["result"]["isError"]), (&json!(1), &json!(true)));
    assert!(answer["result"]["content"][0]["text"].as_str().unwrap().contains("not today"));
    live.end().1.unwrap();
}

#[test]
fn a_question_of_a_cancelled_call_is_taken_back() {
    let mut live = Live::start("--conformance");
    live.send(&shake_hands(&everything()));
    live.receive();
    live.send(&legacy(1, "tools/call", json!({"name": "test_elicitation", "arguments": {"message": "?"}})));
    let question = live.receive();
    live.send(&json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}}));
    let taken_back = live.receive();
    assert_eq!(taken_back["method"], "notifications/cancelled");
    assert_eq!(taken_back["params"]["requestId"], question["id"]);
    live.send(&json!({"jsonrpc": "2.0", "id": question["id"], "result": {"action": "cancel"}}));
    let (rest, ended) = live.end();
    ended.unwrap();
    assert_eq!(rest, "");
}

#[test]
fn a_visited_page_is_told_of() {
    let mut live = Live::start("--conformance");
    live.send(&shake_hands(&everything()));
    live.receive();
    live.send(&legacy(1, "tools/call", json!({"name": "test_url_elicitation"})));
    let question = live.receive();
    assert_eq!(question["params"]["mode"], "url");
    live.send(&json!({"jsonrpc": "2.0", "id": question["id"], "result": {"action": "accept"}}));
    let told = live.receive();
    assert_eq!(told["method"], "notifications/elicitation/complete");
    assert_eq!(told["params"]["elicitationId"], question["params"]["elicitationId"]);
    assert_eq!(live.receive()["id"], 1);
    live.send(&legacy(2, "tools/call", json!({"name": "test_url_elicitation_required"})));
    let refused = live.receive()["error"].clone();
    assert_eq!(refused["code"], -32042);
    assert_eq!(refused["data"]["elicitations"][0]["mode"], "url");
    live.end().1.unwrap();
}

#[test]
fn a_task_may_follow_a_dialogue() {
    let capabilities = json!({"elicitation": {}, "extensions": {"io.modelcontextprotocol/tasks": {}}});
    let mut live = Live::start("--conformance");
    let mut params = json!({"name": "test_tool_with_task", "arguments": {}});
    live.send(&able(&capabilities, 1, "tools/call", params.clone()));
    let asked = live.receive()["result"].clone();
    assert!(asked["resultType"] == "input_required" && asked["taskId"].is_null(), "{asked}");
    params["requestState"] = asked["requestState"].clone();
    params["inputResponses"] = json!({"user_name": {"action": "accept", "content": {"name": "Ann"}}});
    live.send(&able(&capabilities, 2, "tools/call", params));
    let made = live.receive()["result"].clone();
    assert!(made["resultType"] == "task" && made["requestState"].is_null(), "{made}");
    let filter = json!({"notifications": {"taskIds": [made["taskId"]]}});
    live.send(&able(&capabilities, 3, "subscriptions/listen", filter));
    live.receive();
    assert_eq!(live.receive()["params"]["result"]["content"][0]["text"], "Hello, Ann!");
    live.end().1.unwrap();
}
