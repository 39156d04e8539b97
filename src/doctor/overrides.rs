//! Overrides: which do nothing, and what the others have changed, measured before and after.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::domain::{ServerName, ToolKey};
use crate::index::Snapshot;

use super::finding::{Area, Finding, Severity, some_of};
use super::probes::{Probe, Probes, Vectors};
use super::routing::{Landing, land};

/// Requests that changed sides which are told at most.
const CHANGES_MAX: usize = 20;
/// Servers that are named.
const NAMES_SHOWN: usize = 8;

/// How often requests find their tool, without and with the overrides.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Share {
    /// Requests.
    pub asked: usize,
    /// Whose tool was first without overrides.
    pub first_before: usize,
    /// And with them.
    pub first_after: usize,
    /// Whose tool was among the first five without overrides.
    pub in_five_before: usize,
    /// And with them.
    pub in_five_after: usize,
}

/// A request that finds its tool first now and did not before, or the other way round.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// The tool it is meant for.
    pub tool: String,
    /// The request.
    pub request: String,
    /// Who was first without overrides.
    pub before: String,
    /// Who is first with them.
    pub after: String,
    /// Whether that is the tool it is meant for.
    pub is_right_now: bool,
}

/// What all overrides together have changed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Effect {
    /// Tools that are changed.
    pub tools: usize,
    /// Tools that are hidden.
    pub hidden: usize,
    /// Requests made of what the servers say of the changed tools.
    pub by_servers_words: Share,
    /// Requests made of what the operator says of them.
    pub by_operators_words: Share,
    /// Requests made of the texts of all other tools.
    pub others: Share,
    /// Single requests that changed sides, the first of them.
    pub changes: Vec<Change>,
}

/// Overrides that do nothing: `unused` are keys that fit no tool, each with its place in the file; `clashes` are aliases
/// that another tool has as its name, as (override's tool, alias, owner, place).
#[must_use]
pub fn overrides(
    snapshot: &Snapshot,
    servers: &[ServerName],
    unused: &[(String, String)],
    clashes: &[(ToolKey, String, ToolKey, String)],
) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (pattern, place) in unused {
        let server = servers.iter().find(|server| pattern.starts_with(&format!("{server}.")));
        let near = nearest(snapshot, pattern).map(|near| format!("did you mean {near:?}? ")).unwrap_or_default();
        let (message, advice) = match server {
            None => {
                let names: Vec<String> = servers.iter().map(ToString::to_string).collect();
                let advice = format!("{near}the servers are {}", some_of(&names, NAMES_SHOWN));
                ("no server of the registry is called so".to_owned(), advice)
            }
            Some(server) => {
                let advice = format!("{near}`mcporch tools {server}` shows its tools");
                (format!("{server} has no such tool, as far as is known"), advice)
            }
        };
        let subject = format!("overrides.{pattern:?}");
        findings.push(Finding::new(Severity::Warning, Area::Overrides, subject, message, advice).at(place.as_str()));
    }
    for (tool, alias, owner, place) in clashes {
        let message = format!("the alias {alias:?} is the name of {owner} too, which is found only as {owner}");
        let subject = format!("overrides.{:?}", tool.to_string());
        let finding = Finding::new(
            Severity::Warning,
            Area::Overrides,
            subject,
            message,
            "choose another alias, or hide that tool",
        );
        findings.push(finding.at(place.as_str()));
    }
    findings
}

/// The tool whose name shares the longest beginning and end with the pattern.
fn nearest(snapshot: &Snapshot, pattern: &str) -> Option<String> {
    let names = snapshot.entries().iter().map(|entry| entry.tool.key.to_string());
    let shared = |name: &String| {
        let start = name.bytes().zip(pattern.bytes()).take_while(|(a, b)| a == b).count();
        let end = name.bytes().rev().zip(pattern.bytes().rev()).take_while(|(a, b)| a == b).count();
        start + end
    };
    let best = names.max_by_key(shared)?;
    (shared(&best) * 3 >= pattern.len() * 2).then_some(best)
}

/// Measures. `before` is the snapshot without overrides, `after` that with them; `changed` are the tools that overrides
/// change; `vectors` holds the requests of both `own` (made of `before`, of the changed tools) and `all` (made of `after`).
#[must_use]
pub fn effect(
    (before, after): (&Snapshot, &Snapshot),
    changed: &BTreeSet<ToolKey>,
    (own, all): (&Probes, &Probes),
    vectors: &Vectors,
    words_weight: f32,
) -> Effect {
    let hidden = before.entries().iter().filter(|entry| after.find(&entry.tool.key).is_none()).count();
    let mut effect = Effect { tools: changed.len(), hidden, ..Effect::default() };
    let is_own =
        |probe: &Probe| own.list.iter().any(|other| other.tool == probe.tool && other.request == probe.request);
    let of_all = all.list.iter().map(|probe| (probe, changed.contains(&probe.tool)));
    let asked = own.list.iter().map(|probe| (probe, Whose::Servers)).chain(of_all.filter_map(|(probe, is_changed)| {
        match is_changed {
            false => Some((probe, Whose::Others)),
            true => (!is_own(probe)).then_some((probe, Whose::Operators)),
        }
    }));
    for (probe, whose) in asked {
        let landings = [before, after].map(|snapshot| (snapshot, land(snapshot, probe, vectors, words_weight)));
        let share = match whose {
            Whose::Servers => &mut effect.by_servers_words,
            Whose::Operators => &mut effect.by_operators_words,
            Whose::Others => &mut effect.others,
        };
        share.add(&landings[0].1, &landings[1].1);
        if effect.changes.len() < CHANGES_MAX {
            effect.changes.extend(change(probe, &landings));
        }
    }
    effect
}

#[derive(Clone, Copy)]
enum Whose {
    Servers,
    Operators,
    Others,
}

impl Share {
    fn add(&mut self, before: &Landing, after: &Landing) {
        self.asked += 1;
        self.first_before += usize::from(before.is_first());
        self.first_after += usize::from(after.is_first());
        self.in_five_before += usize::from(before.place.is_some());
        self.in_five_after += usize::from(after.place.is_some());
    }
}

fn change(probe: &Probe, [(before, was), (after, is)]: &[(&Snapshot, Landing); 2]) -> Option<Change> {
    if was.is_first() == is.is_first() {
        return None;
    }
    let first = |snapshot: &Snapshot, landing: &Landing| {
        let best = landing.best.first().map(|row| snapshot.entries()[*row].tool.key.to_string());
        best.unwrap_or_else(|| "nothing".to_owned())
    };
    Some(Change {
        tool: probe.tool.to_string(),
        request: probe.request.clone(),
        before: first(before, was),
        after: first(after, is),
        is_right_now: is.is_first(),
    })
}
