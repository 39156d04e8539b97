//! What is asked for: which program, and how much it may do.

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// How closely a server is held. Each level holds what the one before it holds, but for [`Level::Container`], where the
/// container engine does it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// A plain child in a process group of its own. What it leaves behind when we are killed stays.
    None,
    /// Nothing of it outlives us; it gains no rights by set-uid programs, writes no core files, and inherits no open files.
    Basic,
    /// It also writes only where it may, cannot use dangerous system calls, and has its own process numbers where the
    /// system allows that.
    Standard,
    /// It also has no network, a temporary folder of its own, and a root that cannot be written.
    Strict,
    /// It runs in a container of docker or podman.
    Container,
}

impl Level {
    /// All, loosest first.
    pub const ALL: [Self; 5] = [Self::None, Self::Basic, Self::Standard, Self::Strict, Self::Container];

    /// The word for it in files.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Basic => "basic",
            Self::Standard => "standard",
            Self::Strict => "strict",
            Self::Container => "container",
        }
    }

    /// The level of this word.
    #[must_use]
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.word() == word)
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// How much a server may do.
#[derive(Debug, Clone, PartialEq)]
pub struct Demand {
    /// How closely it is held.
    pub level: Level,
    /// When the level cannot be had here: start it at the closest one that can (and say so in the log) instead of refusing.
    pub fallback_allowed: bool,
    /// Memory of the whole tree in bytes: kept by a cgroup where one can be had, else the data of each process is bounded
    /// at one and a half times that.
    pub memory_bytes_max: Option<u64>,
    /// Processor cores, a part of one too; kept by a cgroup where one can be had, else not at all.
    pub cpu_cores_max: Option<f64>,
    /// Processes and threads of the tree; kept by a cgroup where one can be had, else not at all.
    pub processes_max: u32,
    /// Open files of each of its processes.
    pub files_max: u64,
    /// Whether it may use the network. `None`: as the level has it.
    pub network: Option<bool>,
    /// From [`Level::Standard`] on: the folders it may read, besides the system's; all when empty.
    pub read_folders: Vec<PathBuf>,
    /// From [`Level::Standard`] on: the folders it may write. One that does not exist is passed over.
    pub write_folders: Vec<PathBuf>,
    /// For [`Level::Container`]: the image.
    pub image: Option<String>,
}

impl Default for Demand {
    /// [`Level::Basic`], with the bounds of the default settings.
    fn default() -> Self {
        Self {
            level: Level::Basic,
            fallback_allowed: false,
            memory_bytes_max: None,
            cpu_cores_max: None,
            processes_max: 512,
            files_max: 65_536,
            network: None,
            read_folders: Vec::new(),
            write_folders: Vec::new(),
            image: None,
        }
    }
}

/// What to start. `Debug` shows neither arguments nor variables, which may be secret.
#[derive(Clone)]
pub struct Program {
    /// The server's name, for messages and for the list of processes.
    pub server: String,
    /// The program's file; absolute.
    pub file: PathBuf,
    /// Its arguments.
    pub args: Vec<String>,
    /// Its whole environment; of a name that stands twice the later value counts.
    pub env: Vec<(String, String)>,
    /// The names of those variables that were declared for this very server; a container gets only these.
    pub declared_env: Vec<String>,
    /// Folder to start in; ours when `None`.
    pub cwd: Option<PathBuf>,
}

impl fmt::Debug for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Program").field("server", &self.server).field("file", &self.file).finish_non_exhaustive()
    }
}
