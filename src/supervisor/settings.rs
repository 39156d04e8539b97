//! What the pool is told of each server and of the world around it.

use std::collections::BTreeSet;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::watch;

use crate::domain::ServerName;
use crate::upstream::{Era, Hello, Limits, SalvageLimits, SearchPath, Spec};

use super::balance::Balance;
use super::breaker::BreakerPolicy;
use super::machine::Policy;

/// When a server is started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum StartMode {
    /// With us, and it runs on.
    Eager,
    /// By the first call.
    #[default]
    Lazy,
    /// By the operator alone.
    Manual,
}

/// What a health check asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Probe {
    /// `ping`, or `server/discover` in the modern era: any answer is good.
    Ping,
    /// `tools/list`.
    ListTools,
    /// A call of one tool; an answer with `isError` is bad.
    ToolCall {
        /// The tool.
        tool: String,
        /// Raw JSON.
        arguments: String,
    },
    /// An address that must answer with a status below 400.
    Http {
        /// `http://…` or `https://…`.
        url: String,
    },
}

/// How it is asked whether it is well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthCheck {
    /// What is asked.
    pub probe: Probe,
    /// Between two checks.
    pub interval: Duration,
    /// For one answer.
    pub timeout: Duration,
}

/// What of its use is watched.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Watched {
    /// Between two looks.
    pub interval: Duration,
    /// A warning above this share of one core, in percent.
    pub cpu_warn_percent: f64,
    /// A warning above so much memory, in bytes.
    pub memory_warn_bytes: u64,
    /// Started again above so much memory, in bytes.
    pub memory_max_bytes: Option<u64>,
}

/// What is learned of a server as it is used; all sessions with it share what does not belong to one of them.
#[derive(Debug, Clone, Default)]
pub struct Learned {
    /// Which era it spoke last time.
    pub era: Arc<Mutex<Option<Era>>>,
    /// It asks its clients for something: then a session is one client's alone.
    pub asks: Arc<AtomicBool>,
    /// Resources whose changes it is asked to tell, by URI: of one place, and asked for again when it was restarted.
    pub subscriptions: Arc<Mutex<BTreeSet<String>>>,
}

impl Learned {
    /// A server that spoke this era last time.
    #[must_use]
    pub fn of_era(era: Option<Era>) -> Self {
        Self { era: Arc::new(Mutex::new(era)), ..Self::default() }
    }
}

/// Something that a server told, not because of one request.
#[derive(Debug, Clone)]
pub struct Told {
    /// Who.
    pub server: ServerName,
    /// The notification's method.
    pub method: Arc<str>,
    /// Its raw `params`.
    pub params: Arc<str>,
    /// Whom alone it concerns, if it came on one client's own session.
    pub client: Option<u64>,
}

/// One server as the pool keeps it.
#[derive(Debug, Clone)]
pub struct PoolServer {
    /// Tells two configurations apart: a server whose identity changes with a reload is replaced.
    pub identity: String,
    /// What to start.
    pub spec: Spec,
    /// Bounds of its sessions.
    pub limits: Limits,
    /// When it is started.
    pub start: StartMode,
    /// Servers that must run before it.
    pub depends_on: Vec<ServerName>,
    /// Groups it belongs to.
    pub groups: Vec<String>,
    /// Longest silence of one call.
    pub call_timeout: Duration,
    /// Longest duration of one call, whatever its progress.
    pub call_ceiling: Duration,
    /// Longest duration of listing its tools.
    pub list_timeout: Duration,
    /// How long it may be unused before it is stopped.
    pub idle_timeout: Duration,
    /// How long an instance beyond the first may be unused.
    pub spare_idle_timeout: Duration,
    /// Calls that run at once in one instance; more wait.
    pub calls_in_flight_max: usize,
    /// Calls that wait; more are refused.
    pub queue_len_max: usize,
    /// Longest wait of a call for its turn.
    pub queue_timeout: Duration,
    /// Instances at most, at least 1.
    pub instances_max: usize,
    /// Another instance is started when each that runs has that many calls in flight.
    pub scale_up_calls: usize,
    /// How instances share the calls.
    pub balance: Balance,
    /// Whether it keeps state between calls; `None` lets its tools tell.
    pub is_stateful: Option<bool>,
    /// Rules of its life.
    pub policy: Policy,
    /// Rules of its breaker.
    pub breaker: BreakerPolicy,
    /// Share of the calls that may be retries.
    pub retry_share: f64,
    /// How it is asked whether it is well.
    pub health: Option<HealthCheck>,
    /// What of its use is watched.
    pub watched: Watched,
    /// How long calls in flight may take to end when it is started again over its memory.
    pub drain_timeout: Duration,
    /// Whether clients that can be asked for something get sessions of their own kind; without it nobody is asked.
    pub passes_asks: bool,
    /// What is learned of it.
    pub learned: Learned,
    /// Why it must not be started, if so.
    pub refusal: Option<String>,
}

/// What a process and its children use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TreeUse {
    /// Processor time since the start.
    pub cpu_time: Duration,
    /// Resident memory, in bytes.
    pub memory_bytes: u64,
    /// Threads.
    pub threads: u32,
    /// Open files.
    pub fds: u32,
    /// Processes.
    pub processes: u32,
}

/// Asks an address; `Err` says what was wrong.
pub type HttpGet =
    Arc<dyn Fn(String, Duration) -> Pin<Box<dyn Future<Output = Result<(), String>> + Send>> + Send + Sync>;

/// A call that another process carries out: the daemon, which has the servers running.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallElsewhere {
    /// Whose tool.
    pub server: ServerName,
    /// The tool's name, as the server spells it.
    pub tool: String,
    /// Raw JSON.
    pub arguments: String,
    /// May it be tried again after a failure in mid-call?
    pub is_idempotent: bool,
}

/// Carries calls out elsewhere; gives the raw result, or what was wrong.
pub type Elsewhere =
    Arc<dyn Fn(CallElsewhere) -> Pin<Box<dyn Future<Output = Result<String, String>> + Send>> + Send + Sync>;

/// What the pool needs of the world.
#[derive(Clone)]
pub struct World {
    /// What is taken from a tool list.
    pub salvage: SalvageLimits,
    /// The repaired search path, once it is known.
    pub path: watch::Receiver<Option<SearchPath>>,
    /// Gets the news; must not block.
    pub events: Arc<dyn Fn(Event) + Send + Sync>,
    /// Seconds since 1970.
    pub now: fn() -> i64,
    /// What a process and its children use; blocks for a moment. `None` when it is not known.
    pub measure: fn(u32) -> Option<TreeUse>,
    /// Asks an address.
    pub http_get: HttpGet,
    /// Servers that are started at once when we start.
    pub starts_in_parallel: usize,
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("World").finish_non_exhaustive()
    }
}

/// News of a server.
#[derive(Debug, Clone)]
pub enum Event {
    /// It started, and said this of itself.
    Started(ServerName, Hello),
    /// It says that its tools changed.
    ToolsChanged(ServerName),
    /// A line of its story, for its log.
    Told(ServerName, String),
    /// It failed so often that it is left alone.
    Crashed(ServerName, String),
    /// It runs again after that.
    Recovered(ServerName),
    /// The operator took it out of use, for this reason.
    Quarantined(ServerName, String),
    /// The operator let it out again.
    Released(ServerName),
    /// It uses more than it should; the text says what.
    OverLimit(ServerName, String),
}
