//! All about one tool.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::describe::first_sentence;
use super::{Error, Operations};

/// Longest description in an answer, in characters.
const DESCRIPTION_CHARS_MAX: usize = 6_000;

/// Which tool.
#[derive(Debug, Clone, Default)]
pub struct ExplainInput {
    /// Its server; may be empty when `tool` is `server.tool`, or unique.
    pub server: String,
    /// Its name.
    pub tool: String,
}

/// What is known of it.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct ExplainOutput {
    /// `server.tool`.
    pub tool: String,
    /// For people.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub title: String,
    /// Other names it goes by.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<String>,
    /// As the server wrote it, or as the operator replaced it.
    pub description: String,
    /// What the server wrote, where the operator replaced it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replaced_description: Option<String>,
    /// `read`, `write` or `destructive`.
    pub effect: &'static str,
    /// `announced`, `guessed` from the tool's words, or `overruled` because its name says worse than its server.
    pub effect_source: &'static str,
    /// The effect that the server announced, where the operator knows better.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replaced_effect: Option<&'static str>,
    /// May a call be repeated without harm?
    pub is_idempotent: bool,
    /// Whole.
    pub input_schema: Value,
    /// Whole, where the server gives one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_schema: Option<Value>,
    /// As the server wrote them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub annotations: Option<Value>,
    /// What its server is for.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub server_about: String,
    /// Why its server could not be used last time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_fault: Option<String>,
}

impl Operations {
    /// Everything a caller needs to use the tool; starts nothing.
    ///
    /// Cancel safe.
    ///
    /// # Errors
    /// When there is no such tool, or several.
    pub async fn explain_tool(&self, input: &ExplainInput) -> Result<ExplainOutput, Error> {
        let (server, name) = (input.server.trim(), input.tool.trim());
        let full = match (server.is_empty(), name.is_empty()) {
            (_, true) => {
                return Err(Error::InvalidInput {
                    what: "say which tool: {\"server\": …, \"tool\": …}".to_owned()
                });
            }
            (true, false) => name.to_owned(),
            (false, false) => format!("{server}.{name}"),
        };
        let tool = match self.find_exactly(&full).await {
            // The whole name may have been put into `tool` beside the server.
            Err(Error::NotFound { .. }) if !server.is_empty() && name.starts_with(server) => {
                self.find_exactly(name).await?
            }
            other => other?,
        };
        let known = self.known_now();
        let server = known.servers.get(&tool.key.server);
        let raw: Value = serde_json::from_str(&tool.raw).unwrap_or_default();
        let original = known.overruled.changed.get(&tool.key);
        let entry = known.snapshot.find(&tool.key).map(|place| &known.snapshot.entries()[place]);
        Ok(ExplainOutput {
            tool: tool.key.to_string(),
            title: tool.title.clone(),
            also: entry.map(|entry| entry.tool_hints.aliases.clone()).unwrap_or_default(),
            description: shortened(&tool.description),
            replaced_description: original
                .filter(|original| original.description != tool.description)
                .map(|original| shortened(&original.description)),
            effect: tool.effect.word(),
            effect_source: tool.effect_source.word(),
            replaced_effect: original
                .filter(|original| original.effect != tool.effect)
                .map(|original| original.effect.word()),
            is_idempotent: tool.is_idempotent,
            input_schema: tool.input_schema.to_value(),
            output_schema: raw.get("outputSchema").cloned(),
            annotations: raw.get("annotations").cloned(),
            server_about: server
                .map(|server| first_sentence(&super::list_capabilities::about(server)))
                .unwrap_or_default(),
            server_fault: server.filter(|server| !server.fault.is_empty()).map(|server| server.fault.clone()),
        })
    }
}

fn shortened(description: &str) -> String {
    let mut short: String = description.chars().take(DESCRIPTION_CHARS_MAX).collect();
    if short.len() < description.len() {
        short.push('…');
    }
    short
}
