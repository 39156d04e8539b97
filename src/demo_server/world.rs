//! What a tool may touch besides its arguments: one folder, and the clock.

use std::path::PathBuf;
use std::time::UNIX_EPOCH;

use super::flags::Flags;

/// What a tool may touch.
pub(super) struct World {
    /// The only folder that tools read and write.
    pub(super) folder: Option<PathBuf>,
    /// Seconds since 1970-01-01 in UTC. A function, so that tests can stop the clock.
    pub(super) now_s: fn() -> i64,
}

impl World {
    pub(super) fn new(flags: &Flags) -> Self {
        Self { folder: flags.folder.clone(), now_s: system_now_s }
    }
}

/// The system's clock; 0 when it stands before 1970.
#[expect(clippy::disallowed_methods, reason = "this process is a server of its own, and tests replace this function")]
fn system_now_s() -> i64 {
    let since = std::time::SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
