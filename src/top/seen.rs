//! What the daemon tells, as far as it is shown. Every field may be missing: the daemon may be of another version.

use serde::Deserialize;

/// One look at everything.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub struct Look {
    /// The daemon; none runs when it is missing, and the servers are those of the registry.
    #[serde(default)]
    pub daemon: Option<Daemon>,
    /// All servers.
    #[serde(default)]
    pub servers: Vec<Server>,
}

/// The daemon itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Daemon {
    /// Its process.
    pub pid: u32,
    /// Its version.
    pub version: String,
    /// How long it has run, in seconds.
    pub uptime_s: i64,
    /// Clients that are connected.
    pub clients: usize,
}

/// One server. Texts are as they came; whoever draws them cleans them.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Server {
    /// Its name.
    #[serde(rename = "server")]
    pub name: String,
    /// The word of its state.
    pub state: String,
    /// Since when, in seconds since 1970; 0 when it never was in another.
    pub since: i64,
    /// Process of its first instance.
    pub pid: Option<u32>,
    /// In percent of one core.
    pub cpu_percent: Option<f64>,
    /// Resident, in bytes.
    pub memory_bytes: Option<u64>,
    /// How often it was started.
    pub starts: u64,
    /// Starts after the first.
    pub restarts: u64,
    /// Calls it was given.
    pub calls: u64,
    /// Calls that failed by its fault.
    pub errors: u64,
    /// Calls that run.
    pub in_flight: u64,
    /// Calls that wait for their turn.
    pub waiting: u64,
    /// What is wrong.
    pub fault: Option<String>,
    /// What it uses too much of.
    pub warnings: Vec<String>,
    /// Whether it runs on without being called.
    pub is_kept: bool,
    /// Whether it keeps state between calls.
    pub is_stateful: bool,
    /// Its groups.
    pub groups: Vec<String>,
    /// Servers that must run before it.
    pub depends_on: Vec<String>,
    /// Its instances.
    pub instances: Vec<Instance>,
}

/// One instance of a server.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Instance {
    /// The word of its state.
    pub state: String,
    /// Since when, in seconds since 1970.
    pub since: i64,
    /// Its process.
    pub pid: Option<u32>,
    /// In percent of one core.
    pub cpu_percent: Option<f64>,
    /// Resident, in bytes.
    pub memory_bytes: Option<u64>,
    /// Threads of all its processes.
    pub threads: Option<u32>,
    /// Open files of all its processes.
    pub fds: Option<u32>,
    /// Its processes.
    pub processes: Option<u32>,
    /// Calls that run.
    pub in_flight: u64,
    /// Calls it was given.
    pub calls: u64,
    /// How long no new attempt is made, in seconds.
    pub retry_in_s: Option<f64>,
}

/// How an order to one server ended.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Acted {
    /// Which.
    pub server: String,
    /// Whether it is as ordered.
    pub is_done: bool,
    /// What it does now.
    pub state: String,
    /// Why it is not as ordered.
    pub message: Option<String>,
}

impl Server {
    /// Whether it is out of use by somebody's will: nothing that a restart or a stop of all would mean.
    pub(super) fn is_off(&self) -> bool {
        matches!(self.state.as_str(), "stopped" | "dormant" | "quarantined" | "refused")
    }
}
