//! The figures, from ranks and scores. The definitions are those of the benchmark's `measure.py`.

/// Places that nDCG looks at.
const PLACES: usize = 10;
/// Equal parts of 0..=1 that calibration is judged by.
const BINS: usize = 10;

/// Figures of one request.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct RequestFigures {
    /// The first tool is a right one.
    pub(super) first_is_right: bool,
    /// Share of the groups with a tool in the first 1, and in the first 5.
    pub(super) recall_1: f64,
    pub(super) recall_5: f64,
    pub(super) ndcg: f64,
}

/// `ranked` is the order of the tools, best first; each of `groups` is a set of tools of which any one will do.
pub(super) fn judge(ranked: &[usize], groups: &[Vec<usize>]) -> RequestFigures {
    let place = |tool: &usize| ranked.iter().position(|ranked| ranked == tool).unwrap_or(usize::MAX);
    let first: Vec<usize> = groups.iter().map(|group| group.iter().map(place).min().unwrap_or(usize::MAX)).collect();
    let within =
        |places: usize| first.iter().filter(|first| **first < places).count() as f64 / groups.len().max(1) as f64;
    // A place counts once, though one tool may serve two groups.
    let mut places = first.clone();
    places.sort_unstable();
    places.dedup();
    let gain = |place: usize| 1.0 / (place as f64 + 2.0).log2();
    let found: f64 = places.iter().filter(|place| **place < PLACES).map(|place| gain(*place)).sum();
    let mut kinds = groups.to_vec();
    kinds.sort_unstable();
    kinds.dedup();
    let ideal: f64 = (0..kinds.len().min(PLACES)).map(gain).sum();
    RequestFigures {
        first_is_right: first.contains(&0),
        recall_1: within(1),
        recall_5: within(5),
        ndcg: if ideal > 0.0 { (found / ideal).min(1.0) } else { 0.0 },
    }
}

/// The probability that a positive scores above a negative, ties counting half. `None` without one of each.
pub(super) fn auroc(positives: &[f64], negatives: &[f64]) -> Option<f64> {
    if positives.is_empty() || negatives.is_empty() {
        return None;
    }
    let labelled = positives.iter().map(|score| (*score, true)).chain(negatives.iter().map(|score| (*score, false)));
    let mut all: Vec<(f64, bool)> = labelled.collect();
    all.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut rank_sum, mut before) = (0.0, 0);
    for ties in all.chunk_by(|a, b| a.0.total_cmp(&b.0).is_eq()) {
        let mean_rank = before as f64 + (ties.len() as f64 + 1.0) / 2.0;
        rank_sum += mean_rank * ties.iter().filter(|(_, positive)| *positive).count() as f64;
        before += ties.len();
    }
    let (p, n) = (positives.len() as f64, negatives.len() as f64);
    Some((rank_sum - p * (p + 1.0) / 2.0) / (p * n))
}

/// The share of negatives at or above the score that 95 % of the positives reach. `None` without one of each.
pub(super) fn false_positives_at_95(positives: &[f64], negatives: &[f64]) -> Option<f64> {
    if positives.is_empty() || negatives.is_empty() {
        return None;
    }
    let mut sorted = positives.to_vec();
    sorted.sort_by(f64::total_cmp);
    // Between two neighbours in a straight line, as numpy's quantile does by default.
    let at = 0.05 * (sorted.len() - 1) as f64;
    let (low, high) = (sorted[at.floor() as usize], sorted[at.ceil() as usize]);
    let threshold = low + (high - low) * at.fract();
    Some(negatives.iter().filter(|score| **score >= threshold).count() as f64 / negatives.len() as f64)
}

/// Expected calibration error over ten equal bins: how far, on average over all, the mean confidence of a bin is from
/// the share of its predictions that were right. `None` without any.
pub(super) fn calibration_error(predictions: &[(f64, bool)]) -> Option<f64> {
    let mut bins = [(0_usize, 0.0_f64, 0.0_f64); BINS];
    for (confidence, is_right) in predictions {
        let bin = &mut bins[((confidence * BINS as f64) as usize).min(BINS - 1)];
        bin.0 += 1;
        bin.1 += confidence;
        bin.2 += f64::from(*is_right);
    }
    let error: f64 = bins.iter().map(|(_, confidence, right)| (confidence - right).abs()).sum();
    (!predictions.is_empty()).then(|| error / predictions.len() as f64)
}

/// The mean of numbers that are there. `None` without any.
pub(super) fn mean(numbers: impl Iterator<Item = f64>) -> Option<f64> {
    let (mut sum, mut count) = (0.0, 0);
    for number in numbers {
        sum += number;
        count += 1;
    }
    (count > 0).then(|| sum / f64::from(count))
}
