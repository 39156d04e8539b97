//! Puts the tools in order.

use serde_json::{Map, Value};

use crate::domain::{Confidence, Effect, ToolKey};
use crate::index::{self, NamedBy, Overlap, Scores, Snapshot};

use super::calibration::{self, Features};
use super::evidence::{self, Evidence};
use super::learned::{self, Learned};
use super::model;
use super::reasons::{self, Fit, Reason};
use super::values;

/// The weight of the words that the constants below were measured with.
const WORDS_WEIGHT: f32 = 0.3;
/// What one point of BM25 is worth against a cosine at that weight. A plain sum of the two was as good as one of
/// z-scores (76.9 to 76.4 P@1) and needs no spread over the catalogue: it means the same for 3 tools as for 20,000,
/// with the graph as with the scan, and tools that are hidden cannot shift it.
pub(super) const POINT_OF_WORDS: f32 = 0.012;
/// What a server's best tools add to each of its tools: the mean of their best three scores, times this.
pub(super) const SERVER_SHARE: f32 = 0.2;
/// How many of a server's tools speak for it.
const SERVER_BEST: usize = 3;
/// Tools that are scored again with exact cosines; the codes are off by about .003.
const EXACT_MIN: usize = 64;
/// What it adds when request and tool have verbs of one kind ("delete", `remove_item`), and takes off when of another.
pub(super) const ACTION: f32 = 0.02;
/// What each parameter takes off that a tool requires and that was not given: the more a tool must be told, the less
/// likely it is meant. Counted up to five.
const REQUIRED_PARAMETER: f32 = 0.01;
const REQUIRED_MAX: usize = 5;
/// And what each takes off that the request seems to have no value for: `convert_time` wants two zones and a time, "what
/// time is it in Tokyo" names one. Counted up to four.
const WITHOUT_VALUE: f32 = 0.03;
const WITHOUT_VALUE_MAX: usize = 4;
/// How likely it is that somebody gives parameters that do not fit the tool he means, against ones that do. A guess: no
/// development set has parameters.
const PARAMETERS_UNFIT: f32 = 0.33;
/// A request of so much rarity, about six rare words, counts half of what it has in common with a tool: of "what time is
/// it in Tokyo" every second word would else be worth more than the meaning, and a tool that has Tokyo as an example won.
const HALF_BREADTH: f32 = 25.0;
/// The most confidence where words decide with vectors of a model that nothing was fitted for, or of a request in a script
/// that the built-in models cannot read: the cosines mean something else, so what was measured does not hold, and nothing
/// should run by itself on it. Below the usual bar for reads.
const UNFITTED_MAX: f32 = 0.8;
/// Tools behind the first that count as its rivals.
const RIVALS: usize = 4;
/// What parameters add that fit, and take off that the tool does not have. A guess: no development set has parameters.
const PARAMETERS_FIT: f32 = 0.05;

/// What a ranking is asked for.
#[derive(Clone, Copy)]
pub struct RankOptions<'a> {
    /// Candidates wanted at most.
    pub k: usize,
    /// Parameters that came with the request: tools that take them are preferred a little.
    pub params: Option<&'a Value>,
    /// Who may see what. Filtered before ranking: a tool that is not allowed adds nothing to any score or confidence, but
    /// for the rarity of words, which is counted once over the whole catalogue.
    pub allowed: Option<&'a dyn Fn(&ToolKey) -> bool>,
    /// The weight of the words, 0 (meaning only) to 1 (words only); .3 was best.
    pub words_weight: f32,
    /// What the user taught of some tools; each tool once. Without any, the ranking is exactly what it was before there was
    /// learning.
    pub learned: &'a [Learned],
}

impl Default for RankOptions<'_> {
    fn default() -> Self {
        Self { k: 10, params: None, allowed: None, words_weight: WORDS_WEIGHT, learned: &[] }
    }
}

/// Tools in order, and how sure we are.
#[derive(Debug, Clone)]
pub struct Ranking {
    /// Best first. Empty only if no tool was allowed.
    pub candidates: Vec<Candidate>,
    /// That the first is the right one, given that one is.
    pub is_right: Confidence,
    /// That any tool serves the request.
    pub is_any: Confidence,
    /// The request names the first tool exactly.
    pub named: bool,
    /// What `is_right` would be of this first tool if nothing had been learned; `None` when nothing was that bears on it.
    pub without_learning: Option<Confidence>,
    /// What both confidences were read from.
    pub features: Features,
}

/// One tool in a ranking.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// Its place in [`Snapshot::entries`].
    pub entry: usize,
    /// What it was ordered by; comparable within one ranking only.
    pub score: f32,
    /// Cosine of request and tool.
    pub meaning: f32,
    /// BM25 of request and tool, 0 or more.
    pub words: f32,
    /// `words` as a share of what a tool with every word of the request would have, 0..=1.
    pub words_share: f32,
    /// That it is the right one, given that one is. Over all tools these add up to 1 at most.
    pub confidence: Confidence,
    /// Why it is here.
    pub reasons: Vec<Reason>,
}

/// A tool on its way through the ranking.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scored {
    pub(super) row: usize,
    pub(super) score: f32,
    pub(super) meaning: f32,
    pub(super) words: f32,
    pub(super) words_share: f32,
    /// The mean of the best of its server.
    pub(super) server: f32,
    pub(super) shift: f32,
    /// How far its examples lifted `meaning`.
    pub(super) lift: f32,
    /// What its required parameters took off its score.
    pub(super) demand: f32,
    pub(super) overlap: Overlap,
    /// How much what they have in common counts, 0..=1: more in a request of many rare words.
    pub(super) breadth: f32,
    pub(super) named: Option<NamedBy>,
}

impl Scored {
    fn new(row: usize) -> Self {
        let overlap = Overlap::default();
        let (score, meaning, words, words_share, server, shift, breadth) = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0);
        let (lift, demand) = (0.0, 0.0);
        Self { row, score, meaning, words, words_share, server, shift, lift, demand, overlap, breadth, named: None }
    }
}

/// Ranks all allowed tools. `query_vector` is the request in the snapshot's model; one that does not fit, such as an
/// empty one, leaves the decision to the words. Named tools come first. Ties go to the earlier entry.
#[must_use]
pub fn rank(snapshot: &Snapshot, request: &str, query_vector: &[f32], options: &RankOptions<'_>) -> Ranking {
    let params = options.params.and_then(Value::as_object).filter(|params| !params.is_empty());
    let mut pool = gather(snapshot, request, query_vector, options);
    let (meaning_factor, words_factor) = factors(options.words_weight);
    let fitted = model::fitted(snapshot.model());
    for tool in &mut pool {
        tool.score += evidence::gain(&fitted.weights, tool, words_factor, meaning_factor);
    }
    pool.sort_by(|a, b| b.named.cmp(&a.named).then(b.score.total_cmp(&a.score)).then(a.row.cmp(&b.row)));

    let shares = evidence::softmax(&pool);
    let features = evidence::features(snapshot, request, &pool);
    let named = pool.first().and_then(|first| first.named);
    let rivals = pool.iter().filter(|tool| tool.named == named).count();
    let twin = share_over_twin(snapshot, request, &pool, &shares);
    let is_right = match named {
        _ if pool.is_empty() => Confidence::NONE,
        None if !fitted.is_for(snapshot.model()) || is_in_another_script(request) => {
            let is_right = calibration::is_right(fitted, &features, named, rivals, twin);
            Confidence::new(is_right.value() * UNFITTED_MAX)
        }
        _ => calibration::is_right(fitted, &features, named, rivals, twin),
    };
    let is_any = match named {
        Some(_) => Confidence::CERTAIN,
        None if pool.is_empty() => Confidence::NONE,
        None => calibration::is_any(fitted, &features),
    };
    let (is_right, is_any) = match params {
        Some(params) if named.is_none() && !pool.is_empty() => {
            let before = share_confidence(&shares, is_right);
            with_parameters(snapshot, &pool, params, (is_right, is_any), &before)
        }
        _ => (is_right, is_any),
    };
    let confidences = share_confidence(&shares, is_right);
    let request_words = index::words(request);
    pool.truncate(options.k);
    let candidates = pool
        .into_iter()
        .zip(confidences)
        .map(|(tool, confidence)| Candidate {
            entry: tool.row,
            score: tool.score,
            meaning: tool.meaning,
            words: tool.words,
            words_share: tool.words_share,
            confidence,
            reasons: reasons::find(&snapshot.entries()[tool.row], &request_words, tool.named, tool.meaning, params)
                .into_iter()
                .chain(learned::reason(options.learned, tool.row))
                .collect(),
        })
        .collect();
    let ranking = Ranking { candidates, is_right, is_any, named: named.is_some(), without_learning: None, features };
    learned::hold_back(ranking, snapshot, request, query_vector, options)
}

/// What the ranking and the confidences are made from, for each tool that is looked at closely, best first by the score
/// of the first step. For measuring and fitting; [`rank`] does not need it.
#[must_use]
pub fn look(snapshot: &Snapshot, request: &str, query_vector: &[f32], options: &RankOptions<'_>) -> Vec<Evidence> {
    let mut pool = gather(snapshot, request, query_vector, options);
    pool.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.row.cmp(&b.row)));
    let is_copy = |a: &Scored, b: &Scored| evidence::is_copy(snapshot, request, a.row, b.row);
    let of_tool = |(at, tool): (usize, &Scored)| Evidence {
        row: tool.row,
        named: tool.named.map_or(0, |by| by as u8 + 1),
        base: tool.score,
        meaning: tool.meaning,
        words: tool.words * POINT_OF_WORDS,
        words_share: tool.words_share,
        server: tool.server,
        shift: tool.shift,
        lift: tool.lift,
        demand: tool.demand,
        overlap: tool.overlap,
        copy_of: pool[..at].iter().position(|before| is_copy(before, tool)).unwrap_or(at),
    };
    pool.iter().enumerate().map(of_tool).collect()
}

/// The tools to look at closely, in no order, with the score of the first step and all that is known of each.
pub(super) fn gather(
    snapshot: &Snapshot,
    request: &str,
    query_vector: &[f32],
    options: &RankOptions<'_>,
) -> Vec<Scored> {
    let scores = snapshot.score(request, query_vector, options.allowed);
    let params = options.params.and_then(Value::as_object).filter(|params| !params.is_empty());
    let (meaning_factor, words_factor) = factors(options.words_weight);
    let fuse = |meaning: f32, words: f32| meaning_factor * meaning + words_factor * POINT_OF_WORDS * words;
    let values = values::count(request);

    let mut pool = take_pool(snapshot, values, &scores, options, fuse);
    put_named(snapshot, request, options, &mut pool);
    let rows: Vec<usize> = pool.iter().map(|tool| tool.row).collect();
    let exact = snapshot.meanings(query_vector, &rows);
    let shift = model::fitted(snapshot.model()).shift(snapshot.model(), query_vector);
    let shifts = shift.map_or_else(|| vec![0.0; rows.len()], |shift| snapshot.meanings(&shift, &rows));
    let breadth = scores.words_worth / (scores.words_worth + HALF_BREADTH);
    for ((tool, meaning), shift) in pool.iter_mut().zip(exact).zip(shifts) {
        let about = fuse(tool.meaning, tool.words);
        tool.meaning = scores.lifted(tool.row, meaning);
        tool.lift = tool.meaning - meaning;
        tool.shift = shift;
        tool.words_share = if scores.words_highest > 0.0 { tool.words / scores.words_highest } else { 0.0 };
        tool.overlap = snapshot.overlap(&scores, tool.row);
        tool.breadth = breadth;
        tool.score += fuse(tool.meaning, tool.words) - about;
        if let Some(params) = params {
            let fit = reasons::fit(&snapshot.entries()[tool.row].tool.input_schema, params);
            // It is no longer the request that has to bring the values.
            let demand = tool.demand.min(REQUIRED_PARAMETER * fit.missing.min(REQUIRED_MAX) as f32);
            tool.score += worth_of(&fit, params) + tool.demand - demand;
            tool.demand = demand;
        }
    }
    pool
}

/// What meaning and words count, both 1 at the usual weight of the words.
pub(super) fn factors(words_weight: f32) -> (f32, f32) {
    let weight = if words_weight.is_nan() { WORDS_WEIGHT } else { words_weight.clamp(0.0, 1.0) };
    ((1.0 - weight) / (1.0 - WORDS_WEIGHT), weight / WORDS_WEIGHT)
}

/// The best by fused score and server, in no order.
fn take_pool(
    snapshot: &Snapshot,
    values: usize,
    scores: &Scores,
    options: &RankOptions<'_>,
    fuse: impl Fn(f32, f32) -> f32,
) -> Vec<Scored> {
    let fused: Vec<f32> = scores.meaning.iter().zip(&scores.words).map(|(m, w)| fuse(*m, *w)).collect();
    let lowest = fused.iter().copied().fold(f32::INFINITY, f32::min);
    let is_chosen = scores.rows.len() < scores.tools_count;
    let mut best_of_server =
        vec![Best { scores: [f32::NEG_INFINITY; SERVER_BEST], count: 0 }; snapshot.servers_count()];
    for (row, score) in scores.rows.iter().zip(&fused) {
        best_of_server[snapshot.server_number(*row as usize)].add(*score);
    }
    let mut pool: Vec<Scored> = (0..fused.len())
        .map(|at| {
            let row = scores.rows[at] as usize;
            let server = snapshot.server_number(row);
            let tools = if is_chosen { snapshot.server_tools(server) } else { 0 };
            let best = best_of_server[server].mean(tools, lowest);
            let demand = demand(usize::from(snapshot.required_parameters(row)), values);
            let score = fused[at] + SERVER_SHARE * best + ACTION * scores.actions[at] - demand;
            let (meaning, words) = (scores.meaning[at], scores.words[at]);
            Scored { score, meaning, words, server: best, demand, ..Scored::new(row) }
        })
        .collect();
    put_learned(snapshot, options, &mut pool);
    let count = options.k.max(EXACT_MIN);
    if pool.len() > count {
        pool.select_nth_unstable_by(count, |a, b| b.score.total_cmp(&a.score).then(a.row.cmp(&b.row)));
        pool.truncate(count);
    }
    pool
}

/// The best scores of one server, falling.
#[derive(Clone, Copy)]
struct Best {
    scores: [f32; SERVER_BEST],
    count: usize,
}

impl Best {
    fn add(&mut self, mut score: f32) {
        self.count = (self.count + 1).min(SERVER_BEST);
        for kept in &mut self.scores {
            if score > *kept {
                std::mem::swap(kept, &mut score);
            }
        }
    }

    /// The mean of those there are. Of `tools` that the server has, those that a graph left out count as `unseen`.
    fn mean(&self, tools: usize, unseen: f32) -> f32 {
        let missing = tools.min(SERVER_BEST).saturating_sub(self.count);
        let seen: f32 = self.scores[..self.count].iter().sum();
        (seen + unseen * missing as f32) / (self.count + missing).max(1) as f32
    }
}

/// Marks the tools that the request names, and adds those that are not in the pool.
fn put_named(snapshot: &Snapshot, request: &str, options: &RankOptions<'_>, pool: &mut Vec<Scored>) {
    for (row, by) in snapshot.find_named(request) {
        if options.allowed.is_some_and(|allowed| !allowed(&snapshot.entries()[row].tool.key)) {
            continue;
        }
        match pool.iter_mut().find(|tool| tool.row == row) {
            Some(tool) => tool.named = Some(by),
            None => pool.push(Scored { named: Some(by), ..Scored::new(row) }),
        }
    }
}

/// Shifts what the user taught about, and adds what a graph left out.
fn put_learned(snapshot: &Snapshot, options: &RankOptions<'_>, pool: &mut Vec<Scored>) {
    for learned in options.learned {
        let (row, score) = (learned.entry, learned.bounded_shift());
        if let Some(tool) = pool.iter_mut().find(|tool| tool.row == row) {
            tool.score += score;
        } else if options.allowed.is_none_or(|allowed| allowed(&snapshot.entries()[row].tool.key)) {
            pool.push(Scored { score, ..Scored::new(row) });
        }
    }
}

/// What given parameters add to a tool that they fit, and take off one that does not know them.
pub(super) fn fit_of_parameters(snapshot: &Snapshot, row: usize, params: Option<&Map<String, Value>>) -> f32 {
    params.map_or(0.0, |params| worth_of(&reasons::fit(&snapshot.entries()[row].tool.input_schema, params), params))
}

fn worth_of(fit: &Fit, params: &Map<String, Value>) -> f32 {
    let unknown = fit.unknown.len() as f32 / params.len() as f32;
    let complete = if fit.unknown.is_empty() && fit.missing == 0 { PARAMETERS_FIT } else { 0.0 };
    complete - PARAMETERS_FIT * unknown
}

/// What given parameters say: whoever fills in all that a tool requires, and nothing that it does not know, has most likely
/// that tool in mind. `shares` are the probabilities of the tools of the pool before; the first's, and that any tool is
/// right, are given as they are after.
fn with_parameters(
    snapshot: &Snapshot,
    pool: &[Scored],
    params: &Map<String, Value>,
    (is_right, is_any): (Confidence, Confidence),
    shares: &[Confidence],
) -> (Confidence, Confidence) {
    let likelihood = |tool: &Scored| {
        let schema = &snapshot.entries()[tool.row].tool.input_schema;
        let fit = reasons::fit(schema, params);
        let fits = fit.unknown.is_empty() && fit.missing == 0 && !schema.outline().parameters.is_empty();
        if fits { 1.0 } else { PARAMETERS_UNFIT }
    };
    // Bayes over the first, its rivals, and all the others, of which none is taken to fit.
    let first = is_right.value() * pool.first().map_or(1.0, likelihood);
    let rivals = pool.iter().zip(shares).skip(1).take(RIVALS);
    let (mut others, mut left) = (0.0, 1.0 - is_right.value());
    for (tool, share) in rivals {
        others += share.value() * likelihood(tool);
        left -= share.value();
    }
    others += left.max(0.0) * PARAMETERS_UNFIT;
    let right = if first + others > 0.0 { Confidence::new(first / (first + others)) } else { is_right };
    let first_fits = pool.first().is_some_and(|tool| likelihood(tool) >= 1.0);
    let odds = if first_fits { -PARAMETERS_UNFIT.ln() } else { PARAMETERS_UNFIT.ln() };
    (right, calibration::shifted(is_any, odds))
}

/// Is more than half of it in another script than the Latin one? The built-in models know hardly a word of these, and a request
/// that shares its particles with one example of a tool looked certain. A letter of the scripts of East Asia says about
/// as much as three others.
fn is_in_another_script(request: &str) -> bool {
    const EAST_ASIA: char = '\u{2e80}';
    let (mut latin, mut others) = (0_usize, 0_usize);
    for letter in request.chars().filter(|letter| letter.is_alphabetic()) {
        match letter {
            _ if letter.is_ascii() || ('\u{c0}'..='\u{24f}').contains(&letter) => latin += 1,
            EAST_ASIA.. => others += 3,
            _ => others += 1,
        }
    }
    others > latin
}

/// What a tool loses by what it requires, where no parameters were given.
fn demand(required: usize, values: usize) -> f32 {
    let without_value = required.saturating_sub(values).min(WITHOUT_VALUE_MAX);
    REQUIRED_PARAMETER * required.min(REQUIRED_MAX) as f32 + WITHOUT_VALUE * without_value as f32
}

/// The share of the first against the second, if that is a tool of the same name, or among its copies, if it changes
/// something.
fn share_over_twin(snapshot: &Snapshot, request: &str, pool: &[Scored], shares: &[f32]) -> Option<f32> {
    let [first, second, ..] = pool else { return None };
    let tool = |tool: &Scored| &snapshot.entries()[tool.row].tool;
    let name = |one: &Scored| index::plain_words(&tool(one).key.tool);
    if name(first) == name(second) {
        return Some(shares[0] / (shares[0] + shares[1]).max(f32::MIN_POSITIVE));
    }
    let changes = tool(first).effect != Effect::Read;
    changes.then(|| evidence::share_among_copies(snapshot, request, pool, shares))
}

/// The first has `is_right`; the others share the rest by their scores.
fn share_confidence(shares: &[f32], is_right: Confidence) -> Vec<Confidence> {
    let of_others: f32 = shares.iter().skip(1).sum();
    let factor = (1.0 - is_right.value()) / of_others.max(f32::MIN_POSITIVE);
    let of_other = |share: &f32| Confidence::new((share * factor).min(is_right.value()));
    shares.iter().enumerate().map(|(at, share)| if at == 0 { is_right } else { of_other(share) }).collect()
}
