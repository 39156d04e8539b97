//! How mcporch itself is.

use std::collections::BTreeMap;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::Serialize;

use crate::supervisor::ServerState;

use super::Operations;

/// How mcporch is.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct StatusOutput {
    /// Its version.
    pub version: &'static str,
    /// Its process.
    pub pid: u32,
    /// Seconds since it was started.
    pub uptime_s: u64,
    /// Its servers.
    pub servers: ServerCounts,
    /// Tools that it knows.
    pub tools: usize,
    /// Clients that are connected.
    pub clients: usize,
    /// The calls that its servers were given since it was started.
    pub calls: CallCounts,
    /// Resident memory of its own process, in bytes; absent where that cannot be known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
    /// Where it listens, as `ADDRESS:PORT`.
    pub listens: Vec<String>,
}

/// Servers by what they do.
#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
pub struct ServerCounts {
    /// All.
    pub total: usize,
    /// Those that take calls.
    pub running: usize,
    /// Those with a fault: waiting for a restart, given up, or refused.
    pub failed: usize,
}

/// Calls.
#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
pub struct CallCounts {
    /// All that ended.
    pub total: u64,
    /// Those that failed for a fault of a server.
    pub errors: u64,
    /// Those that run.
    pub in_flight: usize,
    /// In the last second.
    pub per_s: f64,
}

/// What is known of this process outside of the verbs.
#[derive(Debug, Clone, Default)]
pub struct ProcessFacts {
    /// Seconds since it was started.
    pub uptime_s: u64,
    /// Clients that are connected.
    pub clients: usize,
    /// Calls of the last second.
    pub calls_per_s: f64,
    /// Resident memory, in bytes.
    pub memory_bytes: Option<u64>,
    /// Where it listens.
    pub listens: Vec<String>,
}

/// Looks at this process; must not block.
pub type LookAtProcess = Arc<dyn Fn() -> ProcessFacts + Send + Sync>;

/// Says which environment variables each server needs, and whether they are there; must not block.
pub type LookAtEnv = Arc<dyn Fn() -> BTreeMap<String, BTreeMap<String, bool>> + Send + Sync>;

impl Operations {
    /// Sets what [`Self::required_env`] gives. Only the first counts.
    pub fn look_at_env_with(&self, look: LookAtEnv) {
        let _set_before = self.env.set(look);
    }

    /// The environment variables that each server needs, and whether they are there; never their values.
    #[must_use]
    pub fn required_env(&self) -> BTreeMap<String, BTreeMap<String, bool>> {
        self.env.get().map(|look| look()).unwrap_or_default()
    }

    /// Sets what [`Self::status`] knows of the process. Only the first counts.
    pub fn look_at_process_with(&self, look: LookAtProcess) {
        let _set_before = self.process.set(look);
    }

    /// How mcporch is. Starts nothing and waits for nothing.
    #[must_use]
    pub fn status(&self) -> StatusOutput {
        let facts = self.process.get().map(|look| look()).unwrap_or_default();
        let all = self.pool.status();
        let count = |wanted: &[ServerState]| all.iter().filter(|one| wanted.contains(&one.state)).count();
        StatusOutput {
            version: env!("CARGO_PKG_VERSION"),
            pid: std::process::id(),
            uptime_s: facts.uptime_s,
            servers: ServerCounts {
                total: all.len(),
                running: count(&[ServerState::Ready, ServerState::Degraded]),
                failed: count(&[ServerState::Backoff, ServerState::Crashed, ServerState::Refused]),
            },
            tools: self.known_now().snapshot.entries().len(),
            clients: facts.clients,
            calls: CallCounts {
                total: all.iter().map(|one| one.calls).sum(),
                errors: all.iter().map(|one| one.errors).sum(),
                in_flight: all.iter().map(|one| one.in_flight).sum(),
                per_s: facts.calls_per_s,
            },
            memory_bytes: facts.memory_bytes,
            listens: facts.listens,
        }
    }
}
