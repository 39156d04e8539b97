//! Starts a child so that nothing of it outlives us, and so that it may do no more than it was allowed. Knows processes,
//! namespaces and limits of the system, and nothing of MCP. It must never decide when a server starts or stops, and never
//! start one with less protection than was asked for without being told that this is all right.

mod processes;
#[cfg(test)]
mod tests;
mod usage;

pub use usage::{TreeUsage, tree_usage};
