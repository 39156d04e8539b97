//! How the write path can fail.

use std::sync::Arc;

/// Why a stage could not be filled.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// The catalog could not be read or written.
    #[error(transparent)]
    Catalog(#[from] Arc<crate::catalog::Error>),
    /// The model could not be loaded, or did not embed.
    #[error(transparent)]
    Embedder(#[from] Arc<crate::embedder::Error>),
    /// The index could not be built.
    #[error(transparent)]
    Index(#[from] Arc<crate::index::Error>),
    /// A worker thread panicked; the log has the place.
    #[error("{doing} broke off: a fault inside mcporch; please report it with the log")]
    Broken {
        /// What was being done.
        doing: &'static str,
    },
}

impl From<crate::catalog::Error> for Error {
    fn from(fault: crate::catalog::Error) -> Self {
        Self::Catalog(Arc::new(fault))
    }
}

impl From<crate::embedder::Error> for Error {
    fn from(fault: crate::embedder::Error) -> Self {
        Self::Embedder(Arc::new(fault))
    }
}

impl From<crate::index::Error> for Error {
    fn from(fault: crate::index::Error) -> Self {
        Self::Index(Arc::new(fault))
    }
}
