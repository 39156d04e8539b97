//! Two logistic models that turn scores into probabilities. Their numbers come out of `models/fit_confidence.py`, fed
//! with the features that `evaluation` writes; docs/routing.md says how good they are on sets left out of the fit.

use crate::domain::Confidence;
use crate::index::NamedBy;

/// Names of [`Features::values`], in order; the columns of the file that the fit reads.
pub const FEATURE_NAMES: [&str; 5] = ["share_logit", "meaning", "words", "words_agree", "meaning_agree"];

/// Coefficients of "the first is right, given that one is", in the order of [`FEATURE_NAMES`], and the constant.
const IS_RIGHT: ([f32; 5], f32) = ([0.471, 0.940, 2.163, 0.500, 0.251], -0.772);
/// Coefficients of "any tool serves this", in the same order, and the constant. The absolute features only: how far
/// the first is ahead says nothing about whether it is any good.
const IS_ANY: ([f32; 5], f32) = ([0.0, 6.228, 2.680, 0.0, 0.0], -3.088);

/// Confidence in a tool whose identifier stands in a longer text and is the only one there. Not certain: "do not use
/// `delete_repo`" names a tool too, so this stays below the bar for what destroys.
const MENTIONED: f32 = 0.95;

/// What both models look at. All finite.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Features {
    /// Log odds of the first in a softmax over the best 20 at temperature .05, within ±7.
    pub share_logit: f32,
    /// Cosine of the request and the first.
    pub meaning: f32,
    /// BM25 of the request and the first, in units of a cosine (.012 each).
    pub words: f32,
    /// 1 if no other tool has better words, and some words are shared.
    pub words_agree: f32,
    /// 1 if no other tool is closer in meaning.
    pub meaning_agree: f32,
}

impl Features {
    /// In the order of [`FEATURE_NAMES`].
    #[must_use]
    pub fn values(&self) -> [f32; 5] {
        [self.share_logit, self.meaning, self.words, self.words_agree, self.meaning_agree]
    }
}

/// `rivals` tools are named in the same way as the first, which counts among them. `share_over_twin` is the share of the
/// first against a second of the same name on another server, if there is one.
pub(crate) fn is_right(
    features: &Features,
    named: Option<NamedBy>,
    rivals: usize,
    share_over_twin: Option<f32>,
) -> Confidence {
    let probability = logistic(features, &IS_RIGHT);
    Confidence::new(match (named, rivals) {
        (Some(NamedBy::Whole), 1) => return Confidence::CERTAIN,
        (Some(NamedBy::Mention), 1) => MENTIONED,
        // The sets have no two servers of one kind; the model would be sure of either.
        (Some(_), _) | (None, _) => probability.min(share_over_twin.unwrap_or(1.0)),
    })
}

pub(crate) fn is_any(features: &Features) -> Confidence {
    Confidence::new(logistic(features, &IS_ANY))
}

/// The confidence with so much added to its log odds. Certainty, either way, stays.
pub(crate) fn shifted(confidence: Confidence, log_odds: f32) -> Confidence {
    let value = confidence.value();
    if log_odds == 0.0 || value <= 0.0 || value >= 1.0 {
        return confidence;
    }
    let sum = (value / (1.0 - value)).ln() + log_odds;
    Confidence::new(1.0 / (1.0 + (-sum).exp()))
}

fn logistic(features: &Features, (coefficients, constant): &([f32; 5], f32)) -> f32 {
    let sum: f32 = features.values().iter().zip(coefficients).map(|(value, coefficient)| value * coefficient).sum();
    1.0 / (1.0 + (-(sum + constant)).exp())
}
