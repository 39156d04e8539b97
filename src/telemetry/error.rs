//! What can go wrong before the first line.

use std::io;
use std::path::PathBuf;

/// Logs, traces or figures cannot be given where the settings want them.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The log file cannot be opened.
    #[error("log file {path} cannot be opened; see log.file in the settings", path = .path.display())]
    LogFile {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The address is none that something can be sent to.
    #[cfg(feature = "otlp")]
    #[error("traces cannot be sent to {endpoint:?} (telemetry.otlp_endpoint, or OTEL_EXPORTER_OTLP_ENDPOINT)")]
    Otlp {
        /// The address.
        endpoint: String,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}
