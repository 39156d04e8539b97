//! Why a secret cannot be had. Names places and references, never a value.

use std::path::PathBuf;
use std::time::Duration;

use super::Place;

/// A reference that cannot be resolved: where it stands, what is wrong, what to do.
#[derive(Debug, thiserror::Error)]
#[error("{place}: {fault}; {}", .fault.help())]
pub struct Error {
    /// Where the registry says so.
    pub place: Place,
    /// What is wrong.
    pub fault: Fault,
}

/// What can be wrong with a reference. The system's own words are part of the message, so that a line tells all.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The file cannot be read.
    #[error("${{file:{path}}} cannot be read: {why}", path = .path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        why: std::io::Error,
    },
    /// The env file cannot be read.
    #[error("env file {path} cannot be read: {why}", path = .path.display())]
    EnvFile {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        why: std::io::Error,
    },
    /// A folder, a pipe or a device: reading it could wait for ever.
    #[error("{path} is no plain file", path = .path.display())]
    NotPlain {
        /// Which file.
        path: PathBuf,
    },
    /// More than a secret ever is.
    #[error("{path} has more than {max} bytes", path = .path.display())]
    TooLong {
        /// Which file.
        path: PathBuf,
        /// The limit in bytes.
        max: u64,
    },
    /// Not UTF-8, or with a NUL character, which no variable can hold.
    #[error("{path} is no text", path = .path.display())]
    NotText {
        /// Which file.
        path: PathBuf,
    },
    /// Nothing is in it.
    #[error("{what} is empty")]
    Empty {
        /// The reference as written.
        what: String,
    },
    /// A line of an env file that is no `NAME=value`.
    #[error("env file {path}:{line} {what}", path = .path.display())]
    EnvFileLine {
        /// Which file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it, without its text.
        what: &'static str,
    },
    /// Variables that the entry requires, and that neither it nor its env files have.
    #[error("{} required and not set, in its env files neither", is_or_are(.names))]
    RequiredMissing {
        /// Their names.
        names: Vec<String>,
    },
    /// This mcporch cannot ask a keyring.
    #[error("{what} cannot be read: this mcporch was built without the keyring")]
    NoKeyringBuiltIn {
        /// The reference as written.
        what: String,
    },
    /// The system has no keyring, or will not let us in.
    #[error("{what} cannot be read: the system's keyring is not there: {why}")]
    NoKeyring {
        /// The reference as written.
        what: String,
        /// What the system said.
        why: String,
    },
    /// The keyring does not know it.
    #[error("{what} is not in the keyring")]
    NotInKeyring {
        /// The reference as written.
        what: String,
    },
    /// The keyring stayed silent: it may wait for a person to unlock it.
    #[error("{what} cannot be read: the keyring did not answer within {:.0} s", .after.as_secs_f64())]
    KeyringSilent {
        /// The reference as written.
        what: String,
        /// The deadline that passed.
        after: Duration,
    },
}

impl Fault {
    /// What to do.
    #[must_use]
    pub fn help(&self) -> String {
        match self {
            Self::File { .. } => {
                "create the file, or correct the path (a relative one starts at the registry file)".to_owned()
            }
            Self::EnvFile { .. } => "create the file, or take the key out".to_owned(),
            Self::NotPlain { .. } => "name a plain file".to_owned(),
            Self::TooLong { .. } => "name the file that holds the secret alone".to_owned(),
            Self::NotText { .. } => "save it as UTF-8 text without NUL characters".to_owned(),
            Self::Empty { .. } => "put the secret into it; an empty one is never passed on".to_owned(),
            Self::EnvFileLine { .. } => "write NAME=value, with the value in quotes if it has spaces".to_owned(),
            Self::RequiredMissing { .. } => {
                "set them in the env file, under `env`, or where mcporch is started".to_owned()
            }
            Self::NoKeyringBuiltIn { .. } => {
                "build it with `--features keyring`, or use ${file:PATH} or ${VAR}".to_owned()
            }
            Self::NoKeyring { .. } => "log in to a desktop with a keyring, or use ${file:PATH} or ${VAR}".to_owned(),
            Self::NotInKeyring { what } => {
                let inner = what.trim_start_matches("${keyring:").trim_end_matches('}');
                format!("`mcporch secrets set {inner}` stores it")
            }
            Self::KeyringSilent { .. } => "unlock it, then try again".to_owned(),
        }
    }
}

fn is_or_are(names: &[String]) -> String {
    format!("{} {}", names.join(", "), if names.len() == 1 { "is" } else { "are" })
}
