//! One MCP session with one server: a child over its pipes, a remote one over HTTP, or one inside this process. Method and raw
//! parameters in, raw result out: what a tool answers passes through unparsed. Speaks both protocol eras and finds out by itself which one the server
//! speaks. It must never answer what is not JSON-RPC, never wait without a deadline, and never decide when a server
//! starts or stops: that is the supervisor's.

mod allowed_commands;
mod authorizer;
mod complete_env;
mod error;
mod handshake;
mod http;
mod in_process;
mod input_required;
mod link;
mod params;
mod peer;
mod pending;
mod process;
mod receive;
mod remote;
mod search_path;
mod session;
mod stderr_budget;
mod stderr_tail;
mod subscriptions;
mod tools;

pub use allowed_commands::{CommandRule, CommandRules};
pub use authorizer::{AuthFault, Authorizer, Challenge};
pub use error::{Error, Phase};
pub use in_process::{BuiltIn, BuiltInStreams};
pub use peer::{Behind, Offer, Peer, ServerAsk};
pub use pending::Answer;
pub use remote::{Remote, RemoteKind};
pub use search_path::SearchPath;
pub use session::{CallOptions, Notice, ProgressSink, Session};
pub use tools::{Listing, SalvageLimits};

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::domain::ServerName;
use crate::isolation;
use crate::secrets::LateEnv;

/// The newest revision with an `initialize` handshake; what we ask a legacy server for.
pub const LEGACY_VERSION: &str = "2025-11-25";
/// The first stateless revision; what we ask a modern server for.
pub const MODERN_VERSION: &str = "2026-07-28";

/// Which of the two families of protocol revisions a server speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Era {
    /// `initialize` first, then a session (2024-11-05 to 2025-11-25).
    Legacy,
    /// No handshake; each request carries its version (2026-07-28).
    Modern,
}

/// Gets each line that a server writes to stderr, cleaned; must not block.
pub type StderrSink = Arc<dyn Fn(&str) + Send + Sync>;

/// What kind of server it is.
#[derive(Debug, Clone, Default)]
pub enum Endpoint {
    /// A child process, as the rest of its [`Spec`] says.
    #[default]
    Child,
    /// A remote one.
    Remote(Remote),
    /// One in this process.
    InProcess(BuiltIn),
}

/// What to start. `Debug` shows no environment values.
#[derive(Clone)]
pub struct Spec {
    /// Under which name it stands in the registry.
    pub server: ServerName,
    /// What kind of server it is; what follows concerns child processes alone.
    pub endpoint: Endpoint,
    /// What its sessions are opened with.
    pub offer: Offer,
    /// Program, as written.
    pub command: String,
    /// Its arguments.
    pub args: Vec<String>,
    /// Variables the registry declares for it; they may be secret.
    pub env: Vec<(String, String)>,
    /// Variables that are read at each start; of a remote server, headers.
    pub late_env: LateEnv,
    /// What may be started.
    pub commands: Arc<CommandRules>,
    /// Variables it inherits from us.
    pub inherited_env: Vec<(String, String)>,
    /// Folder to start in; ours when `None`.
    pub cwd: Option<PathBuf>,
    /// Who gets what it writes to stderr, if anybody.
    pub stderr_sink: Option<StderrSink>,
    /// How closely it is held, and how much it may use.
    pub demand: isolation::Demand,
}

impl std::fmt::Debug for Spec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Spec").field("server", &self.server).field("command", &self.command).finish_non_exhaustive()
    }
}

/// Bounds of one session, each from the settings.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Spawn until the handshake is answered.
    pub start_timeout: Duration,
    /// How long a server may stay silent on `server/discover` before `initialize` is tried too.
    pub probe_timeout: Duration,
    /// How long it may take to leave after its stdin closed.
    pub close_grace: Duration,
    /// How long it may take to leave after TERM.
    pub term_grace: Duration,
    /// Longest line it may write, in bytes.
    pub line_bytes_max: usize,
    /// Lines of its stderr that are kept for error messages.
    pub stderr_tail_lines: usize,
}

/// What the server said of itself when the session opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hello {
    /// The family of revisions in use.
    pub era: Era,
    /// The revision in use.
    pub protocol_version: String,
    /// `serverInfo.name`; empty when not said.
    pub name: String,
    /// `serverInfo.version`; empty when not said.
    pub version: String,
    /// How to use it, for models; empty when not said.
    pub instructions: String,
    /// Raw JSON of its capabilities.
    pub capabilities: Arc<str>,
    /// Raw JSON of its `serverInfo`; `{}` when not said.
    pub server_info: Arc<str>,
    /// Whether it offers tools at all.
    pub has_tools: bool,
    /// Whether it tells when its tools change.
    pub tells_tool_changes: bool,
}
