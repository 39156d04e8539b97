//! Events for whoever watches. Nothing is made, and nothing is kept, while nobody does.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::broadcast::{self, error::RecvError};
use tokio::time::Instant;

/// Events that a reader may be behind; a slower one misses the oldest, and is told how many. A guess: eight seconds of the
/// busiest traffic that is told (see the calls' own limit), shared by all readers, so that the slowest costs a few hundred kB.
const EVENTS_MAX: usize = 1_024;
/// How long after the last reader left somebody counts as watching: a page that is loaded anew comes back sooner.
const WATCHED_FOR: Duration = Duration::from_secs(30);

/// What an event is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Topic {
    /// Figures of the last second.
    Tick,
    /// All servers: one came or went.
    Servers,
    /// One server: its state changed.
    Server,
    /// A call has ended.
    Call,
    /// Something was written into the audit log.
    Audit,
    /// What is known of tools changed.
    Catalog,
}

impl Topic {
    /// All.
    pub const ALL: [Self; 6] = [Self::Tick, Self::Servers, Self::Server, Self::Call, Self::Audit, Self::Catalog];

    /// The word that readers choose it by.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Tick => "tick",
            Self::Servers => "servers",
            Self::Server => "server",
            Self::Call => "call",
            Self::Audit => "audit",
            Self::Catalog => "catalog",
        }
    }

    /// The topic of that word.
    #[must_use]
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|topic| topic.word() == word)
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// One event; shared by all readers.
#[derive(Debug)]
pub struct Event {
    /// Grows by one with each event of this process, from 1.
    pub id: u64,
    /// What it is about.
    pub topic: Topic,
    /// Its data, one line of JSON.
    pub json: Box<str>,
}

/// What a reader gets.
#[derive(Debug)]
pub enum Received {
    /// The next event.
    Event(Arc<Event>),
    /// So many events were left out, since the reader was too slow.
    Lost(u64),
}

/// One reader of events. Dropping it ends the reading.
#[derive(Debug)]
pub struct Subscription {
    plain: Option<broadcast::Receiver<Arc<Event>>>,
    calls: Option<broadcast::Receiver<Arc<Event>>>,
    bus: Arc<Bus>,
}

impl Subscription {
    /// Whether calls are among the events from now on. Without them nothing is paid for those that end.
    pub fn follow_calls(&mut self, is_wanted: bool) {
        if is_wanted != self.calls.is_some() {
            self.calls = is_wanted.then(|| self.bus.calls.subscribe());
        }
    }

    /// The next event, or how many were missed. Never ends.
    ///
    /// Cancel safe.
    pub async fn next(&mut self) -> Received {
        let received = tokio::select! {
            received = next_of(&mut self.plain) => received,
            received = next_of(&mut self.calls) => received,
        };
        match received {
            Ok(event) => Received::Event(event),
            Err(RecvError::Lagged(count)) => {
                self.bus.note_lost(count);
                Received::Lost(count)
            }
            // The sender lives in the bus, which this holds.
            Err(RecvError::Closed) => std::future::pending().await,
        }
    }
}

async fn next_of(receiver: &mut Option<broadcast::Receiver<Arc<Event>>>) -> Result<Arc<Event>, RecvError> {
    match receiver {
        Some(receiver) => receiver.recv().await,
        None => std::future::pending().await,
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        drop((self.plain.take(), self.calls.take()));
        self.bus.left();
    }
}

#[derive(Debug)]
pub(super) struct Bus {
    plain: broadcast::Sender<Arc<Event>>,
    /// Calls have a channel of their own: there may be many, and whoever does not follow them must not be woken by each.
    calls: broadcast::Sender<Arc<Event>>,
    last_id: AtomicU64,
    lost: AtomicU64,
    began: Instant,
    /// Milliseconds after `began` until which somebody counts as watching, readers of now aside.
    watched_until_ms: AtomicU64,
}

impl Bus {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            plain: broadcast::Sender::new(EVENTS_MAX),
            calls: broadcast::Sender::new(EVENTS_MAX),
            last_id: AtomicU64::new(0),
            lost: AtomicU64::new(0),
            began: Instant::now(),
            watched_until_ms: AtomicU64::new(0),
        })
    }

    pub(super) fn subscribe(self: &Arc<Self>) -> Subscription {
        let (plain, calls) = (Some(self.plain.subscribe()), Some(self.calls.subscribe()));
        Subscription { plain, calls, bus: self.clone() }
    }

    pub(super) fn has_readers(&self) -> bool {
        self.plain.receiver_count() > 0
    }

    pub(super) fn has_readers_of_calls(&self) -> bool {
        self.calls.receiver_count() > 0
    }

    pub(super) fn readers(&self) -> usize {
        self.plain.receiver_count()
    }

    pub(super) fn is_watched(&self) -> bool {
        self.has_readers() || self.now_ms() < self.watched_until_ms.load(Ordering::Relaxed)
    }

    pub(super) fn publish(&self, topic: Topic, make: impl FnOnce() -> Option<String>) {
        let sender = if topic == Topic::Call { &self.calls } else { &self.plain };
        if sender.receiver_count() == 0 {
            return;
        }
        let Some(json) = make() else { return };
        let id = self.last_id.fetch_add(1, Ordering::Relaxed) + 1;
        // Nobody may be left by now.
        let _nobody = sender.send(Arc::new(Event { id, topic, json: json.into() }));
    }

    pub(super) fn note_lost(&self, count: u64) {
        self.lost.fetch_add(count, Ordering::Relaxed);
    }

    pub(super) fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    fn left(&self) {
        let until = self.now_ms() + u64::try_from(WATCHED_FOR.as_millis()).unwrap_or(0);
        self.watched_until_ms.store(until, Ordering::Relaxed);
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}
