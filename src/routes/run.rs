//! All routes of some files, routed once.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

use super::judge::{decision_word, three_digits};
use super::{Connected, Expected, Route, Seen, SeenTool, Verdict, judge};

/// What routing made of many routes over one set of servers.
#[derive(Debug, Clone, Default)]
pub struct Run {
    /// What distinguishes it from another run of the same files: `with more.json`; empty for the only one.
    pub title: String,
    /// In the order of the files.
    pub outcomes: Vec<Outcome>,
}

/// What became of one route.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The file it stands in.
    pub file: Arc<str>,
    /// The route.
    pub route: Arc<Route>,
    /// What of its expectation is connected.
    pub connected: Connected,
    /// What routing gave, or why it could not route.
    pub seen: Result<Seen, String>,
    /// The judgement on that.
    pub verdict: Verdict,
    /// The place of the first right tool in the whole ranking, from 1, where somebody looked for it further down than
    /// `execute` ranks.
    pub place_below: Option<usize>,
}

/// Figures over some routes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Figures {
    /// How many there are.
    pub routes: usize,
    /// How many passed.
    pub passed: usize,
    /// How many expect a tool.
    pub expect_tool: usize,
    /// For how many of those a right one came first.
    pub first: usize,
    /// The mean confidence in the right tool over those, 0 where it was not ranked; `None` when there are none.
    pub mean_confidence: Option<f32>,
}

/// Figures over the routes of a file, or with a tag.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Group {
    /// The file or the tag.
    pub name: String,
    /// Over its routes.
    #[serde(flatten)]
    pub figures: Figures,
}

impl Outcome {
    /// Judges what was seen.
    #[must_use]
    pub fn new(file: Arc<str>, route: Arc<Route>, connected: Connected, seen: Result<Seen, String>) -> Self {
        let verdict = judge(&route, &connected, &seen);
        Self { file, route, connected, seen, verdict, place_below: None }
    }

    /// `FILE:LINE`.
    #[must_use]
    pub fn origin(&self) -> String {
        format!("{}:{}", self.file, self.route.line)
    }

    /// The first tool, if any was ranked.
    #[must_use]
    pub fn first(&self) -> Option<&SeenTool> {
        self.seen.as_ref().ok().and_then(|seen| seen.tools.first())
    }

    /// Is the first tool a right one?
    #[must_use]
    pub fn is_first_right(&self) -> bool {
        self.first().is_some_and(|first| self.connected.has(&first.tool))
    }

    /// Where the first right tool is, from 1, as far down as somebody looked.
    #[must_use]
    pub fn place(&self) -> Option<usize> {
        self.verdict.place.or(self.place_below)
    }

    /// The confidence in the first right tool; 0 when it was not ranked. `None` when no tool is expected.
    #[must_use]
    pub fn confidence_in_right(&self) -> Option<f32> {
        if self.route.expected == Expected::NoTool {
            return None;
        }
        let tools = self.seen.as_ref().map(|seen| seen.tools.as_slice()).unwrap_or_default();
        let right = tools.iter().find(|seen| self.connected.has(&seen.tool));
        Some(right.map_or(0.0, |right| right.confidence.value()))
    }

    /// What would have been right, in a few words.
    #[must_use]
    pub fn expectation(&self) -> String {
        let route = &self.route;
        let top = if route.top > 1 { format!(" among the first {}", route.top) } else { String::new() };
        let mut parts = vec![match &route.expected {
            Expected::NoTool => "no tool".to_owned(),
            Expected::Tools(names) => format!("{}{top}", names.join(" or ")),
            Expected::Servers(names) => format!("any tool of {}{top}", names.join(" or ")),
        }];
        if let Some(min_confidence) = route.min_confidence {
            parts.push(format!("confidence from {min_confidence:.2}"));
        }
        if !route.decisions.is_empty() {
            let words: Vec<&str> = route.decisions.iter().map(|decision| decision_word(*decision)).collect();
            parts.push(format!("decision {}", words.join(" or ")));
        }
        parts.join(", ")
    }
}

impl Serialize for Outcome {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("file", &*self.file)?;
        map.serialize_entry("line", &self.route.line)?;
        map.serialize_entry("request", &self.route.request)?;
        if !self.route.name.is_empty() {
            map.serialize_entry("name", &self.route.name)?;
        }
        map.serialize_entry("tags", &self.route.tags)?;
        map.serialize_entry("expected", &self.expectation())?;
        map.serialize_entry("passed", &self.verdict.passed())?;
        map.serialize_entry("failures", &self.verdict.failures)?;
        map.serialize_entry("tool", &self.first().map(|first| first.tool.to_string()))?;
        map.serialize_entry("confidence", &self.first().map(|first| three_digits(first.confidence.value())))?;
        map.serialize_entry("place", &self.place())?;
        map.serialize_entry("routed", &self.seen.as_ref().ok())?;
        map.end()
    }
}

impl Run {
    /// Over all routes.
    #[must_use]
    pub fn figures(&self) -> Figures {
        figures(self.outcomes.iter())
    }

    /// By file, in their order.
    #[must_use]
    pub fn by_file(&self) -> Vec<Group> {
        let mut files: Vec<&Arc<str>> = Vec::new();
        for outcome in &self.outcomes {
            if !files.contains(&&outcome.file) {
                files.push(&outcome.file);
            }
        }
        let group = |file: &&Arc<str>| Group {
            name: file.to_string(),
            figures: figures(self.outcomes.iter().filter(|outcome| outcome.file == **file)),
        };
        files.iter().map(group).collect()
    }

    /// By tag, in alphabetical order; a route with two tags counts in both.
    #[must_use]
    pub fn by_tag(&self) -> Vec<Group> {
        let mut tags: BTreeMap<&str, Vec<&Outcome>> = BTreeMap::new();
        for outcome in &self.outcomes {
            for tag in &outcome.route.tags {
                tags.entry(tag).or_default().push(outcome);
            }
        }
        let group = |(tag, outcomes): (&str, Vec<&Outcome>)| Group {
            name: tag.to_owned(),
            figures: figures(outcomes.into_iter()),
        };
        tags.into_iter().map(group).collect()
    }
}

impl Figures {
    /// Passed routes as a share of all, 0..=1; 1 when there are none.
    #[must_use]
    pub fn share(&self) -> f64 {
        if self.routes == 0 { 1.0 } else { self.passed as f64 / self.routes as f64 }
    }
}

fn figures<'a>(outcomes: impl Iterator<Item = &'a Outcome>) -> Figures {
    let mut figures = Figures::default();
    let mut confidence = 0.0;
    for outcome in outcomes {
        figures.routes += 1;
        figures.passed += usize::from(outcome.verdict.passed());
        if let Some(in_right) = outcome.confidence_in_right() {
            figures.expect_tool += 1;
            figures.first += usize::from(outcome.is_first_right());
            confidence += in_right;
        }
    }
    if figures.expect_tool > 0 {
        figures.mean_confidence = Some(three_digits(confidence / figures.expect_tool as f32));
    }
    figures
}
