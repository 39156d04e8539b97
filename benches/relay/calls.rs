//! What one call costs on its way over pipes: the ways take turns, so that whatever else the machine does hits all alike.

use std::time::{Duration, Instant};

use super::Plan;
use super::machine;
use super::peer::{Peer, Way};
use super::report::{Budget, Figure, Report, p50_p99};
use super::scene::{self, Scene};
use super::seen::{Bounds, IN_FLIGHT, SIZES, Seen, count_of, tell};

/// Turns that each way gets.
const ROUNDS: usize = 8;
/// Calls one after another in a turn.
const CALLS: usize = 2_500;
/// Calls in a turn with many in flight.
const CALLS_IN_FLIGHT: usize = 10_000;
/// What DESIGN.md wants in the end.
const BOUNDS: Bounds = Bounds { added: 40.0, cpu: 8.0, rate: 100.0, medium: Some(130.0), large: Some(4.8) };

struct Contender {
    peer: Peer,
    way: Way,
    seen: Seen,
}

pub(crate) fn measure(plan: &Plan, report: &mut Report) -> anyhow::Result<()> {
    // The server speaks one era, so that all ways forward the same answer.
    let era = ["--era", "legacy"];
    let scene = Scene::with_bench(plan, &era)?.all_inline();
    let (idle, gateway) = idle_memory(&scene)?;
    let mut contenders = [
        Contender { peer: scene::direct(plan, &era)?, way: Way::Straight, seen: Seen::default() },
        Contender { peer: scene::floor(plan, &era)?, way: Way::Straight, seen: Seen::default() },
        Contender { peer: gateway, way: Way::Execute, seen: Seen::default() },
        Contender { peer: scene.gateway(&["--profile", "s/bench"])?, way: Way::Straight, seen: Seen::default() },
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
    let [mut direct, mut floor, mut execute, server] = contenders;
    let in_use = memory_in_use(&mut execute.peer)?;
    let mut ours = [("stdio, execute", execute.seen), ("stdio, s/bench", server.seen)];
    tell(report, &mut direct.seen, &mut floor.seen, &mut ours, &BOUNDS);
    let memory = |name, kb: u64, most: Option<f64>| Figure::ours(name, "MB", mb(kb), most.map(Budget::AtMost));
    report.add(memory("memory idle (private part of it below)", idle.resident_kb, Some(15.0)));
    report.add(memory("private memory idle", idle.private_kb, None));
    report.add(memory("memory in use, encoder and all", in_use.resident_kb, Some(40.0)));
    report.add(memory("private memory in use", in_use.private_kb, None));
    modern(plan, report)
}

impl Contender {
    fn turn(&mut self, plan: &Plan, calls: usize) -> anyhow::Result<()> {
        for size in 0..SIZES.len() {
            let before = machine::cpu(self.peer.pid())?;
            let count = count_of(size, calls);
            self.one_by_one(count, size)?;
            if size == 0 {
                self.seen.add_cpu(0, machine::cpu(self.peer.pid())? - before, count);
            }
        }
        let count = plan.count(CALLS_IN_FLIGHT);
        for (at, in_flight) in IN_FLIGHT.into_iter().enumerate() {
            let lines = self.peer.calls(count, self.way, "echo_0", "{}");
            let before = machine::cpu(self.peer.pid())?;
            let started = Instant::now();
            self.peer.exchange_all(&lines, in_flight, 100, &mut self.seen.waits[at])?;
            self.seen.rates[at].push(count as f64 / started.elapsed().as_secs_f64());
            self.seen.add_cpu(1 + at, machine::cpu(self.peer.pid())? - before, count);
        }
        Ok(())
    }

    fn one_by_one(&mut self, count: usize, size: usize) -> anyhow::Result<()> {
        let (_, arguments, bytes_min) = SIZES[size];
        let lines = self.peer.calls(count, self.way, "echo_0", arguments);
        for at in 0..count {
            let started = Instant::now();
            let answer = self.peer.exchange(&lines, at)?;
            self.seen.times[size].push(started.elapsed().as_secs_f64() * 1e6);
            anyhow::ensure!(answer.len() > bytes_min, "an answer that is too short");
        }
        Ok(())
    }
}

/// The same call where both edges speak 2026-07-28.
fn modern(plan: &Plan, report: &mut Report) -> anyhow::Result<()> {
    let scene = Scene::with_bench(plan, &["--era", "modern"])?.all_inline();
    for (profile, way) in [("routed", Way::ExecuteModern), ("s/bench", Way::StraightModern)] {
        let peer = Peer::start(scene.command(&["--standalone", "--profile", profile]))?;
        let mut contender = Contender { peer, way, seen: Seen::default() };
        contender.turn(plan, 200)?;
        contender.seen = Seen::default();
        contender.turn(plan, plan.count(CALLS))?;
        let Seen { mut times, rates, mut cpu, .. } = contender.seen;
        let mut add = |what: &str, unit, value| {
            report.add(Figure::ours(
                format!("stdio, {profile}, stateless era on both edges: {what}"),
                unit,
                value,
                None,
            ));
        };
        add("100 B result p50", "µs", p50_p99(&mut times[0]).0);
        add("CPU one by one", "µs a call", p50_p99(&mut cpu[0]).0);
        add("16 in flight", "thousand/s", rates[0].first().copied().unwrap_or_default() / 1e3);
    }
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
