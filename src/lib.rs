//! mcporch: one MCP entry in front of all your MCP servers. ARCHITECTURE.md shows the rooms and who may use whom.

pub mod catalog;
pub mod config;
pub mod demo_server;
pub mod domain;
pub mod embedder;
pub mod evaluation;
pub mod index;
pub mod operations;
pub mod reconcile;
pub mod router;
pub mod supervisor;
pub mod upstream;
pub mod wire;
