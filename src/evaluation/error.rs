//! What can be wrong with a folder of requests.

use std::path::PathBuf;

use crate::{embedder, index};

/// Why nothing was measured.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file could not be read or written.
    #[error("cannot use {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A line that is not what the format asks for.
    #[error("{} line {line} is not what the format asks for", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
    /// A request whose right tool is not among the tools of its folder.
    #[error("{} line {line} expects {server}.{tool}, which is not in tools.jsonl beside it", path.display())]
    UnknownTool {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// The server it names.
        server: String,
        /// The tool it names.
        tool: String,
    },
    /// A group that names a tool by a number that the request does not have.
    #[error("{} line {line} has no right tools, or a group with a number beyond them", path.display())]
    BadGroup {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
    },
    /// The embedder failed.
    #[error("cannot embed the texts of {}", path.display())]
    Embed {
        /// The folder.
        path: PathBuf,
        /// What it said; boxed, it is large.
        #[source]
        source: Box<embedder::Error>,
    },
    /// The index refused the tools.
    #[error("cannot index the tools of {}", path.display())]
    Index {
        /// The folder.
        path: PathBuf,
        /// What it said.
        #[source]
        source: index::Error,
    },
    /// None of the folders has requests.
    #[error("none of the {count} folders has a queries.jsonl; the format is tools.jsonl and queries.jsonl in each")]
    NothingToDo {
        /// How many folders were given.
        count: usize,
    },
}
