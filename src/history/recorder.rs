//! The history as the rest of mcporch sees it: a queue, and behind it one thread that owns the file.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::oneshot;

use crate::domain::{ToolKey, error_chain};

use super::lessons::{self, Keeps, Lesson, NewLesson, Origin, Source, Teaching};
use super::open::Store;
use super::routes::{self, Route, StoredRoute, Teacher};
use super::{Error, RouteId, redact};

/// How often the file is looked at for what other processes taught: as often as the catalog.
const LOOK_EVERY: Duration = Duration::from_secs(30);
/// Routes that are written between two looks for old ones, at most.
const PRUNE_EVERY_MAX: usize = 64;
/// How much longer than one write may wait for another process an answer of the thread is waited for. A guess: what stands
/// before it in the queue takes milliseconds, unless the disk does not answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// How long the end of the process waits for what is still to be written. A guess: as long as one stuck write may take by
/// default; what is lost then is a few routes, never what was acknowledged.
const STOP_WITHIN: Duration = Duration::from_secs(5);
/// How long a write waits for another process while we stop: hundreds may stand in the queue.
const BUSY_AT_STOP: Duration = Duration::from_millis(50);
/// Between two attempts to open a file that another process holds; each waits the busy time-out as well.
const OPEN_AGAIN_AFTER: Duration = Duration::from_millis(200);
/// Seconds in a day.
const DAY_S: i64 = 86_400;

/// How much is kept, and how.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Routes; the oldest go. One in 64 more may lie there for a while.
    pub routes_max: usize,
    /// Days that a route is kept.
    pub keep_days: u32,
    /// Lessons; the oldest go.
    pub lessons_max: usize,
    /// Take out what looks like a secret.
    pub redact: bool,
    /// Writes that wait; more are dropped.
    pub queue_len: usize,
    /// How long a write waits for another process.
    pub busy_timeout: Duration,
    /// Unix seconds now.
    pub now: fn() -> i64,
}

/// What became of something that somebody told us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Acknowledged {
    /// It is on the disk.
    Kept,
    /// The file cannot be used; it holds until this process ends.
    InMemory,
    /// Nothing was kept: a client does not replace what a person has said of the route.
    PersonsWordStays,
}

/// The history. Nothing is opened before it is first used. Cheap to share.
pub struct History {
    path: PathBuf,
    limits: Limits,
    sender: OnceLock<Option<SyncSender<Message>>>,
    /// The number of the lessons' state as the thread saw it last; 0 before the file was opened.
    seen: Arc<AtomicU64>,
    /// Changes of the lessons that this process has asked for, be they written yet or not.
    own_changes: AtomicU64,
    dropped: AtomicU64,
    is_stopping: Arc<AtomicBool>,
}

/// Which state of the lessons somebody has read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LessonsState {
    generation: u64,
    own_changes: u64,
}

/// What the thread does with the file, or with the reason why there is none.
type Work = Box<dyn FnOnce(&mut Result<Store, Error>) + Send>;

enum Message {
    Record(Box<Route>),
    Work(Work),
    Stop(oneshot::Sender<()>),
}

impl fmt::Debug for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("History").field("path", &self.path).finish_non_exhaustive()
    }
}

impl History {
    /// Over this file. Opens nothing yet.
    #[must_use]
    pub fn new(path: PathBuf, limits: Limits) -> Self {
        Self {
            path,
            limits,
            sender: OnceLock::new(),
            seen: Arc::default(),
            own_changes: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            is_stopping: Arc::default(),
        }
    }

    /// Notes a routed request. Returns at once; when too much waits already it is dropped, and counted.
    pub fn record(&self, route: Route) {
        if self.send(Message::Record(Box::new(route))).is_err() && self.dropped.fetch_add(1, Ordering::Relaxed) == 0 {
            tracing::warn!("the history cannot keep up; some routes are not noted (history.queue_len)");
        }
    }

    /// Unix seconds now, as the history counts them.
    #[must_use]
    pub fn now(&self) -> i64 {
        (self.limits.now)()
    }

    /// Writes that were dropped by this process.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Notes what followed from a route without anybody saying so: the tool that the caller took, and lessons. Returns at
    /// once. Where somebody gave feedback on that route, that stays.
    pub fn note_outcome(&self, route: RouteId, chosen: Option<ToolKey>, source: Source, lessons: Vec<NewLesson>) {
        let (now, lessons_max) = ((self.limits.now)(), self.limits.lessons_max);
        if !lessons.is_empty() {
            self.count_own_change();
        }
        let work = move |store: &mut Store| {
            store.write("noting an outcome", |transaction| {
                if let Some(chosen) = &chosen {
                    routes::put_choice(transaction, &route, chosen)?;
                }
                if !lessons.is_empty() && !lessons::has_feedback(transaction, &route)? {
                    let origin = Origin { route: &route, source, at: now };
                    lessons::replace(transaction, origin, &lessons, &Keeps::Nothing, lessons_max)?;
                }
                Ok(())
            })
        };
        let sent = self.send(Message::Work(Box::new(move |store| {
            if let Ok(store) = store {
                tell(work(store));
            }
        })));
        if sent.is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Keeps what somebody said of a route, in place of what was said before; but a client's word never takes the place of
    /// a person's. Returns once it is on the disk.
    ///
    /// Cancel safe: it is kept, or not, as a whole.
    ///
    /// # Errors
    /// [`Error::UnknownRoute`], or when it could not be written; then nothing was.
    pub async fn teach(&self, route: RouteId, teaching: Teaching) -> Result<Acknowledged, Error> {
        let (now, lessons_max) = ((self.limits.now)(), self.limits.lessons_max);
        self.count_own_change();
        self.ask(move |store| {
            let kept = if store.is_kept { Acknowledged::Kept } else { Acknowledged::InMemory };
            let acknowledged = store.write_through("keeping feedback", |transaction| {
                if teaching.teacher == Teacher::Client && lessons::has_persons_word(transaction, &route)? {
                    return Ok(Some(Acknowledged::PersonsWordStays));
                }
                let origin = Origin { route: &route, source: Source::Feedback, at: now };
                if !lessons::replace(transaction, origin, &teaching.lessons, &teaching.keeps, lessons_max)? {
                    return Ok(None);
                }
                routes::put_feedback(transaction, &route, &teaching.feedback, teaching.teacher, now)?;
                Ok(Some(kept))
            })?;
            acknowledged.ok_or_else(|| Error::UnknownRoute { id: route.to_string() })
        })
        .await
    }

    /// One route.
    ///
    /// # Errors
    /// [`Error::UnknownRoute`], or when it cannot be read.
    pub async fn route(&self, id: RouteId) -> Result<StoredRoute, Error> {
        self.ask(move |store| {
            let found = store.read("reading a route", |connection| routes::find(connection, &id))?;
            found.ok_or_else(|| Error::UnknownRoute { id: id.to_string() })
        })
        .await
    }

    /// All routes that are kept, oldest first.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn routes(&self) -> Result<Vec<StoredRoute>, Error> {
        self.ask(|store| store.read("reading the routes", routes::all)).await
    }

    /// The lessons, newest first, with their vectors of this model, and which state this is.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn lessons(&self, model: String) -> Result<(LessonsState, Vec<Lesson>), Error> {
        let lessons_max = self.limits.lessons_max;
        // Before the question: what is asked for meanwhile is read once more.
        let own_changes = self.own_changes.load(Ordering::Acquire);
        self.ask(move |store| {
            store.read("reading the lessons", |connection| {
                // In one transaction, so that the number is that of the lessons.
                let transaction = connection.unchecked_transaction()?;
                let generation = lessons::generation(&transaction)?;
                let found = lessons::all(&transaction, &model, lessons_max)?;
                transaction.commit()?;
                Ok((LessonsState { generation, own_changes }, found))
            })
        })
        .await
    }

    /// Keeps the vectors of lessons, by number. Returns at once; what is lost is made again.
    pub fn put_vectors(&self, model: String, vectors: Vec<(i64, Vec<f32>)>) {
        let work = move |store: &mut Result<Store, Error>| {
            if let Ok(store) = store {
                tell(store.write("keeping vectors", |transaction| lessons::put_vectors(transaction, &model, &vectors)));
            }
        };
        let _made_again = self.send(Message::Work(Box::new(work)));
    }

    /// Deletes the lesson of that number, or all; gives how many there were.
    ///
    /// # Errors
    /// When it could not be written.
    pub async fn forget(&self, lesson: Option<i64>) -> Result<usize, Error> {
        self.count_own_change();
        self.ask(move |store| {
            let forgotten =
                store.write_through("forgetting lessons", |transaction| lessons::forget(transaction, lesson))?;
            store.empty_log();
            Ok(forgotten)
        })
        .await
    }

    /// Whether the lessons have changed since: by this process, or by another, which is seen with the next write after it or
    /// within half a minute.
    #[must_use]
    pub fn is_outdated(&self, read: LessonsState) -> bool {
        self.own_changes.load(Ordering::Acquire) != read.own_changes
            || self.seen.load(Ordering::Acquire) > read.generation
    }

    /// Writes what waits, and closes the file; gives up after some seconds. Does nothing when it was never opened.
    ///
    /// Cancel safe: what waits is written all the same, unless the process ends.
    pub async fn stop(&self) {
        let Some(sender) = self.sender.get_or_init(|| None) else { return };
        self.is_stopping.store(true, Ordering::Release);
        let stop = async {
            let (done, ended) = oneshot::channel();
            let mut message = Message::Stop(done);
            // A full queue empties: its thread waits for nothing but the disk.
            while let Err(TrySendError::Full(back)) = sender.try_send(message) {
                message = back;
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            let _ended_already = ended.await;
        };
        if tokio::time::timeout(STOP_WITHIN, stop).await.is_err() {
            tracing::warn!("the history could not be written in time; the last routes may be lost");
        }
    }

    fn count_own_change(&self) {
        self.own_changes.fetch_add(1, Ordering::AcqRel);
    }

    fn send(&self, message: Message) -> Result<(), Error> {
        let sender = self.sender.get_or_init(|| self.start()).as_ref().ok_or(Error::Closed)?;
        sender.try_send(message).map_err(|fault| match fault {
            TrySendError::Full(_) => Error::Full,
            TrySendError::Disconnected(_) => Error::Closed,
        })
    }

    fn start(&self) -> Option<SyncSender<Message>> {
        let (sender, receiver) = sync_channel(self.limits.queue_len.max(1));
        let (path, limits, seen) = (self.path.clone(), self.limits.clone(), self.seen.clone());
        let is_stopping = self.is_stopping.clone();
        let thread = std::thread::Builder::new().name("history".to_owned());
        let started = thread.spawn(move || follow(&path, &limits, &seen, &is_stopping, &receiver));
        if let Err(fault) = &started {
            tracing::warn!(error = %fault, "the history's thread could not be started; nothing is noted");
        }
        started.is_ok().then_some(sender)
    }

    async fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Store) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let (answer, answered) = oneshot::channel();
        self.send(Message::Work(Box::new(move |store| {
            // Who does not wait any more was told to try again, or has gone.
            if answer.is_closed() {
                return;
            }
            let done = match store {
                Ok(store) => work(store),
                Err(_) => Err(Error::Closed),
            };
            let _nobody_waits = answer.send(done);
        })))?;
        match tokio::time::timeout(self.limits.busy_timeout + ANSWER_WITHIN, answered).await {
            Ok(answered) => answered.map_err(|_| Error::Closed)?,
            Err(_) => Err(Error::Late { path: self.path.clone() }),
        }
    }
}

/// The thread: takes one message after another until it is told to stop or nobody is left to send any.
fn follow(path: &Path, limits: &Limits, seen: &AtomicU64, is_stopping: &AtomicBool, messages: &Receiver<Message>) {
    let mut store = open(path, limits, is_stopping);
    match &store {
        Ok(store) => store.warnings.iter().for_each(|warning| tracing::warn!("{warning}")),
        Err(fault) => tracing::warn!(error = error_chain(fault), "there is no history in this run"),
    }
    let prune_every = (limits.routes_max / 64).clamp(1, PRUNE_EVERY_MAX);
    let mut unpruned = prune_every;
    let mut is_hurried = false;
    loop {
        if !is_hurried
            && is_stopping.load(Ordering::Acquire)
            && let Ok(store) = &store
        {
            is_hurried = true;
            tell(store.wait_for_others(limits.busy_timeout.min(BUSY_AT_STOP)));
        }
        if let Ok(store) = &store
            && let Ok(generation) = store.read("looking for new lessons", lessons::generation)
        {
            seen.store(generation, Ordering::Release);
        }
        match messages.recv_timeout(LOOK_EVERY) {
            Ok(Message::Record(route)) => {
                if let Ok(store) = &mut store {
                    unpruned += 1;
                    let is_due = unpruned > prune_every;
                    tell(record(store, *route, limits, is_due));
                    if is_due {
                        unpruned = 0;
                    }
                }
            }
            Ok(Message::Work(work)) => work(&mut store),
            Ok(Message::Stop(done)) => {
                drop(store);
                let _nobody_waits = done.send(());
                return;
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

/// Opens the file. While another process holds it, tries again until it is told to stop: messages wait meanwhile, so that
/// one moment does not make this process forgetful for its life.
fn open(path: &Path, limits: &Limits, is_stopping: &AtomicBool) -> Result<Store, Error> {
    let mut is_told = false;
    loop {
        match Store::open(path, limits.busy_timeout) {
            Err(fault) if fault.is_busy() && !is_stopping.load(Ordering::Acquire) => {
                if !is_told {
                    tracing::warn!(error = error_chain(&fault), "another process holds the history; trying again");
                    is_told = true;
                }
                std::thread::park_timeout(OPEN_AGAIN_AFTER);
            }
            opened => return opened,
        }
    }
}

fn record(store: &mut Store, mut route: Route, limits: &Limits, prune: bool) -> Result<(), Error> {
    if limits.redact {
        route.request = redact(&route.request);
        route.params.iter_mut().for_each(|name| *name = redact(name));
    }
    let now = (limits.now)();
    store.write("noting a route", |transaction| {
        routes::insert(transaction, &route, now)?;
        if prune {
            routes::prune(transaction, limits.routes_max, now - i64::from(limits.keep_days) * DAY_S)?;
        }
        Ok(())
    })
}

/// A write that nobody waits for.
fn tell(done: Result<(), Error>) {
    if let Err(fault) = done {
        tracing::warn!(error = error_chain(&fault), "something was not noted in the history");
    }
}
