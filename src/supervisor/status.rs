//! What people and programs are told of each server.

use std::sync::atomic::Ordering;

use schemars::JsonSchema;
use serde::Serialize;
use tokio::time::Instant;

use crate::domain::{ServerName, error_chain};
use crate::upstream::Session;

use super::machine::State;
use super::place::{Instance, Place};

/// What a server is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ServerState {
    /// Stopped by the operator, or never to be started but by the operator.
    Stopped,
    /// Not running, and nothing is wrong with that: a call starts it.
    Dormant,
    /// On its way up.
    Starting,
    /// Takes calls.
    Ready,
    /// Takes calls, but something is wrong.
    Degraded,
    /// On its way down.
    Stopping,
    /// It died or did not start; the next attempt waits.
    Backoff,
    /// It failed too often; nothing is tried for a while.
    Crashed,
    /// Taken out of use until the operator says otherwise.
    Quarantined,
    /// Its configuration keeps it from starting.
    Refused,
}

impl ServerState {
    fn of(state: State) -> Self {
        match state {
            State::Stopped => Self::Stopped,
            State::Dormant => Self::Dormant,
            State::Starting => Self::Starting,
            State::Ready => Self::Ready,
            State::Degraded => Self::Degraded,
            State::Stopping => Self::Stopping,
            State::Backoff => Self::Backoff,
            State::Failed => Self::Crashed,
            State::Quarantined => Self::Quarantined,
        }
    }

    /// The word that people read.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Stopped => "stopped",
            Self::Dormant => "dormant",
            Self::Starting => "starting",
            Self::Ready => "ready",
            Self::Degraded => "degraded",
            Self::Stopping => "stopping",
            Self::Backoff => "backoff",
            Self::Crashed => "crashed",
            Self::Quarantined => "quarantined",
            Self::Refused => "refused",
        }
    }
}

/// One server.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct ServerStatus {
    /// Its name.
    pub server: ServerName,
    /// The best state of its instances.
    pub state: ServerState,
    /// Since when, in seconds since 1970.
    pub since: i64,
    /// Process id of its first instance while it runs.
    pub pid: Option<u32>,
    /// Processor use of all its processes in percent of one core, over the last look.
    pub cpu_percent: Option<f64>,
    /// Resident memory of all its processes, in bytes.
    pub memory_bytes: Option<u64>,
    /// How often it was started.
    pub starts: u64,
    /// Starts that followed a failure, or that the operator asked for while it ran; being woken from rest is none.
    pub restarts: u64,
    /// Calls it was given.
    pub calls: u64,
    /// Calls that failed for a fault of the server.
    pub errors: u64,
    /// Calls that run.
    pub in_flight: usize,
    /// Calls that wait for their turn.
    pub waiting: usize,
    /// Why it is not running, if that is a fault; or what was wrong last, while it is degraded.
    pub fault: Option<String>,
    /// What it uses too much of.
    pub warnings: Vec<String>,
    /// Whether it runs on without being called.
    pub is_kept: bool,
    /// Whether it keeps state between calls, as far as is known.
    pub is_stateful: bool,
    /// Groups it belongs to.
    pub groups: Vec<String>,
    /// Servers that must run before it.
    pub depends_on: Vec<ServerName>,
    /// Its instances.
    pub instances: Vec<InstanceStatus>,
}

/// One instance.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct InstanceStatus {
    /// What it is doing.
    pub state: ServerState,
    /// Since when, in seconds since 1970.
    pub since: i64,
    /// Process id while it runs.
    pub pid: Option<u32>,
    /// Processor use in percent of one core.
    pub cpu_percent: Option<f64>,
    /// Resident memory, in bytes.
    pub memory_bytes: Option<u64>,
    /// Threads of all its processes.
    pub threads: Option<u32>,
    /// Open files of all its processes.
    pub fds: Option<u32>,
    /// Its processes.
    pub processes: Option<u32>,
    /// Calls that run.
    pub in_flight: usize,
    /// Calls it was given.
    pub calls: u64,
    /// In seconds: how long no new attempt is made.
    pub retry_in_s: Option<f64>,
}

pub(super) fn of_server(name: &ServerName, place: &Place) -> ServerStatus {
    let instances: Vec<_> = place.instances();
    let views: Vec<InstanceStatus> = instances.iter().map(|one| of_instance(one)).collect();
    let best = views.iter().min_by_key(|one| rank(one.state));
    let sum = |value: fn(&Instance) -> u64| instances.iter().map(|one| value(one)).sum();
    let first = place.first();
    let view = first.view.borrow().clone();
    let is_refused = place.server.refusal.is_some();
    let state = best.map_or(ServerState::Dormant, |one| one.state);
    let cpu: Vec<f64> = views.iter().filter_map(|one| one.cpu_percent).collect();
    let memory: Vec<u64> = views.iter().filter_map(|one| one.memory_bytes).collect();
    let quarantine = (state == ServerState::Quarantined).then(|| view.why_quarantined.clone());
    // What was wrong before it was stopped or came to rest is told by its log.
    let is_fine = matches!(state, ServerState::Ready | ServerState::Stopped | ServerState::Dormant);
    let fault = || view.fault.as_ref().filter(|_| !is_fine).map(|fault| error_chain(&**fault));
    ServerStatus {
        server: name.clone(),
        state: if is_refused { ServerState::Refused } else { state },
        since: best.map_or(0, |one| one.since),
        pid: views.iter().find_map(|one| one.pid),
        cpu_percent: (!cpu.is_empty()).then(|| (cpu.iter().sum::<f64>() * 10.0).round() / 10.0),
        memory_bytes: (!memory.is_empty()).then(|| memory.iter().sum()),
        starts: sum(|one| one.view.borrow().starts),
        restarts: sum(|one| one.view.borrow().restarts),
        calls: sum(|one| one.usage.calls.load(Ordering::Relaxed)),
        errors: sum(|one| one.usage.errors.load(Ordering::Relaxed)),
        in_flight: place.in_flight(),
        waiting: place.waiting(),
        fault: place.server.refusal.clone().or(quarantine).or_else(fault),
        warnings: instances.iter().flat_map(|one| one.view.borrow().warnings.clone()).collect(),
        is_kept: view.is_kept,
        is_stateful: place.is_stateful(),
        groups: place.server.groups.clone(),
        depends_on: place.server.depends_on.clone(),
        instances: views,
    }
}

/// Which state speaks for the server when its instances differ: the one that serves callers best.
fn rank(state: ServerState) -> u8 {
    match state {
        ServerState::Ready => 0,
        ServerState::Degraded => 1,
        ServerState::Starting => 2,
        ServerState::Backoff => 3,
        ServerState::Stopping => 4,
        ServerState::Dormant => 5,
        ServerState::Crashed => 6,
        ServerState::Stopped => 7,
        ServerState::Quarantined => 8,
        ServerState::Refused => 9,
    }
}

fn of_instance(instance: &Instance) -> InstanceStatus {
    let view = instance.view.borrow();
    let tree = view.load.map(|load| load.tree);
    let wait = view.wait_until.map(|at| at.saturating_duration_since(Instant::now()).as_secs_f64());
    InstanceStatus {
        state: ServerState::of(view.state),
        since: view.since,
        pid: view.session.as_ref().and_then(Session::pid),
        cpu_percent: view.load.map(|load| (load.cpu_percent * 10.0).round() / 10.0),
        memory_bytes: tree.map(|tree| tree.memory_bytes),
        threads: tree.map(|tree| tree.threads),
        fds: tree.map(|tree| tree.fds),
        processes: tree.map(|tree| tree.processes),
        in_flight: instance.usage.in_flight.load(Ordering::Relaxed),
        calls: instance.usage.calls.load(Ordering::Relaxed),
        retry_in_s: wait.map(|seconds| (seconds * 10.0).round() / 10.0),
    }
}
