//! A server is killed while calls run: what its callers get, and how long until it is back.

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use serde_json::Value;

use super::Plan;
use super::machine;
use super::peer::{Peer, Way};
use super::report::{Budget, Figure, Report, p50_p99};
use super::scene::Scene;

/// Kills, one after another.
const KILLS: usize = 10;
/// Calls before each kill, so that the server is warm, and after it is back.
const CALLS_AROUND: usize = 200;
/// Calls in flight when many are.
const IN_FLIGHT: usize = 16;

pub(crate) fn measure(plan: &Plan, report: &mut Report) -> anyhow::Result<()> {
    let scene = Scene::with_bench(plan, &[])?;
    scene.run_json(&["index", "rebuild"])?;
    let mut gateway = scene.gateway(&[])?;
    let (mut back, mut failed) = (Vec::new(), 0);
    for _ in 0..plan.count(KILLS) {
        calls(&mut gateway, CALLS_AROUND)?;
        let (took, failures) = kill_between_calls(&mut gateway)?;
        back.push(took);
        failed += failures;
    }
    let (p50, _) = p50_p99(&mut back);
    report.add(Figure::ours("kill -9 of the server → next success, p50", "s", p50, Some(Budget::AtMost(0.5))));
    let longest = back.last().copied().unwrap_or_default();
    report.add(Figure::ours("the same, longest of ten", "s", longest, Some(Budget::AtMost(0.5))));
    report.add(Figure::ours(
        "calls that failed meanwhile, of one after another",
        "calls a kill",
        failed as f64 / back.len() as f64,
        None,
    ));
    let mut answered = 0;
    for _ in 0..plan.count(KILLS) {
        calls(&mut gateway, CALLS_AROUND)?;
        answered += kill_under_many(&mut gateway)?;
    }
    report.check(
        "one answer for each request, whatever was killed",
        // Each step fails the whole run when an answer is missing, doubled, or somebody else's.
        gateway.ask("ping", "")?["result"].is_object(),
        format!("{answered} requests in flight during {} kills, each answered once", plan.count(KILLS)),
    );
    Ok(())
}

fn calls(gateway: &mut Peer, count: usize) -> anyhow::Result<()> {
    let lines = gateway.calls(count, Way::Execute, "echo_0", "{}");
    gateway.exchange_all(&lines, 1, 100, &mut Vec::new())
}

/// Kills the server and calls one by one until a call succeeds. Seconds that took, and how many failed.
fn kill_between_calls(gateway: &mut Peer) -> anyhow::Result<(f64, usize)> {
    let lines = gateway.calls(1_000, Way::Execute, "echo_0", "{}");
    let started = Instant::now();
    kill_server(gateway)?;
    for at in 0..lines.len() {
        let answer: Value = serde_json::from_slice(gateway.exchange(&lines, at)?)?;
        if answer["result"]["isError"] != true && answer["result"].is_object() {
            return Ok((started.elapsed().as_secs_f64(), at));
        }
        let text = answer["result"]["content"][0]["text"].as_str().unwrap_or_default();
        ensure!(text.contains("bench"), "an error that does not name the server: {answer}");
        std::thread::sleep(Duration::from_millis(1));
    }
    anyhow::bail!("the server is not back after {} calls", lines.len())
}

/// Kills the server while calls with large answers run; each must be answered once. How many there were.
fn kill_under_many(gateway: &mut Peer) -> anyhow::Result<usize> {
    let lines = gateway.calls(20 * IN_FLIGHT, Way::Execute, "echo_0", "{\"size\":100000}");
    let pid = *machine::children(gateway.pid())?.first().context("no server runs")?;
    let killer = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(3));
        kill(pid)
    });
    // An error is an answer too, and shorter than a result.
    gateway.exchange_all(&lines, IN_FLIGHT, 1, &mut Vec::new())?;
    ensure!(killer.is_finished(), "the calls were done before the server was killed");
    killer.join().map_err(|_| anyhow::anyhow!("the killer failed"))??;
    Ok(lines.len())
}

fn kill_server(gateway: &Peer) -> anyhow::Result<()> {
    kill(*machine::children(gateway.pid())?.first().context("no server runs")?)
}

fn kill(pid: u32) -> anyhow::Result<()> {
    ensure!(Command::new("kill").args(["-9", &pid.to_string()]).status()?.success(), "{pid} could not be killed");
    Ok(())
}
