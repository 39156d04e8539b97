//! What is told of operations that end, at the door of the verbs, over a demo server.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use mcporch::app::App;
use mcporch::config::{self, MapEnv, Request};
use mcporch::domain::Surface;
use mcporch::monitor::{CallFilter, Exposition};
use mcporch::operations::{ExecuteInput, FindInput, OpContext};
use serde_json::{Value, json};

use crate::harness::program;

async fn app(folder: &Path, overrides: &[&str]) -> App {
    let files = folder.join("files");
    std::fs::create_dir_all(&files).unwrap();
    std::fs::write(files.join("notes.txt"), "one two three").unwrap();
    let server =
        json!({"command": program(), "args": ["demo-server", "--kind", "files", "--folder", files.to_str().unwrap()]});
    let registry = folder.join("registry.json");
    std::fs::write(&registry, json!({"mcpServers": {"files": server}}).to_string()).unwrap();
    // A shim is this very program started again, and a test is no mcporch.
    let overrides = overrides.iter().chain(&["sandbox.default_level=none"]).map(|&one| one.to_owned()).collect();
    let request =
        Request { registries: vec![registry], home: Some(folder.join("home")), overrides, ..Request::default() };
    let env = MapEnv::default();
    let config = config::load(&request, &env).unwrap();
    let app = App::build(&config, &env).unwrap();
    app.reconciler.load().await.unwrap();
    let names: BTreeSet<_> = config.servers.iter().map(|server| server.name.clone()).collect();
    app.reconciler.refresh(&names, false, Arc::new(|_| ())).await.unwrap();
    app.reconciler.mark_settled();
    app
}

async fn told(app: &App, input: ExecuteInput) -> Value {
    let cx = OpContext { surface: Surface::Rest, who: Some("ops".into()), ..OpContext::default() };
    // What it comes to is told, too.
    let _ended = app.operations.execute(&cx, input).await;
    let page = app.monitor.calls(&CallFilter::default(), None, 1);
    serde_json::to_value(app.monitor.call(&page.calls[0].id).unwrap()).unwrap()
}

#[tokio::test]
async fn every_way_an_operation_ends_is_told_once() {
    let folder = tempfile::tempdir().unwrap();
    let app = app(folder.path(), &[]).await;
    let named = |tool: &str, params: Value| ExecuteInput {
        tool: Some(tool.to_owned()),
        params: Some(params),
        ..ExecuteInput::default()
    };
    let words = |request: &str| ExecuteInput { request: request.to_owned(), ..ExecuteInput::default() };
    let check = |told: &Value, expected: Value| {
        for (member, value) in expected.as_object().unwrap() {
            assert_eq!(&told[member], value, "{member} in {told}");
        }
    };
    let done = told(&app, named("files.read_text_file", json!({"path": "notes.txt", "token": "x"}))).await;
    check(&done, json!({"verb": "call", "surface": "rest", "who": "ops", "server": "files", "tool": "read_text_file"}));
    let done = told(&app, named("files.read_text_file", json!({"path": "notes.txt"}))).await;
    check(
        &done,
        json!({"outcome": "done", "attempts": 1, "params": r#"{"path":"notes.txt"}"#, "params_truncated": false}),
    );
    let error = told(&app, named("files.read_text_file", json!({"path": "absent.txt"}))).await;
    check(&error, json!({"outcome": "tool_error", "tool": "read_text_file"}));
    let unfit = told(&app, named("files.read_text_file", json!({}))).await;
    check(&unfit, json!({"outcome": "needs_params", "tool": "read_text_file", "attempts": null, "params": "{}"}));
    let absent = told(&app, named("files.no_such_tool", json!({}))).await;
    check(&absent, json!({"outcome": "refused", "server": null}));
    let routed = told(&app, words("read the text file notes.txt")).await;
    check(&routed, json!({"verb": "execute", "request": "read the text file notes.txt", "server": "files"}));
    assert!(routed["confidence"].is_f64() && !routed["decision"].is_null(), "{routed}");
    assert!(routed["candidates"][0]["tool"].as_str().unwrap().starts_with("files."), "{routed}");
    let empty = told(&app, words("")).await;
    check(&empty, json!({"verb": "execute", "outcome": "refused"}));
    app.operations.find_tool(&FindInput { query: "read a file".to_owned(), ..FindInput::default() }).await.unwrap();
    let page = app.monitor.calls(&CallFilter::default(), None, 100);
    let verbs: Vec<&str> = page.calls.iter().map(|line| line.verb.word()).collect();
    assert_eq!(verbs, ["find", "execute", "execute", "call", "call", "call", "call", "call"]);
    let figures = app.monitor.render(Exposition::Text);
    for line in [
        r#"mcporch_calls_total{verb="call",surface="rest",outcome="tool_error"} 1"#,
        r#"mcporch_call_errors_total{server="files",kind="tool"} 1"#,
    ] {
        assert!(figures.lines().any(|one| one == line), "no {line} in {figures}");
    }
    let stage = |stage: &str| format!("mcporch_routing_stage_duration_seconds_count{{stage=\"{stage}\"}} 0\n");
    assert!(["embed", "rank", "check", "call"].iter().all(|one| !figures.contains(&stage(one))), "{figures}");
    app.stop().await;
}

#[tokio::test]
async fn a_call_that_nobody_waits_for_is_told_as_cancelled() {
    let folder = tempfile::tempdir().unwrap();
    let app = app(folder.path(), &[]).await;
    let cx = OpContext::default();
    let input = ExecuteInput { request: "read the text file notes.txt".to_owned(), ..ExecuteInput::default() };
    let mut call = Box::pin(app.operations.execute(&cx, input));
    std::future::poll_fn(|context| {
        let _begun = call.as_mut().poll(context);
        std::task::Poll::Ready(())
    })
    .await;
    drop(call);
    let page = app.monitor.calls(&CallFilter::default(), None, 1);
    assert_eq!(page.calls[0].outcome.word(), "cancelled");
    app.stop().await;
}

#[tokio::test]
async fn nothing_is_told_where_nothing_is_to_be_kept() {
    let folder = tempfile::tempdir().unwrap();
    let app = app(folder.path(), &["monitor.enabled=false"]).await;
    let input = FindInput { query: "read a file".to_owned(), ..FindInput::default() };
    app.operations.find_tool(&input).await.unwrap();
    assert!(app.monitor.calls(&CallFilter::default(), None, 1).calls.is_empty());
    app.stop().await;
}
