//! How the file of samples can fail.

use std::path::PathBuf;

/// Why samples could not be kept or read. Nobody waits for it but the log.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    /// SQLite said no.
    #[error("samples {path}: {doing} failed", path = .path.display())]
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
    #[error("samples {path} were made by a newer mcporch (layout {found}, this one knows {known})", path = .path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its layout.
        found: i64,
        /// Ours.
        known: i64,
    },
    /// The file cannot be made, or not be set aside.
    #[error("samples {path} cannot be made", path = .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The system's words.
        #[source]
        source: std::io::Error,
    },
}

impl Error {
    /// Whether the file's content is damaged, so that only a new file helps.
    pub(super) fn is_damage(&self) -> bool {
        use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
        match self {
            Self::Sqlite { source, .. } => {
                matches!(source.sqlite_error_code(), Some(DatabaseCorrupt | NotADatabase))
            }
            Self::Newer { .. } | Self::File { .. } => false,
        }
    }
}
