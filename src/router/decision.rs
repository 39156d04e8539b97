//! What may be done with a ranking: the bar rises with the risk.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::domain::Effect;

use super::Ranking;

/// The least `is_any` for running something by itself, whatever [`Bars::any`] says: the lead over the other tools is
/// worth nothing where none fits. Together with the bars below they let a read run for 18 % of the requests to small
/// catalogues without the right tool, where .25 let 43 % (docs/routing.md).
const RUN_READ_ANY: f32 = 0.5;
const RUN_WRITE_ANY: f32 = 0.7;
const RUN_DESTRUCTIVE_ANY: f32 = 0.8;

/// What to do with the first tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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
    /// From the development sets, each left out of the fit once: of what these let run, on average 95 % was right for
    /// reads and 99 % for writes; below an `any` of .09 were .7 % of the requests that a tool serves
    /// (docs/routing.md has every set).
    fn default() -> Self {
        Self { read: 0.88, write: 0.97, destructive: 0.985, any: 0.09 }
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
