//! Opening: the file is made, brought to the present layout, or set aside when it is damaged.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use rusqlite::{Connection, TransactionBehavior};

use super::{Catalog, Error};
use crate::domain::error_chain;

/// The layouts, oldest first; a file's `user_version` says how many it has been through.
const MIGRATIONS: &[&str] = &[include_str!("migrations/001_servers_tools_vectors.sql")];
/// The number of the layout that this version makes, and the latest that it reads.
pub const LAYOUT: i64 = MIGRATIONS.len() as i64;

/// A catalog, and what had to be done to get it.
#[derive(Debug)]
pub struct Opened {
    /// Ready to use.
    pub catalog: Catalog,
    /// What the user should know: a file that was set aside, or that nothing can be kept. One line each.
    pub warnings: Vec<String>,
}

impl Catalog {
    /// Opens or makes the file. A damaged one is set aside and a new one begun; where nothing can be written the
    /// catalog lives in memory, and a warning says so.
    ///
    /// # Errors
    /// [`Error::Newer`] alone: everything else has a way out.
    pub fn open(path: &Path, busy_timeout: Duration) -> Result<Opened, Error> {
        let mut warnings = Vec::new();
        let fault = match open_patiently(path, busy_timeout) {
            Ok(catalog) => return Ok(Opened { catalog, warnings }),
            Err(fault @ Error::Newer { .. }) => return Err(fault),
            Err(fault) => fault,
        };
        if fault.is_damage() {
            match set_aside(path) {
                Ok(kept) => {
                    warnings.push(format!(
                        "the catalog {} was damaged ({}); it is kept as {} and a new one is built from the servers",
                        path.display(),
                        error_chain(&fault),
                        kept.display()
                    ));
                    if let Ok(catalog) = open_file(path, busy_timeout) {
                        return Ok(Opened { catalog, warnings });
                    }
                }
                Err(source) => {
                    warnings.push(format!("the damaged catalog {} cannot be set aside: {source}", path.display()))
                }
            }
        }
        warnings.push(format!(
            "the catalog {} cannot be used ({}); this run keeps it in memory, the next one starts from nothing",
            path.display(),
            error_chain(&fault)
        ));
        Ok(Opened { catalog: Self::in_memory()?, warnings })
    }

    /// A catalog that ends with the process.
    ///
    /// # Errors
    /// When SQLite itself cannot work.
    pub fn in_memory() -> Result<Self, Error> {
        let path = Path::new(":memory:");
        let connection = Connection::open_in_memory().map_err(|source| sqlite(path, "opening", source))?;
        prepare(connection, path, Duration::ZERO)
            .map(|connection| Self { connection: Mutex::new(connection), path: None })
    }
}

/// Opens again while another process is making the file: SQLite does not wait by itself for the switch of a new file to its
/// write-ahead log, so several that start at once on an empty home would be told that it is locked.
fn open_patiently(path: &Path, busy_timeout: Duration) -> Result<Catalog, Error> {
    const PAUSE: Duration = Duration::from_millis(20);
    let mut waited = Duration::ZERO;
    loop {
        match open_file(path, busy_timeout) {
            Err(fault) if fault.is_busy() && waited < busy_timeout => {
                #[expect(clippy::disallowed_methods, reason = "opening blocks, and nothing else runs yet")]
                std::thread::sleep(PAUSE);
                waited += PAUSE;
            }
            other => return other,
        }
    }
}

fn open_file(path: &Path, busy_timeout: Duration) -> Result<Catalog, Error> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(|source| Error::Folder { path: folder.to_owned(), source })?;
    }
    let connection = Connection::open(path).map_err(|source| sqlite(path, "opening", source))?;
    let connection = prepare(connection, path, busy_timeout)?;
    // A file that cannot be written is no use: better to know it now than when a list has been fetched.
    connection
        .execute("INSERT INTO meta (key, value) VALUES ('probe', '1') ON CONFLICT (key) DO NOTHING", [])
        .map_err(|source| sqlite(path, "writing", source))?;
    Ok(Catalog { connection: Mutex::new(connection), path: Some(path.to_owned()) })
}

fn prepare(mut connection: Connection, path: &Path, busy_timeout: Duration) -> Result<Connection, Error> {
    let fault = |doing| move |source| sqlite(path, doing, source);
    connection.busy_timeout(busy_timeout).map_err(fault("setting the busy time-out"))?;
    // WAL lets several processes read while one writes; NORMAL may lose the last commits on a power cut, never the file,
    // and all of it can be fetched again. The file is read once, in order: half a megabyte of cache does as well as the
    // usual two.
    connection
        .execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON;
             PRAGMA cache_size = -512;",
        )
        .map_err(fault("opening"))?;
    let known = i64::try_from(MIGRATIONS.len()).expect("a handful of migrations");
    let layout = |connection: &Connection| connection.query_row("PRAGMA user_version", [], |row| row.get::<_, i64>(0));
    let found = layout(&connection).map_err(fault("reading its layout"))?;
    if found > known {
        return Err(Error::Newer { path: path.to_owned(), found, known });
    }
    if found < known {
        let transaction = connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(fault("bringing it to the present layout"))?;
        // Another process may have done it while we waited for the lock.
        let found = layout(&transaction).map_err(fault("reading its layout"))?;
        for migration in MIGRATIONS.iter().skip(usize::try_from(found).unwrap_or(0)) {
            transaction.execute_batch(migration).map_err(fault("bringing it to the present layout"))?;
        }
        transaction.pragma_update(None, "user_version", known).map_err(fault("noting its layout"))?;
        transaction.commit().map_err(fault("bringing it to the present layout"))?;
    }
    Ok(connection)
}

/// Moves the file and its companions out of the way; gives the file's new name.
fn set_aside(path: &Path) -> std::io::Result<PathBuf> {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let free = (1..1000).map(|number| path.with_file_name(format!("{name}.damaged-{number}"))).find(|to| !to.exists());
    let to = free.ok_or_else(|| std::io::Error::other("999 damaged catalogs lie there already"))?;
    fs::rename(path, &to)?;
    for companion in ["-wal", "-shm"] {
        let from = path.with_file_name(format!("{name}{companion}"));
        if from.exists() {
            fs::rename(
                &from,
                to.with_file_name(format!("{}{companion}", to.file_name().unwrap_or_default().to_string_lossy())),
            )?;
        }
    }
    Ok(to)
}

pub(super) fn sqlite(path: &Path, doing: &'static str, source: rusqlite::Error) -> Error {
    Error::Sqlite { path: path.to_owned(), doing, source }
}
