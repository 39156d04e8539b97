//! The way back of one request over HTTP: one JSON text when nothing was told before the answer, else a stream of events.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use hyper::body::Bytes;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use crate::gateway::mcp::{Exchange, Said};
use crate::wire::{owned_result_line, raw_error_line};

use super::events::EventStream;
use super::session::Session;

/// What comes back first.
pub(super) enum First {
    /// The answer, with its code when it is an error.
    Answer { code: Option<i64>, line: Bytes },
    /// Something before it.
    Stream(Arc<EventStream>),
    /// There will be no answer.
    Nothing,
}

/// Where streams of events come from.
pub(super) enum Streams {
    /// The client takes none: what would be told is not.
    None,
    /// Each for its request alone, with at most that many bytes waiting.
    Passing(usize),
    /// Kept in a session.
    Of(Weak<Session>),
}

/// One request.
pub(super) struct HttpExchange {
    /// Raw JSON.
    id: String,
    streams: Streams,
    way: Mutex<Way>,
    /// Its place among those that run.
    slot: Mutex<Option<OwnedSemaphorePermit>>,
    /// What its headers carry of its trace.
    carried: Option<Arc<str>>,
}

enum Way {
    Waiting(oneshot::Sender<First>),
    Streaming(Arc<EventStream>),
    /// One of several in one message.
    Batched(Arc<Batch>),
    Over,
}

/// Several requests that came in one message, and are answered on one stream.
pub(super) struct Batch {
    pub(super) stream: Arc<EventStream>,
    open: Mutex<usize>,
}

impl Batch {
    pub(super) fn new(stream: Arc<EventStream>, requests: usize) -> Arc<Self> {
        Arc::new(Self { stream, open: Mutex::new(requests) })
    }

    fn one_less(&self) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        *open = open.saturating_sub(1);
        if *open == 0 {
            self.stream.finish();
        }
    }
}

impl HttpExchange {
    /// A request with that raw id, and where its first word comes out.
    pub(super) fn new(
        id: &str,
        streams: Streams,
        slot: Option<OwnedSemaphorePermit>,
        carried: Option<Arc<str>>,
    ) -> (Arc<Self>, oneshot::Receiver<First>) {
        let (sender, receiver) = oneshot::channel();
        let (way, slot) = (Mutex::new(Way::Waiting(sender)), Mutex::new(slot));
        let exchange = Self { id: id.to_owned(), streams, way, slot, carried };
        (Arc::new(exchange), receiver)
    }

    /// One of several requests in one message.
    pub(super) fn batched(id: &str, batch: Arc<Batch>, carried: Option<Arc<str>>) -> Arc<Self> {
        let way = Mutex::new(Way::Batched(batch));
        Arc::new(Self { id: id.to_owned(), streams: Streams::None, way, slot: Mutex::default(), carried })
    }

    fn way(&self) -> MutexGuard<'_, Way> {
        self.way.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it was answered, or never will be.
    pub(super) fn is_over(&self) -> bool {
        matches!(*self.way(), Way::Over)
    }

    /// The client has hung up.
    pub(super) fn close(&self) {
        drop(self.end());
    }

    fn end(&self) -> Way {
        let _free = self.slot.lock().unwrap_or_else(PoisonError::into_inner).take();
        std::mem::replace(&mut *self.way(), Way::Over)
    }

    fn open_stream(&self) -> Option<Arc<EventStream>> {
        match &self.streams {
            Streams::None => None,
            Streams::Passing(bytes_max) => Some(EventStream::passing(*bytes_max)),
            Streams::Of(session) => session.upgrade().map(|session| session.open_stream()),
        }
    }
}

impl Exchange for HttpExchange {
    fn answer(&self, said: Said<'_>) {
        let (code, line) = match said {
            Said::Result(result) => (None, owned_result_line(&self.id, result)),
            Said::Error(code, error) => (Some(code), raw_error_line(&self.id, error)),
        };
        match self.end() {
            // Who has hung up reads no answer.
            Way::Waiting(sender) => drop(sender.send(First::Answer { code, line: line.into() })),
            Way::Streaming(stream) => {
                stream.push(&line);
                stream.finish();
            }
            Way::Batched(batch) => {
                batch.stream.push(&line);
                batch.one_less();
            }
            Way::Over => {}
        }
    }

    fn carried(&self) -> Option<Arc<str>> {
        self.carried.clone()
    }

    fn tell(&self, line: &[u8]) {
        let mut way = self.way();
        let has_hung_up = matches!(&*way, Way::Waiting(sender) if sender.is_closed());
        if has_hung_up {
            // In a session he may still be listening elsewhere, and it may be a question that somebody waits for.
            if let Streams::Of(session) = &self.streams
                && let Some(session) = session.upgrade()
            {
                session.general().push(line);
            }
            return;
        }
        match &*way {
            Way::Waiting(_) => {
                let Some(stream) = self.open_stream() else { return };
                stream.push(line);
                if let Way::Waiting(sender) = std::mem::replace(&mut *way, Way::Streaming(stream.clone())) {
                    let _hung_up = sender.send(First::Stream(stream));
                }
            }
            Way::Streaming(stream) => stream.push(line),
            Way::Batched(batch) => batch.stream.push(line),
            Way::Over => {}
        }
    }

    fn leave(&self) {
        match self.end() {
            Way::Waiting(sender) => drop(sender.send(First::Nothing)),
            Way::Streaming(stream) => stream.finish(),
            Way::Batched(batch) => batch.one_less(),
            Way::Over => {}
        }
    }
}
