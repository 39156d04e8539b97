//! Thin adapters between a protocol and the verbs: each reads its own wire format, calls one operation, and writes the
//! answer. Nothing here decides, and only the MCP adapter ever writes to stdout.

pub mod dashboard;
pub mod http;
#[cfg(unix)]
pub mod local;
pub mod mcp;
mod rest;
pub mod verbs;
pub mod watch;
pub mod ws;
