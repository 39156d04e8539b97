//! Notes where requests went, what the caller took when the choice was left to him, and which tools failed. What a server
//! answers teaches nothing in its favour: only what its caller does or says can.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use crate::domain::{Tool, ToolKey};
use crate::history::{NewLesson, Route, RouteId, Source};
use crate::secrets::redactor;

use super::answered::Heard;
use super::learned::routed_tool;
use super::observed::is_tool_error;
use super::{CallerId, ExecuteOutput, Operations, OutcomeKind, Routed};

/// How long after it was left the choice a caller's call by name counts as his choice. A guess: a model answers in seconds,
/// a person who is asked in minutes.
const CHOICE_WITHIN: Duration = Duration::from_secs(600);
/// Routes that may still be chosen from, of all callers together; a guess: a caller has a few, and there are a few callers.
const OPEN_CHOICES_MAX: usize = 128;
/// Candidates that are noted.
const CANDIDATES_MAX: usize = 10;
/// Names of parameters that are noted, and of each so many bytes. Guesses: tools have a dozen, of twenty letters.
const PARAMS_MAX: usize = 64;
const PARAM_BYTES_MAX: usize = 128;
/// What a choice is worth, and what a failure, in units of a cosine. Guesses: half of what somebody says in so many words,
/// and little, since most errors are the parameters'.
const CHOICE_WEIGHT: f32 = 0.02;
const FAILURE_WEIGHT: f32 = -0.01;

/// How a routed request ended.
#[derive(Debug, Clone)]
pub struct Ending {
    /// `execute`, `find_tool` or `query`.
    verb: &'static str,
    outcome: String,
    /// The tool that was called, and whether it answered with an error.
    ran: Option<(ToolKey, bool)>,
}

impl Ending {
    /// Tools were shown and nothing was to be run.
    #[must_use]
    pub fn shown(verb: &'static str) -> Self {
        Self { verb, outcome: "shown".to_owned(), ran: None }
    }

    fn of(output: &ExecuteOutput, routed: &Routed) -> Self {
        let (outcome, ran) = match output {
            ExecuteOutput::Done(answer, route) => {
                let entries = routed.ranking.candidates.iter().filter_map(|found| {
                    let tool = &routed.known.snapshot.entries().get(found.entry)?.tool;
                    (tool.key.server.as_str() == route.server && tool.key.tool == route.tool).then(|| tool.key.clone())
                });
                // Another server may have taken over, which was not ranked here.
                let server = crate::domain::ServerName::parse(&route.server).ok();
                let other = || server.map(|server| ToolKey { server, tool: route.tool.clone() });
                (route.outcome, entries.into_iter().next().or_else(other).map(|key| (key, is_tool_error(answer))))
            }
            ExecuteOutput::Advice(advice) => (advice.outcome, None),
            // Several steps are several rankings; this is about one. A result is kept only after it was noted.
            ExecuteOutput::Steps(_) | ExecuteOutput::Large(..) => (OutcomeKind::Done, None),
        };
        let outcome = serde_json::to_value(outcome).ok().and_then(|word| word.as_str().map(str::to_owned));
        Self { verb: "execute", outcome: outcome.unwrap_or_default(), ran }
    }

    /// Whether the caller was left a choice, and whether taking the first tool then tells us something.
    fn leaves_choice(&self) -> Option<bool> {
        match self.outcome.as_str() {
            // That somebody takes the first of a list that he asked for is what lists are for.
            "shown" => Some(false),
            "needs_choice" | "needs_confirmation" => Some(true),
            _ => None,
        }
    }
}

/// Routes from which a caller may still choose, newest last. A route is open to the caller alone that asked for it.
#[derive(Debug, Default)]
pub(super) struct OpenChoices(Mutex<VecDeque<OpenChoice>>);

#[derive(Debug)]
struct OpenChoice {
    caller: CallerId,
    route: RouteId,
    at: Instant,
    made: Heard,
    candidates: Vec<ToolKey>,
    /// Whether taking the first is a lesson too.
    first_teaches: bool,
}

impl OpenChoices {
    fn lock(&self) -> MutexGuard<'_, VecDeque<OpenChoice>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, choice: OpenChoice) {
        let mut open = self.lock();
        if open.len() >= OPEN_CHOICES_MAX {
            open.pop_front();
        }
        open.push_back(choice);
    }

    fn offers(&self, caller: CallerId, tool: &ToolKey) -> bool {
        self.lock().iter().any(|open| open.caller == caller && open.candidates.contains(tool))
    }

    /// The newest that offered this tool to this caller; it is closed by that.
    fn take(&self, caller: CallerId, tool: &ToolKey) -> Option<OpenChoice> {
        let mut open = self.lock();
        open.retain(|choice| choice.at.elapsed() < CHOICE_WITHIN);
        let place = open.iter().rposition(|choice| choice.caller == caller && choice.candidates.contains(tool))?;
        open.remove(place)
    }
}

impl Operations {
    /// Notes where a request went; gives the id that feedback can refer to, or `None` when no history is kept. Returns at
    /// once.
    pub fn record_route(
        &self,
        caller: CallerId,
        request: &str,
        params: Option<&Value>,
        routed: &Routed,
        ending: &Ending,
    ) -> Option<String> {
        let history = self.learning.history()?;
        let known = &routed.known;
        let keys = routed.ranking.candidates.iter().take(CANDIDATES_MAX);
        let candidates: Vec<ToolKey> =
            keys.filter_map(|found| Some(known.snapshot.entries().get(found.entry)?.tool.key.clone())).collect();
        let in_question = ending.ran.as_ref().map(|(key, _)| key).or(candidates.first());
        let tool = in_question
            .and_then(|key| known.snapshot.find(key))
            .map(|place| known.snapshot.entries()[place].tool.clone());
        let id = RouteId::random();
        self.answered.note_route(id.clone(), routed.made);
        history.record(Route {
            id: id.clone(),
            verb: ending.verb.to_owned(),
            // A known secret is not even written where the operator keeps requests as they are.
            request: redactor().redact(request.trim()).into_owned(),
            params: parameter_names(params),
            model: known.snapshot.model().to_owned(),
            candidates: candidates.clone(),
            confidence: routed.ranking.is_right.value(),
            any_confidence: routed.ranking.is_any.value(),
            outcome: ending.outcome.clone(),
            effect: tool.as_ref().map_or("", |tool| tool.effect.word()).to_owned(),
            tool: tool.as_ref().map(|tool| routed_tool(known, tool)),
            has_run: ending.ran.is_some(),
        });
        if let Some(first_teaches) = ending.leaves_choice() {
            let (route, at, made) = (id.clone(), Instant::now(), routed.made);
            self.choices.push(OpenChoice { caller, route, at, made, candidates, first_teaches });
        }
        if let (Some(tool), Some((_, true))) = (&tool, &ending.ran)
            && self.learning.is_enabled()
        {
            let lesson = NewLesson { tool: routed_tool(known, tool), weight: FAILURE_WEIGHT };
            history.note_outcome(id.clone(), None, Source::Failure, vec![lesson]);
        }
        Some(id.to_string())
    }

    /// The hook of `execute` for requests in words: notes how it ended, and puts the route's id into the answer.
    pub(super) fn recorded(
        &self,
        caller: CallerId,
        request: &str,
        params: &Value,
        routed: &Routed,
        mut output: ExecuteOutput,
    ) -> ExecuteOutput {
        let route_id = self.record_route(caller, request, Some(params), routed, &Ending::of(&output, routed));
        match &mut output {
            ExecuteOutput::Done(_, route) | ExecuteOutput::Large(_, route) => route.route_id = route_id,
            ExecuteOutput::Advice(advice) => advice.route_id = route_id,
            ExecuteOutput::Steps(_) => {}
        }
        output
    }

    /// The hook of `execute` for calls by name: a caller that was left the choice has taken it. A tool that then fails was
    /// no good choice, and says nothing; nor does one whose server had answered something since the choice was left: `heard`
    /// is the moment of its last answer before this one.
    pub(super) fn note_choice(&self, caller: CallerId, tool: &Arc<Tool>, output: &ExecuteOutput, heard: Heard) {
        // First, since calls by name come by the thousand, and hardly ever is a choice open.
        if !self.choices.offers(caller, &tool.key) {
            return;
        }
        let (ExecuteOutput::Done(answer, route), Some(history)) = (output, self.learning.history()) else { return };
        if route.outcome != OutcomeKind::Done || is_tool_error(answer) {
            return;
        }
        let Some(choice) = self.choices.take(caller, &tool.key) else { return };
        let is_first = choice.candidates.first() == Some(&tool.key);
        let is_free = heard <= choice.made;
        let teaches = self.learning.is_enabled() && is_free && (choice.first_teaches || !is_first);
        let lesson = || NewLesson { tool: routed_tool(&self.known_now(), tool), weight: CHOICE_WEIGHT };
        let lessons = teaches.then(lesson).into_iter().collect();
        history.note_outcome(choice.route, Some(tool.key.clone()), Source::Choice, lessons);
    }
}

fn parameter_names(params: Option<&Value>) -> Vec<String> {
    let names = params.and_then(Value::as_object).into_iter().flat_map(serde_json::Map::keys);
    names.take(PARAMS_MAX).map(|name| name[..name.floor_char_boundary(PARAM_BYTES_MAX)].to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, Value, json};

    use super::{CHOICE_WITHIN, OpenChoice, OpenChoices, PARAM_BYTES_MAX, PARAMS_MAX, parameter_names};
    use crate::domain::{ServerName, ToolKey};
    use crate::history::RouteId;
    use crate::operations::CallerId;

    #[tokio::test(start_paused = true)]
    async fn a_choice_is_open_to_its_own_caller_alone_and_not_for_ever() {
        let tool = ToolKey { server: ServerName::parse("s").unwrap(), tool: "t".to_owned() };
        let (one, other) = (CallerId(1), CallerId(2));
        let open = OpenChoices::default();
        let push = || {
            let (route, at) = (RouteId::random(), tokio::time::Instant::now());
            let candidates = vec![tool.clone()];
            open.push(OpenChoice { caller: one, route, at, made: 0, candidates, first_teaches: true });
        };
        push();
        assert!(open.offers(one, &tool) && !open.offers(other, &tool));
        assert!(
            open.take(other, &tool).is_none() && open.take(one, &tool).is_some() && open.take(one, &tool).is_none()
        );
        push();
        tokio::time::advance(CHOICE_WITHIN).await;
        assert!(open.take(one, &tool).is_none());
    }

    #[test]
    fn names_of_parameters_are_cut_and_bounded() {
        let long = "ß".repeat(200);
        assert_eq!(parameter_names(Some(&json!({long: 1}))), ["ß".repeat(PARAM_BYTES_MAX / 2)]);
        let many: Map<String, Value> = (0..1_000).map(|number| (format!("p{number}"), Value::Null)).collect();
        assert_eq!(parameter_names(Some(&Value::Object(many))).len(), PARAMS_MAX);
        assert!(parameter_names(Some(&json!(["a"]))).is_empty() && parameter_names(None).is_empty());
    }
}
