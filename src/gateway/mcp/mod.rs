//! MCP towards the client, over stdio: four tools in both protocol eras. Written on the line level, since what a tool
//! answers passes through here without being parsed, and a call must cost microseconds; rmcp's typed server would drop
//! fields that it does not know and take several times as long (PROTOCOL notes in ARCHITECTURE.md).

mod answer;
mod arguments;
mod client;
mod feedback_argument;
mod four_tools;
mod hello;
mod render;
mod stdio;
#[cfg(test)]
mod tests;

pub use client::{ClientLimits, Session, serve};
#[cfg(unix)]
pub use stdio::streams_over;
pub use stdio::{Streams, stdio};
