//! Opening: the file is made for its owner alone, brought to the present layout, or set aside when it is damaged.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, Transaction, TransactionBehavior};

use crate::domain::error_chain;

use super::Error;

/// The layouts, oldest first; a file's `user_version` says how many it has been through.
const MIGRATIONS: &[&str] = &[include_str!("migrations/001_routes_feedback_lessons.sql")];
/// The number of the layout that this version makes, and the latest that it reads.
pub const LAYOUT: i64 = MIGRATIONS.len() as i64;

/// How often a lock that another process holds is looked at: opening takes milliseconds.
const LOOK_AT_LOCK_EVERY: Duration = Duration::from_millis(10);

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
        let fault = match open_alone(path, busy_timeout, &mut warnings) {
            Ok(connection) => return Ok(store(connection, true, warnings)),
            Err(fault) if fault.is_busy() => return Err(fault),
            Err(fault) => fault,
        };
        warnings.push(format!(
            "the history cannot be used ({}); this run keeps it in memory, and what it is told is forgotten at its end",
            error_chain(&fault)
        ));
        let connection = Connection::open_in_memory().map_err(|source| sqlite(path, "opening in memory", source))?;
        Ok(store(prepare(connection, path, Duration::ZERO)?, false, warnings))
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

fn open_file(path: &Path, busy_timeout: Duration) -> Result<Connection, Error> {
    drop(own_file(path).map_err(|source| Error::File { path: path.to_owned(), source })?);
    let connection = Connection::open(path).map_err(|source| sqlite(path, "opening", source))?;
    let connection = prepare(connection, path, busy_timeout)?;
    // A file that cannot be written is no use: better to know it now than when somebody is to be told that it was noted.
    connection
        .execute("INSERT INTO meta (key, value) VALUES ('probe', '1') ON CONFLICT (key) DO NOTHING", [])
        .map_err(|source| sqlite(path, "writing", source))?;
    Ok(connection)
}

/// Makes the file, and keeps others from reading it. SQLite gives its companions the rights of the file itself.
fn own_file(path: &Path) -> std::io::Result<fs::File> {
    let mut options = fs::OpenOptions::new();
    // Read, too: Windows locks no file that is only appended to.
    options.create(true).append(true).read(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let metadata = file.metadata()?;
        if metadata.is_file() && metadata.permissions().mode() & 0o077 != 0 {
            file.set_permissions(fs::Permissions::from_mode(0o600))?;
        }
    }
    Ok(file)
}

fn prepare(mut connection: Connection, path: &Path, busy_timeout: Duration) -> Result<Connection, Error> {
    let fault = |doing| move |source| sqlite(path, doing, source);
    connection.busy_timeout(busy_timeout).map_err(fault("setting the busy time-out"))?;
    // What is deleted is overwritten: a text that is forgotten must not stay in the file.
    connection
        .execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON;
             PRAGMA secure_delete = ON; PRAGMA cache_size = -256;",
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

/// Opens it while no other process opens it, or sets aside what is damaged. A file that is moved while another opens it is the
/// worst of both to that one: the old file with the new one's write-ahead log.
fn open_alone(path: &Path, busy_timeout: Duration, warnings: &mut Vec<String>) -> Result<Connection, Error> {
    let file = |source| Error::File { path: path.to_owned(), source };
    // Ends with the file's closing, so also with this process.
    let _lock = lock(path, busy_timeout)?;
    let fault = match open_file(path, busy_timeout) {
        Err(fault) if fault.is_damage() => fault,
        opened => return opened,
    };
    let kept = set_aside(path).map_err(file)?;
    warnings.push(format!(
        "the history {} was damaged ({}); it is kept as {} and a new one is begun",
        path.display(),
        error_chain(&fault),
        kept.display()
    ));
    open_file(path, busy_timeout)
}

/// The lock of those who open; nothing where the file system has no locks. Its file stays: deleting it would be a race of its own.
fn lock(path: &Path, patience: Duration) -> Result<Option<fs::File>, Error> {
    let file = |source| Error::File { path: path.to_owned(), source };
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(file)?;
    }
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".lock");
    let lock = own_file(&path.with_file_name(name)).map_err(file)?;
    let mut left = patience;
    loop {
        match lock.try_lock() {
            Ok(()) => return Ok(Some(lock)),
            Err(fs::TryLockError::WouldBlock) if !left.is_zero() => {
                std::thread::park_timeout(LOOK_AT_LOCK_EVERY);
                left = left.saturating_sub(LOOK_AT_LOCK_EVERY);
            }
            Err(fs::TryLockError::WouldBlock) => return Err(Error::Held { path: path.to_owned() }),
            Err(fs::TryLockError::Error(fault)) if fault.kind() == std::io::ErrorKind::Unsupported => return Ok(None),
            Err(fs::TryLockError::Error(fault)) => return Err(file(fault)),
        }
    }
}

/// Moves the file and its companions out of the way; gives the file's new name.
fn set_aside(path: &Path) -> std::io::Result<PathBuf> {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let free = (1..1000).map(|number| path.with_file_name(format!("{name}.damaged-{number}"))).find(|to| !to.exists());
    let to = free.ok_or_else(|| std::io::Error::other("999 damaged histories lie there already"))?;
    // The companions first: once the file is gone others may begin a new one, and its companions are theirs.
    for companion in ["-wal", "-shm"] {
        let from = path.with_file_name(format!("{name}{companion}"));
        if from.exists() {
            fs::rename(
                &from,
                to.with_file_name(format!("{}{companion}", to.file_name().unwrap_or_default().to_string_lossy())),
            )?;
        }
    }
    fs::rename(path, &to)?;
    Ok(to)
}

fn sqlite(path: &Path, doing: &'static str, source: rusqlite::Error) -> Error {
    Error::Sqlite { path: path.to_owned(), doing, source }
}
