//! Plain Rust, for any processor. Arrays of 8 floats, which most compilers turn into whatever vectors there are.

use super::lanes::Lanes;
use super::{Kernel, Quantised};
use crate::embedder::builtin::weights::Linear;

const WIDTH: usize = 8;
/// Outputs in one panel of weights.
const PANEL: usize = 16;

/// The kernel that is always there.
#[derive(Clone, Copy)]
pub(super) struct Portable;

/// Adding and taking away this leaves the nearest integer, halves to even, for numbers below 2^22.
const ROUND: f32 = 12_582_912.0;

impl Lanes for Portable {
    type Vector = [f32; WIDTH];
    const WIDTH: usize = WIDTH;
    const FLIP: u8 = 0;

    #[inline(always)]
    fn splat(self, number: f32) -> [f32; WIDTH] {
        [number; WIDTH]
    }

    #[inline(always)]
    fn load(self, from: &[f32]) -> [f32; WIDTH] {
        let mut vector = [0.0; WIDTH];
        vector.copy_from_slice(&from[..WIDTH]);
        vector
    }

    #[inline(always)]
    fn load_integers(self, from: &[i8]) -> [f32; WIDTH] {
        let mut integers = [0; WIDTH];
        integers.copy_from_slice(&from[..WIDTH]);
        integers.map(f32::from)
    }

    #[inline(always)]
    fn store(self, vector: [f32; WIDTH], to: &mut [f32]) {
        to[..WIDTH].copy_from_slice(&vector);
    }

    #[inline(always)]
    fn store_integers(self, vector: [f32; WIDTH], to: &mut [u8]) {
        to[..WIDTH].copy_from_slice(&self.round(vector).map(|number| (number as i32) as u8));
    }

    #[inline(always)]
    fn add(self, a: [f32; WIDTH], b: [f32; WIDTH]) -> [f32; WIDTH] {
        core::array::from_fn(|i| a[i] + b[i])
    }

    #[inline(always)]
    fn sub(self, a: [f32; WIDTH], b: [f32; WIDTH]) -> [f32; WIDTH] {
        core::array::from_fn(|i| a[i] - b[i])
    }

    #[inline(always)]
    fn mul(self, a: [f32; WIDTH], b: [f32; WIDTH]) -> [f32; WIDTH] {
        core::array::from_fn(|i| a[i] * b[i])
    }

    #[inline(always)]
    fn div(self, a: [f32; WIDTH], b: [f32; WIDTH]) -> [f32; WIDTH] {
        core::array::from_fn(|i| a[i] / b[i])
    }

    #[inline(always)]
    fn max(self, a: [f32; WIDTH], b: [f32; WIDTH]) -> [f32; WIDTH] {
        core::array::from_fn(|i| if a[i] > b[i] { a[i] } else { b[i] })
    }

    #[inline(always)]
    fn abs(self, a: [f32; WIDTH]) -> [f32; WIDTH] {
        a.map(f32::abs)
    }

    #[inline(always)]
    fn round(self, a: [f32; WIDTH]) -> [f32; WIDTH] {
        a.map(|number| (number + ROUND) - ROUND)
    }

    #[inline(always)]
    fn power_of_two(self, a: [f32; WIDTH]) -> [f32; WIDTH] {
        a.map(|number| f32::from_bits(((number as i32 + 127) << 23) as u32))
    }

    #[inline(always)]
    fn largest(self, a: [f32; WIDTH]) -> f32 {
        a.into_iter().fold(f32::MIN, f32::max)
    }
}

impl Kernel for Portable {
    /// Widens each panel once and lays its outputs out one after the other, because plain dot products of 16-bit numbers
    /// are what compilers recognise; more than twice as fast as reading the panels in place.
    fn multiply(self, linear: &Linear, rows: &Quantised<'_>, out: &mut [f32]) {
        let inputs = linear.inputs;
        let integers: Vec<i16> = rows.integers.iter().map(|byte| i16::from(byte.cast_signed())).collect();
        let mut weights = vec![0; PANEL * inputs];
        for (number, panel) in linear.panels.chunks_exact(PANEL * inputs).enumerate() {
            widen(panel, inputs, &mut weights);
            for (row, integers) in integers.chunks_exact(inputs).enumerate() {
                for (at, weights) in weights.chunks_exact(inputs).enumerate() {
                    let output = number * PANEL + at;
                    let sum: i32 = integers.iter().zip(weights).map(|(x, w)| i32::from(*x) * i32::from(*w)).sum();
                    let step = linear.scales[output] * rows.steps[row];
                    out[row * linear.outputs + output] = sum as f32 * step + linear.bias[output];
                }
            }
        }
    }
}

/// One panel, output by output.
fn widen(panel: &[i8], inputs: usize, weights: &mut [i16]) {
    for (step, quads) in panel.chunks_exact(4 * PANEL).enumerate() {
        for (output, quad) in quads.chunks_exact(4).enumerate() {
            for (to, weight) in weights[output * inputs + 4 * step..][..4].iter_mut().zip(quad) {
                *to = i16::from(*weight);
            }
        }
    }
}
