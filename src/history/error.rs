//! How the history can fail.

use std::path::PathBuf;

/// Why something could not be kept or read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file could not be opened, read or written.
    #[error(transparent)]
    File(#[from] crate::database::Error),
    /// There are more writes waiting than are let wait.
    #[error("the history has too much to write (history.queue_len); nothing was noted, try again")]
    Full,
    /// It did not answer before the deadline.
    #[error("history {path} did not answer in time; another process may hold it, or its disk is stuck; try again", path = .path.display())]
    Late {
        /// The file.
        path: PathBuf,
    },
    /// It was closed, or its thread could not be started or has ended.
    #[error("the history is closed; nothing was noted")]
    Closed,
    /// There is no such route.
    #[error(
        "there is no route {id:?}: ids stand at the end of answers, and old routes are forgotten (history.keep_days, history.routes_max)"
    )]
    UnknownRoute {
        /// As it was asked for.
        id: String,
    },
}

impl Error {
    /// Whether another process holds the file, so that it can be used later.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        match self {
            Self::File(fault) => fault.is_busy(),
            Self::Full | Self::Late { .. } | Self::Closed | Self::UnknownRoute { .. } => false,
        }
    }
}
