//! The audit log: who did what through mcporch, and who was not let in. One line of JSON for each, each with the hash of the one before, so
//! that a line that was changed, taken out or put in shows. A thread behind a bounded queue writes them, so that nobody waits for the disk;
//! what did not fit is counted, and the count is a record too. Arguments, results and words of requests never stand in it: of parameters
//! there is a hash. It must never be changed but at its end, and only by what is in this room.

mod chain;
mod entry;
mod error;
mod files;
mod flood;
mod log;
mod observe;
mod page;
#[cfg(test)]
mod tests;
mod verify;
mod writer;

pub use entry::{Entry, Event, ParamsDigest};
pub use error::Error;
pub use log::{Log, Options, Told};
pub use observe::Missing;
pub use page::{Filter, Page, page};
pub use verify::{Broken, Chain, verify};
pub use writer::append;
