//! Streamable HTTP towards a server.

use std::sync::Arc;

use crate::domain::ServerName;

use super::link::{Inbox, Link};
use super::{Error, Limits, Remote};

/// Opens the way to a remote server; nothing is sent yet.
///
/// # Errors
/// When its address cannot be used.
#[expect(clippy::unused_async, reason = "placeholder")]
pub(super) async fn connect(
    server: &ServerName,
    remote: &Remote,
    _limits: &Limits,
    _inbox: Inbox,
) -> Result<Arc<dyn Link>, Error> {
    Err(Error::Unreachable {
        server: server.clone(),
        what: format!("{} cannot be reached yet", remote.url),
        was_sent: false,
    })
}
