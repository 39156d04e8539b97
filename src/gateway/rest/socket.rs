//! Where a connection becomes a WebSocket: at `/ws`, and at `/` for programs that know nothing but a port.

use std::sync::Arc;

use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use hyper::StatusCode;
use hyper::header::{HeaderValue, UPGRADE};
use hyper::http::request::Parts;

use crate::gateway::http::{Ends, Refusal, Service, Visitor, shown_key};
use crate::gateway::verbs::Fault;
use crate::gateway::ws::{self, Unfit};

use super::problem::{Problem, refused};

/// Whether a request wants to be one, where there are such.
pub(super) fn is_wanted(parts: &Parts) -> bool {
    matches!(parts.uri.path(), "/" | "/ws") && ws::is_wanted(parts)
}

/// Makes the connection a WebSocket. Who has shown no key may still do so with his first message: pages cannot send one here.
pub(super) fn open(service: &Arc<Service>, mut parts: Parts, visitor: Option<Visitor>, ends: Ends) -> Response {
    let visitor = match visitor.map_or_else(|| service.access.visitor(&parts.headers, ends), Ok) {
        Ok(visitor) => Some(visitor),
        Err(Refusal::NoKey) => None,
        Err(refusal) => return refused(refusal),
    };
    let counted = match visitor.as_ref().map(|visitor| service.count_watcher(visitor)) {
        Some(Err(fault)) => return Problem(fault).into_response(),
        Some(Ok(counted)) => counted,
        None => None,
    };
    let key = shown_key(&parts.headers).ok().flatten().map(Into::into);
    match ws::open(service, &mut parts, (visitor, key, counted), ends.from) {
        Ok(headers) => {
            let mut response = StatusCode::SWITCHING_PROTOCOLS.into_response();
            response.headers_mut().extend(headers);
            response
        }
        Err(Unfit::Malformed(what)) => unfit(what),
        Err(Unfit::Version) => unfit("WebSocket is spoken here in version 13"),
        Err(Unfit::NoUpgrade) => unfit("this connection cannot become a WebSocket"),
    }
}

/// For who comes to `/ws` without wanting one.
pub(super) async fn no_upgrade(_: Request) -> Response {
    unfit("this address speaks WebSocket; docs/websocket.md says how")
}

fn unfit(what: &str) -> Response {
    let mut response = Problem(Fault::invalid_at("", what)).into_response();
    response.headers_mut().extend([ws::version(), (UPGRADE, HeaderValue::from_static("websocket"))]);
    response
}
