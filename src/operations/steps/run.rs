//! Runs what is certain of a plan, and says what is left.

use serde_json::{Map, Value};
use tokio::time::Instant;

use crate::domain::{CallParams, Verb};
use crate::upstream::Answer;

use super::{PlannedStep, StepPlan, StepReport, StepState, StepsInput, StepsOutcome, StepsOutput};
use crate::operations::call_tool::Checked;
use crate::operations::observed::Watch;
use crate::operations::{Error, OpContext, Operations};

/// Longest result that is shown of one step, in characters: about 500 tokens, so that eight stay readable.
const RESULT_CHARS_MAX: usize = 2_000;
/// Longest result that is handed on to another step, in bytes; more is data, and the caller's to handle.
const HANDED_ON_BYTES_MAX: usize = 100_000;

/// What a step gave.
enum Given {
    /// All of it in one text; `None` where it is anything else than one text.
    Result { shown: String, text: Option<String> },
    /// It went wrong, and how.
    Fault(String),
}

impl Operations {
    /// Plans the request and runs, side by side where it may, the steps that are beyond doubt. A step that changes something
    /// runs alone, and only if every step before it is done; nothing runs after a change that is still open.
    ///
    /// Cancel safe: calls in flight are cancelled at their servers, further ones not made.
    ///
    /// # Errors
    /// When the request cannot be planned. What a tool does wrong is told in its step.
    pub async fn execute_steps(&self, cx: &OpContext, input: StepsInput) -> Result<StepsOutput, Error> {
        let started = Instant::now();
        let plan = self.plan_steps(&input.request).await?;
        let mut given: Vec<Option<Given>> = plan.steps.iter().map(|_| None).collect();
        while !input.dry_run && !cx.cancel.is_cancelled() {
            let wave = next_wave(&plan, &given);
            if wave.is_empty() {
                break;
            }
            let step = |at: usize| {
                let place = wave.get(at).copied();
                let given = &given;
                let plan = &plan;
                async move {
                    let place = place?;
                    Some((place, self.run_step(cx, plan, place, given).await))
                }
            };
            let (first, second, third, fourth) = tokio::join!(step(0), step(1), step(2), step(3));
            for (place, result) in [first, second, third, fourth].into_iter().flatten() {
                given[place] = Some(result);
            }
        }
        let output = report(plan.steps, given, input.dry_run);
        let done = output.steps.iter().filter(|step| step.state == StepState::Done).count();
        tracing::info!(
            outcome = ?output.outcome, steps = output.steps.len(), done,
            duration_ms = (started.elapsed().as_secs_f64() * 1e5).round() / 100.0, "executed in steps"
        );
        Ok(output)
    }

    async fn run_step(&self, cx: &OpContext, plan: &StepPlan, place: usize, given: &[Option<Given>]) -> Given {
        let step = &plan.steps[place];
        let Some(tool) = &plan.tools[place] else { return Given::Fault("no tool was found".to_owned()) };
        let params = match (&step.result_into, handed_on(plan, step, given)) {
            (Some(name), Some(text)) => Value::Object(Map::from_iter([(name.clone(), Value::from(text))])),
            _ => step.params.clone(),
        };
        match self.check(tool, &params) {
            Checked::Problems(problems) => Given::Fault(problems.join("; ")),
            Checked::Fit(params, _) => {
                // Each is told of as the call that it is, beside the request that they are steps of.
                let arguments = params.to_string();
                let (server, name) = (tool.key.server.as_str(), tool.key.tool.as_str());
                let watch = Watch::begin(self, Verb::Call, cx).calling(server, name, CallParams::Raw(&arguments));
                let ended = self.send(cx, tool, &arguments).await;
                watch.called(cx, &ended);
                match ended {
                    Ok(outcome) => read(&outcome.answer),
                    Err(fault) => Given::Fault(fault.one_line()),
                }
            }
        }
    }
}

/// Steps that run now: at most four that read, or one that changes something.
fn next_wave(plan: &StepPlan, given: &[Option<Given>]) -> Vec<usize> {
    const SIDE_BY_SIDE_MAX: usize = 4;
    let is_done = |place: &usize| matches!(given[*place], Some(Given::Result { .. }));
    let mut wave = Vec::new();
    for (place, step) in plan.steps.iter().enumerate() {
        let is_read = reads(plan, place);
        let is_ready = given[place].is_none()
            && step.is_certain
            && step.needs.iter().all(is_done)
            && (step.result_into.is_none() || handed_on(plan, step, given).is_some());
        if is_read && is_ready {
            wave.push(place);
        }
        // What reads behind a change would read the old state, and a change presumes all that was said before it.
        if !is_read {
            let may_change = is_ready && (0..place).all(|place| is_done(&place));
            if may_change {
                return vec![place];
            }
            if !is_done(&place) {
                break;
            }
        }
        if wave.len() == SIDE_BY_SIDE_MAX {
            break;
        }
    }
    wave
}

/// A guess that it reads does not count: it runs like what changes something.
fn reads(plan: &StepPlan, place: usize) -> bool {
    plan.tools[place].as_ref().is_some_and(|tool| tool.is_known_read())
}

/// The text that the one needed step gave, if it is fit to be a parameter. What a change answers is a confirmation, not a
/// text to work on.
fn handed_on<'a>(plan: &StepPlan, step: &PlannedStep, given: &'a [Option<Given>]) -> Option<&'a str> {
    let [place] = step.needs.as_slice() else { return None };
    if !reads(plan, *place) {
        return None;
    }
    match &given[*place] {
        Some(Given::Result { text: Some(text), .. }) if text.len() <= HANDED_ON_BYTES_MAX => Some(text),
        Some(Given::Result { .. } | Given::Fault(_)) | None => None,
    }
}

/// A tool's answer as text.
fn read(answer: &Answer) -> Given {
    let raw = match answer.payload() {
        Ok(raw) => raw,
        Err(fault) => return Given::Fault(cut(fault)),
    };
    let result: Value = serde_json::from_str(raw).unwrap_or(Value::Null);
    let content = result["content"].as_array().map(Vec::as_slice).unwrap_or_default();
    let texts: Vec<&str> = content.iter().filter_map(|item| item["text"].as_str()).collect();
    let shown = if texts.is_empty() { raw.to_owned() } else { texts.join("\n") };
    if result["isError"] == true {
        return Given::Fault(cut(&shown));
    }
    let text = match (content, texts.as_slice()) {
        ([_], [text]) => Some((*text).to_owned()),
        _ => None,
    };
    Given::Result { shown: cut(&shown), text }
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(RESULT_CHARS_MAX) {
        Some((end, _)) => format!("{}… ({} characters in all)", &text[..end], text.chars().count()),
        None => text.to_owned(),
    }
}

fn report(steps: Vec<PlannedStep>, given: Vec<Option<Given>>, is_dry_run: bool) -> StepsOutput {
    let steps: Vec<StepReport> = steps
        .into_iter()
        .zip(given)
        .map(|(plan, given)| match given {
            Some(Given::Result { shown, .. }) => StepReport { plan, state: StepState::Done, result: Some(shown) },
            Some(Given::Fault(fault)) => StepReport { plan, state: StepState::Failed, result: Some(fault) },
            None => StepReport { plan, state: StepState::Open, result: None },
        })
        .collect();
    let has = |state: StepState| steps.iter().any(|step| step.state == state);
    let (outcome, message) = if is_dry_run {
        (StepsOutcome::DryRun, "this is the plan; nothing was run")
    } else if has(StepState::Failed) {
        (
            StepsOutcome::Failed,
            "a step failed, and what depends on it was not tried. Mend it, then go on with the open ones by execute with \"tool\" and params",
        )
    } else if has(StepState::Open) {
        (
            StepsOutcome::NeedsSteps,
            "the open steps are yours: run them in order by execute with \"tool\" and params, and fill in the results of the steps \
             that they need",
        )
    } else {
        (StepsOutcome::Done, "all steps are done")
    };
    StepsOutput { outcome, message: message.to_owned(), steps }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use crate::domain::{Effect, EffectSource, InputSchema, ServerName, Tool, ToolKey};
    use crate::router::Decision;

    /// Each step as `r`ead, `g`uessed read, `w`rite or `d`estructive; `?` when it is not certain; digits are what it needs, and `=` says that
    /// it takes the result.
    fn plan(text: &str) -> StepPlan {
        let step = |text: &str| {
            let effect = match text.as_bytes()[0] {
                b'r' | b'g' => Effect::Read,
                b'w' => Effect::Write,
                _ => Effect::Destructive,
            };
            let tool = Tool {
                key: ToolKey { server: ServerName::parse("s").unwrap(), tool: text.to_owned() },
                title: String::new(),
                description: String::new(),
                input_schema: InputSchema::any_object(),
                effect,
                effect_source: if text.starts_with('g') { EffectSource::Guessed } else { EffectSource::Announced },
                is_idempotent: false,
                raw: "{}".into(),
            };
            let step = PlannedStep {
                request: text.to_owned(),
                tool: Some(tool.key.to_string()),
                confidence: 0.99,
                decision: Decision::Run,
                effect: Some(effect.word()),
                needs: text.chars().filter_map(|letter| letter.to_digit(10)).map(|place| place as usize).collect(),
                params: json!({}),
                result_into: text.contains('=').then(|| "text".to_owned()),
                missing: Vec::new(),
                candidates: Vec::new(),
                is_certain: !text.contains('?'),
            };
            (step, Some(Arc::new(tool)))
        };
        let (steps, tools) = text.split(' ').map(step).unzip();
        StepPlan { steps, tools }
    }

    /// The waves in which a plan runs; `failing` are steps that go wrong.
    fn waves(text: &str, failing: &[usize]) -> Vec<Vec<usize>> {
        let plan = plan(text);
        let mut given: Vec<Option<Given>> = plan.steps.iter().map(|_| None).collect();
        let mut waves = Vec::new();
        loop {
            let wave = next_wave(&plan, &given);
            if wave.is_empty() {
                return waves;
            }
            for place in &wave {
                let result = || Given::Result { shown: String::new(), text: Some(String::new()) };
                given[*place] = Some(if failing.contains(place) { Given::Fault(String::new()) } else { result() });
            }
            waves.push(wave);
        }
    }

    #[test]
    fn steps_run_side_by_side_unless_they_need_or_change_something() {
        let check = |plan: &str, expected: &[&[usize]]| assert_eq!(waves(plan, &[]), expected, "{plan}");
        check("r r r", &[&[0, 1, 2]]);
        check("r r0 r1", &[&[0], &[1], &[2]]);
        check("r r r r r r", &[&[0, 1, 2, 3], &[4, 5]]);
        check("r w0 r", &[&[0], &[1], &[2]]);
        check("w w", &[&[0], &[1]]);
        check("d r", &[&[0], &[1]]);
        check("r r0=", &[&[0], &[1]]);
        // What a change answers is no text to work on.
        check("w r0=", &[&[0]]);
    }

    #[test]
    fn a_guessed_read_keeps_its_place_like_a_change() {
        let check = |plan: &str, expected: &[&[usize]]| assert_eq!(waves(plan, &[]), expected, "{plan}");
        check("g g", &[&[0], &[1]]);
        check("r g r", &[&[0], &[1], &[2]]);
        check("r? g", &[]);
        check("g? r", &[]);
        check("g r0=", &[&[0]]);
    }

    #[test]
    fn nothing_is_changed_behind_a_step_that_is_open() {
        let check = |plan: &str, expected: &[&[usize]]| assert_eq!(waves(plan, &[]), expected, "{plan}");
        check("r? w", &[]);
        check("r? r w", &[&[1]]);
        check("r w? r", &[&[0]]);
        check("w? w", &[]);
        check("r d? w r", &[&[0]]);
        check("r? r0", &[]);
    }

    #[test]
    fn a_step_that_failed_stops_what_depends_on_it_and_every_change() {
        let check =
            |plan: &str, failing: &[usize], expected: &[&[usize]]| assert_eq!(waves(plan, failing), expected, "{plan}");
        check("r r0", &[0], &[&[0]]);
        check("r r w", &[0], &[&[0, 1]]);
        check("w r", &[0], &[&[0]]);
    }

    #[test]
    fn the_outcome_names_the_worst_step() {
        let check = |states: &[Option<bool>], is_dry_run, expected| {
            let result = |is_good: &bool| {
                if *is_good {
                    Given::Result { shown: "ok".to_owned(), text: None }
                } else {
                    Given::Fault("no".to_owned())
                }
            };
            let plan = plan(&vec!["r"; states.len()].join(" ")).steps;
            let given = states.iter().map(|state| state.as_ref().map(result)).collect();
            assert_eq!(report(plan, given, is_dry_run).outcome, expected, "{states:?}");
        };
        check(&[Some(true), Some(true)], false, StepsOutcome::Done);
        check(&[Some(true), None], false, StepsOutcome::NeedsSteps);
        check(&[Some(false), None], false, StepsOutcome::Failed);
        check(&[None, None], true, StepsOutcome::DryRun);
    }
}
