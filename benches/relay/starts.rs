//! From the start of the process to its first answers, when the catalog knows the tools from last time.

use std::process::Command;
use std::time::Instant;

use super::Plan;
use super::machine;
use super::peer::Peer;
use super::report::{Budget, Figure, Report, p50_p99};
use super::scene::{Scene, floor};

/// Starts of each sort.
const STARTS: usize = 20;

pub(crate) fn measure(plan: &Plan, report: &mut Report) -> anyhow::Result<()> {
    let scene = Scene::with_many(plan, plan.count(20))?;
    scene.run_json(&["index", "rebuild"])?;
    let fresh = starts(plan, &scene, &[])?;
    // Every list is too old, so each start refreshes them all, behind.
    let stale = starts(plan, &scene, &["--set", "servers.refresh_after_s=0"])?;
    let (mut direct, mut relayed) = (Vec::new(), Vec::new());
    for _ in 0..plan.count(STARTS) {
        let started = Instant::now();
        let mut command = Command::new(&plan.server);
        command.args(["demo-server", "--kind", "bench"]);
        Peer::start(command)?.initialize()?;
        direct.push(ms_since(started));
        let started = Instant::now();
        let _relay = floor(plan, &[])?;
        relayed.push(ms_since(started));
    }
    let Starts { mut initialized, mut listed, .. } = fresh;
    let p50 = p50_p99(&mut initialized).0;
    report.add(Figure {
        direct: Some(p50_p99(&mut direct).0),
        floor: Some(p50_p99(&mut relayed).0),
        ..Figure::ours("start → `initialize` answered, p50", "ms", p50, Some(Budget::AtMost(15.0)))
    });
    report.add(Figure::ours("the same, best start", "ms", least(&initialized), None));
    report.add(Figure::ours(
        "start → `tools/list` answered, p50",
        "ms",
        p50_p99(&mut listed).0,
        Some(Budget::AtMost(30.0)),
    ));
    report.add(Figure::ours("the same, best start", "ms", least(&listed), None));
    let mut listed = stale.listed;
    report.add(Figure::ours("the same, all lists too old, p50", "ms", p50_p99(&mut listed).0, None));
    report.check(
        "no server is started before `tools/list` is answered",
        fresh.with_children == 0 && stale.with_children == 0,
        format!("{} of {} starts", fresh.with_children + stale.with_children, 2 * plan.count(STARTS)),
    );
    Ok(())
}

/// What a number of starts showed.
#[derive(Default)]
struct Starts {
    /// Milliseconds from the start.
    initialized: Vec<f64>,
    listed: Vec<f64>,
    /// Starts that had a child process when the answer came.
    with_children: usize,
}

fn starts(plan: &Plan, scene: &Scene, args: &[&str]) -> anyhow::Result<Starts> {
    let mut starts = Starts::default();
    for _ in 0..plan.count(STARTS) {
        let started = Instant::now();
        let mut gateway = scene.gateway(args)?;
        starts.initialized.push(ms_since(started));
        let answer = gateway.ask("tools/list", "")?;
        starts.listed.push(ms_since(started));
        starts.with_children += usize::from(!machine::children(gateway.pid())?.is_empty());
        let tools = answer["result"]["tools"].as_array().map_or(0, Vec::len);
        anyhow::ensure!(tools == 4, "four tools expected: {answer}");
        gateway.close()?;
    }
    Ok(starts)
}

fn ms_since(started: Instant) -> f64 {
    started.elapsed().as_secs_f64() * 1e3
}

fn least(values: &[f64]) -> f64 {
    values.iter().copied().fold(f64::INFINITY, f64::min)
}
