//! Measures routing on folders of requests with known answers, with the metric definitions of the project's benchmark
//! data. It reads the folders, ranks with the rooms below exactly as a request would be, and prints nothing.

mod error;
mod features;
mod history;
mod metrics;
mod report;
mod run;
mod set;

#[cfg(test)]
mod tests;

pub use error::Error;
pub use history::{HistoryReport, ReplayedRoute, compare_history};
pub use report::{Mean, Report, SetReport};
pub use run::{EvaluationOptions, run};
