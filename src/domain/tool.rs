//! A tool as its server announced it, and what an operator added.

use std::fmt;
use std::sync::Arc;

use super::{Effect, EffectSource, InputSchema, ServerName};
use serde::{Deserialize, Serialize};

/// Names one tool of one server. Written `server.tool`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ToolKey {
    /// The server that has the tool.
    pub server: ServerName,
    /// The tool's name, as the server spells it.
    pub tool: String,
}

impl fmt::Display for ToolKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.server, self.tool)
    }
}

/// A tool. `raw` is the truth; the other fields are read out of it once.
#[derive(Debug, Clone)]
pub struct Tool {
    /// Server and name.
    pub key: ToolKey,
    /// For people; empty when the server gave none.
    pub title: String,
    /// For models; empty when the server gave none.
    pub description: String,
    /// JSON Schema of the arguments; any object when the server gave none.
    pub input_schema: InputSchema,
    /// What it does to the world.
    pub effect: Effect,
    /// How that is known.
    pub effect_source: EffectSource,
    /// Calling twice does no more than calling once: `idempotentHint`, or a read that was announced, and nothing of the
    /// announcement is contradicted. A guess is no reason to send a call again.
    pub is_idempotent: bool,
    /// The tool object as the server sent it, byte for byte.
    pub raw: Arc<str>,
}

impl Tool {
    /// It changes nothing, and its server or the operator says so. A guess is no reason to run it without being asked.
    #[must_use]
    pub fn is_known_read(&self) -> bool {
        self.effect == Effect::Read && matches!(self.effect_source, EffectSource::Announced | EffectSource::Operator)
    }
}

/// What an operator wrote in the registry about a server or one of its tools, to help routing. All optional.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hints {
    /// What it is for.
    pub description: String,
    /// Words people use for it.
    pub keywords: Vec<String>,
    /// Groups it belongs to.
    pub categories: Vec<String>,
    /// Requests it serves.
    pub examples: Vec<String>,
    /// Other names it goes by; of a tool only.
    #[serde(default)]
    pub aliases: Vec<String>,
}
