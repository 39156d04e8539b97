//! The guess: two logistic models over words, `is_read` and, for what changes something, `is_destructive`. Their
//! coefficients are data (`models/effects.json`, written by models/fit_effects.py); docs/routing.md has how often they err.

use std::collections::HashMap;
use std::sync::LazyLock;

use serde::Deserialize;

use super::words::{first_sentence, form, push_words};
use crate::domain::{Effect, Parameter};

/// What a feature adds to the log odds of `is_read` and of `is_destructive`.
type Weights = [f32; 2];

/// The file, as it stands.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Model {
    /// Where the numbers come from.
    #[serde(rename = "about")]
    pub(super) _about: String,
    verbs: Verbs,
    /// Verbs that leave no doubt in a name.
    clearly_destructive: Vec<String>,
    bars: Bars,
    constant: Weights,
    /// Features made of the kinds of verbs.
    kind: HashMap<String, Weights>,
    /// Words of the name.
    name: HashMap<String, Weights>,
    /// Words of the first sentence.
    text: HashMap<String, Weights>,
    /// Words of parameter names.
    parameter: HashMap<String, Weights>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Verbs {
    read: Vec<String>,
    write: Vec<String>,
    destroy: Vec<String>,
}

/// The least probability for taking a tool to read, and to destroy; what is neither counts as a write. On servers left out
/// of the fit, 179 tools passed the reading bar, of which 6 were announced to change something: caches, saved pages, the
/// time of the last check. Above .65 were 62 of 151 tools announced to destroy and 4 of 88 announced to write only.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Bars {
    read: f32,
    destructive: f32,
}

/// What a verb does; ordered by how grave it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Read,
    Write,
    Destroy,
}

impl Kind {
    fn word(kind: Option<Self>) -> &'static str {
        match kind {
            Some(Self::Read) => "read",
            Some(Self::Write) => "write",
            Some(Self::Destroy) => "destroy",
            None => "none",
        }
    }
}

static MODEL: LazyLock<(Model, HashMap<String, Kind>)> = LazyLock::new(|| {
    let model: Model = serde_json::from_str(include_str!("../../models/effects.json"))
        .expect("the file is compiled in, and a test reads it");
    let kinds =
        [(&model.verbs.read, Kind::Read), (&model.verbs.write, Kind::Write), (&model.verbs.destroy, Kind::Destroy)]
            .into_iter()
            .flat_map(|(verbs, kind)| verbs.iter().map(move |verb| (verb.clone(), kind)))
            .collect();
    (model, kinds)
});

/// Of a tool that announces nothing.
pub(super) fn among_all(name: &str, description: &str, parameters: &[Parameter<'_>]) -> Effect {
    let Guess { is_read, is_destructive, .. } = guess(name, description, parameters);
    let bars = &MODEL.0.bars;
    if is_clearly_destructive(name) || (1.0 - is_read) * is_destructive >= bars.destructive {
        Effect::Destructive
    } else if is_read >= bars.read {
        Effect::Read
    } else {
        Effect::Write
    }
}

/// Of a tool that announces to change something.
pub(super) fn among_changes(name: &str, description: &str, parameters: &[Parameter<'_>]) -> Effect {
    let Guess { is_destructive, .. } = guess(name, description, parameters);
    let destroys = is_clearly_destructive(name) || is_destructive >= MODEL.0.bars.destructive;
    if destroys { Effect::Destructive } else { Effect::Write }
}

/// Whether a verb of the name leaves no doubt.
pub(super) fn is_clearly_destructive(name: &str) -> bool {
    let mut words = Vec::new();
    push_words(name, &mut words);
    verbs_of(&words).any(|verb| MODEL.0.clearly_destructive.contains(verb))
}

/// Two probabilities.
#[derive(Debug, Clone, Copy)]
pub(super) struct Guess {
    /// Of reading.
    pub(super) is_read: f32,
    /// Of destroying, if it does not read; 0 where no known verb changes anything. Such words say nothing of destroying, and
    /// without them the model only repeats how many of the announced tools destroy.
    pub(super) is_destructive: f32,
}

/// By all words.
pub(super) fn guess(name: &str, description: &str, parameters: &[Parameter<'_>]) -> Guess {
    let (model, kinds) = &*MODEL;
    let (mut in_name, mut in_text, mut in_parameters) = (Vec::new(), Vec::new(), Vec::new());
    push_words(name, &mut in_name);
    push_words(first_sentence(description), &mut in_text);
    for parameter in parameters {
        push_words(&parameter.name, &mut in_parameters);
    }
    for word in &mut in_text {
        *word = form(std::mem::take(word), |verb| kinds.contains_key(verb));
    }
    let of_name = verbs_of(&in_name).map(|verb| kinds[verb]).max();
    let of_text = in_text.first().and_then(|word| kinds.get(word)).copied();
    let mut sum = model.constant;
    let mut add = |table: &HashMap<String, Weights>, feature: &str| {
        if let Some(weights) = table.get(feature) {
            sum = [sum[0] + weights[0], sum[1] + weights[1]];
        }
    };
    add(&model.kind, &format!("name {}", Kind::word(of_name)));
    add(&model.kind, &format!("text {}", Kind::word(of_text)));
    add(&model.kind, &format!("both {} {}", Kind::word(of_name), Kind::word(of_text)));
    let mut changes = of_name > Some(Kind::Read);
    for kind in [Kind::Read, Kind::Write, Kind::Destroy] {
        if in_text.iter().any(|word| kinds.get(word) == Some(&kind)) {
            changes |= kind != Kind::Read;
            add(&model.kind, &format!("any {}", Kind::word(Some(kind))));
        }
    }
    if parameters.is_empty() {
        add(&model.kind, "no parameters");
    }
    for (table, words) in [(&model.name, in_name), (&model.text, in_text), (&model.parameter, in_parameters)] {
        // A word counts once, however often it stands there.
        for (place, word) in words.iter().enumerate() {
            if !words[..place].contains(word) {
                add(table, word);
            }
        }
    }
    let [is_read, is_destructive] = sum.map(|sum| 1.0 / (1.0 + (-sum).exp()));
    Guess { is_read, is_destructive: if changes { is_destructive } else { 0.0 } }
}

/// The first verb of a name, and those that follow it behind `and` or `or`: `search_and_replace` does both.
fn verbs_of(words: &[String]) -> impl Iterator<Item = &String> {
    let kinds = &MODEL.1;
    let first = words.iter().position(|word| kinds.contains_key(word)).unwrap_or(words.len());
    let joined = words[first..].windows(2).skip(1).filter(|pair| matches!(pair[0].as_str(), "and" | "or"));
    words.get(first).into_iter().chain(joined.map(|pair| &pair[1]).filter(|word| kinds.contains_key(*word)))
}
