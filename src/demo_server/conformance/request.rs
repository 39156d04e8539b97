//! One request of a client, its parameters read field by field and only when they are asked for.

use std::collections::HashMap;

use serde_json::value::RawValue;
use serde_json::{Map, Value};

/// Metadata of a modern request: what its client can do.
const CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";
/// Metadata of a modern request: from which level on it wants log messages.
const LOG_LEVEL: &str = "io.modelcontextprotocol/logLevel";
/// The tasks extension (SEP-2663).
pub(super) const TASKS: &str = "io.modelcontextprotocol/tasks";

/// One request.
pub(super) struct Request {
    /// JSON text of the id to answer under.
    pub(super) id: String,
    pub(super) method: String,
    /// It carries its metadata itself, in place of a handshake.
    pub(super) is_modern: bool,
    /// What the client behind it says that it can do.
    pub(super) capabilities: Value,
    /// Raw, since arguments must not be changed by reading them, and some JSON has no value of ours.
    fields: HashMap<String, Box<RawValue>>,
    meta: Value,
}

impl Request {
    /// Reads the parameters (JSON text). `session` is what a legacy client declared in its handshake.
    pub(super) fn read((id, method): (&str, &str), params: Option<&str>, is_modern: bool, session: &Value) -> Self {
        let fields: HashMap<String, Box<RawValue>> =
            params.and_then(|params| serde_json::from_str(params).ok()).unwrap_or_default();
        let (id, method) = (id.to_owned(), method.to_owned());
        let mut request = Self { id, method, is_modern, capabilities: session.clone(), fields, meta: Value::Null };
        request.meta = request.field("_meta").unwrap_or_default();
        if is_modern {
            request.capabilities = request.meta[CAPABILITIES].clone();
        }
        request
    }

    /// A parameter; none when it is absent, null when it is null or has no value of ours.
    pub(super) fn field(&self, name: &str) -> Option<Value> {
        self.fields.get(name).map(|raw| serde_json::from_str(raw.get()).unwrap_or_default())
    }

    /// A parameter that is a text; empty when it is none.
    pub(super) fn text(&self, name: &str) -> String {
        self.field(name).as_ref().and_then(Value::as_str).unwrap_or_default().to_owned()
    }

    /// The arguments of a tool or a prompt.
    pub(super) fn arguments(&self) -> Map<String, Value> {
        match self.field("arguments") {
            Some(Value::Object(arguments)) => arguments,
            _ => Map::new(),
        }
    }

    /// The arguments as they were written.
    pub(super) fn raw_arguments(&self) -> &str {
        self.fields.get("arguments").map_or("{}", |raw| raw.get())
    }

    /// The token to report progress under, as JSON text.
    pub(super) fn progress_token(&self) -> Option<String> {
        self.meta.get("progressToken").map(Value::to_string)
    }

    /// From which level on a modern request wants log messages.
    pub(super) fn log_level(&self) -> Option<&str> {
        self.meta.get(LOG_LEVEL).map(|level| level.as_str().unwrap_or("no text"))
    }

    /// The client takes a task in place of a result. Only the modern era has the extension.
    pub(super) fn takes_tasks(&self) -> bool {
        self.is_modern && self.capabilities["extensions"][TASKS].is_object()
    }
}
