//! The side that connects: blocking, without a runtime, so that a thin client stays thin.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use serde::de::DeserializeOwned;
use tokio::time::Instant;

use super::descriptors::send;
use super::{Accepted, Error, Hello, Reply, hello};

/// Longest line that a daemon may send, in bytes: the longest result of a tool, written as JSON text within JSON.
const LINE_BYTES_MAX: usize = 160 * 1024 * 1024;

/// A connection to a daemon of this user.
#[derive(Debug)]
pub struct Connection {
    stream: UnixStream,
    /// What was read behind the last line.
    rest: Vec<u8>,
    /// Up to where `rest` is known to hold no line break.
    scanned: usize,
}

impl Connection {
    /// Connects, and makes sure that our own user listens.
    ///
    /// # Errors
    /// [`Error::NoDaemon`] when nobody listens; [`Error::Stranger`].
    pub fn open(socket: &Path) -> Result<Self, Error> {
        let stream = UnixStream::connect(socket).map_err(|source| {
            let is_nobody = matches!(source.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused);
            if is_nobody {
                Error::NoDaemon { path: socket.to_owned(), source }
            } else {
                Error::Io { doing: "connecting", source }
            }
        })?;
        check_peer(&stream)?;
        Ok(Self { stream, rest: Vec::new(), scanned: 0 })
    }

    /// Greets, and waits for the reply.
    ///
    /// # Errors
    /// [`Error::Refused`], or whatever went wrong on the way.
    pub fn greet(
        &mut self,
        hello: &Hello,
        descriptors: &[BorrowedFd<'_>],
        deadline: Instant,
    ) -> Result<Accepted, Error> {
        self.send(&hello::line(hello), descriptors, deadline)?;
        match self.read::<Reply>("greeting the daemon", deadline)? {
            Reply::Accepted(accepted) => Ok(accepted),
            Reply::Refused(refusal) => Err(Error::Refused { kind: refusal.kind, why: refusal.why }),
        }
    }

    /// Sends all of the bytes, the descriptors with the first of them.
    pub(super) fn send(
        &mut self,
        mut bytes: &[u8],
        descriptors: &[BorrowedFd<'_>],
        deadline: Instant,
    ) -> Result<(), Error> {
        const DOING: &str = "writing to the daemon";
        let fault = |source| Error::Io { doing: DOING, source };
        self.stream.set_write_timeout(Some(left(DOING, deadline)?)).map_err(fault)?;
        let mut beside = descriptors;
        while !bytes.is_empty() {
            match send(&self.stream, bytes, beside) {
                Ok(sent) => (bytes, beside) = (&bytes[sent..], &[]),
                Err(rustix::io::Errno::INTR) => {}
                Err(other) => return Err(fault(other.into())),
            }
            left(DOING, deadline)?;
        }
        self.stream.flush().map_err(fault)
    }

    /// The next line.
    ///
    /// # Errors
    /// [`Error::Closed`] at the end of the stream, [`Error::TimedOut`] at the deadline.
    pub fn read<T: DeserializeOwned>(&mut self, doing: &'static str, deadline: Instant) -> Result<T, Error> {
        loop {
            if let Some(message) = self.take_line()? {
                return Ok(message);
            }
            self.wait(doing, deadline)?;
            if !self.fill(doing)? {
                return Err(Error::Closed { when: "before it had answered" });
            }
        }
    }

    /// A line that has come already.
    ///
    /// # Errors
    /// [`Error::Malformed`] when it is not what was expected.
    pub fn take_line<T: DeserializeOwned>(&mut self) -> Result<Option<T>, Error> {
        let Some(end) = memchr::memchr(b'\n', &self.rest[self.scanned..]).map(|offset| self.scanned + offset) else {
            self.scanned = self.rest.len();
            if self.rest.len() > LINE_BYTES_MAX {
                return Err(Error::Malformed { what: "a line without an end" });
            }
            return Ok(None);
        };
        let message = serde_json::from_slice(&self.rest[..end]);
        self.rest.drain(..=end);
        self.scanned = 0;
        message.map(Some).map_err(|_| Error::Malformed { what: "a line that is no message of ours" })
    }

    /// Reads what there is; waits for some. Gives false at the end of the stream.
    ///
    /// # Errors
    /// When the socket fails.
    pub fn fill(&mut self, doing: &'static str) -> Result<bool, Error> {
        let mut buffer = [0_u8; 16 * 1024];
        loop {
            match (&self.stream).read(&mut buffer) {
                Ok(0) => return Ok(false),
                Ok(read) => {
                    self.rest.extend_from_slice(&buffer[..read]);
                    return Ok(true);
                }
                Err(fault) if fault.kind() == io::ErrorKind::Interrupted => {}
                // A daemon that was killed with something unread resets the connection; that is an end like another.
                Err(fault) if fault.kind() == io::ErrorKind::ConnectionReset => return Ok(false),
                Err(source) => return Err(Error::Io { doing, source }),
            }
        }
    }

    fn wait(&self, doing: &'static str, deadline: Instant) -> Result<(), Error> {
        let began = Instant::now();
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let timeout = Timespec::try_from(left).unwrap_or(Timespec { tv_sec: 3600, tv_nsec: 0 });
            let mut fds = [PollFd::new(&self.stream, PollFlags::IN)];
            match poll(&mut fds, Some(&timeout)) {
                Ok(0) => return Err(Error::TimedOut { what: doing, after: began.elapsed() }),
                Ok(_) => return Ok(()),
                Err(rustix::io::Errno::INTR) => {}
                Err(other) => return Err(Error::Io { doing, source: other.into() }),
            }
        }
    }
}

impl AsFd for Connection {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

fn left(what: &'static str, deadline: Instant) -> Result<Duration, Error> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(Error::TimedOut { what, after: Duration::ZERO }) } else { Ok(left) }
}

/// That the listener is our own user. The folder is ours alone already; this is the second lock on the door.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn check_peer(stream: &UnixStream) -> Result<(), Error> {
    let peer = rustix::net::sockopt::socket_peercred(stream)
        .map_err(|source| Error::Io { doing: "asking who listens", source: source.into() })?;
    if peer.uid == rustix::process::geteuid() { Ok(()) } else { Err(Error::Stranger { uid: peer.uid.as_raw() }) }
}

/// Elsewhere the standard library has no safe way to ask; the folder's owner and permissions were checked.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn check_peer(_stream: &UnixStream) -> Result<(), Error> {
    Ok(())
}

/// A file without a name, for the journal of one client.
///
/// # Errors
/// [`Error::Journal`].
pub(super) fn nameless_file(_folder: &Path) -> Result<File, Error> {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    {
        let memory = rustix::fs::memfd_create("mcporch-journal", rustix::fs::MemfdFlags::CLOEXEC)
            .map_err(|fault| Error::Journal(fault.into()))?;
        Ok(File::from(memory))
    }
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    {
        let path = _folder.join(format!("journal.{}", std::process::id()));
        let file = std::fs::OpenOptions::new().read(true).write(true).create_new(true).open(&path);
        let _named_still = std::fs::remove_file(&path);
        file.map_err(Error::Journal)
    }
}
