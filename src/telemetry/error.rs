//! What can go wrong before the first line.

use std::io;
use std::path::PathBuf;

/// The log cannot be written where the settings want it.
#[derive(Debug, thiserror::Error)]
#[error("log file {path} cannot be opened; see log.file in the settings", path = .path.display())]
pub struct Error {
    pub(super) path: PathBuf,
    #[source]
    pub(super) source: io::Error,
}
