//! Who we are and what we speak.

use std::sync::OnceLock;

use serde_json::{Value, json};

/// Revisions with an `initialize` handshake, oldest first.
pub const LEGACY_VERSIONS: &[&str] = &["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"];
/// The last of them.
const NEWEST_LEGACY: &str = "2025-11-25";
/// Stateless revisions, oldest first.
pub const MODERN_VERSIONS: &[&str] = &["2026-07-28"];

/// Key of the version in a request's `_meta`.
pub const META_VERSION: &str = "io.modelcontextprotocol/protocolVersion";
/// Key of the client's name in a request's `_meta`.
pub(super) const META_CLIENT: &str = "io.modelcontextprotocol/clientInfo";
/// Key of what the client can do.
pub(super) const META_CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";
/// Key of the level from which on it wants log messages.
pub(super) const META_LOG_LEVEL: &str = "io.modelcontextprotocol/logLevel";
/// Key of our name in a result's `_meta`.
pub(super) const META_SERVER: &str = "io.modelcontextprotocol/serverInfo";
/// Key of the subscription in a notification's `_meta`.
pub(super) const META_SUBSCRIPTION: &str = "io.modelcontextprotocol/subscriptionId";

/// How long a client may keep the tool list without asking again, in milliseconds. The list changes only when a server
/// comes or goes, and that is told.
pub(super) const LIST_TTL_MS: u64 = 60_000;

/// For models; some clients read only the first 512 characters.
const INSTRUCTIONS: &str = "mcporch stands in front of all connected MCP servers. To get something done call execute \
with the request in words and, when you know them, the tool's params; it picks the tool, checks the params and returns \
the tool's own result. When it answers needs_choice, needs_params or needs_confirmation, call execute again with \"tool\" \
set. find_tool shows which tools fit without running one, list_capabilities what is connected, explain_tool one tool \
in full.";

pub(super) fn server_info() -> Value {
    json!({"name": "mcporch", "title": "mcporch", "version": env!("CARGO_PKG_VERSION")})
}

/// The same as raw JSON: each result of a tool carries it.
pub(super) fn server_info_text() -> &'static str {
    static TEXT: OnceLock<String> = OnceLock::new();
    TEXT.get_or_init(|| server_info().to_string())
}

/// What views of several servers offer.
pub(super) fn capabilities_of_all() -> Value {
    json!({
        "tools": {"listChanged": true},
        "prompts": {"listChanged": true},
        "resources": {"subscribe": true, "listChanged": true},
        "completions": {},
        "logging": {},
    })
}

fn capabilities() -> Value {
    json!({"tools": {"listChanged": true}})
}

/// The revision that `initialize` agrees on: the one asked for, or our newest when we do not speak that, as the specification
/// wants.
pub(super) fn negotiated(asked: Option<&str>) -> &str {
    asked.filter(|asked| LEGACY_VERSIONS.contains(asked)).unwrap_or(NEWEST_LEGACY)
}

/// Adds to a list of ours what the stateless revisions want of it.
pub(super) fn complete(result: &mut Value) {
    result["resultType"] = "complete".into();
    result["ttlMs"] = LIST_TTL_MS.into();
    result["cacheScope"] = "private".into();
    result["_meta"] = json!({META_SERVER: server_info()});
}

/// The result of `initialize`.
pub(super) fn initialized(asked: Option<&str>) -> Value {
    json!({
        "protocolVersion": negotiated(asked),
        "capabilities": capabilities(),
        "serverInfo": server_info(),
        "instructions": INSTRUCTIONS,
    })
}

/// The result of `server/discover`.
pub(super) fn discovered() -> Value {
    json!({
        "resultType": "complete",
        "supportedVersions": MODERN_VERSIONS,
        "capabilities": capabilities(),
        "instructions": INSTRUCTIONS,
        "ttlMs": 3_600_000,
        "cacheScope": "public",
        "_meta": {META_SERVER: server_info()},
    })
}
