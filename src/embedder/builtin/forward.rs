//! The network itself: tokens in, one vector per text out. Several texts go through together, one under the other;
//! only attention keeps them apart. Each row is made integer by itself, so company does not change a text's vector.

use super::kernels::{self, AttentionScratch, Kernel, Path, Quantised, Work};
use super::weights::{self, FEED, HIDDEN, LAYERS, Layer, Linear, Weights};

/// Rows that pass the wide middle of a layer together, to keep its scratch space (6 kB a row) in the second-level cache.
const FEED_ROWS: usize = 64;

/// Space for intermediate results, kept between calls. About 2 MB after a full batch.
#[derive(Default)]
pub(super) struct Scratch {
    rows: Vec<f32>,
    wide: Vec<f32>,
    mixed: Vec<f32>,
    integers: Vec<u8>,
    steps: Vec<f32>,
    attention: AttentionScratch,
}

/// Appends the vector of each text to `vectors`. `ends[t]` is where the tokens of text `t` end in `tokens`; no text is
/// longer than the model can read, and each has at least its two marks.
pub(super) fn run(
    (path, weights): (Path, &'static Weights),
    tokens: &[u16],
    ends: &[usize],
    scratch: &mut Scratch,
    vectors: &mut Vec<Vec<f32>>,
) {
    kernels::run(path, Pass { weights, tokens, ends, scratch, vectors });
}

struct Pass<'a> {
    weights: &'static Weights,
    tokens: &'a [u16],
    ends: &'a [usize],
    scratch: &'a mut Scratch,
    vectors: &'a mut Vec<Vec<f32>>,
}

impl Work for Pass<'_> {
    fn run<K: Kernel>(self, kernel: K) {
        let Self { weights, tokens, ends, scratch, vectors } = self;
        scratch.make_room(tokens.len());
        look_up(kernel, weights, (tokens, ends), &mut scratch.rows);
        for number in 0..LAYERS {
            let layer = weights.layer(number);
            attend(kernel, &layer, ends, scratch);
            feed(kernel, &layer, scratch);
        }
        for rows in texts(ends) {
            let mut vector = vec![0.0; HIDDEN];
            kernel.pool(&scratch.rows[rows.start * HIDDEN..rows.end * HIDDEN], &mut vector);
            vectors.push(vector);
        }
    }
}

impl Scratch {
    fn make_room(&mut self, count: usize) {
        let feed_rows = count.min(FEED_ROWS);
        self.rows.resize(count * HIDDEN, 0.0);
        self.mixed.resize(count * HIDDEN, 0.0);
        self.wide.resize((count * 3 * HIDDEN).max(feed_rows * FEED), 0.0);
        self.integers.resize((count * HIDDEN).max(feed_rows * FEED), 0);
        self.steps.resize(count, 0.0);
    }
}

/// The rows of each text.
fn texts(ends: &[usize]) -> impl Iterator<Item = core::ops::Range<usize>> {
    let starts = core::iter::once(0).chain(ends.iter().copied());
    starts.zip(ends).map(|(start, end)| start..*end)
}

fn look_up<K: Kernel>(kernel: K, weights: &Weights, (tokens, ends): (&[u16], &[usize]), rows: &mut [f32]) {
    for text in texts(ends) {
        for (position, row) in text.enumerate() {
            let (integers, step) = weights::token(tokens[row]);
            let to = &mut rows[row * HIDDEN..][..HIDDEN];
            kernel.look_up(integers, step, weights.position(position), to);
        }
    }
    kernel.normalise(rows, &weights.first_norm());
}

/// First half of a layer: every token looks at the others of its text.
fn attend<K: Kernel>(kernel: K, layer: &Layer, ends: &[usize], scratch: &mut Scratch) {
    let Scratch { rows, wide, mixed, integers, steps, attention } = scratch;
    apply(kernel, &layer.attend, rows, (&mut *integers, &mut *steps), wide);
    for text in texts(ends) {
        let to = &mut mixed[text.start * HIDDEN..text.end * HIDDEN];
        kernel.attend(&wide[text.start * 3 * HIDDEN..text.end * 3 * HIDDEN], attention, to);
    }
    apply(kernel, &layer.attended, mixed, (integers, steps), wide);
    let attended = &wide[..rows.len()];
    kernel.add_normalise(rows, attended, &layer.attended_norm);
}

/// Second half of a layer: each token by itself through the wide middle.
fn feed<K: Kernel>(kernel: K, layer: &Layer, scratch: &mut Scratch) {
    let Scratch { rows, wide, mixed, integers, steps, .. } = scratch;
    let blocks = rows.chunks_mut(FEED_ROWS * HIDDEN).zip(mixed.chunks_mut(FEED_ROWS * HIDDEN));
    for (rows, narrow) in blocks {
        let wide = &mut wide[..rows.len() / HIDDEN * FEED];
        apply(kernel, &layer.widen, rows, (&mut *integers, &mut *steps), wide);
        kernel.gelu(wide);
        apply(kernel, &layer.narrow, wide, (&mut *integers, &mut *steps), narrow);
        kernel.add_normalise(rows, narrow, &layer.narrow_norm);
    }
}

/// One linear layer over all rows; the result fills the beginning of `out`.
fn apply<K: Kernel>(kernel: K, linear: &Linear, rows: &[f32], space: (&mut [u8], &mut [f32]), out: &mut [f32]) {
    let count = rows.len() / linear.inputs;
    let mut quantised = Quantised { integers: &mut space.0[..count * linear.inputs], steps: &mut space.1[..count] };
    kernel.quantise(rows, linear.smooth, &mut quantised);
    kernel.multiply(linear, &quantised, &mut out[..count * linear.outputs]);
}
