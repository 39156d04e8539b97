//! Why the audit log cannot be written or read.

use std::path::{Path, PathBuf};

/// Why the audit log cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file of it, or its folder, cannot be used.
    #[error("audit log: {doing} {} failed", file.display())]
    File {
        /// What was tried.
        doing: &'static str,
        /// The file or folder.
        file: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The thread that writes it could not be started.
    #[error("the thread that writes the audit log could not be started")]
    Thread(#[source] std::io::Error),
}

/// Names what failed, and where.
pub(super) fn file(doing: &'static str, file: &Path) -> impl FnOnce(std::io::Error) -> Error + use<> {
    let file = file.to_owned();
    move |source| Error::File { doing, file, source }
}
