//! What both sides say to each other: one JSON object a line. The one who connects says [`Hello`], together with its
//! descriptors; the daemon says [`Reply`]. A client then hears nothing until [`Goodbye`]; a control connection asks
//! ([`Ask`]) and is told ([`Told`]) until it is closed.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Build;

/// Of these messages. A daemon of another number is asked to leave, or left alone.
pub const PROTOCOL: u32 = 1;
/// Longest hello, in bytes: an environment has a few kilobytes, and systems bound it at some megabytes. A guess.
pub const HELLO_BYTES_MAX: usize = 4 * 1024 * 1024;

/// The first line of whoever connects.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Hello {
    /// [`PROTOCOL`] of the one who connects.
    pub protocol: u32,
    /// Which mcporch it is.
    pub build: Build,
    /// Its process id, for logs.
    pub pid: u32,
    /// What it wants.
    pub purpose: Purpose,
    /// The variables that it was started with.
    #[serde(default)]
    pub environment: Environment,
    /// Given by a client whose daemon died in mid-session.
    #[serde(default)]
    pub resume: Option<Resume>,
    /// What a client shall see: nothing for the four tools, else `direct`, `p/NAME` or `s/SERVER`.
    #[serde(default)]
    pub profile: String,
}

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// An MCP session over the descriptors that come with the hello: input, output, journal.
    Client,
    /// Requests about the daemon itself, over this connection.
    Control,
}

/// What a session had come to when its daemon died.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resume {
    /// Whether the client has been through `initialize`.
    pub is_initialized: bool,
}

/// Environment variables. Shown without their values, since some are keys.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Environment(pub BTreeMap<String, String>);

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// The daemon's first line.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    /// It serves.
    Accepted(Accepted),
    /// It does not.
    Refused(Refusal),
}

/// Who serves.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Accepted {
    /// The daemon's process id.
    pub pid: u32,
    /// Which mcporch it is.
    pub build: Build,
    /// What the one who connected should tell its user.
    #[serde(default)]
    pub notice: Option<String>,
    /// Where the daemon writes its log, if to a file.
    #[serde(default)]
    pub log: Option<PathBuf>,
}

/// Why it does not serve.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Refusal {
    /// In one word.
    pub kind: RefusalKind,
    /// In words.
    pub why: String,
}

/// Why a daemon does not serve, as far as it matters for what to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefusalKind {
    /// It is leaving, to make room for a newer build: start a new one.
    Leaving,
    /// It has as many clients as it takes.
    Full,
    /// It speaks another protocol and is busy.
    Protocol,
    /// The client was started by one of its own servers.
    Recursion,
    /// There is no such profile.
    Profile,
    /// The hello was not understood.
    Malformed,
}

/// The daemon's last line to a client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Goodbye {
    /// What the client's process should exit with.
    pub exit_code: u8,
    /// Set when the daemon ended the session: requests that are open get no answer any more.
    #[serde(default)]
    pub why: Option<String>,
}

/// One request of a control connection.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Ask {
    /// Comes back with the result.
    pub id: u64,
    /// Which verb.
    pub method: String,
    /// Its parameters.
    #[serde(default)]
    pub params: Value,
}

/// One line of the daemon to a control connection.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Told {
    /// The request failed.
    Failed {
        /// Of which request.
        id: u64,
        /// How.
        error: Failure,
    },
    /// The request is done.
    Done {
        /// Of which request.
        id: u64,
        /// What came of it.
        result: Value,
    },
    /// Something on the way, of a request that streams.
    News(News),
}

/// A failure, as JSON-RPC writes it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Failure {
    /// A JSON-RPC error code.
    pub code: i64,
    /// For people.
    pub message: String,
}

/// One message of a stream.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct News {
    /// Of what sort.
    pub method: String,
    /// What it says.
    #[serde(default)]
    pub params: Value,
}

/// The message as a line.
///
/// # Panics
/// Never: these messages are plain JSON.
#[must_use]
pub fn line(message: &impl Serialize) -> Vec<u8> {
    let mut line = serde_json::to_vec(message).expect("plain JSON can be written");
    line.push(b'\n');
    line
}
