//! Servers that misbehave: the culprit is named, the rest keeps working, nothing is left behind.

use serde_json::{Value, json};

use crate::harness::{Home, descendants, is_running, servers, text, wait_for, wait_until_gone};

/// A home with a healthy server beside the one in question; short time-outs.
fn beside_a_healthy_one(flags: &[&str]) -> Home {
    Home::new()
        .with("healthy", &["--kind", "clock"])
        .with("culprit", flags)
        .set("servers.start_timeout_s=2")
        .set("servers.list_timeout_s=2")
        .set("servers.probe_timeout_ms=300")
        .set("servers.call_timeout_s=2")
        .set("servers.call_ceiling_s=2")
}

/// `index rebuild` with a bad server: exit code 1, the culprit's fault has `expected`, the healthy one is listed.
fn check_rebuild(flags: &[&str], expected: &str) {
    let ran = beside_a_healthy_one(flags).run(&["index", "rebuild", "--json"]);
    let report = ran.json();
    let fault = report["failed"]["culprit"].as_str().unwrap_or_else(|| panic!("no fault: {report}"));
    assert!(fault.contains("culprit") && fault.contains(expected), "{fault}");
    assert_eq!(report["listed"]["healthy"], 6);
    assert_eq!(ran.code, 1);
}

/// Calls the culprit; the result is a failure that names it and has `expected`; the healthy one works after.
fn check_call(flags: &[&str], expected: &str) {
    let home = beside_a_healthy_one(flags);
    let mut client = home.connect();
    let result = client.execute("culprit.echo_0", &json!({}));
    assert_eq!(result["isError"], true, "{result}");
    assert_eq!(result["structuredContent"]["outcome"], "failed");
    assert!(text(&result, 0).contains("culprit") && text(&result, 0).contains(expected), "{result}");
    let healthy = client.execute("healthy.day_of_week", &json!({"date": "2024-02-29"}));
    assert!(text(&healthy, 0).contains("Thursday"));
}

#[test]
fn a_server_that_does_not_start_says_why_and_blocks_no_other() {
    check_rebuild(&["--exit-at", "start", "--exit-code", "3", "--stderr-lines", "2"], "exited with code 3");
    check_rebuild(&["--hang-at", "start"], "did not start within 2.0 s");
    check_rebuild(&["--hang-at", "list"], "did not list its tools within 2.0 s");
    check_rebuild(&["--exit-at", "list"], "exited with code 0");
    check_rebuild(&["--answer-wrong-types"], "no list of tools");
    check_rebuild(&["--close-stdout-after", "1"], "culprit");
}

#[test]
fn a_command_that_is_not_there_is_named() {
    let home = beside_a_healthy_one(&[]).with_entry("culprit", json!({"command": "no-such-program-anywhere"}));
    let report = home.run(&["index", "rebuild", "--json"]).json();
    let fault = report["failed"]["culprit"].as_str().unwrap();
    assert!(fault.contains("no-such-program-anywhere") && fault.contains("not found"), "{fault}");
    assert_eq!(report["listed"]["healthy"], 6);
}

#[test]
fn the_end_of_stderr_is_in_the_message_without_secrets() {
    let script = "echo \"token is $API_TOKEN, bye\" >&2; exit 4";
    let entry = json!({"command": "sh", "args": ["-c", script], "env": {"API_TOKEN": "hunter2hunter2"}});
    let ran = Home::new().with_entry("culprit", entry).run(&["index", "rebuild", "--json"]);
    let fault = ran.json()["failed"]["culprit"].as_str().unwrap().to_owned();
    assert!(fault.contains("token is [hidden], bye") && fault.contains("code 4"), "{fault}");
    assert!(!ran.stdout.contains("hunter2") && !ran.stderr.contains("hunter2"));
}

#[test]
fn servers_of_odd_habits_are_listed_all_the_same() {
    let check = |flags: &[&str], tools: u64| {
        let ran = beside_a_healthy_one(flags).run(&["index", "rebuild", "--json"]);
        let report = ran.json();
        assert_eq!(report["listed"]["culprit"], tools, "{flags:?}: {report}");
        assert_eq!(ran.code, 0);
    };
    check(&["--noise", "5"], 10);
    check(&["--silent-discover"], 10);
    check(&["--silent-discover", "--slow-start", "500"], 10);
    check(&["--exit-on-unknown-first"], 10);
    check(&["--slow-start", "700", "--era", "legacy"], 10);
    check(&["--slow-start", "700", "--era", "modern"], 10);
    check(&["--slow-start", "700"], 10);
    check(&["--answer-twice"], 10);
    check(&["--page", "3"], 10);
    check(&["--tool-without-schema"], 11);
    check(&["--tool-without-name"], 10);
    check(&["--duplicate-tool"], 10);
    check(&["--giant-description", "10000000"], 10);
    check(&["--stderr-lines", "5000"], 10);
}

#[test]
fn a_faulty_tool_is_named_and_the_others_stay() {
    let check = |flag: &[&str], expected: &str| {
        let report = beside_a_healthy_one(flag).run(&["index", "rebuild", "--json"]).json();
        let faults = report["tool_faults"]["culprit"].to_string();
        assert!(faults.contains(expected), "{faults}");
    };
    check(&["--tool-without-name"], "without a name");
    check(&["--tool-without-schema"], "no input schema");
    check(&["--duplicate-tool"], "listed twice");
    check(&["--giant-description", "100000"], "limits.description_bytes_max");
}

#[test]
fn a_call_that_goes_wrong_ends_in_time_and_names_the_server() {
    check_call(&["--hang-at", "call"], "did not answer within 2.0 s");
    check_call(&["--exit-at", "call", "--exit-code", "9"], "exited with code 9");
    check_call(&["--answer-wrong-id"], "did not answer within");
    check_call(&["--invalid-utf8"], "did not answer within");
}

#[test]
fn an_answer_over_the_limit_is_refused_by_size() {
    let home = beside_a_healthy_one(&["--giant-result", "300000"]).set("limits.line_bytes_max=100000");
    let mut client = home.connect();
    let result = client.execute("culprit.echo_0", &json!({}));
    assert!(text(&result, 0).contains("limits.line_bytes_max"), "{result}");
    // The line was passed over, not the server.
    assert_eq!(client.execute("culprit.echo_0", &json!({}))["isError"], true);
}

#[test]
fn a_giant_result_within_the_limit_passes_whole() {
    let home = beside_a_healthy_one(&["--giant-result", "5000000"]).set("results.inline_bytes_max=0");
    let mut client = home.connect();
    assert_eq!(text(&client.execute("culprit.echo_0", &json!({})), 0).len(), 5_000_000);
}

#[test]
fn an_error_of_the_tool_is_the_tools_own() {
    let home = beside_a_healthy_one(&["--error-every", "1"]);
    let mut client = home.connect();
    let result = client.execute("culprit.echo_0", &json!({}));
    assert_eq!(result["isError"], true);
    assert_eq!(result["_meta"]["mcporch/route"]["outcome"], "done", "{result}");
}

#[test]
fn a_server_killed_in_mid_call_costs_that_call_and_no_other() {
    let home = Home::new();
    let record = home.file("record");
    let home = home.with("slow", &["--kind", "misbehave", "--record", record.to_str().unwrap()]);
    let mut client = home.connect();
    let params = json!({"seconds": 60, "steps": 600});
    let call = json!({"name": "execute", "arguments": {"tool": "slow.slow_task", "params": params}, "_meta": {"progressToken": 1}});
    let id = client.send("tools/call", &call);
    client.notification("notifications/progress");
    let server = wait_for("the server's process", || servers(client.pid()).first().copied());
    kill(server);
    let result = client.answer(id)["result"].clone();
    assert_eq!(result["isError"], true);
    assert!(text(&result, 0).contains("server slow was killed by signal 9"), "{result}");
    let next = client.execute("slow.echo", &json!({"text": "back"}));
    assert!(text(&next, 0).contains("back"), "{next}");
    // Not idempotent, so never replayed.
    let record = std::fs::read_to_string(&record).unwrap();
    assert_eq!(record.matches("\"slow_task\"").count(), 1, "{record}");
}

#[test]
fn nothing_is_left_when_the_client_leaves() {
    let check = |flags: &[&str]| {
        let home = Home::new().with("s", flags).set("servers.close_grace_ms=200").set("servers.term_grace_ms=200");
        let mut client = home.connect();
        client.execute("s.echo_0", &json!({}));
        let servers = descendants(client.pid());
        assert!(!servers.is_empty());
        assert_eq!(client.leave(), 0);
        wait_until_gone(&servers);
    };
    check(&["--kind", "bench"]);
    check(&["--kind", "bench", "--ignore-eof"]);
    check(&["--kind", "bench", "--ignore-eof", "--ignore-term"]);
    check(&["--kind", "bench", "--fork-child"]);
}

#[test]
fn a_signal_ends_us_and_our_servers() {
    let home = Home::new().with("s", &["--kind", "bench"]);
    let mut client = home.connect();
    client.execute("s.echo_0", &json!({}));
    let mut all = descendants(client.pid());
    all.push(client.pid());
    terminate(client.pid());
    let ours = client.pid();
    wait_for("mcporch to end", || (!is_running(ours)).then_some(()));
    wait_until_gone(&all);
}

#[test]
fn a_well_behaved_server_ends_when_we_are_killed() {
    let home = Home::new().with("s", &["--kind", "bench"]);
    let mut client = home.connect();
    client.execute("s.echo_0", &json!({}));
    let servers = descendants(client.pid());
    client.kill();
    wait_until_gone(&servers);
}

#[test]
fn an_idle_server_is_stopped_and_woken_by_the_next_call() {
    let home = Home::new().with("s", &["--kind", "bench"]).set("servers.idle_timeout_s=1");
    let mut client = home.connect();
    client.execute("s.echo_0", &json!({}));
    let servers = descendants(client.pid());
    wait_until_gone(&servers);
    assert_eq!(client.execute("s.echo_0", &json!({"text": "again"}))["_meta"]["mcporch/route"]["outcome"], "done");
}

#[test]
fn mcporch_does_not_start_itself() {
    let home = Home::new().with_entry("me", json!({"command": crate::harness::program()}));
    let ran = home.run(&["config", "check"]);
    assert!(ran.stdout.contains("me") || ran.stderr.contains("me"), "{}{}", ran.stdout, ran.stderr);
    let report = home.run(&["index", "rebuild", "--json"]).json();
    assert_eq!(report["listed"].as_object().map(serde_json::Map::len), Some(0), "{report}");
}

#[test]
fn a_recursion_behind_a_script_ends_at_the_second_mcporch() {
    let home = Home::new();
    let script = home.file("hidden.sh");
    let registry = home.file("registry.json");
    let line = format!(
        "#!/bin/sh\nexec '{}' --home '{}' --registry '{}'\n",
        crate::harness::program(),
        home.file("home").display(),
        registry.display()
    );
    std::fs::write(&script, line).unwrap();
    let home = home.with_entry("hidden", json!({"command": "sh", "args": [script]}));
    let report = home.run(&["index", "rebuild", "--json"]).json();
    let fault = report["failed"]["hidden"].as_str().unwrap();
    assert!(fault.contains("started by one of its own servers"), "{fault}");
}

#[test]
fn a_read_is_done_by_the_next_fitting_server_and_a_write_is_only_offered() {
    let tools = |name: &str, read_only: bool| -> Value {
        json!([{"name": name, "description": "Translates a text into Klingon.",
            "inputSchema": {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]},
            "annotations": {"readOnlyHint": read_only}}])
    };
    let check = |read_only: bool, expected: &str| {
        let home = Home::new();
        let (first, second) = (home.file("first.json"), home.file("second.json"));
        std::fs::write(&first, tools("translate_into_klingon", read_only).to_string()).unwrap();
        std::fs::write(&second, tools("klingon_text", read_only).to_string()).unwrap();
        let home = home
            .with("first", &["--kind", "custom", "--tools", first.to_str().unwrap(), "--exit-at", "call"])
            .with("second", &["--kind", "custom", "--tools", second.to_str().unwrap()])
            .set("router.bar_read=0.01")
            .set("router.bar_write=0.01")
            .set("router.bar_any=0.0");
        let mut client = home.connect();
        let result = client.call("execute", &json!({"request": "translate into klingon", "params": {"text": "hello"}}));
        let outcome =
            result["_meta"]["mcporch/route"]["outcome"].as_str().or(result["structuredContent"]["outcome"].as_str());
        assert_eq!(outcome, Some(expected), "{result}");
        assert!(
            result.to_string().contains("second.klingon_text")
                || result["_meta"]["mcporch/route"]["server"] == "second",
            "{result}"
        );
    };
    check(true, "done");
    check(false, "failed");
}

fn kill(pid: u32) {
    signal(pid, rustix::process::Signal::KILL);
}

fn terminate(pid: u32) {
    signal(pid, rustix::process::Signal::TERM);
}

fn signal(pid: u32, signal: rustix::process::Signal) {
    let pid = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    rustix::process::kill_process(pid, signal).unwrap();
}
