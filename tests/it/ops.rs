//! What `ops/` has for operators is held against what there is: every metric and every label that it names.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use mcporch::monitor::{FIGURES, FigureKind};
use serde_json::Value;

/// What Prometheus adds to each series, and to those of histograms.
const ADDED: &[&str] = &["instance", "job", "le"];

fn read(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("ops").join(name)).unwrap()
}

/// Every expression in the dashboard.
fn expressions(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                let is_expression = matches!(name.as_str(), "expr" | "query" | "definition");
                match value.as_str().filter(|_| is_expression) {
                    Some(text) => found.push(text.to_owned()),
                    None => expressions(value, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| expressions(item, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The metrics in a text, each with the names of the labels in the braces behind it.
fn metrics(text: &str) -> Vec<(&str, Vec<&str>)> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut found = Vec::new();
    for prefix in ["mcporch_", "process_"] {
        for (at, _) in text.match_indices(prefix) {
            if text[..at].ends_with(is_part) {
                continue;
            }
            let end = text[at..].find(|c| !is_part(c)).map_or(text.len(), |end| at + end);
            let behind = text[end..].strip_prefix('{').and_then(|rest| rest.split('}').next()).unwrap_or_default();
            let labels = behind.split(',').filter_map(|pair| pair.split(['=', '!']).next()).map(str::trim);
            found.push((&text[at..end], labels.filter(|label| !label.is_empty()).collect()));
        }
    }
    found
}

fn check(text: &str, place: &str, seen: &mut BTreeSet<&'static str>) {
    for (name, labels) in metrics(text) {
        let figure = FIGURES.iter().find(|figure| {
            let end = name.strip_prefix(figure.name);
            match figure.kind {
                FigureKind::Histogram => end.is_some_and(|end| ["_bucket", "_sum", "_count"].contains(&end)),
                FigureKind::Counter | FigureKind::Gauge => end == Some(""),
            }
        });
        let Some(figure) = figure else { panic!("{place} names {name}, which is not there: {text}") };
        for label in labels {
            let is_there = figure.labels.contains(&label) || ADDED.contains(&label);
            assert!(is_there, "{place}: {name} has no label {label:?}: {text}");
        }
        seen.insert(figure.name);
    }
}

#[test]
fn every_metric_that_rules_and_dashboard_name_is_there() {
    let mut seen = BTreeSet::new();
    let rules = ["alerts.yml", "alerts_test.yml"].map(read);
    for (name, text) in ["alerts.yml", "alerts_test.yml"].iter().zip(&rules) {
        text.lines().filter(|line| !line.trim_start().starts_with('#')).for_each(|line| check(line, name, &mut seen));
    }
    let dashboard: Value = serde_json::from_str(&read("grafana/mcporch.json")).unwrap();
    let mut found = Vec::new();
    expressions(&dashboard, &mut found);
    assert!(found.len() > 30, "{found:?}");
    found.iter().for_each(|expression| check(expression, "grafana/mcporch.json", &mut seen));
    // A test that finds nothing would find no fault either.
    assert!(seen.len() > 20, "{seen:?}");
}

#[test]
fn every_rule_has_a_runbook_and_a_trial() {
    let (rules, trials) = (read("alerts.yml"), read("alerts_test.yml"));
    let names: Vec<&str> = rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect();
    assert!(names.len() > 10, "{names:?}");
    assert_eq!(rules.matches("runbook: >-").count(), names.len());
    for name in names {
        assert!(trials.contains(&format!("alertname=\"{name}\"")), "ops/alerts_test.yml does not try {name}");
    }
}
