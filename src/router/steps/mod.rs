//! One request that asks for several things → its steps. By words alone, in one pass; it knows no tools.
//!
//! A wrong split does harm (half of a request runs), a missed one does little (the caller asks twice). So a request stays
//! whole unless every part of it is plainly a demand of its own: begins with a verb, has an object, and stands behind a
//! clear mark. English only, but for numbered lists.

mod clauses;
mod references;
#[cfg(test)]
mod tests;
mod tokens;
mod vocabulary;

use clauses::Clause;
use references::Reference;
use tokens::Token;

/// More steps than this are a document, not a request.
const STEPS_MAX: usize = 8;
/// A longer request is a story or carries data; neither can be cut safely.
const REQUEST_BYTES_MAX: usize = 4_000;

/// One thing that a request asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepText {
    /// In the request's own words, without "then", "please" and the like.
    pub text: String,
    /// Places of the earlier steps whose results this one speaks of, ascending. Steps that need nothing of each other can
    /// run side by side.
    pub needs: Vec<usize>,
    /// It speaks of that result as such ("it", "the result"), not of a part or a product of it ("its title").
    pub takes_result: bool,
    /// That this is a step of its own, and what it needs, is beyond doubt, and nothing is left out, denied or bound to a
    /// condition in it.
    pub is_certain: bool,
}

/// The steps of a request, in its order; one step, the whole request, unless it clearly asks for several things.
#[must_use]
pub fn split_steps(request: &str) -> Vec<StepText> {
    let request = request.trim();
    let whole = || {
        let is_certain = !clauses::is_limited(&tokens::of(request));
        vec![StepText { text: request.to_owned(), needs: Vec::new(), takes_result: false, is_certain }]
    };
    if request.len() > REQUEST_BYTES_MAX {
        return whole();
    }
    let listed = clauses::of_list(request);
    let parts = listed.unwrap_or_else(|| clauses::of_sentences(request));
    if !(2..=STEPS_MAX).contains(&parts.len()) {
        return whole();
    }
    let mut steps: Vec<StepText> = Vec::new();
    for part in &parts {
        steps.push(step(part, &steps));
    }
    steps
}

fn step(part: &Clause<'_>, earlier: &[StepText]) -> StepText {
    let place = earlier.len();
    let before: Vec<&str> = earlier.iter().map(|step| step.text.as_str()).collect();
    let tokens: Vec<Token> = tokens::of(part.text);
    let reference = if place == 0 { None } else { references::find(&tokens, &before) };
    let is_chain = place == 1 || earlier.last().is_some_and(|last| !last.needs.is_empty());
    let (needs, is_clear) = match reference {
        None => (Vec::new(), true),
        Some(Reference::Last { is_named, .. }) => (vec![place - 1], is_chain || is_named),
        Some(Reference::Both) => (vec![place.saturating_sub(2), place - 1], place >= 2),
        Some(Reference::All) => ((0..place).collect(), true),
        Some(Reference::Many) if is_chain => (vec![place - 1], true),
        Some(Reference::Many) => ((0..place).collect(), false),
        Some(Reference::Step(named)) => (vec![named], true),
    };
    let mut needs = needs;
    needs.dedup();
    let takes_result = match reference {
        Some(Reference::Last { is_whole, .. }) => is_whole,
        Some(Reference::Many | Reference::Both | Reference::All) => true,
        Some(Reference::Step(_)) | None => false,
    };
    StepText {
        text: part.text.to_owned(),
        takes_result: takes_result && !needs.is_empty(),
        needs,
        is_certain: part.is_certain && is_clear,
    }
}
