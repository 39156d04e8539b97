//! A request that asks for several things: a plan, and as much of it done as is beyond doubt.

mod certain;
mod run;

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::domain::{Effect, Tool};
use crate::router::{self, Decision, StepText, split_steps};

use super::describe::rounded;
use super::{Error, Operations, ToolLine};
use certain::Parameters;

/// Candidates ranked for a step.
const RANKED: usize = 5;
/// Candidates offered where a step's tool is in doubt: a plan has several such lists.
const CANDIDATES_MAX: usize = 3;

/// What is to be done in steps.
#[derive(Debug, Clone, Default)]
pub struct StepsInput {
    /// In words.
    pub request: String,
    /// Only plan, run nothing.
    pub dry_run: bool,
}

/// The steps of a request, each with its tool.
#[derive(Debug)]
pub struct StepPlan {
    /// In the request's order.
    pub steps: Vec<PlannedStep>,
    /// The tool of each step, where one fits.
    tools: Vec<Option<Arc<Tool>>>,
}

/// A step and how it would be done.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct PlannedStep {
    /// Its own words.
    pub request: String,
    /// `server.tool` of the best tool, unless none fits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool: Option<String>,
    /// Probability that this tool is the right one.
    pub confidence: f64,
    /// What may be done with it.
    pub decision: Decision,
    /// `read`, `write` or `destructive`, where there is a tool.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub effect: Option<&'static str>,
    /// Places, from 0, of the earlier steps whose results it speaks of.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub needs: Vec<usize>,
    /// Its parameters as far as the words have them; an object. To be looked at unless the step is certain.
    pub params: Value,
    /// The parameter that takes the result of the step in `needs`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result_into: Option<String>,
    /// Required parameters that are not known.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
    /// Tools to choose from, where it is not sure which.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub candidates: Vec<ToolLine>,
    /// That nothing about it is in doubt: what it is, its tool, its parameters. Of tools that are not known to read only
    /// those that take no parameter can be.
    pub is_certain: bool,
}

/// How far a step got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StepState {
    /// Its tool ran and answered.
    Done,
    /// Its tool ran, or should have, and it went wrong.
    Failed,
    /// Left to the caller.
    Open,
}

/// A step and what came of it.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct StepReport {
    /// What was planned.
    #[serde(flatten)]
    pub plan: PlannedStep,
    /// How far it got.
    pub state: StepState,
    /// The text of its result, or why it failed; cut where it is long.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<String>,
}

/// How an execution in steps ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StepsOutcome {
    /// Every step is done.
    Done,
    /// The caller has to do the rest.
    NeedsSteps,
    /// A step failed; nothing that depends on it was tried.
    Failed,
    /// Only planned, as asked.
    DryRun,
}

/// What came of all steps.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct StepsOutput {
    /// How it ended.
    pub outcome: StepsOutcome,
    /// What it means and what to do next, for whoever asked.
    pub message: String,
    /// In the request's order.
    pub steps: Vec<StepReport>,
}

impl Operations {
    /// Splits a request and finds a tool for each step. A request that asks for one thing is a plan of one step.
    ///
    /// Cancel safe.
    ///
    /// # Errors
    /// When a step cannot be routed: it is empty or too long, or cannot be embedded.
    pub async fn plan_steps(&self, request: &str) -> Result<StepPlan, Error> {
        let (mut steps, mut tools) = (Vec::new(), Vec::new());
        for step in split_steps(request) {
            let (step, tool) = self.plan_step(step).await?;
            steps.push(step);
            tools.push(tool);
        }
        Ok(StepPlan { steps, tools })
    }

    async fn plan_step(&self, step: StepText) -> Result<(PlannedStep, Option<Arc<Tool>>), Error> {
        let routed = self.route(&step.text, None, RANKED, None).await?;
        let tool = routed.tool(0).cloned();
        let effect = tool.as_ref().map(|tool| tool.effect);
        let decision = router::decide(&routed.ranking, effect.unwrap_or(Effect::Write), &self.settings.bars);
        let tool = tool.filter(|_| decision != Decision::NoMatch);
        let found = tool.as_ref().map(|tool| certain::parameters(&step, &tool.input_schema));
        let knows_params = tool
            .as_ref()
            .zip(found.as_ref())
            .is_some_and(|(tool, found)| certain::is_beyond_doubt(found, &tool.input_schema, tool.is_known_read()));
        let (params, result_into, missing) = match found {
            Some(Parameters::Known(params)) => (Some(params), None, Vec::new()),
            Some(Parameters::Result(name)) => (None, Some(name), Vec::new()),
            Some(Parameters::Missing(missing)) => (None, None, missing),
            None => (None, None, Vec::new()),
        };
        let ranked = routed.ranking.candidates.iter().take(CANDIDATES_MAX).enumerate();
        let candidates = ranked.filter_map(|(place, candidate)| {
            Some(ToolLine { why: Vec::new(), ..ToolLine::ranked(routed.tool(place)?, candidate) })
        });
        let planned = PlannedStep {
            tool: tool.as_ref().map(|tool| tool.key.to_string()),
            confidence: rounded(routed.ranking.is_right),
            decision,
            effect: tool.as_ref().map(|tool| tool.effect.word()),
            is_certain: step.is_certain && decision == Decision::Run && knows_params,
            params: params.unwrap_or_else(|| Value::Object(serde_json::Map::new())),
            result_into,
            missing,
            candidates: if decision == Decision::Run { Vec::new() } else { candidates.collect() },
            needs: step.needs,
            request: step.text,
        };
        Ok((planned, tool))
    }
}
