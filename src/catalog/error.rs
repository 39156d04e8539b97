//! How the catalog can fail.

use std::path::PathBuf;

/// Why something could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// SQLite said no.
    #[error("catalog {path}: {doing} failed", path = .path.display())]
    Sqlite {
        /// The file.
        path: PathBuf,
        /// What was being done.
        doing: &'static str,
        /// SQLite's words.
        #[source]
        source: rusqlite::Error,
    },
    /// Another mcporch of a later version made it.
    #[error("catalog {path} was made by a newer mcporch (layout {found}, this one knows {known}); update this mcporch, or set another home with MCPORCH_HOME", path = .path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its layout.
        found: i64,
        /// Ours.
        known: i64,
    },
    /// The folder cannot be made.
    #[error("folder {path} for the catalog cannot be made", path = .path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// The system's words.
        #[source]
        source: std::io::Error,
    },
}

impl Error {
    /// Whether the file's content is damaged, so that only a new file helps.
    #[must_use]
    pub fn is_damage(&self) -> bool {
        match self {
            Self::Sqlite { source, .. } => {
                use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
                matches!(source.sqlite_error_code(), Some(DatabaseCorrupt | NotADatabase))
            }
            Self::Newer { .. } | Self::Folder { .. } => false,
        }
    }

    /// Whether another process holds the file, so that it may go well in a moment.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        match self {
            Self::Sqlite { source, .. } => {
                use rusqlite::ErrorCode::{DatabaseBusy, DatabaseLocked};
                matches!(source.sqlite_error_code(), Some(DatabaseBusy | DatabaseLocked))
            }
            Self::Newer { .. } | Self::Folder { .. } => false,
        }
    }
}
