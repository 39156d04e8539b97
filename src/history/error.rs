//! How the history can fail.

use std::path::PathBuf;

/// Why something could not be kept or read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// SQLite said no.
    #[error("history {path}: {doing} failed", path = .path.display())]
    Sqlite {
        /// The file.
        path: PathBuf,
        /// What was being done.
        doing: &'static str,
        /// SQLite's words.
        #[source]
        source: rusqlite::Error,
    },
    /// A later mcporch made it.
    #[error("history {path} was made by a newer mcporch (layout {found}, this one knows {known}); update this mcporch, or set another home with MCPORCH_HOME", path = .path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its layout.
        found: i64,
        /// Ours.
        known: i64,
    },
    /// The file cannot be made, or not be kept from others.
    #[error("history {path} cannot be made", path = .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The system's words.
        #[source]
        source: std::io::Error,
    },
    /// Another process is opening it, and takes long.
    #[error("history {path} is being opened by another process", path = .path.display())]
    Held {
        /// The file.
        path: PathBuf,
    },
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
    /// Whether the file's content is damaged, so that only a new file helps.
    #[must_use]
    pub fn is_damage(&self) -> bool {
        use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
        matches!(self.code(), Some(DatabaseCorrupt | NotADatabase))
    }

    /// Whether another process holds the file, so that it can be used later.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        use rusqlite::ErrorCode::{DatabaseBusy, DatabaseLocked};
        matches!(self, Self::Held { .. }) || matches!(self.code(), Some(DatabaseBusy | DatabaseLocked))
    }

    fn code(&self) -> Option<rusqlite::ErrorCode> {
        match self {
            Self::Sqlite { source, .. } => source.sqlite_error_code(),
            Self::Newer { .. }
            | Self::File { .. }
            | Self::Held { .. }
            | Self::Full
            | Self::Late { .. }
            | Self::Closed
            | Self::UnknownRoute { .. } => None,
        }
    }
}
