//! The only error a surface sees.

use crate::domain::error_chain;
use crate::history;
use crate::reconcile;
use crate::results;
use crate::secrets::redactor;
use crate::supervisor;

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
    /// A worker thread panicked; the log has the place.
    #[error("{doing} broke off: a fault inside mcporch; please report it with the log")]
    Broken {
        /// What was being done.
        doing: &'static str,
    },
}

impl Error {
    /// The fault and its causes, in one line, without secrets.
    #[must_use]
    pub fn one_line(&self) -> String {
        redactor().redact(&error_chain(self)).into_owned()
    }
}
