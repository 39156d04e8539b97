//! The settings of what is done with large results.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

/// What is done with large results of tools.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ResultsFile {
    /// A result with more text than that is kept, and a handle given in its place, in bytes; 0 hands over all.
    #[schemars(range(min = 0, max = 1_073_741_824))]
    pub(super) inline_bytes_max: usize,
    /// A larger result is refused, in bytes.
    #[schemars(range(min = 65536, max = 1_073_741_824))]
    pub(super) result_bytes_max: usize,
    /// Bytes of all results that are kept; the oldest go.
    #[schemars(range(min = 65536, max = 68_719_476_736_u64))]
    pub(super) keep_bytes_max: usize,
    /// Results that are kept at once; the oldest go.
    #[schemars(range(min = 1, max = 10000))]
    pub(super) entries_max: usize,
    /// How long a result is kept after it was last asked for, in seconds.
    #[schemars(range(min = 1, max = 604_800))]
    pub(super) keep_s: u64,
}

/// `[results]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResultsSettings {
    /// A result with more text than that is kept and given as a handle; 0 hands over all.
    pub inline_bytes_max: usize,
    /// A larger result is refused.
    pub result_bytes_max: usize,
    /// Bytes of all results that are kept.
    pub keep_bytes_max: usize,
    /// Results that are kept at once, at least 1.
    pub entries_max: usize,
    /// How long a result is kept after it was last asked for.
    pub keep: Duration,
}

impl From<ResultsFile> for ResultsSettings {
    fn from(file: ResultsFile) -> Self {
        Self {
            inline_bytes_max: file.inline_bytes_max,
            result_bytes_max: file.result_bytes_max,
            keep_bytes_max: file.keep_bytes_max,
            entries_max: file.entries_max,
            keep: Duration::from_secs(file.keep_s),
        }
    }
}
