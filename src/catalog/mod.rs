//! SQLite: which servers there are, their tools as they announced them, and a vector for each text. The one durable copy
//! of what is known; all of it can be had again from the servers and the model. Several processes may use one file. It
//! must never hold secrets, and never run on the async runtime: every function here blocks.

mod open;
mod servers;
#[cfg(test)]
mod tests;
mod vectors;

pub use crate::database::Error;
pub use open::{LAYOUT, Opened};
pub use servers::{KnownServer, ServerKey, ServerRecord};
pub use vectors::TextHash;

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rusqlite::Connection;

/// An open catalog. Its calls block, briefly; one at a time.
#[derive(Debug)]
pub struct Catalog {
    connection: Mutex<Connection>,
    /// `None` when it lives in memory only.
    path: Option<PathBuf>,
}

impl Catalog {
    /// The file, or `None` when the catalog lives in memory because the file could not be used.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    fn lock(&self) -> MutexGuard<'_, Connection> {
        // Transactions roll back when a panic unwinds through them, so the connection is never left half-way.
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
