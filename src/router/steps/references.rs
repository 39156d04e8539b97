//! What a step says of the steps before it.

use super::tokens::{Mark, Token};
use super::vocabulary as known;

/// Which earlier results a step speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reference {
    /// One: the last.
    Last {
        /// "the result", which cannot be anything else.
        is_named: bool,
        /// The result as such, not a part or product of it.
        is_whole: bool,
    },
    /// Several, not said which.
    Many,
    /// The last two.
    Both,
    /// All.
    All,
    /// The step at this place, by a word that it has too.
    Step(usize),
}

/// Nouns for what a step gave.
const RESULTS: &[&str] = &["answer", "findings", "output", "response", "result", "results"];
/// Nouns for something made of what a step gave.
const PRODUCTS: &[&str] = &["list", "overview", "summary", "text", "translation"];
/// What may stand behind "that" and "this" when they stand alone.
const PREPOSITIONS: &[&str] = &["as", "at", "by", "for", "from", "in", "into", "on", "onto", "out", "to", "up", "with"];

/// The reference of a step to the ones before, the plainest one; `None` when it stands alone.
pub(super) fn find(tokens: &[Token], before: &[&str]) -> Option<Reference> {
    let mut found = None;
    let verb = tokens.first().map_or("", |token| token.word.as_str());
    for (at, token) in tokens.iter().enumerate().filter(|(_, token)| !token.is_quoted) {
        let previous = at.checked_sub(1).and_then(|at| tokens.get(at)).map_or("", |token| token.word.as_str());
        let next = tokens.get(at + 1).filter(|_| token.mark == Mark::None).map_or("", |token| token.word.as_str());
        let stands_alone = next.is_empty() || PREPOSITIONS.contains(&next);
        let last = |is_named, is_whole| Some(Reference::Last { is_named, is_whole });
        let here = match token.word.as_str() {
            "it" if !known::is_auxiliary(previous) => last(false, true),
            "its" => last(false, false),
            "that" | "this" if at > 0 && stands_alone => last(false, true),
            "them" | "these" | "those" | "they" if stands_alone => Some(Reference::Many),
            "their" => last(false, false),
            "both" if stands_alone || matches!(next, "results" | "answers") => Some(Reference::Both),
            "everything" if stands_alone => Some(Reference::All),
            "all" if matches!(next, "of" | "results" | "answers") => Some(Reference::All),
            // "the file b.txt" says itself which one.
            _ if tokens.get(at + 1).is_some_and(is_value) => None,
            word if matches!(previous, "the" | "this" | "that" | "these" | "those") => {
                definite(word, next, stands_alone, verb, before)
            }
            _ => None,
        };
        let is_weak = matches!(found, None | Some(Reference::Step(_)));
        found = match (found, here) {
            // What is spoken of twice plays two parts.
            (Some(Reference::Last { is_named, .. }), Some(_)) => Some(Reference::Last { is_named, is_whole: false }),
            _ if is_weak => here.or(found),
            _ => found,
        };
    }
    found
}

fn is_value(token: &Token) -> bool {
    token.is_quoted
        || token.word.contains(|letter: char| letter.is_numeric() || matches!(letter, '.' | '/' | '_' | '@'))
}

/// "the …": a result, or something that an earlier step named.
fn definite(word: &str, next: &str, stands_alone: bool, verb: &str, before: &[&str]) -> Option<Reference> {
    if RESULTS.contains(&word) {
        return Some(Reference::Last { is_named: true, is_whole: next != "of" });
    }
    // From the nearest step backwards: does it speak of the same thing?
    let named = before.iter().rposition(|text| {
        // "get the time in Rome, get the time in Oslo" asks twice for the same kind of thing.
        let is_repeated = text.split_whitespace().next().is_some_and(|first| first.eq_ignore_ascii_case(verb));
        let mut words = text.split(|letter: char| !letter.is_alphanumeric());
        !is_repeated && words.any(|other| other.to_lowercase() == word || is_made_by(word, &other.to_lowercase()))
    });
    match named {
        Some(place) => Some(Reference::Step(place)),
        None if PRODUCTS.contains(&word) && stands_alone => Some(Reference::Last { is_named: false, is_whole: false }),
        None => None,
    }
}

/// "the summary" is what "summarise" gave.
fn is_made_by(noun: &str, verb: &str) -> bool {
    matches!(
        (noun, verb),
        ("summary", "summarize" | "summarise") | ("translation", "translate") | ("comparison", "compare")
    )
}
