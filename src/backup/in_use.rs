//! Does somebody use the home? Asked of SQLite: whoever has a database open in its write-ahead mode holds a shared lock on it for
//! as long.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::contents::Contents;

/// How long a lock is waited for: a command that is just ending is no reason to refuse.
const WAIT: Duration = Duration::from_millis(500);

/// The first database that another process has open.
pub(super) fn open_database(contents: &Contents) -> Option<&Path> {
    let databases = contents.files.iter().filter(|found| found.is_database);
    databases.map(|found| found.path.as_path()).find(|path| is_open(path))
}

/// Taken for free when it cannot be told: a damaged database is what a restore is for.
fn is_open(path: &Path) -> bool {
    let lock = || -> rusqlite::Result<()> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(WAIT)?;
        // In this mode the first access asks for the whole file, idle users included.
        connection.execute_batch("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; ROLLBACK;")
    };
    let busy = [ErrorCode::DatabaseBusy, ErrorCode::DatabaseLocked];
    lock().is_err_and(|fault| fault.sqlite_error_code().is_some_and(|code| busy.contains(&code)))
}
