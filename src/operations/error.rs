//! The only error a surface sees.

use std::time::Duration;

use crate::domain::error_chain;
use crate::history;
use crate::reconcile;
use crate::results;
use crate::secrets::redactor;
use crate::server_logs;
use crate::supervisor;
use crate::upstream;

/// Why a verb gave no answer. The text is for whoever asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// What was asked cannot be understood.
    #[error("{what}")]
    InvalidInput {
        /// What is wrong, and what to do.
        what: String,
    },
    /// There is no such thing.
    #[error("{what}")]
    NotFound {
        /// What is missing, and what is near.
        what: String,
    },
    /// The server or the tool did not do it.
    #[error(transparent)]
    Server(#[from] supervisor::Error),
    /// The history could not be read or written, or has no such route.
    #[error(transparent)]
    History(#[from] history::Error),
    /// A kept result, or a part of one, cannot be had.
    #[error(transparent)]
    Results(#[from] results::Error),
    /// The write path failed.
    #[error(transparent)]
    Index(#[from] reconcile::Error),
    /// What runs has to be written down first, and cannot be.
    #[error(
        "nothing runs while the audit log cannot be written (audit.required): its disk may be full; mcporch's own log says why"
    )]
    NotRecorded,
    /// The log of a server could not be read.
    #[error(transparent)]
    Log(#[from] server_logs::Error),
    /// A worker thread panicked; the log has the place.
    #[error("{doing} broke off: a fault inside mcporch; please report it with the log")]
    Broken {
        /// What was being done.
        doing: &'static str,
    },
}

/// Whose fault it is and what may be done about it: what surfaces turn into their own codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blame {
    /// The caller's: he must ask otherwise.
    Input,
    /// There is no such thing.
    Missing,
    /// A tool's server did not do it.
    Server,
    /// A tool's server did not answer in time.
    Late,
    /// There is too much to do; later there may be less.
    Busy,
    /// Something that mcporch needs cannot be had now.
    Unavailable,
    /// Ours.
    Inside,
}

impl Error {
    /// Whose fault it is.
    #[must_use]
    pub fn blame(&self) -> Blame {
        match self {
            Self::InvalidInput { .. } => Blame::Input,
            Self::NotFound { .. } | Self::History(history::Error::UnknownRoute { .. }) => Blame::Missing,
            Self::Server(fault) => blame_of_server(fault),
            Self::History(_) | Self::Index(_) | Self::NotRecorded => Blame::Unavailable,
            Self::Results(fault) => match fault {
                results::Error::Unknown { .. } | results::Error::Gone { .. } => Blame::Missing,
                results::Error::File { .. } => Blame::Inside,
                results::Error::TooLarge { .. }
                | results::Error::BehindEnd { .. }
                | results::Error::Pattern { .. }
                | results::Error::Path { .. }
                | results::Error::NoJson
                | results::Error::JsonTooLarge { .. }
                | results::Error::NoSuchBlock { .. }
                | results::Error::BlockTooLarge { .. } => Blame::Input,
            },
            Self::Log(_) | Self::Broken { .. } => Blame::Inside,
        }
    }

    /// How long it is sure to go on like this, where that is known.
    #[must_use]
    pub fn retry_in(&self) -> Option<Duration> {
        match self {
            Self::Server(supervisor::Error::Down { retry_in, .. }) => *retry_in,
            Self::Server(supervisor::Error::Spared { retry_in, .. }) => Some(*retry_in),
            Self::Server(supervisor::Error::Busy { .. }) => Some(Duration::from_secs(1)),
            Self::InvalidInput { .. }
            | Self::NotFound { .. }
            | Self::Server(_)
            | Self::History(_)
            | Self::Results(_)
            | Self::Index(_)
            | Self::Log(_)
            | Self::NotRecorded
            | Self::Broken { .. } => None,
        }
    }

    /// The fault and its causes, in one line, without secrets.
    #[must_use]
    pub fn one_line(&self) -> String {
        redactor().redact(&error_chain(self)).into_owned()
    }
}

fn blame_of_server(fault: &supervisor::Error) -> Blame {
    match fault {
        supervisor::Error::Unknown { .. } => Blame::Missing,
        supervisor::Error::Request(upstream::Error::TimedOut { .. } | upstream::Error::SecretsTooSlow { .. }) => {
            Blame::Late
        }
        supervisor::Error::Busy { .. } => Blame::Busy,
        supervisor::Error::Stopping { .. } => Blame::Unavailable,
        supervisor::Error::Refused { .. }
        | supervisor::Error::Stopped { .. }
        | supervisor::Error::Quarantined { .. }
        | supervisor::Error::Down { .. }
        | supervisor::Error::Spared { .. }
        | supervisor::Error::Request(_)
        | supervisor::Error::Elsewhere { .. } => Blame::Server,
    }
}
