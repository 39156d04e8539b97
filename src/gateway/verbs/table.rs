//! The table itself.

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{LazyLock, OnceLock};

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::domain::Scope;
use crate::monitor::{CallDetail, CallPage, Latency, Measured};
use crate::operations::{
    Acted, CapabilitiesOutput, ExplainOutput, FeedbackOutput, FindOutput, IndexStatus, InspectOutput, LogOutput,
    RebuildReport, Reloaded, ServerOutput, ServersOutput, SettingsOutput, StatusOutput, ToolsOutput,
};

use super::shape::Shape;
use super::{Asked, Fault, RawJson, Verbs, inputs, look, orders, outputs, run_tools, seeds, watch};

/// How a path is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum HttpMethod {
    /// Members of the input stand in the path and behind the `?`.
    Get,
    /// Members of the input stand in the path and in the body.
    Post,
}

/// Where a verb lies in the REST API.
#[derive(Debug)]
pub struct Path {
    /// How it is asked for.
    pub method: HttpMethod,
    /// Below `/api/v1`, with members of the input in braces.
    pub path: &'static str,
    /// The other members that are taken there; `None` takes all.
    pub takes: Option<&'static [&'static str]>,
    /// Members that are called otherwise behind the `?`: (there, in the input).
    pub renamed: &'static [(&'static str, &'static str)],
}

impl Path {
    const fn new(method: HttpMethod, path: &'static str) -> Self {
        Self { method, path, takes: None, renamed: &[] }
    }

    const fn get(path: &'static str) -> Self {
        Self::new(HttpMethod::Get, path)
    }

    const fn post(path: &'static str) -> Self {
        Self::new(HttpMethod::Post, path)
    }

    const fn taking(self, members: &'static [&'static str]) -> Self {
        Self { takes: Some(members), ..self }
    }

    const fn renaming(self, renamed: &'static [(&'static str, &'static str)]) -> Self {
        Self { renamed, ..self }
    }
}

/// What a run becomes.
pub(super) type Running<'a> = Pin<Box<dyn Future<Output = Result<RawJson, Fault>> + Send + 'a>>;

/// One verb.
pub struct Verb {
    /// Its name.
    pub name: &'static str,
    /// Other names for it: those of the tools that MCP clients are shown, and of older programs.
    pub aliases: &'static [&'static str],
    /// Who may use it.
    pub scope: Scope,
    /// What it does, in one sentence without a full stop.
    pub summary: &'static str,
    /// The group in the documents that it belongs to.
    pub tag: &'static str,
    /// Where it lies in the REST API; nowhere for what is there for older programs alone.
    pub paths: &'static [Path],
    /// Whether it may change something: a server, a file, the world.
    pub is_order: bool,
    /// Makes the schema of what it takes.
    pub input: fn(&mut SchemaGenerator) -> Schema,
    /// Makes the schema of what it gives.
    pub output: fn(&mut SchemaGenerator) -> Schema,
    pub(super) run: for<'a> fn(&'a Verbs, Asked<'a>, Value) -> Running<'a>,
    shape: OnceLock<Shape>,
}

impl fmt::Debug for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verb").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Verb {
    /// The compiled schema of its input. The first call takes some hundred microseconds.
    #[must_use]
    pub fn shape(&self) -> &Shape {
        self.shape.get_or_init(|| Shape::of(self.input))
    }
}

/// All verbs, in the order of the documents.
#[must_use]
pub fn all() -> &'static [Verb] {
    &ALL
}

/// The verb of that name or alias.
#[must_use]
pub fn find(name: &str) -> Option<&'static Verb> {
    static BY_NAME: LazyLock<HashMap<&str, &Verb>> = LazyLock::new(|| {
        let named = |verb: &'static Verb| verb.aliases.iter().copied().chain([verb.name]).map(move |name| (name, verb));
        ALL.iter().flat_map(named).collect()
    });
    BY_NAME.get(name).copied()
}

/// An input that fits its schema, as what the verb reads.
fn read<T: DeserializeOwned>(input: Value) -> Result<T, Fault> {
    serde_json::from_value(input).map_err(|fault| Fault::invalid_at("", fault.to_string()))
}

async fn told<T: Serialize>(output: impl Future<Output = Result<T, Fault>> + Send) -> Result<RawJson, Fault> {
    RawJson::of(&output.await?)
}

/// Joins the function of a verb, which takes one struct and gives another, to the table.
macro_rules! verb {
    ($name:literal, $scope:ident, $tag:literal, $input:ty => $output:ty, $run:path, $summary:literal) => {
        verb!(@ $name, $scope, $tag, $input => $output, $summary, |verbs, asked, input| {
            Box::pin(async move { told($run(verbs, asked, read::<$input>(input)?)).await })
        })
    };
    // The same for one that writes its JSON itself.
    (raw $name:literal, $scope:ident, $tag:literal, $input:ty => $output:ty, $run:path, $summary:literal) => {
        verb!(@ $name, $scope, $tag, $input => $output, $summary, |verbs, asked, input| {
            Box::pin(async move { $run(verbs, asked, read::<$input>(input)?).await })
        })
    };
    (@ $name:literal, $scope:ident, $tag:literal, $input:ty => $output:ty, $summary:literal, $run:expr) => {
        Verb {
            name: $name,
            aliases: &[],
            scope: Scope::$scope,
            summary: $summary,
            tag: $tag,
            paths: &[],
            is_order: false,
            input: <$input as JsonSchema>::json_schema,
            output: |generator| generator.subschema_for::<$output>(),
            run: $run,
            shape: OnceLock::new(),
        }
    };
}

impl Verb {
    const fn also(mut self, aliases: &'static [&'static str]) -> Self {
        self.aliases = aliases;
        self
    }

    const fn at(mut self, paths: &'static [Path]) -> Self {
        self.paths = paths;
        self
    }

    const fn order(mut self) -> Self {
        self.is_order = true;
        self
    }
}

/// What an order to one server takes besides its name.
const NOTHING: &[&str] = &[];
/// What an order to several takes.
const SELECTION: &[&str] = &["servers", "groups", "all"];

static ALL: [Verb; 28] = [
    verb!("find", Viewer, "routing", inputs::Find => FindOutput, look::find,
        "Which tools would do this; runs nothing")
    .also(&["find_tool"])
    .at(&[Path::get("/find").renaming(&[("q", "query")]), Path::post("/find")]),
    verb!(raw "execute", Caller, "routing", inputs::Execute => outputs::Executed, run_tools::execute,
        "Does what a request says with the tool that fits best, or says honestly why not")
    .at(&[Path::post("/execute")])
    .order(),
    verb!(raw "call", Caller, "routing", inputs::Call => outputs::Called, run_tools::call,
        "Calls exactly this tool")
    .at(&[Path::post("/call")])
    .order(),
    verb!("feedback", Caller, "routing", inputs::Feedback => FeedbackOutput, run_tools::feedback,
        "Says whether a route was right, which teaches the routing")
    .at(&[Path::post("/routes/{route_id}/feedback")])
    .order(),
    verb!("inspect", Viewer, "routing", inputs::Inspect => InspectOutput, look::inspect,
        "Why a request goes where it goes: the ranked tools with all that their scores are made of")
    .at(&[Path::post("/routes/inspect")]),
    verb!("tools", Viewer, "tools", inputs::Tools => ToolsOutput, look::tools,
        "All tools, a page at a time")
    .at(&[Path::get("/tools")]),
    verb!("explain", Viewer, "tools", inputs::Explain => ExplainOutput, look::explain,
        "All about one tool")
    .also(&["explain_tool"])
    .at(&[Path::get("/tools/{tool}")]),
    verb!("capabilities", Viewer, "tools", inputs::Capabilities => CapabilitiesOutput, look::capabilities,
        "What is connected, or the tools of one server or category")
    .also(&["list_capabilities"])
    .at(&[Path::get("/capabilities")]),
    verb!("servers", Viewer, "servers", inputs::Nothing => ServersOutput, look::servers,
        "How all servers are")
    .at(&[Path::get("/servers")]),
    verb!("server", Viewer, "servers", inputs::Server => ServerOutput, look::server,
        "One server, with its tools")
    .at(&[Path::get("/servers/{server}")]),
    verb!("logs", Viewer, "servers", inputs::Logs => LogOutput, look::logs,
        "The last lines of a server's log")
    .at(&[Path::get("/servers/{server}/logs")]),
    verb!("start", Operator, "servers", inputs::Order => orders::Ordered, orders::start,
        "Starts servers, and waits until each is up or has failed")
    .at(&[Path::post("/servers/{server}/start").taking(NOTHING), Path::post("/servers/start").taking(SELECTION)])
    .order(),
    verb!("stop", Operator, "servers", inputs::Order => orders::Ordered, orders::stop,
        "Stops servers; calls do not start them again")
    .at(&[Path::post("/servers/{server}/stop").taking(NOTHING), Path::post("/servers/stop").taking(SELECTION)])
    .order(),
    verb!("restart", Operator, "servers", inputs::Order => orders::Ordered, orders::restart,
        "Stops and starts servers; of all only those that run, or tried to")
    .at(&[Path::post("/servers/{server}/restart").taking(NOTHING), Path::post("/servers/restart").taking(SELECTION)])
    .order(),
    verb!("quarantine", Operator, "servers", inputs::Quarantine => Acted, orders::quarantine,
        "Takes a server out of use until it is started")
    .at(&[Path::post("/servers/{server}/quarantine")])
    .order(),
    verb!(raw "result", Caller, "results", inputs::Fetch => outputs::Fetched, run_tools::fetch,
        "A part of a result that was too large to be handed over")
    .also(&["fetch_result"])
    .at(&[Path::get("/results/{handle}")]),
    verb!("calls", Viewer, "calls", inputs::Calls => CallPage, watch::calls,
        "The calls that ended last, newest first")
    .at(&[Path::get("/calls")]),
    verb!("latency", Viewer, "calls", inputs::LatencyOf => Latency, watch::latency,
        "How long the kept calls took")
    .at(&[Path::get("/calls/latency")]),
    verb!("call_detail", Operator, "calls", inputs::OneCall => CallDetail, watch::call_detail,
        "All that is kept of one call, without what looks like a secret")
    .at(&[Path::get("/calls/{id}")]),
    verb!(raw "history", Viewer, "calls", inputs::History => Measured, watch::history,
        "What servers used and did over a time")
    .at(&[Path::get("/history")]),
    verb!("audit", Operator, "calls", inputs::Audit => watch::AuditOutput, watch::audit,
        "Who did what, newest first")
    .at(&[Path::get("/audit")]),
    verb!("status", Viewer, "mcporch", inputs::Nothing => StatusOutput, look::status,
        "How mcporch itself is")
    .at(&[Path::get("/status")]),
    verb!("config", Operator, "mcporch", inputs::Nothing => SettingsOutput, look::config,
        "The settings in force, and where each comes from")
    .at(&[Path::get("/config")]),
    verb!("index", Viewer, "mcporch", inputs::Nothing => IndexStatus, look::index,
        "How the index of tools stands")
    .at(&[Path::get("/index")]),
    verb!("rebuild_index", Operator, "mcporch", inputs::Nothing => RebuildReport, orders::rebuild,
        "Lists all servers anew and embeds what changed; starts every server")
    .at(&[Path::post("/index/rebuild")])
    .order(),
    verb!("reload", Operator, "mcporch", inputs::Nothing => Reloaded, orders::reload,
        "Takes the configuration anew")
    .at(&[Path::post("/reload")])
    .order(),
    verb!("get_server_status", Viewer, "older programs", inputs::Nothing => seeds::SeedStatus, seeds::server_status,
        "How all servers are, in the words of older programs")
    .also(&["get_orchestrator_status"]),
    verb!("discover_capabilities", Viewer, "older programs", inputs::Discover => seeds::SeedCapabilities, seeds::discover,
        "What there is, in the words of older programs"),
];
