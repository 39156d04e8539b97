//! The file of samples. Its calls block; one thread owns it.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rusqlite::{Connection, Row as Found, TransactionBehavior, params};

use crate::database::{Error, Kind, Opened};

use super::samples::{Measured, Range};
use super::seconds::{Batch, Row, SECONDS_MAX, Step, Table};

/// Which servers somebody runs, and when, is his own affair. Little is read, so little is cached.
const FILE: Kind = Kind {
    name: "samples",
    layouts: &[include_str!("migrations/001_samples.sql")],
    pragmas: "PRAGMA cache_size = -128;",
    is_private: true,
};
/// Minutes are kept for that long: what the longest range shows, and the minute that goes on.
const MINUTES_KEPT_S: i64 = 7 * 86_400 + 60;

/// The open file.
pub(super) struct File {
    connection: Connection,
    path: PathBuf,
    ids: HashMap<Arc<str>, i64>,
}

impl File {
    /// Opens or makes it. A damaged one is set aside and a new one begun, and the log is told.
    ///
    /// # Errors
    /// When it cannot be used.
    pub(super) fn open(path: &Path, busy_timeout: Duration) -> Result<Self, Error> {
        FILE.open(path, busy_timeout).map(|opened| Self::of(path, opened))
    }

    /// Opens it again, since it turned out damaged, or begins a new one.
    ///
    /// # Errors
    /// When it cannot be set aside, or the new one not be made.
    pub(super) fn open_after_damage(path: &Path, busy_timeout: Duration) -> Result<Self, Error> {
        FILE.open_after_damage(path, busy_timeout).map(|opened| Self::of(path, opened))
    }

    fn of(path: &Path, Opened { connection, set_aside }: Opened) -> Self {
        if let Some(old) = set_aside {
            tracing::warn!("damaged {old}, and new ones are begun");
        }
        Self { connection, path: path.to_owned(), ids: HashMap::new() }
    }

    /// Writes and prunes in one transaction. What is there already of the same step, of a process before or beside this one, is
    /// added to.
    ///
    /// # Errors
    /// When nothing of it was written.
    pub(super) fn write(&mut self, batch: &Batch, now: i64) -> Result<(), Error> {
        let written = self.try_write(batch, now);
        if written.is_err() {
            // Ids that were given in it are void.
            self.ids.clear();
        }
        written.map_err(|source| FILE.fault(&self.path, "writing", source))
    }

    fn try_write(&mut self, batch: &Batch, now: i64) -> rusqlite::Result<()> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for (table, steps) in [("seconds", &batch.seconds), ("minutes", &batch.minutes)] {
            let mut insert = transaction.prepare_cached(&format!(
                "INSERT INTO {table} (at, server, cpu, memory, calls, errors, in_flight) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
                 ON CONFLICT (at, server) DO UPDATE SET
                     cpu = max(coalesce(cpu, excluded.cpu), coalesce(excluded.cpu, cpu)),
                     memory = max(coalesce(memory, excluded.memory), coalesce(excluded.memory, memory)),
                     calls = calls + excluded.calls, errors = errors + excluded.errors,
                     in_flight = max(in_flight, excluded.in_flight)"
            ))?;
            for step in steps {
                for (name, row) in &step.rows {
                    let id = match self.ids.get(name) {
                        Some(id) => *id,
                        None => {
                            let id = id_of(&transaction, name)?;
                            self.ids.insert(name.clone(), id);
                            id
                        }
                    };
                    let Row { cpu, memory, calls, errors, in_flight } = *row;
                    insert.execute(params![
                        step.at,
                        id,
                        cpu,
                        memory.map(signed),
                        signed(calls),
                        signed(errors),
                        in_flight
                    ])?;
                }
            }
        }
        transaction.execute("DELETE FROM seconds WHERE at <= ?1", [now - SECONDS_MAX])?;
        transaction.execute("DELETE FROM minutes WHERE at <= ?1", [now - MINUTES_KEPT_S])?;
        transaction.commit()
    }

    /// The seconds of the last ten minutes before `before`, oldest first.
    ///
    /// # Errors
    /// When they cannot be read.
    pub(super) fn seconds(&self, now: i64, before: i64) -> Result<Vec<Step>, Error> {
        let read = || -> rusqlite::Result<Vec<Step>> {
            let mut steps: Vec<Step> = Vec::new();
            let mut select = self.connection.prepare_cached(
                "SELECT at, name, cpu, memory, calls, errors, in_flight FROM seconds JOIN servers ON id = server
                 WHERE at > ?1 AND at < ?2 ORDER BY at",
            )?;
            let mut rows = select.query([now - SECONDS_MAX, before])?;
            while let Some(found) = rows.next()? {
                let (at, name, row) = row_of(found)?;
                match steps.last_mut() {
                    Some(last) if last.at == at => last.rows.push((name.into(), row)),
                    _ => steps.push(Step { at, rows: vec![(name.into(), row)] }),
                }
            }
            Ok(steps)
        };
        read().map_err(|source| FILE.fault(&self.path, "reading seconds", source))
    }

    /// Seven days of minutes.
    ///
    /// # Errors
    /// When they cannot be read.
    pub(super) fn minutes(&self, now: i64, server: Option<&str>) -> Result<Measured, Error> {
        let mut table = Table::new(Range::SevenDays, now, server);
        let mut read = || -> rusqlite::Result<()> {
            let mut select = self.connection.prepare_cached(
                "SELECT at, name, cpu, memory, calls, errors, in_flight FROM minutes JOIN servers ON id = server
                 WHERE at >= ?1 AND (?2 IS NULL OR name = ?2 OR name = '*')",
            )?;
            let mut rows = select.query(params![table.from(), server])?;
            while let Some(found) = rows.next()? {
                let (at, name, row) = row_of(found)?;
                table.add_row(at, &name, &row);
            }
            Ok(())
        };
        read().map_err(|source| FILE.fault(&self.path, "reading minutes", source))?;
        Ok(table.measured())
    }
}

fn id_of(connection: &Connection, name: &str) -> rusqlite::Result<i64> {
    connection
        .prepare_cached("INSERT INTO servers (name) VALUES (?1) ON CONFLICT (name) DO NOTHING")?
        .execute([name])?;
    connection.prepare_cached("SELECT id FROM servers WHERE name = ?1")?.query_row([name], |row| row.get(0))
}

fn row_of(found: &Found<'_>) -> rusqlite::Result<(i64, String, Row)> {
    let count = |place: usize| -> rusqlite::Result<u64> { Ok(found.get::<_, i64>(place)?.max(0).unsigned_abs()) };
    let memory: Option<i64> = found.get(3)?;
    let row = Row {
        cpu: found.get(2)?,
        memory: memory.map(|bytes| bytes.max(0).unsigned_abs()),
        calls: count(4)?,
        errors: count(5)?,
        in_flight: u32::try_from(count(6)?).unwrap_or(u32::MAX),
    };
    Ok((found.get(0)?, found.get(1)?, row))
}

fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
