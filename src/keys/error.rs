//! Why keys cannot be had or changed.

use std::path::PathBuf;

/// Why keys cannot be had or changed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file, or its lock, cannot be used.
    #[error("API keys: {doing} {} failed", file.display())]
    File {
        /// What was tried.
        doing: &'static str,
        /// The file.
        file: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Others can read or change it.
    #[error("API keys: {} can be read by others; run `chmod 600` on it", .0.display())]
    Mode(PathBuf),
    /// It is none of ours.
    #[error("API keys: {} cannot be understood ({what}); restore it from a backup, or move it away and make new keys", file.display())]
    Damaged {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// There is one of that name.
    #[error("there is a key named {0:?} already; choose another name, or run `mcporch keys revoke` on it first")]
    NameTaken(String),
    /// The name cannot be shown in a list.
    #[error(
        "{0:?} is no name of a key; take 1 to 64 letters, digits, spaces or any of . _ - @ +, and no space at either end"
    )]
    BadName(String),
    /// There are too many.
    #[error("there are {0} keys, which is the most; revoke some with `mcporch keys revoke`")]
    TooMany(usize),
    /// There is no such key.
    #[error("there is no key {0:?}; `mcporch keys list` shows them")]
    Unknown(String),
    /// The system gave no chance.
    #[error("the system gives no random bytes for a key")]
    Chance(#[source] getrandom::Error),
}
