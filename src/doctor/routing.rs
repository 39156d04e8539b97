//! Where probes lead: tools that none of them finds, and tools that win each other's.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::domain::{ServerName, ToolKey};
use crate::index::Snapshot;
use crate::router::{self, RankOptions};

use super::finding::{Area, Finding, Severity, some_of};
use super::probes::{Probe, ProbeKind, Probes, Vectors};
use super::suggestion;

/// Places that a caller is shown: what is behind them is not found.
pub(super) const PLACES: usize = 5;
/// From this cosine on two tools are as good as one to the encoder; tools of one server that do different things reach
/// about .9.
const TWINS: f32 = 0.95;
/// Tools that win each other's probes must be at least so near, else one of the probes was merely unclear.
const NEAR: f32 = 0.8;
/// From so many pairs on between the same two servers, they are one finding: the servers do the same.
const SAME_KIND: usize = 3;
/// Names in one finding.
const NAMES_SHOWN: usize = 3;
/// A description leads elsewhere when its tool comes behind so many others.
const BEHIND: usize = 3;

/// How often probes find their tool.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Figures {
    /// Tools that were probed.
    pub tools: usize,
    /// Tools that were not, since there are too many.
    pub tools_left_out: usize,
    /// Probes.
    pub asked: usize,
    /// Probes whose tool came first.
    pub first: usize,
    /// Probes whose tool was among the first five.
    pub in_five: usize,
}

/// What the probes showed.
#[derive(Debug, Clone)]
pub struct Routing {
    /// What is wrong.
    pub findings: Vec<Finding>,
    /// How often they found their tool.
    pub figures: Figures,
}

/// Where a probe's tool came out, and who came first.
#[derive(Debug, Clone)]
pub(super) struct Landing {
    /// From 0 on; `None` when it is not among the first [`PLACES`].
    pub(super) place: Option<usize>,
    /// The tools that were first, by their places in the snapshot.
    pub(super) best: Vec<usize>,
}

impl Landing {
    pub(super) fn is_first(&self) -> bool {
        self.place == Some(0)
    }
}

/// Asks the probe.
pub(super) fn land(snapshot: &Snapshot, probe: &Probe, vectors: &Vectors, words_weight: f32) -> Landing {
    let options = RankOptions { k: PLACES, words_weight, ..RankOptions::default() };
    let ranking = router::rank(snapshot, &probe.request, vectors.of(&probe.request), &options);
    let best: Vec<usize> = ranking.candidates.iter().map(|candidate| candidate.entry).collect();
    let own = snapshot.find(&probe.tool);
    Landing { place: best.iter().position(|row| Some(*row) == own), best }
}

/// Asks all probes. `vectors` holds their vectors; `words_weight` is that of the settings. Blocks: about a tenth of a
/// millisecond for each probe with 600 tools.
#[must_use]
pub fn routing(snapshot: &Snapshot, probes: &Probes, vectors: &Vectors, words_weight: f32) -> Routing {
    let landings: Vec<Landing> = probes.list.iter().map(|probe| land(snapshot, probe, vectors, words_weight)).collect();
    let mut figures =
        Figures { tools: probes.tools, tools_left_out: probes.left_out, asked: landings.len(), ..Figures::default() };
    for landing in &landings {
        figures.first += usize::from(landing.is_first());
        figures.in_five += usize::from(landing.place.is_some());
    }
    let pairs = pairs(snapshot, probes, &landings);
    let mut findings = not_found(snapshot, probes, &landings, &pairs);
    findings.extend(look_alikes(snapshot, &pairs));
    Routing { findings, figures }
}

/// Tools that no probe finds, or whose description leads elsewhere. Those with a look-alike are told with it.
fn not_found(
    snapshot: &Snapshot,
    probes: &Probes,
    landings: &[Landing],
    pairs: &BTreeMap<(usize, usize), f32>,
) -> Vec<Finding> {
    let paired: BTreeSet<usize> = pairs.keys().flat_map(|(one, other)| [*one, *other]).collect();
    let mut findings = Vec::new();
    let mut at = 0;
    for group in probes.list.chunk_by(|a, b| a.tool == b.tool) {
        let landed = &landings[at..at + group.len()];
        at += group.len();
        let Some(own) = snapshot.find(&group[0].tool).filter(|own| !paired.contains(own)) else { continue };
        let name = |row: usize| snapshot.entries()[row].tool.key.to_string();
        let subject = group[0].tool.to_string();
        let told = |area, message: String, advice: &str, winner: usize| {
            Finding::new(Severity::Warning, area, subject.clone(), message, advice)
                .with_snippet(suggestion::for_one(snapshot, own, winner))
        };
        let of_description = group.iter().position(|probe| probe.kind == ProbeKind::Description);
        let winner = of_description.or(Some(0)).and_then(|place| landed[place].best.first().copied());
        let Some(winner) = winner.filter(|winner| *winner != own) else { continue };
        if landed.iter().all(|landing| landing.place.is_none()) {
            let message = format!(
                "is not among the first {PLACES} for any of the {} requests made of its own texts; {} wins",
                group.len(),
                name(winner)
            );
            findings.push(told(Area::Routing, message, "say in an override what people ask it for", winner));
        } else if of_description.is_some_and(|at| landed[at].place.is_none_or(|place| place >= BEHIND)) {
            let message = format!("its own description leads to {}, and not to it", name(winner));
            findings.push(told(Area::Descriptions, message, "describe it in an override", winner));
        }
    }
    findings
}

/// Tools that win each other's probes, or are as good as one, with their closeness.
fn pairs(snapshot: &Snapshot, probes: &Probes, landings: &[Landing]) -> BTreeMap<(usize, usize), f32> {
    let mut wins: BTreeSet<(usize, usize)> = BTreeSet::new();
    let mut near: BTreeSet<(usize, usize)> = BTreeSet::new();
    for (probe, landing) in probes.list.iter().zip(landings) {
        let Some(own) = snapshot.find(&probe.tool) else { continue };
        let others = landing.best.iter().copied().filter(|row| *row != own);
        near.extend(others.map(|other| (own.min(other), own.max(other))));
        // Without the words of its name a tool may well lose to its neighbour: that is what the names are for.
        let winner = landing.best.first().filter(|_| probe.kind != ProbeKind::OtherWords);
        if let Some(winner) = winner.filter(|winner| **winner != own) {
            wins.insert((own, *winner));
        }
    }
    let mut found = BTreeMap::new();
    for (one, other) in near {
        let closeness = snapshot.closeness(one, other);
        let is_mutual = wins.contains(&(one, other)) && wins.contains(&(other, one));
        if closeness >= TWINS || (is_mutual && closeness >= NEAR) {
            found.insert((one, other), closeness);
        }
    }
    found
}

fn look_alikes(snapshot: &Snapshot, pairs: &BTreeMap<(usize, usize), f32>) -> Vec<Finding> {
    let key = |row: usize| &snapshot.entries()[row].tool.key;
    let mut by_servers: BTreeMap<(&ServerName, &ServerName), Vec<(usize, usize)>> = BTreeMap::new();
    for (one, other) in pairs.keys() {
        by_servers.entry((&key(*one).server, &key(*other).server)).or_default().push((*one, *other));
    }
    let mut findings = Vec::new();
    for ((one, other), pairs_of) in by_servers {
        if one != other && pairs_of.len() >= SAME_KIND {
            findings.push(same_kind(snapshot, (one, other), &pairs_of));
            continue;
        }
        for pair in pairs_of {
            let closeness = pairs.get(&pair).copied().unwrap_or_default();
            let message = format!("{} and {} cannot be told apart (cosine {closeness:.2})", key(pair.0), key(pair.1));
            let advice = "say in overrides what only the one and only the other is for, or hide one";
            let finding = Finding::new(Severity::Warning, Area::LookAlikes, key(pair.0).to_string(), message, advice);
            findings.push(finding.with_snippet(suggestion::for_pair(snapshot, pair.0, pair.1)));
        }
    }
    findings
}

fn same_kind(snapshot: &Snapshot, (one, other): (&ServerName, &ServerName), pairs: &[(usize, usize)]) -> Finding {
    let key = |row: usize| -> &ToolKey { &snapshot.entries()[row].tool.key };
    let names: Vec<String> = pairs.iter().map(|(one, other)| format!("{} / {}", key(*one), key(*other))).collect();
    let message = format!(
        "{one} and {other} do the same: {} of their tools cannot be told apart ({})",
        pairs.len(),
        some_of(&names, NAMES_SHOWN)
    );
    let advice = "take one of the servers out, hide what is double, or say the server's name in requests";
    let double: BTreeSet<String> = pairs.iter().map(|(_, other)| key(*other).to_string()).collect();
    let all = snapshot.entries().iter().filter(|entry| entry.tool.key.server == *other).count();
    // Of very many tools only a sample was asked, so most is as good as all.
    let snippet = if double.len() * 10 >= all * 7 {
        suggestion::section(&format!("{other}.*"), "hidden = true")
    } else {
        let mut sections: Vec<String> =
            double.iter().take(NAMES_SHOWN).map(|tool| suggestion::section(tool, "hidden = true")).collect();
        if double.len() > NAMES_SHOWN {
            sections.push(format!("# and so on for {} more", double.len() - NAMES_SHOWN));
        }
        sections.join("\n")
    };
    Finding::new(Severity::Warning, Area::LookAlikes, one.as_str(), message, advice).with_snippet(snippet)
}
