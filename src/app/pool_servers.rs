//! From the configuration of servers to what the pool is told of them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest, Sha256};

use tokio_util::task::TaskTracker;

use crate::catalog::ServerKey;
use crate::config::{self, Config, HealthMethod, Launch, ServerConfig, Settings, SupervisionSettings, balance_of};
use crate::supervisor::{Balance, BreakerPolicy, HealthCheck, Learned, Policy, PoolServer, Probe, StartMode, Watched};
use crate::upstream::{CommandRules, Endpoint, Era, Limits, Offer, Remote, RemoteKind, Spec};

use super::authorizers::authorizer;
use super::build::key;
use super::demand::demand;

/// A life of at least this length that answered a call is no failed start: supervisord's `startsecs`.
const GOOD_LIFE: Duration = Duration::from_secs(1);

/// All servers that are not disabled, as the pool keeps them.
pub(super) fn pool_servers(
    config: &Config,
    servers: &[&ServerConfig],
    inherited: &dyn Fn(&ServerConfig) -> Vec<(String, String)>,
    commands: &Arc<CommandRules>,
    known_eras: &BTreeMap<ServerKey, Era>,
    refreshes: &TaskTracker,
) -> Vec<PoolServer> {
    let era = |server: &ServerConfig| known_eras.get(&key(server)).copied();
    let spec = |server: &ServerConfig| spec(config, server, inherited(server), commands.clone(), refreshes);
    servers.iter().map(|server| pool_server(config, server, spec(server), era(server))).collect()
}

fn pool_server(config: &Config, server: &ServerConfig, spec: Spec, era: Option<Era>) -> PoolServer {
    let settings = &config.settings;
    let (servers, watch) = (&settings.servers, &settings.supervision);
    let resources = server.resources.clone().unwrap_or_default();
    let instances_max = resources.instances_max.unwrap_or(watch.instances_max);
    PoolServer {
        identity: identity(server, settings, balance(config, server), &spec.inherited_env),
        spec,
        limits: Limits {
            start_timeout: server.start_timeout,
            probe_timeout: servers.probe_timeout,
            close_grace: servers.close_grace,
            term_grace: servers.term_grace,
            line_bytes_max: settings.limits.line_bytes_max,
            stderr_tail_lines: servers.stderr_tail_lines,
        },
        start: match server.start {
            config::Start::Eager => StartMode::Eager,
            config::Start::Lazy => StartMode::Lazy,
            config::Start::Manual => StartMode::Manual,
        },
        depends_on: server.depends_on.clone(),
        groups: server.groups.clone(),
        call_timeout: server.call_timeout,
        call_ceiling: servers.call_ceiling.max(server.call_timeout),
        list_timeout: server.list_timeout,
        idle_timeout: server.idle_timeout,
        spare_idle_timeout: watch.spare_idle_timeout.min(server.idle_timeout),
        calls_in_flight_max: servers.calls_in_flight_max,
        queue_len_max: watch.queue_len_max,
        queue_timeout: watch.queue_timeout,
        instances_max: usize::try_from(instances_max).unwrap_or(1),
        scale_up_calls: watch.scale_up_calls,
        balance: balance(config, server),
        is_stateful: server.stateful,
        policy: policy(server, settings),
        breaker: breaker(watch),
        retry_share: watch.retry_share,
        health: health(server, watch),
        watched: Watched {
            interval: watch.watch_interval,
            cpu_warn_percent: watch.cpu_warn_percent,
            memory_warn_bytes: watch.memory_warn_mb * 1_000_000,
            memory_max_bytes: resources.memory_bytes_max,
        },
        drain_timeout: watch.drain_timeout,
        passes_asks: true,
        learned: Learned::of_era(era),
        refusal: refusal(server),
    }
}

fn spec(
    config: &Config,
    server: &ServerConfig,
    inherited_env: Vec<(String, String)>,
    commands: Arc<CommandRules>,
    refreshes: &TaskTracker,
) -> Spec {
    let (command, args, env, cwd) = match &server.launch {
        Launch::Child { command, args, env, cwd } => (command.clone(), args.clone(), env.clone(), cwd.clone()),
        Launch::Remote { .. } => (String::new(), Vec::new(), Vec::new(), None),
    };
    Spec {
        server: server.name.clone(),
        endpoint: endpoint(config, server, refreshes),
        offer: Offer::default(),
        command,
        args,
        env,
        late_env: server.late_env.clone(),
        commands,
        inherited_env,
        cwd,
        stderr_sink: None,
        demand: demand(server, &config.settings),
    }
}

fn endpoint(config: &Config, server: &ServerConfig, refreshes: &TaskTracker) -> Endpoint {
    match &server.launch {
        Launch::Child { .. } => Endpoint::Child,
        Launch::Remote { url, headers, kind } => Endpoint::Remote(Remote {
            url: url.clone(),
            headers: headers.clone(),
            kind: match kind {
                config::RemoteKind::Unsaid => RemoteKind::Any,
                config::RemoteKind::Http => RemoteKind::Http,
                config::RemoteKind::Sse => RemoteKind::Sse,
            },
            authorizer: authorizer(config, server, refreshes),
            private_hosts: server.private_hosts.clone(),
        }),
    }
}

/// Everything that a running server would have to be started again for, and every rule that its keeper follows.
fn identity(server: &ServerConfig, settings: &Settings, balance: Balance, inherited: &[(String, String)]) -> String {
    // How often files are looked at is no server's matter.
    let supervision = SupervisionSettings { reload_interval: Duration::ZERO, ..settings.supervision.clone() };
    let mut hash = Sha256::new();
    hash.update(&server.fingerprint);
    hash.update(format!("{:?} {:?} {:?}", settings.servers, supervision, settings.commands));
    hash.update(format!("{:?} {:?} {:?}", server.start, server.depends_on, server.stateful));
    hash.update(format!("{:?} {:?} {:?}", server.groups, server.sandbox, settings.sandbox));
    hash.update(format!("{balance:?} {:?} {:?}", server.health_check, server.resources));
    hash.update(format!("{:?} {:?}", server.health_endpoint, server.port));
    hash.update(format!("{:?} {:?}", server.start_timeout, server.list_timeout));
    hash.update(format!("{:?} {:?}", server.call_timeout, server.idle_timeout));
    hash.update(server.refusal.as_ref().map_or_else(String::new, ToString::to_string));
    hash.update(format!("{:?} {:?}", server.oauth, server.private_hosts));
    let headers: &[(String, String)] = match &server.launch {
        Launch::Child { .. } => &[],
        Launch::Remote { headers, .. } => headers,
    };
    for (name, value) in inherited.iter().chain(headers) {
        hash.update(name);
        hash.update([0]);
        hash.update(value);
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn policy(server: &ServerConfig, settings: &Settings) -> Policy {
    let (servers, watch) = (&settings.servers, &settings.supervision);
    Policy {
        backoff_first: servers.restart_backoff,
        backoff_max: servers.restart_backoff_max,
        failures_max: watch.failures_max,
        window: watch.failures_window,
        checks_failed_max: server.health_check.as_ref().map_or(watch.checks_failed_max, |check| check.retries),
        check_restarts_max: watch.check_restarts_max,
        // A time without a single check proves nothing.
        healthy_after: watch.healthy_after.max(health(server, watch).map_or(Duration::ZERO, |one| one.interval * 2)),
        good_life: GOOD_LIFE,
        cool_down: watch.cool_down,
        restart_wait_max: watch.restart_wait_max,
    }
}

fn breaker(watch: &SupervisionSettings) -> BreakerPolicy {
    BreakerPolicy {
        failures_max: watch.breaker_failures_max,
        good_share_min: watch.breaker_good_share_min,
        calls_min: watch.breaker_calls_min,
        window: watch.breaker_window,
        probe_first: watch.breaker_probe,
        probe_max: watch.breaker_probe_max,
    }
}

/// The entry's own check, else its address, else the question that every server can answer.
fn health(server: &ServerConfig, watch: &SupervisionSettings) -> Option<HealthCheck> {
    if let Some(check) = &server.health_check {
        let probe = match &check.method {
            HealthMethod::Ping => Probe::Ping,
            HealthMethod::ListTools => Probe::ListTools,
            HealthMethod::ToolCall { tool, arguments } => {
                Probe::ToolCall { tool: tool.clone(), arguments: arguments.to_string() }
            }
        };
        return Some(HealthCheck { probe, interval: check.interval, timeout: check.timeout });
    }
    if watch.check_interval.is_zero() {
        return None;
    }
    let probe = match &server.health_endpoint {
        Some(endpoint) => Probe::Http { url: health_url(endpoint, server.port) },
        None => Probe::Ping,
    };
    Some(HealthCheck { probe, interval: watch.check_interval, timeout: watch.check_timeout })
}

/// The address in full: a path alone is one of the server's port on this machine.
fn health_url(endpoint: &str, port: Option<u16>) -> String {
    if endpoint.contains("://") {
        return endpoint.to_owned();
    }
    let port = port.map_or_else(String::new, |port| format!(":{port}"));
    format!("http://127.0.0.1{port}/{}", endpoint.trim_start_matches('/'))
}

/// The entry's own word, else that of its file's `orchestrator` block.
fn balance(config: &Config, server: &ServerConfig) -> Balance {
    let block = config.orchestrators.iter().find(|block| block.file == server.origin.file);
    let of_file = block.and_then(|block| block.load_balancing.as_ref()).and_then(|said| {
        let word = said.as_str().or_else(|| said.get("strategy").and_then(serde_json::Value::as_str))?;
        balance_of(word)
    });
    match server.balance.or(of_file) {
        Some(config::Balance::RoundRobin) => Balance::RoundRobin,
        Some(config::Balance::PeakEwma) => Balance::PeakEwma,
        Some(config::Balance::LeastBusy) | None => Balance::LeastBusy,
    }
}

/// Why a server must not be started, if so.
pub(super) fn refusal(server: &ServerConfig) -> Option<String> {
    server.refusal.as_ref().map(ToString::to_string)
}
