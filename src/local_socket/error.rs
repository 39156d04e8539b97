//! What can go wrong on the way to a daemon.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use super::RefusalKind;

/// Why there is no daemon to speak to, or why it did not answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The folder for the socket is somebody else's.
    #[error(
        "the folder {folder} for the daemon's socket belongs to user {owner}, not to you (user {own}): have it removed, or \
         name another with daemon.run_folder", folder = .folder.display()
    )]
    FolderOfAnother {
        /// Which.
        folder: PathBuf,
        /// Its owner's number.
        owner: u32,
        /// Ours.
        own: u32,
    },
    /// The folder for the socket is open to others.
    #[error(
        "others may write to the folder {folder} for the daemon's socket (mode {mode:o}): run `chmod 700` on it, or name \
         another with daemon.run_folder", folder = .folder.display()
    )]
    FolderOpen {
        /// Which.
        folder: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// The folder for the socket cannot be used.
    #[error("the folder {folder} for the daemon's socket cannot be used; name another with daemon.run_folder", folder = .folder.display())]
    Folder {
        /// Which.
        folder: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The path of the socket is longer than the system takes.
    #[error(
        "the path of the daemon's socket, {path}, has {bytes} bytes, and the system takes {bytes_max}: name a shorter folder \
         with daemon.run_folder", path = .path.display()
    )]
    PathTooLong {
        /// Which.
        path: PathBuf,
        /// Its length.
        bytes: usize,
        /// The most.
        bytes_max: usize,
    },
    /// The lock file cannot be opened.
    #[error("the lock file {path} cannot be opened", path = .path.display())]
    Lock {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The socket cannot be listened on.
    #[error("the socket {path} cannot be listened on", path = .path.display())]
    Bind {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Nobody listens.
    #[error("no daemon listens on {path}", path = .path.display())]
    NoDaemon {
        /// Where.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another user is at the other end.
    #[error("the other end of the socket belongs to user {uid}, not to you")]
    Stranger {
        /// His number.
        uid: u32,
    },
    /// No answer in time.
    #[error("{what} took longer than {} s", .after.as_secs_f64())]
    TimedOut {
        /// What was waited for.
        what: &'static str,
        /// How long.
        after: Duration,
    },
    /// The other side went away.
    #[error("the other side closed the connection {when}")]
    Closed {
        /// In the middle of what.
        when: &'static str,
    },
    /// A message that cannot be understood, or is too long.
    #[error("the other side sent {what}")]
    Malformed {
        /// What it was.
        what: &'static str,
    },
    /// The daemon does not serve this client.
    #[error("the daemon refused: {why}")]
    Refused {
        /// In one word.
        kind: RefusalKind,
        /// In words.
        why: String,
    },
    /// The daemon could not do what was asked.
    #[error("{message}")]
    Request {
        /// A JSON-RPC error code.
        code: i64,
        /// What it said.
        message: String,
    },
    /// The daemon did not come up.
    #[error("the daemon could not start: {why}")]
    NotStarted {
        /// What it said.
        why: String,
    },
    /// The program of the daemon could not be run.
    #[error("the daemon's program {program} could not be run", program = .program.display())]
    Spawn {
        /// Which.
        program: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The journal cannot be kept.
    #[error("the journal of open requests cannot be kept")]
    Journal(#[source] io::Error),
    /// The system failed.
    #[error("the socket failed while {doing}")]
    Io {
        /// What was being done.
        doing: &'static str,
        /// Why.
        source: io::Error,
    },
}

impl Error {
    /// Whether it may go well when tried again at once, with a daemon that is started anew if need be: nobody listened, or
    /// the one that did was just leaving.
    #[must_use]
    pub fn is_absence(&self) -> bool {
        match self {
            Self::NoDaemon { .. } | Self::Closed { .. } => true,
            Self::Refused { kind, .. } => *kind == RefusalKind::Leaving,
            Self::Io { source, .. } => {
                matches!(source.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset)
            }
            Self::FolderOfAnother { .. }
            | Self::FolderOpen { .. }
            | Self::Folder { .. }
            | Self::PathTooLong { .. }
            | Self::Lock { .. }
            | Self::Bind { .. }
            | Self::Stranger { .. }
            | Self::TimedOut { .. }
            | Self::Malformed { .. }
            | Self::Request { .. }
            | Self::NotStarted { .. }
            | Self::Spawn { .. }
            | Self::Journal(_) => false,
        }
    }
}
