//! What arrives: one JSON-RPC message, its envelope read without copying.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

/// The newest revision, and the only one without a handshake.
pub(super) const MODERN_VERSION: &str = "2026-07-28";
/// The revisions with a handshake, newest first.
pub(super) const LEGACY_VERSIONS: [&str; 4] = ["2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"];

/// Invalid JSON.
pub(super) const PARSE_ERROR: i32 = -32700;
/// JSON that is no request.
pub(super) const INVALID_REQUEST: i32 = -32600;
/// Unknown method.
pub(super) const METHOD_NOT_FOUND: i32 = -32601;
/// Unknown tool, or parameters that do not fit.
pub(super) const INVALID_PARAMS: i32 = -32602;
/// A revision that is not served (MCP 2026-07-28, basic/versioning).
pub(super) const UNSUPPORTED_VERSION: i32 = -32022;

/// The envelope.
#[derive(Debug, Deserialize)]
pub(super) struct Incoming<'a> {
    /// Absent on notifications.
    #[serde(borrow, default)]
    pub(super) id: Option<&'a RawValue>,
    /// Empty on responses.
    #[serde(borrow, default)]
    pub(super) method: Cow<'a, str>,
    /// Read later, by method.
    #[serde(borrow, default)]
    pub(super) params: Option<&'a RawValue>,
    /// On answers to requests of ours.
    #[serde(borrow, default)]
    pub(super) result: Option<&'a RawValue>,
    /// The same, when they went wrong.
    #[serde(borrow, default)]
    pub(super) error: Option<&'a RawValue>,
}

impl Incoming<'_> {
    /// The id as text, if it is one that the protocol allows: a string or a number.
    pub(super) fn id_text(&self) -> Option<&str> {
        self.id
            .map(RawValue::get)
            .filter(|id| id.starts_with(['"', '-']) || id.starts_with(|c: char| c.is_ascii_digit()))
    }
}

/// The parameters of all methods that this server knows, in one: each method reads what is its own.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Params<'a> {
    /// tools/call: the tool.
    #[serde(borrow, default)]
    pub(super) name: Cow<'a, str>,
    /// tools/call: its arguments.
    #[serde(borrow, default)]
    pub(super) arguments: Option<&'a RawValue>,
    /// tools/list: where to go on.
    #[serde(default)]
    pub(super) cursor: Option<String>,
    /// initialize: the revision that the client would like.
    #[serde(borrow, default, rename = "protocolVersion")]
    pub(super) protocol_version: Cow<'a, str>,
    /// notifications/cancelled: the request to stop.
    #[serde(borrow, default, rename = "requestId")]
    pub(super) request_id: Option<&'a RawValue>,
    /// subscriptions/listen: what to be told about.
    #[serde(default)]
    pub(super) notifications: Wanted,
    /// Metadata.
    #[serde(borrow, default, rename = "_meta")]
    pub(super) meta: Option<Meta<'a>>,
    /// All of them, as JSON text.
    #[serde(skip)]
    pub(super) raw: Option<&'a str>,
}

/// The filter of a subscription.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Wanted {
    /// Changes of the tool list.
    #[serde(default, rename = "toolsListChanged")]
    pub(super) tools_list_changed: bool,
}

/// The metadata of a request.
#[derive(Debug, Deserialize)]
pub(super) struct Meta<'a> {
    /// Makes a request a modern one.
    #[serde(borrow, default, rename = "io.modelcontextprotocol/protocolVersion")]
    pub(super) protocol_version: Cow<'a, str>,
    /// Required on modern requests.
    #[serde(borrow, default, rename = "io.modelcontextprotocol/clientCapabilities")]
    pub(super) client_capabilities: Option<&'a RawValue>,
    /// Asks for progress.
    #[serde(borrow, default, rename = "progressToken")]
    pub(super) progress_token: Option<&'a RawValue>,
}
