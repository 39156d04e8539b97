//! The REST API: everything that HTTP clients ask for and that is no MCP. Paths below `/api/v1` and `POST /mcp/<name>` are made from the
//! table of verbs, as is the OpenAPI document. What goes wrong is a problem document (RFC 9457), whoever found it, and every answer
//! has a request id. Nothing here decides what a verb does.

mod docs;
mod events;
mod health;
mod input;
mod metrics;
mod openapi;
mod openapi_parts;
mod problem;
mod request_id;
mod routes;
mod serve;
mod socket;
#[cfg(test)]
mod tests;

pub(in crate::gateway) use serve::answer;

/// Whether a path below `/mcp` is the name of a verb or tool instead of a view of MCP: one piece that is no view.
pub(in crate::gateway) fn is_name(below_mcp: &str) -> bool {
    let name = below_mcp.strip_prefix('/').unwrap_or_default();
    !name.is_empty() && !name.contains('/') && name != "direct"
}
