//! The settings of WebSocket clients and of those who follow events.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

/// Clients over WebSocket, and those who follow events.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct WebsocketFile {
    /// From one ping to the next, in seconds.
    #[schemars(range(min = 1, max = 3600))]
    pub(super) ping_s: u64,
    /// Requests with an id that may be in flight on one connection.
    #[schemars(range(min = 1, max = 10_000))]
    pub(super) in_flight_max: usize,
    /// What waits to be written to one client before nothing more is read from him, in bytes.
    #[schemars(range(min = 4096, max = 1_073_741_824))]
    pub(super) queue_bytes_max: usize,
    /// For a client to take anything of what is written to him, in seconds.
    #[schemars(range(min = 1, max = 3600))]
    pub(super) write_timeout_s: u64,
    /// For a client to show a key where one is needed, in seconds.
    #[schemars(range(min = 1, max = 3600))]
    pub(super) auth_timeout_s: u64,
    /// Lines of one server's log that are passed on to those who follow it, in a second.
    #[schemars(range(min = 4, max = 100_000))]
    pub(super) log_lines_per_s_max: usize,
}

/// `[websocket]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebsocketSettings {
    /// From one ping to the next.
    pub ping_every: Duration,
    /// Requests with an id that may be in flight on one connection.
    pub in_flight_max: usize,
    /// What waits to be written to one client before nothing more is read from him, in bytes.
    pub queue_bytes_max: usize,
    /// For a client to take anything of what is written to him.
    pub write_timeout: Duration,
    /// For a client to show a key where one is needed.
    pub auth_timeout: Duration,
    /// Lines of one server's log that are passed on to those who follow it, in a second.
    pub log_lines_per_s_max: usize,
}

impl From<WebsocketFile> for WebsocketSettings {
    fn from(file: WebsocketFile) -> Self {
        let seconds = Duration::from_secs;
        Self {
            ping_every: seconds(file.ping_s),
            in_flight_max: file.in_flight_max,
            queue_bytes_max: file.queue_bytes_max,
            write_timeout: seconds(file.write_timeout_s),
            auth_timeout: seconds(file.auth_timeout_s),
            log_lines_per_s_max: file.log_lines_per_s_max,
        }
    }
}
