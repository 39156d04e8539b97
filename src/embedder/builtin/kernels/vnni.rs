//! AVX-512 with the 8-bit dot product: 64 products and their sums in one instruction.
//! The instruction multiplies unsigned by signed bytes, so activations are stored shifted up by 128 (`FLIP`), and 128 times
//! the sum of an output's weights is taken away in the end: exact, because the sums are integers.

use core::arch::x86_64::*;

use super::lanes::{self, Lanes};
use super::{AttentionScratch, Kernel, Quantised, kernel_with_features};
use crate::embedder::builtin::weights::{Linear, Norm};

const WIDTH: usize = 16;
/// Rows that share one load of weights; with two panels that makes 16 of the 32 registers.
const ROWS_MAX: usize = 8;

/// Proof that this processor has what this file uses.
#[derive(Clone, Copy)]
pub(super) struct Vnni(());

impl Vnni {
    pub(super) fn new() -> Option<Self> {
        let has_all = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512vnni");
        has_all.then_some(Self(()))
    }
}

kernel_with_features!(Vnni, "avx512f,avx512bw,avx512vnni", multiply);

#[expect(unsafe_code, reason = "SIMD instructions and their loads and stores")]
impl Lanes for Vnni {
    type Vector = __m512;
    const WIDTH: usize = WIDTH;
    const FLIP: u8 = 0x80;

    #[inline(always)]
    fn splat(self, number: f32) -> __m512 {
        // SAFETY: the token proves AVX-512F.
        unsafe { _mm512_set1_ps(number) }
    }

    #[inline(always)]
    fn load(self, from: &[f32]) -> __m512 {
        let from = &from[..WIDTH];
        // SAFETY: the token proves AVX-512F; 16 floats are there.
        unsafe { _mm512_loadu_ps(from.as_ptr()) }
    }

    #[inline(always)]
    fn load_integers(self, from: &[i8]) -> __m512 {
        let from = &from[..WIDTH];
        // SAFETY: the token proves AVX-512F; 16 bytes are there.
        unsafe { _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128(from.as_ptr().cast()))) }
    }

    #[inline(always)]
    fn store(self, vector: __m512, to: &mut [f32]) {
        let to = &mut to[..WIDTH];
        // SAFETY: the token proves AVX-512F; there is room for 16 floats.
        unsafe { _mm512_storeu_ps(to.as_mut_ptr(), vector) }
    }

    #[inline(always)]
    fn store_integers(self, vector: __m512, to: &mut [u8]) {
        let to = &mut to[..WIDTH];
        // SAFETY: the token proves AVX-512F; there is room for 16 bytes.
        unsafe {
            let bytes = _mm512_cvtepi32_epi8(_mm512_cvtps_epi32(vector));
            let flipped = _mm_xor_si128(bytes, _mm_set1_epi8(Self::FLIP as i8));
            _mm_storeu_si128(to.as_mut_ptr().cast(), flipped);
        }
    }

    #[inline(always)]
    fn add(self, a: __m512, b: __m512) -> __m512 {
        // SAFETY: the token proves AVX-512F.
        unsafe { _mm512_add_ps(a, b) }
    }

    #[inline(always)]
    fn sub(self, a: __m512, b: __m512) -> __m512 {
        // SAFETY: the token proves AVX-512F.
        unsafe { _mm512_sub_ps(a, b) }
    }

    #[inline(always)]
    fn mul(self, a: __m512, b: __m512) -> __m512 {
        // SAFETY: the token proves AVX-512F.
        unsafe { _mm512_mul_ps(a, b) }
    }

    #[inline(always)]
    fn div(self, a: __m512, b: __m512) -> __m512 {
        // SAFETY: the token proves AVX-512F.
        unsafe { _mm512_div_ps(a, b) }
    }

    #[inline(always)]
    fn max(self, a: __m512, b: __m512) -> __m512 {
        // SAFETY: the token proves AVX-512F.
        unsafe { _mm512_max_ps(a, b) }
    }

    #[inline(always)]
    fn abs(self, a: __m512) -> __m512 {
        // SAFETY: the token proves AVX-512F.
        unsafe { _mm512_abs_ps(a) }
    }

    #[inline(always)]
    fn round(self, a: __m512) -> __m512 {
        // SAFETY: the token proves AVX-512F.
        unsafe { _mm512_roundscale_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(a) }
    }

    #[inline(always)]
    fn power_of_two(self, a: __m512) -> __m512 {
        // SAFETY: the token proves AVX-512F.
        unsafe { _mm512_scalef_ps(_mm512_set1_ps(1.0), a) }
    }

    #[inline(always)]
    fn largest(self, a: __m512) -> f32 {
        // SAFETY: the token proves AVX-512F.
        unsafe { _mm512_reduce_max_ps(a) }
    }
}

/// The integer product; see [`Kernel::multiply`].
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
fn multiply(linear: &Linear, rows: &Quantised<'_>, out: &mut [f32]) {
    let count = rows.steps.len();
    assert!(rows.integers.len() == count * linear.inputs && out.len() == count * linear.outputs);
    assert!(linear.panels.len() == linear.inputs * linear.outputs && linear.outputs.is_multiple_of(2 * WIDTH));
    assert!(linear.inputs.is_multiple_of(4) && linear.sums.len() == linear.outputs);
    assert!(linear.scales.len() == linear.outputs && linear.bias.len() == linear.outputs);
    // Blocks of even size: nine rows are five and four, not eight and a slow one.
    let blocks = count.div_ceil(ROWS_MAX);
    for first_output in (0..linear.outputs).step_by(2 * WIDTH) {
        for block in 0..blocks {
            let first = block * count / blocks;
            let last = (block + 1) * count / blocks;
            let place = Place { first_row: first, first_output };
            match last - first {
                1 => multiply_block::<1>(linear, rows, &place, out),
                2 => multiply_block::<2>(linear, rows, &place, out),
                3 => multiply_block::<3>(linear, rows, &place, out),
                4 => multiply_block::<4>(linear, rows, &place, out),
                5 => multiply_block::<5>(linear, rows, &place, out),
                6 => multiply_block::<6>(linear, rows, &place, out),
                7 => multiply_block::<7>(linear, rows, &place, out),
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

/// `ROWS` rows by 32 outputs; [`multiply`] has checked that the block lies inside.
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
#[expect(unsafe_code, reason = "SIMD loads and stores without a check per step")]
fn multiply_block<const ROWS: usize>(linear: &Linear, rows: &Quantised<'_>, place: &Place, out: &mut [f32]) {
    let Place { first_row, first_output } = *place;
    let panel_len = WIDTH * linear.inputs;
    let panels = linear.panels[first_output * linear.inputs..][..2 * panel_len].as_ptr();
    let integers = rows.integers[first_row * linear.inputs..][..ROWS * linear.inputs].as_ptr();
    let mut sums = [[_mm512_setzero_si512(); 2]; ROWS];
    for step in 0..linear.inputs / 4 {
        // SAFETY: 64 × step stays below the length of a panel, of which two are there.
        let weights = unsafe {
            [
                _mm512_loadu_si512(panels.add(64 * step).cast()),
                _mm512_loadu_si512(panels.add(panel_len + 64 * step).cast()),
            ]
        };
        for (row, sums) in sums.iter_mut().enumerate() {
            // SAFETY: 4 × step + 4 stays within a row, of which there are ROWS.
            let inputs = unsafe { integers.add(row * linear.inputs + 4 * step).cast::<i32>().read_unaligned() };
            let inputs = _mm512_set1_epi32(inputs);
            sums[0] = _mm512_dpbusd_epi32(sums[0], inputs, weights[0]);
            sums[1] = _mm512_dpbusd_epi32(sums[1], inputs, weights[1]);
        }
    }
    for half in 0..2 {
        let output = first_output + half * WIDTH;
        // SAFETY: these slices hold 16 numbers each.
        let (shift, scale, bias) = unsafe {
            (
                _mm512_loadu_si512(linear.sums[output..][..WIDTH].as_ptr().cast()),
                _mm512_loadu_ps(linear.scales[output..][..WIDTH].as_ptr()),
                _mm512_loadu_ps(linear.bias[output..][..WIDTH].as_ptr()),
            )
        };
        let shift = _mm512_slli_epi32::<7>(shift);
        for (row, sums) in sums.iter().enumerate() {
            let sum = _mm512_cvtepi32_ps(_mm512_sub_epi32(sums[half], shift));
            let step = _mm512_mul_ps(scale, _mm512_set1_ps(rows.steps[first_row + row]));
            let result = _mm512_add_ps(_mm512_mul_ps(sum, step), bias);
            let to = &mut out[(first_row + row) * linear.outputs + output..][..WIDTH];
            // SAFETY: there is room for 16 floats.
            unsafe { _mm512_storeu_ps(to.as_mut_ptr(), result) };
        }
    }
}
