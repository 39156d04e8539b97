//! What the score of each ranked tool is the sum of, for people who ask why. Computed again beside the ranking, so that the ranking
//! itself does not pay for it.

use serde_json::Value;

use crate::index::Snapshot;

use super::model;
use super::ranking::{self, RankOptions, Ranking};

/// Sums that differ by less are the same: scores are added in another order here.
const SAME: f32 = 1e-4;

/// The parts of one score, each in units of a cosine. Their sum is the score.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Parts {
    /// The cosine of request and tool.
    pub meaning: f32,
    /// What examples of requests add to it.
    pub examples: f32,
    /// Words in common, by their rarity.
    pub words: f32,
    /// How much of the request the tool's texts and parameters have.
    pub coverage: f32,
    /// How well the other tools of its server fit.
    pub server: f32,
    /// Whether request and tool have verbs of one kind.
    pub verb: f32,
    /// What the tool must be told and the request does not seem to say.
    pub required: f32,
    /// How well the given parameters fit.
    pub params: f32,
    /// What the fitted shift of the request adds.
    pub fitted: f32,
    /// What was learned.
    pub learned: f32,
    /// What a tool that was named, or brought in by a lesson, has besides.
    pub other: f32,
}

impl Parts {
    /// Names of [`Self::values`], in order.
    pub const NAMES: [&'static str; 11] = [
        "meaning", "examples", "words", "coverage", "server", "verb", "required", "params", "fitted", "learned",
        "other",
    ];

    /// As numbers, in the order of [`Self::NAMES`].
    #[must_use]
    pub fn values(&self) -> [f32; 11] {
        [
            self.meaning,
            self.examples,
            self.words,
            self.coverage,
            self.server,
            self.verb,
            self.required,
            self.params,
            self.fitted,
            self.learned,
            self.other,
        ]
    }
}

/// The parts of each candidate of a ranking that was made with the same arguments, in its order.
#[must_use]
pub fn parts(
    snapshot: &Snapshot,
    request: &str,
    query_vector: &[f32],
    options: &RankOptions<'_>,
    ranking: &Ranking,
) -> Vec<Parts> {
    let given = options.params.and_then(Value::as_object).filter(|params| !params.is_empty());
    let scores = snapshot.score(request, query_vector, options.allowed);
    let pool = ranking::gather(snapshot, request, query_vector, options);
    let rows: Vec<usize> = ranking.candidates.iter().map(|candidate| candidate.entry).collect();
    let exact = snapshot.meanings(query_vector, &rows);
    let (meaning_factor, words_factor) = ranking::factors(options.words_weight);
    let weights = &model::fitted(snapshot.model()).weights;
    let of_candidate = |(candidate, exact): (&ranking::Candidate, f32)| {
        let Some(tool) = pool.iter().find(|tool| tool.row == candidate.entry) else { return Parts::default() };
        let row = tool.row;
        let at = scores.rows.iter().position(|known| *known as usize == row);
        let covered = weights.request_in_any * tool.overlap.request_in_any
            + weights.request_in_parameters * tool.overlap.request_in_parameters;
        let learned = options.learned.iter().find(|learned| learned.entry == row);
        let mut parts = Parts {
            meaning: meaning_factor * exact,
            examples: meaning_factor * (tool.meaning - exact),
            words: words_factor * (1.0 + weights.words) * ranking::POINT_OF_WORDS * tool.words,
            coverage: words_factor * tool.breadth * covered,
            server: (ranking::SERVER_SHARE + weights.server) * tool.server,
            verb: at.map_or(0.0, |at| ranking::ACTION * scores.actions[at]),
            required: -(1.0 + weights.demand) * tool.demand,
            params: ranking::fit_of_parameters(snapshot, row, given),
            fitted: meaning_factor * weights.shift * tool.shift,
            learned: learned.map_or(0.0, super::Learned::bounded_shift),
            other: 0.0,
        };
        let left = |parts: &Parts| candidate.score - parts.values().iter().sum::<f32>();
        if left(&parts).abs() > SAME {
            // It came in beside the first step, which gives these.
            (parts.verb, parts.required) = (0.0, 0.0);
            parts.other = left(&parts);
        }
        parts
    };
    ranking.candidates.iter().zip(exact).map(of_candidate).collect()
}
