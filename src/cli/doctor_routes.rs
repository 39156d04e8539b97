//! The user's own routes in `mcporch doctor`: what the overrides make of them.

use std::path::PathBuf;

use serde::Serialize;

use crate::app::App;
use crate::doctor::{Area, Finding, Severity};
use crate::reconcile::Known;
use crate::routes::{self, Change, ChangeKind, Comparison, Figures, Outcome, Run};

use super::output::{BOLD, DIM, GOOD, Out, WARN, counted, one_line, painted};
use super::test::{Meanings, Wanted, route_all};
use super::test_report::glance;

/// Where the routes go without the overrides, and with them.
#[derive(Debug, Serialize)]
pub(super) struct OwnRoutes {
    /// As they were named.
    files: Vec<String>,
    /// Without the overrides; left out where there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<Figures>,
    /// With them.
    after: Figures,
    /// Routes that fail, and that failed without the overrides too.
    still_failing: usize,
    #[serde(flatten)]
    comparison: Option<Comparison>,
}

/// Routes everything on both sides. What is right without the overrides and wrong with them comes back as findings, too.
pub(super) async fn own_routes(
    (without, with): (Option<&App>, &App),
    files: &[PathBuf],
    wanted: &[Wanted],
) -> anyhow::Result<(Option<OwnRoutes>, Vec<Finding>)> {
    let known = with.operations.known_now();
    if known.snapshot.entries().is_empty() {
        // Why there is none is told by the other findings; they must not get lost over this.
        let message = format!("no tool is known, so {} could not be tried", counted(wanted.len(), "route"));
        return Ok((None, vec![Finding::new(Severity::Warning, Area::Routes, "", message, "")]));
    }
    let mut meanings = Meanings::new();
    // With the overrides first: an alias in a routes file is theirs, and means the same tool without them.
    let after = Run { title: String::new(), outcomes: route_all(&with.operations, wanted, &mut meanings).await? };
    let before = match without {
        Some(app) => {
            Some(Run { title: String::new(), outcomes: route_all(&app.operations, wanted, &mut meanings).await? })
        }
        None => None,
    };
    let comparison = before.as_ref().map(|before| routes::compare(before, &after));
    let changes = comparison.iter().flat_map(|comparison| &comparison.changes);
    let findings = changes
        .filter(|change| is(change, ChangeKind::NewlyFails))
        .map(|change| newly_wrong(change, &after.outcomes[change.at], &known))
        .collect();
    let figures = after.figures();
    let newly_failing = comparison.as_ref().map_or(0, |comparison| comparison.newly_failing);
    let report = OwnRoutes {
        files: files.iter().map(|file| file.display().to_string()).collect(),
        before: before.as_ref().map(Run::figures),
        after: figures,
        still_failing: figures.routes - figures.passed - newly_failing,
        comparison,
    };
    Ok((Some(report), findings))
}

fn newly_wrong(change: &Change, after: &Outcome, known: &Known) -> Finding {
    let (was, now) = (glance(&change.before), glance(&change.after));
    let message =
        format!("{:?} is right without the overrides and wrong with them: {was} → {now}", one_line(&change.request));
    let subject = change.after.tool.as_ref().map_or_else(String::new, ToString::to_string);
    Finding::new(Severity::Warning, Area::Routes, subject, message, advice(change, after, known)).at(&change.route)
}

/// By which override it most likely came.
fn advice(change: &Change, after: &Outcome, known: &Known) -> String {
    let (lost, won) = (change.before.tool.as_ref(), change.after.tool.as_ref());
    let is_changed = |tool: &_| known.overruled.changed.contains_key(tool);
    if let Some((tool, pattern)) = lost.and_then(|tool| Some((tool, known.overruled.hidden.get(tool)?))) {
        return format!("{tool} is hidden by overrides.\"{pattern}\"; take that back, or the route");
    }
    if let Some(tool) = won.filter(|won| lost != Some(*won) && is_changed(won)) {
        return format!("say less in the override of {tool}, or give the right tool this request in `examples`");
    }
    if let Some(tool) = lost.filter(|lost| is_changed(lost)) {
        return format!("say in the override of {tool} that it serves this, too: put the request into its `examples`");
    }
    after.verdict.failures.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

fn is(change: &Change, kind: ChangeKind) -> bool {
    change.kinds.contains(&kind)
}

/// The section below the findings, which have the routes that are newly wrong.
pub(super) fn show(out: &mut Out, report: &OwnRoutes, has_heading: bool, shown_max: usize) {
    if !has_heading {
        out.line(&painted(BOLD, Area::Routes.title()));
    }
    out.line(&format!("  {}", totals(report)));
    // That only the confidence moved is for --json.
    let is_told = |change: &&Change| {
        let kinds =
            [ChangeKind::NewlyPasses, ChangeKind::Stolen, ChangeKind::FirstChanged, ChangeKind::DecisionChanged];
        !is(change, ChangeKind::NewlyFails) && kinds.iter().any(|kind| is(change, *kind))
    };
    let mut told: Vec<&Change> =
        report.comparison.iter().flat_map(|comparison| &comparison.changes).filter(is_told).collect();
    told.sort_by_key(|change| !is(change, ChangeKind::NewlyPasses));
    for change in told.iter().take(shown_max) {
        let mark = if is(change, ChangeKind::NewlyPasses) { painted(GOOD, "+") } else { painted(WARN, "~") };
        let route = painted(DIM, &change.route);
        let (was, now) = (glance(&change.before), glance(&change.after));
        out.line(&format!("  {mark} {route} {:?}: {was} → {now}", one_line(&change.request)));
    }
    let rest = told.len().saturating_sub(shown_max);
    if rest > 0 {
        out.line(&painted(DIM, &format!("  … {rest} more; --all shows them")));
    }
    if report.still_failing > 0 {
        let overrides = if report.before.is_some() { ", with and without the overrides" } else { "" };
        let failing = counted(report.still_failing, "wrong route");
        let files = one_line(&report.files.join(" "));
        out.line(&painted(DIM, &format!("  {failing}{overrides}; `mcporch test {files}` shows why")));
    }
}

fn totals(report: &OwnRoutes) -> String {
    let after = &report.after;
    let from = |count: fn(&Figures) -> usize| {
        report.before.as_ref().map_or_else(String::new, |before| format!("{} → ", count(before)))
    };
    let mut parts = Vec::new();
    if after.expect_tool > 0 {
        let before = from(|figures| figures.first);
        parts.push(format!("the right tool first for {before}{} of {}", after.first, after.expect_tool));
    }
    let before = from(|figures| figures.passed);
    parts.push(format!("{before}{} of {} right", after.passed, counted(after.routes, "route")));
    if let Some(comparison) = &report.comparison {
        parts.push(format!("{} newly right, {} newly wrong", comparison.newly_passing, comparison.newly_failing));
    }
    parts.join("; ")
}
