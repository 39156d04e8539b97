//! What all connections share, and the loop that takes them.

use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::net::UnixListener;
use tokio::sync::{Semaphore, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::gateway::mcp;
use crate::local_socket::{Build, Environment};
use crate::operations::{CallerId, Operations};

use super::connection;
use super::presence::Presence;

/// Connections beside the clients': control requests, and greetings that are not done. A guess.
const MORE_CONNECTIONS: usize = 32;
/// Before the next try when the system has no descriptors left.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

/// Bounds of the service.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// MCP clients at once.
    pub clients_max: usize,
    /// For the first word of a connection.
    pub hello_timeout: Duration,
    /// Longest line of an MCP client, in bytes.
    pub client_line_bytes_max: usize,
    /// Bytes that may wait for a slow MCP client.
    pub waiting_bytes_max: usize,
    /// Calls that one client may have in flight.
    pub calls_in_flight_max: usize,
}

/// Why not to serve whoever has this environment.
type Refuse = Box<dyn Fn(&Environment) -> Option<String> + Send + Sync>;

/// What the service asks of those who know the configuration. Called on the runtime, so they must not block.
pub struct Checks {
    /// Why a client with this environment must not be served, if so: it was started by one of our own servers.
    pub refuse: Refuse,
    /// Takes a new client's environment, for variables that the registry wants and the daemon lacks.
    pub adopt: Box<dyn Fn(&Environment) + Send + Sync>,
}

/// Shared by all connections.
pub struct Service {
    /// The verbs.
    pub operations: Arc<Operations>,
    /// What all MCP clients share.
    pub front: Arc<mcp::Front>,
    /// What they can ask to see.
    pub profiles: mcp::Profiles,
    /// Bounds.
    pub limits: Limits,
    /// Questions to others.
    pub checks: Checks,
    /// Which mcporch this is.
    pub build: Build,
    /// Where it logs to, if to a file.
    pub log: Option<PathBuf>,
    /// Who is there.
    pub presence: watch::Sender<Presence>,
    /// Calls that run, of all clients.
    pub calls: Arc<AtomicUsize>,
    /// Cancelled when no further connection is taken: by a control request, a signal, or a newer build.
    pub stop: CancellationToken,
    /// Cancelled when sessions must end.
    pub end: CancellationToken,
    /// When it started.
    pub started: Instant,
    /// Where it serves HTTP beside that, as `http://ADDRESS:PORT`; set once it is known.
    pub http: OnceLock<Vec<String>>,
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Service").field("build", &self.build).field("presence", &self.presence).finish_non_exhaustive()
    }
}

impl Service {
    /// A service that nobody uses yet.
    #[must_use]
    pub fn new(
        operations: Arc<Operations>,
        profiles: mcp::Profiles,
        limits: Limits,
        checks: Checks,
        build: Build,
        log: Option<PathBuf>,
    ) -> Self {
        let calls = Arc::new(AtomicUsize::new(0));
        let client_limits = mcp::ClientLimits { calls_in_flight_max: limits.calls_in_flight_max };
        Self {
            front: mcp::Front::new(operations.clone(), client_limits, calls.clone()),
            profiles,
            operations,
            limits,
            checks,
            build,
            log,
            presence: watch::channel(Presence::default()).0,
            calls,
            stop: CancellationToken::new(),
            end: CancellationToken::new(),
            started: Instant::now(),
            http: OnceLock::new(),
        }
    }

    pub(super) fn next_caller(&self) -> CallerId {
        self.front.next_caller()
    }

    /// Whether nobody would miss it: no client, no call, nobody who asked it to stay.
    pub(super) fn is_idle(&self) -> bool {
        self.presence.borrow().is_alone() && self.calls.load(Ordering::Relaxed) == 0
    }
}

/// Takes connections until the service is stopped; each is served by a task of `tasks`, which the caller awaits. The
/// listener is closed when this returns.
///
/// Cancel safe.
pub async fn listen(service: Arc<Service>, listener: UnixListener, tasks: TaskTracker) {
    let room = Arc::new(Semaphore::new(service.limits.clients_max + MORE_CONNECTIONS));
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = service.stop.cancelled() => return,
        };
        match accepted {
            Ok((stream, _)) => match room.clone().try_acquire_owned() {
                Ok(place) => {
                    let service = service.clone();
                    tasks.spawn(async move {
                        connection::serve(service, stream).await;
                        drop(place);
                    });
                }
                Err(_) => connection::refuse_at_once(&stream),
            },
            Err(fault) => {
                tracing::warn!(error = %fault, "a connection could not be taken");
                tokio::time::sleep(ACCEPT_AGAIN).await;
            }
        }
    }
}
