//! Writing: a bounded queue, and behind it one thread that owns the files.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::domain::{Moment, ServerName, error_chain};

use super::rotate::{self, Bounds};
use super::{LogLine, Source, file_name};

/// Longest text of a line, in characters. A guess: a line of structured logging fits, and a full queue stays below 10 MB.
const TEXT_CHARS_MAX: usize = 2000;
/// Lines that wait for the disk, over all servers; more are dropped and counted. A guess: a burst of all servers at once.
const QUEUE_LEN: usize = 1024;
/// Lines that are written in one go, at most.
const BATCH_LEN: usize = 1024;
/// How long a file that could not be written is left alone. A guess: who frees a full disk sees it filled soon after.
const AGAIN_AFTER: Duration = Duration::from_secs(10);
/// How often the thread looks whether something was dropped while nothing comes.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long the end of the process waits for the disk. What is lost then is a part of a log.
const STOP_WITHIN: Duration = Duration::from_secs(3);

/// How much is kept, and where the time comes from.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Longest file, in bytes.
    pub bytes_max: u64,
    /// Files of one server, the one that is written included.
    pub files_max: u32,
    /// Milliseconds since 1970, now.
    pub now_ms: fn() -> i64,
}

/// The logs of all servers. Nothing is opened and no thread runs before the first line.
pub struct ServerLogs {
    shared: Arc<Shared>,
}

struct Shared {
    folder: PathBuf,
    limits: Limits,
    sender: OnceLock<Option<SyncSender<Message>>>,
    is_stopping: AtomicBool,
    /// One for each server, however often it is asked for.
    places: Mutex<BTreeMap<PathBuf, Arc<Place>>>,
}

enum Message {
    Line { place: Arc<Place>, line: LogLine },
    Stop(oneshot::Sender<()>),
}

/// One server's log as writers and the thread share it.
struct Place {
    path: PathBuf,
    /// Lines that found the queue full and were not told yet.
    dropped: AtomicU64,
}

/// Takes the lines of one server. Cheap to clone; no method waits.
#[derive(Clone)]
pub struct ServerLog {
    shared: Arc<Shared>,
    place: Arc<Place>,
}

impl fmt::Debug for ServerLogs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerLogs").field("folder", &self.shared.folder).finish_non_exhaustive()
    }
}

impl fmt::Debug for ServerLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerLog").field("path", &self.place.path).finish_non_exhaustive()
    }
}

impl ServerLogs {
    /// Logs in that folder, which is made when it is first needed.
    #[must_use]
    pub fn new(folder: PathBuf, limits: Limits) -> Self {
        let shared = Shared {
            folder,
            limits,
            sender: OnceLock::new(),
            is_stopping: AtomicBool::new(false),
            places: Mutex::default(),
        };
        Self { shared: Arc::new(shared) }
    }

    /// The log of that server.
    #[must_use]
    pub fn of(&self, server: &ServerName) -> ServerLog {
        let path = self.shared.folder.join(file_name(server));
        let mut places = self.shared.places.lock().unwrap_or_else(PoisonError::into_inner);
        let new = || Arc::new(Place { path: path.clone(), dropped: AtomicU64::new(0) });
        let place = places.entry(path.clone()).or_insert_with(new).clone();
        ServerLog { shared: self.shared.clone(), place }
    }

    /// Writes what waits, for a few seconds at most. Lines that come later are lost.
    ///
    /// Cancel safe.
    pub async fn stop(&self) {
        self.shared.is_stopping.store(true, Ordering::Relaxed);
        let Some(Some(sender)) = self.shared.sender.get() else { return };
        let (done, written) = oneshot::channel();
        let mut message = Message::Stop(done);
        let deadline = Instant::now() + STOP_WITHIN;
        // The queue has no waiting for room that could be given up, so it is asked again.
        while let Err(back) = sender.try_send(message) {
            message = match back {
                std::sync::mpsc::TrySendError::Full(message) => message,
                std::sync::mpsc::TrySendError::Disconnected(_) => return,
            };
            if Instant::now() >= deadline {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let _too_slow = tokio::time::timeout_at(deadline, written).await;
    }
}

impl ServerLog {
    /// A line of its stderr, cleaned.
    pub fn stderr(&self, text: &str) {
        self.write(Source::Stderr, text);
    }

    /// A line of ours: started, ready, ended, started again.
    pub fn tell(&self, text: &str) {
        self.write(Source::Mcporch, text);
    }

    /// [`ServerLog::stderr`] as the function that a session takes.
    #[must_use]
    pub fn sink(&self) -> Arc<dyn Fn(&str) + Send + Sync> {
        let log = self.clone();
        Arc::new(move |text| log.stderr(text))
    }

    fn write(&self, source: Source, text: &str) {
        let Some(sender) = self.shared.sender.get_or_init(|| start(self.shared.clone())) else { return };
        if self.shared.is_stopping.load(Ordering::Relaxed) {
            return;
        }
        let line = LogLine {
            at: Moment((self.shared.limits.now_ms)()),
            source,
            text: text.chars().take(TEXT_CHARS_MAX).collect(),
        };
        if sender.try_send(Message::Line { place: self.place.clone(), line }).is_err() {
            self.place.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Starts the thread; `None` when the system gives none, which costs the logs and nothing else.
fn start(shared: Arc<Shared>) -> Option<SyncSender<Message>> {
    let (sender, inbox) = sync_channel(QUEUE_LEN);
    let (folder, limits) = (shared.folder.clone(), shared.limits);
    let spawned = std::thread::Builder::new().name("server-logs".to_owned()).spawn(move || {
        Writer { folder, limits, files: BTreeMap::new() }.run(&inbox);
    });
    match spawned {
        Ok(_ends_with_its_queue) => Some(sender),
        Err(fault) => {
            tracing::warn!(error = %fault, "the logs of servers are not kept: no thread could be started for them");
            None
        }
    }
}

/// What the thread owns.
struct Writer {
    folder: PathBuf,
    limits: Limits,
    files: BTreeMap<PathBuf, Kept>,
}

/// What the thread knows of one file.
struct Kept {
    place: Arc<Place>,
    /// Lines that could not be written and were not told yet.
    lost: u64,
    /// Not to be tried before, after a failure.
    again_at: Option<Instant>,
}

impl Writer {
    fn run(mut self, inbox: &Receiver<Message>) {
        loop {
            let first = match inbox.recv_timeout(LOOK_EVERY) {
                Ok(message) => Some(message),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => return self.write(BTreeMap::new()),
            };
            let mut lines: BTreeMap<PathBuf, Vec<String>> = BTreeMap::new();
            let mut stop = None;
            for message in first.into_iter().chain(inbox.try_iter()).take(BATCH_LEN) {
                match message {
                    Message::Line { place, line } => {
                        lines.entry(place.path.clone()).or_default().push(line.to_text());
                        let path = place.path.clone();
                        self.files.entry(path).or_insert(Kept { place, lost: 0, again_at: None });
                    }
                    Message::Stop(done) => {
                        stop = Some(done);
                        break;
                    }
                }
            }
            self.write(lines);
            if let Some(done) = stop {
                let _gone = done.send(());
                return;
            }
        }
    }

    fn write(&mut self, mut lines: BTreeMap<PathBuf, Vec<String>>) {
        let now = Instant::now();
        let limits = self.limits;
        let bounds = Bounds { bytes_max: limits.bytes_max, files_max: limits.files_max };
        for (path, kept) in &mut self.files {
            let mut lines = lines.remove(path).unwrap_or_default();
            kept.lost += kept.take_dropped();
            if kept.again_at.is_some_and(|at| now < at) {
                kept.lost += lines.len() as u64;
                continue;
            }
            let came = lines.len() as u64;
            if kept.lost > 0 {
                let text = format!("{} lines are missing here: they could not be written", kept.lost);
                let line = LogLine { at: Moment((limits.now_ms)()), source: Source::Mcporch, text };
                // Those that were written before stand before it: what was dropped came after what waited.
                let place = if kept.again_at.is_some() { 0 } else { lines.len() };
                lines.insert(place, line.to_text());
            }
            if lines.is_empty() {
                continue;
            }
            let written = fs::create_dir_all(&self.folder).and_then(|()| rotate::append(path, &lines, bounds));
            match written {
                Ok(()) => {
                    kept.lost = 0;
                    kept.again_at = None;
                }
                Err(fault) => {
                    if kept.again_at.is_none() {
                        let path = path.display();
                        let error = error_chain(&fault);
                        tracing::warn!(%error, "log file {path} cannot be written; its lines are lost until it can be");
                    }
                    kept.lost += came;
                    kept.again_at = Some(now + AGAIN_AFTER);
                }
            }
        }
    }
}

impl Kept {
    fn take_dropped(&self) -> u64 {
        self.place.dropped.swap(0, Ordering::Relaxed)
    }
}
