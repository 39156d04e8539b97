//! The pool: who wants a server asks here.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::Serialize;
use tokio::sync::{Semaphore, mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::domain::ServerName;
use crate::upstream::{
    self, Answer, CallOptions, Era, Hello, Limits, Listing, ProgressSink, SalvageLimits, SearchPath, Session, Spec,
};

use super::Error;
use super::keeper::{Keeper, Message, Run, ServerState, View};

/// Messages that may wait for one keeper. Callers wait in turn when it is full.
const INBOX_LEN: usize = 64;
/// Attempts at one call at most, the first included.
const ATTEMPTS_MAX: u32 = 3;
/// Wait before the second attempt; doubled before each further one.
const RETRY_WAIT_FIRST: Duration = Duration::from_millis(100);

/// One server as the pool keeps it.
#[derive(Debug)]
pub struct PoolServer {
    /// What to start.
    pub spec: Spec,
    /// Bounds of its sessions.
    pub limits: Limits,
    /// Longest silence of one call.
    pub call_timeout: Duration,
    /// Longest duration of one call, whatever its progress.
    pub call_ceiling: Duration,
    /// Longest duration of listing its tools.
    pub list_timeout: Duration,
    /// How long it may be unused before it is stopped.
    pub idle_timeout: Duration,
    /// Calls that run at once; more wait.
    pub calls_in_flight_max: usize,
    /// Wait after the first failed start; doubled after each further one.
    pub backoff_first: Duration,
    /// Longest such wait.
    pub backoff_max: Duration,
    /// Which era it spoke last time.
    pub known_era: Mutex<Option<Era>>,
    /// Why it must not be started, if so.
    pub refusal: Option<String>,
}

/// Bounds of the pool as a whole.
#[derive(Debug, Clone, Copy)]
pub struct PoolLimits {
    /// What is taken from a tool list.
    pub salvage: SalvageLimits,
}

/// News of a server.
#[derive(Debug, Clone)]
pub enum Event {
    /// It started, and said this of itself.
    Started(ServerName, Hello),
    /// It says that its tools changed.
    ToolsChanged(ServerName),
}

/// Takes the news; must not block.
pub(super) type EventSink = Arc<dyn Fn(Event) + Send + Sync>;

/// One call of a tool.
#[derive(Clone)]
pub struct Call<'a> {
    /// Whose tool.
    pub server: &'a ServerName,
    /// The tool's name, as the server spells it.
    pub tool: &'a str,
    /// Raw JSON.
    pub arguments: &'a str,
    /// May it be tried again after a failure in mid-call?
    pub is_idempotent: bool,
    /// Gets the progress.
    pub progress: Option<ProgressSink>,
    /// Cancels it.
    pub cancel: CancellationToken,
}

impl fmt::Debug for Call<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").field("server", &self.server).field("tool", &self.tool).finish_non_exhaustive()
    }
}

/// How a call went.
#[derive(Debug)]
pub struct Outcome {
    /// What the server answered.
    pub answer: Answer,
    /// Attempts that were made.
    pub attempts: u32,
}

/// A server's state, for people.
#[derive(Debug, Clone, Serialize)]
pub struct ServerStatus {
    /// Its name.
    pub server: ServerName,
    /// What it is doing.
    pub state: ServerState,
    /// Process id while it runs.
    pub pid: Option<u32>,
    /// How often it was started.
    pub starts: u64,
    /// Calls it was given.
    pub calls: u64,
    /// Why it is not running, if that is a fault.
    pub fault: Option<String>,
}

/// How much a server is used.
#[derive(Debug)]
pub(super) struct Usage {
    pub(super) calls: AtomicU64,
    epoch: Instant,
    last_used_ms: AtomicU64,
}

impl Usage {
    fn new() -> Self {
        Self { calls: AtomicU64::new(0), epoch: Instant::now(), last_used_ms: AtomicU64::new(0) }
    }

    pub(super) fn touch(&self) {
        let ms = u64::try_from(self.epoch.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last_used_ms.store(ms, Ordering::Relaxed);
    }

    pub(super) fn last_used(&self) -> Instant {
        self.epoch + Duration::from_millis(self.last_used_ms.load(Ordering::Relaxed))
    }
}

/// All servers. Must be made on a runtime; [`Pool::stop`] ends all servers and waits for their end.
#[derive(Debug)]
pub struct Pool {
    servers: BTreeMap<ServerName, Place>,
    limits: PoolLimits,
    keepers: Mutex<JoinSet<()>>,
}

/// Where one server's keeper is reached.
#[derive(Debug)]
struct Place {
    server: Arc<PoolServer>,
    usage: Arc<Usage>,
    view: watch::Receiver<View>,
    keeper: mpsc::Sender<Message>,
    slots: Semaphore,
}

impl Pool {
    /// A pool of servers, none of them started. `path` brings the repaired search path when it is known; `events` gets
    /// the news and must not block.
    #[must_use]
    pub fn new(
        servers: Vec<PoolServer>,
        limits: PoolLimits,
        path: watch::Receiver<Option<SearchPath>>,
        events: Arc<dyn Fn(Event) + Send + Sync>,
    ) -> Self {
        let mut keepers = JoinSet::new();
        let mut places = BTreeMap::new();
        for server in servers {
            let name = server.spec.server.clone();
            let server = Arc::new(server);
            let state = if server.refusal.is_some() { ServerState::Refused } else { ServerState::Dormant };
            let (view, viewer) = watch::channel(View { state, session: None, fault: None, starts: 0 });
            let (keeper, inbox) = mpsc::channel(INBOX_LEN);
            let usage = Arc::new(Usage::new());
            let slots = Semaphore::new(server.calls_in_flight_max);
            keepers.spawn(
                Keeper {
                    server: server.clone(),
                    path: path.clone(),
                    events: events.clone(),
                    usage: usage.clone(),
                    view,
                    inbox,
                    run: Run::default(),
                }
                .run(),
            );
            places.insert(name, Place { server, usage, view: viewer, keeper, slots });
        }
        Self { servers: places, limits, keepers: Mutex::new(keepers) }
    }

    /// Calls a tool, starting its server if need be. Tries again, with growing waits, what never reached the server, and
    /// what did when the call is idempotent and the server died of it.
    ///
    /// Cancel safe.
    ///
    /// # Errors
    /// [`Error`], naming the server.
    pub async fn call(&self, call: &Call<'_>) -> Result<Outcome, Error> {
        let place = self.place(call.server)?;
        let _slot = place.slot().await?;
        place.usage.calls.fetch_add(1, Ordering::Relaxed);
        place.usage.touch();
        let options = CallOptions {
            timeout: place.server.call_timeout,
            ceiling: place.server.call_ceiling,
            progress: call.progress.clone(),
            cancel: call.cancel.clone(),
        };
        let mut attempts = 0;
        loop {
            attempts += 1;
            let fault = match place.session(&call.cancel).await {
                Ok(session) => match session.call_tool(call.tool, call.arguments, &options).await {
                    Ok(answer) => {
                        place.usage.touch();
                        return Ok(Outcome { answer, attempts });
                    }
                    Err(fault) => Error::Request(fault),
                },
                Err(fault) => fault,
            };
            if attempts == ATTEMPTS_MAX || !may_retry(&fault, call.is_idempotent) {
                return Err(fault);
            }
            let wait = jittered(RETRY_WAIT_FIRST * 2_u32.pow(attempts - 1));
            tracing::info!(server.name = %call.server, error = %fault, attempts, "trying a call again");
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = call.cancel.cancelled() => return Err(cancelled(call.server)),
            }
        }
    }

    /// Lists a server's tools, starting it if need be; one that was started for this alone rests afterwards when
    /// `rest_after` is set.
    ///
    /// Cancel safe.
    ///
    /// # Errors
    /// [`Error`], naming the server.
    pub async fn list_tools(&self, server: &ServerName, rest_after: bool) -> Result<(Hello, Listing), Error> {
        let place = self.place(server)?;
        let session = place.session(&CancellationToken::new()).await?;
        let listing = session.list_tools(place.server.list_timeout, self.limits.salvage).await;
        let hello = session.hello().clone();
        drop(session);
        if rest_after {
            // Full or closed: then it is busy, or gone anyway.
            let _busy = place.keeper.try_send(Message::RestIfUnused);
        }
        Ok((hello, listing?))
    }

    /// The state of each server, by name.
    #[must_use]
    pub fn status(&self) -> Vec<ServerStatus> {
        let status = |(name, place): (&ServerName, &Place)| {
            let view = place.view.borrow();
            ServerStatus {
                server: name.clone(),
                state: view.state,
                pid: view.session.as_ref().and_then(Session::pid),
                starts: view.starts,
                calls: place.usage.calls.load(Ordering::Relaxed),
                fault: place.server.refusal.clone().or_else(|| view.fault.as_ref().map(ToString::to_string)),
            }
        };
        self.servers.iter().map(status).collect()
    }

    /// Whether a call could be tried now: not refused, and not waiting after a failed start.
    #[must_use]
    pub fn is_usable(&self, server: &ServerName) -> bool {
        self.servers.get(server).is_some_and(|place| {
            !matches!(place.view.borrow().state, ServerState::Refused | ServerState::Backoff | ServerState::Stopped)
        })
    }

    /// Stops all servers at once and waits until they are gone. Later calls fail.
    ///
    /// Not cancel safe: servers whose end was not waited for are killed when the runtime ends.
    pub async fn stop(&self) {
        let mut waits = Vec::new();
        for place in self.servers.values() {
            let (done, wait) = oneshot::channel();
            if place.keeper.send(Message::Stop(done)).await.is_ok() {
                waits.push(wait);
            }
        }
        for wait in waits {
            let _gone = wait.await;
        }
        let mut keepers = std::mem::take(&mut *self.keepers.lock().unwrap_or_else(PoisonError::into_inner));
        while let Some(ended) = keepers.join_next().await {
            if let Err(fault) = ended {
                tracing::error!(error = %fault, "a server's keeper failed");
            }
        }
    }

    fn place(&self, server: &ServerName) -> Result<&Place, Error> {
        let place = self.servers.get(server).ok_or_else(|| Error::Unknown { server: server.to_string() })?;
        match &place.server.refusal {
            Some(why) => Err(Error::Refused { server: server.clone(), why: why.clone() }),
            None => Ok(place),
        }
    }
}

impl Place {
    /// The running session, or the one the keeper starts now.
    async fn session(&self, cancel: &CancellationToken) -> Result<Session, Error> {
        let running = self.view.borrow().session.clone();
        if let Some(session) = running.filter(Session::is_alive) {
            return Ok(session);
        }
        let name = &self.server.spec.server;
        let (waiter, answer) = oneshot::channel();
        self.keeper.send(Message::Wake(waiter)).await.map_err(|_| Error::Stopping { server: name.clone() })?;
        tokio::select! {
            // The keeper answers within its own start time-out.
            answer = answer => answer.unwrap_or_else(|_| Err(Error::Stopping { server: name.clone() })),
            () = cancel.cancelled() => Err(cancelled(name)),
        }
    }

    async fn slot(&self) -> Result<tokio::sync::SemaphorePermit<'_>, Error> {
        if let Ok(slot) = self.slots.try_acquire() {
            return Ok(slot);
        }
        let busy =
            || Error::Busy { server: self.server.spec.server.clone(), in_flight: self.server.calls_in_flight_max };
        let waited = tokio::time::timeout(self.server.call_timeout, self.slots.acquire()).await;
        waited.map_err(|_| busy())?.map_err(|_| busy())
    }
}

fn cancelled(server: &ServerName) -> Error {
    Error::Request(upstream::Error::Cancelled { server: server.clone() })
}

fn may_retry(fault: &Error, is_idempotent: bool) -> bool {
    match fault {
        Error::Request(upstream::Error::Died { was_sent, .. }) => !was_sent || is_idempotent,
        // A start that fails is tried again by the next call, after its wait: trying at once would only repeat it.
        Error::Down { .. } | Error::Request(_) => false,
        Error::Unknown { .. } | Error::Refused { .. } | Error::Busy { .. } | Error::Stopping { .. } => false,
    }
}

/// Half to one and a half times the wait, so that callers who failed together do not come back together.
fn jittered(wait: Duration) -> Duration {
    use std::hash::{BuildHasher, Hasher};
    // Each RandomState is seeded anew by the standard library: random enough for this, without a crate.
    let random = std::hash::RandomState::new().build_hasher().finish() % 1000;
    wait.mul_f64(0.5 + f64::from(u32::try_from(random).unwrap_or(0)) / 1000.0)
}
