//! Opening, and setting aside.

use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fmt, fs};

use rusqlite::{Connection, TransactionBehavior};

use crate::domain::error_chain;

use super::Error;

/// How often a lock that another process holds is looked at: opening takes milliseconds.
const LOOK_AT_LOCK_EVERY: Duration = Duration::from_millis(10);

/// A kind of file.
#[derive(Debug)]
pub struct Kind {
    /// What faults call it, as in "history".
    pub name: &'static str,
    /// The layouts, oldest first; a file's `user_version` says how many it has been through.
    pub layouts: &'static [&'static str],
    /// Settings of its connections. All have a write-ahead log, so that several processes may read while one writes, and
    /// `synchronous = NORMAL`, which may lose the last commits on a power cut, never the file.
    pub pragmas: &'static str,
    /// Whether others of this machine are kept from reading it.
    pub is_private: bool,
}

/// An open file, and what had to be done to get it.
#[derive(Debug)]
pub struct Opened {
    /// Of the present layout.
    pub connection: Connection,
    /// The damaged file that lay there.
    pub set_aside: Option<SetAside>,
}

/// A damaged file that was moved out of the way.
#[derive(Debug)]
pub struct SetAside {
    /// Where it is now.
    pub path: PathBuf,
    /// Why.
    pub fault: Error,
}

impl fmt::Display for SetAside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; it is kept as {}", error_chain(&self.fault), self.path.display())
    }
}

impl Kind {
    /// The number of the layout that this version makes, and the latest that it reads.
    #[must_use]
    #[expect(clippy::cast_possible_wrap, reason = "a handful, and `try_from` is not const")]
    pub const fn layout(&self) -> i64 {
        self.layouts.len() as i64
    }

    /// Opens or makes the file while no other process opens it. A damaged one is set aside and a new one begun.
    ///
    /// # Errors
    /// [`Error::is_busy`] after another process held it for `busy_timeout`; it can be tried again. All others stay.
    pub fn open(&self, path: &Path, busy_timeout: Duration) -> Result<Opened, Error> {
        // A file that is moved while another process opens it is the worst of both to that one: the old file with the new one's
        // write-ahead log. The lock ends with its file's closing, so also with this process.
        let _lock = self.lock(path, busy_timeout)?;
        match self.open_file(path, busy_timeout) {
            Ok(connection) => Ok(Opened { connection, set_aside: None }),
            Err(fault) if fault.is_damage() => self.begin_anew(path, busy_timeout, fault),
            Err(fault) => Err(fault),
        }
    }

    /// Opens it again after it turned out damaged while it was used; its connection must be closed. It is read whole, and set aside
    /// if it is damaged still: another process may have begun a new one meanwhile.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_after_damage(&self, path: &Path, busy_timeout: Duration) -> Result<Opened, Error> {
        let _lock = self.lock(path, busy_timeout)?;
        let whole = self.open_file(path, busy_timeout).and_then(|connection| {
            self.check(&connection, path)?;
            Ok(connection)
        });
        match whole {
            Ok(connection) => Ok(Opened { connection, set_aside: None }),
            Err(fault) if fault.is_damage() => self.begin_anew(path, busy_timeout, fault),
            Err(fault) => Err(fault),
        }
    }

    /// One that ends with its connection.
    ///
    /// # Errors
    /// When SQLite itself cannot work.
    pub fn in_memory(&self) -> Result<Connection, Error> {
        let path = Path::new(":memory:");
        let connection = Connection::open_in_memory().map_err(|source| self.fault(path, "opening", source))?;
        self.prepare(connection, path, Duration::ZERO)
    }

    /// SQLite's words, with what was being done to which file.
    #[must_use]
    pub fn fault(&self, path: &Path, doing: &'static str, source: rusqlite::Error) -> Error {
        Error::Sqlite { kind: self.name, path: path.to_owned(), doing, source }
    }

    fn file_fault(&self, path: &Path) -> impl Fn(std::io::Error) -> Error {
        let (kind, path) = (self.name, path.to_owned());
        move |source| Error::File { kind, path: path.clone(), source }
    }

    fn open_file(&self, path: &Path, busy_timeout: Duration) -> Result<Connection, Error> {
        drop(self.make(path).map_err(self.file_fault(path))?);
        let connection = Connection::open(path).map_err(|source| self.fault(path, "opening", source))?;
        self.prepare(connection, path, busy_timeout)
    }

    fn begin_anew(&self, path: &Path, busy_timeout: Duration, fault: Error) -> Result<Opened, Error> {
        let moved =
            set_aside(path).map_err(|source| Error::Stuck { kind: self.name, path: path.to_owned(), source })?;
        let connection = self.open_file(path, busy_timeout)?;
        Ok(Opened { connection, set_aside: Some(SetAside { path: moved, fault }) })
    }

    fn prepare(&self, mut connection: Connection, path: &Path, busy_timeout: Duration) -> Result<Connection, Error> {
        let fault = |doing| move |source| self.fault(path, doing, source);
        connection.busy_timeout(busy_timeout).map_err(fault("setting the busy time-out"))?;
        connection
            .execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;")
            .and_then(|()| connection.execute_batch(self.pragmas))
            .map_err(fault("opening"))?;
        // Immediate: a file that cannot be written is no use, and better known now than when somebody is to be told that something
        // was noted in it.
        let transaction = connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(fault("beginning to write"))?;
        let (found, known): (i64, i64) = (
            transaction.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(fault("reading its layout"))?,
            self.layout(),
        );
        if found > known {
            return Err(Error::Newer { kind: self.name, path: path.to_owned(), found, known });
        }
        if found < known {
            for layout in self.layouts.iter().skip(usize::try_from(found).unwrap_or(0)) {
                transaction.execute_batch(layout).map_err(fault("bringing it to the present layout"))?;
            }
            transaction.pragma_update(None, "user_version", known).map_err(fault("noting its layout"))?;
        }
        transaction.commit().map_err(fault("bringing it to the present layout"))?;
        Ok(connection)
    }

    fn check(&self, connection: &Connection, path: &Path) -> Result<(), Error> {
        let fault = |source| self.fault(path, "reading all of it", source);
        let said: String = connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0)).map_err(fault)?;
        if said == "ok" {
            return Ok(());
        }
        let corrupt = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT);
        Err(fault(rusqlite::Error::SqliteFailure(corrupt, Some(said))))
    }

    /// The lock of those who open; nothing where the file system has no locks. Its file stays: deleting it would be a race of its own.
    fn lock(&self, path: &Path, patience: Duration) -> Result<Option<fs::File>, Error> {
        let fault = self.file_fault(path);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(&fault)?;
        }
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(".lock");
        let lock = self.make(&path.with_file_name(name)).map_err(&fault)?;
        let mut left = patience;
        loop {
            match lock.try_lock() {
                Ok(()) => return Ok(Some(lock)),
                Err(fs::TryLockError::WouldBlock) if !left.is_zero() => {
                    std::thread::park_timeout(LOOK_AT_LOCK_EVERY);
                    left = left.saturating_sub(LOOK_AT_LOCK_EVERY);
                }
                Err(fs::TryLockError::WouldBlock) => {
                    return Err(Error::Held { kind: self.name, path: path.to_owned() });
                }
                Err(fs::TryLockError::Error(source)) if source.kind() == std::io::ErrorKind::Unsupported => {
                    return Ok(None);
                }
                Err(fs::TryLockError::Error(source)) => return Err(fault(source)),
            }
        }
    }

    /// Makes the file where it is missing. SQLite gives its companions the rights of the file itself.
    fn make(&self, path: &Path) -> std::io::Result<fs::File> {
        let mut options = fs::OpenOptions::new();
        // Read, too: Windows locks no file that is only appended to.
        options.create(true).append(true).read(true);
        #[cfg(unix)]
        if self.is_private {
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        }
        let file = options.open(path)?;
        #[cfg(unix)]
        if self.is_private {
            use std::os::unix::fs::PermissionsExt;
            let metadata = file.metadata()?;
            if metadata.is_file() && metadata.permissions().mode() & 0o077 != 0 {
                file.set_permissions(fs::Permissions::from_mode(0o600))?;
            }
        }
        Ok(file)
    }
}

/// Moves the file and its companions out of the way; gives the file's new name.
fn set_aside(path: &Path) -> std::io::Result<PathBuf> {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let free = (1..1000).map(|number| format!("{name}.damaged-{number}")).find(|to| !path.with_file_name(to).exists());
    let to = free.ok_or_else(|| std::io::Error::other("999 damaged ones lie there already"))?;
    // The companions first: they are never found beside a new file.
    for companion in ["-wal", "-shm"] {
        let from = path.with_file_name(format!("{name}{companion}"));
        if from.exists() {
            fs::rename(&from, path.with_file_name(format!("{to}{companion}")))?;
        }
    }
    let to = path.with_file_name(to);
    fs::rename(path, &to)?;
    Ok(to)
}
