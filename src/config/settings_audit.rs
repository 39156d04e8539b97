//! The settings of the audit log.

use schemars::JsonSchema;
use serde::Deserialize;

/// Who did what, and who was not let in.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AuditFile {
    /// Keep it?
    pub(super) enabled: bool,
    /// Run nothing while it cannot be written?
    pub(super) required: bool,
    /// A record older than that goes, with its whole file, in days.
    #[schemars(range(min = 1, max = 36_500))]
    pub(super) keep_days: u32,
    /// Longest file, in bytes.
    #[schemars(range(min = 65_536, max = 1_073_741_824))]
    pub(super) file_bytes_max: u64,
    /// Records that wait for the disk.
    #[schemars(range(min = 16, max = 1_000_000))]
    pub(super) queue_len: usize,
}

/// `[audit]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditSettings {
    /// Whether it is kept.
    pub enabled: bool,
    /// Whether nothing runs while it cannot be written.
    pub required: bool,
    /// A record older than that goes, with its whole file, in days.
    pub keep_days: u32,
    /// Longest file, in bytes.
    pub file_bytes_max: u64,
    /// Records that wait for the disk.
    pub queue_len: usize,
}

impl From<AuditFile> for AuditSettings {
    fn from(file: AuditFile) -> Self {
        Self {
            enabled: file.enabled,
            required: file.required,
            keep_days: file.keep_days,
            file_bytes_max: file.file_bytes_max,
            queue_len: file.queue_len,
        }
    }
}
