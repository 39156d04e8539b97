//! What readers see.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::domain::{Hints, ServerName};
use crate::index::Snapshot;

use super::{Error, Overruled};

/// All that is known at one moment; never changed, only replaced.
#[derive(Debug, Clone)]
pub struct Known {
    /// False until the servers and their tools have been read from the catalog.
    pub has_servers: bool,
    /// False until the tools can be searched.
    pub is_loaded: bool,
    /// False until every server without a fresh list has been asked once.
    pub is_settled: bool,
    /// The tools, searchable.
    pub snapshot: Arc<Snapshot>,
    /// The servers, by name.
    pub servers: Arc<BTreeMap<ServerName, KnownServerView>>,
    /// What the operator's overrides came to.
    pub overruled: Arc<Overruled>,
    /// Tools that have no vector yet and are found by their words only.
    pub tools_without_vector: usize,
    /// Why requests cannot be embedded, or the catalog not be used, if so.
    pub fault: Option<Error>,
}

/// One server, for people and models.
#[derive(Debug, Clone)]
pub struct KnownServerView {
    /// What the operator wrote about it.
    pub hints: Arc<Hints>,
    /// Of what is started for it: the same name with another one is another server.
    pub fingerprint: String,
    /// The server's name for itself; empty while it never ran.
    pub own_name: String,
    /// Its version.
    pub own_version: String,
    /// Its protocol revision.
    pub protocol_version: String,
    /// Its instructions for models.
    pub instructions: String,
    /// Tools it has.
    pub tools: usize,
    /// Whether they come from the registry alone, since the server was never listed.
    pub is_static: bool,
    /// Unix seconds of its last complete list.
    pub listed_at: Option<i64>,
    /// Why its last start or list failed; empty when it went well.
    pub fault: String,
    /// Why it is not used, if so.
    pub refusal: Option<String>,
}

impl KnownServerView {
    /// Whether it was never listed, and nothing is known that would keep it from being listed.
    #[must_use]
    pub fn awaits_its_list(&self) -> bool {
        self.listed_at.is_none() && self.fault.is_empty() && self.refusal.is_none()
    }
}

impl Known {
    /// Whether every server was listed, or is known to fail: no further tool is about to become known.
    #[must_use]
    pub fn is_listed(&self) -> bool {
        self.is_loaded && (self.is_settled || !self.servers.values().any(KnownServerView::awaits_its_list))
    }

    /// Whether, beyond that, every tool has its vector: routing knows all that it can.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.is_listed() && self.tools_without_vector == 0
    }

    pub(super) fn nothing() -> Self {
        Self {
            has_servers: false,
            is_loaded: false,
            is_settled: false,
            snapshot: Arc::new(Snapshot::empty()),
            servers: Arc::default(),
            overruled: Arc::default(),
            tools_without_vector: 0,
            fault: None,
        }
    }
}
