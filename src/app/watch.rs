//! Tells the monitor each second how the servers are, and those who watch what changed.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, MissedTickBehavior, interval_at};
use tokio_util::sync::CancellationToken;

use crate::domain::ServerName;
use crate::isolation::give_program_back;
use crate::monitor::{Monitor, ServerSample, Topic, process_use};
use crate::operations::Operations;
use crate::supervisor::{InstanceStatus, Pool, ServerState, ServerStatus};

use super::now_ms;

/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Without a call for so long, the program's own pages are given back: the weights of the encoder and code that was needed once.
const RESTS_AFTER: Duration = Duration::from_secs(5);
/// Growth since the last time that makes it worth a look through our mappings, in bytes: a fifth of the weights.
const WORTH_BYTES: u64 = 5_000_000;
/// After news of a server, before it is looked at: its state is shown a moment after it is told, and news come in groups.
const NEWS_SETTLE: Duration = Duration::from_millis(30);

/// Looks until `stop` is cancelled. `news` is notified when a server may have changed.
pub(super) async fn watch(app: Arc<super::App>, stop: CancellationToken) {
    let (monitor, pool, operations) = (app.monitor.clone(), app.pool.clone(), app.operations.clone());
    tokio::select! {
        () = look(&monitor, &pool, &app.server_news) => {}
        () = monitor.tell() => {}
        () = follow_catalog(&monitor, &operations) => {}
        () = stop.cancelled() => {}
    }
    pool.watch_closely(false);
}

async fn look(monitor: &Monitor, pool: &Pool, news: &Notify) {
    let (mut seen, mut rest) = (Seen::default(), Rest::default());
    // In the middle of seconds, so that a look that is a little early or late is still in its own.
    let into_second = u64::try_from(now_ms().rem_euclid(1000)).unwrap_or(0);
    let first = Instant::now() + Duration::from_millis((1500 - into_second) % 1000);
    let mut ticks = interval_at(first, LOOK_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        let is_tick = tokio::select! {
            _ = ticks.tick() => true,
            () = news.notified() => false,
        };
        if !is_tick {
            // Nobody is told between two looks when nobody reads.
            if !monitor.has_readers() {
                continue;
            }
            tokio::time::sleep(NEWS_SETTLE).await;
        }
        pool.watch_closely(monitor.is_watched());
        let servers = pool.status();
        if is_tick {
            let samples: Vec<ServerSample<'_>> = servers.iter().map(sample).collect();
            monitor.sample(&samples);
            rest.look(monitor, &samples);
        }
        seen.tell(monitor, &servers);
    }
}

async fn follow_catalog(monitor: &Monitor, operations: &Operations) {
    let mut known = operations.follow_known();
    loop {
        let (generation, tools) = {
            let known = known.borrow_and_update();
            (known.snapshot.generation(), known.snapshot.entries().len())
        };
        monitor.note_catalog(generation, tools);
        if known.changed().await.is_err() {
            return std::future::pending().await;
        }
    }
}

fn sample(server: &ServerStatus) -> ServerSample<'_> {
    let takes_calls = |one: &&InstanceStatus| matches!(one.state, ServerState::Ready | ServerState::Degraded);
    ServerSample {
        server: server.server.as_str(),
        state: server.state.word(),
        cpu_percent: server.cpu_percent,
        memory_bytes: server.memory_bytes,
        calls: server.calls,
        errors: server.errors,
        restarts: server.restarts,
        in_flight: server.in_flight,
        waiting: server.waiting,
        instances: server.instances.iter().filter(takes_calls).count(),
    }
}

/// Whether mcporch rests, and what it kept when it did last.
#[derive(Default)]
struct Rest {
    calls: u64,
    since: Option<Instant>,
    kept_bytes: u64,
}

impl Rest {
    /// Gives pages back once nobody has called for a while and enough of them are there. What is needed again comes from the system's
    /// cache of files, in a millisecond for all of it.
    fn look(&mut self, monitor: &Monitor, samples: &[ServerSample<'_>]) {
        let calls = monitor.totals().calls;
        if calls != self.calls || samples.iter().any(|server| server.in_flight > 0) {
            *self = Self { calls, since: None, ..*self };
        }
        let since = *self.since.get_or_insert_with(Instant::now);
        if since.elapsed() < RESTS_AFTER {
            return;
        }
        self.since = None;
        let memory_bytes = || process_use().map_or(0, |now| now.memory_bytes);
        if memory_bytes() > self.kept_bytes + WORTH_BYTES {
            give_program_back();
            self.kept_bytes = memory_bytes();
        }
    }
}

/// What was seen last, so that a change is told also to one who has only just come.
#[derive(Default)]
struct Seen {
    states: HashMap<ServerName, (ServerState, Option<u32>, u64)>,
}

impl Seen {
    /// Tells which servers changed their state, or that there are others.
    fn tell(&mut self, monitor: &Monitor, servers: &[ServerStatus]) {
        let is_first = self.states.is_empty();
        let same_names =
            self.states.len() == servers.len() && servers.iter().all(|server| self.states.contains_key(&server.server));
        for server in servers {
            let now = (server.state, server.pid, server.restarts);
            let before = self.states.get(&server.server);
            if same_names && before.is_some_and(|before| *before != now) {
                monitor.publish(Topic::Server, || serde_json::to_string(server).ok());
            }
        }
        // Whoever begins to read asks for the list himself.
        if !same_names && !is_first {
            monitor.publish(Topic::Servers, || serde_json::to_string(servers).ok());
        }
        let states = servers.iter().map(|server| (server.server.clone(), (server.state, server.pid, server.restarts)));
        self.states = states.collect();
    }
}
