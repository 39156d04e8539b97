//! The verbs that look: they run no tool and start no server.

use serde_json::Value;

use crate::domain::Moment;
use crate::operations::{
    CapabilitiesInput, CapabilitiesOutput, Detail, ExplainInput, ExplainOutput, FindInput, FindOutput, IndexStatus,
    InspectInput, InspectOutput, LogInput, LogOutput, ServerOutput, ServersOutput, SettingsOutput, StatusOutput,
    ToolsInput, ToolsOutput,
};

use super::inputs::{Capabilities, Explain, Find, FindDetail, Inspect, Logs, Nothing, PAGE_LEN, Server, Tools};
use super::{Asked, Fault, Verbs};

/// Lines of a log where nobody says how many.
const LOG_LINES: usize = 200;

pub(super) async fn find(verbs: &Verbs, asked: Asked<'_>, input: Find) -> Result<FindOutput, Fault> {
    let detail = match input.detail {
        Some(FindDetail::Names) => Detail::Names,
        Some(FindDetail::Full) => Detail::Full,
        Some(FindDetail::Brief) | None => Detail::Brief,
    };
    let input = FindInput {
        query: input.query,
        limit: input.limit,
        detail,
        caller: asked.cx.caller,
        who: asked.cx.who.clone(),
        surface: asked.cx.surface,
    };
    Ok(verbs.operations.find_tool(&input).await?)
}

pub(super) async fn explain(verbs: &Verbs, _: Asked<'_>, input: Explain) -> Result<ExplainOutput, Fault> {
    let input = ExplainInput { server: input.server.unwrap_or_default(), tool: input.tool };
    Ok(verbs.operations.explain_tool(&input).await?)
}

pub(super) async fn capabilities(
    verbs: &Verbs,
    _: Asked<'_>,
    input: Capabilities,
) -> Result<CapabilitiesOutput, Fault> {
    Ok(verbs.operations.list_capabilities(&CapabilitiesInput { category: input.category }).await?)
}

pub(super) async fn index(verbs: &Verbs, _: Asked<'_>, _: Nothing) -> Result<IndexStatus, Fault> {
    Ok(verbs.operations.index_status().await)
}

pub(super) async fn tools(verbs: &Verbs, _: Asked<'_>, input: Tools) -> Result<ToolsOutput, Fault> {
    let limit = input.limit.unwrap_or(PAGE_LEN);
    Ok(verbs.operations.list_tools(&ToolsInput { server: input.server, limit, cursor: input.cursor }).await?)
}

pub(super) async fn servers(verbs: &Verbs, _: Asked<'_>, _: Nothing) -> Result<ServersOutput, Fault> {
    Ok(verbs.operations.look_at_servers())
}

pub(super) async fn server(verbs: &Verbs, _: Asked<'_>, input: Server) -> Result<ServerOutput, Fault> {
    Ok(verbs.operations.look_at_server(&input.server)?)
}

pub(super) async fn logs(verbs: &Verbs, _: Asked<'_>, input: Logs) -> Result<LogOutput, Fault> {
    let input = LogInput {
        server: input.server,
        lines: input.lines.unwrap_or(LOG_LINES),
        since: input.since.map(Moment),
        contains: input.contains,
    };
    Ok(verbs.operations.server_log(&input).await?)
}

pub(super) async fn inspect(verbs: &Verbs, _: Asked<'_>, input: Inspect) -> Result<InspectOutput, Fault> {
    let input = InspectInput { request: input.request, params: input.params.map(Value::Object) };
    Ok(verbs.operations.inspect(&input).await?)
}

pub(super) async fn status(verbs: &Verbs, _: Asked<'_>, _: Nothing) -> Result<StatusOutput, Fault> {
    Ok(verbs.operations.status())
}

pub(super) async fn config(verbs: &Verbs, _: Asked<'_>, _: Nothing) -> Result<SettingsOutput, Fault> {
    Ok(verbs.operations.settings_in_force()?)
}
