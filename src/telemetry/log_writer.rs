//! Writing the log: a bounded queue, and behind it one thread that hides secrets, writes, and counts what was lost.

use std::fmt;
use std::io::{self, Write};
use std::mem;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::time::Instant;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::Writer as Text;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};

use crate::config::LogFormat;
use crate::domain::error_chain;
use crate::secrets::redactor;

use super::log_file::LogFile;

/// Lines that wait for the disk. A guess: a burst of debugging; the places for them take 32 kB.
const QUEUE_LEN: usize = 1024;
/// Bytes of them all. A guess: lines are some hundred bytes, and a thousand of those are far below.
const QUEUE_BYTES: usize = 4 << 20;
/// Lines that are written in one go, at most.
const BATCH_LEN: usize = 1024;
/// How long a line waits for room in a full queue before it is lost. Whoever logs waits meanwhile, so it is short; a disk that is
/// slow for longer costs lines, and no more waiting until it has written some.
const ROOM_PATIENCE: Duration = Duration::from_millis(20);
/// Between two looks whether there is room.
const LOOK_EVERY: Duration = Duration::from_micros(200);
/// How long a file that could not be written is left alone. A guess: who frees a full disk sees it filled soon after.
const AGAIN_AFTER: Duration = Duration::from_secs(10);
/// How often the thread looks whether something was lost while nothing comes.
const LOSS_EVERY: Duration = Duration::from_secs(1);

/// Where lines go.
#[derive(Debug, Clone)]
pub enum Destination {
    /// To stderr.
    Stderr,
    /// Into a file.
    File(LogFile),
}

/// Takes whole lines and writes them later, in their order. Cheap to clone. No thread runs before the first line.
#[derive(Clone)]
pub struct LogWriter {
    shared: Arc<Shared>,
}

struct Shared {
    destination: Destination,
    format: LogFormat,
    sender: OnceLock<Option<SyncSender<Message>>>,
    /// Bytes that wait.
    waiting: AtomicUsize,
    /// Lines that found no room and were not told yet.
    dropped: AtomicU64,
    /// All lines that were lost, told or not.
    lost: AtomicU64,
    /// A line waited for room in vain, and nothing was written since.
    is_stuck: AtomicBool,
}

enum Message {
    Line(Vec<u8>),
    /// All that came before is to be written; then this is told.
    Finish(SyncSender<()>),
}

impl fmt::Debug for LogWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogWriter").field("destination", &self.shared.destination).finish_non_exhaustive()
    }
}

impl LogWriter {
    /// A writer there; lines of its own, about lost ones, are in this format.
    #[must_use]
    pub fn new(destination: Destination, format: LogFormat) -> Self {
        let shared = Shared {
            destination,
            format,
            sender: OnceLock::new(),
            waiting: AtomicUsize::new(0),
            dropped: AtomicU64::new(0),
            lost: AtomicU64::new(0),
            is_stuck: AtomicBool::new(false),
        };
        Self { shared: Arc::new(shared) }
    }

    /// Takes a line, line feed included. Blocks for some microseconds; for `ROOM_PATIENCE` at most when lines come faster than
    /// they can be written, and then it is lost and counted.
    pub fn line(&self, line: &[u8]) {
        let shared = &self.shared;
        let Some(sender) = shared.sender.get_or_init(|| start(shared)) else {
            return shared.lose();
        };
        let bytes = line.len();
        shared.waiting.fetch_add(bytes, Ordering::Relaxed);
        let mut message = Some(Message::Line(line.to_vec()));
        let mut is_sent = || match message.take().map(|message| sender.try_send(message)) {
            None | Some(Ok(())) => true,
            Some(Err(TrySendError::Full(back) | TrySendError::Disconnected(back))) => {
                message = Some(back);
                false
            }
        };
        let is_taken = bytes <= QUEUE_BYTES
            && self.waited_for(|| shared.waiting.load(Ordering::Relaxed) <= QUEUE_BYTES)
            && self.waited_for(&mut is_sent);
        if !is_taken {
            shared.waiting.fetch_sub(bytes, Ordering::Relaxed);
            shared.lose();
        }
    }

    /// Whether it became so within the patience. Who finds the queue stuck does not wait at all.
    fn waited_for(&self, mut is_so: impl FnMut() -> bool) -> bool {
        if is_so() {
            return true;
        }
        if self.shared.is_stuck.load(Ordering::Relaxed) {
            return false;
        }
        let deadline = Instant::now() + ROOM_PATIENCE;
        while Instant::now() < deadline {
            std::thread::park_timeout(LOOK_EVERY);
            if is_so() {
                return true;
            }
        }
        self.shared.is_stuck.store(true, Ordering::Relaxed);
        false
    }

    /// Waits until all that was taken is written, for that long at most, and has a place tried again that failed before. Blocks
    /// this thread.
    pub fn finish(&self, within: Duration) {
        let Some(Some(sender)) = self.shared.sender.get() else { return };
        let deadline = Instant::now() + within;
        let (done, written) = sync_channel(1);
        let mut message = Message::Finish(done);
        while let Err(back) = sender.try_send(message) {
            message = match back {
                TrySendError::Full(message) => message,
                TrySendError::Disconnected(_) => return,
            };
            if Instant::now() >= deadline {
                return;
            }
            std::thread::park_timeout(LOOK_EVERY);
        }
        let _too_slow = written.recv_timeout(deadline.saturating_duration_since(Instant::now()));
    }

    /// Lines that were lost since the start: the disk was full, or too slow.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.shared.lost.load(Ordering::Relaxed)
    }
}

impl Shared {
    fn lose(&self) {
        self.dropped.fetch_add(1, Ordering::Relaxed);
        self.lost.fetch_add(1, Ordering::Relaxed);
    }
}

/// An event comes in one write: that is how they are formatted.
impl Write for LogWriter {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.line(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for LogWriter {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// Starts the thread; `None` when the system gives none, which costs the log and nothing else.
fn start(shared: &Arc<Shared>) -> Option<SyncSender<Message>> {
    let (sender, inbox) = sync_channel(QUEUE_LEN);
    let thread = Thread { shared: shared.clone(), untold: 0, again_at: None };
    let spawned = std::thread::Builder::new().name("log".to_owned()).spawn(move || thread.run(&inbox));
    match spawned {
        Ok(_ends_with_the_process) => Some(sender),
        Err(fault) => {
            complain(&format!("there is no log: no thread could be started for it: {fault}"));
            None
        }
    }
}

/// What the thread knows.
struct Thread {
    shared: Arc<Shared>,
    /// Lines that were lost and are not told yet.
    untold: u64,
    /// Not to be tried before, after a failure.
    again_at: Option<Instant>,
}

impl Thread {
    fn run(mut self, inbox: &Receiver<Message>) {
        loop {
            let first = match inbox.recv_timeout(LOSS_EVERY) {
                Ok(message) => Some(message),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => return,
            };
            let mut lines = Vec::new();
            let mut finished = None;
            for message in first.into_iter().chain(inbox.try_iter()).take(BATCH_LEN) {
                match message {
                    Message::Line(line) => lines.push(line),
                    Message::Finish(done) => {
                        finished = Some(done);
                        break;
                    }
                }
            }
            let bytes = lines.iter().map(Vec::len).sum();
            self.write(lines, finished.is_some());
            self.shared.waiting.fetch_sub(bytes, Ordering::Relaxed);
            if let Some(done) = finished {
                let _gone = done.send(());
            }
        }
    }

    /// Writes them; tries a place again that failed a moment ago only if it is urgent.
    fn write(&mut self, lines: Vec<Vec<u8>>, is_urgent: bool) {
        let now = Instant::now();
        if !is_urgent && self.again_at.is_some_and(|at| now < at) {
            return self.lose(lines.len() as u64);
        }
        let was_broken = self.again_at.is_some();
        let dropped = self.shared.dropped.swap(0, Ordering::Relaxed);
        let untold = mem::take(&mut self.untold) + dropped;
        let mut lines: Vec<Vec<u8>> = lines.into_iter().map(without_secrets).collect();
        let came = lines.len();
        // What found no room came after what waited; what could not be written came before it.
        let place = if was_broken { 0 } else { came };
        if untold > 0 {
            lines.insert(place, self.about_lost(untold));
        }
        if lines.is_empty() {
            return;
        }
        let written = match &self.shared.destination {
            Destination::File(file) => file.append(&lines),
            Destination::Stderr => io::stderr().lock().write_all(&lines.concat()).map_err(|fault| (0, fault)),
        };
        match written {
            Ok(()) => {
                self.again_at = None;
                self.shared.is_stuck.store(false, Ordering::Relaxed);
            }
            Err((done, fault)) => {
                if let (false, Destination::File(file)) = (was_broken, &self.shared.destination) {
                    let (path, error) = (file.path.display(), error_chain(&fault));
                    complain(&format!(
                        "log file {path} cannot be written; its lines are lost until it can be: {error}"
                    ));
                }
                let was_told = untold == 0 || place < done;
                let left = (lines.len() - done) as u64 - u64::from(untold > 0 && !was_told);
                self.untold += if was_told { 0 } else { untold };
                self.lose(left);
                self.again_at = Some(now + AGAIN_AFTER);
            }
        }
    }

    fn lose(&mut self, lines: u64) {
        self.untold += lines;
        self.shared.lost.fetch_add(lines, Ordering::Relaxed);
    }

    /// The line that says so, like the others.
    fn about_lost(&self, lost: u64) -> Vec<u8> {
        let mut time = String::new();
        let _in_memory = SystemTime.format_time(&mut Text::new(&mut time));
        let what = format!("{lost} lines of this log are missing: they could not be written in time");
        let line = match self.shared.format {
            LogFormat::Text => format!("{time}  WARN {what} log.lost={lost}\n"),
            LogFormat::Json => format!(
                "{{\"timestamp\":\"{time}\",\"level\":\"WARN\",\"message\":\"{what}\",\"log.lost\":{lost},\
                 \"target\":\"{target}\"}}\n",
                target = module_path!()
            ),
        };
        line.into_bytes()
    }
}

/// The line without what nobody may read.
fn without_secrets(line: Vec<u8>) -> Vec<u8> {
    if let std::borrow::Cow::Owned(clean) = redactor().redact_bytes(&line) {
        return clean;
    }
    line
}

/// The one place left to say it.
fn complain(what: &str) {
    let _nobody_listens = writeln!(io::stderr(), "mcporch: {what}");
}
