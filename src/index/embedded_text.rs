//! The texts that stand for a tool in the encoder's space.

use std::borrow::Cow;

use crate::domain::{Hints, Tool};

use super::text;

/// Longest text given to the encoder, in bytes: its window is 256 tokens, about four bytes each, and a description of
/// 10 MB must not be tokenised to find that out.
const TEXT_BYTES_MAX: usize = 2_000;

/// Longest first sentence, in bytes; texts without a full stop end somewhere too.
const SENTENCE_BYTES_MAX: usize = 300;

/// Examples of one tool that are used; more would only slow the search. A guess.
const EXAMPLES_MAX: usize = 16;
/// Longest example, in bytes: it stands for a request, not for a story.
const EXAMPLE_BYTES_MAX: usize = 500;

/// The example requests of a tool, each to be embedded by itself: a request that is like one of them lifts the tool.
#[must_use]
pub fn examples_to_embed(tool_hints: &Hints) -> Vec<String> {
    let filled = tool_hints.examples.iter().map(|example| example.trim()).filter(|example| !example.is_empty());
    filled
        .take(EXAMPLES_MAX)
        .map(|example| example[..example.floor_char_boundary(EXAMPLE_BYTES_MAX)].to_owned())
        .collect()
}

/// The texts to embed for one tool: `name: description`, then `server name: first sentence`; where an operator described
/// the tool or gave keywords, `name: hints`; where keywords or examples for its server, `server: hints` (the same text for all
/// its tools, so it is embedded once). Two to four. The index uses the mean of their vectors: on the development sets
/// two were worth 1.3 points of P@1 over the first alone (docs/routing.md).
#[must_use]
pub fn texts_to_embed(tool: &Tool, server_hints: &Hints, tool_hints: &Hints) -> Vec<String> {
    let name = text::spaced(&tool.key.tool);
    let description = first_filled([&tool.description, &tool_hints.description, &tool.title]);
    let opening = first_sentence(first_filled([description, &server_hints.description, ""]));
    let placed = format!("{} {name}", text::server_words(tool.key.server.as_str()));
    let mut texts = vec![joined(&name, description), joined(placed.trim_start(), opening)];
    // Its examples are vectors of their own: in a mean they would blur what the tool is.
    if let Some(hints) = hints_text(&Hints { examples: Vec::new(), ..tool_hints.clone() }) {
        texts.push(joined(&name, &hints));
    }
    // A server's description is in every catalogue and only blurs its tools (-.2 points); what people say to it helps.
    if !(server_hints.keywords.is_empty() && server_hints.examples.is_empty()) {
        let server = text::server_words(tool.key.server.as_str());
        texts.extend(hints_text(server_hints).map(|hints| joined(&server, &hints)));
    }
    texts
}

fn joined(head: &str, body: &str) -> String {
    let body = body.trim();
    let mut text = match (head.is_empty(), body.is_empty()) {
        (_, true) => head.to_owned(),
        (true, false) => body.to_owned(),
        (false, false) => format!("{head}: {body}"),
    };
    text.truncate(text.floor_char_boundary(TEXT_BYTES_MAX));
    text
}

fn hints_text(hints: &Hints) -> Option<String> {
    let mut parts: Vec<Cow<'_, str>> = hints.aliases.iter().map(|alias| text::spaced(alias).into()).collect();
    if !hints.description.trim().is_empty() {
        parts.push(hints.description.trim().into());
    }
    if !hints.keywords.is_empty() {
        parts.push(hints.keywords.join(", ").into());
    }
    parts.extend(hints.examples.iter().map(|example| example.as_str().into()));
    (!parts.is_empty()).then(|| parts.join(". "))
}

fn first_filled(texts: [&str; 3]) -> &str {
    texts.into_iter().map(str::trim).find(|text| !text.is_empty()).unwrap_or("")
}

/// Up to the first line end, or the first `.`, `!` or `?` that white space follows; 300 bytes at most.
#[must_use]
pub fn first_sentence(text: &str) -> &str {
    let text = text.trim();
    let mut end = text.len();
    let mut previous = ' ';
    for (at, letter) in text.char_indices() {
        if letter == '\n' || (letter.is_whitespace() && matches!(previous, '.' | '!' | '?')) {
            end = at;
            break;
        }
        previous = letter;
    }
    text[..text.floor_char_boundary(end.min(SENTENCE_BYTES_MAX))].trim_end()
}
