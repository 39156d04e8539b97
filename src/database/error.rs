//! How a file can fail.

use std::path::PathBuf;

/// Why a file could not be opened, read or written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// SQLite said no.
    #[error("{kind} {path}: {doing} failed", path = .path.display())]
    Sqlite {
        /// What the file holds.
        kind: &'static str,
        /// The file.
        path: PathBuf,
        /// What was being done.
        doing: &'static str,
        /// SQLite's words.
        #[source]
        source: rusqlite::Error,
    },
    /// A later mcporch made it.
    #[error("{kind} {path}: made by a newer mcporch (layout {found}, this one knows {known}); update this mcporch, or set another home with MCPORCH_HOME", path = .path.display())]
    Newer {
        /// What the file holds.
        kind: &'static str,
        /// The file.
        path: PathBuf,
        /// Its layout.
        found: i64,
        /// Ours.
        known: i64,
    },
    /// The file, its folder or its lock cannot be made, or not be kept from others.
    #[error("{kind} {path}: cannot be made", path = .path.display())]
    File {
        /// What the file holds.
        kind: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's words.
        #[source]
        source: std::io::Error,
    },
    /// It is damaged, and stays where it is.
    #[error("{kind} {path}: damaged, and cannot be set aside", path = .path.display())]
    Stuck {
        /// What the file holds.
        kind: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's words.
        #[source]
        source: std::io::Error,
    },
    /// Another process is opening it, and takes long.
    #[error("{kind} {path}: another process is opening it", path = .path.display())]
    Held {
        /// What the file holds.
        kind: &'static str,
        /// The file.
        path: PathBuf,
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
            Self::Newer { .. } | Self::File { .. } | Self::Stuck { .. } | Self::Held { .. } => None,
        }
    }
}
