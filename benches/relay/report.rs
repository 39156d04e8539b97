//! What was measured, beside what it may be.

use serde::Serialize;

use super::machine;

/// All figures and checks of a run.
#[derive(Serialize)]
pub(crate) struct Report {
    machine: String,
    figures: Vec<Figure>,
    checks: Vec<Check>,
}

/// One row: the same thing measured in up to three ways.
#[derive(Serialize)]
pub(crate) struct Figure {
    /// What was measured.
    pub(crate) name: String,
    /// Of all its numbers.
    pub(crate) unit: &'static str,
    /// Straight to the server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) direct: Option<f64>,
    /// Through the least possible relay.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) floor: Option<f64>,
    /// Through mcporch.
    pub(crate) ours: f64,
    /// What it may be, or has to be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) budget: Option<Budget>,
}

/// A bound from the design.
#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Budget {
    /// Not more.
    AtMost(f64),
    /// Not less.
    AtLeast(f64),
}

/// Something that must be so.
#[derive(Serialize)]
struct Check {
    name: &'static str,
    is_right: bool,
    seen: String,
}

impl Figure {
    /// A row for mcporch alone.
    pub(crate) fn ours(name: impl Into<String>, unit: &'static str, ours: f64, budget: Option<Budget>) -> Self {
        Self { name: name.into(), unit, direct: None, floor: None, ours, budget }
    }

    fn is_within(&self) -> Option<bool> {
        self.budget.map(|budget| match budget {
            Budget::AtMost(most) => self.ours <= most,
            Budget::AtLeast(least) => self.ours >= least,
        })
    }
}

impl Report {
    /// An empty report of this machine.
    pub(crate) fn begin() -> Self {
        Self { machine: machine::description(), figures: Vec::new(), checks: Vec::new() }
    }

    pub(crate) fn add(&mut self, figure: Figure) {
        self.figures.push(figure);
    }

    /// Notes a check and what was seen.
    pub(crate) fn check(&mut self, name: &'static str, is_right: bool, seen: String) {
        self.checks.push(Check { name, is_right, seen });
    }

    /// Whether every check was right. A figure outside its budget is no fault: machines differ.
    pub(crate) fn is_correct(&self) -> bool {
        self.checks.iter().all(|check| check.is_right)
    }

    pub(crate) fn json(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default()
    }

    /// For people, and for docs/benchmarks.md.
    pub(crate) fn table(&self) -> String {
        let mut text = format!("{}\n\n", self.machine);
        text.push_str("| figure | direct | floor | mcporch | × direct | × floor | budget | |\n| --- | ---: | ---: | ---: | ---: | ---: | ---: | --- |\n");
        for figure in &self.figures {
            let budget = figure.budget.map_or_else(String::new, |budget| match budget {
                Budget::AtMost(most) => format!("≤ {}", short(most)),
                Budget::AtLeast(least) => format!("≥ {}", short(least)),
            });
            let verdict = match figure.is_within() {
                Some(true) => "within",
                Some(false) => "**outside**",
                None => "",
            };
            let times = |other: Option<f64>| other.filter(|other| *other > 0.0).map(|other| figure.ours / other);
            let cells = [figure.direct, figure.floor, Some(figure.ours), times(figure.direct), times(figure.floor)]
                .map(|value| value.map_or_else(String::new, short));
            text.push_str(&row(&[&format!("{}, {}", figure.name, figure.unit), &cells.join(" | "), &budget, verdict]));
        }
        text.push_str("\n| check | | seen |\n| --- | --- | --- |\n");
        for check in &self.checks {
            text.push_str(&row(&[check.name, if check.is_right { "right" } else { "**wrong**" }, &check.seen]));
        }
        text
    }
}

fn row(cells: &[&str]) -> String {
    format!("| {} |\n", cells.join(" | "))
}

/// Three digits are more than the noise leaves.
fn short(value: f64) -> String {
    let decimals = match value.abs() {
        size if size >= 100.0 || size == 0.0 => 0,
        size if size >= 10.0 => 1,
        size if size >= 1.0 => 2,
        _ => 3,
    };
    let text = format!("{value:.decimals$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// The middle of the values, and the one that 99 of 100 do not exceed.
pub(crate) fn p50_p99(values: &mut [f64]) -> (f64, f64) {
    values.sort_by(f64::total_cmp);
    let at = |share: f64| values.get(((values.len() - 1) as f64 * share).round() as usize).copied().unwrap_or_default();
    if values.is_empty() { (0.0, 0.0) } else { (at(0.5), at(0.99)) }
}
