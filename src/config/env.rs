//! The environment behind a seam, so that tests need not change the process's own.

use std::collections::BTreeMap;
use std::path::PathBuf;

/// What mcporch reads of the process it runs in.
pub trait Env: Send + Sync {
    /// The variable's value; `None` when it is not set or not Unicode.
    fn var(&self, name: &str) -> Option<String>;

    /// All variables whose name and value are Unicode, sorted by name.
    fn all(&self) -> Vec<(String, String)>;

    /// The program that runs; `None` when the system does not say.
    fn current_exe(&self) -> Option<PathBuf>;
}

/// The environment of this process.
#[derive(Debug, Clone, Copy, Default)]
pub struct ProcessEnv;

impl Env for ProcessEnv {
    fn var(&self, name: &str) -> Option<String> {
        // std panics on names that no variable can have.
        if name.is_empty() || name.contains(['=', '\0']) {
            return None;
        }
        std::env::var(name).ok()
    }

    fn all(&self) -> Vec<(String, String)> {
        let mut all: Vec<(String, String)> = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        all.sort();
        all
    }

    fn current_exe(&self) -> Option<PathBuf> {
        std::env::current_exe().ok()
    }
}

/// A made-up environment, for tests of any room.
#[derive(Clone, Default)]
pub struct MapEnv {
    /// The variables.
    pub vars: BTreeMap<String, String>,
    /// What `current_exe` answers.
    pub exe: Option<PathBuf>,
}

impl MapEnv {
    /// An environment with just these variables.
    #[must_use]
    pub fn new(vars: &[(&str, &str)]) -> Self {
        let vars = vars.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Self { vars, exe: None }
    }
}

impl Env for MapEnv {
    fn var(&self, name: &str) -> Option<String> {
        self.vars.get(name).cloned()
    }

    fn all(&self) -> Vec<(String, String)> {
        self.vars.iter().map(|(name, value)| (name.clone(), value.clone())).collect()
    }

    fn current_exe(&self) -> Option<PathBuf> {
        self.exe.clone()
    }
}
