//! Faults that were seen in other programs of this kind, each looked for here.

use std::time::Duration;

use anyhow::ensure;
use serde_json::{Value, json};

use super::Plan;
use super::machine;
use super::peer::{Peer, Way};
use super::report::{Figure, Report};
use super::scene::Scene;

/// Servers of a gateway that loses its client.
const SERVERS: usize = 50;
/// Longest time that they may outlive it.
const END_MAX: Duration = Duration::from_secs(5);

pub(crate) fn check(plan: &Plan, report: &mut Report) -> anyhow::Result<()> {
    let scene = Scene::with_bench(plan, &[])?;
    let mut gateway = scene.gateway(&[])?;
    concurrent_answers(plan, &mut gateway, report)?;
    quoting(&mut gateway, report)?;
    memory(plan, &mut gateway, report)?;
    garbage(plan, report)?;
    end_with_client(plan, report)
}

/// A line reader that loses what it had read when it is interrupted loses some of these.
fn concurrent_answers(plan: &Plan, gateway: &mut Peer, report: &mut Report) -> anyhow::Result<()> {
    let rounds = plan.count(200);
    for _ in 0..rounds {
        let lines = gateway.calls(16, Way::Execute, "echo_0", "{\"size\":10000}");
        gateway.exchange_all(&lines, 16, 10_000, &mut Vec::new())?;
    }
    report.check("16 concurrent answers of 10 kB all arrive", true, format!("{rounds} times 16"));
    Ok(())
}

fn quoting(gateway: &mut Peer, report: &mut Report) -> anyhow::Result<()> {
    let text = "she said \"done\",\n\tü 漢 🦀 \\ {\"a\":1}";
    let answer = gateway.ask_tool("execute", &json!({"tool": "bench.echo_0", "params": {"text": text}}).to_string())?;
    let came = &answer["result"]["content"][0]["text"];
    report.check("a text comes as it was sent, not quoted twice", came == text, came.to_string());
    Ok(())
}

fn memory(plan: &Plan, gateway: &mut Peer, report: &mut Report) -> anyhow::Result<()> {
    let servers = machine::children(gateway.pid())?;
    calls(gateway, 1_000)?;
    let early = machine::memory(gateway.pid())?.resident_kb;
    calls(gateway, plan.count(30_000))?;
    let late = machine::memory(gateway.pid())?.resident_kb;
    report.add(Figure::ours(
        "memory after 30,000 calls, against after 1,000",
        "times",
        late as f64 / early as f64,
        None,
    ));
    report.check("memory grows by less than a tenth", late * 10 <= early * 11, format!("{early} kB → {late} kB"));
    let is_same = machine::children(gateway.pid())? == servers && servers.len() == 1;
    report.check("the server is not started anew for each call", is_same, format!("processes {servers:?}"));
    Ok(())
}

fn calls(gateway: &mut Peer, count: usize) -> anyhow::Result<()> {
    let lines = gateway.calls(count, Way::Execute, "echo_0", "{}");
    gateway.exchange_all(&lines, 4, 100, &mut Vec::new())
}

fn garbage(plan: &Plan, report: &mut Report) -> anyhow::Result<()> {
    let scene = Scene::with_bench(plan, &["--noise", "3"])?;
    let tools = scene.run_json(&["index", "rebuild"])?["tools"].clone();
    let mut gateway = scene.gateway(&[])?;
    calls(&mut gateway, 100)?;
    report.check(
        "garbage on a server's stdout costs no tool and no call",
        tools == 10,
        format!("{tools} tools, 100 calls"),
    );
    Ok(())
}

/// The client goes while fifty servers run and work.
fn end_with_client(plan: &Plan, report: &mut Report) -> anyhow::Result<()> {
    let scene = Scene::with_many(plan, SERVERS)?;
    scene.run_json(&["index", "rebuild"])?;
    let mut gateway = scene.gateway(&[])?;
    for server in 0..SERVERS {
        let arguments = json!({"tool": format!("bench{server}.echo_0")});
        let answer: Value = gateway.ask_tool("execute", &arguments.to_string())?;
        ensure!(answer["result"]["isError"] != true, "{answer}");
    }
    let servers = machine::children(gateway.pid())?;
    ensure!(servers.len() == SERVERS, "{} of {SERVERS} servers run", servers.len());
    let (status, took) = gateway.close()?;
    let left = machine::survivors(&servers, Duration::ZERO);
    report.add(Figure::ours("stdin closed → mcporch and its 50 servers gone", "s", took.as_secs_f64(), None));
    report.check(
        "all servers are gone when mcporch is",
        left == 0 && status.success() && took < END_MAX,
        format!("{left} of {SERVERS} left, {status}"),
    );
    Ok(())
}
