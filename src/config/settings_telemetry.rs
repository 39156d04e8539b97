//! The settings of traces and figures that are sent elsewhere.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

/// Traces and figures that are sent to others.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TelemetryFile {
    /// Where they are sent by OTLP, an `http` or `https` address; empty sends none. `OTEL_EXPORTER_OTLP_ENDPOINT` is read too.
    pub(super) otlp_endpoint: String,
    /// For one request, in milliseconds.
    #[schemars(range(min = 100, max = 120_000))]
    pub(super) otlp_timeout_ms: u64,
}

/// `[telemetry]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TelemetrySettings {
    /// Where traces and figures are sent by OTLP; `None` sends none.
    pub otlp_endpoint: Option<String>,
    /// For one request.
    pub otlp_timeout: Duration,
}

impl From<TelemetryFile> for TelemetrySettings {
    fn from(file: TelemetryFile) -> Self {
        Self {
            otlp_endpoint: (!file.otlp_endpoint.is_empty()).then_some(file.otlp_endpoint),
            otlp_timeout: Duration::from_millis(file.otlp_timeout_ms),
        }
    }
}
