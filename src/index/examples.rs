//! Example requests of tools: what an operator, or we for well-known servers, say that people ask a tool for. A request
//! that is like one of them lifts the tool.

use super::kernel::Path;
use super::vectors::{RequestVector, encode};

/// How much of the way from a tool's own meaning to that of its nearest example the tool is lifted. Tried on five
/// development sets with up to five of a tool's other requests as its examples (P@1 of the cosine alone, without and with
/// .2, .3, .4, .6, 1): 88.5, 91.2, 91.9, 89.9, 86.5, 79.7; 60.5, 66.4, 68.8, 69.8, 71.3, 66.0; 80.5, 81.4, 81.7, 80.8, 78.5,
/// 73.1; 55.3, 67.1, 72.4, 72.4, 76.3, 72.4; 65.0, 71.5, 73.0, 70.8, 68.6, 60.6. So .3 is good for all of them.
const SHARE: f32 = 0.3;
/// What is added to that for a request that is an example word for word, and from which cosine on. Starting at .8 instead
/// cost 3 points on the set with many near twins, whose examples are as near to one another.
const SAME_SHARE: f32 = 0.5;
const SAME_FROM: f32 = 0.95;

/// The vectors of all examples as 8-bit codes: they are many, and short texts that need no more.
#[derive(Debug)]
pub(crate) struct Examples {
    path: Path,
    codes: Vec<i8>,
    scales: Vec<f32>,
    /// Whose example it is: a place among the entries, rising.
    owners: Vec<u32>,
}

impl Examples {
    pub(crate) fn none() -> Self {
        Self { path: Path::detect(), codes: Vec::new(), scales: Vec::new(), owners: Vec::new() }
    }

    /// Adds one for the entry at `row`; rows come rising. The vector is finite and as long as all others.
    pub(crate) fn push(&mut self, row: usize, vector: &[f32]) {
        let scale = encode(vector, &mut self.codes);
        self.scales.push(scale);
        self.owners.push(row as u32);
    }

    /// The cosine of the request with the nearest example of each tool that has some, to about .003; rising by tool.
    pub(crate) fn nearest(&self, request: &RequestVector<'_>) -> Vec<(u32, f32)> {
        let mut products = vec![0_i32; self.scales.len()];
        self.path.scan_codes(&request.codes, &self.codes, &mut products);
        let mut nearest: Vec<(u32, f32)> = Vec::new();
        for ((product, scale), owner) in products.iter().zip(&self.scales).zip(&self.owners) {
            let cosine = *product as f32 * scale * request.scale;
            match nearest.last_mut() {
                Some((last, best)) if last == owner => *best = best.max(cosine),
                _ => nearest.push((*owner, cosine)),
            }
        }
        nearest
    }
}

/// A tool's meaning with its nearest example taken in.
pub(crate) fn lifted(meaning: f32, nearest: f32) -> f32 {
    let same = ((nearest - SAME_FROM) / (1.0 - SAME_FROM)).clamp(0.0, 1.0);
    meaning + (SHARE + SAME_SHARE * same) * (nearest - meaning).max(0.0)
}
