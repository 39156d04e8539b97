//! What can go wrong when logs of servers are read. Writing has no errors: what cannot be written is counted.

use std::path::PathBuf;

/// A log cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file is there and cannot be read.
    #[error("log file {path} cannot be read; look at its owner and its permissions", path = .path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}
