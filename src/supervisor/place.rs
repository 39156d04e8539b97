//! One server with its instances: lets calls in, chooses an instance for each, and starts another when all are busy.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, Weak};

use tokio::sync::{Semaphore, SemaphorePermit, mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::upstream::{self, Session};

use super::Error;
use super::balance::{Candidate, choose};
use super::breaker::{Admitted, Breaker};
use super::keeper::{Keeper, Message, Order, Run, View};
use super::machine::State;
use super::pool::Servers;
use super::retry_budget::RetryBudget;
use super::settings::{PoolServer, StartMode, World};
use super::usage::Usage;
use super::variants::Variants;

/// Messages that may wait for one keeper. Callers wait in turn when it is full.
const INBOX_LEN: usize = 64;
/// Clients whose instance is remembered; the oldest is forgotten first and then gets any instance.
const STICKY_MAX: usize = 1024;

/// Where one server's instances are reached.
pub(super) struct Place {
    pub(super) server: Arc<PoolServer>,
    world: World,
    others: Weak<Servers>,
    instances: RwLock<Vec<Arc<Instance>>>,
    slots: Semaphore,
    waiting: AtomicUsize,
    turn: AtomicUsize,
    /// Which client uses which instance, the latest last.
    sticky: Mutex<VecDeque<(u64, usize)>>,
    /// Whether its tools look like those of a server that keeps state.
    looks_stateful: AtomicBool,
    /// The operator has stopped the one whose place this is, or taken it out of use.
    is_held: AtomicBool,
    pub(super) retries: RetryBudget,
    /// Sessions of clients that can be asked for something.
    pub(super) variants: Variants,
}

/// One instance as callers see it.
pub(super) struct Instance {
    pub(super) usage: Arc<Usage>,
    pub(super) breaker: Arc<Breaker>,
    pub(super) view: watch::Receiver<View>,
    pub(super) keeper: mpsc::Sender<Message>,
}

impl Place {
    /// A server that nobody has started, with its first instance's keeper in `tasks`.
    pub(super) fn new(server: PoolServer, world: World, others: Weak<Servers>, tasks: &mut JoinSet<()>) -> Self {
        let server = Arc::new(server);
        let place = Self {
            slots: Semaphore::new(0),
            retries: RetryBudget::new(server.retry_share),
            server,
            world,
            others,
            instances: RwLock::default(),
            waiting: AtomicUsize::new(0),
            turn: AtomicUsize::new(0),
            sticky: Mutex::default(),
            looks_stateful: AtomicBool::new(false),
            is_held: AtomicBool::new(false),
            variants: Variants::default(),
        };
        place.add_instance(tasks);
        place
    }

    /// One more instance, unless there are as many as may be. Gives the newest.
    fn add_instance(&self, tasks: &mut JoinSet<()>) -> Option<Arc<Instance>> {
        let mut instances = self.instances.write().unwrap_or_else(PoisonError::into_inner);
        if instances.len() >= self.server.instances_max.max(1) {
            return None;
        }
        // Whom the operator started may have further instances as calls want them.
        let is_manual = self.server.start == StartMode::Manual && instances.is_empty();
        let state = if is_manual { State::Stopped } else { State::Dormant };
        let (view, viewer) = watch::channel(View {
            state,
            session: None,
            fault: None,
            wait_until: None,
            is_kept: false,
            why_quarantined: String::new(),
            starts: 0,
            restarts: 0,
            since: (self.world.now)(),
            load: None,
            warnings: Vec::new(),
        });
        let (keeper, inbox) = mpsc::channel(INBOX_LEN);
        let usage = Arc::new(Usage::new());
        let breaker = Arc::new(Breaker::new(self.server.breaker));
        let task = Keeper {
            server: self.server.clone(),
            world: self.world.clone(),
            others: self.others.clone(),
            usage: usage.clone(),
            breaker: breaker.clone(),
            view,
            inbox,
            is_spare: !instances.is_empty(),
            run: Run::new(is_manual),
        };
        tasks.spawn(task.run());
        let instance = Arc::new(Instance { usage, breaker, view: viewer, keeper });
        instances.push(instance.clone());
        self.slots.add_permits(self.server.calls_in_flight_max);
        Some(instance)
    }

    /// What the operator said of the server whose place this is holds on, although its entry is another now.
    pub(super) fn take_over(&self, old: &Self) {
        let view = old.first().view.borrow().clone();
        let order = if view.state == State::Quarantined {
            Order::Hold(view.why_quarantined)
        } else if view.state == State::Stopped && old.server.start != StartMode::Manual {
            Order::Stop
        } else if view.is_kept && self.server.start != StartMode::Eager {
            Order::Start
        } else {
            return;
        };
        self.begin_with(order);
    }

    /// Out of use from the beginning.
    pub(super) fn hold(&self, why: &str) {
        self.begin_with(Order::Hold(why.to_owned()));
    }

    fn begin_with(&self, order: Order) {
        self.is_held.store(order != Order::Start, Ordering::Relaxed);
        let (done, _nobody_waits) = oneshot::channel();
        // It is the first message of a keeper that was just made.
        let _sent = self.first().keeper.try_send(Message::Order(order, done));
    }

    pub(super) fn instances(&self) -> Vec<Arc<Instance>> {
        self.instances.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn first(&self) -> Arc<Instance> {
        self.instances.read().unwrap_or_else(PoisonError::into_inner)[0].clone()
    }

    pub(super) fn is_held(&self) -> bool {
        self.is_held.load(Ordering::Relaxed)
    }

    pub(super) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    pub(super) fn in_flight(&self) -> usize {
        let own: usize = self.instances().iter().map(|one| one.usage.in_flight.load(Ordering::Relaxed)).sum();
        let mut others = 0;
        self.variants.each(|variant| others += variant.in_flight());
        own + others
    }

    /// A turn to call. Waits in a bounded queue, for a bounded time.
    pub(super) async fn slot(&self, cancel: &CancellationToken) -> Result<SemaphorePermit<'_>, Error> {
        if let Ok(slot) = self.slots.try_acquire() {
            return Ok(slot);
        }
        if self.server.instances_max > 1 && !self.is_stateful() {
            self.scale_up(&self.instances());
        }
        let busy = |waited| Error::Busy {
            server: self.server.spec.server.clone(),
            in_flight: self.in_flight(),
            waiting: self.waiting(),
            waited,
        };
        if self.waiting.fetch_add(1, Ordering::Relaxed) >= self.server.queue_len_max {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
            return Err(busy(None));
        }
        let _waiting = Waiting(&self.waiting);
        tokio::select! {
            slot = self.slots.acquire() => slot.map_err(|_| busy(None)),
            () = tokio::time::sleep(self.server.queue_timeout) => Err(busy(Some(self.server.queue_timeout))),
            () = cancel.cancelled() => Err(super::pool::cancelled(&self.server.spec.server)),
        }
    }

    /// The instance for a call of this client.
    pub(super) fn choose(&self, client: Option<u64>) -> Arc<Instance> {
        if self.server.instances_max <= 1 {
            return self.first();
        }
        // A copy: to add one, the list must not be held.
        let instances = self.instances();
        match client.filter(|_| self.is_stateful()) {
            Some(client) => self.choose_for(client, instances),
            None => self.choose_any(&instances),
        }
    }

    fn choose_any(&self, instances: &[Arc<Instance>]) -> Arc<Instance> {
        let calls_max = self.server.calls_in_flight_max;
        let candidates: Vec<Candidate> = instances.iter().map(|one| one.candidate(calls_max)).collect();
        // Behind: the call that notices it goes to one that runs, and finds out no later than the others.
        self.scale_up(instances);
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let at = choose(self.server.balance, &candidates, turn).unwrap_or(0);
        instances[at].clone()
    }

    /// Wakes a resting instance, or adds one, when those that run or are on their way have more to do than they should.
    fn scale_up(&self, instances: &[Arc<Instance>]) {
        let states = || instances.iter().map(|one| (one.view.borrow().state, one.usage.is_wanted()));
        // One that does not start would not start twice either.
        if states().any(|(state, _)| matches!(state, State::Backoff | State::Failed)) {
            return;
        }
        let is_active = |(state, is_wanted): &(State, bool)| state.is_up() || *state == State::Starting || *is_wanted;
        let active = states().filter(is_active).count();
        let calls_each = self.server.scale_up_calls.min(self.server.calls_in_flight_max).max(1);
        let calls = self.in_flight() + self.waiting() + 1;
        if active == 0 || calls <= active * calls_each {
            return;
        }
        let is_resting = |one: &&Arc<Instance>| one.view.borrow().state == State::Dormant && !one.usage.is_wanted();
        let resting = instances.iter().find(is_resting).cloned();
        let instance = resting.or_else(|| self.others.upgrade()?.add_instance_of(self));
        if let Some(instance) = instance {
            let (waiter, _nobody_waits) = oneshot::channel();
            let is_sent = instance.keeper.try_send(Message::Wake(waiter)).is_ok();
            instance.usage.is_called_up.store(is_sent, Ordering::Relaxed);
        }
    }

    /// The client's own instance; a new client gets one that nobody has, or the one with the fewest clients.
    fn choose_for(&self, client: u64, mut instances: Vec<Arc<Instance>>) -> Arc<Instance> {
        let mut sticky = self.sticky();
        if let Some(at) = sticky.iter().position(|(known, _)| *known == client)
            && let Some((_, place)) = sticky.remove(at)
        {
            let own = &instances[place.min(instances.len() - 1)];
            if own.may_serve() || instances.iter().all(|one| !one.may_serve()) {
                sticky.push_back((client, place));
                return own.clone();
            }
            // It is gone for good, and what it kept with it.
        }
        let clients = |place: usize| sticky.iter().filter(|(_, taken)| *taken == place).count();
        let mut place =
            (0..instances.len()).min_by_key(|&place| (!instances[place].may_serve(), clients(place))).unwrap_or(0);
        if clients(place) > 0
            && let Some(added) = self.others.upgrade().and_then(|others| others.add_instance_of(self))
        {
            instances.push(added);
            place = instances.len() - 1;
        }
        if sticky.len() == STICKY_MAX {
            sticky.pop_front();
        }
        sticky.push_back((client, place));
        instances[place].clone()
    }

    /// A client that left frees its place.
    pub(super) fn forget_client(&self, client: u64) {
        self.sticky().retain(|(known, _)| *known != client);
        self.variants.each(|variant| variant.sticky().retain(|(known, _)| *known != client));
    }

    /// The same server for clients of another kind.
    pub(super) fn as_variant(&self, server: PoolServer, tasks: &mut JoinSet<()>) -> Self {
        Self::new(server, self.world.clone(), self.others.clone(), tasks)
    }

    fn sticky(&self) -> MutexGuard<'_, VecDeque<(u64, usize)>> {
        self.sticky.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn is_stateful(&self) -> bool {
        self.server.is_stateful.unwrap_or_else(|| self.looks_stateful.load(Ordering::Relaxed))
    }

    pub(super) fn note_tools<'a>(&self, names: impl Iterator<Item = &'a str>) {
        self.looks_stateful.store(super::stateful::looks_stateful(names), Ordering::Relaxed);
    }

    pub(super) fn add(&self, tasks: &mut JoinSet<()>) -> Option<Arc<Instance>> {
        self.add_instance(tasks)
    }
}

impl Instance {
    /// Whether a call may get a session of it, now or soon.
    fn may_serve(&self) -> bool {
        !matches!(self.view.borrow().state, State::Stopped | State::Failed | State::Quarantined)
    }

    fn candidate(&self, calls_max: usize) -> Candidate {
        let view = self.view.borrow();
        let in_flight = self.usage.in_flight.load(Ordering::Relaxed);
        let is_usable = !matches!(view.state, State::Stopped | State::Failed | State::Quarantined | State::Stopping);
        Candidate {
            is_usable: is_usable && self.breaker.would_admit(Instant::now()),
            is_up: view.state.is_up(),
            is_full: in_flight >= calls_max,
            in_flight,
            ewma: self.usage.ewma(),
        }
    }

    /// The running session, or the one the keeper starts now.
    pub(super) async fn session(&self, server: &PoolServer, cancel: &CancellationToken) -> Result<Session, Error> {
        let running = self.view.borrow().session.clone();
        if let Some(session) = running.filter(Session::is_alive) {
            return Ok(session);
        }
        let name = &server.spec.server;
        let (waiter, answer) = oneshot::channel();
        self.keeper.send(Message::Wake(waiter)).await.map_err(|_| Error::Stopping { server: name.clone() })?;
        tokio::select! {
            // The keeper answers within its own start time-out.
            answer = answer => answer.unwrap_or_else(|_| Err(Error::Stopping { server: name.clone() })),
            () = cancel.cancelled() => Err(super::pool::cancelled(name)),
        }
    }

    /// Lets a call through, unless the breaker is open.
    pub(super) fn admit(&self, server: &PoolServer) -> Result<Admitted<'_>, Error> {
        self.breaker.admit(Instant::now()).map_err(|retry_in| Error::Spared {
            server: server.spec.server.clone(),
            retry_in,
            last: self.usage.last_fault(),
        })
    }

    /// Notes how a call went.
    pub(super) fn note(
        &self,
        admitted: Admitted<'_>,
        ended: &Result<upstream::Answer, upstream::Error>,
        took: std::time::Duration,
    ) {
        let is_good = match ended {
            Ok(_) | Err(upstream::Error::Refused { .. }) => {
                self.usage.note_answer(took);
                true
            }
            // Cancelled by the caller, or too long for our limit: says nothing of the server. A death is the keeper's matter.
            Err(upstream::Error::Cancelled { .. } | upstream::Error::AnswerTooLong { .. }) => return,
            Err(upstream::Error::Died { .. }) => return self.usage.note_fault("it died"),
            Err(fault) => {
                self.usage.note_fault(&fault.to_string());
                false
            }
        };
        if admitted.note(is_good, Instant::now()) {
            let _busy = self.keeper.try_send(Message::LookAtBreaker);
        }
    }
}

/// One call in the queue.
struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
