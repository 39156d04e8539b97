//! Which servers the operator has taken out of use, kept in the home: that must hold longer than a daemon lives.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::domain::ServerName;

/// The file with names and reasons. Written at once with each change.
#[derive(Debug)]
pub(super) struct Quarantine {
    file: PathBuf,
    held: Mutex<BTreeMap<String, String>>,
}

impl Quarantine {
    /// Reads the file. One that is not there holds nobody; a damaged one is told in the second part, and kept aside.
    pub(super) fn read(file: PathBuf) -> (Self, Option<String>) {
        let read = std::fs::read_to_string(&file).ok().map(|text| serde_json::from_str(&text));
        let (held, warning) = match read {
            None => (BTreeMap::new(), None),
            Some(Ok(held)) => (held, None),
            Some(Err(fault)) => {
                let aside = file.with_extension("json.damaged");
                let _kept = std::fs::rename(&file, &aside);
                let warning = format!(
                    "{}: the list of servers in quarantine cannot be read ({fault}); it is kept as {}",
                    file.display(),
                    aside.display()
                );
                (BTreeMap::new(), Some(warning))
            }
        };
        (Self { file, held: Mutex::new(held) }, warning)
    }

    pub(super) fn held(&self) -> BTreeMap<String, String> {
        self.lock().clone()
    }

    /// Blocks for one small file.
    pub(super) fn add(&self, server: &ServerName, why: &str) {
        let mut held = self.lock();
        held.insert(server.to_string(), why.to_owned());
        self.write(&held);
    }

    /// Blocks for one small file.
    pub(super) fn release(&self, server: &ServerName) {
        let mut held = self.lock();
        if held.remove(server.as_str()).is_some() {
            self.write(&held);
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, String>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, held: &BTreeMap<String, String>) {
        let fresh = self.file.with_extension("json.new");
        let text = serde_json::to_string_pretty(held).unwrap_or_default();
        let written = std::fs::write(&fresh, text).and_then(|()| std::fs::rename(&fresh, &self.file));
        if let Err(fault) = written {
            tracing::error!(error = %fault, "the quarantine holds until mcporch ends: {} cannot be written", self.file.display());
        }
    }
}
