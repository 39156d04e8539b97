//! The settings file as it is written: keys with their units, their ranges and one sentence each. The schema comes from
//! here, and every layer is checked against that schema, so that a range stands in one place only.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::sandbox::{SandboxFallback, SandboxLevel};
use super::settings::{IndexKind, LogFormat, LogLevel};
use super::settings_audit::AuditFile;
use super::settings_care::{AlertsFile, ServerLogsFile};
use super::settings_http::HttpFile;
use super::settings_monitor::MonitorFile;
use super::settings_results::ResultsFile;
use super::settings_telemetry::TelemetryFile;
use super::settings_websocket::WebsocketFile;
use super::{layers, profiles, tool_overrides};

/// Settings of mcporch. Every key may be left out; its default and the reason for it stand in `mcporch.toml`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "mcporch.toml")]
pub(super) struct SettingsFile {
    /// How servers are started, called and stopped.
    pub(super) servers: ServersFile,
    /// How servers are watched, started again, spared, and run several times.
    pub(super) supervision: SupervisionFile,
    /// Which programs may be started.
    pub(super) commands: CommandsFile,
    /// How closely servers are held.
    pub(super) sandbox: SandboxFile,
    /// The most that mcporch accepts of anything that can grow.
    pub(super) limits: LimitsFile,
    /// What is done with large results of tools.
    pub(super) results: ResultsFile,
    /// The model that turns texts into vectors.
    pub(super) embedder: EmbedderFile,
    /// How the nearest tools are found.
    pub(super) index: IndexFile,
    /// How tools are ranked, and how sure is sure enough.
    pub(super) router: RouterFile,
    /// The database of known servers and tools.
    pub(super) catalog: CatalogFile,
    /// What was asked and where it was routed.
    pub(super) history: HistoryFile,
    /// What ranking learns from feedback and choices.
    pub(super) learning: LearningFile,
    /// What is kept of what goes on, for dashboards and scrapers.
    pub(super) monitor: MonitorFile,
    /// The process that serves all clients of a user.
    pub(super) daemon: DaemonFile,
    /// Serving clients over HTTP.
    pub(super) http: HttpFile,
    /// Who did what, and who was not let in.
    pub(super) audit: AuditFile,
    /// Clients over WebSocket, and those who follow events.
    pub(super) websocket: WebsocketFile,
    /// What is written to stderr or to a file.
    pub(super) log: LogFile,
    /// Traces and figures that are sent to others.
    pub(super) telemetry: TelemetryFile,
    /// What is kept of each server's stderr and of its story.
    pub(super) server_logs: ServerLogsFile,
    /// Who is told when a server crashes, comes back or goes over a limit.
    pub(super) alerts: AlertsFile,
}

/// How servers are started, called and stopped.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ServersFile {
    /// From spawn to a finished handshake, in seconds.
    #[schemars(range(min = 1, max = 3600))]
    pub(super) start_timeout_s: u64,
    /// For a server's whole tool list, in seconds.
    #[schemars(range(min = 1, max = 3600))]
    pub(super) list_timeout_s: u64,
    /// For one call without a sign of progress, in seconds.
    #[schemars(range(min = 1, max = 86400))]
    pub(super) call_timeout_s: u64,
    /// For one call with progress, in seconds; at least `call_timeout_s`.
    #[schemars(range(min = 1, max = 86400))]
    pub(super) call_ceiling_s: u64,
    /// A server without a call for that long is stopped, in seconds.
    #[schemars(range(min = 1, max = 2_592_000))]
    pub(super) idle_timeout_s: u64,
    /// For the question which protocol era a server speaks, in milliseconds.
    #[schemars(range(min = 50, max = 60000))]
    pub(super) probe_timeout_ms: u64,
    /// From closing a server's stdin to TERM, in milliseconds.
    #[schemars(range(min = 0, max = 60000))]
    pub(super) close_grace_ms: u64,
    /// From TERM to KILL, in milliseconds.
    #[schemars(range(min = 0, max = 60000))]
    pub(super) term_grace_ms: u64,
    /// Before the first restart of a server that died, in milliseconds; doubles each time.
    #[schemars(range(min = 1, max = 600_000))]
    pub(super) restart_backoff_ms: u64,
    /// The longest wait before a restart, in seconds; at least `restart_backoff_ms`.
    #[schemars(range(min = 1, max = 3600))]
    pub(super) restart_backoff_max_s: u64,
    /// How many servers may be starting at once.
    #[schemars(range(min = 1, max = 256))]
    pub(super) starts_in_parallel: usize,
    /// A cached tool list older than this is read anew behind a start, in seconds; 0 reads it at every start.
    #[schemars(range(min = 0, max = 2_592_000))]
    pub(super) refresh_after_s: u64,
    /// Calls that one server may have in flight.
    #[schemars(range(min = 1, max = 65536))]
    pub(super) calls_in_flight_max: usize,
    /// Last lines of a server's stderr that are kept for messages.
    #[schemars(range(min = 0, max = 10000))]
    pub(super) stderr_tail_lines: usize,
    /// Variables of mcporch's own environment that every server gets; `*` at the end of a name stands for anything.
    pub(super) pass_env: Vec<String>,
    /// Add the login shell's PATH and the usual folders of tool managers to PATH.
    pub(super) repair_path: bool,
    /// For asking the login shell, in milliseconds.
    #[schemars(range(min = 100, max = 60000))]
    pub(super) login_shell_timeout_ms: u64,
}

/// How servers are watched, started again, spared, and run several times.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SupervisionFile {
    /// Between two questions whether a server is well, in seconds; 0 asks only servers whose entry has a `health_check`.
    #[schemars(range(min = 0, max = 86400))]
    pub(super) check_interval_s: u64,
    /// For the answer to such a question, in seconds.
    #[schemars(range(min = 1, max = 3600))]
    pub(super) check_timeout_s: u64,
    /// Failed questions in a row after which a server is started again.
    #[schemars(range(min = 1, max = 100))]
    pub(super) checks_failed_max: u32,
    /// Such restarts without a healthy time in between, after which it counts as crashed.
    #[schemars(range(min = 0, max = 1000))]
    pub(super) check_restarts_max: u32,
    /// Deaths and failed starts within `failures_window_s` after which a server counts as crashed.
    #[schemars(range(min = 1, max = 1000))]
    pub(super) failures_max: u32,
    /// See `failures_max`, in seconds.
    #[schemars(range(min = 1, max = 86400))]
    pub(super) failures_window_s: u64,
    /// Time without a fault after which all counts start anew, in seconds.
    #[schemars(range(min = 1, max = 86400))]
    pub(super) healthy_after_s: u64,
    /// How long a crashed server is left alone before a call may try it once more, in seconds.
    #[schemars(range(min = 1, max = 86400))]
    pub(super) cool_down_s: u64,
    /// A call waits for a restart that is due within that time, in milliseconds.
    #[schemars(range(min = 0, max = 60000))]
    pub(super) restart_wait_max_ms: u64,
    /// For calls in flight when a server is started again over its memory, in seconds.
    #[schemars(range(min = 0, max = 3600))]
    pub(super) drain_timeout_s: u64,
    /// Between two looks at what a server uses, in seconds.
    #[schemars(range(min = 1, max = 3600))]
    pub(super) watch_interval_s: u64,
    /// Share of one core above which it is warned, in percent.
    #[schemars(range(min = 1.0, max = 100_000.0))]
    pub(super) cpu_warn_percent: f64,
    /// Memory of a server and its children above which it is warned, in MB.
    #[schemars(range(min = 1, max = 1_000_000_000))]
    pub(super) memory_warn_mb: u64,
    /// Calls that wait for one server; more are refused as busy.
    #[schemars(range(min = 0, max = 65536))]
    pub(super) queue_len_max: usize,
    /// Longest wait of a call for its turn, in seconds.
    #[schemars(range(min = 1, max = 86400))]
    pub(super) queue_timeout_s: u64,
    /// Processes of one server at most, where its entry has no `resources.max_instances`.
    #[schemars(range(min = 1, max = 1000))]
    pub(super) instances_max: u32,
    /// Calls in flight in each process of a server from which another is started, up to its most.
    #[schemars(range(min = 1, max = 65536))]
    pub(super) scale_up_calls: usize,
    /// A process beyond the first that is unused for that long is stopped, in seconds.
    #[schemars(range(min = 1, max = 2_592_000))]
    pub(super) spare_idle_timeout_s: u64,
    /// Calls that fail in a row after which a server is spared. As Envoy counts.
    #[schemars(range(min = 1, max = 10000))]
    pub(super) breaker_failures_max: u32,
    /// Least share of good calls, once there are `breaker_calls_min` within `breaker_window_s`.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub(super) breaker_good_share_min: f64,
    /// See `breaker_good_share_min`.
    #[schemars(range(min = 1, max = 256))]
    pub(super) breaker_calls_min: usize,
    /// See `breaker_good_share_min`, in seconds.
    #[schemars(range(min = 1, max = 3600))]
    pub(super) breaker_window_s: u64,
    /// How long a spared server gets no call; doubles while the one after it fails. In milliseconds.
    #[schemars(range(min = 10, max = 600_000))]
    pub(super) breaker_probe_ms: u64,
    /// The longest such time, in seconds.
    #[schemars(range(min = 1, max = 3600))]
    pub(super) breaker_probe_max_s: u64,
    /// Share of a server's calls that may be retries.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub(super) retry_share: f64,
    /// Between two looks at whether the registry or the settings changed, in seconds; 0 never looks.
    #[schemars(range(min = 0, max = 3600))]
    pub(super) reload_interval_s: u64,
}

/// Which programs may be started.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CommandsFile {
    /// Only these may be started; empty is everything.
    pub(super) allow: Vec<CommandRuleFile>,
    /// These may not be started, whatever `allow` says.
    pub(super) deny: Vec<CommandRuleFile>,
}

/// A program: its path, or a table with more about it.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum CommandRuleFile {
    /// Whole path; `*` stands for anything but a slash, `**` for anything.
    Path(String),
    /// With arguments or a hash.
    Rule(CommandRuleTable),
}

/// A program with arguments or a hash.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CommandRuleTable {
    /// Whole path; `*` stands for anything but a slash, `**` for anything.
    #[schemars(length(min = 1))]
    pub(super) command: String,
    /// One pattern for each argument; `**` as the last stands for any further ones.
    pub(super) args: Option<Vec<String>>,
    /// Sha256 of the program's file, 64 hex digits.
    #[schemars(length(min = 64, max = 64))]
    pub(super) sha256: Option<String>,
}

/// How closely servers are held.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SandboxFile {
    /// For servers whose entry names no `sandbox`.
    pub(super) default_level: SandboxLevel,
    /// What to do with a server whose level cannot be had here, when its entry has no `sandbox_fallback`.
    pub(super) fallback: SandboxFallback,
    /// Processes and threads of one server with all that it starts, where a cgroup can be had.
    #[schemars(range(min = 8, max = 1_000_000))]
    pub(super) processes_max: u32,
    /// Open files of each process of a server.
    #[schemars(range(min = 64, max = 1_048_576))]
    pub(super) files_max: u64,
    /// Folders that servers of level `standard` may write, besides those of their entry.
    pub(super) write_folders: Vec<String>,
}

/// The most that mcporch accepts of anything that can grow.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct LimitsFile {
    /// One line from a server, in bytes.
    #[schemars(range(min = 65536, max = 1_073_741_824))]
    pub(super) line_bytes_max: usize,
    /// One line from a client, in bytes.
    #[schemars(range(min = 65536, max = 1_073_741_824))]
    pub(super) client_line_bytes_max: usize,
    /// Tools of one server.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub(super) tools_per_server_max: usize,
    /// A tool's description, in bytes; a longer one is cut.
    #[schemars(range(min = 256, max = 16_777_216))]
    pub(super) description_bytes_max: usize,
    /// A tool's input schema, in bytes; a tool with a longer one is left out.
    #[schemars(range(min = 1024, max = 16_777_216))]
    pub(super) schema_bytes_max: usize,
    /// A request in words, in characters.
    #[schemars(range(min = 100, max = 1_000_000))]
    pub(super) request_chars_max: usize,
    /// Calls in flight over all servers.
    #[schemars(range(min = 1, max = 65536))]
    pub(super) calls_in_flight_max: usize,
}

/// The model that turns texts into vectors.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct EmbedderFile {
    /// `builtin`, `builtin-base` (what it was before it was taught to route), a name of the fastembed catalogue, or a folder with
    /// `model.onnx` and `tokenizer.json`.
    #[schemars(length(min = 1))]
    pub(super) model: String,
    /// The ONNX Runtime library; empty looks in the usual places. Not needed for the built-in ones.
    pub(super) onnx_runtime: String,
    /// May a model be downloaded on first use?
    pub(super) allow_download: bool,
    /// Threads for embedding; 0 is one per core.
    #[schemars(range(min = 0, max = 1024))]
    pub(super) threads: usize,
}

/// How the nearest tools are found.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct IndexFile {
    /// `exact` scans all vectors, `hnsw` walks a graph, `auto` chooses by `exact_tools_max`.
    pub(super) kind: IndexKind,
    /// With `auto`: up to that many tools are scanned.
    #[schemars(range(min = 0, max = 10_000_000))]
    pub(super) exact_tools_max: usize,
}

/// How tools are ranked, and how sure is sure enough.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RouterFile {
    /// Share of the word ranking in the sum, 0 to 1; the rest is the vectors'.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub(super) words_weight: f32,
    /// Candidates in an answer that asks to choose.
    #[schemars(range(min = 1, max = 20))]
    pub(super) candidates_max: usize,
    /// Confidence from which a tool that only reads is called at once, 0 to 1.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub(super) bar_read: f32,
    /// The same for a tool that changes something, or does not say.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub(super) bar_write: f32,
    /// The same for a tool that may destroy.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub(super) bar_destructive: f32,
    /// Confidence that any tool serves the request, below which the answer is that none does, 0 to 1.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub(super) bar_any: f32,
    /// Texts whose vectors are remembered.
    #[schemars(range(min = 0, max = 1_000_000))]
    pub(super) query_cache_len: usize,
    /// How long a prepared call waits for its word.
    #[schemars(range(min = 1, max = 86_400))]
    pub(super) plan_ttl_s: u64,
}

/// The database of known servers and tools.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CatalogFile {
    /// How long a write waits for another mcporch process, in milliseconds.
    #[schemars(range(min = 0, max = 600_000))]
    pub(super) busy_timeout_ms: u64,
}

/// What was asked and where it was routed.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct HistoryFile {
    /// Keep it? Without it there is no feedback and no learning.
    pub(super) enabled: bool,
    /// Take what looks like a secret out of requests before they are written.
    pub(super) redact: bool,
    /// Routes that are kept.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub(super) routes_max: usize,
    /// Days that a route is kept.
    #[schemars(range(min = 1, max = 36500))]
    pub(super) keep_days: u32,
    /// Writes that wait for the disk; more are dropped.
    #[schemars(range(min = 1, max = 65536))]
    pub(super) queue_len: usize,
    /// How long a request waits for what was learned to be read, in milliseconds.
    #[schemars(range(min = 1, max = 60000))]
    pub(super) read_timeout_ms: u64,
}

/// What ranking learns from feedback and choices.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct LearningFile {
    /// Use it? When false, the ranking is exactly what it is without any history.
    pub(super) enabled: bool,
    /// Lessons that are kept.
    #[schemars(range(min = 1, max = 100_000))]
    pub(super) lessons_max: usize,
}

/// The process that serves all clients of a user.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct DaemonFile {
    /// Let all clients share one? When false, each client's mcporch does everything itself, as with `--standalone`.
    pub(super) enabled: bool,
    /// Folder for its socket; empty is `mcporch` in the user's runtime folder, else a folder among the temporary files.
    pub(super) run_folder: String,
    /// Without clients for that long it leaves, in seconds.
    #[schemars(range(min = 1, max = 2_592_000))]
    pub(super) idle_exit_s: u64,
    /// For its start, until a client goes on alone, in seconds.
    #[schemars(range(min = 1, max = 600))]
    pub(super) start_timeout_s: u64,
    /// For the first word of whoever connects, in milliseconds.
    #[schemars(range(min = 50, max = 60000))]
    pub(super) hello_timeout_ms: u64,
    /// For calls in flight when it is told to stop, in seconds.
    #[schemars(range(min = 0, max = 3600))]
    pub(super) stop_grace_s: u64,
    /// Clients at once.
    #[schemars(range(min = 1, max = 4096))]
    pub(super) clients_max: usize,
    /// Hand a client's own stdin and stdout over? When false, a client's mcporch moves the bytes.
    pub(super) pass_descriptors: bool,
    /// Its log is begun anew when the next line would make it longer, in bytes; `log.files_max` are kept.
    #[schemars(range(min = 65536, max = 1_073_741_824))]
    pub(super) log_bytes_max: u64,
}

/// What is written to stderr or to a file.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct LogFile {
    /// How much is told. `MCP_LOG_LEVEL` is read too.
    pub(super) level: LogLevel,
    /// `text` for people, `json` for programs.
    pub(super) format: LogFormat,
    /// A file to append to in place of stderr; a relative path lies in the home's `logs/`.
    pub(super) file: String,
    /// A new file is begun when the next line would make it longer, in bytes.
    #[schemars(range(min = 65536, max = 1_073_741_824))]
    pub(super) file_bytes_max: u64,
    /// Files that are kept, the one that is written included.
    #[schemars(range(min = 1, max = 100))]
    pub(super) files_max: u32,
}

/// The schema, with the compiled-in defaults filled in and nothing required.
pub(super) fn schema() -> Value {
    let mut schema = plain_schema();
    let defaults = layers::defaults();
    if let Some(root) = schema.as_object_mut() {
        root.shift_remove("required");
        // What the file is comes first for those who read it.
        for (place, key) in ["$schema", "title", "description"].into_iter().enumerate() {
            if let Some(value) = root.shift_remove(key) {
                root.shift_insert(place, key.to_owned(), value);
            }
        }
    }
    for (section, rules) in children(&mut schema) {
        rules.as_object_mut().map(|rules| rules.shift_remove("required"));
        for (key, rule) in children(rules) {
            if let (Some(rule), Some(default)) = (rule.as_object_mut(), defaults.get(section).and_then(|s| s.get(key)))
            {
                rule.insert("default".to_owned(), default.clone());
            }
        }
    }
    // Not derived: they have no defaults, and their keys are names of tools and profiles.
    if let Some(sections) = schema.get_mut("properties").and_then(Value::as_object_mut) {
        sections.insert(tool_overrides::SECTION.to_owned(), tool_overrides::schema());
        sections.insert(profiles::SECTION.to_owned(), profiles::schema());
    }
    schema
}

/// The schema as derived: `properties.SECTION.properties.KEY` holds the rule of a key.
pub(super) fn plain_schema() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    let mut schema = settings.into_generator().into_root_schema_for::<SettingsFile>().to_value();
    for (_, rules) in children(&mut schema) {
        for (_, rule) in children(rules) {
            // `uint` and `uint64` are words of schemars that editors warn about.
            rule.as_object_mut().map(|rule| rule.shift_remove("format"));
        }
    }
    schema
}

fn children(schema: &mut Value) -> impl Iterator<Item = (&String, &mut Value)> {
    schema.get_mut("properties").and_then(Value::as_object_mut).into_iter().flat_map(Map::iter_mut)
}
