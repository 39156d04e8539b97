//! The operator's verbs: they change what runs.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Serialize;

use crate::operations::{Acted, RebuildReport, Reloaded, Selection};

use super::inputs::{Nothing, Order, Quarantine};
use super::{Asked, Fault, FaultKind, Verbs};

/// How orders to servers ended.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Ordered {
    /// One for each server that was meant, by name.
    servers: Vec<Acted>,
}

/// Which servers are meant. Over a network all of them are meant only by who says so.
fn selection(order: Order) -> Result<Selection, Fault> {
    let servers: Vec<String> = order.servers.into_iter().flatten().chain(order.server).collect();
    let (groups, all) = (order.groups.unwrap_or_default(), order.all.unwrap_or(false));
    if servers.is_empty() && groups.is_empty() && !all {
        return Err(Fault::invalid_at("", "say which servers: `servers`, `groups`, or `all`: true"));
    }
    Ok(Selection { servers, groups, all })
}

pub(super) async fn start(verbs: &Verbs, asked: Asked<'_>, input: Order) -> Result<Ordered, Fault> {
    Ok(Ordered { servers: verbs.operations.start_servers(asked.cx, &selection(input)?).await? })
}

pub(super) async fn stop(verbs: &Verbs, asked: Asked<'_>, input: Order) -> Result<Ordered, Fault> {
    Ok(Ordered { servers: verbs.operations.stop_servers(asked.cx, &selection(input)?).await? })
}

pub(super) async fn restart(verbs: &Verbs, asked: Asked<'_>, input: Order) -> Result<Ordered, Fault> {
    Ok(Ordered { servers: verbs.operations.restart_servers(asked.cx, &selection(input)?).await? })
}

pub(super) async fn quarantine(verbs: &Verbs, asked: Asked<'_>, input: Quarantine) -> Result<Acted, Fault> {
    let why = input.why.unwrap_or_default();
    Ok(verbs.operations.quarantine_server(asked.cx, &input.server, &why).await?)
}

pub(super) async fn reload(verbs: &Verbs, asked: Asked<'_>, _: Nothing) -> Result<Reloaded, Fault> {
    // What is wrong with the new files is for the operator to mend, and no fault of the request.
    let ended = verbs.operations.reload(asked.cx).await;
    ended.map_err(|fault| Fault::new(FaultKind::Unavailable, fault.one_line()))
}

pub(super) async fn rebuild(verbs: &Verbs, asked: Asked<'_>, _: Nothing) -> Result<RebuildReport, Fault> {
    // Whoever waits at the other end of a request sees no progress; the log has it.
    Ok(verbs.operations.rebuild_index(asked.cx, Arc::new(|_| {})).await?)
}
