//! The REST API: what its verbs give, how what goes wrong is told, and what older programs get.

use serde_json::{Value, json};

use crate::harness::http::{Http, Response, Served};
use crate::harness::{Home, wait_for};

fn home() -> Home {
    Home::new().with("bench", &["--kind", "bench"]).with("clock", &["--kind", "clock"])
}

/// Serving, with both servers listed.
fn served(home: &Home) -> Served {
    let served = Served::start(home, &[]);
    wait_for("both servers to be listed", || {
        let tools = get(&served, "/tools").json()["tools"].clone();
        (tools
            .as_array()?
            .iter()
            .filter(|tool| tool["tool"] == "clock.current_time" || tool["server"] == "bench")
            .count()
            > 10)
            .then_some(())
    });
    served
}

fn api(served: &Served, path: &str) -> Http {
    served.modern(&format!("/api/v1{path}"))
}

fn get(served: &Served, path: &str) -> Response {
    api(served, path).send("GET", "")
}

fn post(served: &Served, path: &str, body: &Value) -> Response {
    api(served, path).send("POST", &body.to_string())
}

/// Asserts that it is a problem of that kind, and gives it.
fn problem(response: Response, status: u16, slug: &str) -> Value {
    assert_eq!(
        (response.status, response.header("content-type")),
        (status, Some("application/problem+json")),
        "{slug}"
    );
    let id = response.header("x-request-id").unwrap().to_owned();
    let told = response.json();
    assert_eq!((&told["type"], &told["status"]), (&json!(format!("/problems/{slug}")), &json!(status)), "{told}");
    assert_eq!(told["request_id"], id);
    told
}

#[test]
fn a_request_in_words_is_found_inspected_and_run() {
    let home = home();
    let served = served(&home);
    let found = get(&served, "/find?q=what+time+is+it+in+Tokyo&limit=3&detail=names").json();
    assert_eq!(found["tools"].as_array().unwrap().len(), 3, "{found}");
    assert!(found["tools"][0]["tool"].as_str().unwrap().starts_with("clock."), "{found}");
    let posted = post(&served, "/find", &json!({"query": "what time is it in Tokyo", "limit": 3, "detail": "names"}));
    assert_eq!(posted.json()["tools"], found["tools"]);

    let seen = post(&served, "/routes/inspect", &json!({"request": "what time is it in Tokyo"})).json();
    assert_eq!(seen["tool"], found["tools"][0]["tool"], "{seen}");
    for tool in seen["ranked"].as_array().unwrap() {
        let sum: f64 = tool["parts"].as_object().unwrap().values().map(|part| part.as_f64().unwrap()).sum();
        assert!((sum - tool["score"].as_f64().unwrap()).abs() < 0.002, "the parts are not the score: {tool}");
    }

    let called = post(&served, "/call", &json!({"tool": "bench.echo_1", "params": {"text": "hello"}})).json();
    assert!(called["result"]["content"][0]["text"].as_str().unwrap().contains("hello"), "{called}");
    assert_eq!((&called["route"]["server"], &called["route"]["is_named"]), (&json!("bench"), &json!(true)));
    let done = post(&served, "/execute", &json!({"tool": "bench.echo_1", "params": {"text": "hello"}})).json();
    assert_eq!((&done["outcome"], &done["result"]), (&json!("done"), &called["result"]));
    let planned = post(&served, "/execute", &json!({"tool": "bench.echo_1", "params": {"text": "x"}, "dry_run": true}));
    let planned = planned.json();
    assert_eq!(planned["outcome"], "dry_run", "{planned}");
    let plan = json!({"plan": planned["plan"]});
    assert_eq!(post(&served, "/execute", &plan).json()["outcome"], "done");
}

#[test]
fn servers_are_shown_stopped_and_started() {
    let home = home();
    let served = served(&home);
    let all = get(&served, "/servers").json();
    let names: Vec<&str> =
        all["servers"].as_array().unwrap().iter().map(|one| one["server"].as_str().unwrap()).collect();
    assert_eq!(names, ["bench", "clock"], "{all}");
    let started = post(&served, "/servers/bench/start", &json!({})).json();
    assert_eq!((&started["servers"][0]["is_done"], &started["servers"][0]["state"]), (&json!(true), &json!("ready")));
    let one = get(&served, "/servers/bench").json();
    assert_eq!((&one["state"], one["tools"].as_array().unwrap().len()), (&json!("ready"), 10), "{one}");
    let lines = get(&served, "/servers/bench/logs?lines=50&contains=start").json();
    assert!(lines["lines"].as_array().unwrap().iter().all(|line| line["at"].as_i64().unwrap() > 1_600_000_000_000));
    let stopped = post(&served, "/servers/stop", &json!({"servers": ["bench"]})).json();
    assert_eq!(stopped["servers"][0]["state"], "stopped", "{stopped}");
    let status = get(&served, "/status").json();
    assert_eq!((&status["servers"]["total"], &status["pid"].is_u64()), (&json!(2), &true), "{status}");
    assert_eq!(status["listens"], json!([served.address]));
    let failed = post(&served, "/call", &json!({"tool": "bench.echo_1", "params": {"text": "x"}}));
    let told = problem(failed, 409, "server-off");
    assert!(told["detail"].as_str().unwrap().contains("mcporch start"), "{told}");
    let quarantined = post(&served, "/servers/clock/quarantine", &json!({"why": "it lies"})).json();
    assert_eq!(quarantined["state"], "quarantined", "{quarantined}");
}

#[test]
fn whatever_is_wrong_is_named_with_its_place() {
    let home = home();
    let served = served(&home);
    let errors = |told: &Value| -> Vec<String> {
        told["errors"].as_array().unwrap().iter().map(|one| format!("{}: {}", one["where"], one["what"])).collect()
    };
    let told = problem(get(&served, "/find?q=x&limit=0&detial=full"), 400, "invalid-input");
    assert!(errors(&told)[0].contains("did you mean `detail`"), "{told}");
    let told = problem(get(&served, "/find?q=x&limit=0"), 400, "invalid-input");
    assert!(errors(&told)[0].starts_with("\"?limit\""), "{told}");
    let told = problem(get(&served, "/find"), 400, "invalid-input");
    assert_eq!(errors(&told), ["\"?q\": \"is missing\""]);
    let body = json!({"tool": 5, "parms": {}, "params": []});
    let told = problem(post(&served, "/call", &body), 400, "invalid-input");
    let all = errors(&told).join("\n");
    assert!(all.contains("/tool") && all.contains("/params") && all.contains("did you mean `params`"), "{all}");
    let told = problem(
        post(&served, "/call", &json!({"tool": "bench.echo_1", "params": {"text": {"a": 1}}})),
        400,
        "invalid-input",
    );
    assert!(errors(&told)[0].starts_with("\"/params"), "{told}");
    problem(post(&served, "/servers/bench/start", &json!({"all": true})), 400, "invalid-input");
    problem(api(&served, "/call").send("POST", "{\"tool\":"), 400, "invalid-input");
    problem(api(&served, "/call").send("POST", "[]"), 400, "invalid-input");
    problem(api(&served, "/call").send("POST", &"[".repeat(600)), 400, "invalid-input");
    let told = problem(post(&served, "/call", &json!({"tool": "bench.ehco_1"})), 404, "not-found");
    assert!(told["detail"].as_str().unwrap().contains("bench.echo_1"), "{told}");
    let told = problem(get(&served, "/servers/clokc"), 404, "not-found");
    assert!(told["detail"].as_str().unwrap().contains("did you mean `clock`"), "{told}");
    let told = problem(get(&served, "/serverz"), 404, "not-found");
    assert!(told["detail"].as_str().unwrap().contains("/api/v1/servers"), "{told}");
    problem(get(&served, "/servers/%ff"), 400, "invalid-input");
    problem(get(&served, "/find?q=%ff"), 400, "invalid-input");
    problem(get(&served, "/tools?cursor=nonsense"), 400, "invalid-input");
    problem(post(&served, "/servers/stop", &json!({})), 400, "invalid-input");
    problem(served.modern("/none").send("GET", ""), 404, "not-found");
    let other = api(&served, "/find").send("DELETE", "");
    assert_eq!(other.header("allow"), Some("GET, HEAD, POST, OPTIONS"));
    problem(other, 405, "method-not-allowed");
    problem(api(&served, "/servers").with("Accept", "text/html").send("GET", ""), 406, "not-acceptable");
    problem(api(&served, "/call").with("Content-Type", "text/plain").send("POST", "{}"), 415, "unsupported-media-type");
    problem(api(&served, "/servers").with("Host", "evil.example").send("GET", ""), 403, "forbidden-host");
    problem(api(&served, "/servers").with("Origin", "https://evil.example").send("GET", ""), 403, "forbidden-origin");
    problem(api(&served, "/servers").with("Sec-Fetch-Site", "cross-site").send("GET", ""), 403, "forbidden-origin");
    problem(api(&served, "/servers").with("Authorization", "Bearer mo_none_none").send("GET", ""), 401, "key-unknown");
}

#[test]
fn too_long_a_body_is_refused() {
    let home = home().set("limits.client_line_bytes_max=65536");
    let served = Served::start(&home, &[]);
    let body = json!({"tool": "bench.echo_1", "params": {"text": "x".repeat(70_000)}});
    problem(post(&served, "/call", &body), 413, "too-large");
}

#[test]
fn what_was_seen_is_not_sent_again_and_ids_are_kept() {
    let home = home();
    let served = served(&home);
    let first = get(&served, "/tools?limit=4");
    let tag = first.header("etag").unwrap().to_owned();
    let again = api(&served, "/tools?limit=4").with("If-None-Match", &tag).send("GET", "");
    assert_eq!((again.status, again.header("etag")), (304, Some(tag.as_str())));
    let head = api(&served, "/tools?limit=4").send("HEAD", "");
    assert_eq!((head.status, head.header("etag")), (200, Some(tag.as_str())));
    assert!(head.header("content-length").unwrap().parse::<usize>().unwrap() > 100);
    let named = api(&served, "/status").with("X-Request-Id", "mine-1").send("GET", "");
    assert_eq!(named.header("x-request-id"), Some("mine-1"));
    assert_eq!(named.header("x-content-type-options"), Some("nosniff"));

    let (mut cursor, mut tools) = (String::new(), Vec::new());
    loop {
        let page = get(&served, &format!("/tools?limit=4{cursor}")).json();
        tools.extend(page["tools"].as_array().unwrap().iter().map(|tool| tool["tool"].as_str().unwrap().to_owned()));
        let Some(next) = page["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert!(tools.len() > 10 && tools.is_sorted_by(|a, b| a < b), "{tools:?}");
    let page = get(&served, "/tools?server=clock").json();
    assert!(page["tools"].as_array().unwrap().iter().all(|tool| tool["server"] == "clock"));
    assert_eq!(get(&served, "/tools/bench.echo_1").json()["tool"], "bench.echo_1");
    let asked = api(&served, "/find").with("Origin", "http://localhost:3000").send("OPTIONS", "");
    assert_eq!((asked.status, asked.header("access-control-allow-origin")), (204, Some("http://localhost:3000")));
}

#[test]
fn older_programs_get_what_they_know() {
    let home = home();
    let served = served(&home);
    let call = |name: &str, body: &str| served.modern(&format!("/mcp/{name}")).send("POST", body).json();
    let status = call("get_orchestrator_status", "");
    assert_eq!(status["result"]["orchestrator"]["total"], 2, "{status}");
    assert_eq!(call("get_server_status", "{}")["result"]["servers"]["clock"]["required_env_status"], json!({}));
    let all = call("discover_capabilities", "{}");
    assert!(all["result"]["servers"]["bench"]["tools"].as_array().unwrap().contains(&json!("echo_1")), "{all}");
    let text = call("bench.echo_1", "{\"text\": \"hello\"}");
    assert!(text["result"].as_str().unwrap().contains("hello"), "{text}");
    assert_eq!(call("bench__echo_1", "{\"text\": \"hello\"}"), text);
    assert_eq!(call("echo_1", "{\"text\": \"hello\"}"), text);
    assert!(call("find_tool", "{\"query\": \"the time\"}")["result"]["tools"].is_array());
    problem(served.modern("/mcp/nothing_like_it").send("POST", "{}"), 404, "not-found");
    problem(served.modern("/mcp/find").send("GET", ""), 405, "method-not-allowed");
    problem(served.modern("/mcp/find").send("POST", "{}"), 400, "invalid-input");
}

#[test]
fn the_api_describes_itself_and_the_process_tells_that_it_lives() {
    let home = home();
    let served = Served::start(&home, &[]);
    let document = get(&served, "/openapi.json").json();
    assert_eq!(document["openapi"], "3.1.0");
    assert!(document["paths"]["/api/v1/find"]["get"]["parameters"].is_array());
    let page = get(&served, "/docs");
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    let page = page.text();
    assert!(!page.contains("<script>") && !page.contains("style="), "something stands inside the page");
    for file in ["docs.css", "docs.js"] {
        assert!(page.contains(file) && get(&served, &format!("/docs/{file}")).status == 200);
    }
    assert_eq!(served.modern("/healthz").send("GET", "").json()["status"], "ok");
    wait_for("it to be ready", || (served.modern("/readyz").send("GET", "").status == 200).then_some(()));
    assert_eq!(served.modern("/problems/not-found").send("GET", "").json()["status"], 404);
    let settings = get(&served, "/config").json();
    let settings = settings["settings"].as_array().unwrap();
    let bar = settings.iter().find(|one| one["key"] == "http.idle_timeout_s").unwrap();
    assert!(bar["origin"] == "default" && !bar["about"].as_str().unwrap().is_empty(), "{bar}");
}
