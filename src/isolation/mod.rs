//! Starts a child so that nothing of it outlives us, and so that it may do no more than it was allowed. Knows processes,
//! namespaces and limits of the system, and nothing of MCP. It must never decide when a server starts or stops, and never
//! start one with less protection than was asked for without being told that this is all right.

#[cfg(target_os = "linux")]
mod calls;
#[cfg(target_os = "linux")]
mod cgroup;
#[cfg(unix)]
mod container;
mod demand;
mod error;
#[cfg(target_os = "linux")]
mod folders;
mod give_back;
#[cfg(unix)]
mod kept;
#[cfg(target_os = "linux")]
mod namespaces;
#[cfg(target_os = "linux")]
mod open_files;
#[cfg(unix)]
mod order;
mod plan;
mod probe;
#[cfg(target_os = "linux")]
mod processes;
#[cfg(unix)]
mod restrict;
#[cfg(unix)]
mod shim;
mod start;
#[cfg(target_os = "linux")]
mod strays;
#[cfg(test)]
mod tests;
#[cfg(target_os = "linux")]
mod trial;
mod usage;

pub use demand::{Demand, Level, Program};
pub use error::Error;
pub use give_back::{give_pages_back, give_program_back};
pub use probe::{LevelProbe, Probe, probe};
#[cfg(unix)]
pub use shim::run_shim;
pub use start::{Ended, Process, Started, start};
pub use usage::{TreeUsage, tree_usage};
