//! Which build of mcporch a process is.

use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};

/// Tells builds apart without reading the program, which has tens of megabytes: by version, size and time of the file. A
/// copy of the same build counts as another, which costs one hand over of an idle daemon and nothing else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Build {
    /// `CARGO_PKG_VERSION`.
    pub version: String,
    /// Bytes of the program's file.
    pub size: u64,
    /// When the program's file was written, in nanoseconds since 1970; 0 when the system does not say.
    pub modified_ns: u64,
}

impl Build {
    /// Of this process. Must be asked early: later another file may lie where the program was.
    #[must_use]
    pub fn own() -> Self {
        let about = std::env::current_exe().and_then(std::fs::metadata).ok();
        let since_1970 = about.as_ref().and_then(|about| about.modified().ok()?.duration_since(UNIX_EPOCH).ok());
        Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            size: about.map_or(0, |about| about.len()),
            modified_ns: since_1970.and_then(|since| u64::try_from(since.as_nanos()).ok()).unwrap_or(0),
        }
    }

    /// Whether this build should take the place of the other: it is another one, and was written later. An older program
    /// that is started after a newer one does not drive it out.
    #[must_use]
    pub fn is_newer_than(&self, other: &Self) -> bool {
        self != other && self.modified_ns > other.modified_ns
    }
}

#[cfg(test)]
mod tests {
    use super::Build;

    #[test]
    fn only_a_later_build_takes_over() {
        let build = |version: &str, modified_ns| Build { version: version.to_owned(), size: 1, modified_ns };
        let check = |own: (&str, u64), other: (&str, u64), expected| {
            assert_eq!(build(own.0, own.1).is_newer_than(&build(other.0, other.1)), expected, "{own:?} {other:?}");
        };
        check(("1", 5), ("1", 5), false);
        check(("1", 6), ("1", 5), true);
        check(("2", 4), ("1", 5), false);
        check(("2", 5), ("1", 5), false);
        assert!(Build::own().size > 0 && Build::own() == Build::own());
    }
}
