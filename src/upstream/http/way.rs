//! What all that goes to one server has in common: where it is, what it is told in headers, and what is known of it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, WWW_AUTHENTICATE};
use reqwest::{Method, Request, Response};
use tokio::sync::{OnceCell, Semaphore, mpsc, watch};
use url::Url;

use crate::domain::ServerName;
use crate::secrets::redactor;
use crate::upstream::link::{Inbox, Incoming};
use crate::upstream::{AuthFault, Authorizer, Challenge, Error, MODERN_VERSION, Remote, RemoteKind};
use crate::web;

use super::events::Events;
use super::faults::{self, Refusal};
use super::header_text::header_text;
use super::outgoing::{Kind, Outgoing};
use super::tool_headers::ToolHeaders;

/// Name, connection and TLS. A guess: a server that takes longer is down for all purposes. No other wait here is as long.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_millis(10_500);
/// For the body of a refusal. A guess.
pub(super) const ERROR_BODY_TIMEOUT: Duration = Duration::from_secs(5);
/// For the head of an answer. A tool may take as long as its caller waits, who has a deadline of his own and then breaks the
/// request off; this is for requests that nobody waits for.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(24 * 3600);
/// Requests under way at once; more wait. What one server may have in flight by default.
const REQUESTS_MAX: usize = 64;
/// Redirects that are followed. A guess.
const HOPS_MAX: usize = 3;
/// How often a refused right is tried to be mended for one request: a new token, and more scopes.
const RIGHTS_MAX: usize = 2;

const SESSION_ID: HeaderName = HeaderName::from_static("mcp-session-id");
const PROTOCOL_VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// The way to one server. Owned by the tasks that carry messages; when the last is gone, so is its inbox.
pub(super) struct Way {
    pub(super) server: ServerName,
    pub(super) url: Url,
    pub(super) kind: RemoteKind,
    pub(super) line_bytes_max: usize,
    client: web::Client,
    /// From the registry.
    headers: HeaderMap,
    authorizer: Option<Arc<dyn Authorizer>>,
    inbox: Inbox,
    legacy: Mutex<Legacy>,
    /// Whether any request got an answer over streamable HTTP.
    has_worked: AtomicBool,
    /// Where messages go with the transport of 2024-11-05, once its stream is open.
    pub(super) old: OnceCell<Url>,
    /// Takes that stream to the task that owns it.
    pub(super) streams: mpsc::UnboundedSender<Events>,
    pub(super) slots: Semaphore,
    /// Closed while `notifications/initialized` is on its way: nothing may overtake it.
    pub(super) gate: watch::Sender<bool>,
    pub(super) tools: Mutex<ToolHeaders>,
    /// Held while the tools are listed for their headers.
    pub(super) listing: tokio::sync::Mutex<()>,
}

/// What a server of the older revisions said at the start.
#[derive(Debug, Default)]
struct Legacy {
    version: Option<HeaderValue>,
    session: Option<HeaderValue>,
    is_lost: bool,
}

/// Prepares the way; nothing is sent. Gives as well where the stream of the old transport comes out.
///
/// # Errors
/// [`Error::Unreachable`] when the address or a header cannot be used.
pub(super) async fn open(
    server: &ServerName,
    remote: &Remote,
    line_bytes_max: usize,
    inbox: Inbox,
) -> Result<(Arc<Way>, mpsc::UnboundedReceiver<Events>), Error> {
    let unusable = |what: String| Error::Unreachable { server: server.clone(), what, was_sent: false };
    let url = Url::parse(&remote.url).map_err(|fault| unusable(format!("its `url` is no address: {fault}")))?;
    let rules = web::Rules::for_server(&url, &remote.private_hosts);
    rules.check(&url).map_err(|fault| faults::of_web(server, &fault))?;
    let headers = headers(&remote.headers).map_err(unusable)?;
    let timeouts = web::Timeouts { connect: CONNECT_TIMEOUT, answer: ANSWER_TIMEOUT, silence: None };
    let client = if url.scheme() == "http" {
        web::Client::in_the_clear(&rules, timeouts)
    } else {
        // The first of the process reads the system's certificates.
        let built = tokio::task::spawn_blocking(move || web::client(&rules, timeouts)).await;
        built.map_err(|_| unusable("the client could not be built".to_owned()))?
    };
    let client = client.map_err(|fault| faults::of_web(server, &fault))?;
    // Bounded by construction: one stream is opened at most.
    let (streams, opened) = mpsc::unbounded_channel();
    let way = Way {
        server: server.clone(),
        url,
        kind: remote.kind,
        line_bytes_max,
        client,
        headers,
        authorizer: remote.authorizer.clone(),
        inbox,
        legacy: Mutex::default(),
        has_worked: AtomicBool::new(false),
        old: OnceCell::new(),
        streams,
        slots: Semaphore::new(REQUESTS_MAX),
        gate: watch::Sender::new(true),
        tools: Mutex::default(),
        listing: tokio::sync::Mutex::default(),
    };
    Ok((Arc::new(way), opened))
}

/// Those of the registry. What they hold is hidden wherever we write from now on, if its name says that it is secret.
fn headers(pairs: &[(String, String)]) -> Result<HeaderMap, String> {
    redactor().learn_variables(pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    let keys = pairs.iter().filter(|(name, _)| name.eq_ignore_ascii_case(AUTHORIZATION.as_str()));
    redactor().learn(keys.filter_map(|(_, value)| value.split_once(' ').map(|(_, key)| key)));
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        let header = HeaderName::from_bytes(name.as_bytes());
        let header = header.map_err(|_| format!("`{name}` under `headers` is no name of a header"))?;
        let mut value = HeaderValue::from_str(value.trim())
            .map_err(|_| format!("the value of `{name}` under `headers` has characters that no header can have"))?;
        value.set_sensitive(true);
        headers.append(header, value);
    }
    Ok(headers)
}

impl Way {
    /// Asks, with the right to; a right that is refused is mended if it can be. Cancel safe.
    ///
    /// # Errors
    /// When no answer came, or the right is missing.
    pub(super) async fn ask(&self, request: &Request) -> Result<Response, Error> {
        for attempt in 0..=RIGHTS_MAX {
            let mut request = request.try_clone().expect("no body here is a stream");
            let used = self.authorize(&mut request).await?;
            let sent = self.client.send_following(request, HOPS_MAX).await;
            let response = sent.map_err(|fault| faults::of_web(&self.server, &fault))?;
            let status = response.status().as_u16();
            if !matches!(status, 401 | 403) {
                return Ok(response);
            }
            let mended = match &self.authorizer {
                Some(authorizer) if attempt < RIGHTS_MAX => {
                    let www_authenticate = response.headers().get(WWW_AUTHENTICATE);
                    let www_authenticate = www_authenticate.map(|value| String::from_utf8_lossy(value.as_bytes()));
                    let challenge =
                        Challenge { status, www_authenticate: www_authenticate.map(|it| it.into_owned()), used };
                    authorizer.refused(&challenge).await.map_err(|fault| self.no_right(fault))?
                }
                Some(_) | None => false,
            };
            if !mended {
                return Err(Refusal::read(response).await.into_not_authorized(&self.server));
            }
        }
        unreachable!("the last attempt mends nothing")
    }

    async fn authorize(&self, request: &mut Request) -> Result<Option<String>, Error> {
        let Some(authorizer) = &self.authorizer else { return Ok(None) };
        let value = authorizer.authorization().await.map_err(|fault| self.no_right(fault))?;
        if let Some(mut header) = value.as_deref().and_then(|value| HeaderValue::from_str(value).ok()) {
            header.set_sensitive(true);
            request.headers_mut().insert(AUTHORIZATION, header);
        }
        Ok(value)
    }

    fn no_right(&self, fault: AuthFault) -> Error {
        Error::NotAuthorized { server: self.server.clone(), message: fault.message }
    }

    /// The POST that carries this message over streamable HTTP.
    pub(super) fn post(&self, message: &Outgoing) -> Request {
        let mut request = self.request(Method::POST, &self.url, "application/json, text/event-stream");
        *request.body_mut() = Some(message.body.clone().into());
        let headers = request.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if message.is_modern {
            headers.insert(PROTOCOL_VERSION, HeaderValue::from_static(MODERN_VERSION));
            headers.insert("mcp-method", header_text(&message.method));
            if let Some(name) = &message.name {
                headers.insert("mcp-name", header_text(name));
            }
            if message.method == "tools/call" {
                self.tools().write(message, headers);
            }
        } else if message.method != "initialize" {
            self.legacy().write(headers);
        }
        request
    }

    /// The GET that opens a stream of a server of the older revisions, or goes on with one.
    pub(super) fn get(&self, last_id: Option<HeaderValue>) -> Request {
        let mut request = self.request(Method::GET, &self.url, "text/event-stream");
        self.legacy().write(request.headers_mut());
        last_id.into_iter().for_each(|id| drop(request.headers_mut().insert(LAST_EVENT_ID, id)));
        request
    }

    /// Any request, with what the registry says.
    pub(super) fn request(&self, method: Method, url: &Url, accept: &'static str) -> Request {
        let mut request = Request::new(method, url.clone());
        *request.headers_mut() = self.headers.clone();
        request.headers_mut().insert(ACCEPT, HeaderValue::from_static(accept));
        request
    }

    /// The goodbye to a server that keeps a session for us.
    pub(super) fn delete(&self) -> Option<Request> {
        self.session_id()?;
        let mut request = self.request(Method::DELETE, &self.url, "application/json, text/event-stream");
        self.legacy().write(request.headers_mut());
        Some(request)
    }

    /// Keeps what the answer to `initialize` says in its head.
    pub(super) fn note_session(&self, response: &Response) {
        self.legacy().session = response.headers().get(SESSION_ID).cloned();
    }

    /// Keeps the version of the answer to `initialize`.
    pub(super) fn note_version(&self, version: &str) {
        self.legacy().version = HeaderValue::from_str(version).ok();
    }

    /// Whether `initialize` was answered.
    pub(super) fn is_legacy(&self) -> bool {
        self.legacy().version.is_some()
    }

    /// The id of the session that the server keeps for us.
    pub(super) fn session_id(&self) -> Option<HeaderValue> {
        let legacy = self.legacy();
        legacy.session.clone().filter(|_| !legacy.is_lost)
    }

    /// Notes that the server keeps no session for us any more; gives the fault of a request that it refused therefore.
    pub(super) fn session_lost(&self) -> Error {
        self.legacy().is_lost = true;
        self.unreachable("it has forgotten our session", false)
    }

    /// Whether the server has forgotten our session.
    pub(super) fn is_lost(&self) -> bool {
        self.legacy().is_lost
    }

    /// Ends the session if it is lost; after what was refused was told, which is known not to have run.
    pub(super) async fn end_if_lost(&self) {
        if self.is_lost() {
            self.put(Incoming::Over("forgot our session".to_owned())).await;
        }
    }

    pub(super) fn unreachable(&self, what: &str, was_sent: bool) -> Error {
        Error::Unreachable { server: self.server.clone(), what: what.to_owned(), was_sent }
    }

    pub(super) fn bad_answer(&self, message: &Outgoing, what: &str) -> Error {
        let (server, method) = (self.server.clone(), message.method.clone());
        Error::BadAnswer { server, method, what: what.to_owned() }
    }

    /// Whether streamable HTTP is known to be spoken there.
    pub(super) fn has_worked(&self) -> bool {
        self.has_worked.load(Ordering::Relaxed)
    }

    pub(super) fn worked(&self) {
        self.has_worked.store(true, Ordering::Relaxed);
    }

    /// Hands something to the session; waits while that has too much to do. A session that is gone wants nothing.
    pub(super) async fn put(&self, incoming: Incoming) {
        let _gone = self.inbox.send(incoming).await;
    }

    /// Tells the session that the request gets no answer.
    pub(super) async fn fail(&self, message: &Outgoing, fault: Error) {
        match message.kind {
            Kind::Request(id) => self.put(Incoming::Failed { id, fault }).await,
            Kind::Notification | Kind::Cancels(_) | Kind::Answer => {
                tracing::debug!(server.name = %self.server, method = message.method, error = %fault, "a message was lost");
            }
        }
    }

    pub(super) fn tools(&self) -> MutexGuard<'_, ToolHeaders> {
        self.tools.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn legacy(&self) -> MutexGuard<'_, Legacy> {
        self.legacy.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Legacy {
    fn write(&self, headers: &mut HeaderMap) {
        for (name, value) in [(PROTOCOL_VERSION, &self.version), (SESSION_ID, &self.session)] {
            value.iter().for_each(|value| drop(headers.insert(name.clone(), value.clone())));
        }
    }
}

/// What kind of body an answer has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum BodyKind {
    /// One JSON text; also when nothing is said.
    Json,
    /// Events.
    Events,
    /// Something else: its name.
    Other(String),
}

/// What kind of body the answer has.
pub(super) fn body_kind(response: &Response) -> BodyKind {
    let Some(value) = response.headers().get(CONTENT_TYPE) else { return BodyKind::Json };
    let text = String::from_utf8_lossy(value.as_bytes());
    match text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase().as_str() {
        "application/json" => BodyKind::Json,
        "text/event-stream" => BodyKind::Events,
        other => BodyKind::Other(other.chars().filter(|c| !c.is_control()).take(60).collect()),
    }
}
