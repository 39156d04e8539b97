//! The program from outside: real processes, real pipes, real servers (our own, with every fault as a flag).
//! One binary, so that the library is linked once.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[cfg(unix)]
mod access;
mod auth;
mod care;
mod cli;
#[cfg(target_os = "linux")]
mod daemon;
#[cfg(unix)]
mod dashboard;
mod doctor;
mod faults;
mod harness;
mod homes;
#[cfg(unix)]
mod http;
#[cfg(unix)]
mod http_access;
mod isolation;
mod learning;
mod monitor;
mod ops;
mod protocol;
mod remote;
#[cfg(unix)]
mod rest;
mod results;
mod routing;
mod secrets;
mod steps;
#[cfg(target_os = "linux")]
mod supervision;
#[cfg(target_os = "linux")]
mod supervision_faults;
mod test_command;
mod tidy;
#[cfg(unix)]
mod top;
#[cfg(unix)]
mod traces;
#[cfg(unix)]
mod ws;
