//! The settings as the program uses them: durations, paths and choices in place of figures and texts. The defaults are
//! those of `config/mcporch.toml`.

use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::layers;
use super::sandbox::SandboxSettings;
use super::settings_audit::AuditSettings;
use super::settings_care::{AlertsSettings, ServerLogsSettings};
use super::settings_file::{
    CatalogFile, CommandRuleFile, CommandsFile, DaemonFile, EmbedderFile, HistoryFile, IndexFile, LearningFile,
    LimitsFile, LogFile, RouterFile, ServersFile, SettingsFile, SupervisionFile,
};
use super::settings_http::HttpSettings;
use super::settings_monitor::MonitorSettings;
use super::settings_results::ResultsSettings;
use super::settings_telemetry::TelemetrySettings;
use super::settings_websocket::WebsocketSettings;

/// All settings. `Default` is the compiled-in defaults file.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// How servers are started, called and stopped.
    pub servers: ServersSettings,
    /// How servers are watched, started again, spared, and run several times.
    pub supervision: SupervisionSettings,
    /// What may be started.
    pub commands: CommandsSettings,
    /// How closely servers are held.
    pub sandbox: SandboxSettings,
    /// The most of anything that can grow.
    pub limits: LimitsSettings,
    /// What is done with large results.
    pub results: ResultsSettings,
    /// The embedding model.
    pub embedder: EmbedderSettings,
    /// The search structure.
    pub index: IndexSettings,
    /// Ranking and bars.
    pub router: RouterSettings,
    /// The database.
    pub catalog: CatalogSettings,
    /// What is kept for dashboards and scrapers.
    pub monitor: MonitorSettings,
    /// The history of routes.
    pub history: HistorySettings,
    /// What is learned from it.
    pub learning: LearningSettings,
    /// The process that serves all clients.
    pub daemon: DaemonSettings,
    /// Serving over HTTP.
    pub http: HttpSettings,
    /// Who did what.
    pub audit: AuditSettings,
    /// Clients over WebSocket, and those who follow events.
    pub websocket: WebsocketSettings,
    /// The log.
    pub log: LogSettings,
    /// Traces and figures that are sent elsewhere.
    pub telemetry: TelemetrySettings,
    /// The logs of servers.
    pub server_logs: ServerLogsSettings,
    /// Who is told of what.
    pub alerts: AlertsSettings,
}

/// `[servers]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServersSettings {
    /// From spawn to a finished handshake.
    pub start_timeout: Duration,
    /// For a server's whole tool list.
    pub list_timeout: Duration,
    /// For one call without a sign of progress.
    pub call_timeout: Duration,
    /// For one call with progress; at least `call_timeout`.
    pub call_ceiling: Duration,
    /// A server without a call for that long is stopped.
    pub idle_timeout: Duration,
    /// For the question which protocol era a server speaks.
    pub probe_timeout: Duration,
    /// From closing a server's stdin to TERM.
    pub close_grace: Duration,
    /// From TERM to KILL.
    pub term_grace: Duration,
    /// Before the first restart; doubles each time.
    pub restart_backoff: Duration,
    /// The longest wait before a restart; at least `restart_backoff`.
    pub restart_backoff_max: Duration,
    /// How many servers may be starting at once, at least 1.
    pub starts_in_parallel: usize,
    /// A cached tool list older than this is read anew behind a start.
    pub refresh_after: Duration,
    /// Calls that one server may have in flight, at least 1.
    pub calls_in_flight_max: usize,
    /// Last lines of stderr that are kept.
    pub stderr_tail_lines: usize,
    /// Names of variables that every server gets; see [`ServersSettings::passes`].
    pub pass_env: Vec<String>,
    /// Add the login shell's PATH and the usual folders to PATH.
    pub repair_path: bool,
    /// For asking the login shell.
    pub login_shell_timeout: Duration,
}

impl ServersSettings {
    /// Is the variable one that every server gets? A name in `pass_env` may end in `*`. On Windows letter case does not
    /// count, as for the system itself.
    #[must_use]
    pub fn passes(&self, variable: &str) -> bool {
        is_listed(&self.pass_env, variable)
    }
}

/// `[supervision]`. See `config/mcporch.toml` for each.
#[derive(Debug, Clone, PartialEq)]
pub struct SupervisionSettings {
    /// Between two questions whether a server is well.
    pub check_interval: Duration,
    /// For the answer to such a question.
    pub check_timeout: Duration,
    /// Failed questions in a row after which a server is started again.
    pub checks_failed_max: u32,
    /// Such restarts without a healthy time in between, after which it counts as crashed.
    pub check_restarts_max: u32,
    /// Deaths and failed starts within `failures_window_s` after which a server counts as crashed.
    pub failures_max: u32,
    /// See `failures_max`.
    pub failures_window: Duration,
    /// Time without a fault after which all counts start anew.
    pub healthy_after: Duration,
    /// How long a crashed server is left alone before a call may try it once more.
    pub cool_down: Duration,
    /// A call waits for a restart that is due within that time.
    pub restart_wait_max: Duration,
    /// For calls in flight when a server is started again over its memory.
    pub drain_timeout: Duration,
    /// Between two looks at what a server uses.
    pub watch_interval: Duration,
    /// Share of one core above which it is warned, in percent.
    pub cpu_warn_percent: f64,
    /// Memory of a server and its children above which it is warned, in MB.
    pub memory_warn_mb: u64,
    /// Calls that wait for one server; more are refused as busy.
    pub queue_len_max: usize,
    /// Longest wait of a call for its turn.
    pub queue_timeout: Duration,
    /// Processes of one server at most, where its entry has no `resources.max_instances`.
    pub instances_max: u32,
    /// Calls in flight in each process of a server from which another is started, up to its most.
    pub scale_up_calls: usize,
    /// A process beyond the first that is unused for that long is stopped.
    pub spare_idle_timeout: Duration,
    /// Calls that fail in a row after which a server is spared. As Envoy counts.
    pub breaker_failures_max: u32,
    /// Least share of good calls, once there are `breaker_calls_min` within `breaker_window_s`.
    pub breaker_good_share_min: f64,
    /// See `breaker_good_share_min`.
    pub breaker_calls_min: usize,
    /// See `breaker_good_share_min`.
    pub breaker_window: Duration,
    /// How long a spared server gets no call; doubles while the one after it fails.
    pub breaker_probe: Duration,
    /// The longest such time.
    pub breaker_probe_max: Duration,
    /// Share of a server's calls that may be retries.
    pub retry_share: f64,
    /// Between two looks at whether the registry or the settings changed.
    pub reload_interval: Duration,
}

/// Is the variable one of those named? A name may end in `*`.
pub(super) fn is_listed(names: &[String], variable: &str) -> bool {
    let folded = |text: &str| if cfg!(windows) { text.to_uppercase() } else { text.to_owned() };
    let variable = folded(variable);
    names.iter().map(|name| folded(name)).any(|name| match name.strip_suffix('*') {
        Some(start) => variable.starts_with(start),
        None => variable == name,
    })
}

/// `[commands]`: what may be started.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CommandsSettings {
    /// Only these may be started; empty is everything.
    pub allow: Vec<CommandPattern>,
    /// These may not, whatever `allow` says.
    pub deny: Vec<CommandPattern>,
}

/// One rule of `[commands]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandPattern {
    /// Whole path of the program; `*` stands for anything but a slash, `**` for anything.
    pub command: String,
    /// One pattern for each argument, `**` at the end for any further ones; `None` is any arguments.
    pub args: Option<Vec<String>>,
    /// The program file's sha256, 64 hex digits.
    pub sha256: Option<String>,
}

/// `[limits]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitsSettings {
    /// One line from a server, in bytes.
    pub line_bytes_max: usize,
    /// One line from a client, in bytes.
    pub client_line_bytes_max: usize,
    /// Tools of one server.
    pub tools_per_server_max: usize,
    /// A tool's description, in bytes.
    pub description_bytes_max: usize,
    /// A tool's input schema, in bytes.
    pub schema_bytes_max: usize,
    /// A request in words, in characters.
    pub request_chars_max: usize,
    /// Calls in flight over all servers.
    pub calls_in_flight_max: usize,
}

/// `[embedder]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmbedderSettings {
    /// `builtin`, `builtin-base`, a catalogue name, or a folder; a `~` at its start is expanded.
    pub model: String,
    /// The ONNX Runtime library; `None` looks in the usual places.
    pub onnx_runtime: Option<PathBuf>,
    /// May a model be downloaded on first use?
    pub allow_download: bool,
    /// Threads for embedding; 0 is one per core.
    pub threads: usize,
}

/// `[index]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexSettings {
    /// Which structure.
    pub kind: IndexKind,
    /// With [`IndexKind::Auto`]: up to that many tools are scanned.
    pub exact_tools_max: usize,
}

/// Which search structure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum IndexKind {
    /// By the number of tools.
    Auto,
    /// Scans all vectors.
    Exact,
    /// Walks a graph.
    Hnsw,
}

/// `[router]`. All shares and bars are in 0..=1.
#[derive(Debug, Clone, PartialEq)]
pub struct RouterSettings {
    /// Share of the word ranking; the rest is the vectors'.
    pub words_weight: f32,
    /// Candidates in an answer that asks to choose, at least 1.
    pub candidates_max: usize,
    /// Confidence from which a reading tool is called at once.
    pub bar_read: f32,
    /// The same for a writing tool.
    pub bar_write: f32,
    /// The same for a tool that may destroy.
    pub bar_destructive: f32,
    /// Confidence that any tool fits, below which none is offered.
    pub bar_any: f32,
    /// Texts whose vectors are remembered; 0 remembers none.
    pub query_cache_len: usize,
    /// How long a prepared call waits for its word.
    pub plan_ttl: Duration,
}

/// `[catalog]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CatalogSettings {
    /// How long a write waits for another process.
    pub busy_timeout: Duration,
}

/// `[history]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistorySettings {
    /// Whether it is kept.
    pub enabled: bool,
    /// Take out what looks like a secret.
    pub redact: bool,
    /// Routes that are kept, at least 1.
    pub routes_max: usize,
    /// Days that a route is kept, at least 1.
    pub keep_days: u32,
    /// Writes that wait, at least 1.
    pub queue_len: usize,
    /// How long a request waits for what was learned.
    pub read_timeout: Duration,
}

/// `[learning]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LearningSettings {
    /// Whether ranking uses it.
    pub enabled: bool,
    /// Lessons that are kept, at least 1.
    pub lessons_max: usize,
}

/// `[daemon]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DaemonSettings {
    /// Whether clients share one.
    pub enabled: bool,
    /// Folder for its socket; `None` is the usual place.
    pub run_folder: Option<PathBuf>,
    /// Without clients for that long it leaves.
    pub idle_exit: Duration,
    /// For its start.
    pub start_timeout: Duration,
    /// For the first word of whoever connects.
    pub hello_timeout: Duration,
    /// For calls in flight when it is told to stop.
    pub stop_grace: Duration,
    /// Clients at once, at least 1.
    pub clients_max: usize,
    /// Whether stdin and stdout are handed over.
    pub pass_descriptors: bool,
    /// When its log is begun anew, in bytes.
    pub log_bytes_max: u64,
}

/// `[log]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogSettings {
    /// How much is told.
    pub level: LogLevel,
    /// In which form.
    pub format: LogFormat,
    /// Absolute path of a file to append to; `None` is stderr.
    pub file: Option<PathBuf>,
    /// Longest file, in bytes.
    pub file_bytes_max: u64,
    /// Files that are kept, the one that is written included.
    pub files_max: u32,
}

/// How much is told; each level contains those above it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// Nothing.
    Off,
    /// Someone must act.
    Error,
    /// We coped.
    Warn,
    /// The story of the process.
    Info,
    /// For those who work on mcporch.
    Debug,
    /// Everything.
    Trace,
}

impl LogLevel {
    /// The word of the settings file, which tracing's filters know too.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}

/// In which form log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object per line.
    Json,
}

impl Default for Settings {
    fn default() -> Self {
        let file: SettingsFile =
            serde_json::from_value(layers::defaults()).expect("a test reads the compiled-in defaults");
        file.into()
    }
}

impl From<SettingsFile> for Settings {
    fn from(file: SettingsFile) -> Self {
        Self {
            servers: file.servers.into(),
            supervision: file.supervision.into(),
            commands: file.commands.into(),
            sandbox: file.sandbox.into(),
            limits: file.limits.into(),
            results: file.results.into(),
            embedder: file.embedder.into(),
            index: file.index.into(),
            router: file.router.into(),
            catalog: file.catalog.into(),
            monitor: file.monitor.into(),
            history: file.history.into(),
            learning: file.learning.into(),
            daemon: file.daemon.into(),
            http: file.http.into(),
            audit: file.audit.into(),
            websocket: file.websocket.into(),
            log: file.log.into(),
            telemetry: file.telemetry.into(),
            server_logs: file.server_logs.into(),
            alerts: file.alerts.into(),
        }
    }
}

impl From<ServersFile> for ServersSettings {
    fn from(file: ServersFile) -> Self {
        let seconds = Duration::from_secs;
        let millis = Duration::from_millis;
        Self {
            start_timeout: seconds(file.start_timeout_s),
            list_timeout: seconds(file.list_timeout_s),
            call_timeout: seconds(file.call_timeout_s),
            call_ceiling: seconds(file.call_ceiling_s),
            idle_timeout: seconds(file.idle_timeout_s),
            probe_timeout: millis(file.probe_timeout_ms),
            close_grace: millis(file.close_grace_ms),
            term_grace: millis(file.term_grace_ms),
            restart_backoff: millis(file.restart_backoff_ms),
            restart_backoff_max: seconds(file.restart_backoff_max_s),
            starts_in_parallel: file.starts_in_parallel,
            refresh_after: seconds(file.refresh_after_s),
            calls_in_flight_max: file.calls_in_flight_max,
            stderr_tail_lines: file.stderr_tail_lines,
            pass_env: file.pass_env,
            repair_path: file.repair_path,
            login_shell_timeout: millis(file.login_shell_timeout_ms),
        }
    }
}

impl From<SupervisionFile> for SupervisionSettings {
    fn from(file: SupervisionFile) -> Self {
        let seconds = Duration::from_secs;
        let millis = Duration::from_millis;
        Self {
            check_interval: seconds(file.check_interval_s),
            check_timeout: seconds(file.check_timeout_s),
            checks_failed_max: file.checks_failed_max,
            check_restarts_max: file.check_restarts_max,
            failures_max: file.failures_max,
            failures_window: seconds(file.failures_window_s),
            healthy_after: seconds(file.healthy_after_s),
            cool_down: seconds(file.cool_down_s),
            restart_wait_max: millis(file.restart_wait_max_ms),
            drain_timeout: seconds(file.drain_timeout_s),
            watch_interval: seconds(file.watch_interval_s),
            cpu_warn_percent: file.cpu_warn_percent,
            memory_warn_mb: file.memory_warn_mb,
            queue_len_max: file.queue_len_max,
            queue_timeout: seconds(file.queue_timeout_s),
            instances_max: file.instances_max,
            scale_up_calls: file.scale_up_calls,
            spare_idle_timeout: seconds(file.spare_idle_timeout_s),
            breaker_failures_max: file.breaker_failures_max,
            breaker_good_share_min: file.breaker_good_share_min,
            breaker_calls_min: file.breaker_calls_min,
            breaker_window: seconds(file.breaker_window_s),
            breaker_probe: millis(file.breaker_probe_ms),
            breaker_probe_max: seconds(file.breaker_probe_max_s),
            retry_share: file.retry_share,
            reload_interval: seconds(file.reload_interval_s),
        }
    }
}

impl From<CommandsFile> for CommandsSettings {
    fn from(file: CommandsFile) -> Self {
        let patterns = |rules: Vec<CommandRuleFile>| rules.into_iter().map(Into::into).collect();
        Self { allow: patterns(file.allow), deny: patterns(file.deny) }
    }
}

impl From<CommandRuleFile> for CommandPattern {
    fn from(rule: CommandRuleFile) -> Self {
        match rule {
            CommandRuleFile::Path(command) => Self { command, args: None, sha256: None },
            CommandRuleFile::Rule(rule) => Self {
                command: rule.command,
                args: rule.args,
                sha256: rule.sha256.map(|digits| digits.to_ascii_lowercase()),
            },
        }
    }
}

impl From<LimitsFile> for LimitsSettings {
    fn from(file: LimitsFile) -> Self {
        Self {
            line_bytes_max: file.line_bytes_max,
            client_line_bytes_max: file.client_line_bytes_max,
            tools_per_server_max: file.tools_per_server_max,
            description_bytes_max: file.description_bytes_max,
            schema_bytes_max: file.schema_bytes_max,
            request_chars_max: file.request_chars_max,
            calls_in_flight_max: file.calls_in_flight_max,
        }
    }
}

impl From<EmbedderFile> for EmbedderSettings {
    fn from(file: EmbedderFile) -> Self {
        Self {
            model: file.model,
            onnx_runtime: path(file.onnx_runtime),
            allow_download: file.allow_download,
            threads: file.threads,
        }
    }
}

impl From<IndexFile> for IndexSettings {
    fn from(file: IndexFile) -> Self {
        Self { kind: file.kind, exact_tools_max: file.exact_tools_max }
    }
}

impl From<RouterFile> for RouterSettings {
    fn from(file: RouterFile) -> Self {
        Self {
            words_weight: file.words_weight,
            candidates_max: file.candidates_max,
            bar_read: file.bar_read,
            bar_write: file.bar_write,
            bar_destructive: file.bar_destructive,
            bar_any: file.bar_any,
            query_cache_len: file.query_cache_len,
            plan_ttl: Duration::from_secs(file.plan_ttl_s),
        }
    }
}

impl From<CatalogFile> for CatalogSettings {
    fn from(file: CatalogFile) -> Self {
        Self { busy_timeout: Duration::from_millis(file.busy_timeout_ms) }
    }
}

impl From<HistoryFile> for HistorySettings {
    fn from(file: HistoryFile) -> Self {
        Self {
            enabled: file.enabled,
            redact: file.redact,
            routes_max: file.routes_max,
            keep_days: file.keep_days,
            queue_len: file.queue_len,
            read_timeout: Duration::from_millis(file.read_timeout_ms),
        }
    }
}

impl From<LearningFile> for LearningSettings {
    fn from(file: LearningFile) -> Self {
        Self { enabled: file.enabled, lessons_max: file.lessons_max }
    }
}

impl From<DaemonFile> for DaemonSettings {
    fn from(file: DaemonFile) -> Self {
        Self {
            enabled: file.enabled,
            run_folder: path(file.run_folder),
            idle_exit: Duration::from_secs(file.idle_exit_s),
            start_timeout: Duration::from_secs(file.start_timeout_s),
            hello_timeout: Duration::from_millis(file.hello_timeout_ms),
            stop_grace: Duration::from_secs(file.stop_grace_s),
            clients_max: file.clients_max,
            pass_descriptors: file.pass_descriptors,
            log_bytes_max: file.log_bytes_max,
        }
    }
}

impl From<LogFile> for LogSettings {
    fn from(file: LogFile) -> Self {
        Self {
            level: file.level,
            format: file.format,
            file: path(file.file),
            file_bytes_max: file.file_bytes_max,
            files_max: file.files_max,
        }
    }
}

/// An empty text is no path.
fn path(text: String) -> Option<PathBuf> {
    (!text.is_empty()).then(|| PathBuf::from(text))
}
