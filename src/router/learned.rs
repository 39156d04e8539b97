//! What a user's own lessons may do to a ranking: move tools within a bound, and never make us surer of one that changes
//! something.

use crate::domain::{Confidence, Effect};
use crate::index::Snapshot;

use super::ranking::{RankOptions, Ranking, rank};
use super::reasons::Reason;

/// The most that lessons add to a tool's score or take off it, in units of a cosine. A guess: about what one softmax
/// temperature of the ranking is, so that it turns a near decision and no clear one; enough to be of use and too little to
/// be worth an attack.
pub const LEARNED_SHIFT_MAX: f32 = 0.06;
/// Tools that are looked through for the one that learning put first.
const WITHOUT_MAX: usize = 64;

/// What was learned of one tool, for one request.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Learned {
    /// Its place in [`Snapshot::entries`].
    pub entry: usize,
    /// What its score is moved by, in units of a cosine; beyond ±[`LEARNED_SHIFT_MAX`] it counts as that.
    pub shift: f32,
    /// Lessons behind it.
    pub lessons: usize,
}

impl Learned {
    /// The shift within its bounds; 0 for what is no number.
    #[must_use]
    pub fn bounded_shift(&self) -> f32 {
        if self.shift.is_nan() { 0.0 } else { self.shift.clamp(-LEARNED_SHIFT_MAX, LEARNED_SHIFT_MAX) }
    }
}

/// Why the tool in this row moved, if it did.
pub(super) fn reason(learned: &[Learned], row: usize) -> Option<Reason> {
    let found = learned.iter().find(|learned| learned.entry == row)?;
    Some(Reason::Learned { shift: found.bounded_shift(), lessons: found.lessons })
}

/// Takes back what lessons must not do. That any tool fits is a matter of request and catalogue, so it stays what it is
/// without lessons. Of a tool that does not only read we are never surer than without; lessons against it do count.
pub(super) fn hold_back(
    mut ranking: Ranking,
    snapshot: &Snapshot,
    request: &str,
    query_vector: &[f32],
    options: &RankOptions<'_>,
) -> Ranking {
    let Some(first) = ranking.candidates.first().filter(|_| !options.learned.is_empty()) else { return ranking };
    // A second ranking: it costs as much as the first, and only where a lesson bears on the request.
    let plain = RankOptions { learned: &[], k: options.k.max(WITHOUT_MAX), ..*options };
    let without = rank(snapshot, request, query_vector, &plain);
    let before = without.candidates.iter().find(|candidate| candidate.entry == first.entry);
    let before = before.map_or(Confidence::NONE, |candidate| candidate.confidence);
    ranking.is_any = without.is_any;
    ranking.without_learning = Some(before);
    if snapshot.entries()[first.entry].tool.effect != Effect::Read && ranking.is_right > before {
        ranking.is_right = before;
        for candidate in &mut ranking.candidates {
            candidate.confidence = Confidence::new(candidate.confidence.value().min(before.value()));
        }
    }
    ranking
}
