//! The client: what it may ask, how long it waits, and what its failures are called.

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::HeaderValue;
use reqwest::{Request, Response};
use url::Url;

use super::resolver::{Forbidden, GuardedResolver, Unknown};
use super::{Error, Rules, redirect, shown, tls};

/// Connections per host that are kept for the next request. A guess: what one busy server needs at once.
const IDLE_CONNECTIONS_MAX: usize = 16;
/// How long they are kept; below the minute after which common proxies close theirs.
const IDLE_CONNECTION_TIME: Duration = Duration::from_secs(50);
/// Between two signs of life on a silent connection: a laptop that slept notices that its streams are gone.
const KEEPALIVE: Duration = Duration::from_secs(30);

/// How long things may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// Name, connection and TLS together.
    pub connect: Duration,
    /// From sending until the head of the answer is there.
    pub answer: Duration,
    /// Between two pieces of a body; `None` for streams that may be silent for hours.
    pub silence: Option<Duration>,
}

/// Speaks HTTP within its rules. Cheap to clone; the clones share their connections.
#[derive(Debug, Clone)]
pub struct Client {
    pub(super) inner: reqwest::Client,
    pub(super) rules: Arc<Rules>,
    pub(super) timeouts: Timeouts,
}

/// A client with these rules. Blocking for some ten milliseconds when it is the first for `https` of this process, since the
/// system's certificates are read then.
///
/// # Errors
/// [`Error::NoClient`] when TLS cannot be set up.
pub fn client(rules: &Rules, timeouts: Timeouts) -> Result<Client, Error> {
    build(rules, timeouts, tls::trusting_system())
}

impl Client {
    /// The same without TLS, for a server that was written with `http`: nothing is read, nothing blocks.
    ///
    /// # Errors
    /// [`Error::NoClient`] when it cannot be built.
    pub fn in_the_clear(rules: &Rules, timeouts: Timeouts) -> Result<Self, Error> {
        build(rules, timeouts, tls::trusting_nobody())
    }

    /// The rules it keeps to.
    #[must_use]
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Sends the request and gives the answer as it came, also a redirect. The body is not read yet.
    /// Cancel safe: a request that was given up is broken off.
    ///
    /// # Errors
    /// When the rules forbid it, or no head of an answer came in time.
    pub async fn send(&self, request: Request) -> Result<Response, Error> {
        self.rules.check(request.url())?;
        let url = request.url().clone();
        match tokio::time::timeout(self.timeouts.answer, self.inner.execute(request)).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(fault)) => Err(named(&url, fault, self.timeouts)),
            Err(_elapsed) => Err(Error::Late { at: shown(&url), after: self.timeouts.answer }),
        }
    }

    /// The same, and follows up to so many redirects. Towards another origin only a request without a body is sent on, and
    /// without every header that could hold something secret. Each hop has its own deadline. Cancel safe.
    ///
    /// # Errors
    /// As [`Client::send`], and for a redirect that is not followed.
    pub async fn send_following(&self, request: Request, hops_max: usize) -> Result<Response, Error> {
        redirect::follow(self, request, hops_max).await
    }
}

/// What a failure of the connection to that address is called.
pub(super) fn named(url: &Url, fault: reqwest::Error, timeouts: Timeouts) -> Error {
    let at = shown(url);
    // The address would be in its text, with its query.
    let fault = fault.without_url();
    if let Some(Forbidden(problem)) = find(&fault) {
        return Error::Refused { at, problem: problem.clone() };
    }
    if let Some(Unknown(source)) = find(&fault) {
        return Error::NoSuchName { at, source: source.to_string().into() };
    }
    match () {
        () if fault.is_timeout() && fault.is_connect() => Error::Late { at, after: timeouts.connect },
        () if fault.is_timeout() => Error::Late { at, after: timeouts.silence.unwrap_or(timeouts.answer) },
        () if fault.is_connect() => Error::Unreachable { at, source: fault },
        () => Error::Broken { at, source: fault },
    }
}

/// The first fact of that kind in the chain of causes.
fn find<'f, Fact: std::error::Error + 'static>(fault: &'f (dyn std::error::Error + 'static)) -> Option<&'f Fact> {
    std::iter::successors(Some(fault), |fault| fault.source()).find_map(|fault| fault.downcast_ref())
}

fn build(rules: &Rules, timeouts: Timeouts, tls: rustls::ClientConfig) -> Result<Client, Error> {
    let rules = Arc::new(rules.clone());
    let mut builder = reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .dns_resolver(Arc::new(GuardedResolver { rules: rules.clone() }))
        .redirect(reqwest::redirect::Policy::none())
        // A proxy would resolve names instead of us, and everything above would guard nothing.
        .no_proxy()
        .referer(false)
        .user_agent(HeaderValue::from_static(concat!("mcporch/", env!("CARGO_PKG_VERSION"))))
        .connect_timeout(timeouts.connect)
        .pool_max_idle_per_host(IDLE_CONNECTIONS_MAX)
        .pool_idle_timeout(IDLE_CONNECTION_TIME)
        .tcp_keepalive(KEEPALIVE);
    if let Some(silence) = timeouts.silence {
        builder = builder.read_timeout(silence);
    }
    let inner = builder.build().map_err(|source| Error::NoClient { source })?;
    Ok(Client { inner, rules, timeouts })
}
