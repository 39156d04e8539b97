//! The verbs that run tools. What a tool answered passes as it came; only what is around it is ours.

use serde_json::{Map, Value, json};

use crate::history::{Teacher, Verdict};
use crate::operations::{
    Advice, ExecuteInput, ExecuteOutput, FeedbackInput, FeedbackOutput, FetchInput, OutcomeKind, RouteInfo, Selection,
    ServerState,
};
use crate::upstream::Answer;
use crate::wire::Members;

use super::inputs::{Call, Execute, Feedback, FeedbackVerdict, Fetch, Steps};
use super::{Asked, Fault, FaultKind, Named, RawJson, Verbs, Wrong};

pub(super) async fn execute(verbs: &Verbs, asked: Asked<'_>, input: Execute) -> Result<RawJson, Fault> {
    let input = ExecuteInput {
        request: input.request.unwrap_or_default(),
        params: input.params.map(Value::Object),
        tool: input.tool,
        dry_run: input.dry_run.unwrap_or(false),
        plan: input.plan,
        in_steps: input.steps == Some(Steps::Auto),
        ..ExecuteInput::default()
    };
    match verbs.operations.execute(asked.cx, input).await? {
        ExecuteOutput::Done(answer, route) => match answer.payload() {
            Ok(result) => done("{\"outcome\":\"done\",\"result\":", result, &route),
            Err(error) => {
                let message = format!("{}.{} failed: {}", route.server, route.tool, error_message(error));
                RawJson::of(&json!({"outcome": "failed", "message": message, "route": route}))
            }
        },
        ExecuteOutput::Large(large, route) => {
            let mut told = serde_json::to_value(large).unwrap_or_default();
            if let Some(told) = told.as_object_mut() {
                told.insert("route".to_owned(), serde_json::to_value(route).unwrap_or_default());
            }
            RawJson::of(&told)
        }
        ExecuteOutput::Steps(steps) => RawJson::of(&steps),
        ExecuteOutput::Advice(advice) => RawJson::of(&advice),
    }
}

pub(super) async fn call(verbs: &Verbs, asked: Asked<'_>, input: Call) -> Result<RawJson, Fault> {
    let (answer, route) = called(verbs, asked, input.tool, input.params.unwrap_or_default(), "/params").await?;
    match answer.payload() {
        Ok(result) => done("{\"result\":", result, &route),
        Err(error) => Err(refused(&route, error)),
    }
}

/// A tool's call as the older programs make it: the result without what is around it.
pub(super) async fn call_for_result(
    verbs: &Verbs,
    asked: Asked<'_>,
    tool: &str,
    params: Value,
) -> Result<Named, Fault> {
    let params = match params {
        Value::Object(params) => params,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => Map::new(),
    };
    let (answer, route) = called(verbs, asked, tool.to_owned(), params, "").await?;
    match answer.payload() {
        Ok(result) => Ok(plain(result)),
        Err(error) => Err(refused(&route, error)),
    }
}

/// `place` is where the parameters stand in what was sent.
async fn called(
    verbs: &Verbs,
    asked: Asked<'_>,
    tool: String,
    params: Map<String, Value>,
    place: &str,
) -> Result<(Answer, RouteInfo), Fault> {
    let input = ExecuteInput {
        tool: Some(tool),
        params: Some(Value::Object(params)),
        without_plans: true,
        ..ExecuteInput::default()
    };
    match verbs.operations.execute(asked.cx, input).await? {
        ExecuteOutput::Done(answer, route) => Ok((answer, route)),
        ExecuteOutput::Advice(advice) => {
            let is_off = advice.outcome == OutcomeKind::Failed && is_off(verbs, advice.tool.as_deref());
            let fault = no_result(*advice, place);
            // What the operator took out of use has not failed.
            Err(if is_off { Fault { kind: FaultKind::ServerOff, ..fault } } else { fault })
        }
        ExecuteOutput::Large(_, _) | ExecuteOutput::Steps(_) => {
            Err(Fault::new(FaultKind::Internal, "a named tool gave neither a result nor a reason"))
        }
    }
}

/// Whether the server of this tool is not to be used, by the operator's word.
fn is_off(verbs: &Verbs, tool: Option<&str>) -> bool {
    let is_its =
        |server: &str| tool.and_then(|tool| tool.strip_prefix(server)).is_some_and(|rest| rest.starts_with('.'));
    let all = verbs.operations.server_status(&Selection::default()).unwrap_or_default();
    let off = [ServerState::Stopped, ServerState::Quarantined, ServerState::Refused];
    all.iter().any(|status| off.contains(&status.state) && is_its(status.server.as_str()))
}

fn no_result(advice: Advice, place: &str) -> Fault {
    let (outcome, message) = (advice.outcome, advice.message);
    match outcome {
        OutcomeKind::NeedsParams => {
            let errors = advice.problems.into_iter().map(|problem| {
                // `path/0: text` names the place within the parameters; others begin with the value.
                let (inner, what) = match problem.split_once(": ") {
                    Some((inner, what)) if !inner.contains([' ', '"']) => (format!("/{inner}"), what.to_owned()),
                    _ => (String::new(), problem),
                };
                Wrong { place: format!("{place}{inner}"), what }
            });
            Fault { detail: message, ..Fault::invalid(errors.collect()) }
        }
        OutcomeKind::Failed => Fault::new(FaultKind::ServerFailed, message),
        OutcomeKind::NoMatch => Fault::new(FaultKind::NotFound, message),
        OutcomeKind::NeedsChoice | OutcomeKind::NeedsConfirmation | OutcomeKind::Done | OutcomeKind::DryRun => {
            Fault::invalid_at("/tool", message)
        }
    }
}

fn refused(route: &RouteInfo, error: &str) -> Fault {
    let message = format!("{}.{}: {}", route.server, route.tool, error_message(error));
    Fault::new(FaultKind::ServerFailed, message)
}

/// What a raw JSON-RPC error says.
fn error_message(error: &str) -> String {
    let message = Members::parse(error).ok().and_then(|error| serde_json::from_str(error.member("message")?).ok());
    message.unwrap_or_else(|| error.to_owned())
}

fn done(head: &str, result: &str, route: &RouteInfo) -> Result<RawJson, Fault> {
    let route = RawJson::of(route)?;
    let mut text = String::with_capacity(head.len() + result.len() + route.as_str().len() + 16);
    for part in [head, result, ",\"route\":", route.as_str(), "}"] {
        text.push_str(part);
    }
    Ok(RawJson::known(text))
}

/// The text of a result that is text alone, else its structured content, else all of it.
fn plain(result: &str) -> Named {
    let whole = || RawJson::known(result.to_owned());
    let Ok(members) = Members::parse(result) else { return Named { result: whole(), is_error: false } };
    let is_error = members.member("isError") == Some("true");
    let text = members.member("content").and_then(only_text).and_then(|text| RawJson::of(&text).ok());
    let structured = || members.member("structuredContent").map(|raw| RawJson::known(raw.to_owned()));
    Named { result: text.or_else(structured).unwrap_or_else(whole), is_error }
}

/// The texts of raw content, joined; `None` where there is anything else, or nothing.
fn only_text(content: &str) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Block<'a> {
        #[serde(rename = "type", borrow)]
        kind: std::borrow::Cow<'a, str>,
        #[serde(default)]
        text: Option<String>,
    }
    let blocks: Vec<Block<'_>> = serde_json::from_str(content).ok()?;
    let texts: Option<Vec<String>> =
        blocks.into_iter().map(|block| block.text.filter(|_| block.kind == "text")).collect();
    texts.filter(|texts| !texts.is_empty()).map(|texts| texts.join("\n"))
}

pub(super) async fn feedback(verbs: &Verbs, _: Asked<'_>, input: Feedback) -> Result<FeedbackOutput, Fault> {
    let verdict = match input.verdict {
        FeedbackVerdict::Right => Verdict::Right,
        FeedbackVerdict::Wrong => Verdict::Wrong,
    };
    // Whoever calls over a network may be a program that a server's answer talked into it.
    let input = FeedbackInput { route: input.route_id, verdict, tool: input.tool, teacher: Teacher::Client };
    Ok(verbs.operations.feedback(&input).await?)
}

pub(super) async fn fetch(verbs: &Verbs, asked: Asked<'_>, input: Fetch) -> Result<RawJson, Fault> {
    let lines = input.lines.as_deref().map(line_range).transpose()?;
    let input = FetchInput {
        handle: input.handle,
        offset: input.offset,
        limit: input.limit,
        lines,
        grep: input.grep,
        context: input.context,
        path: input.path,
        query: input.query,
        block: input.block,
    };
    let output = verbs.operations.fetch_result(asked.cx, input).await?;
    let mut told = serde_json::to_value(&output).unwrap_or_default();
    if let Some(told) = told.as_object_mut() {
        told.insert("text".to_owned(), output.text.into());
        told.insert("note".to_owned(), output.note.into());
        if let Some(block) = output.block.and_then(|raw| serde_json::from_str(&raw).ok()) {
            told.insert("block".to_owned(), block);
        }
    }
    RawJson::of(&told)
}

fn line_range(lines: &str) -> Result<(usize, usize), Fault> {
    let (first, last) = lines.split_once('-').unwrap_or((lines, lines));
    match (first.parse(), last.parse()) {
        (Ok(first), Ok(last)) if first <= last => Ok((first, last)),
        _ => Err(Fault::invalid_at("/lines", "the first line stands before the last, as \"10-40\"")),
    }
}
