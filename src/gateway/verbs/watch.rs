//! The verbs that look at what went on: calls, figures of servers, the audit log.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Serialize;
use tokio::sync::Semaphore;

use crate::audit::{self, Entry};
use crate::domain::error_chain;
use crate::monitor::{CallDetail, CallFilter, CallPage, Latency, Monitor};

use super::inputs::{Audit, Calls, History, LatencyOf, OneCall, PAGE_LEN};
use super::{Asked, Fault, FaultKind, RawJson, Verbs};

/// Who reads the audit log at once: the rest of the few blocking threads is for routing, which needs them too.
static READING: Semaphore = Semaphore::const_new(2);

/// Records of the audit log.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct AuditOutput {
    /// The newest first.
    entries: Vec<Entry>,
    /// Where the next page starts; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

fn monitor(verbs: &Verbs) -> Result<&Arc<Monitor>, Fault> {
    let off = || Fault::new(FaultKind::NotFound, "nothing is kept of what goes on (monitor.enabled)");
    verbs.monitor.as_ref().ok_or_else(off)
}

pub(super) async fn history(verbs: &Verbs, _: Asked<'_>, input: History) -> Result<RawJson, Fault> {
    let monitor = monitor(verbs)?;
    if let Some(server) = &input.server {
        // One that is not there is no empty picture.
        verbs.operations.look_at_server(server)?;
    }
    let measured = monitor.history(input.range.unwrap_or_default(), input.server.as_deref()).await;
    let measured = measured.ok_or_else(|| {
        let what = "the file of samples does not answer: too many look at once, or the disk is slow";
        Fault { retry_after_s: Some(5), ..Fault::new(FaultKind::Unavailable, what) }
    })?;
    // A week of many servers is megabytes of numbers, and others want their turn meanwhile.
    let written = tokio::task::spawn_blocking(move || RawJson::of(&measured)).await;
    written.unwrap_or_else(|_| Err(Fault::new(FaultKind::Internal, "the history could not be written down")))
}

pub(super) async fn calls(verbs: &Verbs, _: Asked<'_>, input: Calls) -> Result<CallPage, Fault> {
    let Calls { server, tool, outcome, verb, limit, cursor } = input;
    let filter = CallFilter { server, tool, outcome, verb };
    Ok(monitor(verbs)?.calls(&filter, cursor.as_deref(), limit.unwrap_or(PAGE_LEN)))
}

pub(super) async fn call_detail(verbs: &Verbs, _: Asked<'_>, input: OneCall) -> Result<CallDetail, Fault> {
    let gone = || {
        let what = format!("there is no call {:?}, or it is no longer kept (monitor.calls_max)", input.id);
        Fault::new(FaultKind::NotFound, what)
    };
    monitor(verbs)?.call(&input.id).ok_or_else(gone)
}

pub(super) async fn latency(verbs: &Verbs, _: Asked<'_>, input: LatencyOf) -> Result<Latency, Fault> {
    let filter = CallFilter { server: input.server, tool: input.tool, ..CallFilter::default() };
    Ok(monitor(verbs)?.latency(&filter))
}

pub(super) async fn audit(verbs: &Verbs, _: Asked<'_>, input: Audit) -> Result<AuditOutput, Fault> {
    let Some(folder) = verbs.audit.clone() else {
        return Err(Fault::new(FaultKind::NotFound, "no audit log is kept (audit.enabled)"));
    };
    let filter = audit::Filter { who: input.who, action: input.action };
    let before = input.cursor.as_deref().and_then(|cursor| cursor.parse().ok());
    let limit = input.limit.unwrap_or(PAGE_LEN);
    let broke_off = || Fault::new(FaultKind::Internal, "reading the audit log broke off");
    let place = READING.acquire().await.map_err(|_| broke_off())?;
    let reading = tokio::task::spawn_blocking(move || {
        let _until_it_is_read = place;
        audit::page(&folder, &filter, before, limit)
    });
    let page = match reading.await {
        Ok(Ok(page)) => page,
        Ok(Err(fault)) => return Err(Fault::new(FaultKind::Internal, error_chain(&fault))),
        Err(_) => return Err(broke_off()),
    };
    Ok(AuditOutput { entries: page.entries, next_cursor: page.next.map(|next| next.to_string()) })
}
