//! What speaks for a tool beyond its two scores, and what the whole list says about its first.

use crate::index::{Overlap, Snapshot};

use super::calibration::Features;
use super::model::Weights;
use super::ranking::{POINT_OF_WORDS, Scored};

/// The softmax over the best few that says how far the first is ahead. Softer and harder ones were less well calibrated
/// on the sets left out (docs/routing.md).
const TEMPERATURE: f32 = 0.09;
const RIVALS_MAX: usize = 20;
/// Words of a name that count; from there on more say nothing.
const NAME_LEN_MAX: f32 = 5.0;

/// What is known of one tool for one request, in the columns of [`Evidence::NAMES`].
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Evidence {
    /// Place of the tool in [`Snapshot::entries`].
    pub row: usize,
    /// How the request names it: 0 not, 1 as a plain word, 2 within a text, 3 by nothing else.
    pub named: u8,
    /// The score of the first step: both scores, server, verbs, required parameters, parameters that were given.
    pub base: f32,
    /// Cosine of request and tool.
    pub meaning: f32,
    /// BM25 in units of a cosine.
    pub words: f32,
    /// BM25 as a share of what a tool with every word of the request would have, 0..=1.
    pub words_share: f32,
    /// The mean of the best three scores of its server.
    pub server: f32,
    /// The product of the shifted request and the tool; 0 for a model that no shift was learned for.
    pub shift: f32,
    /// How far its examples lifted the cosine.
    pub lift: f32,
    /// What its required parameters took off `base`.
    pub demand: f32,
    /// Words in common.
    pub overlap: Overlap,
    /// The first place in the list with a copy of this tool; its own where there is none before it.
    pub copy_of: usize,
}

impl Evidence {
    /// Names of [`Self::values`], in order.
    pub const NAMES: [&'static str; 17] = [
        "row",
        "named",
        "base",
        "meaning",
        "words",
        "words_share",
        "server",
        "shift",
        "lift",
        "demand",
        "request_in_any",
        "request_in_parameters",
        "name_in_request",
        "server_in_request",
        "has_rarest",
        "name_len",
        "copy_of",
    ];

    /// As numbers, in the order of [`Self::NAMES`].
    #[must_use]
    pub fn values(&self) -> [f32; 17] {
        let overlap = &self.overlap;
        [
            self.row as f32,
            f32::from(self.named),
            self.base,
            self.meaning,
            self.words,
            self.words_share,
            self.server,
            self.shift,
            self.lift,
            self.demand,
            overlap.request_in_any,
            overlap.request_in_parameters,
            overlap.name_in_request,
            overlap.server_in_request,
            overlap.has_rarest,
            overlap.name_len,
            self.copy_of as f32,
        ]
    }
}

/// What the evidence adds to the score of the first step, in cosines. `words_factor` and `meaning_factor` are 1 at the
/// usual weight of the words.
pub(super) fn gain(weights: &Weights, tool: &Scored, words_factor: f32, meaning_factor: f32) -> f32 {
    let of_words = weights.request_in_any * tool.overlap.request_in_any
        + weights.request_in_parameters * tool.overlap.request_in_parameters;
    let of_words = tool.breadth * of_words + weights.words * POINT_OF_WORDS * tool.words;
    words_factor * of_words + weights.server * tool.server + meaning_factor * weights.shift * tool.shift
        - weights.demand * tool.demand
}

/// The share of each tool in a softmax over the best of `pool`, 0 for those behind them.
pub(super) fn softmax(pool: &[Scored]) -> Vec<f32> {
    let best = &pool[..pool.len().min(RIVALS_MAX)];
    // The highest is not always the first: a named tool stands before better ones.
    let highest = best.iter().map(|tool| tool.score).fold(f32::NEG_INFINITY, f32::max);
    let mut shares: Vec<f32> = best.iter().map(|tool| ((tool.score - highest) / TEMPERATURE).exp()).collect();
    let sum: f32 = shares.iter().sum();
    shares.iter_mut().for_each(|share| *share /= sum);
    shares.resize(pool.len(), 0.0);
    shares
}

/// The share of the first in a softmax over it and the best that are no copies of it: a copy is as right as it is, so it is no
/// rival, but it adds nothing either, or a server could make itself surer by offering one tool twenty times.
fn share_among_others(snapshot: &Snapshot, request: &str, pool: &[Scored]) -> f32 {
    let Some((first, others)) = pool.split_first() else { return 0.0 };
    let rivals = others.iter().filter(|tool| !is_copy(snapshot, request, first.row, tool.row)).take(RIVALS_MAX - 1);
    let of_rivals: f32 = rivals.map(|tool| ((tool.score - first.score) / TEMPERATURE).exp()).sum();
    1.0 / (1.0 + of_rivals)
}

/// The share of the first among its copies; 1 when there are none. Of those that change something only one may be meant:
/// `turn_on_1` and `turn_on_2` are two lamps.
pub(super) fn share_among_copies(snapshot: &Snapshot, request: &str, pool: &[Scored], shares: &[f32]) -> f32 {
    let (Some(first), Some(share)) = (pool.first(), shares.first()) else { return 1.0 };
    let of_tools = pool.iter().zip(shares).skip(1);
    let of_copies: f32 = of_tools
        .filter(|(tool, share)| **share > 0.0 && is_copy(snapshot, request, first.row, tool.row))
        .map(|(_, share)| share)
        .sum();
    share / (share + of_copies).max(f32::MIN_POSITIVE)
}

/// What both confidences look at. `pool` is in order.
pub(super) fn features(snapshot: &Snapshot, request: &str, pool: &[Scored]) -> Features {
    let Some(first) = pool.first() else { return Features::default() };
    let share = share_among_others(snapshot, request, pool).clamp(0.001, 0.999);
    Features {
        share_logit: (share / (1.0 - share)).ln(),
        meaning: first.meaning,
        shift: first.shift,
        lift: first.lift,
        words: first.words * POINT_OF_WORDS,
        words_share: first.words_share,
        request_in_any: first.overlap.request_in_any,
        name_in_request: first.overlap.name_in_request,
        server_in_request: first.overlap.server_in_request,
        has_rarest: first.overlap.has_rarest,
        name_len: first.overlap.name_len.min(NAME_LEN_MAX).ln_1p(),
    }
}

/// Are two tools of one server the same thing twice: `find_movie` and `find_movie#2`, with parameters of the same names,
/// and the request does not say the number?
pub(super) fn is_copy(snapshot: &Snapshot, request: &str, a: usize, b: usize) -> bool {
    if snapshot.server_number(a) != snapshot.server_number(b) {
        return false;
    }
    let tool = |row: usize| &snapshot.entries()[row].tool;
    let ((name, number), (other, other_number)) =
        (without_number(&tool(a).key.tool), without_number(&tool(b).key.tool));
    let is_said =
        |number: &str| !number.is_empty() && request.split(|c: char| !c.is_alphanumeric()).any(|word| word == number);
    if name != other || is_said(number) || is_said(other_number) {
        return false;
    }
    let names = |row: usize| {
        let outline = tool(row).input_schema.outline();
        let mut names: Vec<String> = outline.parameters.iter().map(|parameter| parameter.name.to_string()).collect();
        names.sort_unstable();
        names
    };
    names(a) == names(b)
}

/// A name and the number that is set off at its end by a sign; empty where there is none.
fn without_number(name: &str) -> (&str, &str) {
    let body = name.trim_end_matches(|letter: char| letter.is_ascii_digit());
    match body.strip_suffix(['#', '_', '-', '.']) {
        Some(start) if body.len() < name.len() && !start.is_empty() => (start, &name[body.len()..]),
        Some(_) | None => (name, ""),
    }
}

#[cfg(test)]
mod tests {
    use super::without_number;

    #[test]
    fn only_a_number_that_is_set_off_is_no_part_of_a_name() {
        let check = |name: &str, expected: (&str, &str)| assert_eq!(without_number(name), expected, "{name}");
        check("find_movie#2", ("find_movie", "2"));
        check("find_movie_12", ("find_movie", "12"));
        check("find_movie", ("find_movie", ""));
        check("base64", ("base64", ""));
        check("get_v2", ("get_v2", ""));
        check("_3", ("_3", ""));
        check("7", ("7", ""));
        check("", ("", ""));
    }
}
