//! What comes into the model, and what it wants done.

use std::time::Duration;

use crate::server_logs::LogLine;

use super::{Acted, Look};

/// Something happened.
#[derive(Debug, Clone)]
pub enum Event {
    /// A key.
    Key(Key),
    /// Time has passed: so long since the start, and the seconds since 1970.
    Tick {
        /// Since the start.
        now: Duration,
        /// Of the wall clock, to tell how old something is.
        unix_s: i64,
    },
    /// A [`Wish::Look`] has ended.
    Looked(Result<Look, LookFault>),
    /// A [`Wish::ReadLog`] has ended.
    LogRead {
        /// Whose log it is.
        server: String,
        /// Whether these are its last lines, in the place of what was there, and not those that came since.
        is_anew: bool,
        /// Its lines, oldest first; or why there are none.
        lines: Result<Vec<LogLine>, String>,
    },
    /// A [`Wish::Order`] has ended.
    Ordered {
        /// Which.
        order: Order,
        /// What the daemon told of each server, or why it told nothing.
        ended: Result<Vec<Acted>, String>,
    },
    /// A [`Wish::StartDaemon`] has ended.
    DaemonStarted(Result<(), String>),
}

/// Why nothing was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LookFault(
    /// In words.
    pub String,
);

/// A key of the keyboard, as far as it means something here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    /// A character.
    Char(char),
    /// Up.
    Up,
    /// Down.
    Down,
    /// A page up.
    PageUp,
    /// A page down.
    PageDown,
    /// To the first.
    Home,
    /// To the last.
    End,
    /// Enter.
    Enter,
    /// Escape.
    Escape,
    /// Tab.
    Tab,
    /// Tab with shift.
    BackTab,
    /// Backspace.
    Backspace,
    /// Control and C.
    Interrupt,
    /// Control and Z.
    Suspend,
}

/// What is done to servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// Started.
    Start,
    /// Stopped.
    Stop,
    /// Stopped and started.
    Restart,
}

impl Verb {
    /// The daemon's word for it.
    #[must_use]
    pub fn method(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Stop => "stop",
            Self::Restart => "restart",
        }
    }

    /// While it lasts.
    pub(super) fn doing(self) -> &'static str {
        match self {
            Self::Start => "starting",
            Self::Stop => "stopping",
            Self::Restart => "restarting",
        }
    }
}

/// An order to some servers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// What.
    pub verb: Verb,
    /// To which; never none.
    pub servers: Vec<String>,
}

/// What the model wants. Each wish that is answered is answered by one event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wish {
    /// To leave.
    Quit,
    /// To be put aside by the shell.
    Suspend,
    /// To see how the daemon and the servers are. One at a time.
    Look,
    /// To read the log of a server. One at a time.
    ReadLog {
        /// Whose.
        server: String,
        /// Its last lines, and not what came since the last time.
        is_anew: bool,
    },
    /// To have an order carried out. At most four at a time.
    Order(Order),
    /// To have a daemon started. One at a time.
    StartDaemon,
}
