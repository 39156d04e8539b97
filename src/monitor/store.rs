//! The thread that owns the file of samples, and the queue in front of it.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{OnceLock, PoisonError, RwLock};
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use tokio::sync::oneshot;

use crate::database::Error;
use crate::domain::error_chain;

use super::file::File;
use super::samples::Measured;
use super::seconds::{Batch, Step};

/// Batches and questions that wait; more are lost, or answered with nothing. A guess: half a minute of a stuck disk, with some who look.
const QUEUE_LEN: usize = 32;
/// How long who looks waits for the file. A guess: seven days of twenty servers are read in half a second.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// How long the end of the process waits for the last batch.
const STOP_WITHIN: Duration = Duration::from_secs(5);

/// What the thread does with the file.
enum Work {
    Write(Batch, i64),
    Seconds { now: i64, before: i64, reply: oneshot::Sender<Vec<Step>> },
    Minutes { now: i64, server: Option<String>, reply: oneshot::Sender<Measured> },
    Stop(oneshot::Sender<()>),
}

/// The queue. Nothing is opened before something is to be written or read.
pub(super) struct Store {
    path: PathBuf,
    busy_timeout: Duration,
    lost: Counter,
    sender: OnceLock<RwLock<Option<SyncSender<Work>>>>,
}

impl Store {
    pub(super) fn new(path: PathBuf, busy_timeout: Duration, lost: Counter) -> Self {
        Self { path, busy_timeout, lost, sender: OnceLock::new() }
    }

    /// Writes it soon; one that finds the queue full is lost, and counted.
    pub(super) fn write(&self, batch: Batch, now: i64) {
        if batch == Batch::default() {
            return;
        }
        if !self.send(Work::Write(batch, now)) {
            self.lost.inc();
        }
    }

    /// The seconds of the last ten minutes before `before`; none when the file does not answer.
    pub(super) async fn seconds(&self, now: i64, before: i64) -> Vec<Step> {
        self.ask(|reply| Work::Seconds { now, before, reply }).await.unwrap_or_default()
    }

    /// Seven days of minutes; `None` when the file does not answer.
    pub(super) async fn minutes(&self, now: i64, server: Option<&str>) -> Option<Measured> {
        let server = server.map(str::to_owned);
        self.ask(|reply| Work::Minutes { now, server, reply }).await
    }

    /// Writes what waits, and closes the file.
    pub(super) async fn stop(&self) {
        let Some(slot) = self.sender.get() else { return };
        let Some(sender) = slot.write().unwrap_or_else(PoisonError::into_inner).take() else { return };
        let (reply, done) = oneshot::channel();
        // Blocking is left to the thread: a full queue has its own batches to write, and they are more than this last word.
        if sender.try_send(Work::Stop(reply)).is_ok() {
            let _too_late = tokio::time::timeout(STOP_WITHIN, done).await;
        }
    }

    async fn ask<T>(&self, work: impl FnOnce(oneshot::Sender<T>) -> Work) -> Option<T> {
        let (reply, answer) = oneshot::channel();
        if !self.send(work(reply)) {
            return None;
        }
        tokio::time::timeout(ANSWER_WITHIN, answer).await.ok()?.ok()
    }

    fn send(&self, work: Work) -> bool {
        let slot = self.sender.get_or_init(|| RwLock::new(self.begin()));
        match slot.read().unwrap_or_else(PoisonError::into_inner).as_ref().map(|sender| sender.try_send(work)) {
            Some(Ok(())) => true,
            Some(Err(TrySendError::Full(_) | TrySendError::Disconnected(_))) | None => false,
        }
    }

    fn begin(&self) -> Option<SyncSender<Work>> {
        let (sender, receiver) = sync_channel(QUEUE_LEN);
        let (path, busy_timeout, lost) = (self.path.clone(), self.busy_timeout, self.lost.clone());
        let thread = std::thread::Builder::new().name("samples".to_owned());
        match thread.spawn(move || Owner { path, busy_timeout, lost, file: None, has_told: false }.run(&receiver)) {
            Ok(_ended_by_its_queue) => Some(sender),
            Err(fault) => {
                tracing::warn!(error = %fault, "samples of servers are not written");
                None
            }
        }
    }
}

/// The thread.
struct Owner {
    path: PathBuf,
    busy_timeout: Duration,
    lost: Counter,
    file: Option<File>,
    /// The log was told that it does not work; once is enough.
    has_told: bool,
}

impl Owner {
    fn run(mut self, queue: &Receiver<Work>) {
        while let Ok(work) = queue.recv() {
            match work {
                Work::Write(batch, now) => {
                    if self.with_file(|file| file.write(&batch, now)).is_none() {
                        self.lost.inc();
                    }
                }
                Work::Seconds { now, before, reply } => {
                    let steps = self.with_file(|file| file.seconds(now, before));
                    // Who asked may be gone; so in the other two.
                    let _gone = reply.send(steps.unwrap_or_default());
                }
                Work::Minutes { now, server, reply } => {
                    if let Some(measured) = self.with_file(|file| file.minutes(now, server.as_deref())) {
                        let _gone = reply.send(measured);
                    }
                }
                Work::Stop(reply) => {
                    // Closed before it is told, so that whoever comes next finds it so.
                    drop(self.file.take());
                    let _gone = reply.send(());
                    return;
                }
            }
        }
    }

    /// Opens it if need be. A file that turns out damaged is set aside, and the work is done in a new one.
    fn with_file<T>(&mut self, mut work: impl FnMut(&mut File) -> Result<T, Error>) -> Option<T> {
        let mut done = self.once(&mut work);
        if let Err(fault) = &done
            && fault.is_damage()
        {
            // Closed before its files are moved.
            self.file = None;
            done = File::open_after_damage(&self.path, self.busy_timeout).and_then(|file| work(self.file.insert(file)));
        }
        match done {
            Ok(done) => {
                self.has_told = false;
                Some(done)
            }
            Err(fault) => {
                self.file = None;
                if !std::mem::replace(&mut self.has_told, true) {
                    tracing::warn!(error = error_chain(&fault), "samples of servers are not kept on the disk");
                }
                None
            }
        }
    }

    fn once<T>(&mut self, work: &mut impl FnMut(&mut File) -> Result<T, Error>) -> Result<T, Error> {
        match &mut self.file {
            Some(file) => work(file),
            None => work(self.file.insert(File::open(&self.path, self.busy_timeout)?)),
        }
    }
}
