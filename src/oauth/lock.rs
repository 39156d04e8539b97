//! One process at a time: a lock on a file, which the system gives back when its holder dies.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::Error;

/// Longer than a refresh may take, so that nobody gives up while another one is at it.
const WAIT_MAX: Duration = Duration::from_secs(60);
/// Between two looks. The lock is held for a network round trip or two.
const LOOK_EVERY: Duration = Duration::from_millis(40);

/// Holds the lock until it is dropped.
#[derive(Debug)]
pub(super) struct Held {
    _file: File,
}

/// Waits for the lock. Cancel safe: what was taken is given back.
pub(super) async fn take(path: &Path) -> Result<Held, Error> {
    let until = Instant::now() + WAIT_MAX;
    loop {
        let path_there = path.to_owned();
        let tried = tokio::task::spawn_blocking(move || try_take(path_there)).await.map_err(|_| Error::Ending)?;
        if let Some(held) = tried? {
            return Ok(held);
        }
        if Instant::now() >= until {
            return Err(Error::Locked { path: path.to_owned(), seconds: WAIT_MAX.as_secs() });
        }
        sleep(LOOK_EVERY).await;
    }
}

fn try_take(path: PathBuf) -> Result<Option<Held>, Error> {
    let fault = |source| Error::File { path: path.clone(), doing: "locked", source };
    if let Some(folder) = path.parent() {
        super::store::make_folder(folder)?;
    }
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path).map_err(fault)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(Held { _file: file })),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(source)) => Err(fault(source)),
    }
}
