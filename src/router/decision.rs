//! What may be done with a ranking: the bar rises with the risk.

use serde::{Deserialize, Serialize};

use crate::domain::Effect;

use super::Ranking;

/// The least `is_any` for running something by itself, whatever [`Bars::any`] says: the lead over the other tools is
/// worth nothing where none fits. In small catalogues without a right tool 31 % of the requests had a first tool of
/// `is_right` .90, 12 % one that also had an `is_any` of .6; of the requests with a right tool that cost 4 %.
const RUN_READ_ANY: f32 = 0.25;
const RUN_WRITE_ANY: f32 = 0.6;
const RUN_DESTRUCTIVE_ANY: f32 = 0.7;

/// What to do with the first tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// Sure enough for what it may do.
    Run,
    /// Most likely right, but not sure enough for a tool that changes something: ask whether to run it.
    NeedsConfirmation,
    /// Several could be meant: ask which.
    NeedsChoice,
    /// No tool serves this.
    NoMatch,
}

/// The least confidence, 0..=1, for each thing that a tool may do, and for there being any tool at all. A bar above 1
/// never lets anything pass by itself.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Bars {
    /// `is_right` for a tool that reads.
    pub read: f32,
    /// `is_right` for a tool that writes.
    pub write: f32,
    /// `is_right` for a tool that may destroy.
    pub destructive: f32,
    /// `is_any` for any answer but "no match".
    pub any: f32,
}

impl Default for Bars {
    /// From the development sets, each left out of the fit once: at .75 the first tool was right in 89 % on average, in 93
    /// and 96 % on the two sets of real MCP servers and in 95 % on small catalogues; at .90 in 95, 99, 99 and 96 %. Below
    /// an `any` of .11 were .2 % of the requests that a tool serves. The reading bar is lower than 95 % on every set would
    /// ask for (.90), so that plain requests to a few servers run (docs/routing.md).
    fn default() -> Self {
        Self { read: 0.75, write: 0.90, destructive: 0.97, any: 0.11 }
    }
}

/// Decides. `effect_of_first` is what the first tool does as far as is known; unknown counts as a write.
#[must_use]
pub fn decide(ranking: &Ranking, effect_of_first: Effect, bars: &Bars) -> Decision {
    let sure = match (effect_of_first, ranking.without_learning) {
        // What the ranking held back by its own notion of the effect is held back by the caller's too.
        (Effect::Write | Effect::Destructive, Some(without)) => ranking.is_right.value().min(without.value()),
        (Effect::Read, _) | (_, None) => ranking.is_right.value(),
    };
    if ranking.candidates.is_empty() || (!ranking.named && ranking.is_any.value() < bars.any) {
        return Decision::NoMatch;
    }
    let (bar, any_bar) = match effect_of_first {
        Effect::Read => (bars.read, RUN_READ_ANY),
        Effect::Write => (bars.write, RUN_WRITE_ANY),
        Effect::Destructive => (bars.destructive, RUN_DESTRUCTIVE_ANY),
    };
    if sure >= bar && (ranking.named || ranking.is_any.value() >= any_bar) {
        Decision::Run
    } else if effect_of_first != Effect::Read && sure >= bars.read {
        Decision::NeedsConfirmation
    } else {
        Decision::NeedsChoice
    }
}
