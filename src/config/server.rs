//! One server as the operator described it, complete and ready to be started.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::home::set;
use super::{Env, Fault, OAuth, Sandbox, ServersSettings};
use crate::domain::{Hints, ServerName};
use crate::secrets::LateEnv;

/// A server. `Debug` shows neither arguments nor the values of variables and headers, since secrets live there.
#[derive(Debug, Clone)]
pub struct ServerConfig {
    /// Its name, unique among all servers.
    pub name: ServerName,
    /// What people call it; empty when the file does not say.
    pub title: String,
    /// What to start or to connect to, with every `${VAR}` resolved. Not to be used when there is a `refusal`.
    pub launch: Launch,
    /// How we present ourselves to those who issue tokens for it, when it is a remote server.
    pub oauth: OAuth,
    /// Hosts beside its own that may have private addresses when it sends us there, in lower case; its own among them where a
    /// public name leads inside.
    pub private_hosts: Vec<String>,
    /// Variables that are read when it starts: references to files and the keyring, and env files. Of a remote server, headers.
    pub late_env: LateEnv,
    /// Variables of mcporch that it gets beyond those that every server gets.
    pub inherit_env: InheritEnv,
    /// What it is good for, in the operator's words.
    pub hints: Hints,
    /// The same for single tools, by tool name.
    pub tool_hints: BTreeMap<String, Hints>,
    /// Tools the file lists, to know them before the server ran once. The server's own list replaces them.
    pub static_tools: Vec<StaticTool>,
    /// The groups it belongs to, for commands that mean several servers.
    pub groups: Vec<String>,
    /// Only these tools may be used; `None` when the file sets no such limit.
    pub tools_allowed: Option<Vec<String>>,
    /// These tools must not be used.
    pub tools_denied: Vec<String>,
    /// From spawn to a finished handshake.
    pub start_timeout: Duration,
    /// For the whole tool list.
    pub list_timeout: Duration,
    /// For one call without progress. May be longer than `settings.servers.call_ceiling`, which then does not bound it.
    pub call_timeout: Duration,
    /// Without a call for that long it is stopped.
    pub idle_timeout: Duration,
    /// Variables it cannot do without. Those found are part of the launch's `env`; a missing one is a refusal.
    pub required_env: Vec<String>,
    /// How to ask whether it is well, when the file says so.
    pub health_check: Option<HealthCheck>,
    /// What it may use, when the file says so.
    pub resources: Option<Resources>,
    /// When it is started.
    pub start: Start,
    /// Servers that must run before it, each another one of the registry; never in a circle.
    pub depends_on: Vec<ServerName>,
    /// Whether it keeps state between calls, when the file says so.
    pub stateful: Option<bool>,
    /// How its processes share the calls, when the file says so.
    pub balance: Option<Balance>,
    /// How closely it is held, as far as the file says.
    pub sandbox: Sandbox,
    /// The port the file names; informative.
    pub port: Option<u16>,
    /// An address that says whether it is well; asked when there is no `health_check`.
    pub health_endpoint: Option<String>,
    /// Known, but not to be used.
    pub disabled: bool,
    /// Why it must not be started; the other servers are not concerned.
    pub refusal: Option<Fault>,
    /// Where it stands.
    pub origin: Origin,
    /// [`Launch::fingerprint`] of `launch`, and of what `late_env` and `inherit_env` say; no late value takes part.
    pub fingerprint: String,
}

impl ServerConfig {
    /// A server with nothing said but what to start: time-outs from the settings, no hints, no refusal.
    #[must_use]
    pub fn new(name: ServerName, launch: Launch, settings: &ServersSettings, origin: Origin) -> Self {
        Self {
            name,
            title: String::new(),
            fingerprint: launch.fingerprint(),
            launch,
            oauth: OAuth::default(),
            private_hosts: Vec::new(),
            late_env: LateEnv::default(),
            inherit_env: InheritEnv::default(),
            hints: Hints::default(),
            tool_hints: BTreeMap::new(),
            static_tools: Vec::new(),
            groups: Vec::new(),
            tools_allowed: None,
            tools_denied: Vec::new(),
            start_timeout: settings.start_timeout,
            list_timeout: settings.list_timeout,
            call_timeout: settings.call_timeout,
            idle_timeout: settings.idle_timeout,
            required_env: Vec::new(),
            health_check: None,
            resources: None,
            start: Start::default(),
            depends_on: Vec::new(),
            stateful: None,
            balance: None,
            sandbox: Sandbox::default(),
            port: None,
            health_endpoint: None,
            disabled: false,
            refusal: None,
            origin,
        }
    }

    /// The fingerprint with all that is beside the launch. Equal to the launch's own when there is nothing.
    pub(super) fn fingerprint_of_all(&self) -> String {
        let mut parts = self.late_env.written();
        match &self.inherit_env {
            InheritEnv::All => parts.push("inherit all".to_owned()),
            InheritEnv::Names(names) => parts.extend(names.iter().map(|name| format!("inherit {name}"))),
        }
        let launch = self.launch.fingerprint();
        if parts.is_empty() {
            return launch;
        }
        let mut hash = Sha256::new();
        for part in std::iter::once(&launch).chain(&parts) {
            hash.update(part.len().to_le_bytes());
            hash.update(part);
        }
        hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// For each variable that it requires: is it there, and not empty? Env files are read anew, so this is how a start at
    /// this moment would go; the keyring is not asked. Blocking: a few small files.
    #[must_use]
    pub fn required_env_status(&self, env: &dyn Env) -> BTreeMap<String, bool> {
        let declared: &[(String, String)] = match &self.launch {
            Launch::Child { env, .. } => env,
            Launch::Remote { .. } => &[],
        };
        let is_present = |name: &String| {
            declared.iter().any(|(one, value)| one == name && !value.is_empty())
                || self.late_env.has(name)
                || set(env, name).is_some()
        };
        self.required_env.iter().map(|name| (name.clone(), is_present(name))).collect()
    }

    /// May the tool be used, as far as `tools_allowed` and `tools_denied` say?
    #[must_use]
    pub fn is_tool_allowed(&self, tool: &str) -> bool {
        let is_listed = self.tools_allowed.as_ref().is_none_or(|allowed| allowed.iter().any(|name| name == tool));
        is_listed && !self.tools_denied.iter().any(|name| name == tool)
    }
}

/// Which variables of mcporch a server gets beyond those that every server gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InheritEnv {
    /// These; `*` at the end of a name stands for anything.
    Names(Vec<String>),
    /// Every one.
    All,
}

impl Default for InheritEnv {
    fn default() -> Self {
        Self::Names(Vec::new())
    }
}

impl InheritEnv {
    /// Does the server get the variable for this?
    #[must_use]
    pub fn passes(&self, variable: &str) -> bool {
        match self {
            Self::All => true,
            Self::Names(names) => super::settings::is_listed(names, variable),
        }
    }
}

/// What to start, or what to connect to.
#[derive(Clone, PartialEq, Eq)]
pub enum Launch {
    /// A child process that speaks over its pipes.
    Child {
        /// Program, as written but for `~` and `${VAR}`; without a slash it is looked up in PATH.
        command: String,
        /// Its arguments.
        args: Vec<String>,
        /// Variables on top of the environment that is passed on, in file order, each name once.
        env: Vec<(String, String)>,
        /// Working folder; a relative one was resolved against the registry file's folder.
        cwd: Option<PathBuf>,
    },
    /// A server reached over the network.
    Remote {
        /// An `http` or `https` address.
        url: String,
        /// Sent with every request.
        headers: Vec<(String, String)>,
        /// Which transport the file names.
        kind: RemoteKind,
    },
}

/// The transport of a remote server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RemoteKind {
    /// The file does not say: try streamable HTTP first.
    Unsaid,
    /// Streamable HTTP.
    Http,
    /// The older HTTP with server-sent events.
    Sse,
}

impl Launch {
    /// Sha256, in hex, of everything that decides what is started: command, arguments, variables and working folder, or
    /// address and the names of headers. Two launches with the same fingerprint start the same thing, so it is a key for caches.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let mut hash = Sha256::new();
        // Lengths first, so that no two different launches give the same bytes.
        let mut part = |text: &str| {
            hash.update(text.len().to_le_bytes());
            hash.update(text);
        };
        match self {
            Self::Child { command, args, env, cwd } => {
                part("child");
                part(command);
                part(&args.len().to_string());
                args.iter().for_each(|arg| part(arg));
                sorted(env).into_iter().for_each(|(name, value)| {
                    part(name);
                    part(value);
                });
                part(&cwd.as_ref().map_or_else(String::new, |cwd| cwd.to_string_lossy().into_owned()));
            }
            Self::Remote { url, headers, kind } => {
                part("remote");
                part(url);
                part(&format!("{kind:?}"));
                // Keys change, and the server is the same.
                sorted(headers).into_iter().for_each(|(name, _)| part(name));
            }
        }
        hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl fmt::Debug for Launch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Child { command, args, env, cwd } => f
                .debug_struct("Child")
                .field("command", command)
                .field("args", &format_args!("{} hidden", args.len()))
                .field("env", &names(env))
                .field("cwd", cwd)
                .finish(),
            Self::Remote { url, headers, kind } => f
                .debug_struct("Remote")
                .field("url", &without_secrets(url))
                .field("headers", &names(headers))
                .field("kind", kind)
                .finish(),
        }
    }
}

/// A tool the registry file lists.
#[derive(Debug, Clone, PartialEq)]
pub struct StaticTool {
    /// Its name.
    pub name: String,
    /// What it does; empty when the file only names it.
    pub description: String,
    /// JSON Schema of its arguments, when the file has one.
    pub input_schema: Option<Value>,
    /// Further words for routing; its `description` is empty, since the tool's own stands above.
    pub hints: Hints,
}

/// How to ask a server whether it is well.
#[derive(Debug, Clone, PartialEq)]
pub struct HealthCheck {
    /// What is asked.
    pub method: HealthMethod,
    /// Between two checks; 30 s when the file does not say.
    pub interval: Duration,
    /// For one answer; 5 s when the file does not say.
    pub timeout: Duration,
    /// Failures in a row until the server counts as ill; 3 when the file does not say.
    pub retries: u32,
}

/// What a health check asks.
#[derive(Debug, Clone, PartialEq)]
pub enum HealthMethod {
    /// MCP's `ping`.
    Ping,
    /// MCP's `tools/list`.
    ListTools,
    /// A call of one tool.
    ToolCall {
        /// The tool.
        tool: String,
        /// Its arguments, an object.
        arguments: Value,
    },
}

/// When a server is started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Start {
    /// With mcporch, and it runs on.
    Eager,
    /// By the first call.
    #[default]
    Lazy,
    /// By the operator alone.
    Manual,
}

/// How several processes of one server share the calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Balance {
    /// The one with the fewest calls in flight.
    LeastBusy,
    /// One after the other.
    RoundRobin,
    /// The one that is expected to answer first.
    PeakEwma,
}

/// What a server may use. `None` is no limit.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Resources {
    /// Memory in bytes.
    pub memory_bytes_max: Option<u64>,
    /// Processor cores; 0.5 is half of one.
    pub cpu_cores_max: Option<f64>,
    /// How many processes of it may run at once.
    pub instances_max: Option<u32>,
}

/// The `orchestrator` block of a registry file. Its `default_timeout` already is the call time-out of that file's servers.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Orchestrator {
    /// The file it stands in.
    pub file: PathBuf,
    /// Port for programs that come by network.
    pub port: Option<u16>,
    /// For one call.
    pub default_timeout: Option<Duration>,
    /// How often a call that failed may be tried again.
    pub retry_attempts: Option<u32>,
    /// As the file has it: a word, a switch or an object.
    pub load_balancing: Option<Value>,
}

/// The place of a server's entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The registry file.
    pub file: PathBuf,
    /// The line, from 1.
    pub line: usize,
    /// The path of keys, such as `mcpServers.git`.
    pub key: String,
}

fn sorted(pairs: &[(String, String)]) -> Vec<&(String, String)> {
    let mut pairs: Vec<_> = pairs.iter().collect();
    pairs.sort();
    pairs
}

fn names(pairs: &[(String, String)]) -> Vec<&str> {
    pairs.iter().map(|(name, _)| name.as_str()).collect()
}

/// Scheme and host only: user, path and query may each hold a key.
#[must_use]
pub fn without_secrets(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = host.rsplit('@').next().unwrap_or_default();
    format!("{scheme}://{host}/…")
}
