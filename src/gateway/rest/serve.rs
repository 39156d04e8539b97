//! One request: who sends it, which verb it is for, and how its answer goes out.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{FromRequestParts, RawPathParams, Request};
use axum::response::{IntoResponse, Response};
use hyper::body::Incoming;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, HeaderMap, HeaderValue, IF_NONE_MATCH};
use hyper::http::request::Parts;
use hyper::{Method, StatusCode};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::domain::Surface;
use crate::gateway::http::{Ends, Refusal, Reply, Service, Visitor, preflight, shown_key};
use crate::gateway::mcp::CountedCall;
use crate::gateway::verbs::{Caller, Fault, FaultKind, HttpMethod, RawJson};
use crate::operations::OpContext;
use crate::traces;

use super::input::{self, PathMembers};
use super::problem::{self, Problem, not_allowed, refused};
use super::request_id::{self, REQUEST_ID};
use super::routes::{self, Entry};
use super::socket;

/// Larger answers are tagged beside the thread that everybody shares. A guess: a tenth of a millisecond.
const TAGGED_AT_ONCE_BYTES: usize = 128 * 1024;

/// How a request came, for those who answer it.
#[derive(Clone)]
pub(in crate::gateway) struct Came {
    /// What all requests share.
    pub(in crate::gateway) service: Arc<Service>,
    /// The ends of its connection.
    pub(in crate::gateway) ends: Ends,
    /// Who sends it; `None` where nobody was asked.
    pub(in crate::gateway) visitor: Option<Visitor>,
}

impl Came {
    /// Who calls a verb.
    ///
    /// # Errors
    /// When he was not asked for a key and needs one.
    pub(in crate::gateway) fn caller(&self, surface: Surface) -> Result<Caller, Fault> {
        let nobody = || Fault::new(FaultKind::KeyNeeded, Refusal::NoKey.message());
        let visitor = self.visitor.as_ref().ok_or_else(nobody)?;
        Ok(Caller {
            principal: visitor.who.clone(),
            scope: visitor.scope,
            surface,
            from: Some(visitor.from),
            id: self.service.front.next_caller(),
            is_anonymous: true,
        })
    }
}

/// Answers a request that is no MCP; `checked` is what its headers alone came to. Dropped when the client hangs up before that, which
/// takes back what he asked for.
pub(in crate::gateway) async fn answer(
    service: &Arc<Service>,
    parts: Parts,
    body: Incoming,
    ends: Ends,
    checked: Result<(), Refusal>,
) -> hyper::Response<Reply> {
    if checked.is_ok() && parts.method == Method::OPTIONS {
        return preflight(&parts.headers);
    }
    let request_id = request_id::of(&parts.headers).into_owned();
    let uri = parts.uri.clone();
    let visitor = checked.and_then(|()| visitor(service, &parts, ends));
    let response = match visitor {
        Err(refusal) => refused(refusal),
        Ok(visitor) if socket::is_wanted(&parts) => socket::open(service, parts, visitor, ends),
        Ok(visitor) => {
            let mut request = Request::from_parts(parts, Body::new(body));
            request.extensions_mut().insert(Came { service: service.clone(), ends, visitor });
            let Ok(response) = routes::router().oneshot(request).await;
            response
        }
    };
    let mut response = problem::write(response, uri.path(), &request_id);
    if let Ok(id) = HeaderValue::from_str(&request_id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response.map(Reply::Axum)
}

/// Who sends a request. A key that is shown must be one everywhere; where none is needed, nobody is asked for it.
fn visitor(service: &Service, parts: &Parts, ends: Ends) -> Result<Option<Visitor>, Refusal> {
    if is_open(parts.uri.path()) && shown_key(&parts.headers) == Ok(None) {
        return Ok(None);
    }
    service.access.visitor(&parts.headers, ends).map(Some)
}

/// Whether anybody may look: signs of life, what describes the API, and the pages of the dashboard, which hold nothing and ask for a
/// key themselves.
fn is_open(path: &str) -> bool {
    let needs_key = path.starts_with("/api/") || path.starts_with("/mcp/") || path == "/metrics";
    !needs_key || path == "/api/v1/openapi.json" || path == "/api/v1/docs" || path.starts_with("/api/v1/docs/")
}

/// Takes out how a request came.
pub(super) fn came(request: &mut Request) -> Came {
    request.extensions_mut().remove().expect("every request gets it before the router sees it")
}

/// A request to a path of verbs.
pub(super) async fn verb(entries: Arc<[Entry]>, request: Request) -> Response {
    let is_head = request.method() == Method::HEAD;
    let method = match *request.method() {
        Method::GET | Method::HEAD => Some(HttpMethod::Get),
        Method::POST => Some(HttpMethod::Post),
        _ => None,
    };
    let Some(entry) = entries.iter().find(|entry| Some(entry.path.method) == method) else {
        return not_allowed(&allowed(&entries));
    };
    // Boxed, so that what every connection holds stays small.
    match Box::pin(run(entry, request)).await {
        Ok((answer, headers)) if entry.is_get() => looked_at(answer.into_string(), headers, is_head).await,
        Ok((answer, _)) => done(answer),
        Err(fault) => Problem(fault).into_response(),
    }
}

fn allowed(entries: &[Entry]) -> String {
    let methods = entries.iter().flat_map(|entry| match entry.path.method {
        HttpMethod::Get => ["GET", "HEAD"].as_slice(),
        HttpMethod::Post => ["POST"].as_slice(),
    });
    let mut all: Vec<&str> = methods.copied().chain(["OPTIONS"]).collect();
    all.dedup();
    all.join(", ")
}

async fn run(entry: &Entry, mut request: Request) -> Result<(RawJson, HeaderMap), Fault> {
    let came = came(&mut request);
    let (mut parts, body) = request.into_parts();
    input::check_accepts(&parts.headers)?;
    let (caller, cx) = circumstances(&came, &parts.headers)?;
    // Who may not do it need not be told what else is wrong.
    came.service.verbs.admit(&cx, &caller, entry.verb)?;
    let path = path_members(&mut parts).await?;
    let query = parts.uri.query().unwrap_or_default();
    let input = match entry.path.method {
        HttpMethod::Get => input::of_query(entry, path, query)?,
        HttpMethod::Post => input::of_body(&came, &parts.headers, entry, path, query, body).await?,
    };
    let running = Taken::on(&came)?;
    let ended = running.until(came.service.verbs.run(&cx, &caller, entry.verb, input)).await;
    Ok((ended.map_err(|fault| input::placed(fault, entry))?, parts.headers))
}

/// Who calls, and what else is known of his request.
fn circumstances(came: &Came, headers: &HeaderMap) -> Result<(Caller, OpContext), Fault> {
    let caller = came.caller(Surface::Rest)?;
    let mut cx = caller.context(CancellationToken::new());
    cx.behind.meta = traces::from_headers(|name| headers.get(name)?.to_str().ok());
    Ok((caller, cx))
}

async fn path_members(parts: &mut Parts) -> Result<PathMembers, Fault> {
    let unreadable =
        |_| Fault::invalid_at("", "the address is no text: `%` stands before two digits of a byte of UTF-8");
    let members = RawPathParams::from_request_parts(parts, &()).await.map_err(unreadable)?;
    Ok(members.iter().map(|(name, text)| (name.to_owned(), text.to_owned())).collect())
}

/// `POST /mcp/{name}`: a verb or a tool by its name, as older programs call them.
pub(super) async fn named(request: Request) -> Response {
    if request.method() != Method::POST {
        return not_allowed("POST, OPTIONS");
    }
    match Box::pin(run_named(request)).await {
        Ok(answer) => done(answer),
        Err(fault) => Problem(fault).into_response(),
    }
}

async fn run_named(mut request: Request) -> Result<RawJson, Fault> {
    let came = came(&mut request);
    let (mut parts, body) = request.into_parts();
    input::check_accepts(&parts.headers)?;
    let (caller, cx) = circumstances(&came, &parts.headers)?;
    let path = path_members(&mut parts).await?;
    let name = path.into_iter().next().map(|(_, name)| name).unwrap_or_default();
    let input = input::read(&came, &parts.headers, body).await?;
    let running = Taken::on(&came)?;
    let named = running.until(came.service.verbs.run_named(&cx, &caller, &name, input.into())).await?;
    Ok(named.into_json())
}

/// A place among the requests that run.
struct Taken<'a> {
    came: &'a Came,
    _slot: tokio::sync::OwnedSemaphorePermit,
    _counted: CountedCall,
}

impl<'a> Taken<'a> {
    fn on(came: &'a Came) -> Result<Self, Fault> {
        let Ok(slot) = came.service.slots.clone().try_acquire_owned() else {
            let what = "too many calls are in flight (limits.calls_in_flight_max); wait for some to end";
            return Err(Fault { retry_after_s: Some(1), ..Fault::new(FaultKind::Unavailable, what) });
        };
        Ok(Self { came, _slot: slot, _counted: came.service.front.count_running() })
    }

    async fn until<T>(&self, ending: impl Future<Output = Result<T, Fault>>) -> Result<T, Fault> {
        tokio::select! {
            biased;
            ended = ending => ended,
            () = self.came.service.end.cancelled() => Err(Fault::new(FaultKind::Unavailable, "mcporch is stopping")),
        }
    }
}

/// What a verb did.
fn done(answer: RawJson) -> Response {
    let mut response = Response::new(Body::from(answer.into_string()));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// What a verb looked at, which may be large.
async fn looked_at(text: String, headers: HeaderMap, is_head: bool) -> Response {
    if text.len() <= TAGGED_AT_ONCE_BYTES {
        return tagged(text, &headers, is_head);
    }
    let made = tokio::task::spawn_blocking(move || tagged(text, &headers, is_head)).await;
    made.unwrap_or_else(|_| Problem(Fault::new(FaultKind::Internal, "the answer could not be made")).into_response())
}

/// JSON that was looked at. It has a tag, by which a client that has it already is spared the rest.
pub(super) fn tagged(text: String, headers: &HeaderMap, is_head: bool) -> Response {
    let tag = tag(&text);
    let is_known = headers.get(IF_NONE_MATCH).and_then(|known| known.to_str().ok()).is_some_and(|known| {
        known.split(',').map(str::trim).any(|known| known == "*" || without_weakness(known) == without_weakness(&tag))
    });
    let mut response = Response::new(Body::empty());
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        response.headers_mut().insert(ETAG, tag);
    }
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    if is_known {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        return response;
    }
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if is_head {
        response.headers_mut().insert(hyper::header::CONTENT_LENGTH, text.len().into());
    } else {
        *response.body_mut() = Body::from(text);
    }
    response
}

/// Weak: the same words may stand in another order tomorrow.
fn tag(text: &str) -> String {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    format!("W/\"{:016x}\"", hasher.finish())
}

fn without_weakness(tag: &str) -> &str {
    tag.strip_prefix("W/").unwrap_or(tag)
}
