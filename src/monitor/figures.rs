//! The figures that are counted as things happen; those that are looked up are set when somebody scrapes.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Metric, Registry};

use crate::domain::{CallOutcome, Ended, Stage, Surface, Verb};

use super::names::{self, Figure, FigureKind};

/// Servers with a label of their own; those that come later are counted together. A guess: ten times a large registry, and what a
/// Prometheus takes without noticing.
const SERVERS_MAX: usize = 200;
/// The label of those that come later.
const OTHER: &str = "other";

/// From a call inside this process to a tool that works for a minute, in seconds.
const CALL_BOUNDS_S: [f64; 15] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];
/// Stages of ours take from microseconds on.
const STAGE_BOUNDS_S: [f64; 13] =
    [0.00001, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5, 10.0];
/// The upper end is finer: the bars of decisions lie there.
const CONFIDENCE_BOUNDS: [f64; 12] = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.88, 0.94, 0.97, 0.99];

/// A label and its value.
type Label<V> = (&'static str, V);
type Words<const N: usize> = [Label<&'static str>; N];
type OfServer = [Label<Arc<str>>; 1];
type FloatGauge = Gauge<f64, AtomicU64>;

/// One server's own figures, so that a call finds them all at once.
#[derive(Clone)]
struct PerServer {
    label: Arc<str>,
    duration: Histogram,
}

pub(super) struct Figures {
    registry: Registry,
    by_server: Mutex<HashMap<Box<str>, PerServer>>,
    calls: Family<Words<3>, Counter>,
    durations: Family<OfServer, Histogram, fn() -> Histogram>,
    errors: Family<[Label<Cow<'static, str>>; 2], Counter>,
    decisions: Family<Words<1>, Counter>,
    confidence: Histogram,
    stages: [Histogram; 4],
    clients: Family<Words<1>, Gauge>,
    http: Family<Words<2>, Counter>,
    pub(super) http_connections: Gauge,
    pub(super) samples_lost: Counter,
    looked_up: Mutex<LookedUp>,
    /// Operations that ended, searches aside, and those of them that failed.
    ended: AtomicU64,
    failed: AtomicU64,
}

/// What is set when somebody scrapes.
struct LookedUp {
    states: Family<Words<1>, Gauge>,
    up: Family<OfServer, Gauge>,
    failed: Family<OfServer, Gauge>,
    restarts: Family<OfServer, Counter>,
    cpu: Family<OfServer, FloatGauge>,
    memory: Family<OfServer, Gauge>,
    in_flight: Family<OfServer, Gauge>,
    waiting: Family<OfServer, Gauge>,
    instances: Family<OfServer, Gauge>,
    calls: Family<OfServer, Counter>,
    faults: Family<OfServer, Counter>,
    tools: Gauge,
    generation: Gauge,
    readers: Gauge,
    lost: Counter,
    process_memory: Family<Words<0>, Gauge>,
    process_cpu: Family<Words<0>, Counter<f64, AtomicU64>>,
    process_fds: Family<Words<0>, Gauge>,
    process_fds_max: Family<Words<0>, Gauge>,
}

/// What is known when somebody scrapes.
pub(super) struct Now<'a> {
    pub(super) servers: &'a [super::seconds::Latest],
    pub(super) tools: usize,
    pub(super) generation: u64,
    pub(super) readers: usize,
    pub(super) lost: u64,
    pub(super) process: Option<super::process::ProcessUse>,
}

impl Figures {
    pub(super) fn new(start_ms: i64) -> Self {
        let mut registry = Registry::default();
        let of_version = Family::<Words<1>, Gauge>::default();
        of_version.get_or_create(&[("version", env!("CARGO_PKG_VERSION"))]).set(1);
        add(&mut registry, &names::BUILD, of_version);
        let start = FloatGauge::default();
        #[expect(clippy::cast_precision_loss, reason = "milliseconds of this age have 41 bits")]
        start.set(start_ms as f64 / 1e3);
        add(&mut registry, &names::PROCESS_START, start);
        let durations = Family::new_with_constructor((|| Histogram::new(CALL_BOUNDS_S)) as fn() -> Histogram);
        let of_stages =
            Family::<Words<1>, Histogram, fn() -> Histogram>::new_with_constructor(|| Histogram::new(STAGE_BOUNDS_S));
        let stages = Stage::ALL.map(|stage| of_stages.get_or_create_owned(&[("stage", stage.word())]));
        add(&mut registry, &names::ROUTING_STAGE, of_stages);
        let figures = Self {
            looked_up: Mutex::new(LookedUp::registered(&mut registry)),
            by_server: Mutex::default(),
            calls: added(&mut registry, &names::CALLS),
            errors: added(&mut registry, &names::CALL_ERRORS),
            decisions: added(&mut registry, &names::ROUTING_DECISIONS),
            confidence: Histogram::new(CONFIDENCE_BOUNDS),
            clients: added(&mut registry, &names::CLIENTS),
            http: added(&mut registry, &names::HTTP_REQUESTS),
            http_connections: added(&mut registry, &names::HTTP_CONNECTIONS),
            samples_lost: added(&mut registry, &names::SAMPLES_LOST),
            durations,
            stages,
            ended: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            registry: Registry::default(),
        };
        add(&mut registry, &names::CALL_DURATION, figures.durations.clone());
        add(&mut registry, &names::ROUTING_CONFIDENCE, figures.confidence.clone());
        // Those that words and surfaces are known of stand there from the beginning, so that the first one is a step from 0.
        for decision in ["run", "confirm", "choose", "none"] {
            drop(figures.decisions.get_or_create(&[("decision", decision)]));
        }
        for surface in [Surface::McpStdio, Surface::McpHttp, Surface::Ws] {
            drop(figures.clients(surface));
        }
        Self { registry, ..figures }
    }

    /// Counts one operation.
    pub(super) fn count(&self, ended: &Ended<'_>) {
        let labels =
            [("verb", ended.verb.word()), ("surface", ended.surface.word()), ("outcome", ended.outcome.word())];
        self.calls.get_or_create(&labels).inc();
        if ended.verb != Verb::Find {
            self.ended.fetch_add(1, Ordering::Relaxed);
            self.failed.fetch_add(u64::from(ended.outcome.is_error()), Ordering::Relaxed);
        }
        if let Some(decision) = ended.decision {
            self.decisions.get_or_create(&[("decision", decision)]).inc();
        }
        if let Some(confidence) = ended.confidence {
            self.confidence.observe(confidence);
        }
        let of_server = ended.server.map(|server| self.server(server));
        if let Some(of_server) = &of_server
            && (ended.attempts > 0 || ended.outcome == CallOutcome::Failed)
        {
            of_server.duration.observe(ended.duration.as_secs_f64());
        }
        if let Some(kind) = ended.error_kind {
            let server = of_server.map(|one| one.label.to_string()).unwrap_or_default();
            self.errors.get_or_create(&[("server", Cow::Owned(server)), ("kind", Cow::Borrowed(kind))]).inc();
        }
    }

    pub(super) fn passed(&self, stage: Stage, took: Duration) {
        let place = match stage {
            Stage::Embed => 0,
            Stage::Rank => 1,
            Stage::Check => 2,
            Stage::Call => 3,
        };
        self.stages[place].observe(took.as_secs_f64());
    }

    pub(super) fn answered(&self, surface: Surface, status: u16) {
        let class = match status {
            ..200 => "1xx",
            200..300 => "2xx",
            300..400 => "3xx",
            400..500 => "4xx",
            500.. => "5xx",
        };
        self.http.get_or_create(&[("surface", surface.word()), ("status_class", class)]).inc();
    }

    /// Operations that ended so far, searches aside, and those of them that failed.
    pub(super) fn totals(&self) -> (u64, u64) {
        (self.ended.load(Ordering::Relaxed), self.failed.load(Ordering::Relaxed))
    }

    pub(super) fn clients(&self, surface: Surface) -> Gauge {
        self.clients.get_or_create_owned(&[("surface", surface.word())])
    }

    /// Its own figures, or those of all that came too late to have some.
    fn server(&self, name: &str) -> PerServer {
        let mut by_server = self.by_server();
        if let Some(found) = by_server.get(name) {
            return found.clone();
        }
        let shown = if by_server.len() < SERVERS_MAX { name } else { OTHER };
        if let Some(other) = by_server.get(shown) {
            return other.clone();
        }
        let label: Arc<str> = shown.into();
        let duration = self.durations.get_or_create_owned(&[("server", label.clone())]);
        let new = PerServer { label, duration };
        by_server.insert(shown.into(), new.clone());
        new
    }

    fn by_server(&self) -> MutexGuard<'_, HashMap<Box<str>, PerServer>> {
        self.by_server.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All figures as OpenMetrics.
    pub(super) fn open_metrics(&self, now: &Now<'_>) -> String {
        let looked_up = self.looked_up.lock().unwrap_or_else(PoisonError::into_inner);
        looked_up.set(now, |server| self.server(server).label);
        let mut text = String::with_capacity(16 * 1024);
        // Writing into a text does not fail.
        let _written = prometheus_client::encoding::text::encode(&mut text, &self.registry);
        drop(looked_up);
        text
    }
}

impl LookedUp {
    fn registered(registry: &mut Registry) -> Self {
        Self {
            states: added(registry, &names::SERVERS),
            up: added(registry, &names::SERVER_UP),
            failed: added(registry, &names::SERVER_FAILED),
            restarts: added(registry, &names::SERVER_RESTARTS),
            cpu: added(registry, &names::SERVER_CPU),
            memory: added(registry, &names::SERVER_MEMORY),
            in_flight: added(registry, &names::SERVER_IN_FLIGHT),
            waiting: added(registry, &names::SERVER_WAITING),
            instances: added(registry, &names::SERVER_INSTANCES),
            calls: added(registry, &names::SERVER_CALLS),
            faults: added(registry, &names::SERVER_FAULTS),
            tools: added(registry, &names::INDEX_TOOLS),
            generation: added(registry, &names::CATALOG_GENERATION),
            readers: added(registry, &names::EVENT_READERS),
            lost: added(registry, &names::EVENTS_LOST),
            process_memory: added(registry, &names::PROCESS_MEMORY),
            process_cpu: added(registry, &names::PROCESS_CPU),
            process_fds: added(registry, &names::PROCESS_FDS),
            process_fds_max: added(registry, &names::PROCESS_FDS_MAX),
        }
    }

    fn set(&self, now: &Now<'_>, label_of: impl Fn(&str) -> Arc<str>) {
        self.forget();
        for server in now.servers {
            // Those without a label of their own are summed.
            let label = [("server", label_of(&server.name))];
            self.states.get_or_create(&[("state", server.state)]).inc();
            self.up.get_or_create(&label).inc_by(i64::from(server.is_up()));
            self.failed.get_or_create(&label).inc_by(i64::from(server.is_failed()));
            self.restarts.get_or_create(&label).inc_by(server.restarts);
            if let Some(percent) = server.cpu_percent {
                self.cpu.get_or_create(&label).inc_by(percent / 100.0);
            }
            if let Some(bytes) = server.memory_bytes {
                self.memory.get_or_create(&label).inc_by(signed(bytes));
            }
            self.in_flight.get_or_create(&label).inc_by(signed(server.in_flight as u64));
            self.waiting.get_or_create(&label).inc_by(signed(server.waiting as u64));
            self.instances.get_or_create(&label).inc_by(signed(server.instances as u64));
            self.calls.get_or_create(&label).inc_by(server.calls);
            self.faults.get_or_create(&label).inc_by(server.errors);
        }
        self.tools.set(signed(now.tools as u64));
        self.generation.set(signed(now.generation));
        self.readers.set(signed(now.readers as u64));
        self.lost.inner().store(now.lost, Ordering::Relaxed);
        if let Some(process) = now.process {
            self.process_memory.get_or_create(&[]).set(signed(process.memory_bytes));
            self.process_cpu.get_or_create(&[]).inc_by(process.cpu_s);
            self.process_fds.get_or_create(&[]).set(signed(process.open_files));
            if let Some(open_files_max) = process.open_files_max {
                self.process_fds_max.get_or_create(&[]).set(signed(open_files_max));
            }
        }
    }

    /// A server that is gone has no figures any more.
    fn forget(&self) {
        self.states.clear();
        for gauges in [&self.up, &self.failed, &self.memory, &self.in_flight, &self.waiting, &self.instances] {
            gauges.clear();
        }
        self.cpu.clear();
        for counters in [&self.restarts, &self.calls, &self.faults] {
            counters.clear();
        }
        self.process_memory.clear();
        self.process_cpu.clear();
        self.process_fds.clear();
        self.process_fds_max.clear();
    }
}

fn added<M: Metric + Clone + Default>(registry: &mut Registry, figure: &Figure) -> M {
    let metric = M::default();
    add(registry, figure, metric.clone());
    metric
}

fn add(registry: &mut Registry, figure: &Figure, metric: impl Metric) {
    // OpenMetrics names a family of counters without the ending, and each counter with it.
    let name = match figure.kind {
        FigureKind::Counter => figure.name.strip_suffix("_total").unwrap_or(figure.name),
        FigureKind::Gauge | FigureKind::Histogram => figure.name,
    };
    registry.register(name, figure.help, metric);
}

fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// OpenMetrics as the older text: families of counters have their whole name, and what the older format does not know is left out.
pub(super) fn as_text(open_metrics: &str) -> String {
    let mut text = String::with_capacity(open_metrics.len() + 1024);
    let mut counters: Vec<&str> = Vec::new();
    for line in open_metrics.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ")
            && let Some(name) = rest.strip_suffix(" counter")
        {
            counters.push(name);
        }
    }
    for line in open_metrics.lines() {
        let about = ["# HELP ", "# TYPE "].into_iter().find_map(|start| Some((start, line.strip_prefix(start)?)));
        match about {
            Some((start, rest)) => {
                let (name, rest) = rest.split_once(' ').unwrap_or((rest, ""));
                let ending = if counters.contains(&name) { "_total" } else { "" };
                text.extend([start, name, ending, " ", rest, "\n"]);
            }
            None if line == "# EOF" || line.starts_with("# UNIT ") => {}
            None => text.extend([line, "\n"]),
        }
    }
    text
}

/// A client that is connected, as long as this lives.
#[derive(Debug)]
pub struct Present(pub(super) Gauge<i64, AtomicI64>);

impl Drop for Present {
    fn drop(&mut self) {
        self.0.dec();
    }
}
