//! Lines for the settings file that a person can paste and go on from.

use crate::index::{self, Snapshot};

/// Words in one suggestion.
const WORDS_SHOWN: usize = 4;

/// A section of the settings about this tool, or these tools.
pub(super) fn section(tool: &str, lines: &str) -> String {
    format!("[overrides.{}]\n{lines}", quoted(tool))
}

/// For a tool that loses its own requests to `winner`.
pub(super) fn for_one(snapshot: &Snapshot, own: usize, winner: usize) -> String {
    put_forward(snapshot, own, winner, "# examples = [\"a request that is meant for it\"]")
}

/// For two tools that are taken for one another. Where a word is only in one of them it is put forward; what people really
/// say, only people know.
pub(super) fn for_pair(snapshot: &Snapshot, one: usize, other: usize) -> String {
    let side =
        |own, other| put_forward(snapshot, own, other, "# examples = [\"a request that is meant for this one only\"]");
    format!("{}\n{}", side(one, other), side(other, one))
}

fn put_forward(snapshot: &Snapshot, own: usize, other: usize, rest: &str) -> String {
    let words = only_in(snapshot, own, other);
    let lines = if words.is_empty() { rest.to_owned() } else { format!("keywords = [{}]\n{rest}", list(&words)) };
    section(&snapshot.entries()[own].tool.key.to_string(), &lines)
}

/// The words of a tool's name, its server's and its description's first sentence, in small letters. What comes later in a
/// description is seldom what the tool is asked for.
fn own_words(snapshot: &Snapshot, row: usize) -> Vec<String> {
    let tool = &snapshot.entries()[row].tool;
    let mut words = index::plain_words(&tool.key.tool);
    words.extend(index::plain_words(tool.key.server.as_str()));
    let sentence = index::first_sentence(&tool.description).split(|letter: char| !letter.is_alphanumeric());
    words.extend(sentence.filter(|word| !word.is_empty()).map(str::to_lowercase));
    words
}

/// Words that the texts of one have and those of the other have not.
fn only_in(snapshot: &Snapshot, own: usize, other: usize) -> Vec<String> {
    let theirs: Vec<String> = own_words(snapshot, other).iter().flat_map(|word| index::words(word)).collect();
    let mut found: Vec<String> = Vec::new();
    for word in own_words(snapshot, own) {
        let is_telling = index::words(&word).iter().any(|word| word.len() > 2 && !theirs.contains(word));
        if is_telling && !found.contains(&word) && found.len() < WORDS_SHOWN {
            found.push(word);
        }
    }
    found
}

fn list(words: &[String]) -> String {
    words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(", ")
}

/// As TOML writes texts and odd keys; what JSON escapes, TOML reads the same.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
