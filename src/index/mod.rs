//! Vectors and words of all tools, ready to be searched: one immutable [`Snapshot`] per generation of the catalogue.
//! It scores, it does not judge: what a score is worth, and what may run, is the router's business. It is derived from
//! the catalogue, can be rebuilt at any time, and never reads or writes a file.

mod actions;
mod embedded_text;
mod error;
mod examples;
mod fields;
mod graph;
mod kernel;
mod related;
mod snapshot;
mod text;
mod vectors;
mod words;

#[cfg(test)]
mod tests;

pub use embedded_text::{examples_to_embed, first_sentence, texts_to_embed};
pub use error::Error;
pub use fields::Overlap;
pub use snapshot::{NamedBy, Scores, Snapshot};
pub use text::{plain_words, words};

use std::sync::Arc;

use crate::domain::{Hints, Tool};

/// One tool with all that it is found by.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The tool.
    pub tool: Arc<Tool>,
    /// What the operator wrote about its server.
    pub server_hints: Arc<Hints>,
    /// What the operator wrote about the tool.
    pub tool_hints: Arc<Hints>,
    /// One unit vector per text of [`texts_to_embed`], all of one model. None at all: the tool is found by words only.
    pub vectors: Vec<Arc<[f32]>>,
    /// One unit vector per text of [`examples_to_embed`], of the same model, or none at all.
    pub examples: Vec<Arc<[f32]>>,
}

/// How meaning is searched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Kind {
    /// Exact up to a number of tools, the graph above it.
    #[default]
    Auto,
    /// Every tool is compared: exact, 11 µs per 1,000 tools.
    Exact,
    /// A graph (HNSW) leads to the nearest: some are missed, the time hardly grows, the building is slow.
    Hnsw,
}

/// How a snapshot is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Which search.
    pub kind: Kind,
    /// For [`Kind::Auto`]: the most tools that are searched exactly.
    pub exact_tools_max: usize,
}

impl Default for Options {
    /// `Auto`, exact up to 50,000 tools. With 20,843 real ones the scan still ranked faster than the graph (.85 to 1.4 ms
    /// in the middle), which took 13 s to build; at 100,000 a scan alone takes 1.5 ms.
    fn default() -> Self {
        Self { kind: Kind::Auto, exact_tools_max: 50_000 }
    }
}
