//! Which tools would do this?

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::domain::Surface;

use super::describe::{cut, rounded};
use super::observed::Watch;
use super::{CallerId, Ending, Error, Operations, Routed, ToolLine, schema_within, signature_of};

/// Tools in an answer when the caller does not say.
const LIMIT_DEFAULT: usize = 5;
/// Tools in an answer at most: a model that needs more asks again.
const LIMIT_MAX: usize = 20;
/// What a usual answer may cost, in tokens: every search of a conversation stays in its context.
const TOKENS_MAX: usize = 560;
/// Longest schema of one tool where all were asked for, in bytes, about 900 tokens.
const FULL_SCHEMA_BYTES_MAX: usize = 3_000;
/// Tools with a schema where all were asked for.
const FULL_TOOLS_MAX: usize = 8;

/// From generous to stingy: bytes for the schema of the first tool, characters for what the others are about, parameters in
/// their signatures. The first that stays within the tokens is taken.
const SIZES: [Size; 7] = [
    Size { schema_bytes: 1_600, about_chars: 120, parameters: 8 },
    Size { schema_bytes: 1_200, about_chars: 100, parameters: 6 },
    Size { schema_bytes: 1_000, about_chars: 80, parameters: 5 },
    Size { schema_bytes: 800, about_chars: 70, parameters: 4 },
    Size { schema_bytes: 600, about_chars: 60, parameters: 3 },
    Size { schema_bytes: 450, about_chars: 40, parameters: 2 },
    Size { schema_bytes: 300, about_chars: 0, parameters: 2 },
];

struct Size {
    schema_bytes: usize,
    about_chars: usize,
    parameters: usize,
}

/// How much is told of each tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Detail {
    /// Names and confidences.
    Names,
    /// The first with its schema, the others with a signature; within 600 tokens at the usual limit.
    #[default]
    Brief,
    /// Each of the first eight with its schema.
    Full,
}

/// What is looked for.
#[derive(Debug, Clone, Default)]
pub struct FindInput {
    /// In words.
    pub query: String,
    /// How many tools; 5 when not said, 20 at most.
    pub limit: Option<usize>,
    /// How much of each.
    pub detail: Detail,
    /// Who asks, and may take what he finds.
    pub caller: CallerId,
    /// What he is called in what is noted of the search.
    pub who: Option<Arc<str>>,
    /// Which way he came.
    pub surface: Surface,
}

/// What was found.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct FindOutput {
    /// Probability that the first tool is the right one.
    pub confidence: f64,
    /// Probability that any tool is.
    pub any_confidence: f64,
    /// Best first.
    pub tools: Vec<ToolLine>,
    /// Input schema of the first tool, as much of it as is short.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schema: Option<Value>,
    /// Input schemas of the tools behind it, in order; only when all detail was asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub more_schemas: Vec<Value>,
    /// What else the caller should know.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// What feedback can refer to this answer by.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub route_id: Option<String>,
}

impl Operations {
    /// Ranks the tools for a request; runs nothing and starts nothing.
    ///
    /// Cancel safe.
    ///
    /// # Errors
    /// When the query is empty or too long, or cannot be embedded.
    pub async fn find_tool(&self, input: &FindInput) -> Result<FindOutput, Error> {
        let watch = Watch::search(self, input);
        let found = self.find(input, &watch).await;
        watch.found(found.as_ref().map(|_| ()));
        found
    }

    async fn find(&self, input: &FindInput, watch: &Watch<'_>) -> Result<FindOutput, Error> {
        let limit = input.limit.unwrap_or(LIMIT_DEFAULT).clamp(1, LIMIT_MAX);
        let routed = self.route(&input.query, None, limit, None).await?;
        watch.note_routed(&input.query, &routed, None);
        let whole = FindOutput {
            route_id: self.record_route(input.caller, &input.query, None, &routed, &Ending::shown("find_tool")),
            ..whole(&routed, self.settings.bars.any)
        };
        Ok(match input.detail {
            Detail::Names => names_only(whole),
            Detail::Full => with_all_schemas(whole, &routed),
            Detail::Brief => {
                // A caller that asks for more than usual is ready to pay for it.
                let tokens_max = TOKENS_MAX * limit.max(LIMIT_DEFAULT) / LIMIT_DEFAULT;
                // Read once: the sizes are tried one after the other.
                let places = 0..whole.tools.len();
                let schemas: Vec<Value> = places
                    .map(|place| routed.tool(place).map_or(Value::Null, |tool| tool.input_schema.to_value()))
                    .collect();
                let mut output = whole.clone();
                for size in &SIZES {
                    output = brief(whole.clone(), &schemas, size);
                    if tokens(&output) <= tokens_max {
                        break;
                    }
                }
                output
            }
        })
    }
}

fn whole(routed: &Routed, bar_any: f32) -> FindOutput {
    let ranked = routed.ranking.candidates.iter().enumerate();
    let tools: Vec<ToolLine> = ranked
        .filter_map(|(place, candidate)| {
            Some(ToolLine { why: Vec::new(), ..ToolLine::ranked(routed.tool(place)?, candidate) })
        })
        .collect();
    let note = if tools.is_empty() {
        Some("no connected server offers a tool".to_owned())
    } else if !routed.ranking.named && routed.ranking.is_any.value() < bar_any {
        Some("probably none of these does it".to_owned())
    } else if routed.known.tools_without_vector > 0 {
        let count = routed.known.tools_without_vector;
        Some(format!("{count} tools are still being indexed and were found by their words only"))
    } else {
        None
    };
    FindOutput {
        confidence: rounded(routed.ranking.is_right),
        any_confidence: rounded(routed.ranking.is_any),
        tools,
        schema: None,
        more_schemas: Vec::new(),
        note,
        route_id: None,
    }
}

fn names_only(mut output: FindOutput) -> FindOutput {
    for line in &mut output.tools {
        line.signature.clear();
        line.about.clear();
    }
    output
}

fn with_all_schemas(mut output: FindOutput, routed: &Routed) -> FindOutput {
    let schema = |place: usize| schema_within(&routed.tool(place)?.input_schema.to_value(), FULL_SCHEMA_BYTES_MAX);
    output.schema = schema(0);
    output.tools.truncate(FULL_TOOLS_MAX);
    output.more_schemas = (1..output.tools.len()).map(|place| schema(place).unwrap_or(Value::Null)).collect();
    output
}

/// `schemas` are those of the tools, in order.
fn brief(mut output: FindOutput, schemas: &[Value], size: &Size) -> FindOutput {
    for (place, (line, schema)) in output.tools.iter_mut().zip(schemas).enumerate() {
        if place == 0 {
            output.schema = schema_within(schema, size.schema_bytes);
            // The schema says it better.
            if output.schema.is_some() {
                line.signature.clear();
            }
        } else {
            line.about = if size.about_chars == 0 { String::new() } else { cut(&line.about, size.about_chars) };
            line.signature = signature_of(schema, size.parameters);
        }
    }
    output
}

/// About as many tokens as the output has for a model: a run of letters is one for each six, a run of other marks one for
/// each three. Counted with a tokenizer in wide use (o200k), outputs over 120 searches that this let pass had 516 at most.
fn tokens(output: &FindOutput) -> usize {
    let text = serde_json::to_string(output).unwrap_or_default();
    tokens_of(&text)
}

/// See [`tokens`].
pub(super) fn tokens_of(text: &str) -> usize {
    let mut count = 0;
    let mut run = (false, 0_usize);
    for letter in text.chars().chain([' ']) {
        let is_letter = letter.is_alphanumeric();
        if is_letter != run.0 {
            count += if run.0 { run.1.div_ceil(6) } else { run.1.div_ceil(3) };
            run = (is_letter, 0);
        }
        // Scripts beyond Latin take about a token for each character.
        run.1 += if letter.is_ascii() {
            usize::from(letter != ' ')
        } else if is_letter {
            6
        } else {
            3
        };
    }
    count
}
