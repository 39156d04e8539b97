//! From a request to a decision: the tools in order, how sure we are, and what may be done with that. Pure: it reads a
//! snapshot and numbers, knows no session and no server, and never runs anything.

mod calibration;
mod decision;
mod evidence;
mod learned;
mod model;
mod parts;
mod ranking;
mod reasons;
mod steps;
mod values;

#[cfg(test)]
mod learned_tests;
#[cfg(test)]
mod tests;

pub use calibration::{FEATURE_NAMES, Features};
pub use decision::{Bars, Decision, decide};
pub use evidence::Evidence;
pub use learned::{LEARNED_SHIFT_MAX, Learned};
pub use parts::{Parts, parts};
pub use ranking::{Candidate, RankOptions, Ranking, look, rank};
pub use reasons::Reason;
pub use steps::{StepText, split_steps};
