//! mcporch: one MCP entry in front of all your MCP servers. ARCHITECTURE.md shows the rooms and who may use whom.

pub mod alerts;
pub mod app;
pub mod audit;
pub mod backup;
pub mod catalog;
pub mod cli;
pub mod config;
pub mod demo_server;
pub mod doctor;
pub mod domain;
pub mod effects;
pub mod embedder;
pub mod evaluation;
pub mod gateway;
pub mod history;
pub mod index;
pub mod isolation;
pub mod keys;
pub mod local_socket;
pub mod monitor;
pub mod oauth;
pub mod operations;
pub mod reconcile;
pub mod results;
pub mod router;
pub mod routes;
pub mod secrets;
pub mod server_logs;
pub mod service;
pub mod supervisor;
pub mod telemetry;
#[cfg(unix)]
pub mod top;
pub mod upstream;
pub mod web;
pub mod wire;
