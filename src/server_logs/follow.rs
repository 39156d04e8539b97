//! Following a log while it is written, also over its rotation.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use crate::domain::ServerName;

use super::read::parse_all;
use super::{Error, LogLine, file_name};

/// Longest beginning of a line that is held until its end comes; our lines are far shorter.
const LINE_BYTES_MAX: usize = 1 << 20;

/// Follows the log of one server. It is no fault when there is no log yet.
#[derive(Debug)]
pub struct Follower {
    path: PathBuf,
    open: Option<Open>,
    /// The beginning of a line whose end has not come.
    begun: Vec<u8>,
}

#[derive(Debug)]
struct Open {
    file: File,
    identity: Identity,
}

impl Follower {
    /// From the log's present end on.
    ///
    /// # Errors
    /// [`Error::Unreadable`].
    pub fn from_end(folder: &Path, server: &ServerName) -> Result<Self, Error> {
        let mut follower = Self { path: folder.join(file_name(server)), open: None, begun: Vec::new() };
        follower.reopen()?;
        if let Some(open) = &mut follower.open {
            open.file.seek(SeekFrom::End(0)).map_err(|source| follower.fault(source))?;
        }
        Ok(follower)
    }

    /// What came since the last look. Blocking; reads a file, and where the log was rotated the rest of the old one first.
    ///
    /// # Errors
    /// [`Error::Unreadable`].
    pub fn look(&mut self) -> Result<Vec<LogLine>, Error> {
        let mut bytes = std::mem::take(&mut self.begun);
        let identity = match std::fs::metadata(&self.path) {
            Ok(metadata) => Some(Identity::of(&metadata)),
            Err(fault) if fault.kind() == io::ErrorKind::NotFound => None,
            Err(source) => return Err(self.fault(source)),
        };
        self.read_open(&mut bytes)?;
        if identity.is_some() && identity != self.open.as_ref().map(|open| open.identity) {
            self.reopen()?;
            self.read_open(&mut bytes)?;
        }
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        self.begun = bytes.split_off(whole);
        if self.begun.len() > LINE_BYTES_MAX {
            self.begun.clear();
        }
        Ok(parse_all(&bytes))
    }

    fn reopen(&mut self) -> Result<(), Error> {
        self.open = match File::open(&self.path) {
            Ok(file) => {
                let identity = file.metadata().map(|metadata| Identity::of(&metadata));
                Some(Open { identity: identity.map_err(|source| self.fault(source))?, file })
            }
            Err(fault) if fault.kind() == io::ErrorKind::NotFound => None,
            Err(source) => return Err(self.fault(source)),
        };
        Ok(())
    }

    fn read_open(&mut self, bytes: &mut Vec<u8>) -> Result<(), Error> {
        let Some(open) = &mut self.open else { return Ok(()) };
        match open.file.read_to_end(bytes) {
            Ok(_) => Ok(()),
            Err(source) => Err(self.fault(source)),
        }
    }

    fn fault(&self, source: io::Error) -> Error {
        Error::Unreadable { path: self.path.clone(), source }
    }
}

/// Which file it is, whatever its name. Where the system gives no number, the moment of its making must do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Identity {
    #[cfg(unix)]
    inode: (u64, u64),
    #[cfg(not(unix))]
    created: Option<std::time::SystemTime>,
}

impl Identity {
    fn of(metadata: &std::fs::Metadata) -> Self {
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt;
            Self { inode: (metadata.dev(), metadata.ino()) }
        }
        #[cfg(not(unix))]
        Self { created: metadata.created().ok() }
    }
}
