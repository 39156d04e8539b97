//! A tool in few words: what a model pays for, it pays for in every answer.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::domain::{Confidence, EffectSource, Tool};
use crate::router::{Candidate, Reason};

/// Parameters named in a signature; the rest is an ellipsis.
const PARAMETERS_MAX: usize = 10;
/// Values of an enum named in a signature.
const ENUM_VALUES_MAX: usize = 4;
/// Longest first sentence, in characters.
const SENTENCE_CHARS_MAX: usize = 160;

/// One line about a tool.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct ToolLine {
    /// `server.tool`.
    pub tool: String,
    /// Its parameters: `path: string, limit?: integer`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub signature: String,
    /// First sentence of its description.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub about: String,
    /// `read`, `write` or `destructive`.
    pub effect: &'static str,
    /// Whether the effect is a guess.
    #[serde(skip)]
    pub is_effect_guessed: bool,
    /// Probability that it is the right one; absent where nothing was ranked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confidence: Option<f64>,
    /// Why it was ranked so.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub why: Vec<String>,
    /// Id of a plan: `execute` with it runs this tool with the parameters that were given, once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan: Option<String>,
}

impl ToolLine {
    /// Without a ranking.
    #[must_use]
    pub fn plain(tool: &Tool) -> Self {
        Self {
            tool: tool.key.to_string(),
            signature: signature(&tool.input_schema.to_value()),
            about: first_sentence(if tool.description.is_empty() { &tool.title } else { &tool.description }),
            effect: tool.effect.word(),
            is_effect_guessed: tool.effect_source == EffectSource::Guessed,
            confidence: None,
            why: Vec::new(),
            plan: None,
        }
    }

    /// With its place in a ranking.
    #[must_use]
    pub fn ranked(tool: &Tool, candidate: &Candidate) -> Self {
        Self { confidence: Some(rounded(candidate.confidence)), why: why(candidate), ..Self::plain(tool) }
    }
}

/// Why a tool was ranked where it is, a few words each.
#[must_use]
pub fn why(candidate: &Candidate) -> Vec<String> {
    candidate.reasons.iter().map(reason_text).collect()
}

fn reason_text(reason: &Reason) -> String {
    match reason {
        Reason::NamedExactly => "the request names it".to_owned(),
        Reason::WordsInName(words) => format!("in its name: {}", words.join(", ")),
        Reason::WordsInServer(words) => format!("in its server's name: {}", words.join(", ")),
        Reason::WordsInHints(words) => format!("in the hints for its server: {}", words.join(", ")),
        Reason::WordsInDescription(words) => format!("in its description: {}", words.join(", ")),
        Reason::MeaningClose => "close in meaning".to_owned(),
        Reason::ParametersFit => "the parameters fit".to_owned(),
        Reason::UnknownParameters(names) => format!("does not take {}", names.join(", ")),
        Reason::Learned { shift, lessons } => {
            let plural = if *lessons == 1 { "" } else { "s" };
            format!("learned: {shift:+.2} from {lessons} lesson{plural}")
        }
    }
}

/// Three digits: more would only look exact. Wide, since a narrow .437 is written as .43700000643730164 in JSON.
#[must_use]
pub fn rounded(confidence: Confidence) -> f64 {
    (f64::from(confidence.value()) * 1000.0).round() / 1000.0
}

/// The parameters in one line; optional ones have a question mark.
#[must_use]
pub fn signature(schema: &Value) -> String {
    signature_of(schema, PARAMETERS_MAX)
}

/// The same with at most so many of them; required ones are never left out for optional ones.
#[must_use]
pub fn signature_of(schema: &Value, parameters_max: usize) -> String {
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else { return String::new() };
    let required: Vec<&str> = schema
        .get("required")
        .and_then(Value::as_array)
        .map(|names| names.iter().filter_map(Value::as_str).collect())
        .unwrap_or_default();
    let is_required = |name: &str| required.contains(&name);
    // Required ones first: they are what a call cannot do without.
    let mut names: Vec<&String> = properties.keys().collect();
    names.sort_by_key(|name| !is_required(name));
    let mut parts: Vec<String> = names
        .iter()
        .take(parameters_max)
        .map(|name| {
            let mark = if is_required(name) { "" } else { "?" };
            format!("{name}{mark}: {}", type_word(&properties[*name], 0))
        })
        .collect();
    if names.len() > parameters_max {
        parts.push(format!("… {} more", names.len() - parameters_max));
    }
    parts.join(", ")
}

fn type_word(schema: &Value, depth: usize) -> String {
    if let Some(values) = schema.get("enum").and_then(Value::as_array) {
        let mut words: Vec<String> = values
            .iter()
            .take(ENUM_VALUES_MAX)
            .map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned))
            .collect();
        if values.len() > ENUM_VALUES_MAX {
            words.push("…".to_owned());
        }
        return words.join("|");
    }
    if let Some(value) = schema.get("const") {
        return value.to_string();
    }
    match schema.get("type") {
        Some(Value::String(word)) if word == "array" && depth < 2 => {
            let item = schema.get("items").map_or_else(|| "any".to_owned(), |items| type_word(items, depth + 1));
            format!("{item}[]")
        }
        Some(Value::String(word)) => word.clone(),
        Some(Value::Array(words)) => {
            let words: Vec<&str> = words.iter().filter_map(Value::as_str).filter(|word| *word != "null").collect();
            words.join("|")
        }
        _ => {
            let choices = schema.get("anyOf").or_else(|| schema.get("oneOf")).and_then(Value::as_array);
            let words: Vec<String> = choices
                .into_iter()
                .flatten()
                .filter(|choice| choice.get("type").and_then(Value::as_str) != Some("null") && depth < 2)
                .map(|choice| type_word(choice, depth + 1))
                .collect();
            if words.is_empty() { "any".to_owned() } else { words.join("|") }
        }
    }
}

/// Up to the first sentence's end, and not for ever.
#[must_use]
pub fn first_sentence(text: &str) -> String {
    let text = text.trim();
    let line = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    let end = line
        .char_indices()
        .zip(line.chars().skip(1).map(Some).chain([None]))
        .find(|((_, mark), next)| matches!(mark, '.' | '!' | '?') && next.is_some_and(char::is_whitespace))
        .map_or(line.len(), |((at, mark), _)| at + mark.len_utf8());
    cut(line[..end].trim_end_matches('.'), SENTENCE_CHARS_MAX)
}

/// At most so many characters, and a mark where some are missing.
pub(super) fn cut(text: &str, chars_max: usize) -> String {
    if text.chars().count() <= chars_max {
        return text.to_owned();
    }
    let cut: String = text.chars().take(chars_max).collect();
    format!("{}…", cut.trim_end())
}
