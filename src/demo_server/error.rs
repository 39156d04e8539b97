//! Why a demo server ended other than by end of file.

use std::io;
use std::path::PathBuf;

use super::flags::Moment;

/// What ended the demo server.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A flag asked for this end.
    #[error("asked to exit at {moment} with code {code}")]
    AskedToExit {
        /// When.
        moment: Moment,
        /// The exit code that the flag asked for.
        code: u8,
    },
    /// The first message was not `initialize`, and a flag says that such a client is not served.
    #[error("the first message was {method:?}, not \"initialize\"; run without --exit-on-unknown-first to serve it")]
    UnknownFirst {
        /// The first message's method; empty when it had none.
        method: String,
        /// The exit code that the flag asked for.
        code: u8,
    },
    /// A file named by a flag could not be used.
    #[error("cannot use {} named by --{flag}; check that it exists and may be used", path.display())]
    File {
        /// The flag, without its dashes.
        flag: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The file of `--tools` holds no list of tools.
    #[error("{} named by --tools is no JSON list of tool objects", path.display())]
    BadTools {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
    /// Two flags do not fit, or one is missing.
    #[error("{what}")]
    BadFlags {
        /// What is wrong, and what to do.
        what: &'static str,
    },
    /// Standard input failed.
    #[error("cannot read standard input")]
    Read(#[source] io::Error),
    /// Standard output failed; mostly because the client closed it.
    #[error("cannot write standard output")]
    Write(#[source] io::Error),
    /// A client sent a line beyond the limit.
    #[error("a line from the client is longer than {max} bytes")]
    LineTooLong {
        /// The limit.
        max: usize,
    },
    /// A grandchild or a signal handler could not be set up.
    #[error("cannot set up --{flag}")]
    Setup {
        /// The flag, without its dashes.
        flag: &'static str,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

impl Error {
    /// The exit code of the process: the one that a flag asked for, 2 for flags that cannot be served, else 1.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::AskedToExit { code, .. } | Self::UnknownFirst { code, .. } => *code,
            Self::File { .. } | Self::BadTools { .. } | Self::BadFlags { .. } => 2,
            Self::Read(_) | Self::Write(_) | Self::LineTooLong { .. } | Self::Setup { .. } => 1,
        }
    }
}
