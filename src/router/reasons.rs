//! Why a tool is where it is in a ranking, for people.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::domain::{Hints, InputSchema};
use crate::index::{self, Entry, NamedBy};

/// Words named in one reason at most.
const WORDS_MAX: usize = 5;
/// From this cosine on, request and tool mean about the same in the built-in models' spaces: of first tools so near 88 %
/// were right on what the taught one never saw, 84 % with its base.
const CLOSE: f32 = 0.6;

/// One fact that speaks for (or, the last, against) a tool.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "kind", content = "what")]
pub enum Reason {
    /// The request is the tool's name, or names it as an identifier.
    NamedExactly,
    /// Words of the request that are in the tool's name.
    WordsInName(Vec<String>),
    /// Words of the request that are in the name of its server.
    WordsInServer(Vec<String>),
    /// Words of the request that an operator gave as hints.
    WordsInHints(Vec<String>),
    /// Words of the request that are in the description, and in none of the above.
    WordsInDescription(Vec<String>),
    /// The meaning is close, whatever the words.
    MeaningClose,
    /// All parameters that came with the request are the tool's, and none that it requires is missing.
    ParametersFit,
    /// Parameters that came with the request and that the tool does not have.
    UnknownParameters(Vec<String>),
    /// Lessons of the user's own about requests like this one.
    Learned {
        /// What they moved the score by, in units of a cosine.
        shift: f32,
        /// How many.
        lessons: usize,
    },
}

/// The reasons for one tool, the strongest kind first.
pub(crate) fn find(
    entry: &Entry,
    request_words: &[String],
    named: Option<NamedBy>,
    meaning: f32,
    params: Option<&Map<String, Value>>,
) -> Vec<Reason> {
    let mut reasons = Vec::new();
    if named.is_some() {
        reasons.push(Reason::NamedExactly);
    }
    let mut seen: Vec<&String> = Vec::new();
    let mut shared = |texts: &mut dyn Iterator<Item = &str>| {
        let theirs: Vec<String> = texts.flat_map(index::words).collect();
        let mut found: Vec<String> = Vec::new();
        for word in request_words {
            if found.len() < WORDS_MAX && theirs.contains(word) && !seen.contains(&word) {
                seen.push(word);
                found.push(word.clone());
            }
        }
        (!found.is_empty()).then_some(found)
    };
    let tool = &entry.tool;
    let mut names = std::iter::once(&tool.key.tool).chain(&entry.tool_hints.aliases).map(String::as_str);
    reasons.extend(shared(&mut names).map(Reason::WordsInName));
    reasons.extend(shared(&mut [tool.key.server.as_str()].into_iter()).map(Reason::WordsInServer));
    let mut hints = hint_texts(&entry.tool_hints).chain(hint_texts(&entry.server_hints));
    reasons.extend(shared(&mut hints).map(Reason::WordsInHints));
    let description = &tool.description[..tool.description.floor_char_boundary(2_000)];
    reasons.extend(shared(&mut [description].into_iter()).map(Reason::WordsInDescription));
    if meaning >= CLOSE {
        reasons.push(Reason::MeaningClose);
    }
    if let Some(fit) = params.map(|params| fit(&tool.input_schema, params)) {
        if fit.unknown.is_empty() && fit.missing == 0 {
            reasons.push(Reason::ParametersFit);
        } else if !fit.unknown.is_empty() {
            reasons.push(Reason::UnknownParameters(fit.unknown));
        }
    }
    reasons
}

/// How given parameters stand to a schema.
#[derive(Debug, Default)]
pub(crate) struct Fit {
    pub(crate) unknown: Vec<String>,
    /// Required ones that were not given.
    pub(crate) missing: usize,
}

/// Compares the names at the top level only; the values are checked before a call, not for ranking.
pub(crate) fn fit(schema: &InputSchema, params: &Map<String, Value>) -> Fit {
    let outline = schema.outline();
    let is_known = |name: &str| outline.parameters.iter().any(|parameter| parameter.name == name);
    let mut fit = Fit::default();
    if !outline.takes_others {
        fit.unknown = params.keys().filter(|name| !is_known(name)).cloned().collect();
    }
    fit.missing = outline.required.iter().filter(|name| !params.contains_key(name.as_ref())).count();
    fit
}

fn hint_texts(hints: &Hints) -> impl Iterator<Item = &str> {
    let lists = hints.keywords.iter().chain(&hints.categories).chain(&hints.examples);
    std::iter::once(hints.description.as_str()).chain(lists.map(String::as_str))
}
