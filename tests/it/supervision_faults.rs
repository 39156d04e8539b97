//! Servers that fall ill while they run: health checks, crash loops, breakers, queues, and what comes over the pipes. Linux,
//! since processes are looked up in /proc.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::daemon::signal;
use crate::harness::{Client, Home, servers, text, wait_for};
use crate::supervision::{demo, pid_of, send_slow, shared, status, wait_for_state};

/// Calls a tool that must fail; gives what is said.
fn fault_of(client: &mut Client, tool: &str) -> String {
    let result = client.execute(tool, &json!({}));
    assert!(result["isError"] == true && result["structuredContent"]["outcome"] == "failed", "{result}");
    text(&result, 0).to_owned()
}

fn check_works(client: &mut Client, tool: &str) {
    let result = client.execute(tool, &json!({}));
    assert_eq!(result["_meta"]["mcporch/route"]["outcome"], "done", "{result}");
}

#[test]
fn a_server_that_fails_its_checks_is_started_again_and_then_left_alone() {
    let check = json!({"method": "tool_call", "tool": "fail", "interval": 0.05, "timeout": 5, "retries": 3});
    let ill = demo(&["--kind", "misbehave"], &json!({"health_check": check}));
    let shared = shared(Home::new().with_entry("ill", ill));
    let mut client = shared.connect();
    client.execute("ill.echo", &json!({"text": "hello"}));
    let crashed = wait_for_state(&shared, "ill", "crashed");
    assert_eq!((&crashed["starts"], &crashed["restarts"]), (&json!(4), &json!(3)), "{crashed}");
    let why = crashed["fault"].as_str().unwrap();
    assert!(why.contains("failed 3 checks in a row") && why.contains("its tool fail answered with an error"), "{why}");
    let fault = fault_of(&mut client, "ill.echo");
    assert!(fault.contains("checks in a row") && fault.contains("mcporch restart"), "{fault}");
    assert_eq!(status(&shared, "ill")["starts"], 4);
    assert_eq!(shared.home.run_shared(&["restart", "--server", "ill"]).code, 0);
    assert_eq!(status(&shared, "ill")["starts"], 5);
}

#[test]
fn a_server_whose_address_says_it_is_ill_is_started_again_and_comes_back() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let is_well = Arc::new(AtomicBool::new(true));
    let well = is_well.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut asked = [0; 1024];
            let Ok(count) = stream.read(&mut asked) else { continue };
            let is_right = asked[..count].starts_with(b"GET /health ");
            let word = if is_right && well.load(Ordering::Relaxed) { "200 OK" } else { "503 Service Unavailable" };
            let _gone = write!(stream, "HTTP/1.1 {word}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        }
    });
    let entry = demo(&[], &json!({"start": "eager", "health_endpoint": "/health", "port": port}));
    let home = Home::new().with_entry("page", entry);
    let home = home.set("supervision.check_interval_s=1").set("supervision.checks_failed_max=1");
    let shared = shared(home.set("supervision.check_restarts_max=1"));
    let mut client = shared.connect();
    wait_for_state(&shared, "page", "ready");
    is_well.store(false, Ordering::Relaxed);
    let crashed = wait_for_state(&shared, "page", "crashed");
    assert!(crashed["fault"].as_str().unwrap().contains("answered 503"), "{crashed}");
    assert!(fault_of(&mut client, "page.echo_0").contains("answered 503"));
    is_well.store(true, Ordering::Relaxed);
    assert_eq!(shared.home.run_shared(&["restart", "--server", "page"]).code, 0);
    check_works(&mut client, "page.echo_0");
    assert_eq!(status(&shared, "page")["state"], "ready");
}

#[test]
fn a_server_that_stands_still_is_started_again() {
    let entry = demo(&[], &json!({"health_check": {"interval": 0.1, "timeout": 0.3, "retries": 2}}));
    let shared = shared(Home::new().with_entry("still", entry));
    let mut client = shared.connect();
    check_works(&mut client, "still.echo_0");
    let first = pid_of(&status(&shared, "still"));
    signal(first, Signal::STOP);
    wait_for("another process", || {
        let now = status(&shared, "still");
        (now["state"] == "ready" && pid_of(&now) != first).then_some(())
    });
    check_works(&mut client, "still.echo_0");
}

/// A server that notes each start in a file and dies; its tool is known from the registry.
fn crashing(home: &Home) -> Value {
    let script = format!("echo started >> '{}'; exit 7", home.file("starts").display());
    let tool = json!({"name": "echo_0", "description": "Echoes"});
    json!({"command": "/bin/sh", "args": ["-c", script], "tools": [tool], "protocol": "legacy"})
}

#[test]
fn a_server_that_never_comes_up_is_tried_five_times_and_then_left_alone() {
    let home = Home::new();
    let entry = crashing(&home);
    let home = home.with_entry("crashing", entry).set("supervision.failures_max=3");
    let mut client = home.connect();
    let first = fault_of(&mut client, "crashing.echo_0");
    assert!(first.contains("exited with code 7"), "{first}");
    let last = wait_for("it to be left alone", || {
        Some(fault_of(&mut client, "crashing.echo_0")).filter(|fault| fault.contains("left alone"))
    });
    assert!(last.contains("exited with code 7") && last.contains("mcporch restart"), "{last}");
    let starts = || std::fs::read_to_string(home.file("starts")).unwrap().lines().count();
    let before = starts();
    fault_of(&mut client, "crashing.echo_0");
    assert_eq!(starts(), before);
}

#[test]
fn a_kept_server_that_never_comes_up_is_tried_by_itself_until_it_counts_as_crashed() {
    let home = Home::new();
    let entry = crashing(&home);
    let shared = crate::daemon::Shared::over(home.with_entry("crashing", entry));
    assert_eq!(shared.home.run_shared(&["start", "--server", "crashing"]).code, 1);
    let crashed = wait_for_state(&shared, "crashing", "crashed");
    assert_eq!((&crashed["starts"], &crashed["restarts"]), (&json!(5), &json!(4)), "{crashed}");
    assert!(crashed["fault"].as_str().unwrap().contains("exited with code 7"), "{crashed}");
}

#[test]
fn a_call_that_kills_its_server_is_sent_again_only_if_that_is_harmless() {
    let check = |annotations: Value, expected: usize| {
        let home = Home::new();
        let (tools, record) = (home.file("tools.json"), home.file("record"));
        let tool = json!({"name": "push", "description": "Pushes", "inputSchema": {"type": "object"}, "annotations": annotations});
        std::fs::write(&tools, json!([tool]).to_string()).unwrap();
        let flags = ["--kind", "custom", "--tools", tools.to_str().unwrap(), "--exit-at", "call"];
        let flags = [&flags[..], &["--record", record.to_str().unwrap()]].concat();
        let home = home.with("fragile", &flags);
        let mut client = home.connect();
        let fault = fault_of(&mut client, "fragile.push");
        assert!(fault.contains("exited with code 0"), "{fault}");
        let sent = std::fs::read_to_string(&record).unwrap().matches(r#""tools/call""#).count();
        assert_eq!(sent, expected, "{annotations}");
        // One answer, and no second one after it.
        let pinged = client.ask("ping", &json!({}));
        assert!(pinged.get("result").is_some() && client.others.iter().all(|other| other.get("id").is_none()));
    };
    check(json!({}), 1);
    check(json!({"destructiveHint": true}), 1);
    check(json!({"idempotentHint": true, "readOnlyHint": false}), 3);
}

#[test]
fn a_server_that_hangs_at_calls_is_spared_and_comes_back() {
    let home = Home::new().with("hanging", &[]).with("healthy", &["--kind", "maths"]);
    let home = home.set("servers.call_timeout_s=1").set("supervision.breaker_failures_max=2");
    let shared = shared(home.set("supervision.check_interval_s=0"));
    let mut client = shared.connect();
    check_works(&mut client, "hanging.echo_0");
    let pid = pid_of(&status(&shared, "hanging"));
    signal(pid, Signal::STOP);
    for _ in 0..2 {
        assert!(fault_of(&mut client, "hanging.echo_0").contains("did not answer within 1.0 s"));
    }
    let spared = fault_of(&mut client, "hanging.echo_0");
    assert!(spared.contains("is spared for") && spared.contains("supervision.breaker_failures_max"), "{spared}");
    assert!(spared.contains("did not answer within"), "{spared}");
    assert_eq!(status(&shared, "hanging")["state"], "degraded");
    let sum = client.execute("healthy.evaluate_expression", &json!({"expression": "6*7"}));
    assert!(text(&sum, 0).contains("42"), "{sum}");
    signal(pid, Signal::CONT);
    wait_for("it to be used again", || {
        let result = client.execute("hanging.echo_0", &json!({}));
        (result["_meta"]["mcporch/route"]["outcome"] == "done").then_some(())
    });
    wait_for_state(&shared, "hanging", "ready");
    assert_eq!(pid_of(&status(&shared, "hanging")), pid);
}

#[test]
fn a_full_queue_and_a_long_wait_are_told_as_busy_with_the_settings_that_bound_them() {
    let check = |setting: &str, expected: &str| {
        let home = Home::new().with("slow", &["--kind", "misbehave"]).set("servers.calls_in_flight_max=1").set(setting);
        let mut client = home.connect();
        client.execute("slow.echo", &json!({"text": "up"}));
        let first = send_slow(&mut client, "slow", 3.0);
        let second = send_slow(&mut client, "slow", 0.1);
        let third = send_slow(&mut client, "slow", 0.1);
        let refused = client.answer(third)["result"].clone();
        let said = text(&refused, 0);
        assert!(said.contains("slow is busy: 1 calls run") && said.contains(expected), "{said}");
        assert!(client.answer(first)["result"]["isError"] != true);
        client.answer(second);
    };
    check("supervision.queue_len_max=1", "supervision.queue_len_max");
    check("supervision.queue_timeout_s=1", "supervision.queue_timeout_s");
}

/// Short limits, and a healthy server beside the one in question.
fn home_with(flags: &[&str]) -> Home {
    let home = Home::new().with("healthy", &["--kind", "maths"]).with("culprit", flags);
    home.set("servers.call_timeout_s=2").set("servers.call_ceiling_s=2").set("servers.close_grace_ms=200")
}

fn check_healthy(client: &mut Client) {
    let sum = client.execute("healthy.evaluate_expression", &json!({"expression": "6*7"}));
    assert!(text(&sum, 0).contains("42"), "{sum}");
}

#[test]
fn a_server_that_closes_its_output_only_is_replaced() {
    let home = home_with(&["--close-stdout-after", "3"]);
    let mut client = home.connect();
    // Listing and shaking hands took the answers, or the first calls do.
    let fault = wait_for("the closed output", || {
        let result = client.execute("culprit.echo_0", &json!({}));
        (result["isError"] == true).then(|| text(&result, 0).to_owned())
    });
    assert!(fault.contains("culprit") && fault.contains("closed its output"), "{fault}");
    check_healthy(&mut client);
    wait_for("no second process of it", || (servers(client.pid()).len() <= 2).then_some(()));
}

#[test]
fn a_server_that_closes_its_input_only_fails_the_calls_and_not_the_others() {
    let home = home_with(&["--close-stdin-after", "1"]).set("supervision.check_interval_s=0");
    let mut client = home.connect();
    check_works(&mut client, "culprit.echo_0");
    wait_for("it to be used again", || {
        check_healthy(&mut client);
        let result = client.execute("culprit.echo_0", &json!({}));
        (result["_meta"]["mcporch/route"]["outcome"] == "done").then_some(())
    });
}

#[test]
fn ten_megabytes_without_a_line_end_cost_one_call() {
    let home = home_with(&["--giant-line", "10000000"]).set("limits.line_bytes_max=1000000");
    let mut client = home.connect();
    let fault = fault_of(&mut client, "culprit.echo_0");
    assert!(fault.contains("culprit"), "{fault}");
    check_healthy(&mut client);
}

#[test]
fn half_an_answer_ends_in_the_time_limit_and_names_the_server() {
    let home = home_with(&["--half-json"]);
    let mut client = home.connect();
    let fault = fault_of(&mut client, "culprit.echo_0");
    assert!(fault.contains("server culprit did not answer within 2.0 s"), "{fault}");
    check_healthy(&mut client);
}

#[test]
fn a_flood_of_notifications_drowns_no_answer() {
    let home = home_with(&["--notifications", "20000"]);
    let mut client = home.connect();
    for _ in 0..3 {
        check_works(&mut client, "culprit.echo_0");
        check_healthy(&mut client);
    }
    // None of them is the client's business.
    assert!(client.others.iter().all(|other| other["method"] != "notifications/unheard_of"));
}

#[test]
fn a_disk_that_is_full_costs_the_logs_alone() {
    let home = home_with(&["--stderr-lines", "1000"]).set("log.file=/dev/full");
    let logs = home.file("home/logs/servers");
    std::fs::create_dir_all(&logs).unwrap();
    for server in ["culprit", "healthy"] {
        // A file to which nothing can be written, as on a full disk.
        std::os::unix::fs::symlink("/dev/full", logs.join(format!("{server}.log"))).unwrap();
    }
    let mut client = home.connect();
    for _ in 0..3 {
        check_works(&mut client, "culprit.echo_0");
        check_healthy(&mut client);
    }
    assert_eq!(client.leave(), 0);
}
