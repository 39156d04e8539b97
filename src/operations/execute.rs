//! Does what the request says, or says honestly why not.

use std::borrow::Cow;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use tokio::time::Instant;

use crate::domain::{Confidence, Effect, EffectSource, Tool, ToolKey, Verb};
use crate::router::{self, Decision};
use crate::upstream::Answer;

use super::advice::{self, Advice};
use super::ask_user::{Asked, ask_for_missing};
use super::call_tool::Checked;
use super::describe::rounded;
use super::observed::Watch;
use super::route::RANKED;
use super::{Error, LargeResult, OpContext, Operations, Routed, StepsInput, StepsOutput};

/// Below this probability that any tool fits, the choice is offered with a doubt. A guess.
const PROBABLY_NONE: f32 = 0.33;

/// What is to be done.
#[derive(Debug, Clone, Default)]
pub struct ExecuteInput {
    /// In words; may be empty when `tool` is given.
    pub request: String,
    /// Parameters for the tool; `None` is an empty object.
    pub params: Option<Value>,
    /// Names in `params` that stood beside it: they count only where the tool has such a parameter.
    pub beside: Vec<String>,
    /// Exactly this tool, `server.tool`.
    pub tool: Option<String>,
    /// Only say what would be done.
    pub dry_run: bool,
    /// Exactly the call that was prepared under this id; nothing else may be said with it.
    pub plan: Option<String>,
    /// Make no plans: the caller will be gone before one could be asked for.
    pub without_plans: bool,
    /// Do several things one after the other where the request clearly asks for them.
    pub in_steps: bool,
    /// How the call was read where it could not be taken as it was written, told with the answer.
    pub lessons: Vec<String>,
}

/// How it ended, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
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
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct RouteInfo {
    /// Always `done`.
    pub outcome: OutcomeKind,
    /// Whose tool.
    pub server: String,
    /// Which tool.
    pub tool: String,
    /// Probability that it was the right one; 1 when the caller named it.
    pub confidence: f64,
    /// Whether the caller named it.
    pub is_named: bool,
    /// Attempts it took.
    pub attempts: u32,
    /// Milliseconds from the request to the answer, ours and the server's together.
    pub duration_ms: f64,
    /// The tool that fitted better, whose server was down.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instead_of: Option<String>,
    /// How the call was read where it could not be taken as it was written.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub lessons: Vec<String>,
    /// What feedback can refer to this route by; only where words decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub route_id: Option<String>,
}

/// What came of it.
#[derive(Debug)]
pub enum ExecuteOutput {
    /// The tool's own answer, untouched.
    Done(Answer, RouteInfo),
    /// The tool answered, and its answer is kept instead of being handed over.
    Large(Box<LargeResult>, RouteInfo),
    /// Several steps: what was done, and what is left.
    Steps(Box<StepsOutput>),
    /// Anything else.
    Advice(Box<Advice>),
}

impl ExecuteOutput {
    /// Adds how the call was read where it could not be taken as it was written.
    fn tell(&mut self, lessons: Vec<String>) {
        match self {
            Self::Done(_, route) | Self::Large(_, route) => route.lessons.extend(lessons),
            Self::Advice(advice) => advice.lessons.extend(lessons),
            Self::Steps(_) => {}
        }
    }
}

impl From<Advice> for ExecuteOutput {
    fn from(advice: Advice) -> Self {
        Self::Advice(Box::new(advice))
    }
}

/// What all steps of one execution share.
struct Execution<'a> {
    cx: &'a OpContext,
    params: Value,
    /// Names in `params` that stood beside it.
    beside: Vec<String>,
    dry_run: bool,
    without_plans: bool,
    /// The words; `None` when the caller named the tool.
    request: Option<&'a str>,
    /// Who is told of it.
    watch: &'a Watch<'a>,
}

impl Execution<'_> {
    /// The parameters as they are meant for this tool, and what is to be told of that: what stood beside `params` goes in
    /// where the tool has such a parameter, and nowhere else.
    fn params_for(&self, tool: &Tool) -> (Cow<'_, Value>, Vec<String>) {
        if self.beside.is_empty() {
            return (Cow::Borrowed(&self.params), Vec::new());
        }
        let mut params = self.params.clone();
        let outline = tool.input_schema.outline();
        let (known, unknown): (Vec<&String>, Vec<&String>) =
            self.beside.iter().partition(|name| outline.parameters.iter().any(|one| *one.name == ***name));
        if let Some(members) = params.as_object_mut() {
            members.retain(|name, _| !unknown.contains(&name));
        }
        let quoted = |names: &[&String]| names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        let mut lessons = Vec::new();
        if !known.is_empty() {
            lessons.push(format!("{} stood beside \"params\" and belongs into it", quoted(&known)));
        }
        if !unknown.is_empty() {
            lessons.push(format!("{} is no parameter of {} and was left out", quoted(&unknown), tool.key));
        }
        (Cow::Owned(params), lessons)
    }
}

/// A tool that was chosen, and how.
pub(super) struct Chosen {
    pub(super) tool: Arc<Tool>,
    pub(super) confidence: Confidence,
    is_named: bool,
    instead_of: Option<ToolKey>,
}

impl Chosen {
    fn named(tool: Arc<Tool>) -> Self {
        Self { tool, confidence: Confidence::CERTAIN, is_named: true, instead_of: None }
    }
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
        let is_named = [&input.tool, &input.plan].into_iter().flatten().any(|name| !name.trim().is_empty());
        let watch = Watch::begin(self, if is_named { Verb::Call } else { Verb::Execute }, cx);
        let ended = self.execute_watched(cx, input, &watch).await;
        watch.executed(cx, &ended);
        ended
    }

    async fn execute_watched(
        &self,
        cx: &OpContext,
        input: ExecuteInput,
        watch: &Watch<'_>,
    ) -> Result<ExecuteOutput, Error> {
        let lessons = input.lessons.clone();
        let started = watch.started();
        // Rare ways are in boxes, here and below: the usual one, a tool that was named, does not carry them along.
        let mut output = match input.plan.as_deref().filter(|plan| !plan.trim().is_empty()) {
            Some(plan) => Box::pin(self.execute_plan(cx, plan, &input, watch)).await,
            None => self.execute_request(cx, input, watch).await,
        }?;
        output.tell(lessons);
        log(&output, started);
        self.within_bounds(cx, output).await
    }

    async fn execute_request(
        &self,
        cx: &OpContext,
        input: ExecuteInput,
        watch: &Watch<'_>,
    ) -> Result<ExecuteOutput, Error> {
        let named = input.tool.as_deref().filter(|tool| !tool.trim().is_empty());
        // Parameters are for one tool, so a request that comes with some is one step.
        let has_params = input.params.as_ref().is_some_and(|params| *params != serde_json::json!({}));
        if input.in_steps && named.is_none() && !has_params && router::split_steps(&input.request).len() > 1 {
            let input = StepsInput { request: input.request, dry_run: input.dry_run };
            return Ok(ExecuteOutput::Steps(Box::new(Box::pin(self.execute_steps(cx, input)).await?)));
        }
        let execution = Execution {
            cx,
            params: input.params.unwrap_or_else(|| Value::Object(serde_json::Map::new())),
            beside: input.beside,
            dry_run: input.dry_run,
            without_plans: input.without_plans,
            request: named.is_none().then_some(input.request.as_str()),
            watch,
        };
        let Some(name) = named else { return Box::pin(self.execute_by_words(&execution, &input.request)).await };
        match self.find_exactly(name).await {
            Ok(tool) => {
                let heard = self.answered.last_of(&tool.key.server);
                let output = self.run(&execution, Chosen::named(tool.clone()), None).await;
                output.inspect(|output| self.note_choice(cx.caller, &tool, output, heard))
            }
            // Words in the place of a name: what is meant is clear, so it is done as if they stood in the right place.
            Err(Error::NotFound { .. }) if input.request.trim().is_empty() && name.trim().contains(' ') => {
                let execution = Execution { request: Some(name), ..execution };
                let mut output = Box::pin(self.execute_by_words(&execution, name)).await?;
                output.tell(vec!["words belong into \"request\"; \"tool\" is for the exact name of one".to_owned()]);
                Ok(output)
            }
            Err(fault) => Err(fault),
        }
    }

    /// Runs what was planned, if it is still what it was.
    async fn execute_plan(
        &self,
        cx: &OpContext,
        plan: &str,
        input: &ExecuteInput,
        watch: &Watch<'_>,
    ) -> Result<ExecuteOutput, Error> {
        let has_tool = input.tool.as_deref().is_some_and(|tool| !tool.trim().is_empty());
        if has_tool || input.params.as_ref().is_some_and(|params| *params != serde_json::json!({})) {
            let what = "a plan runs exactly what it was made for: leave `tool` and `params` out, or leave `plan` out and name \
                        them";
            return Err(Error::InvalidInput { what: what.to_owned() });
        }
        let known = self.known_listed().await;
        let generation = known.snapshot.generation();
        if input.dry_run {
            let id = plan.trim().to_owned();
            let plan = self.plans.look(&id, generation)?;
            return Ok(Advice::would_run(&Chosen::named(plan.tool), plan.params, Some(id), Vec::new()).into());
        }
        let plan = self.plans.take(plan, generation)?;
        let execution = Execution {
            cx,
            params: plan.params,
            beside: Vec::new(),
            dry_run: false,
            without_plans: true,
            request: None,
            watch,
        };
        let tool = plan.tool;
        let heard = self.answered.last_of(&tool.key.server);
        let output = self.run(&execution, Chosen::named(tool.clone()), None).await;
        output.inspect(|output| self.note_choice(cx.caller, &tool, output, heard))
    }

    async fn execute_by_words(&self, execution: &Execution<'_>, request: &str) -> Result<ExecuteOutput, Error> {
        let trace = &execution.cx.trace;
        let (routed, decision) = trace.during("route", self.decide(request, Some(&execution.params))).await?;
        execution.watch.note_routed(request, &routed, Some(decision));
        let output = self.follow_ranking(execution, &routed, decision).await?;
        Ok(self.recorded(execution.cx.caller, request, &execution.params, &routed, output))
    }

    async fn follow_ranking(
        &self,
        execution: &Execution<'_>,
        routed: &Routed,
        decision: Decision,
    ) -> Result<ExecuteOutput, Error> {
        let Some(tool) = routed.tool(0).cloned() else {
            return Ok(Advice::on_ranking(OutcomeKind::NoMatch, nothing_to_run(routed), routed, 0).into());
        };
        let confidence = routed.ranking.is_right;
        match decision {
            Decision::Run => {
                let chosen = Chosen { tool, confidence, is_named: false, instead_of: None };
                self.run(execution, chosen, Some(routed)).await
            }
            Decision::NeedsConfirmation => Ok(self.ask_to_confirm(execution, &tool, routed).into()),
            Decision::NeedsChoice => Ok(self.ask_to_choose(execution, routed).into()),
            Decision::NoMatch => {
                let message = "no connected tool seems to do this. The nearest are listed; say it in other words, or see \
                               list_capabilities";
                let count = self.settings.candidates_max;
                Ok(Advice::on_ranking(OutcomeKind::NoMatch, message.to_owned(), routed, count).into())
            }
        }
    }

    /// With a plan where the parameters fit already: then one word is enough.
    fn ask_to_confirm(&self, execution: &Execution<'_>, tool: &Arc<Tool>, routed: &Routed) -> Advice {
        let (key, effect) = (&tool.key, tool.effect.word());
        let plan = self.plan(tool, execution, routed);
        let how = match &plan {
            Some((plan, _)) => format!("call execute with \"plan\": \"{plan}\" to run it once with these parameters"),
            None => format!("call execute again with \"tool\": \"{key}\" and its params"),
        };
        let message = format!(
            "{key} fits best, but it is a {effect} tool and this is not sure enough to run it unasked. If it is meant, {how}"
        );
        let count = self.settings.candidates_max;
        let mut advice = Advice::on_ranking(OutcomeKind::NeedsConfirmation, message, routed, count);
        advice.tool = Some(key.to_string());
        match plan {
            Some((plan, params)) => {
                (advice.plan, advice.params) = (Some(plan), advice::shown(params));
                advice
            }
            None => advice.with_schema(&tool.input_schema.to_value()),
        }
    }

    /// With a plan for each tool that the parameters fit already.
    fn ask_to_choose(&self, execution: &Execution<'_>, routed: &Routed) -> Advice {
        let count = self.settings.candidates_max;
        let message = if routed.ranking.is_any.value() < PROBABLY_NONE {
            "probably no connected tool does this; the nearest are listed. If one of them is meant after all, call execute \
             again with \"tool\" set to it, and its params"
        } else {
            "several tools may be meant. Call execute again with \"tool\" set to the right one, and its params"
        };
        let mut advice = Advice::on_ranking(OutcomeKind::NeedsChoice, message.to_owned(), routed, count);
        for (place, line) in advice.candidates.iter_mut().enumerate() {
            let plan = routed.tool(place).and_then(|tool| self.plan(tool, execution, routed));
            line.plan = plan.map(|(plan, _)| plan);
        }
        if advice.candidates.iter().any(|line| line.plan.is_some()) {
            advice.message.push_str(", or with the \"plan\" behind it");
        }
        advice
    }

    /// A plan for the call, if the parameters fit, and the parameters as they would be sent.
    fn plan(&self, tool: &Arc<Tool>, execution: &Execution<'_>, routed: &Routed) -> Option<(String, Value)> {
        if execution.without_plans {
            return None;
        }
        let (params, _) = execution.params_for(tool);
        match self.check(tool, &params) {
            Checked::Fit(params, _) => {
                let plan = self.plans.issue(tool, &params, routed.known.snapshot.generation());
                Some((plan, params.into_owned()))
            }
            Checked::Problems(_) => None,
        }
    }

    /// `routed` is what the tool was chosen from, when words chose it.
    async fn run(
        &self,
        execution: &Execution<'_>,
        chosen: Chosen,
        routed: Option<&Routed>,
    ) -> Result<ExecuteOutput, Error> {
        execution.watch.note_tool(&chosen.tool);
        let (given, mut lessons) = execution.params_for(&chosen.tool);
        let filled;
        let mut checked = self.check(&chosen.tool, &given);
        if matches!(checked, Checked::Problems(_)) && !execution.dry_run {
            match Box::pin(ask_for_missing(execution.cx, &chosen.tool, &given)).await {
                Asked::Filled(params) => {
                    filled = params;
                    checked = self.check(&chosen.tool, &filled);
                }
                Asked::Declined => lessons.push("the user was asked for what is missing, and declined".to_owned()),
                Asked::Nothing => {}
            }
        }
        let params = match checked {
            Checked::Fit(params, mended) => {
                lessons.extend(mended);
                params
            }
            Checked::Problems(problems) => {
                execution.watch.note_arguments(given.to_string().into());
                let mut output: ExecuteOutput = Advice::needs_params(&chosen, problems).into();
                output.tell(lessons);
                return Ok(output);
            }
        };
        let mut output = if execution.dry_run {
            // Of the very catalogue that the tool was taken from.
            let generation =
                routed.map_or_else(|| self.known_now(), |routed| routed.known.clone()).snapshot.generation();
            let plan = (!execution.without_plans).then(|| self.plans.issue(&chosen.tool, &params, generation));
            let alternatives = routed.map(|routed| advice::lines(routed, self.settings.candidates_max));
            Advice::would_run(&chosen, params.into_owned(), plan, alternatives.unwrap_or_default()).into()
        } else {
            let arguments: Arc<str> = params.to_string().into();
            execution.watch.note_arguments(arguments.clone());
            self.send_chosen(execution, chosen, &arguments).await?
        };
        output.tell(lessons);
        Ok(output)
    }

    async fn send_chosen(
        &self,
        execution: &Execution<'_>,
        chosen: Chosen,
        arguments: &Arc<str>,
    ) -> Result<ExecuteOutput, Error> {
        match self.send(execution.cx, &chosen.tool, arguments).await {
            Ok(outcome) => Ok(ExecuteOutput::Done(
                outcome.answer,
                route_info(&chosen, outcome.attempts, execution.watch.started()),
            )),
            Err(fault) => {
                execution.watch.note_fault(&fault);
                match execution.request {
                    Some(request) => {
                        Box::pin(self.after_failure(execution, (&chosen, arguments), fault, request)).await
                    }
                    None => Ok(Advice::failed(&chosen, &fault, Vec::new()).into()),
                }
            }
        }
    }

    /// The server is down: the next fitting tool takes over where nothing can have happened and it only reads; else it is
    /// offered.
    async fn after_failure(
        &self,
        execution: &Execution<'_>,
        (chosen, arguments): (&Chosen, &Arc<str>),
        fault: Error,
        request: &str,
    ) -> Result<ExecuteOutput, Error> {
        let Error::Server(server_fault) = &fault else { return Ok(Advice::failed(chosen, &fault, Vec::new()).into()) };
        if chosen.instead_of.is_some() || !server_fault.is_server_down() {
            return Ok(Advice::failed(chosen, &fault, Vec::new()).into());
        }
        let may_have_run = server_fault.may_have_run() && !chosen.tool.is_idempotent;
        let down = chosen.tool.key.server.clone();
        let routed = self.route_without(request, &execution.params, &down).await?;
        let next = routed.tool(0).cloned();
        if let Some(next) = next
            && !may_have_run
            && next.effect == Effect::Read
            // A guess is good enough to be asked for, not to stand in for another unasked.
            && next.effect_source != EffectSource::Guessed
            && router::decide(&routed.ranking, next.effect, &self.settings.bars) == Decision::Run
            && let Checked::Fit(params, _) = self.check(&next, &execution.params_for(&next).0)
        {
            tracing::info!(tool.key = %chosen.tool.key, next = %next.key, "a server is down; the next fitting tool takes over");
            let instead = Chosen {
                tool: next,
                confidence: routed.ranking.is_right,
                is_named: false,
                instead_of: Some(chosen.tool.key.clone()),
            };
            let instead_arguments: Arc<str> = params.to_string().into();
            execution.watch.note_tool(&instead.tool);
            execution.watch.note_arguments(instead_arguments.clone());
            return match self.send(execution.cx, &instead.tool, &instead_arguments).await {
                Ok(outcome) => Ok(ExecuteOutput::Done(
                    outcome.answer,
                    route_info(&instead, outcome.attempts, execution.watch.started()),
                )),
                Err(_) => {
                    // The answer is about the first.
                    execution.watch.note_tool(&chosen.tool);
                    execution.watch.note_arguments(arguments.clone());
                    Ok(Advice::failed(chosen, &fault, Vec::new()).into())
                }
            };
        }
        Ok(Advice::failed(chosen, &fault, advice::lines(&routed, self.settings.candidates_max)).into())
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
        lessons: Vec::new(),
        route_id: None,
    }
}

/// One line for each decision; neither the request nor the parameters nor the answer are in it. A call by name is no
/// decision of ours, and there may be thousands a second, so it is told at debug only.
fn log(output: &ExecuteOutput, started: Instant) {
    let duration_ms = || (started.elapsed().as_secs_f64() * 1e5).round() / 100.0;
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
        // The steps have told of themselves, and what is kept was told before.
        ExecuteOutput::Steps(_) | ExecuteOutput::Large(..) => {}
        ExecuteOutput::Advice(advice) => tracing::info!(
            outcome = ?advice.outcome, tool.key = advice.tool, confidence = advice.confidence,
            duration_ms = duration_ms(), "not executed"
        ),
    }
}
