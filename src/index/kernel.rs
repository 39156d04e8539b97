//! Dot products, the only arithmetic that is worth a choice of processor path. The bodies are written once; the
//! compiler makes a version of each for wider registers, and [`Path`] says which may run here.
#![expect(unsafe_code, reason = "a function compiled for AVX2 or AVX-512 may only be called where these exist")]

/// Lanes that a float sum is kept in, so that the compiler may use wide registers without changing the order of sums.
const LANES: usize = 32;

/// Which version of the products runs. Invariant: a value exists only for what this processor has; all versions give
/// the same integers, and floats that differ in rounding only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Path(Version);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Version {
    Portable,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

impl Path {
    /// The fastest one here.
    pub(crate) fn detect() -> Self {
        Self::every().last().copied().unwrap_or(Self(Version::Portable))
    }

    /// All that can run here, slowest first.
    pub(crate) fn every() -> Vec<Self> {
        let mut paths = vec![Self(Version::Portable)];
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                paths.push(Self(Version::Avx2));
                if is_x86_feature_detected!("avx512bw") && is_x86_feature_detected!("avx512vl") {
                    paths.push(Self(Version::Avx512));
                }
            }
        }
        paths
    }

    /// The dot product of two rows of codes of one length. Exact: 384 products of at most 127² fit 32 bits, and so do
    /// those of any model with up to 133,000 dimensions.
    pub(crate) fn dot_codes(self, a: &[i8], b: &[i8]) -> i32 {
        match self.0 {
            Version::Portable => codes_body(a, b),
            // SAFETY: `every` makes this version only where the processor has AVX2 and FMA.
            #[cfg(target_arch = "x86_64")]
            Version::Avx2 => unsafe { codes_avx2(a, b) },
            // SAFETY: `every` makes this version only where the processor has AVX2, FMA, AVX-512 BW and VL.
            #[cfg(target_arch = "x86_64")]
            Version::Avx512 => unsafe { codes_avx512(a, b) },
        }
    }

    /// The dot product of `query` with each row of `rows` (row-major), into `out`, one number a row.
    pub(crate) fn scan_codes(self, query: &[i8], rows: &[i8], out: &mut [i32]) {
        match self.0 {
            Version::Portable => scan_body(query, rows, out, codes_body),
            // SAFETY: as in `dot_codes`.
            #[cfg(target_arch = "x86_64")]
            Version::Avx2 => unsafe { scan_avx2(query, rows, out) },
            // SAFETY: as in `dot_codes`.
            #[cfg(target_arch = "x86_64")]
            Version::Avx512 => unsafe { scan_avx512(query, rows, out) },
        }
    }

    /// The dot product of two float rows of one length.
    pub(crate) fn dot_floats(self, a: &[f32], b: &[f32]) -> f32 {
        match self.0 {
            Version::Portable => floats_body(a, b),
            // SAFETY: as in `dot_codes`.
            #[cfg(target_arch = "x86_64")]
            Version::Avx2 | Version::Avx512 => unsafe { floats_avx2(a, b) },
        }
    }
}

#[inline(always)]
fn codes_body(a: &[i8], b: &[i8]) -> i32 {
    a.iter().zip(b).map(|(&a, &b)| i32::from(a) * i32::from(b)).sum()
}

#[inline(always)]
fn scan_body(query: &[i8], rows: &[i8], out: &mut [i32], dot: impl Fn(&[i8], &[i8]) -> i32) {
    for (row, out) in rows.chunks_exact(query.len().max(1)).zip(out) {
        *out = dot(query, row);
    }
}

#[inline(always)]
fn floats_body(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0_f32; LANES];
    let (a_blocks, a_rest) = a.as_chunks::<LANES>();
    let (b_blocks, b_rest) = b.as_chunks::<LANES>();
    for (a, b) in a_blocks.iter().zip(b_blocks) {
        for lane in 0..LANES {
            sums[lane] += a[lane] * b[lane];
        }
    }
    let rest: f32 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    sums.iter().sum::<f32>() + rest
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn codes_avx2(a: &[i8], b: &[i8]) -> i32 {
    codes_body(a, b)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,avx512bw,avx512vl")]
fn codes_avx512(a: &[i8], b: &[i8]) -> i32 {
    codes_body(a, b)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn scan_avx2(query: &[i8], rows: &[i8], out: &mut [i32]) {
    scan_body(query, rows, out, codes_body);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,avx512bw,avx512vl")]
fn scan_avx512(query: &[i8], rows: &[i8], out: &mut [i32]) {
    scan_body(query, rows, out, codes_body);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn floats_avx2(a: &[f32], b: &[f32]) -> f32 {
    floats_body(a, b)
}
