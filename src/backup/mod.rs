//! Backup and restore of the home: one file with everything that cannot be had again (settings, registry files, the catalog,
//! the history), each part with its hash. Making one disturbs nobody who uses the home; restoring one checks all of it before
//! anything is replaced, and a crash at any moment leaves the old state or the new one, never a mixture. No path of a backup
//! is ever used outside of the home.

mod contents;
mod error;
mod in_use;
mod manifest;
mod pack;
mod swap;
#[cfg(test)]
mod tests;
mod unpack;

pub use error::Error;
pub use pack::{Made, Request, backup};
pub use swap::finish_interrupted;
pub use unpack::{Restore, Restored, restore};
