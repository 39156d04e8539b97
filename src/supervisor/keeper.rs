//! The task that owns one instance: hears what happens, asks the machine what that means, and does it.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;

use crate::domain::error_chain;
use crate::upstream::{CallOptions, Notice, SearchPath, Session};

use super::breaker::Breaker;
use super::check::check;
use super::error::Fault;
use super::machine::{self, Action, Machine, Now, State, step};
use super::pool::Servers;
use super::settings::{Event, PoolServer, Told, TreeUse, World};
use super::usage::Usage;
use super::{Error, chance};

/// A call that came so recently says that the server is in use: it is started again at once when it dies.
const MISSED_WITHIN: Duration = Duration::from_secs(10);
/// For what comes after the last signal of a stop.
const STOP_SPARE: Duration = Duration::from_secs(1);
/// Between two looks at what it uses while somebody watches.
const LOOK_CLOSELY_EVERY: Duration = Duration::from_secs(1);
/// Between two looks at whether the last call in flight has ended.
const DRAIN_LOOK: Duration = Duration::from_millis(20);

/// What the operator may ask of an instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Order {
    Start,
    Stop,
    Restart,
    Quarantine(String),
    /// As before: out of use already when this keeper came to be.
    Hold(String),
    /// To a further instance: its server was started again, so calls may start this one.
    Release,
}

/// What others ask of the keeper.
pub(super) enum Message {
    /// Start, unless it runs.
    Wake(oneshot::Sender<Result<Session, Error>>),
    /// Stop if nobody has called it since it started.
    RestIfUnused,
    /// The operator's word; answered when it has been taken.
    Order(Order, oneshot::Sender<()>),
    /// The breaker opened or closed.
    LookAtBreaker,
    /// Stop for good.
    End(oneshot::Sender<()>),
}

/// What others may look at without asking.
#[derive(Debug, Clone)]
pub(super) struct View {
    pub(super) state: State,
    pub(super) session: Option<Session>,
    pub(super) fault: Option<Arc<Fault>>,
    pub(super) wait_until: Option<Instant>,
    pub(super) is_kept: bool,
    pub(super) why_quarantined: String,
    pub(super) starts: u64,
    pub(super) restarts: u64,
    /// Since when it is in this state, in seconds since 1970.
    pub(super) since: i64,
    pub(super) load: Option<Load>,
    pub(super) warnings: Vec<String>,
}

/// What it used when it was looked at last.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Load {
    pub(super) tree: TreeUse,
    pub(super) cpu_percent: f64,
    at: Instant,
}

type Pending<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Owns one instance. See [`Keeper::run`].
pub(super) struct Keeper {
    pub(super) server: Arc<PoolServer>,
    pub(super) world: World,
    pub(super) others: Weak<Servers>,
    pub(super) usage: Arc<Usage>,
    pub(super) breaker: Arc<Breaker>,
    pub(super) view: watch::Sender<View>,
    pub(super) inbox: mpsc::Receiver<Message>,
    /// Beyond the first: rests sooner.
    pub(super) is_spare: bool,
    pub(super) run: Run,
}

/// The keeper's own notes.
pub(super) struct Run {
    machine: Machine,
    starting: Option<Pending<Result<Session, Fault>>>,
    /// Ends when nothing is left of the last process that was started.
    gone: Option<oneshot::Receiver<()>>,
    stopping: Option<Pending<()>>,
    checking: Option<Pending<Result<(), String>>>,
    measuring: Option<tokio::task::JoinHandle<Option<TreeUse>>>,
    waiters: Vec<oneshot::Sender<Result<Session, Error>>>,
    session: Option<Session>,
    next_check: Option<Instant>,
    next_look: Option<Instant>,
    /// Somebody looks at what it uses.
    is_watched: bool,
    calls_at_start: u64,
    answered_at_start: u64,
    answered_at_check: u64,
    checks_failed: u32,
    fault: Option<Arc<Fault>>,
    why_quarantined: String,
    starts: u64,
    restarts: u64,
    since: i64,
    load: Option<Load>,
    warnings: Vec<String>,
}

impl Run {
    pub(super) fn new(is_manual: bool) -> Self {
        Self {
            machine: Machine::new(is_manual),
            starting: None,
            gone: None,
            stopping: None,
            checking: None,
            measuring: None,
            waiters: Vec::new(),
            session: None,
            next_check: None,
            next_look: None,
            is_watched: false,
            calls_at_start: 0,
            answered_at_start: 0,
            answered_at_check: 0,
            checks_failed: 0,
            fault: None,
            why_quarantined: String::new(),
            starts: 0,
            restarts: 0,
            since: 0,
            load: None,
            warnings: Vec::new(),
        }
    }
}

/// What woke the keeper.
enum Woken {
    Message(Option<Message>),
    Started(Result<Session, Fault>),
    Stopped,
    Died(String),
    Checked(Result<(), String>),
    Measured(Option<TreeUse>),
    Watched(bool),
    Timer,
}

impl Keeper {
    /// Runs until told to end, or until nobody is left who could ask.
    pub(super) async fn run(mut self) {
        let mut watched = self.others.upgrade().map(|others| others.is_watched.subscribe());
        self.run.is_watched = watched.as_ref().is_some_and(|watched| *watched.borrow());
        loop {
            let timer = self.next_timer();
            let is_stopping = self.run.stopping.is_some();
            let woken = tokio::select! {
                // What has happened comes before what is asked: nobody is given the session of a server that is dead.
                biased;
                started = pending_or(self.run.starting.as_mut()) => Woken::Started(started),
                () = pending_or(self.run.stopping.as_mut()) => Woken::Stopped,
                how = died(self.run.session.as_ref()), if !is_stopping => Woken::Died(how),
                message = self.inbox.recv() => Woken::Message(message),
                checked = pending_or(self.run.checking.as_mut()) => Woken::Checked(checked),
                measured = pending_or(self.run.measuring.as_mut()) => Woken::Measured(measured.ok().flatten()),
                is_watched = changed(watched.as_mut()) => Woken::Watched(is_watched),
                () = sleep_until(timer) => Woken::Timer,
            };
            match woken {
                Woken::Message(Some(Message::End(done))) => {
                    self.end().await;
                    let _nobody_waits = done.send(());
                    return;
                }
                Woken::Message(None) => return self.end().await,
                Woken::Message(Some(message)) => self.told(message),
                Woken::Started(outcome) => self.started(outcome),
                Woken::Stopped => self.stopped(),
                Woken::Died(how) => self.died(how),
                Woken::Checked(outcome) => self.checked(outcome),
                Woken::Measured(tree) => self.measured(tree),
                Woken::Watched(is_watched) => self.watched(is_watched),
                Woken::Timer => self.timer(),
            }
        }
    }

    fn told(&mut self, message: Message) {
        match message {
            Message::Wake(waiter) => {
                self.usage.is_called_up.store(false, Ordering::Relaxed);
                self.run.waiters.push(waiter);
                self.happens(machine::Event::Wanted);
            }
            Message::RestIfUnused => {
                let is_unused = self.usage.calls.load(Ordering::Relaxed) == self.run.calls_at_start;
                if is_unused && !self.usage.is_in_use() && !self.is_needed() && !self.is_subscribed() {
                    self.happens(machine::Event::Idle);
                }
            }
            Message::Order(order, done) => {
                let name = self.server.spec.server.clone();
                let was_out = self.run.machine.ends_in() == State::Quarantined;
                let event = match order {
                    Order::Release => machine::Event::Release,
                    Order::Start | Order::Restart if was_out => {
                        (self.world.events)(Event::Released(name));
                        machine::Event::Start
                    }
                    Order::Start => machine::Event::Start,
                    Order::Stop => machine::Event::Stop,
                    Order::Restart => machine::Event::Restart,
                    Order::Quarantine(why) => {
                        self.story(&format!("in quarantine: {why}"));
                        (self.world.events)(Event::Quarantined(name, why.clone()));
                        self.run.why_quarantined = why;
                        machine::Event::Quarantine
                    }
                    Order::Hold(why) => {
                        self.run.why_quarantined = why;
                        machine::Event::Quarantine
                    }
                };
                self.happens(event);
                let _nobody_waits = done.send(());
            }
            Message::LookAtBreaker => {
                let event = match self.breaker.is_closed() {
                    true => machine::Event::CheckPassed,
                    // A server whose calls fail is looked at now, not at its next turn.
                    false => {
                        self.run.next_check = self.server.health.as_ref().map(|_| Instant::now());
                        machine::Event::CheckFailed
                    }
                };
                self.happens(event);
            }
            Message::End(_) => {}
        }
    }

    /// Asks the machine what this means, and does what it says.
    fn happens(&mut self, event: machine::Event) {
        let before = self.run.machine.state();
        let now = Now { at: Instant::now(), chance: chance() };
        let (machine, actions) = step(&self.server.policy, &self.run.machine, event, now);
        self.run.machine = machine;
        if self.run.machine.state() != before {
            self.run.since = (self.world.now)();
        }
        for action in actions {
            self.perform(action, before);
        }
        self.show();
    }

    fn perform(&mut self, action: Action, before: State) {
        match action {
            Action::Spawn => {
                let was_at_rest = matches!(before, State::Dormant | State::Stopped | State::Quarantined);
                self.run.restarts += u64::from(!was_at_rest);
                self.spawn();
            }
            Action::AbortStart => self.run.starting = None,
            Action::Kill { drain } => self.kill(drain),
            Action::Serve => {
                let Some(session) = self.run.session.clone() else { return };
                for waiter in self.run.waiters.drain(..) {
                    let _gone = waiter.send(Ok(session.clone()));
                }
            }
            Action::Refuse => {
                for waiter in std::mem::take(&mut self.run.waiters) {
                    let _gone = waiter.send(Err(self.refusal()));
                }
            }
            Action::TellCrashed => {
                let why = self.run.fault.as_ref().map_or_else(String::new, |fault| error_chain(&**fault));
                let name = &self.server.spec.server;
                tracing::error!(server.name = %name, error = why, "server {name} failed too often and is left alone for now");
                self.story(&format!("crashed: {why}"));
                let told = self.run.fault.as_ref().map_or_else(String::new, |fault| fault.without_stderr());
                (self.world.events)(Event::Crashed(name.clone(), told));
            }
            Action::TellRecovered => {
                self.story("recovered");
                (self.world.events)(Event::Recovered(self.server.spec.server.clone()));
            }
        }
    }

    fn spawn(&mut self) {
        self.forget_session();
        self.run.starts += 1;
        self.breaker.reset();
        let (server, world, others) = (self.server.clone(), self.world.clone(), self.others.clone());
        let (leash, gone) = oneshot::channel();
        let before = self.run.gone.replace(gone);
        self.run.starting = Some(Box::pin(async move {
            // Of a start that was broken off something may be left: two at once would be in each other's way.
            wait_until_gone(before, &server).await;
            start(server, world, others, leash).await
        }));
    }

    fn forget_session(&mut self) {
        self.run.session = None;
        self.run.checking = None;
        self.run.measuring = None;
        self.run.next_check = None;
        self.run.next_look = None;
        self.run.load = None;
        self.run.warnings.clear();
    }

    fn kill(&mut self, drain: bool) {
        let session = self.run.session.take();
        self.forget_session();
        let timeout = self.server.drain_timeout;
        self.run.stopping = Some(Box::pin(async move {
            let Some(session) = session else { return };
            if drain {
                let quiet = async {
                    // Those that it has: others wait already for the one after it.
                    while session.calls_in_flight() > 0 {
                        tokio::time::sleep(DRAIN_LOOK).await;
                    }
                };
                let _still_busy = tokio::time::timeout(timeout, quiet).await;
            }
            session.stop().await;
        }));
    }

    fn started(&mut self, outcome: Result<Session, Fault>) {
        self.run.starting = None;
        match outcome {
            Ok(session) => {
                let hello = session.hello().clone();
                *self.server.learned.era.lock().unwrap_or_else(PoisonError::into_inner) = Some(hello.era);
                self.run.fault = None;
                self.run.calls_at_start = self.usage.calls.load(Ordering::Relaxed);
                self.run.answered_at_start = self.usage.answered.load(Ordering::Relaxed);
                self.run.answered_at_check = self.run.answered_at_start;
                self.run.checks_failed = 0;
                self.usage.touch();
                let now = Instant::now();
                self.run.next_check = self.server.health.as_ref().map(|health| now + health.interval);
                self.run.next_look = Some(now + self.server.watched.interval.min(Duration::from_secs(1)));
                let pid = session.pid().map_or_else(String::new, |pid| format!(", pid {pid}"));
                self.story(&format!("ready{pid}"));
                self.run.session = Some(session);
                self.happens(machine::Event::Started);
                (self.world.events)(Event::Started(self.server.spec.server.clone(), hello));
            }
            Err(fault) => {
                tracing::warn!(server.name = %self.server.spec.server, error = %error_chain(&fault), "a server did not start");
                self.story(&format!("did not start: {}", error_chain(&fault)));
                let event = match fault.is_before_the_start() {
                    true => machine::Event::StartRefused,
                    false => machine::Event::StartFailed,
                };
                self.run.fault = Some(Arc::new(fault));
                self.happens(event);
            }
        }
    }

    fn stopped(&mut self) {
        self.run.stopping = None;
        self.story("stopped");
        self.happens(machine::Event::StopDone);
    }

    fn died(&mut self, how: String) {
        let server = self.server.spec.server.clone();
        let stderr = self.run.session.as_ref().map(Session::stderr_summary).unwrap_or_default();
        let has_served = self.usage.answered.load(Ordering::Relaxed) > self.run.answered_at_start;
        let was_used = self.usage.is_in_use() || self.usage.last_used().elapsed() < MISSED_WITHIN;
        let is_missed = was_used || self.is_needed();
        self.forget_session();
        self.story(&how);
        let fault = crate::upstream::Error::Died { server: server.clone(), how: how.clone(), stderr, was_sent: false };
        self.run.fault = Some(Arc::new(fault.into()));
        self.happens(machine::Event::Died { has_served, is_missed: is_missed && !self.is_spare });
        let state = self.run.machine.state();
        tracing::warn!(server.name = %server, how, ?state, "server {server} {how}");
    }

    /// What is due is done; what is not, stays.
    fn timer(&mut self) {
        let now = Instant::now();
        let is_due = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        if is_due(self.run.machine.wakes_at(&self.server.policy)) {
            self.happens(machine::Event::Tick);
        }
        if is_due(self.run.next_look) {
            self.look();
        }
        if is_due(self.run.next_check) {
            self.ask();
        }
        if is_due(self.idle_at()) {
            if self.usage.is_in_use() || self.is_needed() || self.is_subscribed() {
                self.usage.touch();
            } else {
                self.happens(machine::Event::Idle);
            }
        }
    }

    fn next_timer(&self) -> Option<Instant> {
        let wakes = self.run.machine.wakes_at(&self.server.policy);
        [wakes, self.run.next_look, self.run.next_check, self.idle_at()].into_iter().flatten().min()
    }

    /// Whether somebody wants to hear of its resources: then it does not come to rest.
    fn is_subscribed(&self) -> bool {
        !self.server.learned.subscriptions.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    fn idle_at(&self) -> Option<Instant> {
        self.run.session.as_ref().filter(|_| !self.run.machine.is_kept())?;
        // Where state is kept, a further instance is some client's own.
        let is_spare = self.is_spare && self.server.is_stateful != Some(true);
        let timeout = if is_spare { self.server.spare_idle_timeout } else { self.server.idle_timeout };
        Some(self.usage.last_used() + timeout)
    }

    /// Whether a server that runs needs this one.
    fn is_needed(&self) -> bool {
        self.others.upgrade().is_some_and(|others| others.is_needed(&self.server.spec.server))
    }

    /// Begins a health check, unless calls have just shown how it is.
    fn ask(&mut self) {
        let (Some(health), Some(session)) = (self.server.health.clone(), self.run.session.clone()) else {
            self.run.next_check = None;
            return;
        };
        self.run.next_check = Some(Instant::now() + health.interval);
        let answered = self.usage.answered.load(Ordering::Relaxed);
        let has_answered = std::mem::replace(&mut self.run.answered_at_check, answered) != answered;
        let is_trusted = self.breaker.is_closed();
        if has_answered && is_trusted {
            return self.checked(Ok(()));
        }
        // A server may do one thing at a time: while it works on a call, its silence means nothing.
        if (self.usage.is_in_use() && is_trusted) || self.run.checking.is_some() {
            return;
        }
        let (salvage, http_get) = (self.world.salvage, self.world.http_get.clone());
        self.run.checking = Some(Box::pin(check(session, health, salvage, http_get)));
    }

    fn checked(&mut self, outcome: Result<(), String>) {
        self.run.checking = None;
        match outcome {
            Ok(()) => {
                self.run.checks_failed = 0;
                if !self.breaker.is_closed() {
                    return;
                }
                if self.run.machine.state() == State::Degraded {
                    self.happens(machine::Event::CheckPassed);
                }
            }
            Err(last) => {
                let server = self.server.spec.server.clone();
                self.run.checks_failed += 1;
                let count = self.run.checks_failed;
                tracing::warn!(server.name = %server, count, error = last, "server {server} failed a health check");
                self.story(&format!("failed a health check: {last}"));
                self.run.fault = Some(Arc::new(Fault::Checks { server, count, last }));
                self.happens(machine::Event::CheckFailed);
            }
        }
    }

    /// Whoever begins to look shall not wait for the next look that was planned.
    fn watched(&mut self, is_watched: bool) {
        self.run.is_watched = is_watched;
        if is_watched && self.run.next_look.is_some() {
            self.run.next_look = Some(Instant::now());
        }
    }

    /// Begins to measure what it uses.
    fn look(&mut self) {
        let interval = self.server.watched.interval;
        let interval = if self.run.is_watched { interval.min(LOOK_CLOSELY_EVERY) } else { interval };
        self.run.next_look = Some(Instant::now() + interval);
        let Some(pid) = self.run.session.as_ref().and_then(Session::pid) else { return };
        let measure = self.world.measure;
        if self.run.measuring.is_none() {
            self.run.measuring = Some(tokio::task::spawn_blocking(move || measure(pid)));
        }
    }

    fn measured(&mut self, tree: Option<TreeUse>) {
        self.run.measuring = None;
        let Some(tree) = tree.filter(|_| self.run.session.is_some()) else { return };
        let now = Instant::now();
        let cpu_percent = match &self.run.load {
            Some(last) => {
                let seconds = now.saturating_duration_since(last.at).as_secs_f64().max(1e-3);
                tree.cpu_time.saturating_sub(last.tree.cpu_time).as_secs_f64() / seconds * 100.0
            }
            None => 0.0,
        };
        self.run.load = Some(Load { tree, cpu_percent, at: now });
        self.warn(&tree, cpu_percent);
        let server = self.server.spec.server.clone();
        match self.server.watched.memory_max_bytes {
            Some(max) if tree.memory_bytes > max => {
                let fault = Fault::Memory { server: server.clone(), bytes: tree.memory_bytes, max };
                tracing::warn!(server.name = %server, error = %fault, "a server takes too much memory and is started again");
                self.story(&format!("takes {} bytes of memory of {max} allowed: started again", tree.memory_bytes));
                (self.world.events)(Event::OverLimit(server, fault.to_string()));
                self.run.fault = Some(Arc::new(fault));
                self.happens(machine::Event::OverLimit);
            }
            _ => self.show(),
        }
    }

    /// Keeps the list of warnings, and tells of each that is new.
    fn warn(&mut self, tree: &TreeUse, cpu_percent: f64) {
        let watched = &self.server.watched;
        let mut warnings = Vec::new();
        if cpu_percent > watched.cpu_warn_percent {
            warnings.push(format!("processor use is above {:.0} %", watched.cpu_warn_percent));
        }
        if tree.memory_bytes > watched.memory_warn_bytes {
            warnings.push(format!("memory is above {} MB", watched.memory_warn_bytes / 1_000_000));
        }
        let server = self.server.spec.server.clone();
        for warning in warnings.iter().filter(|warning| !self.run.warnings.contains(warning)) {
            tracing::warn!(server.name = %server, "server {server}: {warning}");
            self.story(warning);
            (self.world.events)(Event::OverLimit(server.clone(), format!("server {server}: {warning}")));
        }
        self.run.warnings = warnings;
    }

    async fn end(&mut self) {
        self.inbox.close();
        self.run.starting = None;
        let server = &self.server.spec.server;
        for waiter in self.run.waiters.drain(..) {
            let _gone = waiter.send(Err(Error::Stopping { server: server.clone() }));
        }
        // Messages that came before the inbox was closed are answered too.
        while let Ok(message) = self.inbox.try_recv() {
            if let Message::Wake(waiter) = message {
                let _gone = waiter.send(Err(Error::Stopping { server: server.clone() }));
            }
        }
        let session = self.run.session.take();
        self.view.send_modify(|view| {
            view.state = State::Stopped;
            view.session = None;
        });
        if let Some(stopping) = self.run.stopping.take() {
            stopping.await;
        }
        if session.is_none() {
            wait_until_gone(self.run.gone.take(), &self.server).await;
        }
        if let Some(session) = session {
            session.stop().await;
            self.story("stopped");
        }
    }

    fn refusal(&self) -> Error {
        let server = self.server.spec.server.clone();
        let retry_in = self.run.machine.wait_until().map(|at| at.saturating_duration_since(Instant::now()));
        match (self.run.machine.ends_in(), &self.run.fault) {
            (State::Quarantined, _) => Error::Quarantined { server, why: self.run.why_quarantined.clone() },
            (State::Backoff | State::Failed, Some(fault)) => {
                Error::Down { source: fault.clone(), retry_in, has_given_up: self.run.machine.state() == State::Failed }
            }
            (State::Dormant, Some(fault)) => Error::Down { source: fault.clone(), retry_in: None, has_given_up: false },
            _ => Error::Stopped { server },
        }
    }

    /// A line of the server's story, for its own log.
    fn story(&self, text: &str) {
        (self.world.events)(Event::Told(self.server.spec.server.clone(), text.to_owned()));
    }

    fn show(&self) {
        let run = &self.run;
        self.view.send_replace(View {
            state: run.machine.state(),
            session: run.session.clone().filter(|_| run.machine.state().is_up()),
            fault: run.fault.clone(),
            wait_until: run.machine.wait_until(),
            is_kept: run.machine.is_kept(),
            why_quarantined: run.why_quarantined.clone(),
            starts: run.starts,
            restarts: run.restarts,
            since: run.since,
            load: run.load,
            warnings: run.warnings.clone(),
        });
    }
}

/// Waits for the end of a process, as long as a stop may take.
async fn wait_until_gone(gone: Option<oneshot::Receiver<()>>, server: &PoolServer) {
    let limits = &server.limits;
    let Some(gone) = gone else { return };
    let _lost = tokio::time::timeout(limits.close_grace + limits.term_grace + STOP_SPARE, gone).await;
}

/// Starts a process, those that it depends on first. `leash` is dropped when nothing is left of it.
async fn start(
    server: Arc<PoolServer>,
    mut world: World,
    others: Weak<Servers>,
    leash: oneshot::Sender<()>,
) -> Result<Session, Fault> {
    let name = server.spec.server.clone();
    for dependency in &server.depends_on {
        let Some(others) = others.upgrade() else { break };
        if let Err(fault) = others.wake(dependency).await {
            let why = error_chain(&fault);
            return Err(Fault::Dependency { server: name, dependency: dependency.clone(), why });
        }
    }
    // The search path is repaired once, behind; whoever starts first waits for it.
    let path = match world.path.wait_for(Option::is_some).await {
        Ok(path) => path.clone(),
        Err(_) => None,
    };
    let path = path.unwrap_or_else(|| SearchPath::from_path(std::ffi::OsStr::new("")));
    let known_era = *server.learned.era.lock().unwrap_or_else(PoisonError::into_inner);
    let events = world.events.clone();
    let told = others.upgrade().map(|others| others.told.clone());
    let (asks, client) = (server.learned.asks.clone(), server.spec.offer.client);
    let notices = Arc::new(move |notice: Notice| {
        // Whoever owns the process keeps this closure, and the leash with it.
        let _leash = &leash;
        match notice {
            Notice::ToolsChanged => events(Event::ToolsChanged(name.clone())),
            Notice::Asked => asks.store(true, Ordering::Relaxed),
            Notice::Told(method, params) => {
                // Nobody listens, or he is too slow and is told so by the channel.
                let news = Told { server: name.clone(), method, params, client };
                told.iter().for_each(|told| drop(told.send(news.clone())));
            }
        }
    });
    let session = Session::start(&server.spec, &path, &server.limits, known_era, notices).await?;
    let subscribed = server.learned.subscriptions.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let options = CallOptions::own(server.call_timeout);
    let again = async {
        for uri in subscribed {
            // One that it no longer has is found out by who reads it.
            if session.subscribe(&uri, &options).await.is_err() {
                return;
            }
        }
    };
    // Whoever waits for the server waits for this, too; what is not done by then is left undone.
    let _left_undone = tokio::time::timeout(server.limits.start_timeout, again).await;
    Ok(session)
}

async fn pending_or<F: Future + Unpin>(future: Option<&mut F>) -> F::Output {
    match future {
        Some(future) => future.await,
        None => std::future::pending().await,
    }
}

/// Whether somebody watches from now on.
async fn changed(watched: Option<&mut watch::Receiver<bool>>) -> bool {
    if let Some(watched) = watched
        && watched.changed().await.is_ok()
    {
        return *watched.borrow_and_update();
    }
    std::future::pending().await
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
