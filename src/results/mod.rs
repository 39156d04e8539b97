//! Results that are too large to be handed to a model at once: kept for a while under a handle that belongs to who called, and
//! given out in pages, by pattern, by JSON path or by meaning. A large one lies in a file without a name, so that memory stays
//! small and nothing is left behind. Nothing is cut without saying how much there is. This room knows no MCP surface and no
//! embedder, and it must not run on the runtime's thread where it says that it blocks.

mod blocks;
mod body;
mod digest;
mod error;
mod grep;
mod json_path;
mod page;
mod search;
mod shape;
mod store;
#[cfg(test)]
mod tests;
mod unescape;

pub use blocks::{Block, Reading, reading};
pub use digest::{Kept, Preview, Provenance};
pub use error::Error;
pub use grep::{Grep, Grepped};
pub use json_path::FoundNodes;
pub use page::Page;
pub use search::{Passage, Passages};
pub use store::{Limits, Results};
