//! How closely a server is held: `[sandbox]` of the settings, and the keys of an entry that say it for one server.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Fault;
use super::json::Node;
use super::settings_file::SandboxFile;
use super::values::{At, text};

/// How closely a server is held; each holds what the one before it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SandboxLevel {
    /// Not at all.
    None,
    /// Nothing of it outlives mcporch.
    Basic,
    /// It writes only where it may, and cannot use dangerous system calls.
    Standard,
    /// No network, temporary folders of its own, a root that is read-only.
    Strict,
    /// In a container of docker or podman.
    Container,
}

/// What to do with a server whose level cannot be had on this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SandboxFallback {
    /// It is not started.
    Refuse,
    /// It is started at the closest level that can be had, with a warning.
    Allow,
}

/// `[sandbox]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SandboxSettings {
    /// For servers whose entry names none.
    pub level: SandboxLevel,
    /// For servers whose entry does not say.
    pub fallback: SandboxFallback,
    /// Processes and threads of one server with all that it starts, where a cgroup can be had.
    pub processes_max: u32,
    /// Open files of each process of a server.
    pub files_max: u64,
    /// Folders that servers of level `standard` may write besides their own; absolute.
    pub write_folders: Vec<PathBuf>,
}

impl From<SandboxFile> for SandboxSettings {
    fn from(file: SandboxFile) -> Self {
        Self {
            level: file.default_level,
            fallback: file.fallback,
            processes_max: file.processes_max,
            files_max: file.files_max,
            write_folders: file.write_folders.into_iter().map(PathBuf::from).collect(),
        }
    }
}

/// What an entry says about its server's sandbox; `None` where it leaves it to the settings.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sandbox {
    /// `sandbox`.
    pub level: Option<SandboxLevel>,
    /// `sandbox_fallback`.
    pub fallback: Option<SandboxFallback>,
    /// `network`: whether it may use the network. As the level has it when the entry does not say.
    pub network: Option<bool>,
    /// `read_folders`: what it may read from level `standard` on, besides the system's folders; all when empty. Absolute.
    pub read_folders: Vec<PathBuf>,
    /// `write_folders`: what it may write from level `standard` on. Absolute.
    pub write_folders: Vec<PathBuf>,
    /// `image`: the image of its container.
    pub image: Option<String>,
}

pub(super) fn level(at: &At<'_>, node: &Node) -> Result<SandboxLevel, Fault> {
    let help = r#"write "none", "basic", "standard", "strict" or "container""#;
    word(at, node, "level of the sandbox", help)
}

pub(super) fn fallback(at: &At<'_>, node: &Node) -> Result<SandboxFallback, Fault> {
    word(at, node, "answer to a level that cannot be had", r#"write "refuse" or "allow""#)
}

fn word<T: serde::de::DeserializeOwned>(at: &At<'_>, node: &Node, what: &str, help: &str) -> Result<T, Fault> {
    let word = text(at, node)?;
    let known = serde_json::from_value(serde_json::Value::from(word.as_str()));
    known.map_err(|_| at.fault(node.line, format!("`{word}` is no {what}"), help))
}
