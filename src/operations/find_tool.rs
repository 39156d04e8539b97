//! Which tools would do this?

use serde::Serialize;
use serde_json::Value;

use super::describe::rounded;
use super::{Error, Operations, ToolLine, compact_schema};

/// Tools in an answer when the caller does not say.
const LIMIT_DEFAULT: usize = 5;
/// Tools in an answer at most: a model that needs more asks again.
const LIMIT_MAX: usize = 20;
/// Longest schema of the first tool that is sent along, in bytes, about 400 tokens.
const SCHEMA_BYTES_MAX: usize = 1_600;

/// What is looked for.
#[derive(Debug, Clone, Default)]
pub struct FindInput {
    /// In words.
    pub query: String,
    /// How many tools; 5 when not said, 20 at most.
    pub limit: Option<usize>,
}

/// What was found.
#[derive(Debug, Clone, Serialize)]
pub struct FindOutput {
    /// Probability that the first tool is the right one.
    pub confidence: f32,
    /// Probability that any tool is.
    pub any_confidence: f32,
    /// Best first.
    pub tools: Vec<ToolLine>,
    /// Input schema of the first tool, when it is short.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schema: Option<Value>,
    /// What else the caller should know.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

impl Operations {
    /// Ranks the tools for a request; runs nothing and starts nothing.
    ///
    /// Cancel safe.
    ///
    /// # Errors
    /// When the query is empty or too long, or cannot be embedded.
    pub async fn find_tool(&self, input: &FindInput) -> Result<FindOutput, Error> {
        let limit = input.limit.unwrap_or(LIMIT_DEFAULT).clamp(1, LIMIT_MAX);
        let routed = self.route(&input.query, None, limit, None).await?;
        let tools: Vec<ToolLine> = routed
            .ranking
            .candidates
            .iter()
            .enumerate()
            .filter_map(|(place, candidate)| {
                Some(ToolLine { why: Vec::new(), ..ToolLine::ranked(routed.tool(place)?, candidate) })
            })
            .collect();
        let is_any_unlikely = routed.ranking.is_any.value() < self.settings.bars.any;
        let note = if tools.is_empty() {
            Some("no connected server offers a tool".to_owned())
        } else if is_any_unlikely {
            Some("probably none of these does it".to_owned())
        } else if routed.known.tools_without_vector > 0 {
            let count = routed.known.tools_without_vector;
            Some(format!("{count} tools are still being indexed and were found by their words only"))
        } else {
            None
        };
        Ok(FindOutput {
            confidence: rounded(routed.ranking.is_right),
            any_confidence: rounded(routed.ranking.is_any),
            schema: routed.tool(0).and_then(|tool| compact_schema(&tool.input_schema.to_value(), SCHEMA_BYTES_MAX)),
            tools,
            note,
        })
    }
}
