//! From a configuration to rooms that work together.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio_util::task::TaskTracker;

use crate::alerts::Alerts;
use crate::audit;
use crate::catalog::{Catalog, ServerKey};
use crate::config::{
    CommandPattern, Config, Env, IndexKind, Launch, ServerConfig, Settings, ToolOverride, known_hints, known_tool_hints,
};
use crate::domain::{Hints, ServerName, Tool};
use crate::gateway::mcp::Front;
use crate::history::{self, History};
use crate::monitor::Monitor;
use crate::operations::{OperationSettings, Operations};
use crate::reconcile::{self, LazyEmbedder, News, Override, Reconciler, Source};
use crate::results::Results;
use crate::router::Bars;
use crate::server_logs::ServerLogs;
use crate::supervisor::{Pool, PoolServer, TreeUse, World};
use crate::upstream::{CommandRule, CommandRules, Era, Listing, SalvageLimits, SearchPath};
use crate::{embedder, index, isolation, traces};

use super::pool_servers::{pool_servers, refusal};
use super::quarantine::Quarantine;
use super::{Ancestry, care, events, health};

/// Longest wait for what is not known yet, before an answer says that nothing is known.
const SETTLE_TIMEOUT: Duration = Duration::from_secs(20);

/// Longest wait at the end for tokens that are being refreshed: a little more than all deadlines of one refresh.
const REFRESH_TIMEOUT: Duration = Duration::from_secs(60);
/// Longest wait at the end for the disk to take the audit log: one sync of a disk that is busy.
const AUDIT_TIMEOUT: Duration = Duration::from_secs(5);

/// All rooms, built. Nothing runs yet but the pool's idle keepers. [`App::stop`] ends every server.
#[derive(Debug)]
pub struct App {
    /// The verbs.
    pub operations: Arc<Operations>,
    /// The write path, for the background task.
    pub reconciler: Arc<Reconciler>,
    /// News of servers for the background task.
    pub news: Arc<News>,
    /// The model, loaded when it is first needed.
    pub embedder: Arc<LazyEmbedder>,
    /// What the user should know about the start: a damaged catalog, say. One line each.
    pub warnings: Vec<String>,
    /// The logs of servers, where they are kept.
    pub server_logs: Option<Arc<ServerLogs>>,
    /// Where alerts go.
    pub alerts: Arc<Alerts>,
    /// What goes on, for those who look.
    pub monitor: Arc<Monitor>,
    /// Who did what, where that is kept.
    pub audit: Option<audit::Log>,
    /// Notified when a server may have changed.
    pub(super) server_news: Arc<Notify>,
    pub(super) pool: Arc<Pool>,
    results: Arc<Results>,
    catalog: Arc<Catalog>,
    path: watch::Receiver<Option<SearchPath>>,
    /// The programs of the servers that may be started, with their arguments.
    programs: Vec<(ServerName, String, Vec<String>)>,
    commands: Arc<CommandRules>,
    history: Option<Arc<History>>,
    path_task: tokio::task::JoinHandle<()>,
    /// Refreshes of tokens, of this configuration and those before it.
    refreshes: TaskTracker,
}

impl App {
    /// Builds everything. Blocks for the few milliseconds that opening the catalog takes. Must run on a runtime.
    ///
    /// # Errors
    /// When the catalog was made by a newer mcporch.
    pub fn build(config: &Config, env: &dyn Env) -> Result<Self, crate::catalog::Error> {
        let settings = &config.settings;
        let opened = Catalog::open(&config.home.index().join("catalog.sqlite"), settings.catalog.busy_timeout)?;
        let catalog = Arc::new(opened.catalog);
        let kept_catalog = catalog.clone();
        let servers: Vec<&ServerConfig> = config.servers.iter().filter(|server| !server.disabled).collect();
        let salvage = salvage_limits(settings);
        let known_eras = known_eras(&catalog, &servers);
        let ancestry = Ancestry::of(config, env);
        let inherited = |server: &ServerConfig| inherited_env(server, settings, env, &ancestry);
        let commands = Arc::new(command_rules(settings));
        let server_logs = care::server_logs(config);
        let alerts = Arc::new(care::alerts(config, env));
        let faults = alerts.faults().iter().map(ToString::to_string);
        let mut warnings: Vec<String> = opened.warnings.into_iter().chain(faults).collect();
        let refreshes = TaskTracker::new();
        let pool_servers = pool_servers(config, &servers, &inherited, &commands, &known_eras, &refreshes);
        let pool_servers = pool_servers.into_iter().map(|server| logged(server, server_logs.as_deref())).collect();
        let (path, path_task) = search_path(settings, env, &servers);
        let (news, server_news) = (Arc::new(News::default()), Arc::new(Notify::new()));
        let (quarantine, damaged) = Quarantine::read(config.home.quarantine());
        warnings.extend(damaged);
        let held = quarantine.held();
        let world = World {
            salvage,
            path: path.clone(),
            events: events::sink(news.clone(), server_logs.clone(), alerts.clone(), quarantine, server_news.clone()),
            now: unix_now,
            measure,
            http_get: health::http_get(),
            starts_in_parallel: settings.servers.starts_in_parallel,
        };
        let pool = Arc::new(Pool::new(pool_servers, world));
        pool.hold(&held);

        let embedder = Arc::new(LazyEmbedder::new(embedder_options(config)));
        let sources = sources(&servers, salvage);
        let (reconciler, known) =
            Reconciler::new(write_path(config, salvage), sources, catalog, embedder.clone(), pool.clone());
        let reconciler = Arc::new(reconciler);
        let history = open_history(config);
        let verbs = operation_settings(settings);
        let operations =
            Operations::new(verbs, pool.clone(), reconciler.clone(), known, embedder.clone(), history.clone());
        let results = Arc::new(care::results(config));
        operations.keep_large_results(results.clone(), care::result_bounds(config));
        let (monitor, audit, audit_fault) = observers(config, &operations);
        warnings.extend(audit_fault);
        Ok(Self {
            operations: Arc::new(operations),
            results,
            reconciler,
            news,
            embedder,
            warnings,
            server_logs,
            alerts,
            monitor,
            audit,
            server_news,
            pool,
            catalog: kept_catalog,
            history,
            path,
            programs: servers.iter().filter_map(|server| program(server)).collect(),
            path_task,
            refreshes,
            commands,
        })
    }

    /// Counts the clients that come from now on, where the settings want figures.
    pub(super) fn count_clients(&self, front: &Front, config: &Config) {
        if config.settings.monitor.enabled {
            front.count_with(self.monitor.clone());
        }
    }

    /// The programs that are not to be found where servers are started from, by server. Waits for the login shell's answer
    /// if it was asked.
    ///
    /// Cancel safe.
    pub async fn missing_programs(&self) -> BTreeMap<ServerName, String> {
        let mut path = self.path.clone();
        let Ok(found) = path.wait_for(Option::is_some).await.map(|path| path.clone()) else { return BTreeMap::new() };
        let is_missing = |command: &str| found.as_ref().is_some_and(|path| path.find(command).is_none());
        let missing = self.programs.iter().filter(|(_, command, _)| is_missing(command));
        missing.map(|(server, command, _)| (server.clone(), command.clone())).collect()
    }

    /// The servers that the operator's rules keep from starting, and why. Waits as [`App::missing_programs`] does, and reads
    /// the programs that rules pin.
    ///
    /// Cancel safe.
    pub async fn stopped_commands(&self) -> BTreeMap<ServerName, String> {
        let mut path = self.path.clone();
        let Ok(found) = path.wait_for(Option::is_some).await.map(|path| path.clone()) else { return BTreeMap::new() };
        let stopped = self.programs.iter().filter_map(|(server, command, args)| {
            let program = std::path::absolute(found.as_ref()?.find(command)?).ok()?;
            let fault = self.commands.check(server, &program, args).err()?;
            Some((server.clone(), fault.to_string()))
        });
        stopped.collect()
    }

    /// Stops every server, waits until all are gone, and writes what the history still holds.
    ///
    /// Not cancel safe: servers whose end was not waited for are killed when the runtime ends.
    pub async fn stop(&self) {
        self.path_task.abort();
        self.pool.stop().await;
        self.monitor.stop().await;
        // A refresh that is cut off between the issuer's answer and the disk costs the login.
        self.refreshes.close();
        if tokio::time::timeout(REFRESH_TIMEOUT, self.refreshes.wait()).await.is_err() {
            tracing::warn!("a token was still being refreshed at the end; its server may want a new login");
        }
        self.results.clear();
        if let Some(history) = &self.history {
            history.stop().await;
        }
        if let Some(audit) = self.audit.clone() {
            let closing = tokio::task::spawn_blocking(move || audit.close());
            if tokio::time::timeout(AUDIT_TIMEOUT, closing).await.is_err() {
                tracing::error!("the disk did not take the end of the audit log; some events may be missing there");
            }
        }
        // The last, so that what the end of a server gives to tell is told.
        self.alerts.stop().await;
        if let Some(logs) = &self.server_logs {
            logs.stop().await;
        }
    }
}

/// Whoever is told what the operations do: figures, the audit log, traces. Beside them why there is no audit log, if that is a fault.
fn observers(config: &Config, operations: &Operations) -> (Arc<Monitor>, Option<audit::Log>, Option<String>) {
    let settings = &config.settings;
    let monitor = Arc::new(care::monitor(config));
    if settings.monitor.enabled {
        operations.observe_with(monitor.clone());
    }
    let (audit, fault) = care::audit(config, &monitor);
    if fault.is_some() && settings.audit.required {
        operations.observe_with(Arc::new(audit::Missing));
    }
    if let Some(audit) = &audit {
        operations.observe_with(Arc::new(audit.clone()));
    }
    if let Some(observer) = traces::observer() {
        operations.observe_with(observer);
    }
    (monitor, audit, fault)
}

fn write_path(config: &Config, salvage: SalvageLimits) -> reconcile::Settings {
    let settings = &config.settings;
    reconcile::Settings {
        index: index::Options {
            kind: index_kind(settings.index.kind),
            exact_tools_max: settings.index.exact_tools_max,
        },
        salvage,
        starts_in_parallel: settings.servers.starts_in_parallel,
        refresh_after: settings.servers.refresh_after,
        embed_threads: settings.embedder.threads,
        overrides: config.tool_overrides.iter().map(tool_override).collect(),
        now: unix_now,
    }
}

fn embedder_options(config: &Config) -> embedder::Options {
    let settings = &config.settings.embedder;
    embedder::Options {
        model: settings.model.clone(),
        models_folder: config.home.models(),
        onnx_runtime: settings.onnx_runtime.clone(),
        allow_download: settings.allow_download,
        show_progress: std::io::IsTerminal::is_terminal(&std::io::stderr()),
    }
}

/// What a server uses, as the pool counts it.
fn measure(pid: u32) -> Option<TreeUse> {
    let isolation::TreeUsage { cpu_time, memory_bytes, threads, fds, processes } = isolation::tree_usage(pid)?;
    Some(TreeUse { cpu_time, memory_bytes, threads, fds, processes })
}

/// The server with its stderr led into its log.
fn logged(mut server: PoolServer, logs: Option<&ServerLogs>) -> PoolServer {
    server.spec.stderr_sink = logs.map(|logs| logs.of(&server.spec.server).sink());
    server
}

/// What the pool and the write path are told of another configuration.
pub(super) fn rooms_of(config: &Config, env: &dyn Env, app: &App) -> (Vec<PoolServer>, Vec<Source>) {
    let settings = &config.settings;
    let servers: Vec<&ServerConfig> = config.servers.iter().filter(|server| !server.disabled).collect();
    let ancestry = Ancestry::of(config, env);
    let inherited = |server: &ServerConfig| inherited_env(server, settings, env, &ancestry);
    let known_eras = known_eras(&app.catalog, &servers);
    let sources = sources(&servers, salvage_limits(settings));
    let commands = Arc::new(command_rules(settings));
    let servers = pool_servers(config, &servers, &inherited, &commands, &known_eras, &app.refreshes);
    (servers.into_iter().map(|server| logged(server, app.server_logs.as_deref())).collect(), sources)
}

fn sources(servers: &[&ServerConfig], salvage: SalvageLimits) -> Vec<Source> {
    servers.iter().map(|server| source(server, salvage)).collect()
}

fn program(server: &ServerConfig) -> Option<(ServerName, String, Vec<String>)> {
    match &server.launch {
        Launch::Child { command, args, .. } if server.refusal.is_none() => {
            Some((server.name.clone(), command.clone(), args.clone()))
        }
        Launch::Child { .. } | Launch::Remote { .. } => None,
    }
}

fn salvage_limits(settings: &Settings) -> SalvageLimits {
    SalvageLimits {
        tools_max: settings.limits.tools_per_server_max,
        description_bytes_max: settings.limits.description_bytes_max,
        schema_bytes_max: settings.limits.schema_bytes_max,
    }
}

fn operation_settings(settings: &Settings) -> OperationSettings {
    let router = &settings.router;
    OperationSettings {
        words_weight: router.words_weight,
        candidates_max: router.candidates_max,
        bars: Bars {
            read: router.bar_read,
            write: router.bar_write,
            destructive: router.bar_destructive,
            any: router.bar_any,
        },
        request_chars_max: settings.limits.request_chars_max,
        query_cache_len: router.query_cache_len,
        plan_time_to_live: router.plan_ttl,
        is_learning: settings.learning.enabled,
        learned_timeout: settings.history.read_timeout,
        settle_timeout: SETTLE_TIMEOUT,
    }
}

/// The history, where it is kept; the file is opened when it is first used.
fn open_history(config: &Config) -> Option<Arc<History>> {
    let settings = &config.settings;
    let limits = history::Limits {
        routes_max: settings.history.routes_max,
        keep_days: settings.history.keep_days,
        lessons_max: settings.learning.lessons_max,
        redact: settings.history.redact,
        queue_len: settings.history.queue_len,
        busy_timeout: settings.catalog.busy_timeout,
        now: unix_now,
    };
    settings.history.enabled.then(|| Arc::new(History::new(config.home.history(), limits)))
}

fn index_kind(kind: IndexKind) -> index::Kind {
    match kind {
        IndexKind::Auto => index::Kind::Auto,
        IndexKind::Exact => index::Kind::Exact,
        IndexKind::Hnsw => index::Kind::Hnsw,
    }
}

pub(super) fn key(server: &ServerConfig) -> ServerKey {
    ServerKey { name: server.name.to_string(), fingerprint: server.fingerprint.clone() }
}

/// Which era each server spoke last time. A catalog that cannot be read costs only the probing.
fn known_eras(catalog: &Catalog, servers: &[&ServerConfig]) -> BTreeMap<ServerKey, Era> {
    let keys: Vec<ServerKey> = servers.iter().map(|server| key(server)).collect();
    let era = |word: Option<&str>| match word {
        Some("legacy") => Some(Era::Legacy),
        Some("modern") => Some(Era::Modern),
        _ => None,
    };
    let eras = catalog.eras(&keys).unwrap_or_default();
    eras.into_iter().filter_map(|(key, word)| Some((key, era(word.as_deref())?))).collect()
}

/// What may be started.
fn command_rules(settings: &Settings) -> CommandRules {
    let rules = |patterns: &[CommandPattern]| {
        let one = |pattern: &CommandPattern| CommandRule {
            command: pattern.command.clone(),
            args: pattern.args.clone(),
            sha256: pattern.sha256.clone(),
        };
        patterns.iter().map(one).collect()
    };
    CommandRules { allow: rules(&settings.commands.allow), deny: rules(&settings.commands.deny) }
}

/// The variables that the server gets of ours: those for every server, and its own.
fn inherited_env(
    server: &ServerConfig,
    settings: &Settings,
    env: &dyn Env,
    ancestry: &Ancestry,
) -> Vec<(String, String)> {
    let is_passed = |name: &str| settings.servers.passes(name) || server.inherit_env.passes(name);
    let mut inherited: Vec<(String, String)> = env.all().into_iter().filter(|(name, _)| is_passed(name)).collect();
    inherited.push(ancestry.variable());
    inherited
}

fn source(server: &ServerConfig, salvage: SalvageLimits) -> Source {
    Source {
        name: server.name.clone(),
        key: key(server),
        hints: Arc::new(hints(server)),
        tool_hints: tool_hints(server),
        static_tools: static_tools(server, salvage),
        tools_allowed: server.tools_allowed.clone(),
        tools_denied: server.tools_denied.clone(),
        refusal: refusal(server),
    }
}

pub(super) fn tool_override(said: &ToolOverride) -> Override {
    Override {
        pattern: said.pattern.clone(),
        alias: said.alias.clone(),
        description: said.description.clone(),
        keywords: said.keywords.clone(),
        examples: said.examples.clone(),
        hidden: said.hidden,
        effect: said.effect,
    }
}

/// The registry's hints; where it gives none, those that we ship for the server.
fn hints(server: &ServerConfig) -> Hints {
    let shipped = (server.hints == Hints::default()).then(|| known_hints(&server.launch)).flatten();
    shipped.unwrap_or_else(|| server.hints.clone())
}

/// The registry's hints by tool, be they given in a block of their own or beside a static tool; where it gives none, those
/// that we ship for the tool.
fn tool_hints(server: &ServerConfig) -> BTreeMap<String, Arc<Hints>> {
    let shipped = known_tool_hints(&server.launch).into_iter().map(|(name, hints)| (name, Arc::new(hints)));
    let beside = server.static_tools.iter().map(|tool| (tool.name.clone(), Arc::new(tool.hints.clone())));
    let own = server.tool_hints.iter().map(|(name, hints)| (name.clone(), Arc::new(hints.clone())));
    shipped.chain(beside.filter(|(_, hints)| **hints != Hints::default())).chain(own).collect()
}

fn static_tools(server: &ServerConfig, salvage: SalvageLimits) -> Vec<Arc<Tool>> {
    let raws: Vec<String> = server
        .static_tools
        .iter()
        .map(|tool| {
            let schema = tool.input_schema.clone().unwrap_or_else(|| serde_json::json!({"type": "object"}));
            serde_json::json!({"name": tool.name, "description": tool.description, "inputSchema": schema}).to_string()
        })
        .collect();
    let tools = Listing::from_raw(&server.name, raws.iter().map(String::as_str), salvage);
    tools.into_iter().map(Arc::new).collect()
}

/// The search path for programs: ours and the usual folders at once; the login shell is asked only when a program is
/// missing there, since a shell's start-up files may take a second.
fn search_path(
    settings: &Settings,
    env: &dyn Env,
    servers: &[&ServerConfig],
) -> (watch::Receiver<Option<SearchPath>>, tokio::task::JoinHandle<()>) {
    let home = env.var("HOME").or_else(|| env.var("USERPROFILE")).map(PathBuf::from);
    let base = SearchPath::from_path(std::ffi::OsStr::new(&env.var("PATH").unwrap_or_default()));
    let base = if settings.servers.repair_path { base.with_usual_folders(home.as_deref()) } else { base };
    let is_missing = |server: &&&ServerConfig| match &server.launch {
        Launch::Child { command, .. } => base.find(command).is_none(),
        Launch::Remote { .. } => false,
    };
    let shell =
        env.var("SHELL").filter(|_| settings.servers.repair_path && servers.iter().any(|server| is_missing(&server)));
    let timeout = settings.servers.login_shell_timeout;
    let (sender, receiver) = watch::channel(None);
    let task = match shell {
        None => {
            sender.send_replace(Some(base));
            // The channel stays open as long as the task does.
            tokio::spawn(async move { sender.closed().await })
        }
        Some(shell) => tokio::spawn(async move {
            let path = base.with_login_shell(&shell, timeout).await;
            sender.send_replace(Some(path));
            sender.closed().await;
        }),
    };
    (receiver, task)
}

#[expect(clippy::disallowed_methods, reason = "the one place where the rooms get the wall clock from")]
pub(super) fn unix_now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
