//! What to tell when no tool ran, or it failed.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::describe::rounded;
use super::execute::Chosen;
use super::{Error, OutcomeKind, RouteInfo, Routed, ToolLine, schema_within};

/// Longest schema that an answer carries, in bytes; longer ones lose words first.
const SCHEMA_BYTES_MAX: usize = 3_000;

/// Longest parameters that an answer repeats, in bytes.
const PARAMS_BYTES_MAX: usize = 4_000;

/// What to tell when no tool ran, or it failed.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Advice {
    /// How it ended.
    pub outcome: OutcomeKind,
    /// What it means and what to do next, for whoever asked.
    pub message: String,
    /// The tool in question.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool: Option<String>,
    /// The parameters it would run with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub params: Option<Value>,
    /// Id of the plan: `execute` with it runs that tool with those parameters, once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan: Option<String>,
    /// Probability that the first tool is the right one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confidence: Option<f64>,
    /// Probability that there is a right one at all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub any_confidence: Option<f64>,
    /// What is wrong with the parameters.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<String>,
    /// Tools to choose from, best first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub candidates: Vec<ToolLine>,
    /// The tool's input schema, where it helps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schema: Option<Value>,
    /// How the call was read where it could not be taken as it was written.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub lessons: Vec<String>,
    /// What feedback can refer to this route by; only where words decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub route_id: Option<String>,
}

impl Advice {
    fn new(outcome: OutcomeKind, message: String) -> Self {
        Self {
            outcome,
            message,
            tool: None,
            params: None,
            plan: None,
            confidence: None,
            any_confidence: None,
            problems: Vec::new(),
            candidates: Vec::new(),
            schema: None,
            lessons: Vec::new(),
            route_id: None,
        }
    }

    /// About a ranking, with its first `count` tools.
    pub(super) fn on_ranking(outcome: OutcomeKind, message: String, routed: &Routed, count: usize) -> Self {
        Self {
            confidence: Some(rounded(routed.ranking.is_right)),
            any_confidence: Some(rounded(routed.ranking.is_any)),
            candidates: lines(routed, count),
            ..Self::new(outcome, message)
        }
    }

    /// The parameters do not fit.
    pub(super) fn needs_params(chosen: &Chosen, problems: Vec<String>) -> Self {
        let key = &chosen.tool.key;
        let message = format!(
            "the parameters do not fit {key}; nothing was sent. Call execute again with \"tool\": \"{key}\" and params that fit \
             the schema"
        );
        let schema = schema_within(&chosen.tool.input_schema.to_value(), SCHEMA_BYTES_MAX);
        let candidates = if schema.is_none() { vec![ToolLine::plain(&chosen.tool)] } else { Vec::new() };
        Self { problems, schema, candidates, ..Self::on_chosen(OutcomeKind::NeedsParams, message, chosen) }
    }

    /// It would have run.
    pub(super) fn would_run(chosen: &Chosen, params: Value, plan: Option<String>, alternatives: Vec<ToolLine>) -> Self {
        let how = plan.as_ref().map_or_else(String::new, |plan| {
            format!(". To run exactly that, once, call execute with \"plan\": \"{plan}\"")
        });
        let message = format!("{} would run with these parameters; nothing was sent{how}", chosen.tool.key);
        let candidates = if alternatives.is_empty() { vec![ToolLine::plain(&chosen.tool)] } else { alternatives };
        Self { params: shown(params), plan, candidates, ..Self::on_chosen(OutcomeKind::DryRun, message, chosen) }
    }

    /// It did not work.
    pub(super) fn failed(chosen: &Chosen, fault: &Error, alternatives: Vec<ToolLine>) -> Self {
        let offer = if alternatives.is_empty() {
            ""
        } else {
            ". Others that may do it are listed; name one as \"tool\" to use it"
        };
        let message = format!("{} failed: {}{offer}", chosen.tool.key, fault.one_line());
        Self { candidates: alternatives, ..Self::on_chosen(OutcomeKind::Failed, message, chosen) }
    }

    /// The tool ran, and its result cannot be handed over.
    pub(super) fn result_refused(route: &RouteInfo, why: &str) -> Self {
        let tool = format!("{}.{}", route.server, route.tool);
        let message = format!("{tool} ran, but its result {why}");
        Self {
            tool: Some(tool),
            confidence: Some(route.confidence),
            lessons: route.lessons.clone(),
            route_id: route.route_id.clone(),
            ..Self::new(OutcomeKind::Failed, message)
        }
    }

    /// The schema of the tool in question, as much of it as is short.
    pub(super) fn with_schema(self, schema: &Value) -> Self {
        Self { schema: schema_within(schema, SCHEMA_BYTES_MAX), ..self }
    }

    fn on_chosen(outcome: OutcomeKind, message: String, chosen: &Chosen) -> Self {
        Self {
            tool: Some(chosen.tool.key.to_string()),
            confidence: Some(rounded(chosen.confidence)),
            ..Self::new(outcome, message)
        }
    }
}

/// Parameters as an answer shows them; `None` where they are too long to be read: the caller has them.
pub(super) fn shown(params: Value) -> Option<Value> {
    (params.to_string().len() <= PARAMS_BYTES_MAX).then_some(params)
}

/// The first `count` tools of a ranking.
pub(super) fn lines(routed: &Routed, count: usize) -> Vec<ToolLine> {
    let candidates = routed.ranking.candidates.iter().take(count).enumerate();
    candidates.filter_map(|(place, candidate)| Some(ToolLine::ranked(routed.tool(place)?, candidate))).collect()
}
