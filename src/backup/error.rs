//! What can go wrong with a backup.

use std::io;
use std::path::PathBuf;

/// A backup was not made, or not restored. Nothing was replaced unless it says so.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It would overwrite something.
    #[error("{path} is there already; choose another name, or say --force", path = .path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// Nothing to keep.
    #[error("there is nothing to keep in {home}", home = .home.display())]
    Empty {
        /// The home.
        home: PathBuf,
    },
    /// A file or a folder does not do what it should.
    #[error("{doing} {path} failed", path = .path.display())]
    File {
        /// What was tried.
        doing: &'static str,
        /// Where.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A database of the home cannot be copied.
    #[error("the database {path} cannot be copied; `mcporch doctor` may say more", path = .path.display())]
    Copy {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: rusqlite::Error,
    },
    /// It is not one of ours.
    #[error("{path} is no backup of mcporch", path = .path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// Something in it is not as it was written.
    #[error("the backup is damaged, and nothing was changed: {what}")]
    Damaged {
        /// What exactly.
        what: String,
    },
    /// It has a name in it that leads elsewhere.
    #[error("the backup was tampered with, and nothing was changed: {name:?} is no name inside of a home")]
    BadName {
        /// The name.
        name: String,
    },
    /// It comes from a later mcporch.
    #[error("the backup was made by a newer mcporch ({version}): {what}; install that version or a later one")]
    Newer {
        /// Which made it.
        version: String,
        /// What this one does not know.
        what: String,
    },
    /// Somebody works with the home.
    #[error("the home is in use ({by}); end it first, or say --force")]
    InUse {
        /// By whom.
        by: String,
    },
    /// Something in the home is a link to elsewhere.
    #[error("{path} is a link; a backup is not restored through links", path = .path.display())]
    Link {
        /// Which.
        path: PathBuf,
    },
}

/// For `map_err`.
pub(super) fn file<'a>(doing: &'static str, path: &'a std::path::Path) -> impl FnOnce(io::Error) -> Error + 'a {
    move |source| Error::File { doing, path: path.to_owned(), source }
}
