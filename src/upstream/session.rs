//! A session: requests out, answers back, and an end.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::domain::ServerName;
use crate::secrets::redactor;
use crate::wire::WriteError;

use super::link::{INBOX_LEN, Incoming, Link};
use super::pending::PendingRequests;
use super::stderr_tail::StderrTail;
use super::{
    Answer, Behind, Endpoint, Era, Error, Hello, Limits, Offer, Peer, Phase, SearchPath, Spec, complete_env, handshake,
    http, in_process, params, process, receive,
};

/// How long the rest of a dead server's output is waited for: an answer written just before its death still counts.
const LAST_WORDS: Duration = Duration::from_millis(300);
/// Longest part of a line of noise that is shown.
const NOISE_CHARS_SHOWN: usize = 120;

/// Gets the raw `params` of each progress notification of one call.
pub type ProgressSink = Arc<dyn Fn(&str) + Send + Sync>;

/// What a server tells without being asked, and not because of one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// `notifications/tools/list_changed`.
    ToolsChanged,
    /// Any other notification: method and raw `params`.
    Told(Arc<str>, Arc<str>),
    /// It asked a client for something: whoever shares it with others should not.
    Asked,
}

/// Bounds and listeners of one call.
#[derive(Clone)]
pub struct CallOptions {
    /// Longest silence: without progress, the whole call; each progress notification starts it anew.
    pub timeout: Duration,
    /// Longest duration, whatever the progress.
    pub ceiling: Duration,
    /// Gets the progress.
    pub progress: Option<ProgressSink>,
    /// Cancels the call, at the server too.
    pub cancel: CancellationToken,
    /// Who is behind it.
    pub behind: Behind,
}

impl CallOptions {
    /// A request of our own: nobody is behind it, and nothing but its time ends it.
    #[must_use]
    pub fn own(timeout: Duration) -> Self {
        Self { timeout, ceiling: timeout, progress: None, cancel: CancellationToken::new(), behind: Behind::default() }
    }
}

impl fmt::Debug for CallOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallOptions")
            .field("timeout", &self.timeout)
            .field("ceiling", &self.ceiling)
            .finish_non_exhaustive()
    }
}

/// An open session. Cheap to clone; when the last clone is dropped the server is stopped in the background, and
/// [`Session::stop`] waits for that.
#[derive(Debug, Clone)]
pub struct Session {
    handle: Arc<Handle>,
}

#[derive(Debug)]
struct Handle {
    shared: Arc<Shared>,
    hello: OnceLock<Hello>,
    stop: CancellationToken,
    /// The task that owns the process; taken by who waits for its end.
    owner: Mutex<Option<JoinHandle<()>>>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// What the session's tasks share with it.
pub(super) struct Shared {
    pub(super) server: ServerName,
    pub(super) link: Arc<dyn Link>,
    pub(super) pending: PendingRequests,
    pub(super) notices: Arc<dyn Fn(Notice) + Send + Sync>,
    pub(super) tail: StderrTail,
    /// What it was opened with.
    pub(super) offer: Offer,
    /// Questions of the server that are not answered yet, by the raw id that it gave them.
    asks: Mutex<HashMap<String, CancellationToken>>,
    streams: Mutex<HashMap<String, u64>>,
    /// The level of log messages that it was last told, by its rank from `debug` on.
    level: Mutex<Option<usize>>,
    noise_lines: AtomicU64,
    /// How the server ended; `None` while it lives.
    death: watch::Sender<Option<String>>,
    pid: Option<u32>,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("server", &self.server).field("pid", &self.pid).finish_non_exhaustive()
    }
}

impl Session {
    /// Starts the server and shakes hands. `known_era` is what worked last time; without it, or when it no longer works,
    /// the era is found out. On failure nothing is left running.
    ///
    /// Cancel safe: the server is stopped.
    ///
    /// # Errors
    /// Why it did not start, with the end of its stderr.
    pub async fn start(
        spec: &Spec,
        path: &SearchPath,
        limits: &Limits,
        known_era: Option<Era>,
        notices: Arc<dyn Fn(Notice) + Send + Sync>,
    ) -> Result<Self, Error> {
        let deadline = Instant::now() + limits.start_timeout;
        let plan = handshake::Plan::for_era(known_era);
        let spec = &complete_env::complete(spec, limits.start_timeout).await?;
        let session = Self::spawn(spec, path, limits, notices.clone()).await?;
        match handshake::shake(&session, plan, limits, deadline).await {
            Ok(hello) => Ok(session.opened(hello)),
            Err(fault) => {
                session.stop().await;
                let Some(plan) = plan.after(&fault) else { return Err(fault) };
                tracing::debug!(server.name = %spec.server, error = %fault, "starting again to ask in another way");
                let session = Self::spawn(spec, path, limits, notices).await?;
                match handshake::shake(&session, plan, limits, deadline).await {
                    Ok(hello) => Ok(session.opened(hello)),
                    Err(fault) => {
                        session.stop().await;
                        Err(fault)
                    }
                }
            }
        }
    }

    async fn spawn(
        spec: &Spec,
        path: &SearchPath,
        limits: &Limits,
        notices: Arc<dyn Fn(Notice) + Send + Sync>,
    ) -> Result<Self, Error> {
        let tail = StderrTail::new(limits.stderr_tail_lines, spec.stderr_sink.clone());
        let share = |link: Arc<dyn Link>, pid| {
            Arc::new(Shared {
                server: spec.server.clone(),
                link,
                pending: PendingRequests::default(),
                notices,
                tail: tail.clone(),
                offer: spec.offer.clone(),
                asks: Mutex::default(),
                streams: Mutex::default(),
                level: Mutex::default(),
                noise_lines: AtomicU64::new(0),
                death: watch::Sender::new(None),
                pid,
            })
        };
        let stop = CancellationToken::new();
        let (shared, owner) = match &spec.endpoint {
            Endpoint::Child => {
                let running = process::spawn(spec, path, limits).await?;
                let shared = share(Arc::new(running.stdin.clone()), running.pid);
                let owner = own_child(shared.clone(), running, tail, stop.clone(), limits.clone());
                (shared, tokio::spawn(owner))
            }
            Endpoint::Remote(remote) => {
                let (inbox, incoming) = mpsc::channel(INBOX_LEN);
                let link = http::connect(&spec.server, remote, limits, inbox).await?;
                let shared = share(link, None);
                (shared.clone(), tokio::spawn(own_remote(shared, incoming, stop.clone(), limits.clone())))
            }
            Endpoint::InProcess(built_in) => {
                let (link, stdout) = in_process::start(built_in, limits);
                let shared = share(Arc::new(link), None);
                (shared.clone(), tokio::spawn(in_process::own(shared, stdout, stop.clone(), limits.clone())))
            }
        };
        tracing::debug!(server.name = %spec.server, pid = shared.pid, "server started");
        let handle = Handle { shared, hello: OnceLock::new(), stop, owner: Mutex::new(Some(owner)) };
        Ok(Self { handle: Arc::new(handle) })
    }

    fn opened(self, hello: Hello) -> Self {
        self.handle.hello.set(hello).expect("a session shakes hands once");
        self
    }

    /// What the server said of itself.
    ///
    /// # Panics
    /// Never on a session that [`Session::start`] returned.
    #[must_use]
    pub fn hello(&self) -> &Hello {
        self.handle.hello.get().expect("set before the session is handed out")
    }

    /// Calls a tool. `arguments` is raw JSON. The answer holds the server's `result` untouched.
    ///
    /// Cancel safe: dropping it tells the server that the answer is no longer wanted.
    ///
    /// # Errors
    /// [`Error`]; a JSON-RPC error of the server comes back as [`Error::Refused`].
    pub async fn call_tool(&self, name: &str, arguments: &str, options: &CallOptions) -> Result<Answer, Error> {
        let name = serde_json::to_string(name).expect("a string serialises");
        let members = format!("\"name\":{name},\"arguments\":{arguments}");
        self.request("tools/call", &members, Phase::Call, options).await
    }

    /// Asks for a sign of life: `ping`, or `server/discover` of a modern server.
    ///
    /// Cancel safe.
    ///
    /// # Errors
    /// [`Error`]; [`Error::Refused`] is a sign of life too.
    pub async fn ping(&self, timeout: Duration) -> Result<(), Error> {
        let method = match self.hello().era {
            Era::Legacy => "ping",
            Era::Modern => "server/discover",
        };
        self.request(method, "", Phase::Check, &CallOptions::own(timeout)).await.map(drop)
    }

    /// Whose session it is.
    pub(super) fn server(&self) -> &ServerName {
        &self.handle.shared.server
    }

    /// Any request. `members` are the raw members of `params` without the braces and without `_meta`.
    pub(super) async fn request(
        &self,
        method: &str,
        members: &str,
        phase: Phase,
        options: &CallOptions,
    ) -> Result<Answer, Error> {
        let era = self.handle.hello.get().map(|hello| hello.era);
        let answer = self.exchange(method, members, era, phase, options).await?;
        if let Err(error) = answer.payload() {
            return Err(Error::refused(&self.handle.shared.server, method, error));
        }
        Ok(answer)
    }

    /// One request and its answer, be it an error. `era` decides about `_meta`.
    pub(super) async fn exchange(
        &self,
        method: &str,
        members: &str,
        era: Option<Era>,
        phase: Phase,
        options: &CallOptions,
    ) -> Result<Answer, Error> {
        let shared = &self.handle.shared;
        let started = Instant::now();
        let (id, mut answer) = shared.pending.register(options.progress.clone(), options.behind.peer.clone());
        let mut waiting = WaitingRequest { shared, id, is_cancellable: method != "initialize" };
        let line = params::request_line(id, method, members, era, phase, &options.behind);
        if let Err(fault) = shared.link.send(&line) {
            waiting.is_cancellable = false;
            let fault = Box::pin(shared.not_sent(fault)).await;
            if matches!(fault, Error::Died { .. }) {
                // One that reads no more is of no use, although it may run on. For one that is dead this means nothing.
                self.handle.stop.cancel();
            }
            return Err(fault);
        }
        let mut deadline = started + options.timeout.min(options.ceiling);
        loop {
            tokio::select! {
                biased;
                answer = &mut answer => {
                    return answer.unwrap_or_else(|_| Err(shared.died(true)));
                }
                () = options.cancel.cancelled() => return Err(Error::Cancelled { server: shared.server.clone() }),
                () = tokio::time::sleep_until(deadline) => {}
            }
            let last_sign = shared.pending.last_sign(id).unwrap_or(started);
            let extended = (last_sign + options.timeout).min(started + options.ceiling);
            if extended <= deadline {
                let after = deadline - started;
                return Err(Error::TimedOut {
                    server: shared.server.clone(),
                    phase,
                    after,
                    stderr: shared.tail.summary(),
                });
            }
            deadline = extended;
        }
    }

    /// A notification with raw `params`, if any. One that the server does not read is lost, as notifications may be.
    pub fn notify(&self, method: &str, params: Option<&str>) {
        let params = params.map_or_else(String::new, |params| format!(",\"params\":{params}"));
        let method = serde_json::to_string(method).expect("a string serialises");
        let line = format!("{{\"jsonrpc\":\"2.0\",\"method\":{method}{params}}}\n");
        let _unread = self.handle.shared.link.send(line.as_bytes());
    }

    /// What the session's tasks share with it.
    pub(super) fn shared(&self) -> &Shared {
        &self.handle.shared
    }

    /// Whether the server still lives, as far as is known.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        self.handle.shared.death.borrow().is_none()
    }

    /// Waits for the server's end and says how it ended.
    ///
    /// Cancel safe.
    pub async fn died(&self) -> String {
        let mut death = self.handle.shared.death.subscribe();
        match death.wait_for(Option::is_some).await {
            Ok(how) => how.clone().unwrap_or_default(),
            Err(_) => String::new(),
        }
    }

    /// Requests that wait for an answer.
    #[must_use]
    pub fn calls_in_flight(&self) -> usize {
        self.handle.shared.pending.len()
    }

    /// The process id of the server, while the system knows it.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.handle.shared.pid
    }

    /// Lines on its stdout so far that were no messages.
    #[must_use]
    pub fn noise_lines(&self) -> u64 {
        self.handle.shared.noise_lines.load(Ordering::Relaxed)
    }

    /// The end of its stderr, in one line.
    #[must_use]
    pub fn stderr_summary(&self) -> String {
        self.handle.shared.tail.summary()
    }

    /// Ends the server: closes its stdin, then TERM, then KILL, each with its time; waits until it is gone.
    ///
    /// Cancel safe: the end goes on behind.
    pub async fn stop(&self) {
        self.handle.stop.cancel();
        let owner = self.handle.owner.lock().unwrap_or_else(PoisonError::into_inner).take();
        match owner {
            Some(owner) => {
                if let Err(fault) = owner.await {
                    tracing::error!(server.name = %self.handle.shared.server, error = %fault, "the task that owned a server failed");
                }
            }
            None => drop(self.died().await),
        }
    }
}

impl Shared {
    /// The server is gone: everything that waits for it hears of that.
    pub(super) fn ended(&self, how: String) {
        self.link.close();
        tracing::debug!(server.name = %self.server, pid = self.pid, how, "server ended");
        self.death.send_replace(Some(how));
        self.pending.fail_all(|| self.died(true));
        for (_, ask) in self.asks().drain() {
            ask.cancel();
        }
    }

    /// Who is meant by what the server says, with his request if it is because of one.
    pub(super) fn peer(&self, about: Option<u64>) -> Option<(Option<u64>, Arc<dyn Peer>)> {
        match self.pending.behind(about) {
            Some((request, peer)) => Some((Some(request), peer)),
            None => self.offer.peer.clone().map(|peer| (None, peer)),
        }
    }

    /// The open streams that tell of changes of one resource: the id of the request by the resource's URI.
    pub(super) fn streams(&self) -> MutexGuard<'_, HashMap<String, u64>> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the client wants more than what the server was told last: of several clients the one who wants most counts, and
    /// the others are not given what they do not want. It counts as told from now on.
    pub(super) fn is_lower_level(&self, level: &str) -> bool {
        const LEVELS: [&str; 8] = ["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"];
        let Some(rank) = LEVELS.iter().position(|known| *known == level.trim_matches('"')) else { return false };
        let mut told = self.level.lock().unwrap_or_else(PoisonError::into_inner);
        let is_lower = told.is_none_or(|told| rank < told);
        if is_lower {
            *told = Some(rank);
        }
        is_lower
    }

    /// Questions of the server that are open.
    pub(super) fn asks(&self) -> MutexGuard<'_, HashMap<String, CancellationToken>> {
        self.asks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a line that is no message, and names the first.
    pub(super) fn note_noise(&self, line: &str) {
        if self.noise_lines.fetch_add(1, Ordering::Relaxed) == 0 {
            // Before it is cut: half a secret is one too.
            let line = redactor().redact(line);
            let shown: String = line.chars().filter(|c| !c.is_control()).take(NOISE_CHARS_SHOWN).collect();
            tracing::info!(server.name = %self.server, line = shown, "server {} writes to stdout what is no MCP message; passed over", self.server);
        }
    }

    /// The error for requests of a server that is gone.
    pub(super) fn died(&self, was_sent: bool) -> Error {
        let how = self.death.borrow().clone();
        self.died_so(how, was_sent)
    }

    fn died_so(&self, how: Option<String>, was_sent: bool) -> Error {
        let how = how.unwrap_or_else(|| "closed its output".to_owned());
        Error::Died { server: self.server.clone(), how, stderr: self.tail.summary(), was_sent }
    }

    async fn not_sent(&self, fault: WriteError) -> Error {
        match fault {
            WriteError::Full { waiting } => Error::NotReading { server: self.server.clone(), waiting },
            WriteError::Closed => {
                // It has most likely just died: its exit code and stderr make the better message.
                let mut death = self.death.subscribe();
                let is_dead = tokio::time::timeout(LAST_WORDS, death.wait_for(Option::is_some)).await.is_ok();
                let closed = || Some("closed its input".to_owned());
                let how = if is_dead { self.death.borrow().clone() } else { closed() };
                self.died_so(how, false)
            }
        }
    }
}

/// Forgets the request when its caller leaves early, and tells the server.
struct WaitingRequest<'a> {
    shared: &'a Shared,
    id: u64,
    is_cancellable: bool,
}

impl Drop for WaitingRequest<'_> {
    fn drop(&mut self) {
        if self.shared.pending.forget(self.id) && self.is_cancellable {
            let params = format!("{{\"requestId\":{},\"reason\":\"the caller no longer waits\"}}", self.id);
            let line = format!("{{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\",\"params\":{params}}}\n");
            let _unread = self.shared.link.send(line.as_bytes());
        }
    }
}

/// Owns the process, its readers, and the news of its death.
async fn own_child(
    shared: Arc<Shared>,
    running: process::Running,
    tail: StderrTail,
    stop: CancellationToken,
    limits: Limits,
) {
    let mut stderr = tokio::spawn(tail.follow(running.stderr));
    let mut stdout = tokio::spawn(receive::follow(shared.clone(), running.stdout, limits.line_bytes_max));
    let process = process::own(running.process, running.stdin, stop.clone(), &limits);
    tokio::pin!(process);
    let how = tokio::select! {
        how = &mut process => {
            // A grandchild may hold the pipes open for ever: hence the time limit.
            let _last_words = tokio::time::timeout(LAST_WORDS, &mut stdout).await;
            how
        }
        _closed = &mut stdout => {
            // A server that closed its output can answer nothing more. Most have exited; the others are ended.
            match tokio::time::timeout(LAST_WORDS, &mut process).await {
                Ok(how) => how,
                Err(_) => {
                    stop.cancel();
                    process.await;
                    "closed its output".to_owned()
                }
            }
        }
    };
    let _last_words = tokio::time::timeout(LAST_WORDS, &mut stderr).await;
    stdout.abort();
    stderr.abort();
    shared.ended(how);
}

/// Owns the session with a server that is no process of ours: hands on what comes, until one of the two ends it.
async fn own_remote(
    shared: Arc<Shared>,
    mut incoming: mpsc::Receiver<Incoming>,
    stop: CancellationToken,
    limits: Limits,
) {
    let how = loop {
        let came = tokio::select! {
            came = incoming.recv() => came,
            () = stop.cancelled() => break "was left".to_owned(),
        };
        match came {
            Some(Incoming::Message { line, about }) => receive::receive(&shared, line, about),
            Some(Incoming::Failed { id, fault }) => drop(shared.pending.answer(id, Err(fault))),
            Some(Incoming::Over(how)) => break how,
            None => break "closed the connection".to_owned(),
        }
    };
    shared.link.close();
    // The link says goodbye; it hangs up its inbox once that is done.
    let goodbye = async {
        while let Some(came) = incoming.recv().await {
            match came {
                Incoming::Message { line, about } => receive::receive(&shared, line, about),
                Incoming::Failed { id, fault } => drop(shared.pending.answer(id, Err(fault))),
                Incoming::Over(_) => {}
            }
        }
    };
    let _too_slow = tokio::time::timeout(limits.close_grace, goodbye).await;
    shared.ended(how);
}
