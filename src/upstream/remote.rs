//! Where a remote server is, and how it is spoken to.

use std::fmt;
use std::sync::Arc;

use super::Authorizer;

/// Which transport a remote server speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RemoteKind {
    /// Streamable HTTP; when it is refused as the specification says, HTTP with server-sent events.
    #[default]
    Any,
    /// Streamable HTTP.
    Http,
    /// HTTP with server-sent events, as in 2024-11-05.
    Sse,
}

/// A remote server. `Debug` shows no header values.
#[derive(Clone)]
pub struct Remote {
    /// `http` or `https`.
    pub url: String,
    /// Sent with each request; values may be secret.
    pub headers: Vec<(String, String)>,
    /// Its transport.
    pub kind: RemoteKind,
    /// Who gives the right to ask it, if anybody.
    pub authorizer: Option<Arc<dyn Authorizer>>,
    /// Hosts beside its own that may have private addresses.
    pub private_hosts: Vec<String>,
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Remote").field("kind", &self.kind).finish_non_exhaustive()
    }
}
