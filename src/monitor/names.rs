//! The name of every figure, in one place: docs/metrics.md is held against this, and so is what Grafana and alert rules name.

/// What a figure is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FigureKind {
    /// Only grows; the name ends in `_total`.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Has `_bucket`, `_sum` and `_count`.
    Histogram,
}

impl FigureKind {
    /// The word that Prometheus knows it by.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// One figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Figure {
    /// As it is scraped.
    pub name: &'static str,
    /// What it is.
    pub kind: FigureKind,
    /// The names of its labels.
    pub labels: &'static [&'static str],
    /// What it says, without a full stop.
    pub help: &'static str,
}

macro_rules! figures {
    ($($constant:ident = $name:literal $kind:ident [$($label:literal),*] $help:literal;)*) => {
        $(pub(super) const $constant: Figure =
            Figure { name: $name, kind: FigureKind::$kind, labels: &[$($label),*], help: $help };)*
        /// Every figure, in the order of the documentation.
        pub const FIGURES: &[Figure] = &[$($constant),*];
    };
}

figures! {
    BUILD = "mcporch_build_info" Gauge ["version"] "Always 1; the version is in the label";
    SERVERS = "mcporch_servers" Gauge ["state"] "Servers in this state";
    SERVER_UP = "mcporch_server_up" Gauge ["server"] "Whether the server takes calls: 1 while it is ready or degraded";
    SERVER_FAILED = "mcporch_server_failed" Gauge ["server"]
        "Whether the server cannot be used: 1 while it is crashed, in backoff, quarantined or refused";
    SERVER_RESTARTS = "mcporch_server_restarts_total" Counter ["server"]
        "Starts of the server that followed a failure, or that the operator asked for while it ran";
    SERVER_CPU = "mcporch_server_cpu_ratio" Gauge ["server"]
        "Processor use of the server's processes, 1 being one core; absent while it does not run";
    SERVER_MEMORY = "mcporch_server_memory_bytes" Gauge ["server"]
        "Resident memory of the server's processes; absent while it does not run";
    SERVER_IN_FLIGHT = "mcporch_server_in_flight" Gauge ["server"] "Calls that run at the server";
    SERVER_WAITING = "mcporch_server_waiting" Gauge ["server"] "Calls that wait for their turn at the server";
    SERVER_INSTANCES = "mcporch_server_instances" Gauge ["server"] "Instances of the server that take calls";
    SERVER_CALLS = "mcporch_server_calls_total" Counter ["server"] "Requests of all kinds that the server was given";
    SERVER_FAULTS = "mcporch_server_faults_total" Counter ["server"] "Requests that failed for a fault of the server";
    CALLS = "mcporch_calls_total" Counter ["verb", "surface", "outcome"] "Operations that ended";
    CALL_DURATION = "mcporch_call_duration_seconds" Histogram ["server"]
        "From the request to the answer, of operations that a server was asked in";
    CALL_ERRORS = "mcporch_call_errors_total" Counter ["server", "kind"]
        "Operations that failed; the server is empty where none was asked";
    ROUTING_DECISIONS = "mcporch_routing_decisions_total" Counter ["decision"] "Decisions on requests in words";
    ROUTING_CONFIDENCE = "mcporch_routing_confidence" Histogram [] "Probability that the first tool was the right one, of requests in words";
    ROUTING_STAGE = "mcporch_routing_stage_duration_seconds" Histogram ["stage"] "Time that a stage of operations took";
    CLIENTS = "mcporch_clients" Gauge ["surface"] "Clients that are connected";
    HTTP_REQUESTS = "mcporch_http_requests_total" Counter ["surface", "status_class"] "Answered HTTP requests";
    HTTP_CONNECTIONS = "mcporch_http_connections" Gauge [] "Open HTTP connections";
    INDEX_TOOLS = "mcporch_index_tools" Gauge [] "Tools that requests are routed to";
    CATALOG_GENERATION = "mcporch_catalog_generation" Gauge [] "Grows with each change of what is known of tools";
    EVENT_READERS = "mcporch_event_readers" Gauge [] "Readers of events: dashboards and subscriptions";
    EVENTS_LOST = "mcporch_events_lost_total" Counter [] "Events that were left out for readers that were too slow";
    SAMPLES_LOST = "mcporch_samples_lost_total" Counter []
        "Batches of samples that were not written, since the disk was too slow or refused them";
    PROCESS_MEMORY = "process_resident_memory_bytes" Gauge [] "Resident memory of mcporch itself";
    PROCESS_CPU = "process_cpu_seconds_total" Counter [] "Processor time of mcporch itself";
    PROCESS_FDS = "process_open_fds" Gauge [] "Open file descriptors of mcporch itself";
    PROCESS_FDS_MAX = "process_max_fds" Gauge [] "File descriptors that mcporch itself may have open";
    PROCESS_START = "process_start_time_seconds" Gauge [] "When mcporch started, in seconds since 1970";
}
