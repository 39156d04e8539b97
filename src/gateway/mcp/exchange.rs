//! Where the answer to one request goes, and what is said before it; and where all else that a client hears goes.

use std::borrow::Cow;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::local_socket::Journal;
use crate::traces::Trace;
use crate::wire::{LineWriter, owned_result_line, raw_error_line};

/// An answer: raw JSON of the result, or of a JSON-RPC error object and its code.
#[derive(Debug, Clone)]
pub enum Said<'a> {
    /// It went well. One that is large is best given away.
    Result(Cow<'a, str>),
    /// It did not.
    Error(i64, &'a str),
}

/// The way back to who sent one request. Nothing here waits.
pub trait Exchange: Send + Sync {
    /// Gives the answer. Comes once, and last, unless [`Exchange::leave`] does.
    fn answer(&self, said: Said<'_>);

    /// Passes on a whole message, newline included, that belongs to the request and comes before its answer.
    fn tell(&self, line: &[u8]);

    /// There will be no answer: the client took the request back, or is gone.
    fn leave(&self);

    /// What came beside the request of the trace that it belongs to: raw members of `_meta`.
    fn carried(&self) -> Option<Arc<str>> {
        None
    }

    /// The span of the request.
    fn trace(&self) -> Trace {
        Trace::none()
    }
}

/// The way to a client for what belongs to none of his requests.
pub trait Outlet: Send + Sync {
    /// Passes on a whole message, newline included. One that nobody can take is dropped.
    fn tell(&self, line: &[u8]);
}

impl Outlet for LineWriter {
    fn tell(&self, line: &[u8]) {
        if let Err(fault) = self.send(line) {
            tracing::debug!(error = %fault, "a message could not be given to the client");
        }
    }
}

/// A request that came as a line and is answered by one.
pub(super) struct LineExchange {
    pub(super) id: String,
    pub(super) writer: LineWriter,
    pub(super) journal: Option<Arc<Journal>>,
    /// Cancelled when we stop: then an answer is still owed.
    pub(super) stop: CancellationToken,
}

impl Exchange for LineExchange {
    fn answer(&self, said: Said<'_>) {
        let line = match said {
            Said::Result(result) => owned_result_line(&self.id, result),
            Said::Error(_, error) => raw_error_line(&self.id, error),
        };
        let owed = self.journal.as_ref().and_then(|journal| journal.answering(&self.id));
        if let Err(fault) = self.writer.send_owned(line, owed) {
            tracing::warn!(error = %fault, "an answer could not be given to the client");
            if let (Some(journal), Some(owed)) = (&self.journal, owed) {
                journal.written(owed);
            }
        }
    }

    fn tell(&self, line: &[u8]) {
        // What a slow client cannot take is no loss.
        let _dropped = self.writer.send(line);
    }

    /// A request that its client took back is owed nothing. One that was cut short since we stop is: nobody told the client.
    fn leave(&self) {
        if let Some(journal) = self.journal.as_ref().filter(|_| !self.stop.is_cancelled()) {
            journal.close(&self.id);
        }
    }
}
