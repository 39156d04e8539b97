//! `GET /api/v1/events`: what goes on, as server-sent events, for as long as the reader stays.

use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use hyper::Method;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue};

use crate::domain::{Scope, ServerName};
use crate::gateway::verbs::{Fault, FaultKind};
use crate::gateway::watch::{EventBody, Topics, Unknown};

use super::problem::{Problem, not_allowed, refused};
use super::serve::{Came, came};

/// The only thing that can be asked for.
const TOPICS: &str = "topics";

/// Answers with a stream that ends when the reader leaves, or we stop, or his key is taken back.
pub(super) async fn events(mut request: Request) -> Response {
    let came = came(&mut request);
    if request.method() == Method::HEAD {
        return headed(Body::empty());
    }
    if request.method() != Method::GET {
        return not_allowed("GET, HEAD, OPTIONS");
    }
    let Some(visitor) = &came.visitor else {
        return Problem(Fault::new(FaultKind::KeyNeeded, "a key is needed")).into_response();
    };
    if let Err(refusal) = came.service.access.needs(visitor, Scope::Viewer) {
        return refused(refusal);
    }
    let topics = match topics(&came, request.uri().query().unwrap_or_default(), visitor.scope) {
        Ok(topics) => topics,
        Err(fault) => return Problem(fault).into_response(),
    };
    let service = came.service.clone();
    let counted = match service.count_watcher(visitor) {
        Ok(counted) => counted,
        Err(fault) => return Problem(fault).into_response(),
    };
    let allowed = service.still_allowed(request.headers(), came.ends.from);
    let keep_alive = service.limits.keep_alive;
    let body = EventBody::new(service.events.clone(), topics, keep_alive, &service.stop, allowed).counted(counted);
    headed(Body::new(body))
}

fn headed(body: Body) -> Response {
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache, no-transform"));
    // Proxies that gather events would hold them back.
    headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    response
}

/// The topics behind the `?`; all that he may hear of when he names none.
fn topics(came: &Came, query: &str, scope: Scope) -> Result<Topics, Fault> {
    let mut words: Option<Vec<String>> = None;
    for (name, text) in url::form_urlencoded::parse(query.as_bytes()) {
        if name != TOPICS {
            let shown: String = name.chars().take(60).collect();
            return Err(Fault::invalid_at(format!("?{shown}"), "is not known; there is topics"));
        }
        let said = text.split(',').map(str::trim).filter(|word| !word.is_empty()).map(str::to_owned);
        words.get_or_insert_with(Vec::new).extend(said);
    }
    let Some(words) = words else { return Ok(Topics::all(scope)) };
    let known = came.service.front.operations.known_now();
    let is_server = |server: &ServerName| known.servers.contains_key(server);
    let topics = Topics::parse(words.iter().map(String::as_str), scope, is_server);
    if let (Err(Unknown::Scope { needed, .. }), Some(visitor)) = (&topics, &came.visitor) {
        let _told_in_words_of_its_own = came.service.access.needs(visitor, *needed);
    }
    let topics = topics.map_err(|unknown| match unknown {
        Unknown::Scope { .. } => Fault::new(FaultKind::ScopeTooSmall, unknown.to_string()),
        Unknown::Topic(_) | Unknown::Server(_) | Unknown::TooMany => {
            Fault::invalid_at(format!("?{TOPICS}"), unknown.to_string())
        }
    })?;
    if topics.is_empty() {
        return Err(Fault::invalid_at(format!("?{TOPICS}"), "names none"));
    }
    Ok(topics)
}
