//! Secrets that the registry only points at: `${file:PATH}`, `${keyring:SERVICE/NAME}` and env files. They are read when
//! a server starts, for that server alone; what was read is hidden wherever mcporch writes. This room never prints a
//! value, never writes one back into a file, and never gives one server what belongs to another.

mod dotenv;
mod error;
mod forms;
mod keyring;
mod late_env;
mod names;
mod read;
mod redactor;
mod template;
#[cfg(test)]
mod tests;

use std::fmt;
use std::path::PathBuf;

pub use error::{Error, Fault};
pub use keyring::{delete as delete_from_keyring, get as get_from_keyring, has_keyring, set as set_in_keyring};
pub use late_env::{EnvFile, Examined, LateEnv, LateVariable, Resolved};
pub use names::{is_secret_name, password_in_address};
pub use redactor::{MASK, Redactor, redactor};
pub use template::{Piece, Template};

/// Where a reference stands. `Display` is `FILE:LINE: KEY`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Place {
    /// The registry file.
    pub file: PathBuf,
    /// The line, from 1.
    pub line: usize,
    /// The path of keys, such as `mcpServers.git.env.TOKEN`.
    pub key: String,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file.display(), self.line, self.key)
    }
}
