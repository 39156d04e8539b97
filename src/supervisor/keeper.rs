//! The task that owns one server: starts it when asked, hears of its death, stops it when it is idle.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde::Serialize;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;

use crate::domain::error_chain;
use crate::upstream::{self, Notice, SearchPath, Session};

use super::Error;
use super::pool::{Event, EventSink, PoolServer, Usage};

/// A server that lived at least this long had no bad start: its failures are forgotten.
const HEALTHY_AFTER: Duration = Duration::from_secs(60);

/// What a server is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ServerState {
    /// Not running, and nothing is wrong with that: a call starts it.
    Dormant,
    /// On its way up.
    Starting,
    /// Takes calls.
    Ready,
    /// Its last start failed; the next attempt waits.
    Backoff,
    /// Its configuration keeps it from starting.
    Refused,
    /// Gone with us.
    Stopped,
}

/// What others ask of the keeper.
pub(super) enum Message {
    /// Start, unless it runs.
    Wake(oneshot::Sender<Result<Session, Error>>),
    /// Stop if nobody has called it since it started.
    RestIfUnused,
    /// Stop for good.
    Stop(oneshot::Sender<()>),
}

/// What others may look at without asking.
#[derive(Debug, Clone)]
pub(super) struct View {
    pub(super) state: ServerState,
    pub(super) session: Option<Session>,
    pub(super) fault: Option<Arc<upstream::Error>>,
    pub(super) starts: u64,
}

type Start = Pin<Box<dyn Future<Output = Result<Session, upstream::Error>> + Send>>;

/// Owns one server. See [`Keeper::run`].
pub(super) struct Keeper {
    pub(super) server: Arc<PoolServer>,
    pub(super) path: watch::Receiver<Option<SearchPath>>,
    pub(super) events: EventSink,
    pub(super) usage: Arc<Usage>,
    pub(super) view: watch::Sender<View>,
    pub(super) inbox: mpsc::Receiver<Message>,
    pub(super) run: Run,
}

/// The keeper's own notes.
#[derive(Default)]
pub(super) struct Run {
    starting: Option<Start>,
    waiters: Vec<oneshot::Sender<Result<Session, Error>>>,
    session: Option<Session>,
    ready_since: Option<Instant>,
    calls_at_start: u64,
    failures: u32,
    retry_at: Option<Instant>,
    fault: Option<Arc<upstream::Error>>,
    starts: u64,
}

/// What woke the keeper.
enum Woken {
    Message(Option<Message>),
    Started(Result<Session, upstream::Error>),
    Died(String),
    IdleCheck,
}

impl Keeper {
    /// Runs until told to stop, or until nobody is left who could ask.
    pub(super) async fn run(mut self) {
        loop {
            let idle_check = self.idle_check_at();
            let woken = tokio::select! {
                message = self.inbox.recv() => Woken::Message(message),
                started = pending_or(self.run.starting.as_mut()) => Woken::Started(started),
                how = died(self.run.session.as_ref()) => Woken::Died(how),
                () = sleep_until(idle_check) => Woken::IdleCheck,
            };
            match woken {
                Woken::Message(Some(Message::Wake(waiter))) => self.wake(waiter),
                Woken::Message(Some(Message::RestIfUnused)) => self.rest_if_unused().await,
                Woken::Message(Some(Message::Stop(done))) => {
                    self.stop().await;
                    let _nobody_waits = done.send(());
                    return;
                }
                Woken::Message(None) => return self.stop().await,
                Woken::Started(outcome) => self.started(outcome),
                Woken::Died(how) => self.died(&how),
                Woken::IdleCheck => self.rest_if_idle().await,
            }
        }
    }

    fn wake(&mut self, waiter: oneshot::Sender<Result<Session, Error>>) {
        if let Some(session) = self.run.session.as_ref().filter(|session| session.is_alive()) {
            let _gone = waiter.send(Ok(session.clone()));
            return;
        }
        let left = self.run.retry_at.map(|at| at.saturating_duration_since(Instant::now()));
        if let (Some(retry_in), Some(fault)) = (left.filter(|left| !left.is_zero()), &self.run.fault) {
            let _gone = waiter.send(Err(Error::Down { source: fault.clone(), retry_in: Some(retry_in) }));
            return;
        }
        self.run.waiters.push(waiter);
        if self.run.starting.is_none() {
            self.start();
        }
    }

    fn start(&mut self) {
        self.run.session = None;
        self.run.starts += 1;
        let server = self.server.clone();
        let mut path = self.path.clone();
        let known_era = *server.known_era.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let events = self.events.clone();
        let name = server.spec.server.clone();
        let notices = Arc::new(move |notice: Notice| match notice {
            Notice::ToolsChanged => events(Event::ToolsChanged(name.clone())),
        });
        self.run.starting = Some(Box::pin(async move {
            // The search path is repaired once, behind; whoever starts first waits for it.
            let path = match path.wait_for(Option::is_some).await {
                Ok(path) => path.clone(),
                Err(_) => None,
            };
            let path = path.unwrap_or_else(|| SearchPath::from_path(std::ffi::OsStr::new("")));
            Session::start(&server.spec, &path, &server.limits, known_era, notices).await
        }));
        self.show(ServerState::Starting);
    }

    fn started(&mut self, outcome: Result<Session, upstream::Error>) {
        self.run.starting = None;
        match outcome {
            Ok(session) => {
                let hello = session.hello().clone();
                *self.server.known_era.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(hello.era);
                self.run.retry_at = None;
                self.run.fault = None;
                self.run.ready_since = Some(Instant::now());
                self.run.calls_at_start = self.usage.calls.load(Ordering::Relaxed);
                self.usage.touch();
                for waiter in self.run.waiters.drain(..) {
                    let _gone = waiter.send(Ok(session.clone()));
                }
                self.run.session = Some(session);
                self.show(ServerState::Ready);
                (self.events)(Event::Started(self.server.spec.server.clone(), hello));
            }
            Err(fault) => {
                self.failed(fault);
            }
        }
    }

    fn failed(&mut self, fault: upstream::Error) {
        let fault = Arc::new(fault);
        let doubled = 2_u32.saturating_pow(self.run.failures.min(16));
        let wait = (self.server.backoff_first * doubled).min(self.server.backoff_max);
        self.run.failures += 1;
        self.run.retry_at = Some(Instant::now() + wait);
        self.run.fault = Some(fault.clone());
        tracing::warn!(server.name = %self.server.spec.server, error = %error_chain(&*fault), "a server did not start");
        for waiter in self.run.waiters.drain(..) {
            let _gone = waiter.send(Err(Error::Down { source: fault.clone(), retry_in: None }));
        }
        self.show(ServerState::Backoff);
    }

    fn died(&mut self, how: &str) {
        let server = &self.server.spec.server;
        let stderr = self.run.session.as_ref().map(Session::stderr_summary).unwrap_or_default();
        tracing::warn!(server.name = %server, how, stderr, "server {server} {how}; the next call starts it again");
        self.run.session = None;
        let lived = self.run.ready_since.take().map(|since| since.elapsed()).unwrap_or_default();
        if lived >= HEALTHY_AFTER {
            self.run.failures = 0;
        }
        self.show(ServerState::Dormant);
    }

    fn idle_check_at(&self) -> Option<Instant> {
        self.run.session.as_ref()?;
        Some(self.usage.last_used() + self.server.idle_timeout)
    }

    async fn rest_if_idle(&mut self) {
        let is_idle = self.usage.last_used().elapsed() >= self.server.idle_timeout;
        match &self.run.session {
            Some(session) if session.calls_in_flight() > 0 => self.usage.touch(),
            Some(_) if is_idle => self.rest().await,
            _ => {}
        }
    }

    async fn rest_if_unused(&mut self) {
        let is_unused = self.usage.calls.load(Ordering::Relaxed) == self.run.calls_at_start;
        if is_unused && self.run.session.as_ref().is_some_and(|session| session.calls_in_flight() == 0) {
            self.rest().await;
        }
    }

    async fn rest(&mut self) {
        // Shown first, so that a call that comes now asks the keeper instead of using a server on its way out.
        let session = self.run.session.take();
        self.run.ready_since = None;
        self.show(ServerState::Dormant);
        if let Some(session) = session {
            tracing::debug!(server.name = %self.server.spec.server, "server rests");
            session.stop().await;
        }
    }

    async fn stop(&mut self) {
        self.inbox.close();
        self.run.starting = None;
        let server = &self.server.spec.server;
        for waiter in self.run.waiters.drain(..) {
            let _gone = waiter.send(Err(Error::Stopping { server: server.clone() }));
        }
        let session = self.run.session.take();
        self.show(ServerState::Stopped);
        if let Some(session) = session {
            session.stop().await;
        }
    }

    fn show(&self, state: ServerState) {
        self.view.send_replace(View {
            state,
            session: self.run.session.clone(),
            fault: self.run.fault.clone(),
            starts: self.run.starts,
        });
    }
}

async fn pending_or(starting: Option<&mut Start>) -> Result<Session, upstream::Error> {
    match starting {
        Some(start) => start.await,
        None => std::future::pending().await,
    }
}

async fn died(session: Option<&Session>) -> String {
    match session {
        Some(session) => session.died().await,
        None => std::future::pending().await,
    }
}

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}
