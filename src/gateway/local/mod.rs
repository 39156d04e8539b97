//! The daemon's side of the local socket: takes connections of its own user, serves MCP clients on the descriptors that
//! they hand over, and answers control requests. It serves nobody else, waits for no greeting without a deadline, and
//! decides nothing: what a control request does is a verb.

mod client;
mod connection;
mod control;
mod presence;
mod service;

pub use presence::Presence;
pub use service::{Checks, Limits, Service, listen};
