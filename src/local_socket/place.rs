//! Where the socket of a daemon lies, and that nobody else can put one there.

use std::fs::{DirBuilder, Permissions};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::Error;

/// Longest path of a socket, in bytes, without the zero at its end: `sun_path` has 108 on Linux and 104 elsewhere.
const PATH_BYTES_MAX: usize = if cfg!(target_os = "linux") { 107 } else { 103 };
/// What a socket is called while it is made; longer than its final name by this.
const TEMPORARY_ENDING_BYTES: usize = 12;

/// What the environment says of folders for sockets.
#[derive(Debug, Clone, Default)]
pub struct Surroundings {
    /// `daemon.run_folder`, if set.
    pub asked: Option<PathBuf>,
    /// `XDG_RUNTIME_DIR`, if set.
    pub runtime: Option<PathBuf>,
    /// The folder for temporary files.
    pub temporary: PathBuf,
}

/// Where one daemon is reached. Invariant: the paths are short enough for a socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    folder: PathBuf,
    name: String,
    is_asked: bool,
}

/// A short name for what makes a daemon: whoever asks for the same things shares one.
#[must_use]
pub fn name_of<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        // With lengths, so that no two lists come to the same bytes.
        hash.update(part.len().to_le_bytes());
        hash.update(part);
    }
    hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

impl Place {
    /// The folder that was asked for, else `mcporch` in the user's runtime folder, else `mcporch-<uid>` among the temporary
    /// files. Programs that are started outside a login session do not know the runtime folder, so on Linux its usual
    /// place counts too: two programs of one user must meet. Looks, and makes nothing.
    ///
    /// # Errors
    /// [`Error::PathTooLong`].
    pub fn find(around: &Surroundings, name: &str) -> Result<Self, Error> {
        let own = rustix::process::geteuid().as_raw();
        let place = |folder: PathBuf, is_asked| Self { folder, name: name.to_owned(), is_asked }.checked();
        if let Some(asked) = &around.asked {
            let whole = std::path::absolute(asked).unwrap_or_else(|_| asked.clone());
            return place(whole, true);
        }
        let is_ours = |folder: &PathBuf| {
            folder.is_absolute() && folder.metadata().is_ok_and(|about| about.is_dir() && about.uid() == own)
        };
        let usual = cfg!(target_os = "linux").then(|| PathBuf::from(format!("/run/user/{own}")));
        let runtime = around.runtime.clone().filter(&is_ours).or_else(|| usual.filter(&is_ours));
        if let Some(found) = runtime.and_then(|runtime| place(runtime.join("mcporch"), false).ok()) {
            return Ok(found);
        }
        let temporary = |folder: &Path| place(folder.join(format!("mcporch-{own}")), false);
        temporary(&around.temporary).or_else(|_| temporary(Path::new("/tmp")))
    }

    fn checked(self) -> Result<Self, Error> {
        let path = self.socket();
        let bytes = path.as_os_str().as_bytes().len() + TEMPORARY_ENDING_BYTES;
        if bytes > PATH_BYTES_MAX {
            return Err(Error::PathTooLong { path, bytes, bytes_max: PATH_BYTES_MAX });
        }
        Ok(self)
    }

    /// The socket.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.folder.join(format!("{}.sock", self.name))
    }

    /// The lock file; it is never removed, since two processes might then hold locks on two files of that name.
    #[must_use]
    pub fn lock_file(&self) -> PathBuf {
        self.folder.join(format!("{}.lock", self.name))
    }

    /// What the socket is called until it is listened on.
    #[must_use]
    pub(super) fn temporary_socket(&self) -> PathBuf {
        let pid = std::process::id() % 100_000_000;
        self.folder.join(format!("{}.sock.{pid}", self.name))
    }

    /// The folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Makes the folder for this user alone if it is not there, and checks that it is ours.
    ///
    /// # Errors
    /// When it is not a folder, belongs to another, or others may write to it.
    pub fn prepare(&self) -> Result<(), Error> {
        let folder = || self.folder.clone();
        let fault = |source| Error::Folder { folder: folder(), source };
        match DirBuilder::new().mode(0o700).recursive(self.is_asked).create(&self.folder) {
            Ok(()) => {}
            Err(there) if there.kind() == io::ErrorKind::AlreadyExists => {}
            Err(other) => return Err(fault(other)),
        }
        // Not followed: among temporary files a link may be somebody else's.
        let about = self.folder.symlink_metadata().map_err(fault)?;
        let about = if self.is_asked { self.folder.metadata().map_err(fault)? } else { about };
        if !about.is_dir() {
            return Err(fault(io::ErrorKind::NotADirectory.into()));
        }
        let own = rustix::process::geteuid().as_raw();
        if about.uid() != own {
            return Err(Error::FolderOfAnother { folder: folder(), owner: about.uid(), own });
        }
        let mode = about.mode() & 0o777;
        if self.is_asked && mode & 0o022 != 0 {
            return Err(Error::FolderOpen { folder: folder(), mode });
        }
        if !self.is_asked && mode != 0o700 {
            std::fs::set_permissions(&self.folder, Permissions::from_mode(0o700)).map_err(fault)?;
        }
        Ok(())
    }
}
