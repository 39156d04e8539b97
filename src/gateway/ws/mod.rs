//! The verbs over WebSocket: JSON messages with or without ids, many at once on one connection, with what happens while they run, and
//! events. What a message does is the business of `gateway::verbs`; here is how it comes, how its answer goes, and how much of anything
//! there may be. docs/websocket.md says what clients see.

mod connection;
mod frames;
mod handshake;
mod message;
mod outbox;
mod peer;
mod requests;
mod socket;
mod words;

pub(in crate::gateway) use handshake::{Unfit, is_wanted, version};

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::header::{HeaderName, HeaderValue};
use hyper::http::request::Parts;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;

use super::http::{Counted, Place, Service, Visitor};
use connection::Connection;

/// Bounds of one connection.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// From one ping to the next.
    pub ping_every: Duration,
    /// Requests with an id that may be in flight.
    pub in_flight_max: usize,
    /// What waits to be written before nothing more is read, in bytes.
    pub queue_bytes_max: usize,
    /// For the client to take anything of what is written.
    pub write_timeout: Duration,
    /// For the client to show a key where one is needed.
    pub auth_timeout: Duration,
}

/// Makes a request a WebSocket: gives the headers of the answer that says so, and serves the client from then on, in the service's
/// tasks. `visitor` is `None` where a key is needed and was not shown: then it comes with the first message; `key` is the one that was, and `counted` his
/// place among the streams of one client.
///
/// # Errors
/// [`Unfit`].
pub(in crate::gateway) fn open(
    service: &Arc<Service>,
    parts: &mut Parts,
    (visitor, key, counted): (Option<Visitor>, Option<Box<str>>, Option<Counted>),
    from: IpAddr,
) -> Result<[(HeaderName, HeaderValue); 3], Unfit> {
    let headers = handshake::accept(parts)?;
    let upgraded = parts.extensions.remove::<OnUpgrade>().ok_or(Unfit::NoUpgrade)?;
    // Held as long as the socket is open.
    let place = parts.extensions.remove::<Place>();
    let serving = service.clone();
    service.tasks.spawn(async move {
        match upgraded.await {
            Ok(stream) => Connection::new(serving, TokioIo::new(stream), (visitor, key, counted), from).run().await,
            Err(fault) => tracing::debug!(error = %fault, "a connection did not become a WebSocket"),
        }
        drop(place);
    });
    Ok(headers)
}
