//! Many servers, many tools: how fast they are all known, and how fast a request finds its tool among them.

use std::time::{Duration, Instant};

use anyhow::ensure;
use serde_json::{Value, json};

use super::peer::Peer;
use super::report::{Budget, Figure, Report, p50_p99};
use super::scene::Scene;
use super::{Plan, toolset};

/// Servers that are all unknown and cold.
const COLD_SERVERS: usize = 50;
/// Times that each list is made from nothing.
const REPEATS: usize = 5;
/// Requests in words.
const REQUESTS: usize = 300;

pub(crate) fn measure(plan: &Plan, report: &mut Report) -> anyhow::Result<()> {
    cold_servers(plan, report)?;
    many_tools(plan, report)
}

fn cold_servers(plan: &Plan, report: &mut Report) -> anyhow::Result<()> {
    let scene = Scene::with_many(plan, COLD_SERVERS)?;
    let all_at_once = format!("servers.starts_in_parallel={COLD_SERVERS}");
    let (mut listed, mut at_once, mut rebuilt) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..plan.count(REPEATS) {
        listed.push(until_all_listed(&scene, &[])?);
        at_once.push(until_all_listed(&scene, &["--set", &all_at_once])?);
        scene.forget()?;
        let started = Instant::now();
        let answer = scene.run_json(&["index", "rebuild"])?;
        rebuilt.push(ms_since(started));
        ensure!(answer["tools"] == COLD_SERVERS * 10, "not all tools were listed: {answer}");
    }
    let p50 = |mut values: Vec<f64>| p50_p99(&mut values).0;
    report.add(Figure::ours(
        "50 cold servers × 10 tools listed by a running mcporch",
        "ms",
        p50(listed),
        Some(Budget::AtMost(150.0)),
    ));
    report.add(Figure::ours("the same with all 50 starting at once", "ms", p50(at_once), None));
    report.add(Figure::ours("`index rebuild` of the same, to the end of the process", "ms", p50(rebuilt), None));
    Ok(())
}

/// Milliseconds from the start of mcporch on an empty home until `list_capabilities` shows every tool.
fn until_all_listed(scene: &Scene, args: &[&str]) -> anyhow::Result<f64> {
    scene.forget()?;
    let started = Instant::now();
    let mut gateway = scene.gateway(args)?;
    loop {
        let answer = gateway.ask_tool("list_capabilities", "{}")?;
        let servers = &answer["result"]["structuredContent"]["servers"];
        let count = |servers: &Vec<Value>| servers.iter().filter(|server| server["tools"] == 10).count();
        if servers.as_array().map_or(0, count) == COLD_SERVERS {
            break;
        }
        ensure!(started.elapsed() < Duration::from_secs(30), "not all servers are listed: {answer}");
        std::thread::sleep(Duration::from_millis(2));
    }
    let took = ms_since(started);
    gateway.close()?;
    Ok(took)
}

fn many_tools(plan: &Plan, report: &mut Report) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let mut servers = Vec::new();
    for (number, (name, ..)) in toolset::SERVERS.iter().enumerate() {
        let file = folder.path().join(format!("{name}.json"));
        std::fs::write(&file, toolset::tools(number).to_string())?;
        servers.push((
            (*name).to_owned(),
            vec!["--kind".into(), "custom".into(), "--tools".into(), file.display().to_string()],
        ));
    }
    let scene = Scene::new(plan, &servers)?;
    let (mut cold, mut texts, mut again, mut embedded_again) = (Vec::new(), 0, Vec::new(), 0);
    for _ in 0..plan.count(REPEATS) {
        scene.forget()?;
        let started = Instant::now();
        let answer = scene.run_json(&["index", "rebuild"])?;
        cold.push(ms_since(started) / 1e3);
        ensure!(answer["tools"] == servers.len() * toolset::TOOLS_OF_ONE, "not all tools were listed: {answer}");
        texts = answer["texts"].as_u64().unwrap_or_default();
        let started = Instant::now();
        let answer = scene.run_json(&["index", "rebuild"])?;
        again.push(ms_since(started) / 1e3);
        embedded_again += answer["embedded"].as_u64().unwrap_or(u64::MAX);
    }
    let cold = p50_p99(&mut cold).0;
    report.add(Figure::ours("`index rebuild` of 600 tools, cold", "s", cold, Some(Budget::AtMost(4.0))));
    report.add(Figure::ours("texts embedded by it", "texts", texts as f64, None));
    report.add(Figure::ours("the same again", "s", p50_p99(&mut again).0, None));
    report.check("a second rebuild embeds nothing", embedded_again == 0, format!("{embedded_again} texts"));
    route(plan, &scene, report)
}

fn route(plan: &Plan, scene: &Scene, report: &mut Report) -> anyhow::Result<()> {
    let mut gateway = scene.gateway(&[])?;
    for number in 5_000..5_010 {
        find(&mut gateway, number)?;
    }
    let (mut unseen, mut seen, mut right) = (Vec::new(), Vec::new(), 0);
    let count = plan.count(REQUESTS);
    for number in 0..count {
        let (took, is_right) = find(&mut gateway, number * 7)?;
        unseen.push(took);
        right += usize::from(is_right);
    }
    for number in 0..count {
        seen.push(find(&mut gateway, number * 7)?.0);
    }
    let (unseen, seen) = (p50_p99(&mut unseen), p50_p99(&mut seen));
    report.add(Figure::ours("`find_tool` among 600 tools, new text, p50", "ms", unseen.0, Some(Budget::AtMost(2.5))));
    report.add(Figure::ours("the same, p99", "ms", unseen.1, None));
    report.add(Figure::ours("`find_tool` among 600 tools, known text, p50", "ms", seen.0, Some(Budget::AtMost(0.2))));
    report.add(Figure::ours("the same, p99", "ms", seen.1, None));
    // Only to see that it is routing that was timed: the tools are made up, so the share says nothing about quality.
    report.check("most requests find the tool they mean", right * 2 > count, format!("{right} of {count}"));
    Ok(())
}

/// Milliseconds, and whether the tool that was meant came first.
fn find(gateway: &mut Peer, number: usize) -> anyhow::Result<(f64, bool)> {
    let (request, meant) = toolset::request(number);
    let arguments = json!({"query": request});
    let lines = gateway.lines(1, "tools/call", &format!("\"name\":\"find_tool\",\"arguments\":{arguments}"));
    let started = Instant::now();
    let answer = gateway.exchange(&lines, 0)?;
    let took = ms_since(started);
    let answer: Value = serde_json::from_slice(answer)?;
    Ok((took, answer["result"]["structuredContent"]["tools"][0]["tool"] == meant))
}

fn ms_since(started: Instant) -> f64 {
    started.elapsed().as_secs_f64() * 1e3
}
