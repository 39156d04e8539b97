//! `mcporch start`, `stop`, `restart`, `status`, `monitor`, `quarantine` and `reload`: the operator's side of the running
//! servers. All of them ask the daemon; `start` starts it if there is none.

use std::collections::BTreeMap;
use std::time::Duration;

use clap::Args;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::config::{self, Config, ProcessEnv};
use crate::domain::did_you_mean;
use crate::local_socket::{self, Error as SocketError};

use super::Global;
use super::exit_code::Exit;
use super::output::{BAD, DIM, GOOD, Out, WARN, counted, painted};
use super::thin;

/// For an answer that is only looked up.
const LOOK_PATIENCE: Duration = Duration::from_secs(10);
/// For servers to start or to stop; each has its own time limits, which are shorter. A guess.
pub(super) const ORDER_PATIENCE: Duration = Duration::from_secs(600);

/// Which servers are meant.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct Selection {
    /// A server; repeatable [default: all]
    #[arg(value_name = "SERVER")]
    names: Vec<String>,
    /// A server; repeatable
    #[arg(long = "server", short = 's', value_name = "SERVER")]
    servers: Vec<String>,
    /// All servers of a group; repeatable
    #[arg(long = "group", short = 'g', value_name = "GROUP")]
    groups: Vec<String>,
    /// All servers, those too that only the operator starts
    #[arg(long)]
    all: bool,
}

impl Selection {
    fn to_value(&self) -> Value {
        let servers: Vec<&String> = self.names.iter().chain(&self.servers).collect();
        json!({"servers": servers, "groups": self.groups, "all": self.all})
    }
}

#[derive(Debug, Args)]
pub(super) struct StatusArgs {
    #[command(flatten)]
    selection: Selection,
}

#[derive(Debug, Args)]
pub(super) struct MonitorArgs {
    #[command(flatten)]
    selection: Selection,
    /// Seconds between two looks
    #[arg(long, value_name = "SECONDS", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=3600))]
    interval: u64,
    /// Leave the servers as they are, instead of starting those that are not running
    #[arg(long)]
    only_look: bool,
    /// End after so many looks
    #[arg(long, value_name = "COUNT", hide = true)]
    looks: Option<u64>,
}

#[derive(Debug, Args)]
pub(super) struct QuarantineArgs {
    /// The server
    #[arg(value_name = "SERVER")]
    server: String,
    /// Why, for those who see its state
    #[arg(long, value_name = "TEXT", default_value = "")]
    why: String,
}

/// What `start`, `stop` and `restart` answer for each server.
#[derive(Debug, Deserialize)]
struct Acted {
    server: String,
    is_done: bool,
    state: String,
    pid: Option<u32>,
    message: Option<String>,
}

/// What is shown of a server's status.
#[derive(Debug, Deserialize)]
struct Status {
    server: String,
    state: String,
    since: i64,
    pid: Option<u32>,
    cpu_percent: Option<f64>,
    memory_bytes: Option<u64>,
    restarts: u64,
    calls: u64,
    errors: u64,
    in_flight: usize,
    fault: Option<String>,
    warnings: Vec<String>,
    instances: Vec<Value>,
}

/// `start`, `stop` or `restart`.
pub(super) fn order(global: &Global, method: &'static str, selection: &Selection) -> anyhow::Result<Exit> {
    let asked = match method {
        // Nothing runs that could be stopped: then all is as ordered.
        "stop" => ask_if_there(global, method, selection.to_value(), ORDER_PATIENCE)?,
        _ => Some(ask(global, method, selection.to_value(), ORDER_PATIENCE)?),
    };
    let Some(answer) = asked else {
        Out::stderr().line("no daemon runs, so no server does");
        return Ok(Exit::Done);
    };
    let acted: Vec<Acted> = serde_json::from_value(answer.clone())?;
    if global.json {
        Out::stdout().json(&answer);
    } else {
        show_acted(&acted);
    }
    Ok(if acted.iter().all(|one| one.is_done) { Exit::Done } else { Exit::Failed })
}

pub(super) fn status(global: &Global, args: &StatusArgs) -> anyhow::Result<Exit> {
    let (daemon, servers) = look(global, &args.selection)?;
    if global.json {
        Out::stdout().json(&json!({"daemon": daemon, "servers": servers}));
    } else {
        show_status(&servers)?;
        show_daemon(&daemon);
    }
    Ok(Exit::Done)
}

/// Shows the status again and again, and starts what is not running: what it is for is to keep servers up.
pub(super) async fn monitor(global: &Global, args: &MonitorArgs) -> anyhow::Result<Exit> {
    if !args.only_look {
        let answer = ask(global, "start", args.selection.to_value(), ORDER_PATIENCE)?;
        show_acted(&serde_json::from_value::<Vec<Acted>>(answer)?);
    }
    let mut last: BTreeMap<String, (String, u64)> = BTreeMap::new();
    let mut left = args.looks.unwrap_or(u64::MAX);
    loop {
        let (daemon, servers) = look(global, &args.selection)?;
        if daemon.is_null() && !args.only_look {
            Out::stderr().warning("the daemon is gone; it is started again");
            ask(global, "start", args.selection.to_value(), ORDER_PATIENCE)?;
            continue;
        }
        if global.json {
            Out::stdout().line(&json!({"daemon": daemon, "servers": servers}).to_string());
        } else {
            let changed = changes(&mut last, &servers)?;
            show_status(&servers)?;
            for line in changed {
                Out::stdout().line(&line);
            }
            Out::stdout().line("");
        }
        left -= 1;
        if left == 0 {
            return Ok(Exit::Done);
        }
        tokio::select! {
            () = tokio::time::sleep(Duration::from_secs(args.interval)) => {}
            _ = tokio::signal::ctrl_c() => return Ok(Exit::Done),
        }
    }
}

pub(super) fn quarantine(global: &Global, args: &QuarantineArgs) -> anyhow::Result<Exit> {
    let answer = ask(global, "quarantine", json!({"server": args.server, "why": args.why}), ORDER_PATIENCE)?;
    if global.json {
        Out::stdout().json(&answer);
    } else {
        show_acted(&[serde_json::from_value(answer)?]);
    }
    Ok(Exit::Done)
}

pub(super) fn reload(global: &Global) -> anyhow::Result<Exit> {
    let Some(answer) = ask_if_there(global, "reload", Value::Null, ORDER_PATIENCE)? else {
        Out::stderr().line("no daemon runs; the next one reads the configuration as it is then");
        return Ok(Exit::Done);
    };
    if global.json {
        Out::stdout().json(&answer);
        return Ok(Exit::Done);
    }
    let names = |key: &str| -> Vec<String> {
        let list = answer["servers"][key].as_array();
        list.into_iter().flatten().filter_map(|name| name.as_str().map(str::to_owned)).collect()
    };
    let mut out = Out::stdout();
    for (key, sign) in [("added", "+"), ("changed", "~"), ("removed", "-")] {
        for name in names(key) {
            out.line(&format!("{sign} {name} {key}"));
        }
    }
    let kept = answer["servers"]["kept"].as_u64().unwrap_or(0);
    out.line(&format!("{} unchanged", counted(usize::try_from(kept).unwrap_or(0), "server")));
    for key in answer["needs_restart"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        out.line(&painted(WARN, &format!("{key} counts when the daemon is started again (mcporch daemon --stop)")));
    }
    for warning in answer["warnings"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        Out::stderr().warning(warning);
    }
    Ok(Exit::Done)
}

/// Asks the daemon, starting it if there is none.
pub(super) fn ask(global: &Global, method: &str, params: Value, patience: Duration) -> anyhow::Result<Value> {
    let place = thin::reach(global)?;
    Ok(local_socket::request(&place.socket(), method, params, patience)?)
}

/// Asks the daemon; `None` when there is none.
pub(super) fn ask_if_there(
    global: &Global,
    method: &str,
    params: Value,
    patience: Duration,
) -> anyhow::Result<Option<Value>> {
    let place = thin::place_of(global)?;
    match local_socket::request(&place.socket(), method, params, patience) {
        Ok(answer) => Ok(Some(answer)),
        Err(SocketError::NoDaemon { .. }) => Ok(None),
        Err(fault) => Err(fault.into()),
    }
}

/// The daemon and the chosen servers, each with the variables it requires. Without a daemon: the servers of the registry, none
/// of them running.
fn look(global: &Global, selection: &Selection) -> anyhow::Result<(Value, Vec<Value>)> {
    let config = config::load(&global.request(), &ProcessEnv);
    let answer = ask_if_there(global, "status", selection.to_value(), LOOK_PATIENCE)?;
    let (daemon, mut servers) = match answer {
        Some(mut answer) => {
            let servers = answer["servers"].take();
            (answer["daemon"].take(), servers.as_array().cloned().unwrap_or_default())
        }
        None => match &config {
            Ok(config) => (Value::Null, at_rest(config, selection)?),
            Err(_) => return config.map(|_never| (Value::Null, Vec::new())).map_err(Into::into),
        },
    };
    if let Err(fault) = &config {
        Out::stderr().warning(&format!("the daemon goes on with what it has: {fault}"));
    }
    let required = config.as_ref().map(required_env_status).unwrap_or_default();
    for server in &mut servers {
        let name = server["server"].as_str().unwrap_or_default().to_owned();
        server["required_env_status"] = required.get(&name).cloned().unwrap_or_else(|| json!({}));
    }
    Ok((daemon, servers))
}

/// The servers of the registry while no daemon runs.
pub(super) fn at_rest(config: &Config, selection: &Selection) -> anyhow::Result<Vec<Value>> {
    let wanted: Vec<&String> = selection.names.iter().chain(&selection.servers).collect();
    let names = || config.servers.iter().map(|server| server.name.as_str());
    for name in &wanted {
        if !names().any(|known| known == name.as_str()) {
            let help =
                did_you_mean(name, names()).unwrap_or_else(|| "`mcporch status` lists those that are there".into());
            anyhow::bail!("there is no server {name:?} in the registry; {help}");
        }
    }
    for group in &selection.groups {
        if !config.servers.iter().any(|server| server.groups.contains(group)) {
            anyhow::bail!("there is no group {group:?} in the registry");
        }
    }
    let is_chosen = |server: &&config::ServerConfig| {
        let by_group = server.groups.iter().any(|group| selection.groups.contains(group));
        let is_all = wanted.is_empty() && selection.groups.is_empty();
        !server.disabled && (is_all || by_group || wanted.iter().any(|name| *name == server.name.as_str()))
    };
    let shown = |server: &config::ServerConfig| {
        let state = match (&server.refusal, server.start) {
            (Some(_), _) => "refused",
            (None, config::Start::Manual) => "stopped",
            (None, config::Start::Eager | config::Start::Lazy) => "dormant",
        };
        json!({
            "server": server.name, "state": state, "since": 0, "pid": null, "cpu_percent": null, "memory_bytes": null,
            "restarts": 0, "calls": 0, "errors": 0, "in_flight": 0, "warnings": [], "instances": [],
            "starts": 0, "waiting": 0, "is_kept": false, "depends_on": server.depends_on,
            "fault": server.refusal.as_ref().map(ToString::to_string), "groups": server.groups,
        })
    };
    Ok(config.servers.iter().filter(is_chosen).map(shown).collect())
}

/// By server: which of the variables that it cannot do without are there.
fn required_env_status(config: &Config) -> BTreeMap<String, Value> {
    let of = |server: &config::ServerConfig| (server.name.to_string(), json!(server.required_env_status(&ProcessEnv)));
    config.servers.iter().map(of).collect()
}

fn show_acted(acted: &[Acted]) {
    let mut out = Out::stdout();
    if acted.is_empty() {
        out.line("no server is concerned");
    }
    for one in acted {
        let pid = one.pid.map_or_else(String::new, |pid| format!(" (pid {pid})"));
        let sign = if one.is_done { painted(GOOD, "✓") } else { painted(BAD, "✗") };
        let why = one.message.as_ref().map_or_else(String::new, |why| format!(": {why}"));
        out.line(&format!("{sign} {} {}{pid}{why}", one.server, one.state));
    }
}

fn show_status(servers: &[Value]) -> anyhow::Result<()> {
    let mut rows = Vec::new();
    let now = now();
    for server in servers {
        let status: Status = serde_json::from_value(server.clone())?;
        let dash = || "–".to_owned();
        let style = match status.state.as_str() {
            "ready" => GOOD,
            "starting" | "stopping" | "degraded" | "backoff" => WARN,
            "crashed" | "refused" | "quarantined" => BAD,
            _ => DIM,
        };
        let instances =
            if status.instances.len() > 1 { format!(" ×{}", status.instances.len()) } else { String::new() };
        let missing = missing_env(server);
        let mut remarks: Vec<String> = status.fault.into_iter().chain(status.warnings).collect();
        remarks.extend((!missing.is_empty()).then(|| format!("missing: {}", missing.join(", "))));
        rows.push(vec![
            status.server,
            painted(style, &format!("{}{instances}", status.state)),
            if status.since > 0 { age(now - status.since) } else { dash() },
            status.pid.map_or_else(dash, |pid| pid.to_string()),
            status.cpu_percent.map_or_else(dash, |cpu| format!("{cpu:.1}")),
            status.memory_bytes.map_or_else(dash, megabytes),
            status.restarts.to_string(),
            status.calls.to_string(),
            status.errors.to_string(),
            status.in_flight.to_string(),
            remarks.join("; "),
        ]);
    }
    let head =
        ["server", "state", "for", "pid", "cpu %", "memory", "restarts", "calls", "errors", "in flight", "remarks"];
    Out::stdout().table(&head, &rows);
    Ok(())
}

/// Names of required variables that are not there.
fn missing_env(server: &Value) -> Vec<String> {
    let status = server["required_env_status"].as_object();
    let missing = status.into_iter().flatten().filter(|(_, is_there)| **is_there == json!(false));
    missing.map(|(name, _)| name.clone()).collect()
}

fn show_daemon(daemon: &Value) {
    let line = if daemon.is_null() {
        "no daemon runs; `mcporch start` starts it, and so does a client".to_owned()
    } else {
        let number = |key: &str| daemon[key].as_u64().unwrap_or(0);
        format!(
            "daemon {}, pid {}, up {}, {}",
            daemon["version"].as_str().unwrap_or_default(),
            number("pid"),
            age(i64::try_from(number("uptime_s")).unwrap_or(0)),
            counted(usize::try_from(number("clients")).unwrap_or(0), "client")
        )
    };
    Out::stdout().line(&painted(DIM, &line));
}

/// One line for each server whose state changed, or that was started again.
fn changes(last: &mut BTreeMap<String, (String, u64)>, servers: &[Value]) -> anyhow::Result<Vec<String>> {
    let mut lines = Vec::new();
    for server in servers {
        let status: Status = serde_json::from_value(server.clone())?;
        let now = (status.state.clone(), status.restarts);
        if let Some(before) = last.insert(status.server.clone(), now.clone()).filter(|before| *before != now) {
            let restarted = if before.1 == now.1 { "" } else { ", started again" };
            lines.push(painted(WARN, &format!("{}: {} → {}{restarted}", status.server, before.0, now.0)));
        }
    }
    Ok(lines)
}

/// `12 s`, `5 min`, `3 h`, `2 d`.
pub(super) fn age(seconds: i64) -> String {
    match seconds.max(0) {
        s @ 0..=119 => format!("{s} s"),
        s @ 120..=7199 => format!("{} min", s / 60),
        s @ 7200..=172_799 => format!("{} h", s / 3600),
        s => format!("{} d", s / 86_400),
    }
}

pub(super) fn megabytes(bytes: u64) -> String {
    format!("{} MB", (bytes + 500_000) / 1_000_000)
}

#[expect(clippy::disallowed_methods, reason = "how long ago is told by the wall clock, as the daemon's own times are")]
pub(super) fn now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
