//! `mcporch test`: do requests go where a user expects? And would they still, with the servers of another registry?

use std::collections::HashMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use clap::Args;
use tokio::time::Instant;

use crate::app::App;
use crate::config::{self, Config, ProcessEnv};
use crate::domain::{ServerName, nearest};
use crate::operations::{self, Operations};
use crate::routes::{self, Connected, Expected, Failure, Missing, Outcome, Route, Run, Seen, SeenTool};

use super::exit_code::Exit;
use super::output::Out;
use super::test_report::{self, Added, Against, Report};
use super::{Global, prepare};

/// How far down the place of an expected tool is looked for, when it is not among those that `execute` ranks.
const PLACE_MAX: usize = 1_000;

#[derive(Debug, Args)]
pub(super) struct TestArgs {
    /// Routes files (YAML or JSON), folders of them, or - for standard input
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Only routes with this text in their request or name
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
    /// Only routes with this tag; repeatable
    #[arg(long, value_name = "TAG")]
    tag: Vec<String>,
    /// Show the routes that pass, too
    #[arg(long)]
    all: bool,
    /// Succeed when at least this share of the routes passes, 0 to 1
    #[arg(long, value_name = "SHARE", default_value_t = 1.0, value_parser = share)]
    min_share: f64,
    /// Also write JUnit XML to this file
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Compare with what the routes become when the servers of this registry file are added; succeed when no route that
    /// passes fails then
    #[arg(long, value_name = "REGISTRY")]
    against: Option<PathBuf>,
    /// Rank with what was learned from feedback and choices, as `execute` does; without this, routes files mean the same on
    /// every machine
    #[arg(long)]
    with_learning: bool,
}

fn share(text: &str) -> Result<f64, String> {
    let share = text.parse::<f64>().ok().filter(|share| (0.0..=1.0).contains(share));
    share.ok_or_else(|| "write a number from 0 to 1".to_owned())
}

/// A route, and the file it stands in.
pub(super) type Wanted = (Arc<str>, Arc<Route>);

/// What names in routes files turned out to mean, so that a name that another server has too still means the same.
pub(super) type Meanings = HashMap<String, String>;

pub(super) async fn test(global: &Global, args: &TestArgs) -> anyhow::Result<Exit> {
    let wanted = wanted(args)?;
    let mut config = prepare::configuration(global)?;
    config.settings.learning.enabled &= args.with_learning;
    // Read before anything runs: a misspelled file must not cost a minute.
    let added = args.against.as_deref().map(|registry| added_config(global, &config, registry)).transpose()?;
    let mut meanings = Meanings::new();
    let (run, _) = run(&config, "", &wanted, &mut meanings).await?;
    let mut runs = vec![run];
    let mut against = None;
    if let (Some(added), Some(registry)) = (added, &args.against) {
        let (both, replaced) = config.with_servers_of(&added);
        let title = format!("with {}", registry.display());
        let (after, app) = self::run(&both, &title, &wanted, &mut meanings).await?;
        let comparison = routes::compare(&runs[0], &after);
        let servers = added.servers.iter().filter(|server| !server.disabled);
        let servers = servers.map(|server| added_server(&app, &server.name, &replaced, &comparison)).collect();
        against =
            Some(Against { registry: registry.display().to_string(), servers, after: after.figures(), comparison });
        runs.push(after);
    }
    if let Some(file) = &args.junit {
        write_whole(file, &routes::junit(&runs)).with_context(|| format!("cannot write {}", file.display()))?;
    }
    let report = Report::new(&runs[0], args.min_share, against);
    if global.json {
        Out::stdout().json(&report);
    } else {
        test_report::show(&report, &runs, args.all);
    }
    Ok(if report.passed { Exit::Done } else { Exit::Failed })
}

/// The routes that are to be tested.
fn wanted(args: &TestArgs) -> anyhow::Result<Vec<Wanted>> {
    let text = args.only.as_deref().map(str::to_lowercase);
    let is_wanted = |route: &Route| {
        let has_text = |text: &String| {
            route.request.to_lowercase().contains(text.as_str()) || route.name.to_lowercase().contains(text.as_str())
        };
        text.as_ref().is_none_or(has_text)
            && (args.tag.is_empty() || args.tag.iter().any(|tag| route.tags.contains(tag)))
    };
    let mut wanted = all_of(&args.files)?;
    let total = wanted.len();
    wanted.retain(|(_, route)| is_wanted(route));
    anyhow::ensure!(!wanted.is_empty(), "none of the {total} routes is let through by --only and --tag");
    Ok(wanted)
}

/// Every route of these files.
pub(super) fn all_of(files: &[PathBuf]) -> Result<Vec<Wanted>, routes::Error> {
    let mut wanted = Vec::new();
    for file in routes::read(files)? {
        let name: Arc<str> = file.file.into();
        wanted.extend(file.routes.into_iter().map(|route| (name.clone(), Arc::new(route))));
    }
    Ok(wanted)
}

/// The configuration that has nothing but the registry to compare with.
fn added_config(global: &Global, config: &Config, registry: &Path) -> anyhow::Result<Config> {
    let mut request = global.request();
    request.registries = vec![registry.to_owned()];
    let added = config::load(&request, &ProcessEnv)?;
    let mut stderr = Out::stderr();
    for fault in added.faults().filter(|fault| !config.warnings.contains(fault)) {
        stderr.warning(&fault.to_string());
    }
    Ok(added)
}

/// Routes everything over the servers of one configuration. The rooms come back stopped.
async fn run(config: &Config, title: &str, wanted: &[Wanted], meanings: &mut Meanings) -> anyhow::Result<(Run, App)> {
    let app = prepare::app_with_tools(config).await?;
    let outcomes = route_all(&app.operations, wanted, meanings).await;
    app.stop().await;
    Ok((Run { title: title.to_owned(), outcomes: outcomes? }, app))
}

/// Routes everything over what is known, in order; runs nothing.
pub(super) async fn route_all(
    operations: &Operations,
    wanted: &[Wanted],
    meanings: &mut Meanings,
) -> anyhow::Result<Vec<Outcome>> {
    anyhow::ensure!(
        !operations.known_now().snapshot.entries().is_empty(),
        "no tool is known, so there is nothing to test; `mcporch index status` shows the servers, `mcporch config check` \
         where they come from"
    );
    let mut outcomes = Vec::with_capacity(wanted.len());
    for (file, route) in wanted {
        let connected = connected(operations, &route.expected, meanings).await;
        let seen = see(operations, route).await?;
        let mut outcome = Outcome::new(file.clone(), route.clone(), connected, seen);
        let is_lost = |failure: &Failure| matches!(failure, Failure::WrongTool { .. });
        if outcome.place().is_none() && outcome.verdict.failures.iter().any(is_lost) {
            outcome.place_below = place_below(operations, route, &outcome.connected).await?;
        }
        outcomes.push(outcome);
    }
    Ok(outcomes)
}

/// Through the same door as `execute`. A request that cannot be understood is that route's failure, any other fault ours.
async fn see(operations: &Operations, route: &Route) -> anyhow::Result<Result<Seen, String>> {
    let started = Instant::now();
    let (routed, decision) = match operations.decide(&route.request, route.params.as_ref()).await {
        Ok(decided) => decided,
        Err(operations::Error::InvalidInput { what }) => return Ok(Err(what)),
        Err(fault) => return Err(fault.into()),
    };
    let duration = started.elapsed();
    let candidates = routed.ranking.candidates.iter().enumerate();
    let tools = candidates.filter_map(|(place, candidate)| {
        let tool = routed.tool(place)?;
        let why = operations::why(candidate);
        Some(SeenTool { tool: tool.key.clone(), confidence: candidate.confidence, effect: tool.effect, why })
    });
    Ok(Ok(Seen { tools: tools.collect(), any_confidence: routed.ranking.is_any, decision, duration }))
}

async fn place_below(operations: &Operations, route: &Route, connected: &Connected) -> anyhow::Result<Option<usize>> {
    let routed = operations.route(&route.request, route.params.as_ref(), PLACE_MAX, None).await?;
    let places = 0..routed.ranking.candidates.len();
    let mut right = places.filter(|place| routed.tool(*place).is_some_and(|tool| connected.has(&tool.key)));
    Ok(right.next().map(|place| place + 1))
}

/// What the names in a route stand for. What they stood for in the first run they stand for in the second.
async fn connected(operations: &Operations, expected: &Expected, meanings: &mut Meanings) -> Connected {
    let mut connected = Connected::default();
    match expected {
        Expected::NoTool => {}
        Expected::Tools(names) => {
            for name in names {
                match operations.find_exactly(meanings.get(name).unwrap_or(name)).await {
                    Ok(tool) => {
                        meanings.entry(name.clone()).or_insert_with(|| tool.key.to_string());
                        connected.tools.push(tool.key.clone());
                    }
                    Err(fault) => {
                        let why = format!("{}{}", fault.one_line(), fault_of_server(operations, name));
                        connected.missing.push(Missing { name: name.clone(), why });
                    }
                }
            }
        }
        Expected::Servers(names) => {
            let known = operations.known_now();
            for name in names {
                let server = ServerName::parse(name).ok().filter(|name| known.servers.contains_key(name));
                match server {
                    Some(server) if known.servers[&server].tools > 0 => connected.servers.push(server),
                    Some(_) => {
                        let why = format!("server {name:?} has no tools{}", fault_of_server(operations, name));
                        connected.missing.push(Missing { name: name.clone(), why });
                    }
                    None => {
                        let near = nearest(name, known.servers.keys().map(ServerName::as_str));
                        let hint = near.map_or_else(String::new, |near| format!("; did you mean {near:?}?"));
                        let why = format!("there is no server {name:?}{hint}");
                        connected.missing.push(Missing { name: name.clone(), why });
                    }
                }
            }
        }
    }
    connected
}

/// Why the server that a name begins with could not be used last time, if so: that is why its tools are not there.
fn fault_of_server(operations: &Operations, name: &str) -> String {
    let known = operations.known_now();
    let meant = known.servers.iter().find(|(server, about)| name.starts_with(server.as_str()) && about.tools == 0);
    let fault =
        meant.map(|(_, about)| about.refusal.as_deref().unwrap_or(&about.fault)).filter(|fault| !fault.is_empty());
    fault.map_or_else(String::new, |fault| format!(" (its server: {fault})"))
}

fn added_server(app: &App, name: &ServerName, replaced: &[ServerName], comparison: &routes::Comparison) -> Added {
    let known = app.operations.known_now();
    let about = known.servers.get(name);
    let tools = about.map_or(0, |about| about.tools);
    let fault = about.map(|about| about.refusal.as_deref().unwrap_or(&about.fault).to_owned());
    Added {
        server: name.to_string(),
        tools,
        replaces: replaced.contains(name),
        fault: fault.filter(|fault| !fault.is_empty()),
        share: comparison.servers.get(name).copied().unwrap_or_default(),
    }
}

/// Writes beside the file and renames: whoever watches it never sees half of it.
fn write_whole(file: &Path, text: &str) -> std::io::Result<()> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let name = file.file_name().ok_or(std::io::ErrorKind::InvalidInput)?;
    let mut new_name = name.to_owned();
    new_name.push(format!(".{}.new", std::process::id()));
    let new = folder.join(new_name);
    let written = std::fs::File::create(&new)
        .and_then(|mut out| out.write_all(text.as_bytes()).and_then(|()| out.sync_all()))
        .and_then(|()| std::fs::rename(&new, file));
    if written.is_err() {
        let _not_there = std::fs::remove_file(&new);
    }
    written
}
