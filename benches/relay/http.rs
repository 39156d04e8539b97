//! What one call costs over HTTP: the ways take turns. Each request in flight has a connection of its own that stays open, as
//! those of clients do.

use std::time::Instant;

use super::Plan;
use super::http_peer::{Connection, HttpPeer, Speech};
use super::machine;
use super::report::Report;
use super::scene::{self, Scene};
use super::seen::{Bounds, IN_FLIGHT, SIZES, Seen, count_of, tell};

/// Turns that each way gets.
const ROUNDS: usize = 8;
/// Calls one after another in a turn.
const CALLS: usize = 1_000;
/// Calls in a turn with many in flight.
const CALLS_IN_FLIGHT: usize = 6_400;
/// What DESIGN.md wants in the end.
const BOUNDS: Bounds = Bounds { added: 85.0, cpu: 18.0, rate: 60.0, medium: None, large: None };

struct Contender {
    name: &'static str,
    peer: HttpPeer,
    seen: Seen,
}

pub(crate) fn measure(plan: &Plan, report: &mut Report) -> anyhow::Result<()> {
    let era = ["--era", "legacy"];
    let scene = Scene::with_bench(plan, &era)?.all_inline();
    scene.run_json(&["index", "rebuild"])?;
    let (direct, _direct) = scene::http_direct()?;
    let (floor, _floor) = scene::http_floor(plan, &era)?;
    let (ours, _ours) = scene.serve()?;
    let at = |name, peer: anyhow::Result<HttpPeer>| {
        Ok::<_, anyhow::Error>(Contender { name, peer: peer?, seen: Seen::default() })
    };
    let mut contenders = [
        at("direct", HttpPeer::new(direct, "/mcp", Speech::Legacy, "echo_0"))?,
        at("floor", HttpPeer::new(floor, "/mcp", Speech::Legacy, "echo_0"))?,
        at("HTTP, /mcp/s/bench, session", HttpPeer::new(ours, "/mcp/s/bench", Speech::Legacy, "echo_0"))?,
        at("HTTP, /mcp/s/bench, stateless", HttpPeer::new(ours, "/mcp/s/bench", Speech::Modern, "echo_0"))?,
        at("HTTP, /mcp/direct, session", HttpPeer::new(ours, "/mcp/direct", Speech::Legacy, "bench__echo_0"))?,
        at("HTTP, /mcp/direct, stateless", HttpPeer::new(ours, "/mcp/direct", Speech::Modern, "bench__echo_0"))?,
        at("HTTP, /mcp, execute, session", HttpPeer::execute(ours, Speech::Legacy))?,
        at("HTTP, /mcp, execute, stateless", HttpPeer::execute(ours, Speech::Modern))?,
    ];
    for contender in &mut contenders {
        contender.turn(plan, 100)?;
        contender.seen = Seen::default();
    }
    for _ in 0..plan.count(ROUNDS) {
        for contender in &mut contenders {
            contender.turn(plan, plan.count(CALLS))?;
        }
    }
    let [mut direct, mut floor, ours @ ..] = contenders;
    let mut ours = ours.map(|one| (one.name, one.seen));
    tell(report, &mut direct.seen, &mut floor.seen, &mut ours, &BOUNDS);
    Ok(())
}

impl Contender {
    fn turn(&mut self, plan: &Plan, calls: usize) -> anyhow::Result<()> {
        let pid = self.peer.pid();
        let mut connection = Connection::open(&self.peer)?;
        for (size, (_, arguments, bytes_min)) in SIZES.into_iter().enumerate() {
            let count = count_of(size, calls);
            let mut request = self.peer.request(arguments);
            let before = machine::cpu(pid)?;
            for _ in 0..count {
                let started = Instant::now();
                let length = connection.exchange(&mut request)?;
                self.seen.times[size].push(started.elapsed().as_secs_f64() * 1e6);
                anyhow::ensure!(length > bytes_min, "an answer that is too short");
            }
            if size == 0 {
                self.seen.add_cpu(0, machine::cpu(pid)? - before, count);
            }
        }
        let count = plan.count(CALLS_IN_FLIGHT);
        for (at, in_flight) in IN_FLIGHT.into_iter().enumerate() {
            let requests = self.peer.prepared(in_flight, "{}")?;
            let before = machine::cpu(pid)?;
            let started = Instant::now();
            let done = self.peer.exchange_all(requests, count.div_ceil(in_flight), &mut self.seen.waits[at])?;
            self.seen.rates[at].push(done as f64 / started.elapsed().as_secs_f64());
            self.seen.add_cpu(1 + at, machine::cpu(pid)? - before, done);
        }
        Ok(())
    }
}
