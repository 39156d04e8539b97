//! The names of OpenTelemetry's semantic conventions for generative AI and MCP, as they were when this was written: they are still
//! being developed, so they stand here and nowhere else.

/// The instrumentation scope.
pub(super) const SCOPE: &str = "mcporch";

pub(super) const METHOD: &str = "mcp.method.name";
pub(super) const VERSION: &str = "mcp.protocol.version";
pub(super) const REQUEST_ID: &str = "jsonrpc.request.id";
pub(super) const TOOL: &str = "gen_ai.tool.name";
pub(super) const OPERATION: &str = "gen_ai.operation.name";
pub(super) const EXECUTE_TOOL: &str = "execute_tool";
pub(super) const ERROR_TYPE: &str = "error.type";
pub(super) const TOOL_ERROR: &str = "tool_error";
pub(super) const STATUS_CODE: &str = "rpc.response.status_code";
pub(super) const TRANSPORT: &str = "network.transport";
/// Ours: what was asked over a surface that is not MCP.
pub(super) const VERB: &str = "mcporch.verb";
/// Ours: which of the servers behind us.
pub(super) const SERVER: &str = "mcporch.server.name";
/// Ours: which way a request came.
pub(super) const SURFACE: &str = "mcporch.surface";

pub(super) const CALL_TOOL: &str = "tools/call";

/// How long a request took that came to us.
pub(super) const SERVER_DURATION: &str = "mcp.server.operation.duration";
/// How long a request took that we made.
pub(super) const CLIENT_DURATION: &str = "mcp.client.operation.duration";
/// Our own figures; those at `/metrics` of the same meaning have these names with underscores and units.
pub(super) const CALLS: &str = "mcporch.calls";
pub(super) const CALL_ERRORS: &str = "mcporch.call.errors";
pub(super) const DECISIONS: &str = "mcporch.routing.decisions";
pub(super) const CONFIDENCE: &str = "mcporch.routing.confidence";
pub(super) const STAGE_DURATION: &str = "mcporch.routing.stage.duration";

/// The convention's boundaries for both, in seconds.
pub(super) const DURATION_BOUNDS: &[f64] =
    &[0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0];
/// Finer below, since most stages take a millisecond or less.
pub(super) const STAGE_BOUNDS: &[f64] =
    &[0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 10.0, 60.0];
/// Of a probability; closer together where the bars are.
pub(super) const CONFIDENCE_BOUNDS: &[f64] = &[0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95, 0.97, 0.99];
