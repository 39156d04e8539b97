//! Control requests: which verb a method is. One request at a time; a connection that is closed drops what it asked for.

use std::io::Cursor;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::net::unix::OwnedWriteHalf;

use crate::domain::Surface;
use crate::local_socket::{Ask, Failure, News, Told, line};
use crate::operations::{Error, OpContext};
use crate::wire::{Line, LineReader};

use super::connection::accept;
use super::presence::Busy;
use super::service::Service;

/// Longest control request, in bytes: as long as what an MCP client may write, since a call may be in it.
const LINE_BYTES_MAX: usize = 16 * 1024 * 1024;
/// How long a connection may be open without a request. A guess: programs ask at once, and people connect by programs.
const SILENCE_MAX: Duration = Duration::from_secs(60);
/// How long the other side may take to read a line.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);

const INVALID_REQUEST: i64 = -32600;
const METHOD_NOT_FOUND: i64 = -32601;
const INVALID_PARAMS: i64 = -32602;
const INTERNAL_ERROR: i64 = -32603;
/// The verb gave no answer; the message says why.
const REFUSED: i64 = -32000;

/// Answers requests until the other side leaves.
pub(super) async fn serve(service: &Service, mut stream: UnixStream, rest: Vec<u8>) {
    if accept(service, &mut stream, None).await.is_err() {
        return;
    }
    let (read, mut write) = stream.into_split();
    let mut lines = LineReader::new(Cursor::new(rest).chain(read), LINE_BYTES_MAX);
    loop {
        let Ok(Ok(Some(line))) = tokio::time::timeout(SILENCE_MAX, lines.next()).await else { return };
        let ask: Ask = match read_ask(&line) {
            Ok(ask) => ask,
            Err(error) => {
                tell(&mut write, &Told::Failed { id: 0, error }).await;
                return;
            }
        };
        let id = ask.id;
        let answering = answer(service, &ask, &mut write);
        let told = tokio::select! {
            told = answering => told,
            next = lines.next() => match next {
                // Asked before it was answered: one at a time, and this program asks so.
                Ok(Some(_)) => Err(failure(INVALID_REQUEST, "wait for an answer before the next request")),
                _ => return,
            },
        };
        let told = match told {
            Ok(result) => Told::Done { id, result },
            Err(error) => Told::Failed { id, error },
        };
        if !tell(&mut write, &told).await {
            return;
        }
    }
}

/// The dispatcher. A verb that streams writes [`crate::local_socket::News`] on the way; the result ends the request.
async fn answer(service: &Service, ask: &Ask, news: &mut OwnedWriteHalf) -> Result<Value, Failure> {
    let is_order = ["start", "stop", "restart", "call", "quarantine", "reload"].contains(&ask.method.as_str());
    let _busy = is_order.then(|| Busy::begin(&service.presence));
    // The socket lets nobody in but the user himself.
    let cx = OpContext { surface: Surface::Cli, who: Some("cli".into()), ..OpContext::default() };
    match ask.method.as_str() {
        "ping" => Ok(json!({"pid": std::process::id(), "version": service.build.version})),
        "status" => {
            let servers = service.operations.server_status(&params(ask)?).map_err(|fault| failed(&fault))?;
            Ok(json!({"daemon": about(service), "servers": servers}))
        }
        "start" => told(service.operations.start_servers(&cx, &params(ask)?).await),
        "stop" => told(service.operations.stop_servers(&cx, &params(ask)?).await),
        "restart" => told(service.operations.restart_servers(&cx, &params(ask)?).await),
        "call" => {
            let relayed = service.operations.relay(&cx, &params(ask)?).await;
            relayed.map(|result| json!({"result": result})).map_err(|fault| failed(&fault))
        }
        "quarantine" => {
            let asked: Quarantine = params(ask)?;
            told(service.operations.quarantine_server(&cx, &asked.server, &asked.why).await)
        }
        "reload" => told(service.operations.reload(&cx).await),
        "follow" => follow(service, news).await,
        "pin" => {
            service.presence.send_modify(|presence| presence.pins += 1);
            Ok(about(service))
        }
        "unpin" => {
            service.presence.send_modify(|presence| presence.pins = presence.pins.saturating_sub(1));
            Ok(about(service))
        }
        "stop_daemon" => {
            tracing::info!("asked to stop");
            service.stop.cancel();
            Ok(json!({"pid": std::process::id()}))
        }
        method => Err(failure(METHOD_NOT_FOUND, &format!("the daemon knows no request {method:?}"))),
    }
}

/// What `quarantine` is told.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Quarantine {
    server: String,
    #[serde(default)]
    why: String,
}

/// The parameters of a request; none are as an empty object.
fn params<T: DeserializeOwned>(ask: &Ask) -> Result<T, Failure> {
    let given = if ask.params.is_null() { json!({}) } else { ask.params.clone() };
    serde_json::from_value(given).map_err(|fault| failure(INVALID_PARAMS, &format!("{}: {fault}", ask.method)))
}

fn told<T: Serialize>(ended: Result<T, Error>) -> Result<Value, Failure> {
    let done = ended.map_err(|fault| failed(&fault))?;
    serde_json::to_value(done).map_err(|fault| failure(INTERNAL_ERROR, &fault.to_string()))
}

fn failed(fault: &Error) -> Failure {
    failure(REFUSED, &fault.one_line())
}

/// Tells of the daemon itself, now and whenever somebody comes or goes, until it stops.
async fn follow(service: &Service, news: &mut OwnedWriteHalf) -> Result<Value, Failure> {
    let mut presence = service.presence.subscribe();
    loop {
        presence.mark_unchanged();
        let told = Told::News(News { method: "daemon".to_owned(), params: about(service) });
        if !tell(news, &told).await {
            return Err(failure(INVALID_REQUEST, "nobody reads"));
        }
        tokio::select! {
            _ = presence.changed() => {}
            () = service.stop.cancelled() => return Ok(about(service)),
        }
    }
}

/// The daemon itself, for people.
fn about(service: &Service) -> Value {
    let presence = *service.presence.borrow();
    json!({
        "pid": std::process::id(),
        "version": service.build.version,
        "uptime_s": service.started.elapsed().as_secs(),
        "clients": presence.clients,
        "pins": presence.pins,
        "keeps_servers": service.operations.keeps_servers(),
        "calls_in_flight": service.calls.load(std::sync::atomic::Ordering::Relaxed),
        "log": service.log,
        "http": service.http.get().map_or(&[][..], Vec::as_slice),
    })
}

fn read_ask(line: &Line) -> Result<Ask, Failure> {
    let Line::Text(text) = line else { return Err(failure(INVALID_REQUEST, "this is no request, or too long")) };
    serde_json::from_str(text).map_err(|fault| failure(INVALID_REQUEST, &format!("this is no request: {fault}")))
}

fn failure(code: i64, message: &str) -> Failure {
    Failure { code, message: message.to_owned() }
}

/// Whether it could be told.
async fn tell(write: &mut OwnedWriteHalf, told: &Told) -> bool {
    matches!(tokio::time::timeout(WRITE_TIMEOUT, write.write_all(&line(told))).await, Ok(Ok(())))
}
