//! The folder that holds everything mcporch writes.

use std::path::{Path, PathBuf};

use super::{Env, Error};

/// The home: seven folders, the history, the samples, the quarantine and the API keys below one root. Invariant: the root is absolute.
/// Nothing here creates a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Home {
    root: PathBuf,
}

impl Home {
    /// A home at that folder; a relative path is taken from the working folder.
    #[must_use]
    pub fn at(root: &Path) -> Self {
        Self { root: std::path::absolute(root).unwrap_or_else(|_| root.to_owned()) }
    }

    /// `--home`, else `MCPORCH_HOME`, else `mcporch` in the platform's folder for application data.
    ///
    /// # Errors
    /// [`Error::NoHome`] when the variable that names that folder is not set either.
    pub fn find(asked: Option<&Path>, env: &dyn Env) -> Result<Self, Error> {
        if let Some(asked) = asked {
            return Ok(Self::at(asked));
        }
        if let Some(asked) = set(env, "MCPORCH_HOME") {
            return Ok(Self::at(Path::new(&asked)));
        }
        Ok(Self::at(&data_folder(env)?.join("mcporch")))
    }

    /// The folder itself.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// `config/`: settings and registry files.
    #[must_use]
    pub fn config(&self) -> PathBuf {
        self.root.join("config")
    }

    /// `models/`: downloaded embedding models.
    #[must_use]
    pub fn models(&self) -> PathBuf {
        self.root.join("models")
    }

    /// `index/`: the catalog and what is derived from it.
    #[must_use]
    pub fn index(&self) -> PathBuf {
        self.root.join("index")
    }

    /// `monitor.db`: what servers used. Deleting it costs the curves of the past alone.
    #[must_use]
    pub fn monitor(&self) -> PathBuf {
        self.root.join("monitor.db")
    }

    /// `history.db`: what was asked, and what was learned from it. Unlike the index it cannot be had again.
    #[must_use]
    pub fn history(&self) -> PathBuf {
        self.root.join("history.db")
    }

    /// `quarantine.json`: servers that the operator has taken out of use.
    #[must_use]
    pub fn quarantine(&self) -> PathBuf {
        self.root.join("quarantine.json")
    }

    /// `keys.json`: hashes of the API keys, and what their holders may do.
    #[must_use]
    pub fn keys(&self) -> PathBuf {
        self.root.join("keys.json")
    }

    /// `audit/`: who did what, and who was not let in.
    #[must_use]
    pub fn audit(&self) -> PathBuf {
        self.root.join("audit")
    }

    /// `credentials/`: what logins at remote servers gave us, sealed.
    #[must_use]
    pub fn credentials(&self) -> PathBuf {
        self.root.join("credentials")
    }

    /// `logs/`.
    #[must_use]
    pub fn logs(&self) -> PathBuf {
        self.root.join("logs")
    }

    /// `run/results/`: large results while they are kept; the files in it have no names where the system allows it.
    #[must_use]
    pub fn results(&self) -> PathBuf {
        self.root.join("run").join("results")
    }

    /// `logs/servers/`: what each server wrote to stderr, and its story.
    #[must_use]
    pub fn server_logs(&self) -> PathBuf {
        self.logs().join("servers")
    }
}

/// The variable's value unless it is empty.
pub(super) fn set(env: &dyn Env, name: &str) -> Option<String> {
    env.var(name).filter(|value| !value.is_empty())
}

/// The user's own folder, for `~`.
pub(super) fn user_folder(env: &dyn Env) -> Option<PathBuf> {
    let name = if cfg!(windows) { "USERPROFILE" } else { "HOME" };
    set(env, name).map(PathBuf::from)
}

fn data_folder(env: &dyn Env) -> Result<PathBuf, Error> {
    if cfg!(windows) {
        return set(env, "APPDATA").map(PathBuf::from).ok_or(Error::NoHome { variable: "APPDATA" });
    }
    let user = user_folder(env).ok_or(Error::NoHome { variable: "HOME" });
    if cfg!(target_os = "macos") {
        return Ok(user?.join("Library/Application Support"));
    }
    // The base directory specification says that a relative XDG path is to be ignored.
    match set(env, "XDG_DATA_HOME").map(PathBuf::from).filter(|path| path.is_absolute()) {
        Some(folder) => Ok(folder),
        None => Ok(user?.join(".local/share")),
    }
}
