//! What changed between two runs of the same routes: more servers, other settings, another model.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::domain::{ServerName, ToolKey};
use crate::router::Decision;

use super::judge::{as_text, three_digits};
use super::{Expected, Outcome, Run};

/// The least loss or gain of confidence that is told. A guess: less is what any tool more in the catalogue brings.
const CONFIDENCE_STEP: f32 = 0.05;

/// The differences of two runs.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Comparison {
    /// The routes that differ, in their order, the others left out.
    pub changes: Vec<Change>,
    /// What each server has of the second run, by name; servers without any are left out.
    #[serde(rename = "by_server")]
    pub servers: BTreeMap<ServerName, ServerShare>,
    /// How many routes passed first and fail now.
    pub newly_failing: usize,
    /// How many failed first and pass now.
    pub newly_passing: usize,
}

/// One route that differs.
#[derive(Debug, Clone, Serialize)]
pub struct Change {
    /// Its place in both runs, from 0.
    #[serde(skip)]
    pub at: usize,
    /// `FILE:LINE`.
    pub route: String,
    /// In words.
    pub request: String,
    /// In how many ways; at least one.
    pub kinds: Vec<ChangeKind>,
    /// As it was.
    pub before: Glance,
    /// As it is.
    pub after: Glance,
}

/// In what a route differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    /// It passed and fails now.
    NewlyFails,
    /// It failed and passes now.
    NewlyPasses,
    /// The right tool was first, and one that is not right is now.
    Stolen,
    /// Another tool is first, and none lost what was its own. Not told of routes that expect no tool.
    FirstChanged,
    /// `execute` would decide otherwise.
    DecisionChanged,
    /// The confidence in the right tool is lower by .05 or more.
    LosesConfidence,
    /// It is higher by .05 or more.
    GainsConfidence,
}

/// One route in one run, in short.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Glance {
    /// The first tool.
    #[serde(serialize_with = "maybe_as_text")]
    pub tool: Option<ToolKey>,
    /// The confidence in that tool.
    pub confidence: f32,
    /// The confidence in the right tool, where one is expected.
    pub confidence_in_right: Option<f32>,
    /// What `execute` would do; `None` where the request could not be routed.
    pub decision: Option<Decision>,
    /// Was it right?
    pub passed: bool,
}

/// What a server has of the second run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct ServerShare {
    /// Routes for which a tool of it comes first.
    pub first: usize,
    /// Those of them for which it is right.
    pub serves: usize,
    /// Those of them for which it is not right, and a right one came first before.
    pub steals: usize,
}

/// Compares two runs of the same routes in the same order.
///
/// # Panics
/// When they are not of the same routes.
#[must_use]
pub fn compare(before: &Run, after: &Run) -> Comparison {
    assert_eq!(before.outcomes.len(), after.outcomes.len(), "two runs of the same routes");
    let mut comparison = Comparison::default();
    for (at, (before, after)) in before.outcomes.iter().zip(&after.outcomes).enumerate() {
        let kinds = kinds(before, after);
        comparison.newly_failing += usize::from(kinds.contains(&ChangeKind::NewlyFails));
        comparison.newly_passing += usize::from(kinds.contains(&ChangeKind::NewlyPasses));
        if let Some(first) = after.first() {
            let share = comparison.servers.entry(first.tool.server.clone()).or_default();
            share.first += 1;
            share.serves += usize::from(after.is_first_right());
            share.steals += usize::from(kinds.contains(&ChangeKind::Stolen));
        }
        if !kinds.is_empty() {
            let (route, request) = (after.origin(), after.route.request.clone());
            comparison.changes.push(Change { at, route, request, kinds, before: glance(before), after: glance(after) });
        }
    }
    comparison
}

fn kinds(before: &Outcome, after: &Outcome) -> Vec<ChangeKind> {
    let mut kinds = Vec::new();
    match (before.verdict.passed(), after.verdict.passed()) {
        (true, false) => kinds.push(ChangeKind::NewlyFails),
        (false, true) => kinds.push(ChangeKind::NewlyPasses),
        (true, true) | (false, false) => {}
    }
    let key = |outcome: &Outcome| outcome.first().map(|first| first.tool.clone());
    if key(before) != key(after) && after.route.expected != Expected::NoTool {
        let is_theft = before.is_first_right() && !after.is_first_right();
        kinds.push(if is_theft { ChangeKind::Stolen } else { ChangeKind::FirstChanged });
    }
    let decision = |outcome: &Outcome| outcome.seen.as_ref().ok().map(|seen| seen.decision);
    if decision(before) != decision(after) {
        kinds.push(ChangeKind::DecisionChanged);
    }
    if let (Some(before), Some(after)) = (before.confidence_in_right(), after.confidence_in_right()) {
        if before - after >= CONFIDENCE_STEP {
            kinds.push(ChangeKind::LosesConfidence);
        } else if after - before >= CONFIDENCE_STEP {
            kinds.push(ChangeKind::GainsConfidence);
        }
    }
    kinds
}

fn glance(outcome: &Outcome) -> Glance {
    Glance {
        tool: outcome.first().map(|first| first.tool.clone()),
        confidence: outcome.first().map_or(0.0, |first| three_digits(first.confidence.value())),
        confidence_in_right: outcome.confidence_in_right().map(three_digits),
        decision: outcome.seen.as_ref().ok().map(|seen| seen.decision),
        passed: outcome.verdict.passed(),
    }
}

fn maybe_as_text<S: serde::Serializer>(tool: &Option<ToolKey>, serializer: S) -> Result<S::Ok, S::Error> {
    match tool {
        Some(tool) => as_text(tool, serializer),
        None => serializer.serialize_none(),
    }
}
