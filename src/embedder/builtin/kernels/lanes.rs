//! The float half of the forward pass, written once over vectors of any width.
//! All of it is `inline(always)`, so that it is compiled for the features of the function that calls it; that also keeps
//! it quick in the dev profile, where the compiler finds no vectors by itself.
//!
//! Every width gives the same bits: sums are always made in 16 lanes and folded in one order, and products are never fused
//! with sums, because not every processor can. (Fused ones saved 5 to 7 % of the time, but the tiniest difference grows:
//! one activation that rounds to the other side moved whole vectors by cosines of .997.)

use super::{AttentionScratch, Quantised};
use crate::embedder::builtin::weights::{HEADS, HIDDEN, Norm};

/// Floats side by side. `self` is the kernel's token: it proves that the processor has the instructions.
pub(in crate::embedder::builtin) trait Lanes: Copy {
    /// [`Self::WIDTH`] floats.
    type Vector: Copy;
    /// A power of two up to 16.
    const WIDTH: usize;
    /// What the integer product wants its bytes to be combined with (exclusive or): 0x80 where it reads unsigned bytes.
    const FLIP: u8;

    fn splat(self, number: f32) -> Self::Vector;
    /// The first `WIDTH` numbers.
    fn load(self, from: &[f32]) -> Self::Vector;
    /// The first `WIDTH` integers as floats.
    fn load_integers(self, from: &[i8]) -> Self::Vector;
    fn store(self, vector: Self::Vector, to: &mut [f32]);
    /// Rounded to the nearest integers, halves to even, each combined with `FLIP`.
    fn store_integers(self, vector: Self::Vector, to: &mut [u8]);
    fn add(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    fn sub(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    fn mul(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    fn div(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    fn max(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    fn abs(self, a: Self::Vector) -> Self::Vector;
    /// To the nearest integer.
    fn round(self, a: Self::Vector) -> Self::Vector;
    /// 2 to the power of integers in -126..=127.
    fn power_of_two(self, a: Self::Vector) -> Self::Vector;
    fn largest(self, a: Self::Vector) -> f32;
}

const LEVELS: f32 = 127.0;
const EPSILON: f32 = 1e-12;
const HEAD: usize = HIDDEN / HEADS;
/// Queries that are worked on together, so that each key and value that is loaded is used four times.
const QUERIES: usize = 4;
/// Keys are padded to a multiple of this: two of the widest vectors.
const KEYS_PAD: usize = 32;
/// Lanes in which sums are made, whatever the width of the vectors: that of the widest.
const SUM_LANES: usize = 16;

/// a × b + c, rounded twice.
#[inline(always)]
fn mul_add<L: Lanes>(l: L, a: L::Vector, b: L::Vector, c: L::Vector) -> L::Vector {
    l.add(l.mul(a, b), c)
}

/// Sum of `of` over all numbers, whose count is a multiple of 16.
#[inline(always)]
fn sum<L: Lanes>(l: L, numbers: &[f32], of: impl Fn(L::Vector) -> L::Vector) -> f32 {
    let mut lanes = [0.0; SUM_LANES];
    for first in (0..SUM_LANES).step_by(L::WIDTH) {
        let mut part = l.splat(0.0);
        for chunk in numbers.chunks_exact(SUM_LANES) {
            part = l.add(part, of(l.load(&chunk[first..])));
        }
        l.store(part, &mut lanes[first..]);
    }
    for half in [8, 4, 2, 1] {
        for lane in 0..half {
            lanes[lane] += lanes[lane + half];
        }
    }
    lanes[0]
}

#[inline(always)]
pub(super) fn quantise<L: Lanes>(l: L, rows: &[f32], smooth: &[f32], out: &mut Quantised<'_>) {
    let width = smooth.len();
    let bytes = out.integers.chunks_exact_mut(width);
    for ((row, bytes), step) in rows.chunks_exact(width).zip(bytes).zip(out.steps.iter_mut()) {
        let mut largest = l.splat(1e-9);
        for (x, s) in row.chunks_exact(L::WIDTH).zip(smooth.chunks_exact(L::WIDTH)) {
            largest = l.max(largest, l.abs(l.mul(l.load(x), l.load(s))));
        }
        let largest = l.largest(largest);
        *step = largest / LEVELS;
        let factor = l.splat(LEVELS / largest);
        let chunks = row.chunks_exact(L::WIDTH).zip(smooth.chunks_exact(L::WIDTH));
        for ((x, s), to) in chunks.zip(bytes.chunks_exact_mut(L::WIDTH)) {
            l.store_integers(l.mul(l.mul(l.load(x), l.load(s)), factor), to);
        }
    }
}

#[inline(always)]
pub(super) fn look_up<L: Lanes>(l: L, integers: &[i8], step: f32, position: &[f32], row: &mut [f32]) {
    let step = l.splat(step);
    let from = integers.chunks_exact(L::WIDTH).zip(position.chunks_exact(L::WIDTH));
    for ((token, position), to) in from.zip(row.chunks_exact_mut(L::WIDTH)) {
        l.store(mul_add(l, l.load_integers(token), step, l.load(position)), to);
    }
}

#[inline(always)]
pub(super) fn add_normalise<L: Lanes>(l: L, rows: &mut [f32], added: &[f32], norm: &Norm) {
    for (x, y) in rows.chunks_exact_mut(L::WIDTH).zip(added.chunks_exact(L::WIDTH)) {
        l.store(l.add(l.load(x), l.load(y)), x);
    }
    normalise(l, rows, norm);
}

#[inline(always)]
pub(super) fn normalise<L: Lanes>(l: L, rows: &mut [f32], norm: &Norm) {
    for row in rows.chunks_exact_mut(HIDDEN) {
        let mean = l.splat(sum(l, row, |x| x) / HIDDEN as f32);
        let squares = sum(l, row, |x| {
            let difference = l.sub(x, mean);
            l.mul(difference, difference)
        });
        let factor = l.splat(1.0 / (squares / HIDDEN as f32 + EPSILON).sqrt());
        let norms = norm.gain.chunks_exact(L::WIDTH).zip(norm.bias.chunks_exact(L::WIDTH));
        for (x, (gain, bias)) in row.chunks_exact_mut(L::WIDTH).zip(norms) {
            let centred = l.mul(l.sub(l.load(x), mean), factor);
            l.store(mul_add(l, centred, l.load(gain), l.load(bias)), x);
        }
    }
}

/// x/2 + |x|/2 · erf(|x|/√2), with the error function by formula 7.1.26 of Abramowitz and Stegun (error below 1.5e-7).
#[inline(always)]
pub(super) fn gelu<L: Lanes>(l: L, numbers: &mut [f32]) {
    for chunk in numbers.chunks_exact_mut(L::WIDTH) {
        let x = l.load(chunk);
        let a = l.mul(l.abs(x), l.splat(core::f32::consts::FRAC_1_SQRT_2));
        let t = l.div(l.splat(1.0), mul_add(l, a, l.splat(0.327_591_1), l.splat(1.0)));
        let mut tail = l.splat(1.061_405_4);
        for coefficient in [-1.453_152, 1.421_413_7, -0.284_496_74, 0.254_829_6] {
            tail = mul_add(l, tail, t, l.splat(coefficient));
        }
        let tail = l.mul(l.mul(tail, t), exp(l, l.mul(a, l.sub(l.splat(0.0), a))));
        let erf = l.sub(l.splat(1.0), tail);
        l.store(l.mul(l.splat(0.5), mul_add(l, l.abs(x), erf, x)), chunk);
    }
}

/// e to the power of `x`, for x up to 0; the polynomial is the Taylor series of 2^f, |f| ≤ ½ (relative error 2e-7).
#[inline(always)]
fn exp<L: Lanes>(l: L, x: L::Vector) -> L::Vector {
    let x = l.max(x, l.splat(-80.0));
    let x = l.mul(x, l.splat(core::f32::consts::LOG2_E));
    let whole = l.round(x);
    let part = l.sub(x, whole);
    let mut series = l.splat(0.000_154_035_3);
    for coefficient in [0.001_333_355_8, 0.009_618_129, 0.055_504_11, 0.240_226_5, core::f32::consts::LN_2, 1.0] {
        series = mul_add(l, series, part, l.splat(coefficient));
    }
    l.mul(series, l.power_of_two(whole))
}

#[inline(always)]
pub(super) fn attend<L: Lanes>(l: L, rows: &[f32], scratch: &mut AttentionScratch, out: &mut [f32]) {
    let count = rows.len() / (3 * HIDDEN);
    let padded = count.next_multiple_of(KEYS_PAD);
    scratch.keys.resize(HEAD * padded, 0.0);
    scratch.scores.resize(QUERIES * padded, 0.0);
    for head in 0..HEADS {
        // Keys on edge, so that the scores of neighbouring keys come out side by side.
        for key in 0..count {
            let from = &rows[key * 3 * HIDDEN + HIDDEN + head * HEAD..][..HEAD];
            for (at, number) in from.iter().enumerate() {
                scratch.keys[at * padded + key] = *number;
            }
        }
        for first in (0..count).step_by(QUERIES) {
            // The last group may be short: it repeats its last query, and that is written twice.
            let queries: [usize; QUERIES] = core::array::from_fn(|i| (first + i).min(count - 1));
            score(l, rows, head, queries, &scratch.keys, &mut scratch.scores);
            for row in scratch.scores.chunks_exact_mut(padded) {
                soften(l, row, count);
            }
            mix(l, rows, head, queries, &scratch.scores, out);
        }
    }
}

/// Scores of some queries against all keys of a head.
#[inline(always)]
fn score<L: Lanes>(l: L, rows: &[f32], head: usize, queries: [usize; QUERIES], keys: &[f32], scores: &mut [f32]) {
    let padded = keys.len() / HEAD;
    let queries = queries.map(|query| &rows[query * 3 * HIDDEN + head * HEAD..][..HEAD]);
    let scale = l.splat(1.0 / (HEAD as f32).sqrt());
    for key in (0..padded).step_by(2 * L::WIDTH) {
        let mut sums = [[l.splat(0.0); 2]; QUERIES];
        for (at, keys) in keys.chunks_exact(padded).enumerate() {
            let keys = [l.load(&keys[key..]), l.load(&keys[key + L::WIDTH..])];
            for (sums, query) in sums.iter_mut().zip(queries) {
                let number = l.splat(query[at]);
                sums[0] = mul_add(l, keys[0], number, sums[0]);
                sums[1] = mul_add(l, keys[1], number, sums[1]);
            }
        }
        for (sums, scores) in sums.into_iter().zip(scores.chunks_exact_mut(padded)) {
            l.store(l.mul(sums[0], scale), &mut scores[key..]);
            l.store(l.mul(sums[1], scale), &mut scores[key + L::WIDTH..]);
        }
    }
}

/// Softmax over the first `count` numbers; the padding behind them becomes 0.
#[inline(always)]
fn soften<L: Lanes>(l: L, row: &mut [f32], count: usize) {
    row[count..].fill(f32::MIN);
    let mut largest = l.splat(f32::MIN);
    for chunk in row.chunks_exact(L::WIDTH) {
        largest = l.max(largest, l.load(chunk));
    }
    let largest = l.splat(l.largest(largest));
    for chunk in row.chunks_exact_mut(L::WIDTH) {
        l.store(exp(l, l.sub(l.load(chunk), largest)), chunk);
    }
    let factor = l.splat(1.0 / sum(l, row, |x| x));
    for chunk in row.chunks_exact_mut(L::WIDTH) {
        l.store(l.mul(l.load(chunk), factor), chunk);
    }
}

/// Values of a head, weighed by the softened scores.
#[inline(always)]
fn mix<L: Lanes>(l: L, rows: &[f32], head: usize, queries: [usize; QUERIES], scores: &[f32], out: &mut [f32]) {
    let padded = scores.len() / QUERIES;
    for at in (0..HEAD).step_by(2 * L::WIDTH) {
        let mut sums = [[l.splat(0.0); 2]; QUERIES];
        for (key, row) in rows.chunks_exact(3 * HIDDEN).enumerate() {
            let values = &row[2 * HIDDEN + head * HEAD + at..];
            let values = [l.load(values), l.load(&values[L::WIDTH..])];
            for (query, sums) in sums.iter_mut().enumerate() {
                let weight = l.splat(scores[query * padded + key]);
                sums[0] = mul_add(l, values[0], weight, sums[0]);
                sums[1] = mul_add(l, values[1], weight, sums[1]);
            }
        }
        for (sums, query) in sums.into_iter().zip(queries) {
            let to = &mut out[query * HIDDEN + head * HEAD + at..];
            l.store(sums[0], to);
            l.store(sums[1], &mut to[L::WIDTH..]);
        }
    }
}

#[inline(always)]
pub(super) fn pool<L: Lanes>(l: L, rows: &[f32], out: &mut [f32]) {
    out.fill(0.0);
    for row in rows.chunks_exact(HIDDEN) {
        for (x, to) in row.chunks_exact(L::WIDTH).zip(out.chunks_exact_mut(L::WIDTH)) {
            l.store(l.add(l.load(to), l.load(x)), to);
        }
    }
    let factor = l.splat(1.0 / sum(l, out, |x| l.mul(x, x)).sqrt().max(EPSILON));
    for chunk in out.chunks_exact_mut(L::WIDTH) {
        l.store(l.mul(l.load(chunk), factor), chunk);
    }
}
