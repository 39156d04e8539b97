//! What kind of thing a tool does and a request asks for, by its verbs. The encoder hardly tells "create" from "delete";
//! a router that runs what it finds must.

use super::text;

/// Verbs that ask for the same. The first three groups of reading count as one: "what are my issues" may be answered by
/// `list_issues`, `get_issues` or `search_issues`.
const KINDS: &[&[&str]] = &[
    &["browse", "enumerate", "list"],
    &["check", "describe", "display", "fetch", "get", "inspect", "lookup", "read", "retrieve", "show", "view"],
    &["discover", "find", "look", "query", "search"],
    &[
        "add", "append", "build", "compose", "create", "draft", "generate", "insert", "make", "new", "register",
        "remember", "write",
    ],
    &["clear", "delete", "destroy", "drop", "erase", "purge", "remove", "uninstall", "unsubscribe"],
    &["adjust", "change", "edit", "modify", "patch", "rename", "replace", "set", "update"],
    &["email", "forward", "post", "publish", "reply", "send", "share"],
    &["execute", "invoke", "launch", "run", "start", "trigger"],
    &["abort", "cancel", "close", "kill", "stop", "terminate"],
    &["convert", "transform", "translate"],
    &["calculate", "compute"],
    &["import", "upload"],
    &["download", "export", "save"],
    &["copy", "move"],
    &["compare", "diff"],
    &["join", "merge"],
    &["activate", "deactivate", "disable", "enable"],
];
const READING: u32 = 0b111;
/// What else may answer a question without a verb: "what is 12 times 7", "how far is 5 miles in km". Neither good nor
/// bad for it.
const ALSO_ANSWERS: &[&str] = &["calculate", "compare", "convert"];

/// Words that open a question, which asks to be told something.
const QUESTION_WORDS: &[&str] = &[
    "any", "are", "did", "do", "does", "has", "have", "how", "is", "was", "were", "what", "when", "where", "which",
    "who", "whose",
];
/// Words at the start of a request among which a question word makes a question.
const QUESTION_WORDS_WITHIN: usize = 3;
/// A longer request is a story: it has verbs of every kind, which say nothing about the tool.
const REQUEST_WORDS_MAX: usize = 40;

/// A set of kinds; empty when no verb is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Actions {
    kinds: u32,
    /// Kinds that do not disagree.
    tolerated: u32,
}

impl Actions {
    /// Of the first verb in the name, or of the first word of the description when the name has none.
    pub(crate) fn of_tool(name: &str, description: &str) -> Self {
        let in_name = text::plain_words(name).iter().map(|word| kinds_of(word)).find(|kinds| *kinds != 0);
        let opening = &description[..description.floor_char_boundary(60)];
        let kinds = in_name.or_else(|| text::plain_words(opening).first().map(|word| kinds_of_form(word)));
        Self { kinds: kinds.unwrap_or(0), tolerated: 0 }
    }

    /// Of all verbs in the request, in any form.
    pub(crate) fn of_request(request: &str) -> Self {
        let words = text::plain_words(request);
        if words.len() >= REQUEST_WORDS_MAX {
            return Self::default();
        }
        let mut kinds = words.iter().fold(0, |kinds, word| kinds | kinds_of_form(word));
        let opens_question =
            words.iter().take(QUESTION_WORDS_WITHIN).any(|word| QUESTION_WORDS.contains(&word.as_str()));
        let mut tolerated = 0;
        if kinds == 0 && (opens_question || request.trim_end().ends_with('?')) {
            kinds = READING;
            tolerated = ALSO_ANSWERS.iter().fold(0, |kinds, verb| kinds | kinds_of(verb));
        }
        if kinds & READING != 0 {
            kinds |= READING;
        }
        Self { kinds, tolerated }
    }

    /// 1 when both have a kind in common, -1 when they have none, 0 when either is unknown.
    pub(crate) fn agreement(self, other: Self) -> f32 {
        if self.kinds == 0 || other.kinds == 0 {
            return 0.0;
        }
        let disagree = if (self.tolerated & other.kinds) | (self.kinds & other.tolerated) != 0 { 0.0 } else { -1.0 };
        if self.kinds & other.kinds != 0 { 1.0 } else { disagree }
    }
}

fn kinds_of(word: &str) -> u32 {
    let kinds = KINDS.iter().enumerate().filter(|(_, verbs)| verbs.contains(&word));
    kinds.fold(0, |all, (kind, _)| all | 1 << kind)
}

/// Also `lists`, `listing`, `created`, `creating`.
fn kinds_of_form(word: &str) -> u32 {
    let mut kinds = kinds_of(word);
    for (ending, instead) in [("s", ""), ("ing", ""), ("ing", "e"), ("ed", ""), ("d", "")] {
        if let Some(start) = word.strip_suffix(ending) {
            kinds |= kinds_of(&format!("{start}{instead}"));
        }
    }
    kinds
}
