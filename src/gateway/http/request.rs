//! One request: who may come, what he wants to see, and which way it goes.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;

use hyper::body::Incoming;
use hyper::header::ORIGIN;
use hyper::http::request::Parts;
use hyper::http::uri::Authority;
use hyper::{Method, Request, Response, StatusCode};

use crate::domain::{Scope, Surface};
use crate::gateway::mcp::{Profile, View};
use crate::gateway::rest;

use super::access::ends_of;
use super::answer::{NOT_SERVED, Reply, keep_out, not_allowed, refuse};
use super::dress::dress;
use super::modern::Sender;
use super::service::Service;
use super::{cors, legacy, post};

/// How a connection came.
#[derive(Debug, Clone, Copy)]
pub(in crate::gateway) struct Ends {
    /// Our own address.
    pub(in crate::gateway) here: IpAddr,
    /// The client's.
    pub(in crate::gateway) from: IpAddr,
    /// Whether it came to a listener that this machine alone can reach, and from no proxy there, as far as that shows.
    pub(in crate::gateway) is_local: bool,
}

/// Answers a request. Dropped when the client hangs up before that.
pub(super) async fn answer(service: &Arc<Service>, request: Request<Incoming>, ends: Ends) -> Response<Reply> {
    let (parts, body) = request.into_parts();
    let authority = parts.uri.authority().map(Authority::as_str);
    let ends = ends_of(&parts.headers, authority, ends);
    let path = parts.uri.path();
    let view = path.strip_prefix("/mcp").filter(|rest| rest.is_empty() || rest.starts_with('/'));
    let view = view.filter(|view| !rest::is_name(view));
    let checked = service.access.check(&parts.method, &parts.headers, authority, ends);
    let origin = parts.headers.get(ORIGIN).filter(|_| checked.is_ok()).cloned();
    let surface = if view.is_some() { Surface::McpHttp } else { Surface::Rest };
    let mut response = match (view, checked) {
        (Some(view), Ok(())) => mcp(service, view, &parts, body, ends).await,
        (Some(_), Err(refusal)) => keep_out(refusal),
        (None, checked) => {
            // In a box, so that connections of MCP clients do not carry it along.
            let mut response = Box::pin(rest::answer(service, parts, body, ends, checked)).await;
            dress(response.headers_mut(), service.access.tls.is_some());
            response
        }
    };
    if let Some(origin) = origin {
        cors::open(&mut response, origin);
    }
    if let Some(monitor) = &service.events.monitor {
        let is_socket = response.status() == StatusCode::SWITCHING_PROTOCOLS;
        monitor.note_answered(if is_socket { Surface::Ws } else { surface }, response.status().as_u16());
    }
    response
}

async fn mcp(service: &Arc<Service>, view: &str, parts: &Parts, body: Incoming, ends: Ends) -> Response<Reply> {
    if parts.method == Method::OPTIONS {
        return cors::preflight(&parts.headers);
    }
    let visitor = service.access.visitor(&parts.headers, ends);
    let principal =
        match visitor.and_then(|visitor| service.access.needs(&visitor, Scope::Caller).map(|()| visitor.who)) {
            Ok(principal) => principal,
            Err(refusal) => return keep_out(refusal),
        };
    let profile = match find_profile(service, view) {
        Ok(profile) => profile,
        Err(why) => return unknown(service, &why),
    };
    let sender = Sender { principal, profile, from: ends.from };
    match parts.method {
        Method::POST => post::receive(service, sender, &parts.headers, body).await,
        Method::GET => legacy::listen(service, &sender, &parts.headers),
        Method::DELETE => legacy::end(service, &sender, &parts.headers),
        _ => not_allowed("POST, GET, DELETE"),
    }
}

fn find_profile(service: &Service, view: &str) -> Result<Arc<Profile>, String> {
    if view.is_empty() {
        return Ok(service.routed.clone());
    }
    let name = percent_decoded(view).ok_or_else(|| "the address cannot be read".to_owned())?;
    let profile = service.profiles.find(&name)?;
    if let View::Server(server) = &profile.view {
        let known = service.front.operations.known_now();
        // Before the catalog was read it may be there.
        if known.has_servers && !known.servers.contains_key(server) {
            return Err(format!("there is no server {server:?}", server = server.as_str()));
        }
    }
    Ok(profile)
}

/// Says which addresses there are.
fn unknown(service: &Service, why: &str) -> Response<Reply> {
    let mut there = vec!["/mcp".to_owned(), "/mcp/direct".to_owned()];
    there.extend(service.profiles.named.keys().map(|name| format!("/mcp/p/{name}")));
    there.extend(service.front.operations.known_now().servers.keys().map(|server| format!("/mcp/s/{server}")));
    let what = format!("{why}; there are: {}", there.join(", "));
    refuse(StatusCode::NOT_FOUND, NOT_SERVED, &what)
}

/// The path with `%XX` read; `None` when that is no text.
fn percent_decoded(path: &str) -> Option<Cow<'_, str>> {
    if !path.contains('%') {
        return Some(Cow::Borrowed(path));
    }
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.bytes();
    while let Some(byte) = rest.next() {
        let byte = if byte == b'%' {
            let digit = |byte: Option<u8>| byte.and_then(|byte| char::from(byte).to_digit(16));
            let (high, low) = (digit(rest.next())?, digit(rest.next())?);
            u8::try_from(high * 16 + low).ok()?
        } else {
            byte
        };
        bytes.push(byte);
    }
    String::from_utf8(bytes).ok().map(Cow::Owned)
}
