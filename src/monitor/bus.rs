//! Events for whoever watches. Nothing is made, and nothing is kept, while nobody does. What happens within a moment is told together,
//! and those who follow the same topics are given the same batch, whose text is made once for all of them: a thousand readers of a busy
//! gateway cost it a thousand writes every now and then, and nothing for each event.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use hyper::body::Bytes;
use tokio::sync::Notify;
use tokio::sync::broadcast::{self, error::RecvError, error::TryRecvError};
use tokio::time::Instant;

/// From one telling to the next: what happens in between is told together. A guess: nobody sees it.
const TELL_EVERY: Duration = Duration::from_millis(250);
/// Batches that a reader may be behind; a slower one misses the oldest, and is told how many events that were. A guess: eight seconds,
/// shared by all readers, so that the slowest costs a few hundred kB.
const BATCHES_MAX: usize = 32;
/// Of events of the busiest topics that came within a moment so many of the newest are told, and the others counted. A guess: 40 a
/// second are more than anybody reads.
const TOLD_MAX: usize = 10;
/// The same for servers: a hundred that start at once are told.
const SERVERS_TOLD_MAX: usize = 300;
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

    /// How many of its events are told at once.
    pub(super) fn told_max(self) -> usize {
        match self {
            Self::Call | Self::Audit => TOLD_MAX,
            Self::Server => SERVERS_TOLD_MAX,
            // Each says all that those before it said.
            Self::Tick | Self::Servers | Self::Catalog => 1,
        }
    }

    /// Whether it matters how many are not told.
    fn is_counted(self) -> bool {
        matches!(self, Self::Call | Self::Audit | Self::Server)
    }

    fn bit(self) -> u8 {
        1 << self as u8
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// Some topics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct TopicSet(u8);

impl TopicSet {
    /// None.
    pub const NONE: Self = Self(0);

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether it is among them.
    #[must_use]
    pub fn has(self, topic: Topic) -> bool {
        self.0 & topic.bit() != 0
    }

    /// These, and that one.
    #[must_use]
    pub fn with(self, topic: Topic) -> Self {
        Self(self.0 | topic.bit())
    }

    /// These and those.
    #[must_use]
    pub fn and(self, more: Self) -> Self {
        Self(self.0 | more.0)
    }

    /// These without those.
    #[must_use]
    pub fn without(self, less: Self) -> Self {
        Self(self.0 & !less.0)
    }

    /// Each of them.
    pub fn iter(self) -> impl Iterator<Item = Topic> {
        Topic::ALL.into_iter().filter(move |topic| self.has(*topic))
    }
}

impl FromIterator<Topic> for TopicSet {
    fn from_iter<I: IntoIterator<Item = Topic>>(topics: I) -> Self {
        topics.into_iter().fold(Self::NONE, Self::with)
    }
}

/// One event; shared by all readers.
#[derive(Debug)]
pub struct Event {
    /// Grows by one with each event of this process that is told, from 1.
    pub id: u64,
    /// What it is about.
    pub topic: Topic,
    /// Its data, one line of JSON.
    pub json: Box<str>,
}

/// A way in which batches are written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// As `text/event-stream`.
    ServerSent,
    /// As frames of a WebSocket.
    WebSocket,
}

/// Events that are told together, of the topics of those who are told; shared by all of these. Never empty.
#[derive(Debug)]
pub struct Batch {
    /// Events of these topics that were told before it.
    before: u64,
    events: Vec<Arc<Event>>,
    texts: [OnceLock<Bytes>; 2],
}

impl Batch {
    /// The events, oldest first.
    #[must_use]
    pub fn events(&self) -> &[Arc<Event>] {
        &self.events
    }

    /// The batch in that form: as `write` gives it, who is asked by the first reader alone.
    pub fn text(&self, form: Form, write: impl FnOnce(&[Arc<Event>]) -> Bytes) -> Bytes {
        self.texts[form as usize].get_or_init(|| write(&self.events)).clone()
    }

    fn end(&self) -> u64 {
        self.before + self.events.len() as u64
    }

    /// What is left of it for somebody who follows these topics alone.
    fn only(&self, topics: TopicSet) -> Option<Arc<Self>> {
        let events: Vec<_> = self.events.iter().filter(|event| topics.has(event.topic)).cloned().collect();
        (!events.is_empty()).then(|| Arc::new(Self { before: self.before, events, texts: Default::default() }))
    }
}

/// What a reader gets.
#[derive(Debug)]
pub enum Received {
    /// The next events.
    Events(Arc<Batch>),
    /// So many events were left out, since the reader was too slow.
    Lost(u64),
}

/// One reader of events. Dropping it ends the reading.
#[derive(Debug)]
pub struct Subscription {
    topics: TopicSet,
    /// `None` once it is dropped.
    receiver: Option<broadcast::Receiver<Arc<Batch>>>,
    /// Events of its topics that it was given, or told of as lost.
    heard: u64,
    /// Given before what comes now.
    owed: VecDeque<Received>,
    bus: Arc<Bus>,
}

impl Subscription {
    /// Follows these topics from now on, and no others. What was told of them before and not heard yet is still given.
    pub fn follow(&mut self, topics: TopicSet) {
        if topics == self.topics {
            return;
        }
        let bus = self.bus.clone();
        let mut state = bus.state();
        while let Some(receiver) = &mut self.receiver {
            match receiver.try_recv() {
                Ok(batch) => self.take(batch),
                // The next one says how many.
                Err(TryRecvError::Lagged(_)) => {}
                Err(TryRecvError::Empty | TryRecvError::Closed) => break,
            }
        }
        let (receiver, heard) = state.join(topics);
        self.receiver = Some(receiver);
        (self.topics, self.heard) = (topics, heard);
        let kept = |received| match received {
            Received::Events(batch) => batch.only(topics).map(Received::Events),
            lost @ Received::Lost(_) => Some(lost),
        };
        self.owed = std::mem::take(&mut self.owed).into_iter().filter_map(kept).collect();
        bus.look_who_reads(&mut state);
    }

    fn take(&mut self, batch: Arc<Batch>) {
        let lost = batch.before - self.heard;
        if lost > 0 {
            self.bus.note_lost(lost);
            self.owed.push_back(Received::Lost(lost));
        }
        self.heard = batch.end();
        self.owed.push_back(Received::Events(batch));
    }

    /// The next events, or how many were missed. Never ends.
    ///
    /// Cancel safe.
    pub async fn next(&mut self) -> Received {
        loop {
            if let Some(received) = self.owed.pop_front() {
                return received;
            }
            let Some(receiver) = &mut self.receiver else { return std::future::pending().await };
            match receiver.recv().await {
                Ok(batch) => self.take(batch),
                Err(RecvError::Lagged(_)) => {}
                // The sender lives in the bus, which this holds, while it has a receiver.
                Err(RecvError::Closed) => std::future::pending().await,
            }
        }
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.receiver = None;
        self.bus.left();
    }
}

/// Those who follow the same topics.
#[derive(Debug)]
struct Group {
    sender: broadcast::Sender<Arc<Batch>>,
    told: u64,
}

/// An event that is not told yet.
#[derive(Debug)]
struct Waiting {
    topic: Topic,
    json: String,
}

#[derive(Debug, Default)]
struct State {
    groups: BTreeMap<TopicSet, Group>,
    waiting: VecDeque<Waiting>,
    /// By topic, those of `waiting` and those left out of it.
    counts: [(usize, u64); Topic::ALL.len()],
}

impl State {
    fn join(&mut self, topics: TopicSet) -> (broadcast::Receiver<Arc<Batch>>, u64) {
        let fresh = || Group { sender: broadcast::Sender::new(BATCHES_MAX), told: 0 };
        let group = self.groups.entry(topics).or_insert_with(fresh);
        (group.sender.subscribe(), group.told)
    }
}

#[derive(Debug)]
pub(super) struct Bus {
    state: Mutex<State>,
    /// The topics that somebody reads.
    wanted: AtomicU8,
    /// Something waits to be told.
    pub(super) news: Notify,
    last_id: AtomicU64,
    lost: AtomicU64,
    began: Instant,
    /// Milliseconds after `began` until which somebody counts as watching, readers of now aside.
    watched_until_ms: AtomicU64,
}

impl Bus {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::default(),
            wanted: AtomicU8::new(0),
            news: Notify::new(),
            last_id: AtomicU64::new(0),
            lost: AtomicU64::new(0),
            began: Instant::now(),
            watched_until_ms: AtomicU64::new(0),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn subscribe(self: &Arc<Self>, topics: TopicSet) -> Subscription {
        let mut state = self.state();
        let (receiver, heard) = state.join(topics);
        self.look_who_reads(&mut state);
        drop(state);
        Subscription { topics, receiver: Some(receiver), heard, owed: VecDeque::new(), bus: self.clone() }
    }

    /// Forgets groups without readers.
    fn look_who_reads(&self, state: &mut State) {
        state.groups.retain(|_, group| group.sender.receiver_count() > 0);
        let wanted = state.groups.keys().fold(TopicSet::NONE, |all, topics| all.and(*topics));
        self.wanted.store(wanted.0, Ordering::Relaxed);
        if wanted.is_empty() {
            state.waiting = VecDeque::new();
            state.counts = Default::default();
        }
    }

    pub(super) fn wanted(&self) -> TopicSet {
        TopicSet(self.wanted.load(Ordering::Relaxed))
    }

    pub(super) fn has_readers(&self) -> bool {
        !self.wanted().is_empty()
    }

    pub(super) fn readers(&self) -> usize {
        self.state().groups.values().map(|group| group.sender.receiver_count()).sum()
    }

    pub(super) fn is_watched(&self) -> bool {
        self.has_readers() || self.now_ms() < self.watched_until_ms.load(Ordering::Relaxed)
    }

    /// To be told with the next batch; `make` is asked only when somebody reads it.
    pub(super) fn publish(&self, topic: Topic, make: impl FnOnce() -> Option<String>) {
        if !self.wanted().has(topic) {
            return;
        }
        let Some(json) = make() else { return };
        let mut state = self.state();
        // The last reader may have left meanwhile.
        if !self.wanted().has(topic) {
            return;
        }
        let place = topic as usize;
        if state.counts[place].0 >= topic.told_max() {
            let oldest = state.waiting.iter().position(|waiting| waiting.topic == topic);
            if let Some(oldest) = oldest {
                state.waiting.remove(oldest);
            }
            state.counts[place].1 += u64::from(topic.is_counted());
        } else {
            state.counts[place].0 += 1;
        }
        state.waiting.push_back(Waiting { topic, json });
        drop(state);
        self.news.notify_one();
    }

    /// Counts events that are left out before the next one of that topic.
    pub(super) fn leave_out(&self, topic: Topic, count: u64) {
        let mut state = self.state();
        if self.wanted().has(topic) {
            state.counts[topic as usize].1 += count;
        }
    }

    /// Tells what waits.
    pub(super) fn tell(&self) {
        let mut state = self.state();
        let State { groups, waiting, counts } = &mut *state;
        let number = |Waiting { topic, json }| {
            let (count, left_out) = &mut counts[topic as usize];
            let left_out = std::mem::take(left_out);
            *count = 0;
            let id = self.last_id.fetch_add(1, Ordering::Relaxed) + 1;
            Arc::new(Event { id, topic, json: with_left_out(json, left_out).into() })
        };
        let events: Vec<_> = waiting.drain(..).map(number).collect();
        for (topics, group) in groups {
            let theirs: Vec<_> = events.iter().filter(|event| topics.has(event.topic)).cloned().collect();
            if theirs.is_empty() {
                continue;
            }
            let batch = Batch { before: group.told, events: theirs, texts: Default::default() };
            group.told = batch.end();
            // Nobody may be left by now.
            let _nobody = group.sender.send(Arc::new(batch));
        }
    }

    pub(super) fn note_lost(&self, count: u64) {
        self.lost.fetch_add(count, Ordering::Relaxed);
    }

    pub(super) fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    fn left(&self) {
        self.look_who_reads(&mut self.state());
        let until = self.now_ms() + u64::try_from(WATCHED_FOR.as_millis()).unwrap_or(0);
        self.watched_until_ms.store(until, Ordering::Relaxed);
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

/// From one telling to the next.
pub(super) async fn pause() {
    tokio::time::sleep(TELL_EVERY).await;
}

/// An object with how many events before it were left out, where any were.
fn with_left_out(json: String, left_out: u64) -> String {
    match json.strip_suffix('}') {
        Some(open) if left_out > 0 => {
            let comma = if open.ends_with('{') { "" } else { "," };
            format!("{open}{comma}\"left_out\":{left_out}}}")
        }
        _ => json,
    }
}
