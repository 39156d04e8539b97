//! What goes on, kept within bounds for those who look: the calls that ended last, what servers used, events, and figures for
//! Prometheus. Nothing waits for it: a call pays single microseconds, and nothing is written out, or taken apart, that nobody reads.

mod bus;
mod calls;
mod figures;
mod file;
mod names;
mod process;
mod redact;
mod samples;
mod seconds;
mod store;
#[cfg(test)]
mod tests;
mod tick;

pub use bus::{Batch, Event, Form, Received, Subscription, Topic, TopicSet};
pub use calls::{CallDetail, CallFilter, CallLine, CallPage, Latency};
pub use figures::Present;
pub use names::{FIGURES, Figure, FigureKind};
pub use process::{ProcessUse, process_use};
pub use samples::{Measured, Range, Series, ServerSample};

use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::domain::{Ended, Observer, Stage, Surface};

use bus::Bus;
use calls::Calls;
use figures::{Figures, Now};
use seconds::Recent;
use store::Store;
use tick::Rates;

/// What is kept.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Calls that are kept; 0 keeps none.
    pub calls_max: usize,
    /// What they may take in memory, in bytes.
    pub calls_bytes_max: usize,
    /// Of the parameters of each, in bytes; 0 keeps no parameters and no words.
    pub params_bytes_max: usize,
    /// The file of what servers used; without one the last ten minutes are all there is.
    pub file: Option<PathBuf>,
    /// How long a write of that file waits for another process.
    pub busy_timeout: Duration,
    /// Unix milliseconds now.
    pub now_ms: fn() -> i64,
}

/// Which form [`Monitor::render`] gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exposition {
    /// `text/plain; version=0.0.4`, as every Prometheus reads it.
    Text,
    /// `application/openmetrics-text; version=1.0.0`.
    OpenMetrics,
}

impl Exposition {
    /// What a client wants that sent this `Accept`.
    #[must_use]
    pub fn accepted(accept: &str) -> Self {
        if accept.contains("application/openmetrics-text") { Self::OpenMetrics } else { Self::Text }
    }

    /// The value for `Content-Type`.
    #[must_use]
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

/// Operations since the start, searches aside.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Totals {
    /// Those that ended.
    pub calls: u64,
    /// Of these those that failed: the tool, its server or we.
    pub errors: u64,
    /// Those that ended within the last second that was looked at.
    pub calls_per_s: f64,
    /// Of these those that failed.
    pub errors_per_s: f64,
}

/// All of it. Cheap to share.
pub struct Monitor {
    limits: Limits,
    bus: Arc<Bus>,
    calls: Mutex<Calls>,
    /// The number of the last call that was told as an event.
    told: AtomicU64,
    has_new_calls: AtomicBool,
    figures: Figures,
    recent: Mutex<Recent>,
    rates: Mutex<Rates>,
    store: Option<Store>,
    tools: AtomicUsize,
    generation: AtomicU64,
}

impl fmt::Debug for Monitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Monitor").field("limits", &self.limits).finish_non_exhaustive()
    }
}

impl Monitor {
    /// Nothing yet, within these limits. Opens nothing.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        let figures = Figures::new((limits.now_ms)());
        let lost = figures.samples_lost.clone();
        let store = limits.file.clone().map(|path| Store::new(path, limits.busy_timeout, lost));
        Self {
            bus: Bus::new(),
            calls: Mutex::new(Calls::new(limits.calls_max, limits.calls_bytes_max, limits.params_bytes_max)),
            told: AtomicU64::new(0),
            has_new_calls: AtomicBool::new(false),
            figures,
            recent: Mutex::new(Recent::new()),
            rates: Mutex::default(),
            store,
            tools: AtomicUsize::new(0),
            generation: AtomicU64::new(0),
            limits,
        }
    }

    /// Follows what happens from now on with these topics.
    #[must_use]
    pub fn subscribe(&self, topics: TopicSet) -> Subscription {
        self.bus.subscribe(topics)
    }

    /// Tells an event with what else happens in this moment; `make` gives its data as one line of JSON, and is asked only while somebody
    /// reads it. `None` tells nothing.
    pub fn publish(&self, topic: Topic, make: impl FnOnce() -> Option<String>) {
        self.bus.publish(topic, make);
    }

    /// Tells of several things at once, oldest first: of the newest, where they are more than are told in a moment.
    pub fn publish_newest<T>(&self, topic: Topic, all: &[T], make: impl Fn(&T) -> Option<String>) {
        let newest = &all[all.len().saturating_sub(topic.told_max())..];
        if newest.len() < all.len() {
            self.bus.leave_out(topic, (all.len() - newest.len()) as u64);
        }
        newest.iter().for_each(|one| self.bus.publish(topic, || make(one)));
    }

    /// So many events were given to a reader who could not be told of them.
    pub fn note_lost(&self, count: u64) {
        self.bus.note_lost(count);
    }

    /// Whether somebody reads events.
    #[must_use]
    pub fn has_readers(&self) -> bool {
        self.bus.has_readers()
    }

    /// Whether somebody reads events, or did until half a minute ago: then servers are measured more often.
    #[must_use]
    pub fn is_watched(&self) -> bool {
        self.bus.is_watched()
    }

    /// The calls that are kept, newest first, `limit` at most; `cursor` is what the page before gave.
    #[must_use]
    pub fn calls(&self, filter: &CallFilter, cursor: Option<&str>, limit: usize) -> CallPage {
        self.kept().page(filter, cursor, limit)
    }

    /// All that is kept of one call, without what looks like a secret. `None`: it is no longer kept, or never was.
    #[must_use]
    pub fn call(&self, id: &str) -> Option<CallDetail> {
        self.kept().detail(id)
    }

    /// How long the kept calls took.
    #[must_use]
    pub fn latency(&self, filter: &CallFilter) -> Latency {
        self.kept().latency(filter)
    }

    /// Operations since the start.
    #[must_use]
    pub fn totals(&self) -> Totals {
        let (calls, errors) = self.figures.totals();
        let rates = self.rates();
        Totals { calls, errors, calls_per_s: rates.calls_per_s, errors_per_s: rates.errors_per_s }
    }

    /// Takes a look at all servers; to be called once a second. Tells a `tick`.
    pub fn sample(&self, samples: &[ServerSample<'_>]) {
        let now_ms = (self.limits.now_ms)();
        let batch = self.recent().take(now_ms.div_euclid(1000), samples);
        if let Some(store) = &self.store {
            store.write(batch, now_ms.div_euclid(1000));
        }
        self.rates().note(now_ms, self.figures.totals());
        self.bus.publish(Topic::Tick, || tick::tick(now_ms, &self.totals(), samples));
    }

    /// What servers used and did: of one server alone, or of each and of all together, `*`. A server that did nothing in that time is
    /// left out. `None` when the file where it is kept does not answer.
    ///
    /// Cancel safe.
    pub async fn history(&self, range: Range, server: Option<&str>) -> Option<Measured> {
        let now = (self.limits.now_ms)().div_euclid(1000);
        match range {
            Range::TenMinutes => {
                // What another life of this process has written is asked for only while this one is younger than that.
                let first = self.recent().first().unwrap_or(i64::MAX);
                let older = match &self.store {
                    Some(store) if first > now - seconds::SECONDS_MAX + 1 => store.seconds(now, first).await,
                    _ => Vec::new(),
                };
                Some(self.recent().measured(now, &older, server))
            }
            Range::SevenDays => match &self.store {
                Some(store) => store.minutes(now, server).await,
                None => Some(seconds::Table::new(range, now, server).measured()),
            },
        }
    }

    /// The figures, for a scraper. Blocks for some ten microseconds, on Linux for one more for each open file.
    #[must_use]
    pub fn render(&self, exposition: Exposition) -> String {
        let recent = self.recent();
        let now = Now {
            servers: recent.latest(),
            tools: self.tools.load(Ordering::Relaxed),
            generation: self.generation.load(Ordering::Relaxed),
            readers: self.bus.readers(),
            lost: self.bus.lost(),
            process: process_use(),
        };
        let text = self.figures.open_metrics(&now);
        drop(recent);
        match exposition {
            Exposition::OpenMetrics => text,
            Exposition::Text => figures::as_text(&text),
        }
    }

    /// What is known of tools has changed. Tells a `catalog`.
    pub fn note_catalog(&self, generation: u64, tools: usize) {
        self.tools.store(tools, Ordering::Relaxed);
        self.generation.store(generation, Ordering::Relaxed);
        self.bus.publish(Topic::Catalog, || Some(format!(r#"{{"generation":{generation},"tools":{tools}}}"#)));
    }

    /// A client has come; he is there until what this gives is dropped.
    #[must_use]
    pub fn client(&self, surface: Surface) -> Present {
        let gauge = self.figures.clients(surface);
        gauge.inc();
        Present(gauge)
    }

    /// An HTTP connection was made; it is there until what this gives is dropped.
    #[must_use]
    pub fn connection(&self) -> Present {
        self.figures.http_connections.inc();
        Present(self.figures.http_connections.clone())
    }

    /// An HTTP request was answered.
    pub fn note_answered(&self, surface: Surface, status: u16) {
        self.figures.answered(surface, status);
    }

    /// Passes events on to their readers, those of a moment together. Without it nobody is told anything. Never ends by itself.
    ///
    /// Cancel safe.
    pub async fn tell(&self) {
        loop {
            self.bus.news.notified().await;
            self.gather_calls();
            self.bus.tell();
            bus::pause().await;
        }
    }

    /// Calls are told from the list of those that are kept, so that one that nobody is told of costs nothing more.
    fn gather_calls(&self) {
        if !self.has_new_calls.swap(false, Ordering::Relaxed) {
            return;
        }
        let (lines, last) = {
            let kept = self.kept();
            (kept.after(self.told.load(Ordering::Relaxed), Topic::Call.told_max()), kept.last())
        };
        let ended = last - self.told.fetch_max(last, Ordering::Relaxed).min(last);
        let left_out = ended.saturating_sub(lines.len() as u64);
        if left_out > 0 {
            self.bus.leave_out(Topic::Call, left_out);
        }
        for line in lines {
            self.bus.publish(Topic::Call, || serde_json::to_string(&line).ok());
        }
    }

    /// Writes what is not written yet.
    ///
    /// Not cancel safe: the last seconds may be lost.
    pub async fn stop(&self) {
        let now = (self.limits.now_ms)().div_euclid(1000);
        if let Some(store) = &self.store {
            let rest = self.recent().rest();
            store.write(rest, now);
            store.stop().await;
        }
    }

    fn kept(&self) -> MutexGuard<'_, Calls> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn recent(&self) -> MutexGuard<'_, Recent> {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn rates(&self) -> MutexGuard<'_, Rates> {
        self.rates.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Observer for Monitor {
    fn ended(&self, ended: &Ended<'_>) {
        self.figures.count(ended);
        let last = {
            let mut kept = self.kept();
            kept.push(ended, (self.limits.now_ms)());
            kept.last()
        };
        if !self.bus.wanted().has(Topic::Call) {
            // Whoever comes later finds it in the list of calls.
            self.told.fetch_max(last, Ordering::Relaxed);
        } else if !self.has_new_calls.swap(true, Ordering::Relaxed) {
            self.bus.news.notify_one();
        }
    }

    fn passed(&self, stage: Stage, took: Duration) {
        self.figures.passed(stage, took);
    }
}
