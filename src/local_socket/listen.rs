//! Becoming the daemon: the lock decides who it is, and only its holder touches the socket.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::PathBuf;

use rustix::fs::{FlockOperation, flock};

use super::{Error, Place};

/// Held by the one daemon of a place for as long as it listens; the system releases it however the daemon ends.
#[derive(Debug)]
pub struct Lock {
    _file: File,
    socket: PathBuf,
}

impl Lock {
    /// Takes the lock, or gives `None` when another process holds it. The folder must be there.
    ///
    /// # Errors
    /// When the lock file cannot be opened or written.
    pub fn try_take(place: &Place) -> Result<Option<Self>, Error> {
        let path = place.lock_file();
        let fault = |source| Error::Lock { path: path.clone(), source };
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .custom_flags(rustix::fs::OFlags::NOFOLLOW.bits().cast_signed())
            .open(&path)
            .map_err(fault)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => return Ok(None),
            Err(other) => return Err(fault(other.into())),
        }
        // For people who look: the lock itself is what counts.
        file.set_len(0).and_then(|()| write!(file, "{}", std::process::id())).map_err(fault)?;
        Ok(Some(Self { _file: file, socket: place.socket() }))
    }

    /// The process that wrote the lock file last; it need not run any more.
    #[must_use]
    pub fn holder(place: &Place) -> Option<u32> {
        let mut text = String::new();
        File::open(place.lock_file()).ok()?.take(32).read_to_string(&mut text).ok()?;
        text.trim().parse().ok()
    }
}

impl Drop for Lock {
    /// Takes the socket away before the lock is released, so that nobody finds it and waits for an answer.
    fn drop(&mut self) {
        let _gone_already = std::fs::remove_file(&self.socket);
    }
}

/// Listens at the place, in the stead of whatever a dead daemon left there. Under another name first, so that whoever finds
/// the socket finds one that is listened on.
///
/// # Errors
/// [`Error::Bind`].
pub fn bind(place: &Place, _held: &Lock) -> Result<UnixListener, Error> {
    let fault = |source| Error::Bind { path: place.socket(), source };
    let temporary = place.temporary_socket();
    let _gone_already = std::fs::remove_file(&temporary);
    let listener = UnixListener::bind(&temporary).map_err(fault)?;
    std::fs::set_permissions(&temporary, std::fs::Permissions::from_mode(0o600)).map_err(fault)?;
    std::fs::rename(&temporary, place.socket()).map_err(fault)?;
    Ok(listener)
}
