//! The pool: who wants a server asks here.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock, Weak};
use std::time::Duration;

use schemars::JsonSchema;
use serde::Serialize;
use tokio::sync::{Semaphore, broadcast, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::domain::ServerName;
use crate::upstream::{self, Answer, Behind, Hello, Listing, ProgressSink};

use super::Error;
use super::keeper::{Message, Order};
use super::machine::State;
use super::order::layers;
use super::place::{Instance, Place};
use super::settings::{Elsewhere, PoolServer, StartMode, Told, World};
use super::status::{self, ServerStatus};

/// What servers told and a listener has not taken yet, at most; a slower one misses the oldest, and is told so.
const TOLD_LEN: usize = 1024;
/// Between two looks at whether they have ended.
const LEAVING_LOOK: Duration = Duration::from_millis(50);

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
    /// Which client calls; a server that keeps state gets all calls of one client in one instance.
    pub client: Option<u64>,
    /// Gets the progress.
    pub progress: Option<ProgressSink>,
    /// Cancels it.
    pub cancel: CancellationToken,
    /// Who is behind it.
    pub behind: Behind,
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

/// What a new configuration changed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Applied {
    /// Servers that were not there before.
    pub added: Vec<ServerName>,
    /// Servers whose entry is another; they were replaced.
    pub changed: Vec<ServerName>,
    /// Servers that are gone.
    pub removed: Vec<ServerName>,
    /// How many go on as they were.
    pub kept: usize,
}

/// All servers. Must be made on a runtime; [`Pool::stop`] ends all servers and waits for their end.
#[derive(Debug)]
pub struct Pool {
    pub(super) servers: Arc<Servers>,
    pub(super) elsewhere: OnceLock<ElsewhereSlot>,
}

/// Says nothing of itself.
pub(super) struct ElsewhereSlot(pub(super) Elsewhere);

impl fmt::Debug for ElsewhereSlot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Elsewhere").finish_non_exhaustive()
    }
}

/// What the pool and its keepers share.
pub(super) struct Servers {
    places: RwLock<BTreeMap<ServerName, Arc<Place>>>,
    world: World,
    tasks: Mutex<JoinSet<()>>,
    is_stopping: AtomicBool,
    /// What servers tell.
    pub(super) told: broadcast::Sender<Told>,
    /// Whether somebody looks at what they use.
    pub(super) is_watched: watch::Sender<bool>,
}

impl fmt::Debug for Servers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Servers").field("names", &self.names()).finish_non_exhaustive()
    }
}

impl Pool {
    /// A pool of servers, none of them started.
    #[must_use]
    pub fn new(servers: Vec<PoolServer>, world: World) -> Self {
        let shared = Servers {
            places: RwLock::default(),
            world,
            tasks: Mutex::default(),
            is_stopping: AtomicBool::new(false),
            told: broadcast::Sender::new(TOLD_LEN),
            is_watched: watch::Sender::new(false),
        };
        let pool = Self { servers: Arc::new(shared), elsewhere: OnceLock::new() };
        let _all_added = pool.apply(servers);
        pool
    }

    /// Takes another set of servers. Those whose identity is the same go on untouched; one that is gone or changed takes no
    /// more calls here, ends those it has, and stops behind. Starts nothing by itself.
    pub fn apply(&self, servers: Vec<PoolServer>) -> Applied {
        let shared = &self.servers;
        let mut applied = Applied::default();
        if shared.is_stopping.load(Ordering::Relaxed) {
            return applied;
        }
        let mut left = std::mem::take(&mut *shared.places_mut());
        let mut places = BTreeMap::new();
        let mut leaving = Vec::new();
        let mut tasks = shared.tasks();
        for server in servers {
            let name = server.spec.server.clone();
            match left.remove(&name) {
                Some(place) if place.server.identity == server.identity => {
                    applied.kept += 1;
                    places.insert(name, place);
                    continue;
                }
                Some(place) => {
                    leaving.push(place);
                    applied.changed.push(name.clone());
                }
                None => applied.added.push(name.clone()),
            }
            let place = Place::new(server, shared.world.clone(), Arc::downgrade(shared), &mut tasks);
            if let Some(old) = leaving.last().filter(|_| applied.changed.last() == Some(&name)) {
                place.take_over(old);
            }
            places.insert(name, Arc::new(place));
        }
        applied.removed = left.keys().cloned().collect();
        leaving.extend(left.into_values());
        for place in leaving {
            tasks.spawn(leave(place, Arc::downgrade(shared)));
        }
        drop(tasks);
        *shared.places_mut() = places;
        applied
    }

    /// Takes servers out of use from the beginning, each for its reason: the operator said so in another life of mcporch.
    pub fn hold(&self, quarantined: &BTreeMap<String, String>) {
        let places = self.servers.places();
        for (name, place) in &places {
            if let Some(why) = quarantined.get(name.as_str()) {
                place.hold(why);
            }
        }
    }

    /// Starts the servers that shall run from the beginning, some at a time, those that others need first. A server that does
    /// not start is told in the log and tried again by itself.
    ///
    /// Cancel safe: those not yet asked stay as they are.
    pub async fn start_eager(&self) {
        let gate = Arc::new(Semaphore::new(self.servers.world.starts_in_parallel.max(1)));
        let mut starts = JoinSet::new();
        for place in self.servers.places().values() {
            // Not what the operator has stopped, or what was left alone: this is also called after each reload.
            let is_left = match place.first().view.borrow() {
                view if view.is_kept => true,
                view => matches!(view.state, State::Stopped | State::Quarantined | State::Failed) || place.is_held(),
            };
            if place.server.start != StartMode::Eager || place.server.refusal.is_some() || is_left {
                continue;
            }
            let (gate, place) = (gate.clone(), place.clone());
            starts.spawn(async move {
                let _slot = gate.acquire_owned().await;
                // What is wrong was logged where it happened.
                let _ended = order(&place, Order::Start).await;
            });
        }
        while starts.join_next().await.is_some() {}
    }

    /// Lets another process carry out all calls from now on. Only the first counts.
    pub fn call_elsewhere(&self, elsewhere: Elsewhere) {
        let _set_before = self.elsewhere.set(ElsewhereSlot(elsewhere));
    }

    /// Lists a server's tools, starting it if need be; one that was started for this alone rests afterwards when
    /// `rest_after` is set.
    ///
    /// Cancel safe.
    ///
    /// # Errors
    /// [`Error`], naming the server.
    pub async fn list_tools(&self, server: &ServerName, rest_after: bool) -> Result<(Hello, Listing), Error> {
        let place = self.servers.place(server)?;
        let instance = place.first();
        // Who asks for the tools of a server that only the operator starts is the operator: nothing else asks for them.
        let is_manual = place.server.start == StartMode::Manual;
        let is_down = instance.view.borrow().state == State::Stopped;
        if is_manual && is_down {
            order(&place, Order::Start).await?;
        }
        // It does not come to rest while it lists.
        let in_use = instance.usage.begin();
        let session = instance.session(&place.server, &CancellationToken::new()).await?;
        let listing = session.list_tools(place.server.list_timeout, self.servers.world.salvage).await;
        let hello = session.hello().clone();
        drop((session, in_use));
        if let Ok(listing) = &listing {
            place.note_tools(listing.tools.iter().map(|tool| tool.key.tool.as_str()));
        }
        if is_manual && is_down && rest_after {
            order(&place, Order::Stop).await?;
        } else if rest_after {
            // Full or closed: then it is busy, or gone anyway.
            let _busy = instance.keeper.try_send(Message::RestIfUnused);
        }
        Ok((hello, listing?))
    }

    /// Tells what a server's tools are called, when they are known without asking it: that tells whether it keeps state.
    pub fn note_tools<'a>(&self, server: &ServerName, names: impl Iterator<Item = &'a str>) {
        if let Some(place) = self.servers.find(server) {
            place.note_tools(names);
        }
    }

    /// A client has left: what was kept for it is free.
    pub fn forget_client(&self, client: u64) {
        for place in self.servers.places().values() {
            place.forget_client(client);
            for variant in place.variants.of_client(client) {
                self.servers.tasks().spawn(leave(variant, Arc::downgrade(&self.servers)));
            }
        }
    }

    /// The state of each server, by name.
    #[must_use]
    pub fn status(&self) -> Vec<ServerStatus> {
        self.servers.places().iter().map(|(name, place)| status::of_server(name, place)).collect()
    }

    /// Whether somebody looks at what servers use: then they are measured each second, else as often as is set for each.
    pub fn watch_closely(&self, is_watched: bool) {
        self.servers.is_watched.send_if_modified(|now| std::mem::replace(now, is_watched) != is_watched);
    }

    /// Whether a call could be tried now: neither refused nor stopped, and not waiting after failures.
    #[must_use]
    pub fn is_usable(&self, server: &ServerName) -> bool {
        let is_open = |one: &Arc<Instance>| match one.view.borrow().state {
            State::Dormant | State::Starting | State::Ready | State::Degraded | State::Stopping => {
                one.breaker.would_admit(Instant::now())
            }
            State::Stopped | State::Backoff | State::Failed | State::Quarantined => false,
        };
        let place = self.servers.find(server);
        place.is_some_and(|place| place.server.refusal.is_none() && place.instances().iter().any(is_open))
    }

    /// Whether only the operator starts it, or has stopped it: it must not be started to be listed.
    #[must_use]
    pub fn is_left_alone(&self, server: &ServerName) -> bool {
        self.servers.find(server).is_some_and(|place| {
            matches!(place.first().view.borrow().state, State::Stopped | State::Quarantined | State::Failed)
        })
    }

    /// Whether only the operator starts it.
    #[must_use]
    pub fn is_manual(&self, server: &ServerName) -> bool {
        self.servers.find(server).is_some_and(|place| place.server.start == StartMode::Manual)
    }

    /// Whether the operator wants some server to run without being called, beside those that run with us.
    #[must_use]
    pub fn has_kept(&self) -> bool {
        let is_kept = |place: &Arc<Place>| place.instances().iter().any(|one| one.view.borrow().is_kept);
        self.servers.places().values().any(|place| place.server.start != StartMode::Eager && is_kept(place))
    }

    /// Starts these servers, those that they need first, and keeps them running until they are stopped. Waits until each is
    /// up or has failed.
    ///
    /// Cancel safe: what was ordered goes on.
    pub async fn start(&self, names: &[ServerName]) -> Vec<(ServerName, Result<(), Error>)> {
        self.order_all(&self.servers.with_needed(names), Order::Start, false).await
    }

    /// Stops these servers, those that need others first. Calls do not start them again. Waits until each is gone.
    ///
    /// Cancel safe: what was ordered goes on.
    pub async fn stop_servers(&self, names: &[ServerName]) -> Vec<(ServerName, Result<(), Error>)> {
        self.order_all(names, Order::Stop, true).await
    }

    /// Stops and starts these servers. Waits until each is up again or has failed.
    ///
    /// Cancel safe: what was ordered goes on.
    pub async fn restart(&self, names: &[ServerName]) -> Vec<(ServerName, Result<(), Error>)> {
        self.order_all(names, Order::Restart, false).await
    }

    /// Takes a server out of use until it is started by the operator.
    ///
    /// Cancel safe: what was ordered goes on.
    ///
    /// # Errors
    /// [`Error`], naming the server.
    pub async fn quarantine(&self, name: &ServerName, why: &str) -> Result<(), Error> {
        order(&self.servers.place(name)?, Order::Quarantine(why.to_owned())).await
    }

    async fn order_all(
        &self,
        names: &[ServerName],
        what: Order,
        dependents_first: bool,
    ) -> Vec<(ServerName, Result<(), Error>)> {
        let mut layers = self.servers.layers();
        if dependents_first {
            layers.reverse();
        }
        let mut done = Vec::new();
        for layer in layers {
            let mut orders = JoinSet::new();
            for name in layer.into_iter().filter(|name| names.contains(name)) {
                let place = self.servers.place(&name);
                let what = what.clone();
                orders.spawn(async move {
                    let ended = match place {
                        Ok(place) => order(&place, what).await,
                        Err(fault) => Err(fault),
                    };
                    (name, ended)
                });
            }
            while let Some(ended) = orders.join_next().await {
                done.extend(ended.ok());
            }
        }
        done.sort_by(|(a, _), (b, _)| a.cmp(b));
        done
    }

    /// Stops all servers, those that need others first, and waits until they are gone. Later calls fail.
    ///
    /// Not cancel safe: servers whose end was not waited for are killed when the runtime ends.
    pub async fn stop(&self) {
        self.servers.is_stopping.store(true, Ordering::Relaxed);
        let mut layers = self.servers.layers();
        layers.reverse();
        for layer in layers {
            let places = self.servers.places();
            let mut ends = JoinSet::new();
            for place in layer.iter().filter_map(|name| places.get(name)) {
                let place = place.clone();
                ends.spawn(async move { end(&place).await });
            }
            while ends.join_next().await.is_some() {}
        }
        let mut tasks = std::mem::take(&mut *self.servers.tasks());
        while let Some(ended) = tasks.join_next().await {
            if let Err(fault) = ended {
                tracing::error!(error = %fault, "a server's keeper failed");
            }
        }
    }
}

impl Servers {
    pub(super) fn places(&self) -> BTreeMap<ServerName, Arc<Place>> {
        self.places.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn places_mut(&self) -> std::sync::RwLockWriteGuard<'_, BTreeMap<ServerName, Arc<Place>>> {
        self.places.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn tasks(&self) -> std::sync::MutexGuard<'_, JoinSet<()>> {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        // Those that have ended are let go; one that failed has cost its own server only.
        while let Some(ended) = tasks.try_join_next() {
            if let Err(fault) = ended {
                tracing::error!(error = %fault, "a server's keeper failed");
            }
        }
        tasks
    }

    fn names(&self) -> Vec<ServerName> {
        self.places.read().unwrap_or_else(PoisonError::into_inner).keys().cloned().collect()
    }

    pub(super) fn find(&self, server: &ServerName) -> Option<Arc<Place>> {
        self.places.read().unwrap_or_else(PoisonError::into_inner).get(server).cloned()
    }

    pub(super) fn place(&self, server: &ServerName) -> Result<Arc<Place>, Error> {
        let places = self.places.read().unwrap_or_else(PoisonError::into_inner);
        let place = places.get(server).ok_or_else(|| Error::Unknown { server: server.to_string() })?;
        match &place.server.refusal {
            Some(why) => Err(Error::Refused { server: server.clone(), why: why.clone() }),
            None if self.is_stopping.load(Ordering::Relaxed) => Err(Error::Stopping { server: server.clone() }),
            None => Ok(place.clone()),
        }
    }

    /// These servers and those that they need, but for what is in quarantine.
    fn with_needed(&self, names: &[ServerName]) -> Vec<ServerName> {
        let places = self.places();
        let mut all = names.to_vec();
        let mut at = 0;
        while let Some(place) = all.get(at).map(|name| places.get(name)) {
            let is_out = |name: &ServerName| {
                places.get(name).is_some_and(|one| one.first().view.borrow().state == State::Quarantined)
            };
            let needed = place.into_iter().flat_map(|place| &place.server.depends_on);
            let new: Vec<ServerName> = needed.filter(|name| !all.contains(name) && !is_out(name)).cloned().collect();
            all.extend(new);
            at += 1;
        }
        all
    }

    fn layers(&self) -> Vec<Vec<ServerName>> {
        let needs = self.places().iter().map(|(name, place)| (name.clone(), place.server.depends_on.clone())).collect();
        layers(&needs)
    }

    /// Starts a server that another one needs, and waits for it.
    pub(super) async fn wake(&self, server: &ServerName) -> Result<(), Error> {
        let place = self.place(server)?;
        let instance = place.first();
        instance.usage.touch();
        // Its start is bounded, but for circles: two that need each other would wait for ever.
        let limit = place.server.limits.start_timeout * 2;
        let woken =
            tokio::time::timeout(limit, async { instance.session(&place.server, &CancellationToken::new()).await })
                .await;
        match woken {
            Ok(session) => session.map(drop),
            Err(_) => Err(Error::Stopping { server: server.clone() }),
        }
    }

    /// Whether a server that runs, or is about to, needs this one.
    pub(super) fn is_needed(&self, server: &ServerName) -> bool {
        let is_active =
            |one: &Arc<Instance>| matches!(one.view.borrow().state, State::Starting | State::Ready | State::Degraded);
        self.places()
            .values()
            .any(|place| place.server.depends_on.contains(server) && place.instances().iter().any(is_active))
    }

    pub(super) fn add_instance_of(&self, place: &Place) -> Option<Arc<Instance>> {
        if self.is_stopping.load(Ordering::Relaxed) {
            return None;
        }
        place.add(&mut self.tasks())
    }
}

/// Gives an order to all instances of a server, and waits until it is done.
async fn order(place: &Arc<Place>, what: Order) -> Result<(), Error> {
    if what != Order::Start {
        // Those come back by themselves with the next call that wants them.
        place.variants.dissolve().await;
    }
    let name = place.server.spec.server.clone();
    let instances = place.instances();
    for (number, instance) in instances.iter().enumerate() {
        let is_running = instance.view.borrow().state.is_up();
        // The first is what the operator means; those beyond it come and go with the calls.
        let is_spare_at_rest = number > 0 && (what == Order::Start || (what == Order::Restart && !is_running));
        let its_order = if is_spare_at_rest { Order::Release } else { what.clone() };
        let (done, taken) = oneshot::channel();
        let message = Message::Order(its_order, done);
        instance.keeper.send(message).await.map_err(|_| Error::Stopping { server: name.clone() })?;
        let _gone = taken.await;
    }
    match what {
        Order::Start | Order::Restart => {
            let session = instances[0].session(&place.server, &CancellationToken::new()).await;
            session.map(drop)
        }
        Order::Stop | Order::Quarantine(_) | Order::Hold(_) | Order::Release => {
            // Those that a call made before the order was taken.
            place.variants.dissolve().await;
            for instance in &instances {
                let mut view = instance.view.clone();
                // Bounded by the times that a stop has.
                let _gone = view.wait_for(|view| view.state != State::Stopping).await;
            }
            Ok(())
        }
    }
}

/// Ends a server that a reload took away: once its calls are done, those too that wait for their turn. Each of them has its own
/// time limit; when mcporch stops, none has any time left.
async fn leave(place: Arc<Place>, others: Weak<Servers>) {
    let is_stopping = || others.upgrade().is_none_or(|others| others.is_stopping.load(Ordering::Relaxed));
    while place.in_flight() + place.waiting() > 0 && !is_stopping() {
        tokio::time::sleep(LEAVING_LOOK).await;
    }
    end(&place).await;
}

/// Ends all instances of a server, and waits for their end.
pub(super) async fn end(place: &Place) {
    Box::pin(place.variants.dissolve()).await;
    let mut waits = Vec::new();
    for instance in place.instances() {
        let (done, wait) = oneshot::channel();
        if instance.keeper.send(Message::End(done)).await.is_ok() {
            waits.push(wait);
        }
    }
    for wait in waits {
        let _gone = wait.await;
    }
}

pub(super) fn cancelled(server: &ServerName) -> Error {
    Error::Request(upstream::Error::Cancelled { server: server.clone() })
}
