//! Who is there: by this the daemon knows when it may leave.

use tokio::sync::watch;

/// Who keeps the daemon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Presence {
    /// MCP clients that are served.
    pub clients: usize,
    /// How many have asked it to stay although nobody is served.
    pub pins: usize,
    /// Control requests that are being carried out.
    pub orders: usize,
    /// A newer build is waiting to take over.
    pub is_relieved: bool,
}

impl Presence {
    /// Whether nobody keeps it.
    #[must_use]
    pub fn is_alone(&self) -> bool {
        self.clients == 0 && self.pins == 0 && self.orders == 0
    }
}

/// Work that somebody waits for, for as long as this lives: the daemon does not leave under it.
#[derive(Debug)]
pub(super) struct Busy(watch::Sender<Presence>);

impl Busy {
    pub(super) fn begin(presence: &watch::Sender<Presence>) -> Self {
        presence.send_modify(|presence| presence.orders += 1);
        Self(presence.clone())
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.send_modify(|presence| presence.orders -= 1);
    }
}

/// One client that is served, for as long as this lives.
#[derive(Debug)]
pub(super) struct Served(watch::Sender<Presence>);

impl Served {
    /// `None` when there are as many already.
    pub(super) fn begin(presence: &watch::Sender<Presence>, clients_max: usize) -> Option<Self> {
        let has_room = presence.send_if_modified(|presence| {
            let has_room = presence.clients < clients_max;
            presence.clients += usize::from(has_room);
            has_room
        });
        has_room.then(|| Self(presence.clone()))
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.0.send_modify(|presence| presence.clients -= 1);
    }
}
