//! The write path: servers → catalog → vectors → index. Each stage is filled only from the one before, and each step can
//! be run again: whatever stopped half-way is made good by the next activation. Readers see one immutable [`Known`] at a
//! time and never wait for writers. Work comes from three sides: the start (what is stale is refreshed behind), a
//! server's own word that its tools changed, and an operator's `index rebuild`.
//!
//! Tried and dropped: refreshing every server at every start. A desktop client starts us several times a minute, and
//! twenty servers take 2 GB; a list that is younger than `servers.refresh_after_s` is trusted until its server runs and
//! says otherwise.

mod embed;
mod error;
mod known;
mod overrides;
mod reconciler;
mod task;
#[cfg(test)]
mod tests;

pub use embed::LazyEmbedder;
pub use error::Error;
pub use known::{Known, KnownServerView};
pub use overrides::{AliasClash, Override, Overruled};
pub use reconciler::{EmbedReport, Progress, ProgressSink, Reconciler, RefreshReport, Settings};
pub use task::{News, follow};

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::catalog::ServerKey;
use crate::domain::{Hints, ServerName, Tool};

/// A server as the write path sees it.
#[derive(Debug, Clone)]
pub struct Source {
    /// Its name.
    pub name: ServerName,
    /// Name and fingerprint, as the catalog knows it.
    pub key: ServerKey,
    /// What the operator wrote about it.
    pub hints: Arc<Hints>,
    /// What the operator wrote about its tools.
    pub tool_hints: BTreeMap<String, Arc<Hints>>,
    /// Tools the registry lists, in use until the server's own list is known.
    pub static_tools: Vec<Arc<Tool>>,
    /// Only these tools are taken, where set.
    pub tools_allowed: Option<Vec<String>>,
    /// These are not.
    pub tools_denied: Vec<String>,
    /// Why it must not be started; then its tools are left out.
    pub refusal: Option<String>,
}
