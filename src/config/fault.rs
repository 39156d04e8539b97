//! One thing that is wrong with the configuration, told so that a person can repair it.

use std::fmt;
use std::path::{Path, PathBuf};

/// A fault. `Display` is one line, `FILE:LINE: key: message; help`, without the parts that are empty. It never holds a
/// value out of a server's entry, which may be a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The file; `environment` or `--set` for a setting that came from there.
    pub file: PathBuf,
    /// The line, from 1; 0 when the fault has none.
    pub line: usize,
    /// The path of keys, such as `mcpServers.git.args[1]`; empty for a whole file.
    pub key: String,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub help: String,
}

impl Fault {
    pub(super) fn new(
        file: &Path,
        line: usize,
        key: impl Into<String>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Self {
        let file = file.to_owned();
        Self { file, line, key: key.into(), message: message.into(), help: help.into() }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = self.file.display().to_string();
        if self.line > 0 {
            text.push(':');
            text.push_str(&self.line.to_string());
        }
        for part in [&self.key, &self.message] {
            if !part.is_empty() {
                text.push_str(": ");
                text.push_str(part);
            }
        }
        if !self.help.is_empty() {
            text.push_str("; ");
            text.push_str(&self.help);
        }
        // Names and messages may come from a file: one fault stays one line, whatever is in it.
        for c in text.chars() {
            if c.is_control() { write!(f, "{}", c.escape_default())? } else { fmt::Write::write_char(f, c)? }
        }
        Ok(())
    }
}
