//! AVX2. The byte product of AVX2 saturates when both factors are large; moving the sign from the weight to
//! the activation keeps one factor within 0..=127, so that two products always fit 16 bits and nothing is lost.

use core::arch::x86_64::*;

use super::lanes::{self, Lanes};
use super::{AttentionScratch, Kernel, Quantised, kernel_with_features};
use crate::embedder::builtin::weights::{Linear, Norm};

const WIDTH: usize = 8;
/// Outputs in one panel of weights.
const PANEL: usize = 16;
/// Rows that share one load of weights: 8 sums, 4 registers of weights, and what is left to compute with.
const ROWS_MAX: usize = 4;

/// Proof that this processor has what this file uses.
#[derive(Clone, Copy)]
pub(super) struct Avx2(());

impl Avx2 {
    pub(super) fn new() -> Option<Self> {
        is_x86_feature_detected!("avx2").then_some(Self(()))
    }
}

kernel_with_features!(Avx2, "avx2", multiply);

#[expect(unsafe_code, reason = "SIMD instructions and their loads and stores")]
impl Lanes for Avx2 {
    type Vector = __m256;
    const WIDTH: usize = WIDTH;
    const FLIP: u8 = 0;

    #[inline(always)]
    fn splat(self, number: f32) -> __m256 {
        // SAFETY: the token proves AVX2.
        unsafe { _mm256_set1_ps(number) }
    }

    #[inline(always)]
    fn load(self, from: &[f32]) -> __m256 {
        let from = &from[..WIDTH];
        // SAFETY: the token proves AVX2; 8 floats are there.
        unsafe { _mm256_loadu_ps(from.as_ptr()) }
    }

    #[inline(always)]
    fn load_integers(self, from: &[i8]) -> __m256 {
        let from = &from[..WIDTH];
        // SAFETY: the token proves AVX2; 8 bytes are there.
        unsafe { _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64(from.as_ptr().cast()))) }
    }

    #[inline(always)]
    fn store(self, vector: __m256, to: &mut [f32]) {
        let to = &mut to[..WIDTH];
        // SAFETY: the token proves AVX2; there is room for 8 floats.
        unsafe { _mm256_storeu_ps(to.as_mut_ptr(), vector) }
    }

    #[inline(always)]
    fn store_integers(self, vector: __m256, to: &mut [u8]) {
        let to = &mut to[..WIDTH];
        // SAFETY: the token proves AVX2; there is room for 8 bytes.
        unsafe {
            let wide = _mm256_cvtps_epi32(vector);
            let halves = _mm_packs_epi32(_mm256_castsi256_si128(wide), _mm256_extracti128_si256::<1>(wide));
            _mm_storel_epi64(to.as_mut_ptr().cast(), _mm_packs_epi16(halves, halves));
        }
    }

    #[inline(always)]
    fn add(self, a: __m256, b: __m256) -> __m256 {
        // SAFETY: the token proves AVX2.
        unsafe { _mm256_add_ps(a, b) }
    }

    #[inline(always)]
    fn sub(self, a: __m256, b: __m256) -> __m256 {
        // SAFETY: the token proves AVX2.
        unsafe { _mm256_sub_ps(a, b) }
    }

    #[inline(always)]
    fn mul(self, a: __m256, b: __m256) -> __m256 {
        // SAFETY: the token proves AVX2.
        unsafe { _mm256_mul_ps(a, b) }
    }

    #[inline(always)]
    fn div(self, a: __m256, b: __m256) -> __m256 {
        // SAFETY: the token proves AVX2.
        unsafe { _mm256_div_ps(a, b) }
    }

    #[inline(always)]
    fn max(self, a: __m256, b: __m256) -> __m256 {
        // SAFETY: the token proves AVX2.
        unsafe { _mm256_max_ps(a, b) }
    }

    #[inline(always)]
    fn abs(self, a: __m256) -> __m256 {
        // SAFETY: the token proves AVX2.
        unsafe { _mm256_andnot_ps(_mm256_set1_ps(-0.0), a) }
    }

    #[inline(always)]
    fn round(self, a: __m256) -> __m256 {
        // SAFETY: the token proves AVX2.
        unsafe { _mm256_round_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(a) }
    }

    #[inline(always)]
    fn power_of_two(self, a: __m256) -> __m256 {
        // SAFETY: the token proves AVX2.
        unsafe {
            let exponent = _mm256_add_epi32(_mm256_cvtps_epi32(a), _mm256_set1_epi32(127));
            _mm256_castsi256_ps(_mm256_slli_epi32::<23>(exponent))
        }
    }

    #[inline(always)]
    fn largest(self, a: __m256) -> f32 {
        // SAFETY: the token proves AVX2.
        unsafe {
            let four = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps::<1>(a));
            let two = _mm_max_ps(four, _mm_movehl_ps(four, four));
            _mm_cvtss_f32(_mm_max_ss(two, _mm_movehdup_ps(two)))
        }
    }
}

/// The integer product; see [`Kernel::multiply`].
#[target_feature(enable = "avx2")]
fn multiply(linear: &Linear, rows: &Quantised<'_>, out: &mut [f32]) {
    let count = rows.steps.len();
    assert!(rows.integers.len() == count * linear.inputs && out.len() == count * linear.outputs);
    assert!(linear.panels.len() == linear.inputs * linear.outputs && linear.outputs.is_multiple_of(PANEL));
    assert!(linear.inputs.is_multiple_of(4));
    assert!(linear.scales.len() == linear.outputs && linear.bias.len() == linear.outputs);
    let blocks = count.div_ceil(ROWS_MAX);
    for first_output in (0..linear.outputs).step_by(PANEL) {
        for block in 0..blocks {
            let first = block * count / blocks;
            let last = (block + 1) * count / blocks;
            let place = Place { first_row: first, first_output };
            match last - first {
                1 => multiply_block::<1>(linear, rows, &place, out),
                2 => multiply_block::<2>(linear, rows, &place, out),
                3 => multiply_block::<3>(linear, rows, &place, out),
                _ => multiply_block::<ROWS_MAX>(linear, rows, &place, out),
            }
        }
    }
}

/// Where a block lies in the result.
struct Place {
    first_row: usize,
    first_output: usize,
}

/// `ROWS` rows by 16 outputs; [`multiply`] has checked that the block lies inside.
#[target_feature(enable = "avx2")]
#[expect(unsafe_code, reason = "SIMD loads and stores without a check per step")]
fn multiply_block<const ROWS: usize>(linear: &Linear, rows: &Quantised<'_>, place: &Place, out: &mut [f32]) {
    let Place { first_row, first_output } = *place;
    let panel = linear.panels[first_output * linear.inputs..][..PANEL * linear.inputs].as_ptr();
    let integers = rows.integers[first_row * linear.inputs..][..ROWS * linear.inputs].as_ptr();
    let ones = _mm256_set1_epi16(1);
    let mut sums = [[_mm256_setzero_si256(); 2]; ROWS];
    for step in 0..linear.inputs / 4 {
        // SAFETY: 64 × step + 64 stays within the panel.
        let weights = unsafe {
            [_mm256_loadu_si256(panel.add(64 * step).cast()), _mm256_loadu_si256(panel.add(64 * step + 32).cast())]
        };
        let sizes = [_mm256_abs_epi8(weights[0]), _mm256_abs_epi8(weights[1])];
        for (row, sums) in sums.iter_mut().enumerate() {
            // SAFETY: 4 × step + 4 stays within a row, of which there are ROWS.
            let inputs = unsafe { integers.add(row * linear.inputs + 4 * step).cast::<i32>().read_unaligned() };
            let inputs = _mm256_set1_epi32(inputs);
            for half in 0..2 {
                let signed = _mm256_sign_epi8(inputs, weights[half]);
                let pairs = _mm256_maddubs_epi16(sizes[half], signed);
                sums[half] = _mm256_add_epi32(sums[half], _mm256_madd_epi16(pairs, ones));
            }
        }
    }
    for half in 0..2 {
        let output = first_output + half * WIDTH;
        // SAFETY: these slices hold 8 numbers each.
        let (scale, bias) = unsafe {
            (
                _mm256_loadu_ps(linear.scales[output..][..WIDTH].as_ptr()),
                _mm256_loadu_ps(linear.bias[output..][..WIDTH].as_ptr()),
            )
        };
        for (row, sums) in sums.iter().enumerate() {
            let step = _mm256_mul_ps(scale, _mm256_set1_ps(rows.steps[first_row + row]));
            let result = _mm256_add_ps(_mm256_mul_ps(_mm256_cvtepi32_ps(sums[half]), step), bias);
            let to = &mut out[(first_row + row) * linear.outputs + output..][..WIDTH];
            // SAFETY: there is room for 8 floats.
            unsafe { _mm256_storeu_ps(to.as_mut_ptr(), result) };
        }
    }
}
