//! HTTP towards a server: streamable HTTP of all revisions, and the HTTP with server-sent events of 2024-11-05. Each message is
//! a POST of its own; answers come as one JSON text or on a stream. What passes is not parsed beyond its envelope, but for what
//! the transport itself must know: which request an answer belongs to, the negotiated version, and which parameters of a tool
//! are to be repeated in headers.

mod answer;
mod courier;
mod events;
mod exchange;
mod faults;
mod header_text;
mod listen;
mod old;
mod outgoing;
mod standalone;
#[cfg(test)]
mod test_server;
#[cfg(test)]
mod tests;
mod tool_headers;
mod way;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::domain::ServerName;
use crate::wire::WriteError;

use super::link::{Inbox, Link};
use super::{Error, Limits, Remote};

use outgoing::Outgoing;

/// Opens the way to a remote server; nothing is sent yet.
///
/// Cancel safe.
///
/// # Errors
/// When its address or its headers cannot be used.
pub(super) async fn connect(
    server: &ServerName,
    remote: &Remote,
    limits: &Limits,
    inbox: Inbox,
) -> Result<Arc<dyn Link>, Error> {
    let (way, streams) = way::open(server, remote, limits.line_bytes_max, inbox).await?;
    // Bounded by the bytes that may wait.
    let (outbox, messages) = mpsc::unbounded_channel();
    let closing = CancellationToken::new();
    let courier = tokio::spawn(courier::carry(way, messages, streams, closing.clone()));
    Ok(Arc::new(HttpLink {
        outbox,
        closing,
        waiting: Arc::default(),
        waiting_bytes_max: limits.line_bytes_max,
        _courier: AbortOnDropHandle::new(courier),
    }))
}

/// Takes messages and leaves them to the task that carries them.
struct HttpLink {
    outbox: mpsc::UnboundedSender<Outgoing>,
    closing: CancellationToken,
    waiting: Arc<AtomicUsize>,
    waiting_bytes_max: usize,
    /// Ends with the link, and with it everything that it had begun.
    _courier: AbortOnDropHandle<()>,
}

impl Link for HttpLink {
    fn send(&self, message: &[u8]) -> Result<(), WriteError> {
        if self.closing.is_cancelled() {
            return Err(WriteError::Closed);
        }
        let waiting = self.waiting.load(Ordering::Relaxed);
        if waiting + message.len() > self.waiting_bytes_max {
            return Err(WriteError::Full { waiting });
        }
        let outgoing = Outgoing::read(message, Held::new(&self.waiting, message.len()));
        self.outbox.send(outgoing).map_err(|_| WriteError::Closed)
    }

    fn close(&self) {
        self.closing.cancel();
    }
}

/// Counts the bytes of a message as waiting for as long as it lives.
#[derive(Debug, Default)]
struct Held {
    waiting: Arc<AtomicUsize>,
    len: usize,
}

impl Held {
    fn new(waiting: &Arc<AtomicUsize>, len: usize) -> Self {
        waiting.fetch_add(len, Ordering::Relaxed);
        Self { waiting: waiting.clone(), len }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.waiting.fetch_sub(self.len, Ordering::Relaxed);
    }
}
