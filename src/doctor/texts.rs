//! What tools say of themselves: nothing, too much, the same as others, or something that is meant for the model's ears.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::domain::ServerName;
use crate::index::{self, Entry, Snapshot};

use super::finding::{Area, Finding, Severity, counted, some_of};
use super::{suggestion, suspicious};

/// Words of a description below which it hardly says anything.
const WORDS_MIN: usize = 3;
/// About what the built-in encoder reads of a text: 256 tokens of about four bytes.
const READ_BYTES: usize = 1_000;
/// Names in one finding.
const NAMES_SHOWN: usize = 4;

/// Looks at the texts of all tools of the servers that are `wanted`.
#[must_use]
pub fn texts(snapshot: &Snapshot, wanted: &dyn Fn(&ServerName) -> bool) -> Vec<Finding> {
    let entries: Vec<&Entry> = snapshot.entries().iter().filter(|entry| wanted(&entry.tool.key.server)).collect();
    let mut findings: Vec<Finding> = entries.iter().filter_map(|entry| suspicious_text(entry)).collect();
    findings.extend(entries.iter().filter_map(|entry| empty(entry)));
    findings.extend(identical(&entries));
    let is_short = |entry: &Entry| {
        let words = index::plain_words(&entry.tool.description).len();
        (1..WORDS_MIN).contains(&words) && entry.tool_hints.description.is_empty()
    };
    findings.extend(tally(
        &entries,
        |entry| usize::from(is_short(entry)),
        "description",
        &format!("of fewer than {WORDS_MIN} words"),
        "",
    ));
    findings.extend(tally(
        &entries,
        |entry| usize::from(entry.tool.description.len() > READ_BYTES),
        "description",
        &format!("of more than {READ_BYTES} bytes; the built-in encoder reads about that much, words count everywhere"),
        "",
    ));
    findings.extend(tally(&entries, undescribed, "required parameter", "without a description", ""));
    findings.extend(tally(
        &entries,
        |entry| usize::from(!has_effect_hints(&entry.tool.raw)),
        "tool",
        "without annotations, so what they do is guessed",
        "where you know better, say `effect` in an override",
    ));
    findings
}

fn suspicious_text(entry: &Entry) -> Option<Finding> {
    let tool = &entry.tool;
    let outline = tool.input_schema.outline();
    let parameters = outline.parameters.iter().map(|parameter| parameter.description.as_ref());
    let own = [tool.key.tool.as_str(), tool.title.as_str(), tool.description.as_str()];
    let odd = own.into_iter().chain(parameters).find_map(suspicious::find)?;
    let message = format!("its text may be meant to steer the model: it has {odd}");
    let advice = "read it with `mcporch explain`; if you do not trust it, hide the tool or take the server out";
    let snippet = suggestion::section(&tool.key.to_string(), "hidden = true");
    let finding = Finding::new(Severity::Warning, Area::Descriptions, tool.key.to_string(), message, advice);
    Some(finding.with_snippet(snippet))
}

fn empty(entry: &Entry) -> Option<Finding> {
    let tool = &entry.tool;
    let is_empty = [&tool.description, &tool.title, &entry.tool_hints.description].iter().all(|text| text.is_empty());
    is_empty.then(|| {
        let message = "has no description; it is found by its name alone";
        let snippet = suggestion::section(&tool.key.to_string(), "description = \"what it does, in a sentence\"");
        Finding::new(Severity::Warning, Area::Descriptions, tool.key.to_string(), message, "say what it does")
            .with_snippet(snippet)
    })
}

/// Tools of one server that say word for word the same.
fn identical(entries: &[&Entry]) -> Vec<Finding> {
    let mut by_text: BTreeMap<(&ServerName, String), Vec<String>> = BTreeMap::new();
    for entry in entries.iter().filter(|entry| !entry.tool.description.is_empty()) {
        let words = index::plain_words(&entry.tool.description).join(" ");
        by_text.entry((&entry.tool.key.server, words)).or_default().push(entry.tool.key.to_string());
    }
    let several = by_text.into_values().filter(|tools| tools.len() > 1);
    several
        .map(|tools| {
            let message = format!("{} have the same description", some_of(&tools, NAMES_SHOWN));
            let advice = "say in overrides what each is for";
            let snippet = suggestion::section(&tools[0], "description = \"what only this one does\"");
            Finding::new(Severity::Warning, Area::Descriptions, tools[0].clone(), message, advice).with_snippet(snippet)
        })
        .collect()
}

/// One note for all servers: how many, and where.
fn tally(entries: &[&Entry], count: impl Fn(&Entry) -> usize, noun: &str, what: &str, advice: &str) -> Option<Finding> {
    let mut by_server: BTreeMap<&ServerName, usize> = BTreeMap::new();
    for entry in entries {
        let of_entry = count(entry);
        if of_entry > 0 {
            *by_server.entry(&entry.tool.key.server).or_default() += of_entry;
        }
    }
    let mut servers: Vec<(&ServerName, usize)> = by_server.into_iter().collect();
    servers.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let total: usize = servers.iter().map(|(_, count)| count).sum();
    let names: Vec<String> = servers.iter().map(|(server, count)| format!("{server} {count}")).collect();
    (total > 0).then(|| {
        let message = format!("{} {what} ({})", counted(total, noun), some_of(&names, NAMES_SHOWN));
        Finding::new(Severity::Note, Area::Descriptions, "", message, advice)
    })
}

fn undescribed(entry: &Entry) -> usize {
    let outline = entry.tool.input_schema.outline();
    let is_bare = |name: &&std::borrow::Cow<'_, str>| {
        outline.parameters.iter().any(|parameter| parameter.name == **name && parameter.description.is_empty())
    };
    outline.required.iter().filter(is_bare).count()
}

/// Whether the server says what the tool does to the world.
fn has_effect_hints(raw: &str) -> bool {
    #[derive(Deserialize)]
    struct Announced<'a> {
        #[serde(borrow, default)]
        annotations: Option<&'a RawValue>,
    }
    let announced: Option<Announced<'_>> = serde_json::from_str(raw).ok();
    let annotations = announced.and_then(|announced| announced.annotations).map_or("", RawValue::get);
    ["\"readOnlyHint\"", "\"destructiveHint\""].iter().any(|hint| annotations.contains(hint))
}
