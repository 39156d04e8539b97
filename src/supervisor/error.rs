//! How the pool can fail a caller.

use std::sync::Arc;
use std::time::Duration;

use crate::domain::ServerName;
use crate::upstream;

/// Why a call did not come about.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No server of that name.
    #[error("there is no server {server:?} in the registry")]
    Unknown {
        /// The name that was asked for.
        server: String,
    },
    /// Its configuration keeps it from starting.
    #[error("server {server} is not started: {why}")]
    Refused {
        /// Whose configuration.
        server: ServerName,
        /// Where and what, in one line.
        why: String,
    },
    /// It does not start; the fault is that of the last attempt.
    #[error("{source}{}", retry(.retry_in))]
    Down {
        /// What happened.
        source: Arc<upstream::Error>,
        /// How long no new attempt is made.
        retry_in: Option<Duration>,
    },
    /// It started, and the request failed.
    #[error(transparent)]
    Request(#[from] upstream::Error),
    /// Too many calls wait for it.
    #[error(
        "server {server} is busy: {in_flight} calls are in flight and none ended in time (servers.calls_in_flight_max)"
    )]
    Busy {
        /// Which one.
        server: ServerName,
        /// Calls that run.
        in_flight: usize,
    },
    /// mcporch is on its way out.
    #[error("mcporch is stopping; server {server} is no longer used")]
    Stopping {
        /// Which one was asked for.
        server: ServerName,
    },
}

impl Error {
    /// Whether another server may do better.
    #[must_use]
    pub fn is_server_down(&self) -> bool {
        match self {
            Self::Refused { .. } | Self::Down { .. } | Self::Busy { .. } => true,
            Self::Request(fault) => fault.is_server_down(),
            Self::Unknown { .. } | Self::Stopping { .. } => false,
        }
    }

    /// Whether the tool may have begun to run.
    #[must_use]
    pub fn may_have_run(&self) -> bool {
        match self {
            Self::Request(fault) => fault.may_have_run(),
            Self::Unknown { .. } | Self::Refused { .. } | Self::Down { .. } => false,
            Self::Busy { .. } | Self::Stopping { .. } => false,
        }
    }

    /// Whether the caller itself gave up.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        matches!(self, Self::Request(upstream::Error::Cancelled { .. }))
    }
}

fn retry(retry_in: &Option<Duration>) -> String {
    retry_in.map_or_else(String::new, |after| format!("; the next attempt is made after {:.1} s", after.as_secs_f64()))
}
