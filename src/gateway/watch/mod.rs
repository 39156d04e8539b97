//! What goes on, for those who watch: events of the process, and the lines of servers' logs. One door for server-sent events and
//! WebSocket, which only write it down each in its way. Nothing here waits for a reader: who is too slow misses events and is told how
//! many, and is then given the list of servers anew, since what he missed may have been a change of it.

mod logs;
mod server_sent;
mod still_allowed;
mod topics;
mod watcher;

pub use logs::LogFeeds;
pub(in crate::gateway) use server_sent::EventBody;
pub(in crate::gateway) use still_allowed::StillAllowed;
pub(in crate::gateway) use topics::{Topics, Unknown};
pub(in crate::gateway) use watcher::{Told, Watcher};

use std::fmt;
use std::sync::Arc;

use crate::monitor::Monitor;
use crate::operations::Operations;

/// All that can be watched. Cheap to share.
#[derive(Clone)]
pub struct Events {
    /// What goes on in the process; `None`: nobody looks.
    pub monitor: Option<Arc<Monitor>>,
    /// The logs of servers; `None`: none are kept.
    pub logs: Option<Arc<LogFeeds>>,
    /// Of which servers.
    pub operations: Arc<Operations>,
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events").finish_non_exhaustive()
    }
}
