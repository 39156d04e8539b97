//! The words of the connection itself: who he is, what he wants to hear of, what he takes back.

use serde::Deserialize;
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::domain::{Scope, ServerName};
use crate::gateway::http::Refusal;
use crate::gateway::verbs::{Fault, FaultKind};
use crate::gateway::watch::{Topics, Unknown};

use super::connection::Connection;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Shown {
    key: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Chosen {
    topics: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TakenBack {
    id: Value,
}

/// Shows a key: from now on the connection may what it may.
pub(super) fn auth<S: AsyncRead + AsyncWrite + Unpin>(
    connection: &mut Connection<S>,
    params: &Value,
) -> Result<Value, Fault> {
    let Shown { key } = read(params)?;
    let access = &connection.service.access;
    let visitor = access.holder(&key, connection.from);
    let visitor = visitor.inspect_err(|refusal| access.note(*refusal, connection.from, None)).map_err(fault)?;
    connection.service.access.count(&visitor).map_err(fault)?;
    let counted = connection.service.count_watcher(&visitor)?;
    let told = json!({"who": visitor.who, "scope": visitor.scope});
    connection.key = Some(key.into());
    connection.let_in(visitor, counted);
    // What he heard before he may not hear any more.
    let scope = connection.scope();
    let heard = connection.watched();
    if let Ok(topics) = Topics::parse(heard.words().iter().map(String::as_str), scope, |_| true) {
        connection.watch(topics);
    } else {
        connection.watch(Topics::default());
    }
    Ok(told)
}

/// Takes a request back. It is answered all the same.
pub(super) fn cancel<S>(connection: &Connection<S>, params: &Value) -> Result<Value, Fault> {
    let TakenBack { id } = read(params)?;
    Ok(json!({"cancelled": connection.requests.cancel(&id.to_string())}))
}

/// Hears of these topics, too.
pub(super) fn subscribe<S: AsyncRead + AsyncWrite + Unpin>(
    connection: &mut Connection<S>,
    params: &Value,
) -> Result<Value, Fault> {
    let more = topics(connection, params)?;
    let all = connection.watched().and(&more).map_err(unknown)?;
    Ok(json!({"topics": connection.watch(all)}))
}

/// Hears of these topics no more; of none without any.
pub(super) fn unsubscribe<S: AsyncRead + AsyncWrite + Unpin>(
    connection: &mut Connection<S>,
    params: &Value,
) -> Result<Value, Fault> {
    let left = if params.as_object().is_some_and(serde_json::Map::is_empty) {
        Topics::default()
    } else {
        let Chosen { topics } = read(params)?;
        // What he follows he may name, be its server gone.
        let less = Topics::parse(topics.iter().map(String::as_str), Scope::Admin, |_| true).map_err(unknown)?;
        connection.watched().without(&less)
    };
    Ok(json!({"topics": connection.watch(left)}))
}

fn topics<S: AsyncRead + AsyncWrite + Unpin>(connection: &Connection<S>, params: &Value) -> Result<Topics, Fault> {
    let Chosen { topics } = read(params)?;
    let known = connection.service.front.operations.known_now();
    let is_server = |server: &ServerName| known.servers.contains_key(server);
    let topics = Topics::parse(topics.iter().map(String::as_str), connection.scope(), is_server);
    if let (Err(Unknown::Scope { needed, .. }), Some(visitor)) = (&topics, &connection.visitor) {
        let _told_in_words_of_its_own = connection.service.access.needs(visitor, *needed);
    }
    topics.map_err(unknown)
}

fn read<T: serde::de::DeserializeOwned>(params: &Value) -> Result<T, Fault> {
    T::deserialize(params).map_err(|fault| Fault::invalid_at("/params", fault.to_string()))
}

pub(in crate::gateway) fn unknown(unknown: Unknown) -> Fault {
    match unknown {
        Unknown::Scope { .. } => Fault::new(FaultKind::ScopeTooSmall, unknown.to_string()),
        Unknown::Topic(_) | Unknown::Server(_) | Unknown::TooMany => Fault::invalid_at("/topics", unknown.to_string()),
    }
}

/// Somebody is not let in.
pub(super) fn fault(refusal: Refusal) -> Fault {
    let kind = FaultKind::ALL.into_iter().find(|kind| kind.slug() == refusal.slug());
    let mut fault = Fault::new(kind.unwrap_or(FaultKind::Internal), refusal.message());
    if refusal == Refusal::NoKey {
        fault.detail = "a key is needed: send {\"method\":\"auth\",\"params\":{\"key\":…}} first".to_owned();
    }
    fault.retry_after_s = refusal.retry_after_s();
    fault
}

pub(super) fn stopping() -> Fault {
    Fault::new(FaultKind::Unavailable, "mcporch stops; connect again")
}
