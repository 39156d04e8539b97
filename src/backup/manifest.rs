//! The first entry of a backup: what is in it.

use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};

/// The format that this version writes, and the latest that it reads.
pub(super) const FORMAT: u32 = 1;
/// The name of the manifest's entry.
pub(super) const NAME: &str = "manifest.json";
/// Longest manifest, in bytes. A guess: ten thousand parts fit.
pub(super) const BYTES_MAX: u64 = 4 << 20;
/// Longest name of a part, in bytes: what an entry's header takes for sure.
const PATH_BYTES_MAX: usize = 99;

/// What is in a backup.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Manifest {
    /// [`FORMAT`] of who wrote it.
    pub(super) format: u32,
    /// The version of mcporch that made it.
    pub(super) mcporch: String,
    /// When, RFC 3339.
    pub(super) made_at: String,
    /// In the order of the entries behind the manifest.
    pub(super) parts: Vec<Part>,
}

/// One file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Part {
    /// Below the home, with slashes.
    pub(super) path: String,
    pub(super) bytes: u64,
    pub(super) sha256: String,
    /// `user_version` of a database; absent for any other file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) layout: Option<i64>,
    /// May its owner run it?
    #[serde(default)]
    pub(super) is_program: bool,
}

/// The path as one below a home: plain names only, nothing hidden of ours, nothing that any system reads in another way.
pub(super) fn below_home(name: &str) -> Option<PathBuf> {
    let path = Path::new(name);
    let is_plain = |part: Component<'_>| matches!(part, Component::Normal(_));
    let is_fit = !name.is_empty()
        && name.len() <= PATH_BYTES_MAX
        && !name.contains(['\\', ':', '\0'])
        && !name.chars().any(char::is_control)
        && !name.starts_with('/')
        && !name.ends_with('/')
        && !name.split('/').any(|part| part.is_empty() || part == "." || part == "..")
        && path.components().all(is_plain)
        && !super::contents::is_ours_for_now(name);
    is_fit.then(|| path.to_owned())
}
