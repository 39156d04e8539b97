//! `mcporch doctor`: what is wrong with the set-up, and what to do.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use crate::app::App;
use crate::config::{self, Config, Fault, ProcessEnv, ServerConfig};
use crate::doctor::{
    self, Area, Change, Effect, Figures, Finding, Probes, ServerFacts, ServerState, Severity, Share, Vectors,
};
use crate::domain::{ServerName, ToolKey};
use crate::isolation::{self, Probe};
use crate::reconcile::{Known, RefreshReport};
use crate::telemetry;

use super::exit_code::Exit;
use super::output::{BAD, BOLD, DIM, GOOD, Out, WARN, counted, one_line as clean, painted};
use super::progress::Bars;
use super::test::{self, Wanted};
use super::{Global, doctor_routes, doctor_sandbox, doctor_secrets, prepare};

/// Findings shown of one area, unless all are asked for.
const SHOWN: usize = 6;
/// Requests that changed sides, as many as are shown.
const CHANGES_SHOWN: usize = 6;

#[derive(Debug, Args)]
pub(super) struct DoctorArgs {
    /// Only these servers
    servers: Vec<String>,
    /// Start every server and list its tools anew, not only those never listed or that failed last time
    #[arg(long, conflicts_with = "offline")]
    start: bool,
    /// Start no server
    #[arg(long)]
    offline: bool,
    /// Show every finding
    #[arg(long)]
    all: bool,
    /// Also route the requests of these routes files (or folders, or - for standard input), without and with the overrides
    #[arg(long, value_name = "FILE", num_args = 1..)]
    routes: Vec<PathBuf>,
}

#[derive(Serialize)]
struct Report {
    servers: usize,
    tools: usize,
    probes: Figures,
    problems: usize,
    warnings: usize,
    notes: usize,
    findings: Vec<Finding>,
    sandbox: Probe,
    #[serde(skip_serializing_if = "Option::is_none")]
    overrides: Option<Effect>,
    #[serde(skip_serializing_if = "Option::is_none")]
    routes: Option<doctor_routes::OwnRoutes>,
}

pub(super) async fn doctor(global: &Global, args: &DoctorArgs) -> anyhow::Result<Exit> {
    let config = config::load(&global.request(), &ProcessEnv)?;
    let level = if global.verbose { None } else { Some("off") };
    telemetry::start(&config.settings.log, level, &config.home.logs())?;
    let wanted = wanted_servers(&config, args)?;
    // Read before anything starts: a misspelled file must not cost a minute.
    let routes = test::all_of(&args.routes)?;
    let sides = both_sides(&config).await?;
    let report = examine(&config, &sides, args, &wanted, &routes).await;
    sides.stop().await;
    let report = report?;
    if global.json {
        Out::stdout().json(&report);
    } else {
        show(&report, args.all);
    }
    Ok(if report.problems + report.warnings > 0 { Exit::Failed } else { Exit::Done })
}

/// The same set-up with the overrides, and without where there are any. Whatever compares the two (probes; a file of
/// requests) takes them from here.
struct BothSides {
    with: App,
    without: Option<App>,
}

impl BothSides {
    async fn stop(&self) {
        self.with.stop().await;
        if let Some(app) = &self.without {
            app.stop().await;
        }
    }
}

async fn both_sides(config: &Config) -> anyhow::Result<BothSides> {
    let with = prepare::app(config).await?;
    let without = if config.tool_overrides.is_empty() {
        None
    } else {
        let plain = Config { tool_overrides: Vec::new(), ..config.clone() };
        Some(App::build(&plain, &ProcessEnv)?)
    };
    Ok(BothSides { with, without })
}

fn wanted_servers(config: &Config, args: &DoctorArgs) -> anyhow::Result<BTreeSet<ServerName>> {
    let all = || config.servers.iter().map(|server| server.name.clone());
    for asked in &args.servers {
        let names: Vec<String> = all().map(|name| name.to_string()).collect();
        anyhow::ensure!(names.contains(asked), "there is no server {asked:?}; the servers are {}", names.join(", "));
    }
    Ok(all()
        .filter(|name| args.servers.is_empty() || args.servers.iter().any(|asked| asked == name.as_str()))
        .collect())
}

async fn examine(
    config: &Config,
    sides: &BothSides,
    args: &DoctorArgs,
    wanted: &BTreeSet<ServerName>,
    routes: &[Wanted],
) -> anyhow::Result<Report> {
    let app = &sides.with;
    let refreshed = bring_up_to_date(app, args, wanted).await?;
    let known = app.operations.known_now();
    let mut findings: Vec<Finding> = config.warnings.iter().chain(&config.advice).map(of_fault).collect();
    let facts = server_facts(config, app, &known, &refreshed, wanted).await;
    findings.extend(doctor::servers(&facts));
    findings.extend(doctor_secrets::findings(config, app, &known, wanted).await?);
    let sandbox = isolation::probe().await;
    findings
        .extend(config.servers.iter().filter_map(|server| doctor_sandbox::lacks_its_level(config, server, &sandbox)));
    findings.extend(doctor::texts(&known.snapshot, &|server| wanted.contains(server)));
    findings.extend(idle(config, &known));

    let before = match &sides.without {
        Some(app) => {
            app.reconciler.load().await?;
            let bars = Bars::new();
            let filled = app.reconciler.fill_vectors(bars.sink()).await;
            bars.finish();
            filled?;
            app.reconciler.mark_settled();
            Some(app.operations.known_now())
        }
        None => None,
    };
    let measured = measure(config, app, known.clone(), before, wanted.clone()).await?;
    findings.extend(measured.findings);
    let own_routes = if routes.is_empty() {
        None
    } else {
        let sides = (sides.without.as_ref(), app);
        let (own_routes, wrong) = doctor_routes::own_routes(sides, &args.routes, routes).await?;
        findings.extend(wrong);
        own_routes
    };
    findings.sort_by(|a, b| a.area.cmp(&b.area).then(b.severity.cmp(&a.severity)));
    let count = |severity| findings.iter().filter(|finding| finding.severity == severity).count();
    Ok(Report {
        servers: facts.len(),
        tools: facts.iter().map(|server| server.tools).sum(),
        probes: measured.figures,
        problems: count(Severity::Problem),
        warnings: count(Severity::Warning),
        notes: count(Severity::Note),
        findings,
        sandbox,
        overrides: measured.effect,
        routes: own_routes,
    })
}

/// Lists the servers whose tools are not known or that failed last time, or as the flags say.
async fn bring_up_to_date(
    app: &App,
    args: &DoctorArgs,
    wanted: &BTreeSet<ServerName>,
) -> anyhow::Result<RefreshReport> {
    let known = app.operations.known_now();
    let is_due = |name: &ServerName| {
        let server = known.servers.get(name);
        server.is_some_and(|server| {
            server.refusal.is_none() && (args.start || server.listed_at.is_none() || !server.fault.is_empty())
        })
    };
    let due: BTreeSet<ServerName> = wanted.iter().filter(|name| !args.offline && is_due(name)).cloned().collect();
    let bars = Bars::new();
    let report = if due.is_empty() {
        app.reconciler.fill_vectors(bars.sink()).await.map(|_| RefreshReport::default())
    } else {
        app.reconciler.refresh(&due, true, bars.sink()).await
    };
    bars.finish();
    app.reconciler.mark_settled();
    Ok(report?)
}

async fn server_facts(
    config: &Config,
    app: &App,
    known: &Known,
    refreshed: &RefreshReport,
    wanted: &BTreeSet<ServerName>,
) -> Vec<ServerFacts> {
    let missing = app.missing_programs().await;
    let servers = config.servers.iter().filter(|server| wanted.contains(&server.name));
    servers
        .map(|server| {
            let seen = known.servers.get(&server.name);
            let refusal = server.refusal.as_ref().filter(|fault| fault.line > 0);
            let of_it = |key: &ToolKey| key.server == server.name;
            ServerFacts {
                name: server.name.clone(),
                place: refusal.map_or_else(|| origin(server), place),
                state: state(server, seen.map(|seen| (seen.fault.as_str(), seen.listed_at))),
                fingerprint: server.fingerprint.clone(),
                tools: seen.map_or(0, |seen| seen.tools),
                hidden: known.overruled.hidden.keys().filter(|key| of_it(key)).count(),
                missing_program: missing.get(&server.name).cloned(),
                tool_faults: refreshed.tool_faults.get(&server.name).cloned().unwrap_or_default(),
            }
        })
        .collect()
}

fn state(server: &ServerConfig, seen: Option<(&str, Option<i64>)>) -> ServerState {
    match (server.disabled, &server.refusal, seen) {
        (true, ..) => ServerState::Disabled,
        (_, Some(fault), ..) => ServerState::Refused { message: fault.message.clone(), help: fault.help.clone() },
        (.., Some((fault, _))) if !fault.is_empty() => ServerState::Failed { why: fault.to_owned() },
        (.., Some((_, Some(_)))) => ServerState::Listed,
        (.., Some((_, None)) | None) => ServerState::NeverListed,
    }
}

pub(super) fn origin(server: &ServerConfig) -> String {
    format!("{}:{}", server.origin.file.display(), server.origin.line)
}

fn place(fault: &Fault) -> String {
    if fault.line > 0 { format!("{}:{}", fault.file.display(), fault.line) } else { fault.file.display().to_string() }
}

fn of_fault(fault: &Fault) -> Finding {
    let (message, advice) = (fault.message.clone(), fault.help.clone());
    Finding::new(Severity::Warning, Area::Configuration, fault.key.clone(), message, advice).at(place(fault))
}

/// Overrides that fit no tool, for `config check`; looks into the catalog and starts nothing.
///
/// # Errors
/// When the catalog cannot be read.
pub(super) async fn idle_overrides(config: &Config) -> anyhow::Result<Vec<Finding>> {
    if config.tool_overrides.is_empty() {
        return Ok(Vec::new());
    }
    let app = App::build(config, &ProcessEnv)?;
    let loaded = app.reconciler.load().await;
    let known = app.operations.known_now();
    app.stop().await;
    loaded?;
    Ok(idle(config, &known))
}

fn idle(config: &Config, known: &Known) -> Vec<Finding> {
    let places: BTreeMap<&str, &str> =
        config.tool_overrides.iter().map(|one| (one.pattern.as_str(), one.origin.as_str())).collect();
    let place = |pattern: &str| places.get(pattern).map_or_else(String::new, |place| (*place).to_owned());
    let servers: Vec<ServerName> = config.servers.iter().map(|server| server.name.clone()).collect();
    // Of a server that was never listed nothing is known, so nothing is wrong.
    let is_silent = |pattern: &str| {
        let unlisted = known.servers.iter().filter(|(_, server)| server.listed_at.is_none());
        let disabled = config.servers.iter().filter(|server| server.disabled).map(|server| &server.name);
        let mut silent = unlisted.map(|(name, _)| name).chain(disabled);
        silent.any(|name| pattern.starts_with(&format!("{name}.")))
    };
    let unused = known.overruled.unused.iter().filter(|pattern| !is_silent(pattern));
    let unused: Vec<(String, String)> = unused.map(|pattern| (pattern.clone(), place(pattern))).collect();
    let clashes: Vec<_> = known
        .overruled
        .clashes
        .iter()
        .map(|clash| (clash.tool.clone(), clash.alias.clone(), clash.owner.clone(), place(&clash.tool.to_string())))
        .collect();
    doctor::overrides(&known.snapshot, &servers, &unused, &clashes)
}

struct Measured {
    findings: Vec<Finding>,
    figures: Figures,
    effect: Option<Effect>,
}

/// Asks the probes, and where there are overrides, asks them on both sides.
async fn measure(
    config: &Config,
    app: &App,
    known: std::sync::Arc<Known>,
    before: Option<std::sync::Arc<Known>>,
    wanted: BTreeSet<ServerName>,
) -> anyhow::Result<Measured> {
    let threads = match config.settings.embedder.threads {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        some => some,
    };
    let words_weight = config.settings.router.words_weight;
    let embedder = app.embedder.clone();
    let work = move || -> anyhow::Result<Measured> {
        let snapshot = &known.snapshot;
        let changed: BTreeSet<ToolKey> = known.overruled.changed.keys().cloned().collect();
        let probes = Probes::of(snapshot, &|key| wanted.contains(&key.server));
        let own = before.as_ref().map(|before| Probes::of(&before.snapshot, &|key| changed.contains(key)));
        let bar = ProgressBar::new(0);
        if let Ok(style) = ProgressStyle::with_template("{spinner} probing {bar:24} {pos}/{len} requests, {eta} left") {
            bar.set_style(style);
        }
        let requests = probes.list.iter().chain(own.iter().flat_map(|own| &own.list));
        let requests = requests.map(|probe| probe.request.as_str());
        let vectors = Vectors::embed(embedder.get()?.as_ref(), requests, threads, &mut |done, total| {
            bar.set_length(u64::try_from(total).unwrap_or(u64::MAX));
            bar.set_position(u64::try_from(done).unwrap_or(u64::MAX));
        });
        bar.finish_and_clear();
        let vectors = vectors?;
        let routing = doctor::routing(snapshot, &probes, &vectors, words_weight);
        let effect = before.as_ref().zip(own.as_ref()).map(|(before, own)| {
            doctor::effect((&before.snapshot, snapshot), &changed, (own, &probes), &vectors, words_weight)
        });
        Ok(Measured { findings: routing.findings, figures: routing.figures, effect })
    };
    tokio::task::spawn_blocking(work).await.context("probing broke off: a fault inside mcporch")?
}

/// A finding as a warning in one line.
pub(super) fn one_line(finding: &Finding) -> String {
    let place = finding.place.as_ref().map_or_else(String::new, |place| format!("{place}: "));
    format!("{place}{}: {}; {}", finding.subject, finding.message, finding.advice)
}

fn show(report: &Report, all: bool) {
    let mut out = Out::stdout();
    for of_area in report.findings.chunk_by(|a, b| a.area == b.area) {
        out.line(&painted(BOLD, of_area[0].area.title()));
        // Notes are short and one of a kind: they are not to be hidden behind many warnings of one kind.
        for alike in of_area.chunk_by(|a, b| (a.severity == Severity::Note) == (b.severity == Severity::Note)) {
            let shown = if all { alike.len() } else { SHOWN.min(alike.len()) };
            alike[..shown].iter().for_each(|finding| show_finding(&mut out, finding));
            if shown < alike.len() {
                out.line(&painted(DIM, &format!("  … {} more like these; --all shows them", alike.len() - shown)));
            }
        }
    }
    if let Some(routes) = &report.routes {
        let has_heading = report.findings.iter().any(|finding| finding.area == Area::Routes);
        doctor_routes::show(&mut out, routes, has_heading, if all { usize::MAX } else { CHANGES_SHOWN });
    }
    if let Some(effect) = &report.overrides {
        show_effect(&mut out, effect);
    }
    doctor_sandbox::show(&mut out, &report.sandbox);
    let probes = &report.probes;
    let percent = |count: usize| count as f64 * 100.0 / probes.asked.max(1) as f64;
    if probes.asked > 0 {
        let sample = match probes.tools_left_out {
            0 => String::new(),
            left_out => format!(" (a sample; {left_out} tools were left out)"),
        };
        let asked = format!(
            "{} made of what {} say of themselves{sample}: {:.1} % lead to their tool first, {:.1} % among the first five",
            counted(probes.asked, "request"),
            counted(probes.tools, "tool"),
            percent(probes.first),
            percent(probes.in_five)
        );
        out.line(&painted(DIM, &asked));
    }
    let found = [(report.problems, "problem"), (report.warnings, "warning"), (report.notes, "note")]
        .map(|(count, noun)| counted(count, noun));
    let set_up = format!("{}, {}", counted(report.servers, "server"), counted(report.tools, "tool"));
    let verdict = if report.problems + report.warnings > 0 { found.join(", ") } else { painted(GOOD, "all well") };
    out.line(&format!("{set_up}: {verdict}"));
}

fn show_finding(out: &mut Out, finding: &Finding) {
    let mark = match finding.severity {
        Severity::Problem => painted(BAD, "✗"),
        Severity::Warning => painted(WARN, "!"),
        Severity::Note => painted(DIM, "·"),
    };
    let subject = if finding.subject.is_empty() || finding.message.contains(&finding.subject) {
        String::new()
    } else {
        format!("{}: ", finding.subject)
    };
    let place = finding.place.as_ref().map_or_else(String::new, |place| format!(" ({place})"));
    out.line(&format!("{mark} {}{}", uncut(&format!("{subject}{}", finding.message)), painted(DIM, &place)));
    if !finding.advice.is_empty() {
        out.line(&format!("    {}", uncut(&finding.advice)));
    }
    for line in finding.snippet.iter().flat_map(|snippet| snippet.lines()) {
        out.line(&painted(DIM, &format!("      {line}")));
    }
}

/// Without line breaks and control characters that a server's texts may bring.
fn uncut(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect()
}

fn show_effect(out: &mut Out, effect: &Effect) {
    out.line(&painted(BOLD, "what the overrides changed"));
    let tools = format!("{} changed, {} hidden", counted(effect.tools, "tool"), effect.hidden);
    out.line(&format!("  {tools}"));
    let shares = [
        ("requests made of what you say of them", &effect.by_operators_words),
        ("requests made of their servers' texts", &effect.by_servers_words),
        ("requests for all other tools", &effect.others),
    ];
    let rows: Vec<Vec<String>> =
        shares.iter().filter(|(_, share)| share.asked > 0).map(|(what, share)| row(what, share)).collect();
    if !rows.is_empty() {
        out.table(&["  requests", "asked", "first", "among five"], &rows);
    }
    for Change { tool, request, before, after, is_right_now } in effect.changes.iter().take(CHANGES_SHOWN) {
        let mark = if *is_right_now { painted(GOOD, "+") } else { painted(BAD, "-") };
        let request = clean(request);
        out.line(&format!("  {mark} {request:?} ({tool}): {before} → {after}"));
    }
    let rest = effect.changes.len().saturating_sub(CHANGES_SHOWN);
    if rest > 0 {
        out.line(&painted(DIM, &format!("  … {rest} more; --json has them")));
    }
}

fn row(what: &str, share: &Share) -> Vec<String> {
    vec![
        format!("  {what}"),
        share.asked.to_string(),
        format!("{} → {}", share.first_before, share.first_after),
        format!("{} → {}", share.in_five_before, share.in_five_after),
    ]
}
