//! Servers and their tools.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};

use super::open::sqlite;
use super::{Catalog, Error};

/// Which configured server: its name, and a fingerprint of what is started for it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServerKey {
    /// Name in the registry.
    pub name: String,
    /// Hash over command, arguments, environment and folder.
    pub fingerprint: String,
}

/// What a server said of itself when its tools were last listed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServerRecord {
    /// `legacy`, `modern`, or nothing known.
    pub era: Option<String>,
    /// Protocol revision in use.
    pub protocol_version: String,
    /// The server's name for itself.
    pub own_name: String,
    /// Its version.
    pub own_version: String,
    /// How to use it, for models.
    pub instructions: String,
}

/// A server as the catalog knows it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KnownServer {
    /// What it said of itself.
    pub record: ServerRecord,
    /// Unix seconds of the last complete list.
    pub listed_at: Option<i64>,
    /// Why the last start or list failed; empty when it went well.
    pub fault: String,
    /// Its tools, raw, in its order.
    pub tools: Vec<String>,
}

impl Catalog {
    /// The generation and all of the asked servers that are known, read in one go. Marks them as seen at `now` (Unix
    /// seconds) at most once a day.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn load(&self, servers: &[ServerKey], now: i64) -> Result<(u64, BTreeMap<ServerKey, KnownServer>), Error> {
        let mut connection = self.lock();
        let work = |connection: &mut Connection| {
            let transaction = connection.transaction()?;
            let mut known = BTreeMap::new();
            for key in servers {
                if let Some(server) = read_server(&transaction, key)? {
                    known.insert(key.clone(), server);
                }
            }
            let generation = read_generation(&transaction)?;
            transaction.commit()?;
            Ok((generation, known))
        };
        let loaded = work(&mut connection).map_err(|source| self.fault("reading the servers", source))?;
        drop(connection);
        self.mark_seen(servers, now)?;
        Ok(loaded)
    }

    /// Which era each of these servers spoke last time, as far as it is known.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn eras(&self, servers: &[ServerKey]) -> Result<BTreeMap<ServerKey, Option<String>>, Error> {
        let connection = self.lock();
        let work = || {
            let mut find = connection.prepare("SELECT era FROM servers WHERE name = ?1 AND fingerprint = ?2")?;
            let mut eras = BTreeMap::new();
            for key in servers {
                let era = find.query_row(params![key.name, key.fingerprint], |row| row.get(0)).optional()?;
                if let Some(era) = era {
                    eras.insert(key.clone(), era);
                }
            }
            Ok(eras)
        };
        work().map_err(|source| self.fault("reading the servers' eras", source))
    }

    /// Replaces what is known of a server after a complete list, and counts a new generation when its tools or its words
    /// differ from what was there. Gives the generation.
    ///
    /// # Errors
    /// When it cannot be written; then all is as before.
    pub fn put_listing(&self, key: &ServerKey, record: &ServerRecord, tools: &[&str], now: i64) -> Result<u64, Error> {
        self.write("writing a tool list", |transaction| {
            let before = read_server(transaction, key)?;
            let id = server_id(transaction, key, now)?;
            transaction.execute(
                "UPDATE servers SET era = ?2, protocol_version = ?3, own_name = ?4, own_version = ?5, instructions = ?6,
                 listed_at = ?7, failed_at = NULL, fault = '' WHERE id = ?1",
                params![
                    id,
                    record.era,
                    record.protocol_version,
                    record.own_name,
                    record.own_version,
                    record.instructions,
                    now
                ],
            )?;
            let is_same = before.is_some_and(|before| {
                before.listed_at.is_some()
                    && before.record.instructions == record.instructions
                    && before.tools.iter().map(String::as_str).eq(tools.iter().copied())
            });
            if !is_same {
                transaction.execute("DELETE FROM tools WHERE server_id = ?1", [id])?;
                let mut insert =
                    transaction.prepare("INSERT INTO tools (server_id, position, raw) VALUES (?1, ?2, ?3)")?;
                for (position, raw) in tools.iter().enumerate() {
                    insert.execute(params![id, i64::try_from(position).unwrap_or(i64::MAX), raw])?;
                }
                transaction
                    .execute("UPDATE meta SET value = CAST(value AS INTEGER) + 1 WHERE key = 'generation'", [])?;
            }
            read_generation(transaction)
        })
    }

    /// Notes why a server could not be started or listed. Its tools stay.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn put_fault(&self, key: &ServerKey, fault: &str, now: i64) -> Result<(), Error> {
        self.write("noting a server's fault", |transaction| {
            let id = server_id(transaction, key, now)?;
            transaction
                .execute("UPDATE servers SET fault = ?2, failed_at = ?3 WHERE id = ?1", params![id, fault, now])?;
            Ok(())
        })
    }

    /// The number of the newest state, for noticing what other processes wrote.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn generation(&self) -> Result<u64, Error> {
        let connection = self.lock();
        read_generation(&connection).map_err(|source| self.fault("reading the generation", source))
    }

    /// Forgets servers that no registry has named, and vectors that no tool has needed, since `before` (Unix seconds).
    /// Gives how many servers.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn forget_unseen(&self, before: i64) -> Result<usize, Error> {
        self.write("forgetting what is old", |transaction| {
            transaction.execute("DELETE FROM vectors WHERE seen_at < ?1", [before])?;
            transaction.execute("DELETE FROM servers WHERE seen_at < ?1", [before])
        })
    }

    fn mark_seen(&self, servers: &[ServerKey], now: i64) -> Result<(), Error> {
        const DAY_S: i64 = 86_400;
        let connection = self.lock();
        let work = || {
            for key in servers {
                connection.execute(
                    "UPDATE servers SET seen_at = ?3 WHERE name = ?1 AND fingerprint = ?2 AND seen_at < ?3 - ?4",
                    params![key.name, key.fingerprint, now, DAY_S],
                )?;
            }
            Ok(())
        };
        work().map_err(|source| self.fault("marking servers as seen", source))
    }

    pub(super) fn write<T>(
        &self,
        doing: &'static str,
        work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, Error> {
        let mut connection = self.lock();
        let run = || {
            // Immediate: the lock is waited for at the start, under the busy time-out, instead of failing half-way.
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let done = work(&transaction)?;
            transaction.commit()?;
            Ok(done)
        };
        run().map_err(|source| self.fault(doing, source))
    }

    pub(super) fn fault(&self, doing: &'static str, source: rusqlite::Error) -> Error {
        sqlite(self.path().unwrap_or_else(|| std::path::Path::new(":memory:")), doing, source)
    }
}

fn server_id(transaction: &Transaction<'_>, key: &ServerKey, now: i64) -> rusqlite::Result<i64> {
    transaction.query_row(
        "INSERT INTO servers (name, fingerprint, seen_at) VALUES (?1, ?2, ?3)
         ON CONFLICT (name, fingerprint) DO UPDATE SET seen_at = MAX(seen_at, ?3) RETURNING id",
        params![key.name, key.fingerprint, now],
        |row| row.get(0),
    )
}

fn read_server(connection: &Connection, key: &ServerKey) -> rusqlite::Result<Option<KnownServer>> {
    let mut find = connection.prepare_cached(
        "SELECT id, era, protocol_version, own_name, own_version, instructions, listed_at, fault
         FROM servers WHERE name = ?1 AND fingerprint = ?2",
    )?;
    let found = find
        .query_row(params![key.name, key.fingerprint], |row| {
            let record = ServerRecord {
                era: row.get(1)?,
                protocol_version: row.get(2)?,
                own_name: row.get(3)?,
                own_version: row.get(4)?,
                instructions: row.get(5)?,
            };
            let server = KnownServer { record, listed_at: row.get(6)?, fault: row.get(7)?, tools: Vec::new() };
            Ok((row.get::<_, i64>(0)?, server))
        })
        .optional()?;
    let Some((id, mut server)) = found else { return Ok(None) };
    let mut list = connection.prepare_cached("SELECT raw FROM tools WHERE server_id = ?1 ORDER BY position")?;
    server.tools = list.query_map([id], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    Ok(Some(server))
}

fn read_generation(connection: &Connection) -> rusqlite::Result<u64> {
    let text: String = connection.query_row("SELECT value FROM meta WHERE key = 'generation'", [], |row| row.get(0))?;
    Ok(text.parse().unwrap_or(0))
}
