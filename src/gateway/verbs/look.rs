//! The verbs that look: they run no tool and start no server.

#![expect(clippy::unused_async, reason = "the table takes futures alone, and some verbs have nothing to wait for")]

use crate::operations::{
    CapabilitiesInput, CapabilitiesOutput, Detail, ExplainInput, ExplainOutput, FindInput, FindOutput, IndexStatus,
    ServerOutput, ServersOutput, ToolsInput, ToolsOutput,
};

use super::inputs::{Capabilities, Explain, Find, FindDetail, Nothing, PAGE_LEN, Server, Tools};
use super::{Asked, Fault, Verbs};

pub(super) async fn find(verbs: &Verbs, asked: Asked<'_>, input: Find) -> Result<FindOutput, Fault> {
    let detail = match input.detail {
        Some(FindDetail::Names) => Detail::Names,
        Some(FindDetail::Full) => Detail::Full,
        Some(FindDetail::Brief) | None => Detail::Brief,
    };
    let input = FindInput { query: input.query, limit: input.limit, detail, caller: asked.cx.caller };
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
