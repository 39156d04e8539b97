//! A tool's name as somebody wrote it → the tool.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::domain::{Misspelt, ServerName, Tool, ToolKey};
use crate::index::{self, Snapshot};

use super::Error;

/// Marks between server and tool that people and models use.
const SEPARATORS: &[&str] = &[".", "/", "::", ":", "__", " "];
/// Names offered when none fits.
const NEAR_MAX: usize = 3;

/// The tool named `text`: `server.tool` in any usual spelling, or a tool's name that only one server has.
///
/// # Errors
/// [`Error::NotFound`] with near names, or the servers that all have it.
pub(super) fn resolve(snapshot: &Snapshot, text: &str) -> Result<Arc<Tool>, Error> {
    let text = text.trim();
    let tool_at = |place: usize| snapshot.entries()[place].tool.clone();
    for separator in SEPARATORS {
        for (at, _) in text.match_indices(separator) {
            let (server, tool) = (&text[..at], &text[at + separator.len()..]);
            if let Ok(server) = ServerName::parse(server) {
                let key = ToolKey { server, tool: tool.to_owned() };
                if let Some(place) = snapshot.find(&key) {
                    return Ok(tool_at(place));
                }
            }
        }
    }
    let exact: Vec<usize> = {
        let same_words = snapshot.find_by_name(text);
        let same_text = |place: &&usize| {
            let entry = &snapshot.entries()[**place];
            entry.tool.key.tool == text || entry.tool_hints.aliases.iter().any(|alias| alias == text)
        };
        let exact: Vec<usize> = same_words.iter().filter(same_text).copied().collect();
        if exact.is_empty() { same_words } else { exact }
    };
    match exact.as_slice() {
        [place] => Ok(tool_at(*place)),
        [] => Err(not_found(snapshot, text)),
        several => {
            let names: Vec<String> = several.iter().map(|place| tool_at(*place).key.to_string()).collect();
            Err(Error::InvalidInput {
                what: format!("several servers have a tool {text:?}: name one of {}", names.join(", ")),
            })
        }
    }
}

/// The tool named `text` among those that an override hides, with the override's pattern.
pub(super) fn find_hidden<'a>(hidden: &'a BTreeMap<ToolKey, String>, text: &str) -> Option<(&'a ToolKey, &'a str)> {
    let wanted = index::plain_words(text);
    let is_named = |key: &ToolKey| {
        index::plain_words(&key.tool) == wanted || index::plain_words(&format!("{} {}", key.server, key.tool)) == wanted
    };
    hidden.iter().find(|(key, _)| is_named(key)).map(|(key, pattern)| (key, pattern.as_str()))
}

fn not_found(snapshot: &Snapshot, text: &str) -> Error {
    // The whole, and what stands behind a server's name, which may be the part that is wrong.
    let bare = text.rsplit(['.', '/', ':']).next().unwrap_or(text);
    let (whole, bare) = (Misspelt::new(text), Misspelt::new(bare));
    let entries = snapshot.entries().iter();
    let mut near: Vec<(usize, String)> = entries
        .filter_map(|entry| {
            let (key, full) = (&entry.tool.key, entry.tool.key.to_string());
            let with_server = whole.edits_to(&full, whole.allowed());
            let without = bare.edits_to(&key.tool, bare.allowed());
            Some((with_server.into_iter().chain(without).min()?, full))
        })
        .collect();
    near.sort();
    near.truncate(NEAR_MAX);
    let names: Vec<String> = near.into_iter().map(|(_, name)| name).collect();
    let hint = if names.is_empty() {
        "; find_tool searches by words, list_capabilities shows all".to_owned()
    } else {
        format!("; the nearest are {}", names.join(", "))
    };
    let shown: String = text.chars().take(100).collect();
    Error::NotFound { what: format!("there is no tool {shown:?}{hint}") }
}
