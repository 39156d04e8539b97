//! Two logistic models that turn what was seen into probabilities. Their numbers come out of `models/fit_router.py`, fed
//! with the evidence that `evaluation` writes; docs/routing.md says how good they are on sets left out of the fit.

use crate::domain::Confidence;
use crate::index::NamedBy;

use super::model::Fitted;

/// Names of [`Features::values`], in order; the fitted models name their features so.
pub const FEATURE_NAMES: [&str; 11] = [
    "share_logit",
    "meaning",
    "shift",
    "lift",
    "words",
    "words_share",
    "request_in_any",
    "name_in_request",
    "server_in_request",
    "has_rarest",
    "name_len",
];

/// Confidence in a tool whose identifier stands in a longer text and is the only one there. Not certain: "why did `sync_now`
/// fail" and "anything but `create_issue`" name a tool too, so this stays below the bar for what changes something. A guess.
const MENTIONED: f32 = 0.96;

/// What both models look at: one number about the whole list, the others about its first. All finite.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Features {
    /// Log odds of the first, without its copies, in a softmax over it and the best others, 20 in all, at temperature .09, within ±7.
    pub share_logit: f32,
    /// Cosine of the request and the first.
    pub meaning: f32,
    /// The product of the shifted request and the first.
    pub shift: f32,
    /// How far its examples lifted `meaning`.
    pub lift: f32,
    /// BM25 of the request and the first, in units of a cosine (.012 each).
    pub words: f32,
    /// The same as a share of what is possible.
    pub words_share: f32,
    /// Share of the request that the first has anywhere, by rarity.
    pub request_in_any: f32,
    /// Share of its name that the request has.
    pub name_in_request: f32,
    /// Share of its server's name that the request has.
    pub server_in_request: f32,
    /// 1 if it has the rarest word of the request that any tool has.
    pub has_rarest: f32,
    /// The logarithm of one more than the words of its name, up to five.
    pub name_len: f32,
}

impl Features {
    /// In the order of [`FEATURE_NAMES`].
    #[must_use]
    pub fn values(&self) -> [f32; FEATURE_NAMES.len()] {
        [
            self.share_logit,
            self.meaning,
            self.shift,
            self.lift,
            self.words,
            self.words_share,
            self.request_in_any,
            self.name_in_request,
            self.server_in_request,
            self.has_rarest,
            self.name_len,
        ]
    }
}

/// `rivals` tools are named in the same way as the first, which counts among them. `share_over_twin` is the share of the
/// first against a second of the same name on another server, if there is one.
pub(super) fn is_right(
    fitted: &Fitted,
    features: &Features,
    named: Option<NamedBy>,
    rivals: usize,
    share_over_twin: Option<f32>,
) -> Confidence {
    let probability = fitted.is_right(features);
    Confidence::new(match (named, rivals) {
        (Some(NamedBy::Whole), 1) => return Confidence::CERTAIN,
        (Some(NamedBy::Mention), 1) => MENTIONED,
        // The sets have no two servers of one kind; the model would be sure of either.
        (Some(_), _) | (None, _) => probability.min(share_over_twin.unwrap_or(1.0)),
    })
}

pub(super) fn is_any(fitted: &Fitted, features: &Features) -> Confidence {
    Confidence::new(fitted.is_any(features))
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
