//! Serving over HTTP, as the settings say it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::audit;
use crate::config::{Config, HttpSettings};
use crate::domain::Moment;
use crate::gateway::http::{self, Access, Error, Limits, ListedKeys, Rate, Service, Tls};
use crate::gateway::mcp::{Front, Profiles};
use crate::gateway::verbs::Verbs;
use crate::gateway::watch::{Events, LogFeeds};
use crate::gateway::ws;
use crate::keys::{KeyFile, KeyRing};

use super::{App, now_ms};

/// Descriptors beside those of connections. A guess: three for each of many servers, and files.
const DESCRIPTORS_BESIDE: u64 = 1024;

/// What clients can connect to.
#[derive(Debug, Clone, Default)]
pub struct Listening {
    /// Where it listens for HTTP, with the real ports, in the order of the settings.
    pub http: Vec<SocketAddr>,
    /// Whether that is HTTPS.
    pub has_tls: bool,
}

impl Listening {
    /// Each address as `http://ADDRESS:PORT`, or `https://…`.
    #[must_use]
    pub fn bases(&self) -> Vec<String> {
        let scheme = if self.has_tls { "https" } else { "http" };
        self.http.iter().map(|address| format!("{scheme}://{address}")).collect()
    }
}

/// The addresses that are listened on, and who may come.
#[derive(Debug)]
pub(super) struct Opened {
    listeners: Vec<TcpListener>,
    access: Access,
    /// The addresses, with their real ports.
    pub(super) addresses: Vec<SocketAddr>,
}

impl Opened {
    /// Listens wherever the settings say so; `None`: nowhere.
    ///
    /// # Errors
    /// When one of the addresses cannot be had, others could reach it and nobody has a key, or keys or certificate cannot be read.
    pub(super) async fn of(config: &Config) -> Result<Option<Self>, Error> {
        let settings = &config.settings.http;
        if settings.listen.is_empty() {
            return Ok(None);
        }
        let wanted: Vec<SocketAddr> = settings.listen.iter().map(|listen| parse(listen)).collect::<Result<_, _>>()?;
        let access = access(settings, KeyFile::at(config.home.keys()))?;
        if access.listed.is_none() && access.ring.is_empty(Moment(now_ms())) {
            // Who listens on an address for others, or asks everybody, has made a key first: an open door is no mistake to find later.
            if let Some(address) = wanted.iter().find(|address| !address.ip().to_canonical().is_loopback()) {
                return Err(Error::Open(*address));
            }
            if access.asks_always {
                return Err(Error::NoKeys);
            }
        }
        let (mut listeners, mut addresses) = (Vec::new(), Vec::new());
        for address in wanted {
            let (listener, address) = open(address).await?;
            listeners.push(listener);
            addresses.push(address);
        }
        Ok(Some(Self { listeners, access, addresses }))
    }

    /// Notes there who is not let in.
    pub(super) fn note_refusals(&mut self, audit: Option<audit::Log>) {
        self.access.audit = audit;
    }

    /// What clients can connect to.
    pub(super) fn listening(&self) -> Listening {
        Listening { http: self.addresses.clone(), has_tls: self.access.tls.is_some() }
    }

    /// Takes connections from now on, in `tasks`, until `stop`; `end` ends those that are left.
    pub(super) fn serve(
        self,
        config: &Config,
        app: &App,
        (front, profiles, verbs): (Arc<Front>, Profiles, Arc<Verbs>),
        (stop, end): (CancellationToken, CancellationToken),
        tasks: &TaskTracker,
    ) {
        let limits = limits(config);
        make_room(limits.connections_max);
        let verbs = (verbs, events(config, app, tasks, &end));
        let service = Service::new((front, profiles), verbs, limits, self.access, (stop, end), tasks.clone());
        for listener in self.listeners {
            tasks.spawn(http::listen(service.clone(), listener));
        }
    }
}

/// Who may come, as the settings say it.
fn access(settings: &HttpSettings, keys: KeyFile) -> Result<Access, Error> {
    let ring = KeyRing::open(keys).map_err(Error::Ring)?;
    let listed = settings.bearer_key_file.as_deref().map(ListedKeys::read).transpose()?;
    let tls = match (&settings.tls_cert, &settings.tls_key) {
        (Some(certificate), Some(key)) => Some(Tls::read(certificate, key)?),
        (None, None) => None,
        (Some(_), None) | (None, Some(_)) => return Err(Error::TlsHalf),
    };
    Ok(Access {
        allowed_hosts: settings.allowed_hosts.clone(),
        allowed_origins: settings.allowed_origins.clone(),
        asks_always: settings.asks_always || listed.is_some(),
        listed,
        tls,
        rate: (settings.requests_per_s > 0).then(|| Rate::new(settings.requests_burst, settings.requests_per_s)),
        ..Access::new(Arc::new(ring), now_ms)
    })
}

/// What can be followed.
fn events(config: &Config, app: &App, tasks: &TaskTracker, end: &CancellationToken) -> Events {
    let settings = &config.settings;
    let logs = settings.server_logs.enabled.then(|| {
        let lines_per_s_max = settings.websocket.log_lines_per_s_max;
        LogFeeds::new(config.home.server_logs(), lines_per_s_max, tasks.clone(), end.clone())
    });
    let monitor = settings.monitor.enabled.then(|| app.monitor.clone());
    Events { monitor, logs, operations: app.operations.clone() }
}

async fn open(address: SocketAddr) -> Result<(TcpListener, SocketAddr), Error> {
    let listener = TcpListener::bind(address).await.map_err(|source| Error::Bind { address, source })?;
    let address = listener.local_addr().map_err(|source| Error::Bind { address, source })?;
    Ok((listener, address))
}

/// `ADDRESS:PORT`, `localhost:PORT` or `PORT`.
fn parse(listen: &str) -> Result<SocketAddr, Error> {
    let loopback = |port: &str| port.parse().ok().map(|port| SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port));
    let parsed = listen.parse().ok().or_else(|| loopback(listen.strip_prefix("localhost:").unwrap_or(listen)));
    parsed.ok_or_else(|| Error::Address(listen.to_owned()))
}

fn limits(config: &Config) -> Limits {
    let (http, limits, websocket) = (&config.settings.http, &config.settings.limits, &config.settings.websocket);
    Limits {
        body_bytes_max: limits.client_line_bytes_max,
        body_timeout: http.body_timeout,
        idle_timeout: http.idle_timeout,
        connections_max: http.connections_max,
        sessions_max: http.sessions_max,
        session_idle: http.session_idle,
        streams_per_client_max: http.streams_per_client_max,
        stream_bytes_max: http.stream_bytes_max,
        keep_alive: http.keep_alive,
        calls_in_flight_max: limits.calls_in_flight_max,
        sockets: ws::Limits {
            ping_every: websocket.ping_every,
            in_flight_max: websocket.in_flight_max,
            queue_bytes_max: websocket.queue_bytes_max,
            write_timeout: websocket.write_timeout,
            auth_timeout: websocket.auth_timeout,
        },
    }
}

/// Asks the system for as many descriptors as there may be connections: many give 1,024 to who does not ask.
fn make_room(connections_max: usize) {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        let now = getrlimit(Resource::Nofile);
        let wanted = connections_max as u64 + DESCRIPTORS_BESIDE;
        let wanted = now.maximum.map_or(wanted, |most| wanted.min(most));
        if now.current.is_some_and(|current| current < wanted) {
            let asked = Rlimit { current: Some(wanted), maximum: now.maximum };
            if let Err(fault) = setrlimit(Resource::Nofile, asked) {
                tracing::warn!(error = %fault, "there may be fewer HTTP connections than http.connections_max");
            }
        }
    }
    #[cfg(not(unix))]
    let _unlimited = (connections_max, DESCRIPTORS_BESIDE);
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn an_address_is_read_in_three_ways() {
        let check = |listen: &str, expected: Option<&str>| {
            assert_eq!(parse(listen).ok().map(|address| address.to_string()).as_deref(), expected, "{listen}");
        };
        check("127.0.0.1:0", Some("127.0.0.1:0"));
        check("[::1]:80", Some("[::1]:80"));
        check("localhost:80", Some("127.0.0.1:80"));
        check("8080", Some("127.0.0.1:8080"));
        check("example.com:80", None);
        check("localhost", None);
        check("127.0.0.1:99999", None);
    }
}
