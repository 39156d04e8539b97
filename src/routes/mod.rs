//! Requests with known answers, written by a user to test the routing over his own servers: reads such files, judges what
//! routing made of each request, compares two runs, and writes them down for machines. Pure but for reading the files: it
//! routes nothing itself, so that nothing here can be right where `execute` would be wrong.

mod compare;
mod error;
mod judge;
mod junit;
mod parse;
mod read;
mod run;
#[cfg(test)]
mod tests;
mod tree;

pub use compare::{Change, ChangeKind, Comparison, Glance, ServerShare, compare};
pub use error::{Error, Fault};
pub use judge::{Connected, Failure, Missing, Seen, SeenTool, Verdict, decision_word, judge};
pub use junit::junit;
pub use parse::{Expected, Route, RoutesFile, TOP_MAX, parse};
pub use read::read;
pub use run::{Figures, Group, Outcome, Run};
