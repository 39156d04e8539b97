//! What all connections share, the loop that takes them, and how each is served and ended.

use std::collections::HashMap;
use std::convert::Infallible;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hyper::body::Incoming;
use hyper::header::UPGRADE;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{HeaderMap, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::domain::error_chain;
use crate::gateway::mcp::{Front, Outlet, Profile, Profiles};
use crate::gateway::verbs::{Fault, FaultKind, Verbs};
use crate::gateway::watch::{Events, StillAllowed};
use crate::gateway::ws;
use crate::monitor::Present;

use super::access::{Access, Visitor, shown_key};
use super::answer::{Reply, busy};
use super::modern::Nowhere;
use super::patient::Patient;
use super::request::{self, Ends};
use super::session::{self, Session, Sessions};
use super::stream::Stream;

/// Before the next try when the system has no descriptors left.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);
/// For connections to write their last answers once sessions have ended.
const LAST_WORDS: Duration = Duration::from_secs(2);
/// For a TLS handshake, at most: it is two round trips.
const HANDSHAKE_PATIENCE: Duration = Duration::from_secs(10);
/// Between two notes of which keys were used: `mcporch keys list` tells it to the minute.
const KEYS_NOTED_EVERY: Duration = Duration::from_secs(60);
/// Longest head of a request, in bytes. A guess: room for a few tokens.
const HEAD_BYTES_MAX: usize = 64 * 1024;
/// Said to a connection too many.
const TOO_MANY: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\nretry-after: 1\r\nconnection: close\r\n\r\n";

/// Bounds of the service.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Longest body, in bytes.
    pub body_bytes_max: usize,
    /// For a whole body.
    pub body_timeout: Duration,
    /// From connecting, or an answer, to the whole head of the next request.
    pub idle_timeout: Duration,
    /// Connections at once.
    pub connections_max: usize,
    /// Sessions at once.
    pub sessions_max: usize,
    /// A session that is unused for that long ends.
    pub session_idle: Duration,
    /// Open streams of one client: of one principal from one address.
    pub streams_per_client_max: usize,
    /// Bytes that one stream holds for a client that is slow or away.
    pub stream_bytes_max: usize,
    /// From one sign of life on a silent stream to the next.
    pub keep_alive: Duration,
    /// Requests without a session that may be in flight.
    pub calls_in_flight_max: usize,
    /// Of each WebSocket.
    pub sockets: ws::Limits,
}

/// A place among the connections. Cloned by what outlives the connection's HTTP.
#[derive(Debug, Clone)]
pub(in crate::gateway) struct Place(
    #[expect(dead_code, reason = "it is held")] Arc<(OwnedSemaphorePermit, Option<Present>)>,
);

/// How many streams each client has open: a principal at an address.
type OpenStreams = Arc<Mutex<HashMap<(Arc<str>, IpAddr), usize>>>;

/// Shared by all connections.
pub struct Service {
    pub(in crate::gateway) front: Arc<Front>,
    /// What REST and the WebSocket offer.
    pub(in crate::gateway) verbs: Arc<Verbs>,
    /// What can be followed.
    pub(in crate::gateway) events: Events,
    pub(super) profiles: Profiles,
    pub(in crate::gateway) limits: Limits,
    pub(in crate::gateway) access: Access,
    pub(in crate::gateway) stop: CancellationToken,
    pub(in crate::gateway) end: CancellationToken,
    pub(in crate::gateway) tasks: TaskTracker,
    pub(super) sessions: Sessions,
    pub(in crate::gateway) slots: Arc<Semaphore>,
    pub(super) nowhere: Arc<dyn Outlet>,
    pub(super) routed: Arc<Profile>,
    streams: OpenStreams,
    /// Places for connections, of all listeners together.
    places: Arc<Semaphore>,
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Service").field("limits", &self.limits).field("access", &self.access).finish_non_exhaustive()
    }
}

impl Service {
    /// A service without connections, for any number of listeners. `stop` ends the taking of requests, `end` everything. What runs
    /// is in `tasks`, which the caller awaits.
    #[must_use]
    pub fn new(
        (front, profiles): (Arc<Front>, Profiles),
        (verbs, events): (Arc<Verbs>, Events),
        limits: Limits,
        access: Access,
        (stop, end): (CancellationToken, CancellationToken),
        tasks: TaskTracker,
    ) -> Arc<Self> {
        let service = Arc::new(Self {
            front,
            verbs,
            events,
            profiles,
            limits,
            access,
            stop,
            end,
            tasks,
            sessions: Sessions::default(),
            slots: Arc::new(Semaphore::new(limits.calls_in_flight_max)),
            nowhere: Arc::new(Nowhere),
            routed: Arc::default(),
            streams: Arc::default(),
            places: Arc::new(Semaphore::new(limits.connections_max)),
        });
        service.tasks.spawn(sweep(service.clone()));
        service.tasks.spawn(note_keys(service.clone()));
        service
    }

    /// Takes a place among the open streams of one client; `None` when he has too many.
    pub(super) fn count_stream(&self, principal: &Arc<str>, from: IpAddr) -> Option<Counted> {
        let key = (principal.clone(), from);
        let mut streams = self.streams.lock().unwrap_or_else(PoisonError::into_inner);
        let count = streams.entry(key.clone()).or_insert(0);
        if *count >= self.limits.streams_per_client_max {
            return None;
        }
        *count += 1;
        Some(Counted { streams: self.streams.clone(), key })
    }

    pub(super) fn too_many_streams(&self) -> Response<Reply> {
        busy(StatusCode::TOO_MANY_REQUESTS, &self.too_many_streams_text())
    }

    fn too_many_streams_text(&self) -> String {
        let max = self.limits.streams_per_client_max;
        format!("{max} streams of this client are open (http.streams_per_client_max)")
    }

    /// One more stream of somebody with a key, for as long as what is given lives. Of who needs none, none are counted: he is the user
    /// himself, with as many pages and programs as he opens.
    ///
    /// # Errors
    /// When he has as many as one may have.
    pub(in crate::gateway) fn count_watcher(&self, visitor: &Visitor) -> Result<Option<Counted>, Fault> {
        if !visitor.has_key {
            return Ok(None);
        }
        let counted = self.count_stream(&visitor.who, visitor.from).map(Some);
        counted.ok_or_else(|| Fault::new(FaultKind::TooManyRequests, self.too_many_streams_text()))
    }

    /// Looks from time to time whether the key in these headers is still good; `None` when there is none.
    pub(in crate::gateway) fn still_allowed(
        self: &Arc<Self>,
        headers: &HeaderMap,
        from: IpAddr,
    ) -> Option<StillAllowed> {
        let key: Box<str> = shown_key(headers).ok().flatten()?.into();
        let service = Arc::downgrade(self);
        Some(StillAllowed::new(move || {
            service.upgrade().is_some_and(|service| service.access.still_holds(&key, from).is_ok())
        }))
    }

    /// Ends a session that was taken out of the list, behind.
    pub(super) fn end_session(&self, session: Arc<Session>) {
        self.tasks.spawn(session::end(Arc::downgrade(&self.front), session));
    }
}

/// An open stream, for as long as this lives.
pub(in crate::gateway) struct Counted {
    streams: OpenStreams,
    key: (Arc<str>, IpAddr),
}

impl Drop for Counted {
    fn drop(&mut self) {
        let mut streams = self.streams.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = streams.get_mut(&self.key) {
            *count -= 1;
            if *count == 0 {
                streams.remove(&self.key);
            }
        }
    }
}

/// Takes connections until the service is told to stop; the listener is closed when this returns.
///
/// Cancel safe.
pub async fn listen(service: Arc<Service>, listener: TcpListener) {
    let is_local = listener.local_addr().is_ok_and(|address| address.ip().to_canonical().is_loopback());
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = service.stop.cancelled() => return,
        };
        match accepted {
            Ok((stream, from)) => match service.places.clone().try_acquire_owned() {
                Ok(place) => drop(service.tasks.spawn(serve(service.clone(), stream, (from, is_local), place))),
                // A client who wants TLS would take it for a broken handshake.
                Err(_) if service.access.tls.is_some() => {}
                Err(_) => drop(stream.try_write(TOO_MANY)),
            },
            Err(fault) => {
                tracing::warn!(error = %fault, "an HTTP connection could not be taken");
                tokio::time::sleep(ACCEPT_AGAIN).await;
            }
        }
    }
}

/// Serves one connection until it is closed.
async fn serve(
    service: Arc<Service>,
    stream: TcpStream,
    (from, is_local): (SocketAddr, bool),
    place: OwnedSemaphorePermit,
) {
    let (Ok(here), Ok(())) = (stream.local_addr(), stream.set_nodelay(true)) else { return };
    let ends = Ends { here: here.ip(), from: from.ip(), is_local };
    let Some(stream) = greeted(&service, stream).await else { return };
    let stream = Patient::new(stream, service.limits.idle_timeout);
    let present = service.events.monitor.as_ref().map(|monitor| monitor.connection());
    let place = Place(Arc::new((place, present)));
    let answering = {
        let (service, place) = (service.clone(), place.clone());
        service_fn(move |mut request: Request<Incoming>| {
            let service = service.clone();
            if request.headers().contains_key(UPGRADE) {
                request.extensions_mut().insert(place.clone());
            }
            async move { Ok::<_, Infallible>(request::answer(&service, request, ends).await) }
        })
    };
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(service.limits.idle_timeout)
        .max_buf_size(HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), answering)
        .with_upgrades();
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => Some(ended),
        () = service.stop.cancelled() => None,
    };
    if ended.is_none() {
        connection.as_mut().graceful_shutdown();
        tokio::select! {
            _ = connection.as_mut() => {}
            () = async {
                service.end.cancelled().await;
                tokio::time::sleep(LAST_WORDS).await;
            } => {}
        }
    }
    if let Some(Err(fault)) = ended {
        tracing::debug!(error = %fault, "an HTTP connection ended");
    }
    drop(place);
}

/// The connection, with TLS where that is wanted; `None` when there was no handshake in time.
async fn greeted(service: &Service, stream: TcpStream) -> Option<Stream> {
    let Some(tls) = &service.access.tls else { return Some(Stream::Plain(stream)) };
    let patience = HANDSHAKE_PATIENCE.min(service.limits.idle_timeout);
    let accepted = tokio::select! {
        accepted = tokio::time::timeout(patience, tls.accept(stream)) => accepted,
        () = service.stop.cancelled() => return None,
    };
    match accepted {
        Ok(Ok(stream)) => Some(Stream::Tls(Box::new(stream))),
        Ok(Err(fault)) => {
            tracing::debug!(error = %fault, "there was no TLS handshake");
            None
        }
        Err(_) => {
            tracing::debug!("a TLS handshake took too long");
            None
        }
    }
}

/// Ends sessions that nobody uses, and all of them at the end.
async fn sweep(service: Arc<Service>) {
    let every = (service.limits.session_idle / 4).clamp(Duration::from_millis(100), Duration::from_secs(60));
    let mut look = tokio::time::interval(every);
    loop {
        tokio::select! {
            _ = look.tick() => {}
            () = service.end.cancelled() => break,
        }
        for session in service.sessions.take_idle(service.limits.session_idle) {
            service.end_session(session);
        }
    }
    for session in service.sessions.take_all() {
        service.end_session(session);
    }
}

/// Notes which keys were used, now and then and at the end.
async fn note_keys(service: Arc<Service>) {
    let mut look = tokio::time::interval(KEYS_NOTED_EVERY);
    let mut is_over = false;
    while !is_over {
        tokio::select! {
            _ = look.tick() => {}
            () = service.end.cancelled() => is_over = true,
        }
        let ring = service.access.ring.clone();
        let noted = tokio::task::spawn_blocking(move || ring.write_used()).await;
        if let Ok(Err(fault)) = noted {
            tracing::warn!(error = error_chain(&fault), "when keys were used last cannot be noted");
        }
    }
}
