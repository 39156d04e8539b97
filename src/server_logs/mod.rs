//! The log of each server: what it wrote to stderr and what we did with it, one line each, in files of a bounded size below
//! `logs/servers/` of the home. Writing never waits: lines go through a bounded queue to one thread, and what does not fit is
//! counted and said. Nothing here may stop or slow a server, whatever the disk does; and nothing here hides secrets: lines
//! come in cleaned.

mod error;
mod file_name;
mod follow;
mod line;
mod read;
mod rotate;
#[cfg(test)]
mod tests;
mod writer;

pub use error::Error;
pub use file_name::file_name;
pub use follow::Follower;
pub use line::{LogLine, Source};
pub use read::tail;
pub use writer::{Limits, ServerLog, ServerLogs};
