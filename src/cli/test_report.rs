//! What `mcporch test` tells, for people and as JSON.

use serde::Serialize;

use crate::router::Decision;
use crate::routes::{Change, ChangeKind, Comparison, Figures, Glance, Group, Outcome, Run, ServerShare};

use super::output::{BAD, BOLD, DIM, GOOD, Out, WARN, counted, one_line, painted};

/// The whole result; docs/routes-file.md describes it.
#[derive(Debug, Serialize)]
pub(super) struct Report<'a> {
    /// What the exit code says.
    pub(super) passed: bool,
    pub(super) min_share: f64,
    pub(super) share: f64,
    pub(super) total: Figures,
    pub(super) files: Vec<Group>,
    pub(super) tags: Vec<Group>,
    pub(super) routes: &'a [Outcome],
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) against: Option<Against>,
}

/// What becomes of it with more servers.
#[derive(Debug, Serialize)]
pub(super) struct Against {
    pub(super) registry: String,
    pub(super) servers: Vec<Added>,
    /// Over all routes with them.
    pub(super) after: Figures,
    #[serde(flatten)]
    pub(super) comparison: Comparison,
}

/// One added server.
#[derive(Debug, Serialize)]
pub(super) struct Added {
    pub(super) server: String,
    pub(super) tools: usize,
    /// It stands in for a present server of that name.
    pub(super) replaces: bool,
    /// Why it could not be used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) fault: Option<String>,
    #[serde(flatten)]
    pub(super) share: ServerShare,
}

impl<'a> Report<'a> {
    /// Alone, enough routes must pass; with a comparison, none may newly fail, and every added server must be there.
    pub(super) fn new(run: &'a Run, min_share: f64, against: Option<Against>) -> Self {
        let total = run.figures();
        let passed = match &against {
            None => total.share() >= min_share,
            Some(against) => {
                against.comparison.newly_failing == 0 && against.servers.iter().all(|server| !server.is_missing())
            }
        };
        let share = (total.share() * 1e4).round() / 1e4;
        let (files, tags) = (run.by_file(), run.by_tag());
        Self { passed, min_share, share, total, files, tags, routes: &run.outcomes, against }
    }
}

impl Added {
    /// Nothing of it took part, so nothing was learned about it.
    fn is_missing(&self) -> bool {
        self.tools == 0
    }
}

pub(super) fn show(report: &Report<'_>, runs: &[Run], all: bool) {
    let mut out = Out::stdout();
    for outcome in report.routes {
        if !outcome.verdict.passed() {
            show_failed(&mut out, outcome);
        } else if all {
            show_passed(&mut out, outcome);
        }
    }
    if report.files.len() + report.tags.len() > 1 {
        show_groups(&mut out, report);
    }
    let total = &report.total;
    let style = if total.passed == total.routes { GOOD } else { BAD };
    let verdict = painted(style, &format!("{} of {} passed", total.passed, counted(total.routes, "route")));
    out.line(&format!("{verdict}{}", painted(DIM, &beyond(report))));
    if let (Some(against), [before, after, ..]) = (&report.against, runs) {
        show_against(&mut out, against, before, after);
    }
}

fn beyond(report: &Report<'_>) -> String {
    let total = &report.total;
    let mut parts = Vec::new();
    if total.expect_tool > 0 {
        parts.push(format!("; the right tool first for {} of {}", total.first, total.expect_tool));
        parts.push(format!(", mean confidence in it {:.2}", total.mean_confidence.unwrap_or_default()));
    }
    if report.min_share < 1.0 && report.against.is_none() {
        parts.push(format!("; {:.1} % of at least {:.1} %", report.share * 100.0, report.min_share * 100.0));
    }
    parts.concat()
}

fn show_passed(out: &mut Out, outcome: &Outcome) {
    out.line(&format!(
        "{} {} {} {}",
        painted(GOOD, "✓"),
        painted(DIM, &outcome.origin()),
        one_line(&outcome.route.request),
        painted(DIM, &format!("→ {}", got(outcome)))
    ));
}

fn show_failed(out: &mut Out, outcome: &Outcome) {
    let label =
        if outcome.route.name.is_empty() { String::new() } else { format!(" [{}]", one_line(&outcome.route.name)) };
    let request = one_line(&outcome.route.request);
    out.line(&format!("{} {} {}{label}", painted(BAD, "✗"), painted(DIM, &outcome.origin()), painted(BOLD, &request)));
    for failure in &outcome.verdict.failures {
        out.line(&format!("    {}", painted(BAD, &clean(&failure.to_string()))));
    }
    out.line(&format!("    expected  {}{}", clean(&outcome.expectation()), place(outcome)));
    let Ok(seen) = &outcome.seen else { return };
    out.line(&format!("    got       {}", got(outcome)));
    // Why the first is first, and what speaks for the one that should be.
    let right = seen.tools.iter().position(|tool| outcome.connected.has(&tool.tool));
    for at in [Some(0), right.filter(|at| *at > 0)].into_iter().flatten() {
        if let Some(tool) = seen.tools.get(at).filter(|tool| !tool.why.is_empty()) {
            out.line(&painted(DIM, &format!("    why       {}: {}", tool.tool, clean(&tool.why.join("; ")))));
        }
    }
}

fn place(outcome: &Outcome) -> String {
    let Some(place) = outcome.place().filter(|place| *place > 1) else { return String::new() };
    let confidence = outcome.confidence_in_right().filter(|confidence| *confidence > 0.0);
    let confidence = confidence.map_or_else(String::new, |confidence| format!(", confidence {confidence:.2}"));
    format!(" (at place {place}{confidence})")
}

fn got(outcome: &Outcome) -> String {
    let seen = match &outcome.seen {
        Ok(seen) => seen,
        Err(why) => return format!("nothing: {}", clean(why)),
    };
    let tool = outcome.first().map_or_else(
        || "no tool".to_owned(),
        |first| format!("{} ({}), confidence {:.2}", first.tool, first.effect.word(), first.confidence.value()),
    );
    format!("{tool}; any fits: {:.2}; {}", seen.any_confidence.value(), deed(seen.decision))
}

fn deed(decision: Decision) -> &'static str {
    match decision {
        Decision::Run => "execute would run it",
        Decision::NeedsConfirmation => "execute would ask to confirm it",
        Decision::NeedsChoice => "execute would ask to choose",
        Decision::NoMatch => "execute would say that no tool fits",
    }
}

fn show_groups(out: &mut Out, report: &Report<'_>) {
    let tags = report.tags.iter().map(|tag| row(&format!("tag {}", tag.name), &tag.figures));
    let rows: Vec<Vec<String>> = report.files.iter().map(|file| row(&file.name, &file.figures)).chain(tags).collect();
    out.table(&["routes of", "passed", "first", "mean confidence"], &rows);
}

fn row(name: &str, figures: &Figures) -> Vec<String> {
    let style = if figures.passed == figures.routes { GOOD } else { BAD };
    vec![
        name.to_owned(),
        painted(style, &format!("{}/{}", figures.passed, figures.routes)),
        if figures.expect_tool == 0 { "-".to_owned() } else { format!("{}/{}", figures.first, figures.expect_tool) },
        figures.mean_confidence.map_or_else(|| "-".to_owned(), |mean| format!("{mean:.2}")),
    ]
}

fn show_against(out: &mut Out, against: &Against, before: &Run, after: &Run) {
    out.line("");
    out.line(&painted(BOLD, &format!("With the servers of {}", against.registry)));
    let is_idle = |server: &&Added| server.share.first == 0 && !server.is_missing() && !server.replaces;
    for server in against.servers.iter().filter(|server| !is_idle(server)) {
        out.line(&server_line(server));
    }
    let idle: Vec<&str> = against.servers.iter().filter(is_idle).map(|server| server.server.as_str()).collect();
    if !idle.is_empty() {
        let servers = counted(idle.len(), "server");
        out.line(&painted(DIM, &format!("first for no route: {servers}, {}", idle.join(", "))));
    }
    for change in &against.comparison.changes {
        show_change(out, change, &before.outcomes[change.at], &after.outcomes[change.at]);
    }
    let comparison = &against.comparison;
    if comparison.changes.is_empty() {
        out.line(&painted(GOOD, "no route changes"));
    }
    let style = if comparison.newly_failing == 0 { GOOD } else { BAD };
    let failing = painted(style, &format!("{} newly fail", comparison.newly_failing));
    let after = &against.after;
    out.line(&format!(
        "{failing}, {} newly pass, {} change; {} of {} would pass",
        comparison.newly_passing,
        comparison.changes.len(),
        after.passed,
        counted(after.routes, "route")
    ));
}

fn server_line(added: &Added) -> String {
    let name = &added.server;
    if added.is_missing() {
        let why = added.fault.as_deref().unwrap_or("it offers no tools");
        return format!("{} {name}: nothing to compare, {}", painted(BAD, "✗"), clean(why));
    }
    let replaces = if added.replaces { ", in place of the present server of that name" } else { "" };
    let ServerShare { first, serves, steals } = added.share;
    let (mark, style) = if steals == 0 { (painted(GOOD, "✓"), DIM) } else { (painted(WARN, "!"), WARN) };
    let effect = format!("first for {}, right for {serves}, steals {steals}", counted(first, "route"));
    format!("{mark} {name}: {}{replaces}; {}", counted(added.tools, "tool"), painted(style, &effect))
}

fn show_change(out: &mut Out, change: &Change, before: &Outcome, after: &Outcome) {
    let is = |kind| change.kinds.contains(&kind);
    let (mark, style) = match (is(ChangeKind::NewlyFails), is(ChangeKind::NewlyPasses)) {
        (true, _) => ("✗ newly fails", BAD),
        (_, true) => ("✓ newly passes", GOOD),
        (false, false) => ("~ changes", WARN),
    };
    out.line(&format!("{} {} {}", painted(style, mark), painted(DIM, &change.route), one_line(&change.request)));
    match (&change.before.tool, &change.after.tool) {
        (Some(_), Some(thief)) if is(ChangeKind::Stolen) => {
            let (was, now) = (glance(&change.before), glance(&change.after));
            out.line(&format!("    {was} → {now}, {}", painted(style, &format!("stolen by {thief}"))));
        }
        _ => out.line(&format!("    {} → {}", glance(&change.before), glance(&change.after))),
    }
    let in_right = (change.before.confidence_in_right, change.after.confidence_in_right);
    if let (Some(was), Some(now)) = in_right
        && change.before.tool != change.after.tool
        && (was - now).abs() > 0.005
    {
        let place = after.place().map_or_else(String::new, |place| format!(", now at place {place}"));
        out.line(&painted(DIM, &format!("    confidence in the right tool {was:.2} → {now:.2}{place}")));
    }
    if before.verdict.passed() {
        for failure in &after.verdict.failures {
            out.line(&format!("    {}", painted(BAD, &clean(&failure.to_string()))));
        }
    }
}

/// `server.tool 0.62 run`.
pub(super) fn glance(glance: &Glance) -> String {
    let tool = glance.tool.as_ref().map_or_else(|| "no tool".to_owned(), ToString::to_string);
    let decision = glance.decision.map_or("not routed", crate::routes::decision_word);
    format!("{tool} {:.2} {decision}", glance.confidence)
}

/// Without control characters that a server's or a file's texts may bring, as long as it is.
fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
