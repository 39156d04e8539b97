//! One connection up to the point where it is clear what it wants.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use tokio::io::{AsyncWriteExt, Interest};
use tokio::net::UnixStream;

use crate::local_socket::{
    Accepted, HELLO_BYTES_MAX, Hello, PROTOCOL, Purpose, Refusal, RefusalKind, Reply, line, receive,
};

use super::service::Service;
use super::{client, control};

/// Descriptors that a greeting may bring.
const DESCRIPTORS_MAX: usize = 3;

/// A greeting, and what came with it.
pub(super) struct Greeting {
    pub(super) hello: Hello,
    pub(super) descriptors: Vec<OwnedFd>,
    /// Bytes behind the greeting.
    pub(super) rest: Vec<u8>,
}

/// Serves a connection from its greeting to its end.
pub(super) async fn serve(service: Arc<Service>, mut stream: UnixStream) {
    match stream.peer_cred() {
        Ok(peer) if peer.uid() == rustix::process::geteuid().as_raw() => {}
        Ok(peer) => return tracing::warn!(peer.uid = peer.uid(), "a connection of another user was closed"),
        Err(fault) => return tracing::warn!(error = %fault, "a connection of nobody knows whom was closed"),
    }
    let greeting = match tokio::time::timeout(service.limits.hello_timeout, read_greeting(&stream)).await {
        Ok(Ok(Some(greeting))) => greeting,
        // It looked whether somebody listens, or went away again.
        Ok(Ok(None)) => return,
        Ok(Err(why)) => {
            tracing::warn!("a connection was closed: {why}");
            return refuse(&mut stream, RefusalKind::Malformed, why).await;
        }
        Err(_) => {
            let wait_ms = service.limits.hello_timeout.as_millis();
            return tracing::warn!(
                "a connection was closed that said nothing for {wait_ms} ms (daemon.hello_timeout_ms)"
            );
        }
    };
    if service.stop.is_cancelled() {
        // It connected while the last word was spoken; who comes again finds the next daemon.
        return refuse(&mut stream, RefusalKind::Leaving, "it is on its way out").await;
    }
    let hello = &greeting.hello;
    if hello.protocol != PROTOCOL {
        if service.is_idle() {
            return make_room(&service, &mut stream, hello).await;
        }
        let why = format!(
            "the running daemon (mcporch {}, process {}) speaks protocol {PROTOCOL} and not {}, and serves others; it leaves \
             when they are gone",
            service.build.version,
            std::process::id(),
            hello.protocol
        );
        service.presence.send_modify(|presence| presence.is_relieved |= hello.protocol > PROTOCOL);
        return refuse(&mut stream, RefusalKind::Protocol, &why).await;
    }
    match hello.purpose {
        Purpose::Control => control::serve(&service, stream, greeting.rest).await,
        Purpose::Client if hello.build.is_newer_than(&service.build) && service.is_idle() => {
            make_room(&service, &mut stream, hello).await;
        }
        Purpose::Client => client::serve(&service, stream, greeting).await,
    }
}

/// A newer build wants to take over, and nobody is here: stops at once. The answer goes out first, and the one who waits
/// for the lock gets it as soon as we do not listen any more.
async fn make_room(service: &Service, stream: &mut UnixStream, hello: &Hello) {
    tracing::info!(client.pid = hello.pid, client.version = hello.build.version, "a newer mcporch takes over");
    service.stop.cancel();
    refuse(stream, RefusalKind::Leaving, "it makes room for a newer build").await;
}

pub(super) async fn refuse(stream: &mut UnixStream, kind: RefusalKind, why: &str) {
    let reply = Reply::Refused(Refusal { kind, why: why.to_owned() });
    let _gone = stream.write_all(&line(&reply)).await;
}

/// For a connection too many: there is no task to do it with care.
pub(super) fn refuse_at_once(stream: &UnixStream) {
    let why = "it has too many connections (daemon.clients_max)".to_owned();
    let _gone = stream.try_write(&line(&Reply::Refused(Refusal { kind: RefusalKind::Full, why })));
}

pub(super) async fn accept(service: &Service, stream: &mut UnixStream, notice: Option<String>) -> io::Result<()> {
    let accepted = Accepted { pid: std::process::id(), build: service.build.clone(), notice, log: service.log.clone() };
    stream.write_all(&line(&Reply::Accepted(accepted))).await
}

/// The first line and the descriptors beside it; `None` when the connection ends before.
async fn read_greeting(stream: &UnixStream) -> Result<Option<Greeting>, &'static str> {
    let mut bytes: Vec<u8> = Vec::new();
    let mut descriptors = Vec::new();
    let mut buffer = vec![0_u8; 16 * 1024];
    let end = loop {
        let received = match stream.async_io(Interest::READABLE, || receive(stream, &mut buffer)).await {
            Ok(received) => received,
            Err(_) => return Ok(None),
        };
        descriptors.extend(received.descriptors);
        if received.bytes == 0 {
            return Ok(None);
        }
        let scanned = bytes.len();
        bytes.extend_from_slice(&buffer[..received.bytes]);
        if descriptors.len() > DESCRIPTORS_MAX {
            return Err("it brought too many descriptors");
        }
        if let Some(offset) = memchr::memchr(b'\n', &bytes[scanned..]) {
            break scanned + offset;
        }
        if bytes.len() > HELLO_BYTES_MAX {
            return Err("its greeting has no end");
        }
    };
    let rest = bytes.split_off(end + 1);
    let hello = serde_json::from_slice(&bytes[..end]).map_err(|_| "its greeting is none that this daemon knows")?;
    Ok(Some(Greeting { hello, descriptors, rest }))
}
