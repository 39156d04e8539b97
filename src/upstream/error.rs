//! How a session can fail.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use crate::domain::ServerName;
use crate::isolation;
use crate::secrets;

/// What was going on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// From the spawn to the answered handshake.
    Start,
    /// `tools/list`.
    List,
    /// A question for a sign of life.
    Check,
    /// Any other request.
    Call,
}

impl Phase {
    fn verb(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::List => "list its tools",
            Self::Check => "answer a health check",
            Self::Call => "answer",
        }
    }

    fn setting(self) -> &'static str {
        match self {
            Self::Start => "servers.start_timeout_s",
            Self::List => "servers.list_timeout_s",
            Self::Check => "health_check.timeout",
            Self::Call => "servers.call_timeout_s",
        }
    }
}

/// Why a session, or one request of it, failed. Each names the server.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No such program.
    #[error(
        "server {server}: command {command:?} was not found; looked in {searched}; install it or write its full path"
    )]
    CommandNotFound {
        /// Whose.
        server: ServerName,
        /// As written in the registry.
        command: String,
        /// The search path.
        searched: String,
    },
    /// The operator's rules do not let it start.
    #[error("server {server}: {program} may not be started: {why} ({setting}); change that setting or the entry", program = .program.display())]
    NotAllowed {
        /// Whose.
        server: ServerName,
        /// What would have run, with links resolved.
        program: PathBuf,
        /// The setting that stops it.
        setting: &'static str,
        /// Which rule, or that there is none.
        why: String,
    },
    /// A secret that it needs cannot be had.
    #[error("server {server} is not started: {source}")]
    Secret {
        /// Whose.
        server: ServerName,
        /// Where the reference stands, what is wrong, what to do.
        #[source]
        source: Box<secrets::Error>,
    },
    /// A file with its secrets could not be read in time.
    #[error("server {server} is not started: its secrets could not be read within {:.1} s (servers.start_timeout_s)", .after.as_secs_f64())]
    SecretsTooSlow {
        /// Whose.
        server: ServerName,
        /// The deadline that passed.
        after: Duration,
    },
    /// The system would not start it.
    #[error("server {server}: {command:?} could not be started")]
    Spawn {
        /// Whose.
        server: ServerName,
        /// As written in the registry.
        command: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// It could not be held as it is to be held.
    #[error("server {server} was not started")]
    Isolation {
        /// Whose.
        server: ServerName,
        /// What is missing, and what to do.
        #[source]
        source: isolation::Error,
    },
    /// It left, or closed its output.
    #[error("server {server} {how}{}", quoted(.stderr))]
    Died {
        /// Who.
        server: ServerName,
        /// "exited with code 3", "was killed by signal 9", "closed its output".
        how: String,
        /// The last lines of its stderr, in one.
        stderr: String,
        /// Whether a request had been handed to it before.
        was_sent: bool,
    },
    /// It stayed silent too long.
    #[error("server {server} did not {} within {:.1} s ({}){}", .phase.verb(), .after.as_secs_f64(), .phase.setting(), quoted(.stderr))]
    TimedOut {
        /// Who.
        server: ServerName,
        /// Doing what.
        phase: Phase,
        /// The deadline that passed.
        after: Duration,
        /// The last lines of its stderr, in one.
        stderr: String,
    },
    /// It answered with a JSON-RPC error.
    #[error("server {server} refused {method}: {message} (code {code})")]
    Refused {
        /// Who.
        server: ServerName,
        /// Which request.
        method: String,
        /// JSON-RPC code.
        code: i64,
        /// Its words.
        message: String,
    },
    /// Its answer cannot be used.
    #[error("server {server} answered {method} with {what}")]
    BadAnswer {
        /// Who.
        server: ServerName,
        /// Which request.
        method: String,
        /// What is wrong with it.
        what: String,
    },
    /// Its answer was longer than allowed, and was passed over.
    #[error(
        "server {server} answered with {len} bytes in one message, more than the {max} allowed (limits.line_bytes_max)"
    )]
    AnswerTooLong {
        /// Who.
        server: ServerName,
        /// Length of the line in bytes.
        len: usize,
        /// The limit.
        max: usize,
    },
    /// It does not read what we write.
    #[error("server {server} does not read its input: {waiting} bytes are waiting")]
    NotReading {
        /// Who.
        server: ServerName,
        /// Bytes that wait.
        waiting: usize,
    },
    /// It cannot be reached over the network.
    #[error("server {server} cannot be reached: {what}")]
    Unreachable {
        /// Who.
        server: ServerName,
        /// What was tried, what went wrong, what to do.
        what: String,
        /// Whether the request may have arrived.
        was_sent: bool,
    },
    /// Its web server answered with a status that MCP gives no meaning.
    #[error("server {server} answered with HTTP status {status}{}", if .what.is_empty() { String::new() } else { format!(": {}", .what) })]
    HttpStatus {
        /// Who.
        server: ServerName,
        /// The status.
        status: u16,
        /// The beginning of what it said.
        what: String,
    },
    /// It wants a right that we do not have.
    #[error("{message}")]
    NotAuthorized {
        /// Who.
        server: ServerName,
        /// Names the server and what to do.
        message: String,
    },
    /// The caller no longer wants the answer.
    #[error("the call to server {server} was cancelled")]
    Cancelled {
        /// Whose.
        server: ServerName,
    },
}

impl Error {
    /// A JSON-RPC error object, raw, that the server answered with.
    #[must_use]
    pub fn refused(server: &ServerName, method: &str, error: &str) -> Self {
        #[derive(serde::Deserialize, Default)]
        struct RpcError {
            #[serde(default)]
            code: i64,
            #[serde(default)]
            message: String,
        }
        let error: RpcError = serde_json::from_str(error).unwrap_or_default();
        // A server that was given a wrong key likes to tell which one.
        let message = secrets::redactor().redact(&error.message).into_owned();
        Self::Refused { server: server.clone(), method: method.to_owned(), code: error.code, message }
    }

    /// Whether nothing was started at all: a program, a secret or a level that it needs is not there.
    #[must_use]
    pub fn is_before_the_start(&self) -> bool {
        match self {
            Self::CommandNotFound { .. } | Self::NotAllowed { .. } | Self::Secret { .. } => true,
            Self::SecretsTooSlow { .. } => true,
            Self::Isolation { source, .. } => matches!(source, isolation::Error::Refused { .. }),
            Self::NotAuthorized { .. } => true,
            Self::Unreachable { .. } | Self::HttpStatus { .. } => false,
            Self::Spawn { .. } | Self::Died { .. } | Self::NotReading { .. } | Self::TimedOut { .. } => false,
            Self::Refused { .. } | Self::BadAnswer { .. } | Self::AnswerTooLong { .. } | Self::Cancelled { .. } => {
                false
            }
        }
    }

    /// Whether the server may have begun to do what was asked: then only an idempotent call may be tried again.
    #[must_use]
    pub fn may_have_run(&self) -> bool {
        match self {
            Self::CommandNotFound { .. } | Self::Spawn { .. } | Self::Isolation { .. } | Self::NotReading { .. } => {
                false
            }
            Self::NotAllowed { .. } | Self::Secret { .. } | Self::SecretsTooSlow { .. } => false,
            Self::NotAuthorized { .. } => false,
            Self::HttpStatus { status, .. } => *status >= 500,
            Self::Died { was_sent, .. } | Self::Unreachable { was_sent, .. } => *was_sent,
            Self::TimedOut { phase, .. } => *phase == Phase::Call,
            Self::Refused { .. } | Self::BadAnswer { .. } | Self::AnswerTooLong { .. } | Self::Cancelled { .. } => true,
        }
    }

    /// Whether the server itself is at fault or away, so that another one may do better.
    #[must_use]
    pub fn is_server_down(&self) -> bool {
        match self {
            Self::CommandNotFound { .. } | Self::Spawn { .. } | Self::Isolation { .. } => true,
            Self::Died { .. } | Self::NotReading { .. } | Self::Unreachable { .. } => true,
            Self::NotAuthorized { .. } | Self::HttpStatus { .. } => true,
            Self::TimedOut { .. } | Self::NotAllowed { .. } | Self::Secret { .. } | Self::SecretsTooSlow { .. } => true,
            Self::Refused { .. } | Self::BadAnswer { .. } | Self::AnswerTooLong { .. } | Self::Cancelled { .. } => {
                false
            }
        }
    }
}

fn quoted(stderr: &str) -> String {
    if stderr.is_empty() { String::new() } else { format!("; its stderr ends: {stderr}") }
}
