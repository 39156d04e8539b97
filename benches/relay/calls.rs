//! What one call costs on its way: the three ways take turns, so that whatever else the machine does hits all alike.

use std::time::{Duration, Instant};

use super::Plan;
use super::machine;
use super::peer::{Peer, Way};
use super::report::{Budget, Figure, Report, p50_p99};
use super::scene::{self, Scene};

/// Turns that each way gets.
const ROUNDS: usize = 8;
/// Calls one after another in a turn.
const CALLS: usize = 2_500;
/// Calls in a turn with many in flight.
const CALLS_IN_FLIGHT: usize = 10_000;
/// As many as a busy agent has.
const IN_FLIGHT: usize = 16;

/// What one way showed.
#[derive(Default)]
struct Seen {
    /// Microseconds of each call.
    small: Vec<f64>,
    medium: Vec<f64>,
    large: Vec<f64>,
    /// Calls in a second, of each turn.
    rates: Vec<f64>,
    /// Processor time between client and server, while calls went one after another.
    cpu: Duration,
    /// The same with many in flight.
    cpu_in_flight: Duration,
}

struct Contender {
    peer: Peer,
    way: Way,
    seen: Seen,
}

pub(crate) fn measure(plan: &Plan, report: &mut Report) -> anyhow::Result<()> {
    // The server speaks one era, so that all three ways forward the same answer.
    let era = ["--era", "legacy"];
    let scene = Scene::with_bench(plan, &era)?;
    let (idle, gateway) = idle_memory(&scene)?;
    let mut contenders = [
        Contender { peer: scene::direct(plan, &era)?, way: Way::Straight, seen: Seen::default() },
        Contender { peer: scene::floor(plan, &era)?, way: Way::Straight, seen: Seen::default() },
        Contender { peer: gateway, way: Way::Execute, seen: Seen::default() },
    ];
    for contender in &mut contenders {
        contender.turn(plan, 200)?;
        contender.seen = Seen::default();
    }
    for _ in 0..plan.count(ROUNDS) {
        for contender in &mut contenders {
            contender.turn(plan, plan.count(CALLS))?;
        }
    }
    let [direct, floor, mut ours] = contenders;
    let in_use = memory_in_use(&mut ours.peer)?;
    tell(plan, report, direct.seen, floor.seen, ours.seen);
    report.add(Figure::ours(
        "memory idle (private part of it below)",
        "MB",
        mb(idle.resident_kb),
        Some(Budget::AtMost(15.0)),
    ));
    report.add(Figure::ours("private memory idle", "MB", mb(idle.private_kb), None));
    report.add(Figure::ours(
        "memory in use, encoder and all",
        "MB",
        mb(in_use.resident_kb),
        Some(Budget::AtMost(40.0)),
    ));
    report.add(Figure::ours("private memory in use", "MB", mb(in_use.private_kb), None));
    modern(plan, report)
}

impl Contender {
    fn turn(&mut self, plan: &Plan, calls: usize) -> anyhow::Result<()> {
        let before = machine::cpu(self.peer.pid())?;
        self.one_by_one(calls, 100)?;
        self.seen.cpu += machine::cpu(self.peer.pid())? - before;
        self.one_by_one(calls.div_ceil(10), 10_000)?;
        self.one_by_one(calls.div_ceil(250), 1_000_000)?;
        let count = plan.count(CALLS_IN_FLIGHT);
        let lines = self.peer.calls(count, self.way, "echo_0", "{}");
        let before = machine::cpu(self.peer.pid())?;
        let started = Instant::now();
        self.peer.exchange_all(&lines, IN_FLIGHT, 100)?;
        self.seen.rates.push(count as f64 / started.elapsed().as_secs_f64());
        self.seen.cpu_in_flight += machine::cpu(self.peer.pid())? - before;
        Ok(())
    }

    fn one_by_one(&mut self, count: usize, bytes: usize) -> anyhow::Result<()> {
        let lines = self.peer.calls(count, self.way, "echo_0", &format!("{{\"size\":{bytes}}}"));
        let times = match bytes {
            100 => &mut self.seen.small,
            10_000 => &mut self.seen.medium,
            _ => &mut self.seen.large,
        };
        for at in 0..count {
            let started = Instant::now();
            let answer = self.peer.exchange(&lines, at)?;
            times.push(started.elapsed().as_secs_f64() * 1e6);
            anyhow::ensure!(answer.len() > bytes, "an answer that is too short");
        }
        Ok(())
    }
}

fn tell(plan: &Plan, report: &mut Report, mut direct: Seen, mut floor: Seen, mut ours: Seen) {
    let calls = (plan.count(ROUNDS) * plan.count(CALLS)) as f64;
    let calls_in_flight = (plan.count(ROUNDS) * plan.count(CALLS_IN_FLIGHT)) as f64;
    let per_call = |cpu: Duration, calls: f64| cpu.as_secs_f64() * 1e6 / calls;
    let (direct_small, floor_small, ours_small) =
        (p50_p99(&mut direct.small), p50_p99(&mut floor.small), p50_p99(&mut ours.small));
    let row = |name, unit, direct: f64, floor: f64, ours: f64, budget| Figure {
        name,
        unit,
        direct: Some(direct),
        floor: Some(floor),
        ours,
        budget,
    };
    report.add(row("100 B result p50", "µs", direct_small.0, floor_small.0, ours_small.0, None));
    report.add(row("100 B result p99", "µs", direct_small.1, floor_small.1, ours_small.1, None));
    let added = (floor_small.0 - direct_small.0, ours_small.0 - direct_small.0);
    report.add(row("p50 added to a direct call", "µs", 0.0, added.0, added.1, Some(Budget::AtMost(80.0))));
    report.add(Figure {
        direct: None,
        ..row(
            "CPU of the process between, one by one",
            "µs a call",
            0.0,
            per_call(floor.cpu, calls),
            per_call(ours.cpu, calls),
            Some(Budget::AtMost(25.0)),
        )
    });
    report.add(Figure {
        direct: None,
        ..row(
            "the same with 16 in flight",
            "µs a call",
            0.0,
            per_call(floor.cpu_in_flight, calls_in_flight),
            per_call(ours.cpu_in_flight, calls_in_flight),
            None,
        )
    });
    let rate = |seen: &mut Seen| p50_p99(&mut seen.rates).0 / 1e3;
    let rates = (rate(&mut direct), rate(&mut floor), rate(&mut ours));
    report.add(row("calls with 16 in flight", "thousand/s", rates.0, rates.1, rates.2, Some(Budget::AtLeast(40.0))));
    let p50 = |values: &mut [f64]| p50_p99(values).0;
    let medium = (p50(&mut direct.medium), p50(&mut floor.medium), p50(&mut ours.medium));
    report.add(row("10 kB result p50", "µs", medium.0, medium.1, medium.2, Some(Budget::AtMost(180.0))));
    let large = [&mut direct.large, &mut floor.large, &mut ours.large].map(|values| p50(values) / 1e3);
    report.add(row("1 MB result p50", "ms", large[0], large[1], large[2], Some(Budget::AtMost(6.0))));
}

/// The same call where both edges speak 2026-07-28.
fn modern(plan: &Plan, report: &mut Report) -> anyhow::Result<()> {
    let scene = Scene::with_bench(plan, &["--era", "modern"])?;
    let peer = Peer::start(scene.command(&[]))?;
    let mut contender = Contender { peer, way: Way::ExecuteModern, seen: Seen::default() };
    contender.turn(plan, 200)?;
    contender.seen = Seen::default();
    contender.turn(plan, plan.count(CALLS))?;
    let Seen { mut small, rates, cpu, .. } = contender.seen;
    report.add(Figure::ours("100 B result p50, stateless era on both edges", "µs", p50_p99(&mut small).0, None));
    let cpu = cpu.as_secs_f64() * 1e6 / small.len() as f64;
    report.add(Figure::ours("CPU, stateless era", "µs a call", cpu, None));
    let rate = rates.first().copied().unwrap_or_default() / 1e3;
    report.add(Figure::ours("calls with 16 in flight, stateless era", "thousand/s", rate, None));
    Ok(())
}

/// Memory of a mcporch that has answered its client from the catalog, and done nothing else yet.
fn idle_memory(scene: &Scene) -> anyhow::Result<(machine::Memory, Peer)> {
    scene.run_json(&["index", "rebuild"])?;
    let mut gateway = scene.gateway(&[])?;
    gateway.ask("tools/list", "")?;
    // Whatever a start does behind is done by then.
    std::thread::sleep(Duration::from_millis(500));
    Ok((machine::memory(gateway.pid())?, gateway))
}

/// Memory after all those calls and a few requests in words, so that the encoder was used.
fn memory_in_use(gateway: &mut Peer) -> anyhow::Result<machine::Memory> {
    for words in ["send back what I say", "repeat this text", "return some bytes"] {
        gateway.ask_tool("find_tool", &serde_json::json!({"query": words}).to_string())?;
    }
    machine::memory(gateway.pid())
}

fn mb(kb: u64) -> f64 {
    kb as f64 / 1024.0
}
