//! The settings of what is kept for dashboards and scrapers.

use schemars::JsonSchema;
use serde::Deserialize;

/// What is kept of what goes on, for dashboards and scrapers.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct MonitorFile {
    /// Keep calls, samples of servers and figures?
    pub(super) enabled: bool,
    /// Calls that are kept, in memory alone.
    #[schemars(range(min = 0, max = 1_000_000))]
    pub(super) calls_max: usize,
    /// What they may take together, in bytes.
    #[schemars(range(min = 0, max = 1_073_741_824))]
    pub(super) calls_bytes_max: usize,
    /// How much of the parameters of each call is kept, in bytes; 0 keeps neither parameters nor requests.
    #[schemars(range(min = 0, max = 1_048_576))]
    pub(super) params_bytes_max: usize,
    /// Write what servers used into a file, so that it outlives this process?
    pub(super) write_samples: bool,
}

/// `[monitor]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MonitorSettings {
    /// Whether anything is kept.
    pub enabled: bool,
    /// Calls that are kept.
    pub calls_max: usize,
    /// What they may take together, in bytes.
    pub calls_bytes_max: usize,
    /// How much of the parameters of each call is kept, in bytes; 0 keeps neither parameters nor requests.
    pub params_bytes_max: usize,
    /// Whether samples are written into a file.
    pub write_samples: bool,
}

impl From<MonitorFile> for MonitorSettings {
    fn from(file: MonitorFile) -> Self {
        Self {
            enabled: file.enabled,
            calls_max: file.calls_max,
            calls_bytes_max: file.calls_bytes_max,
            params_bytes_max: file.params_bytes_max,
            write_samples: file.write_samples,
        }
    }
}
