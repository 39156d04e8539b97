//! The daemon's environment: its own, and what clients brought that the registry asks for and the daemon lacks. Who starts
//! the daemon is chance, so it must not matter which client had the key. Shows and logs names only.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::config::Env;

/// Variables that are asked for on the way to the configuration itself, and are everybody's own.
const NEVER: &[&str] = &["HOME", "USERPROFILE", "APPDATA", "PATH", "SHELL", "MCP_LOG_LEVEL"];
/// The same by how they begin.
const NEVER_BEGINNING: &[&str] = &["MCPORCH_", "XDG_"];

/// An environment that grows. What it has once, it keeps: the first client that brings a variable wins.
pub struct AdoptedEnv {
    own: Box<dyn Env>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Names that were asked for in vain.
    wanted: BTreeSet<String>,
    adopted: BTreeMap<String, String>,
}

impl fmt::Debug for AdoptedEnv {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AdoptedEnv").field("adopted", &self.lock().adopted.keys()).finish_non_exhaustive()
    }
}

impl AdoptedEnv {
    /// Over this process's own.
    #[must_use]
    pub fn over(own: Box<dyn Env>) -> Self {
        Self { own, state: Mutex::default() }
    }

    /// Takes what was asked for in vain and is here; gives the names of what is new, after which the configuration is worth
    /// reading again.
    pub fn adopt(&self, client: &BTreeMap<String, String>) -> Vec<String> {
        let mut state = self.lock();
        let is_new = |name: &&String| client.get(*name).is_some_and(|value| !value.is_empty());
        let new: Vec<String> = state.wanted.iter().filter(is_new).cloned().collect();
        for name in &new {
            state.wanted.remove(name);
            state.adopted.insert(name.clone(), client[name].clone());
        }
        new
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Env for AdoptedEnv {
    fn var(&self, name: &str) -> Option<String> {
        let own = self.own.var(name);
        if own.as_ref().is_some_and(|value| !value.is_empty()) {
            return own;
        }
        let mut state = self.lock();
        if let Some(value) = state.adopted.get(name) {
            return Some(value.clone());
        }
        let is_everybodys = NEVER.contains(&name) || NEVER_BEGINNING.iter().any(|start| name.starts_with(start));
        if !is_everybodys {
            state.wanted.insert(name.to_owned());
        }
        own
    }

    fn all(&self) -> Vec<(String, String)> {
        // What is adopted was missing or empty.
        let mut all: BTreeMap<String, String> = self.own.all().into_iter().collect();
        all.extend(self.lock().adopted.clone());
        all.into_iter().collect()
    }

    fn current_exe(&self) -> Option<PathBuf> {
        self.own.current_exe()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::AdoptedEnv;
    use crate::config::{Env, MapEnv};

    #[test]
    fn only_what_was_asked_for_in_vain_is_taken_and_only_once() {
        let env = AdoptedEnv::over(Box::new(MapEnv::new(&[("OWN", "1"), ("EMPTY", "")])));
        let client = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        for name in ["OWN", "EMPTY", "KEY", "OTHER", "HOME", "MCPORCH_HOME", "XDG_DATA_HOME"] {
            let _asked = env.var(name);
        }
        let brought =
            client(&[("OWN", "2"), ("EMPTY", "e"), ("KEY", "k"), ("OTHER", ""), ("HOME", "/"), ("MCPORCH_HOME", "/")]);
        assert_eq!(env.adopt(&brought), ["EMPTY", "KEY"]);
        assert!(env.adopt(&client(&[("KEY", "other")])).is_empty());
        let value = |name| env.var(name);
        assert_eq!((value("OWN").as_deref(), value("EMPTY").as_deref()), (Some("1"), Some("e")));
        assert_eq!((value("KEY").as_deref(), value("HOME")), (Some("k"), None));
        assert_eq!(env.all().iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["EMPTY", "KEY", "OWN"]);
        assert!(!format!("{env:?}").contains("\"k\""));
    }
}
