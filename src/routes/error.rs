//! What can be wrong with a routes file.

use std::fmt;
use std::io;

/// Faults that are told at once: enough to mend a file in one go, few enough to read.
const FAULTS_SHOWN_MAX: usize = 20;

/// Why there are no routes to test.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or folder could not be read.
    #[error("cannot read the routes in {file}")]
    File {
        /// As it was named.
        file: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A file that no one could have written by hand.
    #[error("{file} is longer than {bytes_max} bytes; split it, and give the parts or their folder")]
    TooLong {
        /// The file.
        file: String,
        /// The limit.
        bytes_max: u64,
    },
    /// More routes than are tested in one go.
    #[error("{file} is the file with which there are more than {routes_max} routes; test some of the files at a time")]
    TooMany {
        /// The file that is one too many.
        file: String,
        /// The limit.
        routes_max: usize,
    },
    /// A folder without a routes file.
    #[error("{folder} has no file that ends in .yaml, .yml or .json")]
    EmptyFolder {
        /// The folder.
        folder: String,
    },
    /// Files that are not what the format asks for: every fault of every file, at least one.
    #[error("{}", several(faults))]
    Faults {
        /// In the order of the files and lines.
        faults: Vec<Fault>,
    },
}

/// One thing that is wrong with a file. `Display` is one line, `FILE:LINE: key: message; help`, without what is empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The file as it was named; `-` is standard input.
    pub file: String,
    /// From 1; 0 when the fault has no line.
    pub line: usize,
    /// The key it is about; empty when it is about none.
    pub key: String,
    /// What is wrong.
    pub message: String,
    /// What to do; may be empty.
    pub help: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = self.file.clone();
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
        // Keys come from a file: one fault stays one line, whatever is in it.
        for c in text.chars() {
            if c.is_control() { write!(f, "{}", c.escape_default())? } else { fmt::Write::write_char(f, c)? }
        }
        Ok(())
    }
}

fn several(faults: &[Fault]) -> String {
    let mut lines: Vec<String> = faults.iter().take(FAULTS_SHOWN_MAX).map(ToString::to_string).collect();
    if faults.len() > lines.len() {
        lines.push(format!("and {} more", faults.len() - lines.len()));
    }
    lines.join("\n")
}
