//! Does what the request says, or says honestly why not.

use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;
use tokio::time::Instant;

use crate::domain::{Confidence, Effect, Tool, ToolKey};
use crate::router::{self, Decision};
use crate::upstream::Answer;

use super::call_tool::Checked;
use super::describe::rounded;
use super::{Error, OpContext, Operations, Routed, ToolLine, compact_schema};

/// Longest schema that an answer carries, in bytes: beyond it a signature must do.
const SCHEMA_BYTES_MAX: usize = 6_000;
/// Below this probability that any tool fits, the choice is offered with a doubt. A guess.
const PROBABLY_NONE: f32 = 0.33;
/// Candidates that are ranked: more than are ever offered, so that parameters can speak for a lower one.
const RANKED: usize = 10;

/// What is to be done.
#[derive(Debug, Clone, Default)]
pub struct ExecuteInput {
    /// In words; may be empty when `tool` is given.
    pub request: String,
    /// Parameters for the tool; `None` is an empty object.
    pub params: Option<Value>,
    /// Exactly this tool, `server.tool`.
    pub tool: Option<String>,
    /// Only say what would be done.
    pub dry_run: bool,
}

/// How it ended, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OutcomeKind {
    /// The tool ran and answered.
    Done,
    /// It would have run.
    DryRun,
    /// Several tools fit; the caller chooses.
    NeedsChoice,
    /// The parameters do not fit the tool.
    NeedsParams,
    /// The tool changes things, and it is not sure enough that it is meant.
    NeedsConfirmation,
    /// No tool fits.
    NoMatch,
    /// It did not work.
    Failed,
}

/// Which tool ran, and why that one.
#[derive(Debug, Clone, Serialize)]
pub struct RouteInfo {
    /// Always `done`.
    pub outcome: OutcomeKind,
    /// Whose tool.
    pub server: String,
    /// Which tool.
    pub tool: String,
    /// Probability that it was the right one; 1 when the caller named it.
    pub confidence: f32,
    /// Whether the caller named it.
    pub is_named: bool,
    /// Attempts it took.
    pub attempts: u32,
    /// Milliseconds from the request to the answer, ours and the server's together.
    pub duration_ms: f64,
    /// The tool that fitted better, whose server was down.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instead_of: Option<String>,
}

/// What to tell when no tool ran, or it failed.
#[derive(Debug, Clone, Serialize)]
pub struct Advice {
    /// How it ended.
    pub outcome: OutcomeKind,
    /// What it means and what to do next, for whoever asked.
    pub message: String,
    /// The tool in question.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool: Option<String>,
    /// Probability that the first tool is the right one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confidence: Option<f32>,
    /// Probability that there is a right one at all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub any_confidence: Option<f32>,
    /// What is wrong with the parameters.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<String>,
    /// Tools to choose from, best first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub candidates: Vec<ToolLine>,
    /// The tool's input schema, where it helps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schema: Option<Value>,
}

/// What came of it.
#[derive(Debug)]
pub enum ExecuteOutput {
    /// The tool's own answer, untouched.
    Done(Answer, RouteInfo),
    /// Anything else.
    Advice(Box<Advice>),
}

/// What all steps of one execution share.
struct Execution<'a> {
    cx: &'a OpContext,
    params: Value,
    dry_run: bool,
    /// The words; `None` when the caller named the tool.
    request: Option<&'a str>,
    started: Instant,
}

/// A tool that was chosen, and how.
struct Chosen {
    tool: Arc<Tool>,
    confidence: Confidence,
    is_named: bool,
    instead_of: Option<ToolKey>,
}

impl Operations {
    /// Routes the request, checks the parameters, calls the tool. Never runs a tool that changes things unless it is sure
    /// enough, or the tool was named.
    ///
    /// Cancel safe: a call in flight is cancelled at the server.
    ///
    /// # Errors
    /// When the input cannot be understood, or nothing can be routed. What the tool or its server does wrong is an
    /// outcome, not an error.
    pub async fn execute(&self, cx: &OpContext, input: ExecuteInput) -> Result<ExecuteOutput, Error> {
        let named = input.tool.as_deref().filter(|tool| !tool.trim().is_empty());
        let execution = Execution {
            cx,
            params: input.params.unwrap_or_else(|| Value::Object(serde_json::Map::new())),
            dry_run: input.dry_run,
            request: named.is_none().then_some(input.request.as_str()),
            started: Instant::now(),
        };
        let output = match named {
            Some(name) => {
                let tool = self.find_exactly(name).await?;
                let chosen = Chosen { tool, confidence: Confidence::CERTAIN, is_named: true, instead_of: None };
                self.run(&execution, chosen).await
            }
            None => self.execute_by_words(&execution, &input.request).await,
        }?;
        log(&output, execution.started);
        Ok(output)
    }

    async fn execute_by_words(&self, execution: &Execution<'_>, request: &str) -> Result<ExecuteOutput, Error> {
        let routed = self.route(request, Some(&execution.params), RANKED, None).await?;
        let Some(tool) = routed.tool(0).cloned() else {
            return Ok(advice(OutcomeKind::NoMatch, nothing_to_run(&routed), &routed, 0));
        };
        let confidence = routed.ranking.is_right;
        match router::decide(&routed.ranking, tool.effect, &self.settings.bars) {
            Decision::Run => {
                let chosen = Chosen { tool, confidence, is_named: false, instead_of: None };
                self.run(execution, chosen).await
            }
            Decision::NeedsConfirmation => {
                let message = format!(
                    "{} fits best, but it is a {} tool and this is not sure enough to run it unasked. If it is meant, call \
                     execute again with \"tool\": \"{}\" and its params",
                    tool.key,
                    tool.effect.word(),
                    tool.key
                );
                let mut output = advice(OutcomeKind::NeedsConfirmation, message, &routed, self.settings.candidates_max);
                if let ExecuteOutput::Advice(advice) = &mut output {
                    advice.schema = compact_schema(&tool.input_schema.to_value(), SCHEMA_BYTES_MAX);
                }
                Ok(output)
            }
            Decision::NeedsChoice => {
                let message = if routed.ranking.is_any.value() < PROBABLY_NONE {
                    "probably no connected tool does this; the nearest are listed. If one of them is meant after all, call \
                     execute again with \"tool\" set to it, and its params"
                } else {
                    "several tools may be meant. Call execute again with \"tool\" set to the right one, and its params"
                };
                Ok(advice(OutcomeKind::NeedsChoice, message.to_owned(), &routed, self.settings.candidates_max))
            }
            Decision::NoMatch => {
                let message = "no connected tool seems to do this. The nearest are listed; say it in other words, or see \
                               list_capabilities";
                Ok(advice(OutcomeKind::NoMatch, message.to_owned(), &routed, self.settings.candidates_max))
            }
        }
    }

    async fn run(&self, execution: &Execution<'_>, chosen: Chosen) -> Result<ExecuteOutput, Error> {
        let arguments = match self.check(&chosen.tool, &execution.params) {
            Checked::Fit(arguments) => arguments,
            Checked::Problems(problems) => return Ok(needs_params(&chosen, problems)),
        };
        if execution.dry_run {
            return Ok(would_run(&chosen));
        }
        match self.send(execution.cx, &chosen.tool, &arguments).await {
            Ok(outcome) => {
                Ok(ExecuteOutput::Done(outcome.answer, route_info(&chosen, outcome.attempts, execution.started)))
            }
            Err(fault) => match execution.request {
                Some(request) => self.after_failure(execution, &chosen, fault, request).await,
                None => Ok(failed(&chosen, &fault, Vec::new())),
            },
        }
    }

    /// The server is down: the next fitting tool takes over where nothing can have happened and it only reads; else it is
    /// offered.
    async fn after_failure(
        &self,
        execution: &Execution<'_>,
        chosen: &Chosen,
        fault: Error,
        request: &str,
    ) -> Result<ExecuteOutput, Error> {
        let Error::Server(server_fault) = &fault else { return Ok(failed(chosen, &fault, Vec::new())) };
        if chosen.instead_of.is_some() || !server_fault.is_server_down() {
            return Ok(failed(chosen, &fault, Vec::new()));
        }
        let may_have_run = server_fault.may_have_run() && !chosen.tool.is_idempotent;
        let down = chosen.tool.key.server.clone();
        let routed = self.route_without(request, &execution.params, &down).await?;
        let next = routed.tool(0).cloned();
        if let Some(next) = next
            && !may_have_run
            && next.effect == Effect::Read
            && router::decide(&routed.ranking, next.effect, &self.settings.bars) == Decision::Run
            && let Checked::Fit(arguments) = self.check(&next, &execution.params)
        {
            tracing::info!(tool.key = %chosen.tool.key, next = %next.key, "a server is down; the next fitting tool takes over");
            let instead = Chosen {
                tool: next,
                confidence: routed.ranking.is_right,
                is_named: false,
                instead_of: Some(chosen.tool.key.clone()),
            };
            return match self.send(execution.cx, &instead.tool, &arguments).await {
                Ok(outcome) => {
                    Ok(ExecuteOutput::Done(outcome.answer, route_info(&instead, outcome.attempts, execution.started)))
                }
                Err(_) => Ok(failed(chosen, &fault, Vec::new())),
            };
        }
        Ok(failed(chosen, &fault, lines(&routed, self.settings.candidates_max)))
    }

    async fn route_without(
        &self,
        request: &str,
        params: &Value,
        down: &crate::domain::ServerName,
    ) -> Result<Routed, Error> {
        let is_up = |key: &ToolKey| key.server != *down && self.pool.is_usable(&key.server);
        self.route(request, Some(params), RANKED, Some(&is_up)).await
    }
}

fn nothing_to_run(routed: &Routed) -> String {
    if routed.known.servers.is_empty() {
        return "no MCP server is configured: add one to the registry (`mcporch config check` shows where it is)"
            .to_owned();
    }
    let failing: Vec<String> = routed
        .known
        .servers
        .iter()
        .filter_map(|(name, server)| {
            let fault = server.refusal.as_deref().unwrap_or(&server.fault);
            (!fault.is_empty()).then(|| format!("{name}: {fault}"))
        })
        .collect();
    if failing.is_empty() {
        "no connected server offers a tool yet; ask again in a moment".to_owned()
    } else {
        format!("no connected server offers a tool. {}", failing.join("; "))
    }
}

fn lines(routed: &Routed, count: usize) -> Vec<ToolLine> {
    let candidates = routed.ranking.candidates.iter().take(count).enumerate();
    candidates.filter_map(|(place, candidate)| Some(ToolLine::ranked(routed.tool(place)?, candidate))).collect()
}

fn advice(outcome: OutcomeKind, message: String, routed: &Routed, count: usize) -> ExecuteOutput {
    ExecuteOutput::Advice(Box::new(Advice {
        outcome,
        message,
        tool: routed.tool(0).filter(|_| outcome == OutcomeKind::NeedsConfirmation).map(|tool| tool.key.to_string()),
        confidence: Some(rounded(routed.ranking.is_right)),
        any_confidence: Some(rounded(routed.ranking.is_any)),
        problems: Vec::new(),
        candidates: lines(routed, count),
        schema: None,
    }))
}

fn about_chosen(outcome: OutcomeKind, message: String, chosen: &Chosen) -> Advice {
    Advice {
        outcome,
        message,
        tool: Some(chosen.tool.key.to_string()),
        confidence: Some(rounded(chosen.confidence)),
        any_confidence: None,
        problems: Vec::new(),
        candidates: Vec::new(),
        schema: None,
    }
}

fn needs_params(chosen: &Chosen, problems: Vec<String>) -> ExecuteOutput {
    let key = &chosen.tool.key;
    let message = format!(
        "the parameters do not fit {key}; nothing was sent. Call execute again with \"tool\": \"{key}\" and params that fit \
         the schema"
    );
    let schema = compact_schema(&chosen.tool.input_schema.to_value(), SCHEMA_BYTES_MAX);
    let candidates = if schema.is_none() { vec![ToolLine::plain(&chosen.tool)] } else { Vec::new() };
    let advice = about_chosen(OutcomeKind::NeedsParams, message, chosen);
    ExecuteOutput::Advice(Box::new(Advice { problems, schema, candidates, ..advice }))
}

fn would_run(chosen: &Chosen) -> ExecuteOutput {
    let message = format!("{} would run with these parameters; nothing was sent", chosen.tool.key);
    let advice = about_chosen(OutcomeKind::DryRun, message, chosen);
    ExecuteOutput::Advice(Box::new(Advice { candidates: vec![ToolLine::plain(&chosen.tool)], ..advice }))
}

fn failed(chosen: &Chosen, fault: &Error, alternatives: Vec<ToolLine>) -> ExecuteOutput {
    let offer =
        if alternatives.is_empty() { "" } else { ". Others that may do it are listed; name one as \"tool\" to use it" };
    let message = format!("{} failed: {}{offer}", chosen.tool.key, fault.one_line());
    let advice = about_chosen(OutcomeKind::Failed, message, chosen);
    ExecuteOutput::Advice(Box::new(Advice { candidates: alternatives, ..advice }))
}

fn route_info(chosen: &Chosen, attempts: u32, started: Instant) -> RouteInfo {
    RouteInfo {
        outcome: OutcomeKind::Done,
        server: chosen.tool.key.server.to_string(),
        tool: chosen.tool.key.tool.clone(),
        confidence: rounded(chosen.confidence),
        is_named: chosen.is_named,
        attempts,
        duration_ms: (started.elapsed().as_secs_f64() * 1e5).round() / 100.0,
        instead_of: chosen.instead_of.as_ref().map(ToString::to_string),
    }
}

/// One line for each decision; neither the request nor the parameters nor the answer are in it. A call by name is no
/// decision of ours, and there may be thousands a second, so it is told at debug only.
fn log(output: &ExecuteOutput, started: Instant) {
    let duration_ms = || started.elapsed().as_secs_f64() * 1e3;
    match output {
        ExecuteOutput::Done(_, route) if route.is_named => tracing::debug!(
            tool.key = format!("{}.{}", route.server, route.tool),
            attempts = route.attempts,
            duration_ms = duration_ms(),
            "called"
        ),
        ExecuteOutput::Done(_, route) => tracing::info!(
            outcome = ?route.outcome, tool.key = format!("{}.{}", route.server, route.tool),
            confidence = route.confidence, attempts = route.attempts, duration_ms = duration_ms(), "executed"
        ),
        ExecuteOutput::Advice(advice) => tracing::info!(
            outcome = ?advice.outcome, tool.key = advice.tool, confidence = advice.confidence,
            duration_ms = duration_ms(), "not executed"
        ),
    }
}
