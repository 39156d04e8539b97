//! The log of a running process: who has something to say leaves it in a queue, and a thread writes what has come together.

use std::collections::VecDeque;
use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::json;

use crate::domain::error_chain;

use super::Error;
use super::entry::{Entry, Event};
use super::flood::Flood;
use super::writer::Writer;

/// After the first event of a batch: what comes in that time is written and synced together. One sync takes about as long.
const GATHER: Duration = Duration::from_millis(5);
/// Before the next try when the disk did not take it.
const AGAIN: Duration = Duration::from_secs(1);
/// Events in one batch. A guess: 300 kB.
const BATCH_MAX: usize = 1000;

/// How the log is kept.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where.
    pub folder: PathBuf,
    /// A file that is longer is followed by the next; each day begins another.
    pub file_bytes_max: u64,
    /// A file all of whose records are older goes.
    pub keep_days: u32,
    /// Events that wait for the disk; more are dropped and counted.
    pub queue_len: usize,
    /// Nothing runs while the log cannot be written.
    pub is_required: bool,
}

/// Gets what was written, in its order: for those who watch. Called on the thread that writes; it must not wait.
pub type Told = Box<dyn Fn(&[Entry]) + Send>;

/// The log of a running process. Clones are the same log.
#[derive(Clone)]
pub struct Log {
    shared: Arc<Shared>,
    thread: Arc<Mutex<Option<JoinHandle<()>>>>,
}

struct Shared {
    options: Options,
    now: fn() -> i64,
    waiting: Mutex<Waiting>,
    has_come: Condvar,
    /// Events that were dropped and are not told of yet.
    lost: AtomicU64,
    is_able: AtomicBool,
}

#[derive(Default)]
struct Waiting {
    events: VecDeque<Event>,
    flood: Flood,
    /// The thread sleeps until something comes.
    is_asleep: bool,
    is_over: bool,
}

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Log").field("options", &self.shared.options).finish_non_exhaustive()
    }
}

impl Log {
    /// Starts the thread. `now` is the wall clock, in milliseconds since 1970. A folder that cannot be had is tried again, as a disk
    /// that is full is. Where the log is required it is tried at once, which blocks for making a folder.
    ///
    /// # Errors
    /// When there is no thread to be had.
    pub fn start(options: Options, now: fn() -> i64, told: Option<Told>) -> Result<Self, Error> {
        let mut writer = Writer::new(options.clone());
        let tried = if options.is_required { writer.try_out() } else { Ok(()) };
        if let Err(fault) = &tried {
            tracing::error!(error = error_chain(fault), "nothing runs: the audit log cannot be written");
        }
        let shared = Arc::new(Shared {
            options,
            now,
            waiting: Mutex::default(),
            has_come: Condvar::new(),
            lost: AtomicU64::new(0),
            is_able: AtomicBool::new(tried.is_ok()),
        });
        let for_thread = shared.clone();
        let thread = std::thread::Builder::new().name("audit".to_owned());
        let thread = thread.spawn(move || {
            let _at_its_end = Ending(&for_thread);
            for_thread.run(writer, told.as_ref());
        });
        let thread = thread.map_err(Error::Thread)?;
        Ok(Self { shared, thread: Arc::new(Mutex::new(Some(thread))) })
    }

    /// Leaves an event to be written. Never waits: what does not fit is counted, and the count is written.
    pub fn record(&self, event: Event) {
        let mut waiting = self.shared.waiting();
        if waiting.events.len() >= self.shared.options.queue_len || waiting.is_over {
            // Under the lock, so that the next batch on the disk is behind it.
            let was_able = self.shared.is_able.swap(false, Ordering::Relaxed);
            drop(waiting);
            self.shared.lost.fetch_add(1, Ordering::Relaxed);
            if was_able {
                tracing::error!(
                    "the audit log does not keep up (audit.queue_len): what happens now is counted, not noted"
                );
            }
            return;
        }
        waiting.events.push_back(event);
        self.shared.wake(waiting);
    }

    /// The same for what somebody was not let do. Of a flood some are written, and how many more there were.
    pub fn refused(&self, mut event: Event) {
        let mut waiting = self.shared.waiting();
        let Some(left_out) = waiting.flood.pass(event.at) else { return };
        if left_out > 0 {
            event.details.push(("left_out_before", json!(left_out)));
        }
        drop(waiting);
        self.record(event);
    }

    /// Whether what is recorded now will be written, as far as is known.
    #[must_use]
    pub fn is_able(&self) -> bool {
        self.shared.is_able.load(Ordering::Relaxed)
    }

    /// The wall clock of the log.
    #[must_use]
    pub fn now(&self) -> i64 {
        (self.shared.now)()
    }

    /// Where it lies, for who reads it.
    #[must_use]
    pub fn options(&self) -> &Options {
        &self.shared.options
    }

    /// Writes what waits and ends the thread; what comes later is lost. Blocks for the disk.
    pub fn close(&self) {
        let mut waiting = self.shared.waiting();
        waiting.is_over = true;
        waiting.is_asleep = true;
        self.shared.wake(waiting);
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            let _told_when_it_panicked = thread.join();
        }
    }
}

/// Says at the end of the thread, be it a panic, that nothing is written any more.
struct Ending<'a>(&'a Shared);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.is_able.store(false, Ordering::Relaxed);
    }
}

impl Shared {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waking a thread is a system call, so a thread that will look by itself is left alone.
    fn wake(&self, mut waiting: MutexGuard<'_, Waiting>) {
        let is_asleep = std::mem::take(&mut waiting.is_asleep);
        drop(waiting);
        if is_asleep {
            self.has_come.notify_one();
        }
    }

    fn run(&self, mut writer: Writer, told: Option<&Told>) {
        let mut batch: Vec<Event> = Vec::new();
        loop {
            let is_over = self.gather(&mut batch);
            let lost = self.lost.swap(0, Ordering::Relaxed);
            if lost > 0 {
                batch.push(self.lost_event(lost));
            }
            if !batch.is_empty() && !self.write(&mut writer, &batch, told) {
                self.lost.fetch_add(lost, Ordering::Relaxed);
                if lost > 0 {
                    batch.pop();
                }
                if is_over {
                    let count = batch.len() + self.waiting().events.len();
                    tracing::error!(count, "the last events were not written into the audit log");
                    return;
                }
                continue;
            }
            batch.clear();
            if is_over && self.waiting().events.is_empty() {
                return;
            }
        }
    }

    /// Waits for events and takes them; a batch that could not be written is tried again after a while. Whether the log is to end.
    fn gather(&self, batch: &mut Vec<Event>) -> bool {
        let mut waiting = self.waiting();
        while batch.is_empty() && waiting.events.is_empty() && !waiting.is_over {
            waiting.is_asleep = true;
            waiting = self.has_come.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
        let pause = if batch.is_empty() { GATHER } else { AGAIN };
        let (woken, _) = self
            .has_come
            .wait_timeout_while(waiting, pause, |waiting| !waiting.is_over)
            .unwrap_or_else(PoisonError::into_inner);
        waiting = woken;
        // Moved at once where that can be: whoever records waits for the lock meanwhile.
        let room = BATCH_MAX.saturating_sub(batch.len());
        let taken = if waiting.events.len() <= room {
            std::mem::take(&mut waiting.events)
        } else {
            waiting.events.drain(..room).collect()
        };
        let is_over = waiting.is_over;
        drop(waiting);
        batch.extend(taken);
        is_over
    }

    fn write(&self, writer: &mut Writer, batch: &[Event], told: Option<&Told>) -> bool {
        match writer.append(batch) {
            Ok(entries) => {
                if !self.is_able.swap(true, Ordering::Relaxed) {
                    tracing::info!("the audit log can be written again");
                }
                if let Some(told) = told {
                    told(&entries);
                }
                true
            }
            Err(fault) => {
                if self.is_able.swap(false, Ordering::Relaxed) {
                    tracing::error!(error = error_chain(&fault), "the audit log cannot be written; it is tried again");
                }
                false
            }
        }
    }

    fn lost_event(&self, count: u64) -> Event {
        Event {
            at: (self.now)(),
            who: Some("mcporch".into()),
            action: "audit.lost",
            outcome: "done",
            details: vec![("count", json!(count))],
            ..Event::default()
        }
    }
}
