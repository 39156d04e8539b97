//! What mcporch costs: the same calls straight to a server, through the least possible relay, and through mcporch, in one
//! run on one machine; then how fast it starts, lists, indexes and routes, and what it does when a server is killed.
//!
//! `cargo bench --bench relay` prints a table beside the budget; `-- --json` the same for programs. Without `--bench`
//! (as `cargo test --benches` starts it) everything runs once and briefly, so that only the checks mean something.
//! Processes and memory are read from /proc, so it needs Linux.

#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a program that measures from outside: it has no runtime, waits by sleeping, and prints its table"
)]

mod calls;
mod faults;
mod floor;
mod http;
mod http_floor;
mod http_peer;
mod kill;
mod large;
mod lists;
mod machine;
mod peer;
mod report;
mod scene;
mod seen;
mod starts;
mod toolset;

use std::path::PathBuf;

use report::Report;

/// The word that makes this program the relay under measurement.
const FLOOR: &str = "--floor";
/// The same over HTTP; without a program it is a server itself.
const HTTP_FLOOR: &str = "--http-floor";

/// What to run, and how much of it.
struct Plan {
    /// The mcporch under measurement.
    program: PathBuf,
    /// The mcporch whose demo server stands behind it, so that two builds can be compared before the same server.
    server: PathBuf,
    /// Once and briefly.
    is_short: bool,
    /// Only the parts of these names; all when empty.
    only: Vec<String>,
}

/// Measures something and tells it.
type Part = fn(&Plan, &mut Report) -> anyhow::Result<()>;

impl Plan {
    /// `many` of it, or in a short run a handful.
    fn count(&self, many: usize) -> usize {
        if self.is_short { (many / 50).clamp(1, 200) } else { many }
    }
}

fn main() -> anyhow::Result<()> {
    let mut args = std::env::args().skip(1);
    let own = PathBuf::from(env!("CARGO_BIN_EXE_mcporch"));
    let mut plan = Plan { program: own.clone(), server: own, is_short: true, only: Vec::new() };
    let mut is_json = false;
    while let Some(arg) = args.next() {
        match arg.as_str() {
            FLOOR => return floor::run(args.collect()),
            HTTP_FLOOR => return http_floor::run(args.collect()),
            "--bench" => plan.is_short = false,
            "--short" => plan.is_short = true,
            "--json" => is_json = true,
            "--program" => plan.program = args.next().map(PathBuf::from).unwrap_or(plan.program),
            "--server" => plan.server = args.next().map(PathBuf::from).unwrap_or(plan.server),
            "--only" => plan.only.extend(args.next()),
            // What the test harness of other benches would understand.
            _ => {}
        }
    }
    plan.program = plan.program.canonicalize()?;
    plan.server = plan.server.canonicalize()?;
    let mut report = Report::begin();
    let parts: [(&str, Part); 7] = [
        ("calls", calls::measure),
        ("http", http::measure),
        ("large", large::measure),
        ("starts", starts::measure),
        ("lists", lists::measure),
        ("kill", kill::measure),
        ("faults", faults::check),
    ];
    for (name, part) in parts {
        if plan.only.is_empty() || plan.only.iter().any(|only| only == name) {
            eprintln!("measuring {name} …");
            part(&plan, &mut report)?;
        }
    }
    println!("{}", if is_json { report.json() } else { report.table() });
    anyhow::ensure!(report.is_correct(), "a check failed");
    Ok(())
}
