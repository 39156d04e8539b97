//! HTTP with server-sent events, as in 2024-11-05: one stream brings everything, and its first event says where messages go.

use std::sync::Arc;
use std::time::Duration;

use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, HeaderValue};
use url::Url;

use crate::upstream::link::Incoming;
use crate::upstream::{Error, RemoteKind};
use crate::web;
use crate::wire::error_line;

use super::events::{Event, Events};
use super::faults::Refusal;
use super::outgoing::{Kind, Outgoing};
use super::standalone;
use super::way::{BodyKind, Way, body_kind};

/// From the head of the stream to its first event. A guess: it is the first thing that such a server writes.
const ENDPOINT_TIMEOUT: Duration = Duration::from_secs(5);

/// Whether the server is known or said to speak it.
pub(super) fn is_spoken(way: &Way) -> bool {
    way.kind == RemoteKind::Sse || way.old.initialized()
}

/// Opens the stream, once; when this returns the address for messages is known.
///
/// # Errors
/// When there is no such stream, or it names an address elsewhere.
pub(super) async fn open(way: &Arc<Way>) -> Result<(), Error> {
    way.old.get_or_try_init(|| begin(way)).await.map(drop)
}

async fn begin(way: &Arc<Way>) -> Result<Url, Error> {
    let response = way.ask(&way.request(Method::GET, &way.url, "text/event-stream")).await?;
    if !response.status().is_success() {
        return Err(Refusal::read(response).await.into_error(&way.server));
    }
    if body_kind(&response) != BodyKind::Events {
        return Err(way.unreachable("it answers a GET with no event stream; is its `url` right?", false));
    }
    // Keys and tokens go with every message, to the origin that they are for and to no other, whoever redirects us.
    let elsewhere = |address: &Url| address.origin() != way.url.origin();
    let from = response.url().clone();
    if elsewhere(&from) {
        let what = format!("its event stream was redirected to another origin, {}", web::shown(&from));
        return Err(way.unreachable(&what, false));
    }
    let mut events = Events::of(response, way.line_bytes_max, false);
    let endpoint = async {
        while let Some(event) = events.next().await {
            match event {
                Event::Whole { name, data } if name == "endpoint" => return Some(data),
                Event::Whole { .. } | Event::NotUtf8 | Event::TooLong(_) => {}
            }
        }
        None
    };
    let named = tokio::time::timeout(ENDPOINT_TIMEOUT, endpoint).await.ok().flatten();
    let named = named.ok_or_else(|| way.unreachable("its event stream does not say where messages go", false))?;
    let address = from.join(named.trim());
    let address = address.map_err(|_| way.unreachable("its event stream names no address for messages", false))?;
    if elsewhere(&address) {
        let what = format!("its event stream sends messages to another origin, {}", web::shown(&address));
        return Err(way.unreachable(&what, false));
    }
    let _closing = way.streams.send(events);
    Ok(address)
}

/// Hands over what the stream brings; its end is the session's.
pub(super) async fn follow(way: Arc<Way>, mut events: Events) {
    standalone::follow(&way, &mut events).await;
    way.put(Incoming::Over("closed its event stream".to_owned())).await;
}

/// Sends a message; an answer comes on the stream.
///
/// # Errors
/// When the server does not take it.
pub(super) async fn post(way: &Arc<Way>, message: &Outgoing) -> Result<(), Error> {
    // Those servers are older than the question, and some die of it.
    if let (true, Kind::Request(id)) = (message.is_modern, message.kind) {
        let line = error_line(&id.to_string(), -32601, "not spoken over HTTP with server-sent events", None);
        let line = String::from_utf8_lossy(&line).trim_end().to_owned();
        way.put(Incoming::Message { line, about: Some(id) }).await;
        return Ok(());
    }
    let address = way.old.get_or_try_init(|| begin(way)).await?;
    let mut request = way.request(Method::POST, address, "application/json, text/event-stream");
    request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    *request.body_mut() = Some(message.body.clone().into());
    let response = way.ask(&request).await?;
    match response.status().as_u16() {
        200..300 => Ok(()),
        404 | 410 => {
            // Told to the caller before the session ends.
            Err(way.session_lost())
        }
        _ => Err(Refusal::read(response).await.into_error(&way.server)),
    }
}
