//! The way to a server, whatever it is made of: takes whole messages, and hands over what the server says.

use tokio::sync::mpsc;

use crate::wire::{LineWriter, WriteError};

use super::Error;

/// Takes messages to one server.
pub(super) trait Link: Send + Sync {
    /// Takes one JSON-RPC message with its newline, in the order of the calls, and never waits. A link that has a stream of
    /// its own for each request ends it when `notifications/cancelled` for it comes by.
    ///
    /// # Errors
    /// [`WriteError`] when it is closed or has too much to carry.
    fn send(&self, message: &[u8]) -> Result<(), WriteError>;

    /// Takes no further message.
    fn close(&self);
}

impl Link for LineWriter {
    fn send(&self, message: &[u8]) -> Result<(), WriteError> {
        Self::send(self, message)
    }

    fn close(&self) {
        Self::close(self);
    }
}

/// What comes from a server that is no pipe.
#[derive(Debug)]
pub(super) enum Incoming {
    /// A JSON-RPC message, without newline.
    Message {
        /// The message.
        line: String,
        /// The id of the request on whose own stream it came, where there are such streams.
        about: Option<u64>,
    },
    /// This request will get no answer.
    Failed {
        /// Its id.
        id: u64,
        /// Why.
        fault: Error,
    },
    /// The session is over, for this reason ("forgot our session").
    Over(String),
}

/// How many messages wait for the session to take them; a link waits when it is full.
pub(super) const INBOX_LEN: usize = 256;

/// Where a link puts what comes.
pub(super) type Inbox = mpsc::Sender<Incoming>;
