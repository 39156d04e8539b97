//! Opening: the file is made for its owner alone, brought to the present layout, or set aside when it is damaged.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, Transaction, TransactionBehavior};

use crate::database::{Kind, Opened};
use crate::domain::error_chain;

use super::Error;

/// What is deleted is overwritten: a text that is forgotten must not stay in the file.
const FILE: Kind = Kind {
    name: "history",
    layouts: &[include_str!("migrations/001_routes_feedback_lessons.sql")],
    pragmas: "PRAGMA secure_delete = ON; PRAGMA cache_size = -256;",
    is_private: true,
};
/// The number of the layout that this version makes, and the latest that it reads.
pub const LAYOUT: i64 = FILE.layout();

/// The open file, owned by one thread. Its calls block.
pub(super) struct Store {
    connection: Connection,
    path: PathBuf,
    /// False when it lives in memory, since the file could not be used.
    pub(super) is_kept: bool,
    /// What the user should know: a file that was set aside, or that nothing can be kept. One line each.
    pub(super) warnings: Vec<String>,
}

impl Store {
    /// Opens or makes the file. A damaged one is set aside and a new one begun; one that cannot be used is left alone, and
    /// this process keeps its history in memory.
    ///
    /// # Errors
    /// When another process opens it or writes to it, each for longer than the busy time-out: it can be tried again.
    pub(super) fn open(path: &Path, busy_timeout: Duration) -> Result<Self, Error> {
        let mut warnings = Vec::new();
        let store = |connection, is_kept, warnings| Self { connection, path: path.to_owned(), is_kept, warnings };
        let fault = match FILE.open(path, busy_timeout) {
            Ok(Opened { connection, set_aside }) => {
                warnings.extend(set_aside.map(|old| format!("damaged {old}, and a new one is begun")));
                return Ok(store(connection, true, warnings));
            }
            Err(fault) if fault.is_busy() => return Err(fault.into()),
            Err(fault) => fault,
        };
        warnings.push(format!(
            "the history cannot be used ({}); this run keeps it in memory, and what it is told is forgotten at its end",
            error_chain(&fault)
        ));
        Ok(store(FILE.in_memory()?, false, warnings))
    }

    /// How long writes wait for other processes from now on.
    pub(super) fn wait_for_others(&self, busy_timeout: Duration) -> Result<(), Error> {
        self.connection
            .busy_timeout(busy_timeout)
            .map_err(|source| sqlite(&self.path, "setting the busy time-out", source))
    }

    /// Empties the write-ahead log into the file, where it is overwritten: what was forgotten must not stay in the log. While
    /// another process reads it stays until the last one has closed the file.
    pub(super) fn empty_log(&self) {
        let emptied = self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
        if let Err(source) = emptied {
            let fault = sqlite(&self.path, "emptying its log", source);
            tracing::warn!(error = error_chain(&fault), "what was forgotten may stay in the history's log for a while");
        }
    }

    /// Does it as one transaction.
    pub(super) fn write<T>(
        &mut self,
        doing: &'static str,
        work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, Error> {
        let run = || {
            // Immediate: the lock is waited for at the start, under the busy time-out, instead of failing half-way.
            let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let done = work(&transaction)?;
            transaction.commit()?;
            Ok(done)
        };
        run().map_err(|source| sqlite(&self.path, doing, source))
    }

    /// The same, on the disk before it returns: what was acknowledged must survive a power cut too.
    pub(super) fn write_through<T>(
        &mut self,
        doing: &'static str,
        work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, Error> {
        self.synchronous("FULL")?;
        let done = self.write(doing, work);
        self.synchronous("NORMAL")?;
        done
    }

    /// Reads.
    pub(super) fn read<T>(
        &self,
        doing: &'static str,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, Error> {
        work(&self.connection).map_err(|source| sqlite(&self.path, doing, source))
    }

    fn synchronous(&self, word: &str) -> Result<(), Error> {
        self.connection
            .pragma_update(None, "synchronous", word)
            .map_err(|source| sqlite(&self.path, "setting how writes are kept", source))
    }
}

fn sqlite(path: &Path, doing: &'static str, source: rusqlite::Error) -> Error {
    FILE.fault(path, doing, source).into()
}
