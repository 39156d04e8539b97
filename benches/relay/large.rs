//! Memory that one result of 100 MB takes: where it is allowed, and where it is over the limit and refused.

use std::time::Instant;

use super::Plan;
use super::http_peer::{Connection, HttpPeer, Speech};
use super::machine;
use super::peer::{Peer, Way};
use super::report::{Figure, Report};
use super::scene::Scene;

/// Of the result.
const BYTES: usize = 100_000_000;
/// Room for it, and a bit.
const ROOM: &str = "134217728";

pub(crate) fn measure(plan: &Plan, report: &mut Report) -> anyhow::Result<()> {
    let arguments = format!("{{\"size\":{BYTES}}}");
    for is_allowed in [true, false] {
        let mut scene = Scene::with_bench(plan, &["--era", "legacy"])?.all_inline();
        if is_allowed {
            scene = scene
                .with_env("MCPORCH_LIMITS_LINE_BYTES_MAX", ROOM)
                .with_env("MCPORCH_RESULTS_RESULT_BYTES_MAX", ROOM);
        }
        scene.run_json(&["index", "rebuild"])?;
        for (name, profile, way) in [("execute", "routed", Way::Execute), ("s/bench", "s/bench", Way::Straight)] {
            let mut gateway = scene.gateway(&["--profile", profile])?;
            let outcome = over_pipes(&mut gateway, way, &arguments)?;
            tell(report, &format!("stdio, {name}"), is_allowed, outcome);
        }
        for (name, speech) in [("session", Speech::Legacy), ("stateless", Speech::Modern)] {
            let (service, _running) = scene.serve()?;
            let peer = HttpPeer::new(service, "/mcp/s/bench", speech, "echo_0")?;
            let outcome = over_http(&peer, &arguments)?;
            tell(report, &format!("HTTP, /mcp/s/bench, {name}"), is_allowed, outcome);
        }
    }
    Ok(())
}

/// What one result did.
struct Outcome {
    /// How much the most memory ever used grew, in kB.
    grown_kb: u64,
    seconds: f64,
    /// The beginning of the answer.
    start: String,
    length: usize,
}

fn over_pipes(gateway: &mut Peer, way: Way, arguments: &str) -> anyhow::Result<Outcome> {
    let small = gateway.calls(1, way, "echo_0", "{}");
    gateway.exchange(&small, 0)?;
    let before = machine::memory(gateway.pid())?.peak_kb;
    let lines = gateway.calls(1, way, "echo_0", arguments);
    let started = Instant::now();
    let answer = gateway.exchange(&lines, 0)?;
    let (start, length) = (start_of(answer), answer.len());
    let seconds = started.elapsed().as_secs_f64();
    Ok(Outcome { grown_kb: machine::memory(gateway.pid())?.peak_kb - before, seconds, start, length })
}

fn over_http(peer: &HttpPeer, arguments: &str) -> anyhow::Result<Outcome> {
    let mut connection = Connection::open(peer)?;
    connection.exchange(&mut peer.request("{}"))?;
    let before = machine::memory(peer.pid())?.peak_kb;
    let started = Instant::now();
    let (_, body) = connection.send(peer.request(arguments).bytes())?;
    let seconds = started.elapsed().as_secs_f64();
    let (start, length) = (start_of(body.as_bytes()), body.len());
    Ok(Outcome { grown_kb: machine::memory(peer.pid())?.peak_kb - before, seconds, start, length })
}

fn start_of(answer: &[u8]) -> String {
    String::from_utf8_lossy(&answer[..answer.len().min(400)]).into_owned()
}

fn tell(report: &mut Report, way: &str, is_allowed: bool, outcome: Outcome) {
    let Outcome { grown_kb, seconds, start, length } = outcome;
    let what = if is_allowed { "allowed" } else { "over the limit" };
    let grown = grown_kb as f64 / 1024.0;
    report.add(Figure::ours(format!("{way}: 100 MB result, {what}: most memory grows by"), "MB", grown, None));
    report.add(Figure::ours(format!("{way}: 100 MB result, {what}"), "s", seconds, None));
    if is_allowed {
        let is_right = length > BYTES && !start.contains("\"isError\"");
        report.check("a result of 100 MB arrives where it is allowed", is_right, format!("{way}: {length} bytes"));
    } else {
        let is_right = length < 2_000 && start.contains("line_bytes_max");
        let shown: String = start.chars().take(300).collect();
        report.check("one over the limit is an error that names it", is_right, format!("{way}: {shown}"));
    }
}
