//! The arithmetic, once per kind of processor. Every path takes the same steps in the same order and gives the same bits,
//! so vectors made on different machines agree.
//!
//! A kernel is a token that exists only where the processor has what it needs; whoever holds one may call all its methods.
//! `lanes` is the float half, written once over vectors of any width; the integer product is written out for each path.

use super::weights::{Linear, Norm};
use lanes::Lanes;
use portable::Portable;

pub(super) mod bytes;
pub(super) mod lanes;
mod portable;

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod vnni;

/// A set of kernels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Path {
    /// Plain Rust, for any processor.
    Portable,
    /// x86-64 with AVX2.
    Avx2,
    /// x86-64 with AVX-512 and its 8-bit dot product.
    Vnni,
}

impl Path {
    /// All of them, slowest first.
    pub const ALL: [Self; 3] = [Self::Portable, Self::Avx2, Self::Vnni];

    /// The fastest that this processor has.
    pub fn best() -> Self {
        Self::ALL.into_iter().rev().find(|path| path.is_available()).unwrap_or(Self::Portable)
    }

    /// Whether this processor can run it.
    pub fn is_available(self) -> bool {
        match self {
            Self::Portable => true,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => avx2::Avx2::new().is_some(),
            #[cfg(target_arch = "x86_64")]
            Self::Vnni => vnni::Vnni::new().is_some(),
            #[cfg(not(target_arch = "x86_64"))]
            Self::Avx2 | Self::Vnni => false,
        }
    }
}

/// Something to be done with whatever kernel there is.
pub(super) trait Work {
    /// Does it.
    fn run<K: Kernel>(self, kernel: K);
}

/// Does `work` with the kernel of `path`, or with the portable one where this processor lacks it.
pub(super) fn run(path: Path, work: impl Work) {
    #[cfg(target_arch = "x86_64")]
    match (path, vnni::Vnni::new(), avx2::Avx2::new()) {
        (Path::Vnni, Some(kernel), _) => return work.run(kernel),
        (Path::Avx2, _, Some(kernel)) => return work.run(kernel),
        _ => {}
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = path;
    work.run(Portable);
}

/// Rows of small integers: what a linear layer reads. Byte `r * width + i` is the integer of row `r` and input `i`, as the
/// kernel that wrote it wants it; `steps[r]` is the size of one step in row `r`.
pub(super) struct Quantised<'a> {
    pub(super) integers: &'a mut [u8],
    pub(super) steps: &'a mut [f32],
}

/// Scratch space of [`Kernel::attend`].
#[derive(Default)]
pub(super) struct AttentionScratch {
    pub(super) keys: Vec<f32>,
    pub(super) scores: Vec<f32>,
}

/// All operations of the forward pass. The defaults are right for a processor whose vectors need no run-time check.
pub(super) trait Kernel: Lanes {
    /// Turns rows of floats into rows of integers in -127..=127 after multiplying by `smooth`, which is one row.
    fn quantise(self, rows: &[f32], smooth: &[f32], out: &mut Quantised<'_>) {
        lanes::quantise(self, rows, smooth, out);
    }

    /// `out` = the linear layer of each row.
    fn multiply(self, linear: &Linear, rows: &Quantised<'_>, out: &mut [f32]);

    /// `row` = integers × step + position.
    fn look_up(self, integers: &[i8], step: f32, position: &[f32], row: &mut [f32]) {
        lanes::look_up(self, integers, step, position, row);
    }

    /// Layer normalisation of each row.
    fn normalise(self, rows: &mut [f32], norm: &Norm) {
        lanes::normalise(self, rows, norm);
    }

    /// Layer normalisation of each row after `added` was added to it.
    fn add_normalise(self, rows: &mut [f32], added: &[f32], norm: &Norm) {
        lanes::add_normalise(self, rows, added, norm);
    }

    /// The GELU of every number.
    fn gelu(self, numbers: &mut [f32]) {
        lanes::gelu(self, numbers);
    }

    /// Self-attention within one text: rows of query, key and value in, rows of mixed values out.
    fn attend(self, rows: &[f32], scratch: &mut AttentionScratch, out: &mut [f32]) {
        lanes::attend(self, rows, scratch, out);
    }

    /// The mean direction of the rows, of length one.
    fn pool(self, rows: &[f32], out: &mut [f32]) {
        lanes::pool(self, rows, out);
    }
}

/// Implements [`Kernel`] with the float half compiled for given processor features.
#[cfg(target_arch = "x86_64")]
macro_rules! kernel_with_features {
    ($token:ty, $features:literal, $multiply:path) => {
        impl Kernel for $token {
            kernel_with_features!(@each $token, $features;
                fn quantise(rows: &[f32], smooth: &[f32], out: &mut Quantised<'_>);
                fn look_up(integers: &[i8], step: f32, position: &[f32], row: &mut [f32]);
                fn normalise(rows: &mut [f32], norm: &Norm);
                fn add_normalise(rows: &mut [f32], added: &[f32], norm: &Norm);
                fn gelu(numbers: &mut [f32]);
                fn attend(rows: &[f32], scratch: &mut AttentionScratch, out: &mut [f32]);
                fn pool(rows: &[f32], out: &mut [f32]);
            );

            #[expect(unsafe_code, reason = "calls a function compiled for features checked at run time")]
            fn multiply(self, linear: &Linear, rows: &Quantised<'_>, out: &mut [f32]) {
                // SAFETY: the token exists only where the processor has these features.
                unsafe { $multiply(linear, rows, out) }
            }
        }
    };
    (@each $token:ty, $features:literal; $(fn $name:ident($($arg:ident: $type:ty),*);)*) => { $(
        #[expect(unsafe_code, reason = "calls a function compiled for features checked at run time")]
        fn $name(self, $($arg: $type),*) {
            #[target_feature(enable = $features)]
            fn featured(kernel: $token, $($arg: $type),*) {
                lanes::$name(kernel, $($arg),*);
            }
            // SAFETY: the token exists only where the processor has these features.
            unsafe { featured(self, $($arg),*) }
        }
    )* };
}
#[cfg(target_arch = "x86_64")]
use kernel_with_features;
