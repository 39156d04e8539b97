//! How the pool can fail a caller.

use std::sync::Arc;
use std::time::Duration;

use crate::domain::ServerName;
use crate::upstream;

/// What is wrong with a server that does not run.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// Its session failed: it did not start, or died.
    #[error(transparent)]
    Session(#[from] upstream::Error),
    /// A server that it needs does not run.
    #[error("server {server} needs server {dependency} (depends_on), which does not run: {why}")]
    Dependency {
        /// Who needs.
        server: ServerName,
        /// Who is needed.
        dependency: ServerName,
        /// What is wrong with that one.
        why: String,
    },
    /// It runs and does not answer.
    #[error("server {server} failed {count} checks in a row (health_check): {last}")]
    Checks {
        /// Who.
        server: ServerName,
        /// How many.
        count: u32,
        /// What the last one said.
        last: String,
    },
    /// It takes too much memory, again and again.
    #[error(
        "server {server} took {bytes} bytes of memory, more than the {max} it may (resources.max_memory), and was stopped"
    )]
    Memory {
        /// Who.
        server: ServerName,
        /// What it took.
        bytes: u64,
        /// What it may take.
        max: u64,
    },
}

impl Fault {
    /// Whether nothing was started: something that the server needs is missing.
    #[must_use]
    pub fn is_before_the_start(&self) -> bool {
        match self {
            Self::Dependency { .. } => true,
            Self::Session(fault) => fault.is_before_the_start(),
            Self::Checks { .. } | Self::Memory { .. } => false,
        }
    }

    /// The same without what the server itself wrote: for news that leave the machine.
    #[must_use]
    pub fn without_stderr(&self) -> String {
        match self {
            Self::Session(upstream::Error::Died { server, how, .. }) => format!("server {server} {how}"),
            Self::Session(upstream::Error::TimedOut { server, after, .. }) => {
                format!("server {server} did not answer within {:.1} s", after.as_secs_f64())
            }
            Self::Session(upstream::Error::Refused { server, method, .. }) => {
                format!("server {server} refused {method}")
            }
            Self::Dependency { server, dependency, .. } => {
                format!("server {server} needs server {dependency}, which does not run")
            }
            Self::Checks { server, count, .. } => format!("server {server} failed {count} checks in a row"),
            Self::Session(_) | Self::Memory { .. } => self.to_string(),
        }
    }
}

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
    /// The operator stopped it.
    #[error(
        "server {server} is stopped: the operator said so, or only he starts it; `mcporch start --server {server}` does"
    )]
    Stopped {
        /// Which one.
        server: ServerName,
    },
    /// Taken out of use.
    #[error("server {server} is in quarantine: {why}; `mcporch start --server {server}` lets it out")]
    Quarantined {
        /// Which one.
        server: ServerName,
        /// Why, in the operator's words.
        why: String,
    },
    /// It does not start; the fault is that of the last attempt.
    #[error("{source}{}", retry(.retry_in, *.has_given_up))]
    Down {
        /// What happened.
        source: Arc<Fault>,
        /// How long no new attempt is made.
        retry_in: Option<Duration>,
        /// It failed so often that it is left alone for long.
        has_given_up: bool,
    },
    /// It answers too few calls, so it is spared for a moment.
    #[error(
        "server {server} is spared for {:.1} s, since its last calls failed (supervision.breaker_failures_max): {last}",
        .retry_in.as_secs_f64()
    )]
    Spared {
        /// Which one.
        server: ServerName,
        /// How long.
        retry_in: Duration,
        /// What the last failure was.
        last: String,
    },
    /// It started, and the request failed.
    #[error(transparent)]
    Request(#[from] upstream::Error),
    /// Too many calls wait for it.
    #[error(
        "server {server} is busy: {in_flight} calls run and {waiting} wait{}; try again when some have ended", bound(*.waited)
    )]
    Busy {
        /// Which one.
        server: ServerName,
        /// Calls that run.
        in_flight: usize,
        /// Calls that wait.
        waiting: usize,
        /// How long this one waited; `None` when there was no room to wait.
        waited: Option<Duration>,
    },
    /// The daemon did not carry it out; the text is its own.
    #[error("{message}")]
    Elsewhere {
        /// What the daemon said.
        message: String,
    },
    /// mcporch is on its way out, or the server was taken out of the registry.
    #[error("server {server} is no longer used: mcporch stops, or the registry changed")]
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
            Self::Refused { .. } | Self::Down { .. } | Self::Busy { .. } | Self::Spared { .. } => true,
            Self::Stopped { .. } | Self::Quarantined { .. } => true,
            Self::Request(fault) => fault.is_server_down(),
            Self::Unknown { .. } | Self::Stopping { .. } | Self::Elsewhere { .. } => false,
        }
    }

    /// Whether the tool may have begun to run.
    #[must_use]
    pub fn may_have_run(&self) -> bool {
        match self {
            Self::Request(fault) => fault.may_have_run(),
            // It does not say.
            Self::Elsewhere { .. } => true,
            Self::Unknown { .. } | Self::Refused { .. } | Self::Down { .. } | Self::Spared { .. } => false,
            Self::Stopped { .. } | Self::Quarantined { .. } | Self::Busy { .. } | Self::Stopping { .. } => false,
        }
    }

    /// Whether the caller itself gave up.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        matches!(self, Self::Request(upstream::Error::Cancelled { .. }))
    }
}

/// Which settings bound it.
fn bound(waited: Option<Duration>) -> String {
    match waited {
        None => " (servers.calls_in_flight_max, supervision.queue_len_max)".to_owned(),
        Some(waited) => format!(
            ", this one for {:.1} s in vain (servers.calls_in_flight_max, supervision.queue_timeout_s)",
            waited.as_secs_f64()
        ),
    }
}

fn retry(retry_in: &Option<Duration>, has_given_up: bool) -> String {
    let Some(after) = retry_in else { return String::new() };
    let seconds = after.as_secs_f64();
    if has_given_up {
        format!("; it failed too often and is left alone for {seconds:.0} s, unless `mcporch restart` is told to try")
    } else {
        format!("; the next attempt is made after {seconds:.1} s")
    }
}
