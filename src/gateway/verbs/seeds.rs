//! Names and answers that older programs know: `get_server_status`, `get_orchestrator_status` and `discover_capabilities`. Their
//! clients shall run as they are, so these answers keep to what those read and use their words.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use crate::operations::{ListedTool, ServerSeen, StatusOutput, ToolsInput};

use super::inputs::{Discover, Nothing};
use super::{Asked, Fault, Verbs};

/// How all servers are, in the words of older programs.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct SeedStatus {
    /// All of them together.
    orchestrator: SeedOrchestrator,
    /// By name.
    servers: BTreeMap<String, SeedServer>,
}

/// mcporch itself.
#[derive(Debug, Serialize, JsonSchema)]
struct SeedOrchestrator {
    /// Servers that take calls.
    running: usize,
    /// All servers.
    total: usize,
    /// Servers with a fault.
    failed: usize,
    /// Tools that are known.
    tools: usize,
    /// Its version.
    version: &'static str,
    /// Seconds since it was started.
    uptime_s: u64,
}

/// One server.
#[derive(Debug, Serialize, JsonSchema)]
struct SeedServer {
    /// Its name.
    name: String,
    /// `running`, `stopped`, `crashed`, `unhealthy` or `starting`.
    status: &'static str,
    /// Our own word for it.
    state: &'static str,
    /// What it is for.
    description: String,
    /// Its process.
    pid: Option<u32>,
    /// Calls it was given.
    calls: u64,
    /// Calls that failed for a fault of it.
    errors: u64,
    /// Starts that followed a failure or an order.
    restarts: u64,
    /// What is wrong.
    fault: Option<String>,
    /// The environment variables that it needs, and whether each is there.
    required_env_status: BTreeMap<String, bool>,
}

/// What there is, in the words of older programs.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct SeedCapabilities {
    /// By name.
    servers: BTreeMap<String, SeedCapability>,
    /// All tools, `server.tool`.
    tools: Vec<String>,
    /// Resources are shown by each server's own address, `/mcp/s/SERVER`.
    resources: Vec<String>,
}

/// What one server has.
#[derive(Debug, Default, Serialize, JsonSchema)]
struct SeedCapability {
    /// What it is for.
    description: String,
    /// Its tools, as it spells them.
    tools: Vec<String>,
    /// See there.
    resources: Vec<String>,
}

/// The older programs have five words for how a server is.
fn word(state: &str) -> &'static str {
    match state {
        "ready" => "running",
        "degraded" => "unhealthy",
        "starting" | "backoff" => "starting",
        "crashed" => "crashed",
        _ => "stopped",
    }
}

pub(super) async fn server_status(verbs: &Verbs, _: Asked<'_>, _: Nothing) -> Result<SeedStatus, Fault> {
    let operations = &verbs.operations;
    let StatusOutput { servers, tools, version, uptime_s, .. } = operations.status();
    let orchestrator = SeedOrchestrator {
        running: servers.running,
        total: servers.total,
        failed: servers.failed,
        tools,
        version,
        uptime_s,
    };
    let mut needed = operations.required_env();
    let seen = operations.look_at_servers().servers.into_iter().map(|ServerSeen { status, about, .. }| {
        let name = status.server.to_string();
        let server = SeedServer {
            status: word(status.state.word()),
            state: status.state.word(),
            description: about,
            pid: status.pid,
            calls: status.calls,
            errors: status.errors,
            restarts: status.restarts,
            fault: status.fault,
            required_env_status: needed.remove(&name).unwrap_or_default(),
            name: name.clone(),
        };
        (name, server)
    });
    Ok(SeedStatus { orchestrator, servers: seen.collect() })
}

pub(super) async fn discover(verbs: &Verbs, _: Asked<'_>, input: Discover) -> Result<SeedCapabilities, Fault> {
    let wanted = input.server;
    let all = ToolsInput { server: wanted.clone(), limit: usize::MAX, cursor: None };
    let listed = verbs.operations.list_tools(&all).await?.tools;
    let mut servers: BTreeMap<String, SeedCapability> = BTreeMap::new();
    for ServerSeen { status, about, .. } in verbs.operations.look_at_servers().servers {
        let name = status.server.to_string();
        if wanted.as_ref().is_none_or(|wanted| *wanted == name) {
            servers.insert(name, SeedCapability { description: about, ..SeedCapability::default() });
        }
    }
    for ListedTool { tool, server, .. } in &listed {
        let of_server = servers.entry(server.to_string()).or_default();
        let own = tool.strip_prefix(server.as_str()).and_then(|rest| rest.strip_prefix('.')).unwrap_or(tool);
        of_server.tools.push(own.to_owned());
    }
    Ok(SeedCapabilities { servers, tools: listed.into_iter().map(|line| line.tool).collect(), resources: Vec::new() })
}
