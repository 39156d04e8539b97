//! A scriptable MCP server over standard input and output, inside our own binary: the quick start runs it, tests and
//! benches measure against it, and every misbehaviour that a server can have is a flag of it.
//!
//! It speaks both protocol eras, needs no network and no runtime (plain threads, so that it starts in about a
//! millisecond), and its tools really do what they say. It must never write outside the folder it was given, and must
//! never run as part of a gateway: it is a child process, or nothing.

mod answer;
mod arguments;
mod clock;
mod colour;
mod conformance;
mod csv;
mod custom;
mod dates;
mod demo_tool;
mod design;
mod echo;
mod error;
mod expression;
mod files;
mod flags;
mod folder;
mod kind;
mod listing;
mod maths;
mod message;
mod notes;
mod output;
mod process;
mod running;
mod session;
mod statistics;
mod tables;
#[cfg(test)]
mod tests;
mod text;
mod text_codes;
mod time_zones;
mod units;
mod world;

pub use error::Error;
pub use flags::{Era, Flags, Moment};
pub use kind::{DemoServer, Kind, catalogue};

/// Serves standard input and output until end of file, or until a flag says otherwise. Blocking.
///
/// # Errors
/// [`Error`] when a flag asked this process to die (its exit code is [`Error::exit_code`]), when a file named by a flag
/// cannot be read or written, or when standard input or output fails.
pub fn run(flags: &Flags) -> Result<(), Error> {
    session::run_process(flags)
}
