//! One row per tool: the mean of its vectors, as floats and as 8-bit codes.

use super::kernel::Path;

/// Largest code; -128 is left out so that both signs reach equally far.
const CODE_MAX: f32 = 127.0;

/// All rows, each `dimensions` long. Invariant: every number is finite.
#[derive(Debug)]
pub(crate) struct Vectors {
    path: Path,
    dimensions: usize,
    floats: Vec<f32>,
    codes: Vec<i8>,
    /// What one unit of a row's codes is worth.
    scales: Vec<f32>,
}

/// A request's vector with its codes. Invariant: of the length of the rows it is for, and finite.
#[derive(Debug)]
pub(crate) struct RequestVector<'a> {
    pub(crate) floats: &'a [f32],
    pub(crate) codes: Vec<i8>,
    pub(crate) scale: f32,
}

impl Vectors {
    pub(crate) fn with_capacity(dimensions: usize, rows: usize) -> Self {
        Self {
            path: Path::detect(),
            dimensions,
            floats: Vec::with_capacity(rows * dimensions),
            codes: Vec::with_capacity(rows * dimensions),
            scales: Vec::with_capacity(rows),
        }
    }

    /// Adds the mean of `vectors`, or a row of zeros when there is none. Each must be `dimensions` long and finite.
    pub(crate) fn push_mean<'a>(&mut self, vectors: impl ExactSizeIterator<Item = &'a [f32]>) {
        let start = self.floats.len();
        let share = 1.0 / vectors.len().max(1) as f32;
        self.floats.resize(start + self.dimensions, 0.0);
        for vector in vectors {
            self.floats[start..].iter_mut().zip(vector).for_each(|(sum, number)| *sum += number * share);
        }
        let scale = encode(&self.floats[start..], &mut self.codes);
        self.scales.push(scale);
    }

    /// `None` for a vector that cannot be compared with the rows: wrong length, not finite, or all zeros.
    pub(crate) fn read_request<'a>(&self, floats: &'a [f32]) -> Option<RequestVector<'a>> {
        let length: f32 = floats.iter().map(|number| number * number).sum();
        if floats.len() != self.dimensions || !length.is_finite() || length == 0.0 {
            return None;
        }
        let mut codes = Vec::with_capacity(floats.len());
        let scale = encode(floats, &mut codes);
        Some(RequestVector { floats, codes, scale })
    }

    /// The cosine of the request with every row, to about .003; one number a row.
    pub(crate) fn scan(&self, request: &RequestVector<'_>) -> Vec<f32> {
        let mut products = vec![0_i32; self.scales.len()];
        self.path.scan_codes(&request.codes, &self.codes, &mut products);
        products.iter().zip(&self.scales).map(|(product, scale)| *product as f32 * scale * request.scale).collect()
    }

    /// The cosine of the request with one row.
    pub(crate) fn cosine(&self, request: &RequestVector<'_>, row: usize) -> f32 {
        self.path.dot_floats(request.floats, self.row(row))
    }

    pub(crate) fn row(&self, row: usize) -> &[f32] {
        &self.floats[row * self.dimensions..(row + 1) * self.dimensions]
    }

    /// A row's codes and what one unit of them is worth.
    pub(crate) fn codes(&self, row: usize) -> (&[i8], f32) {
        (&self.codes[row * self.dimensions..(row + 1) * self.dimensions], self.scales[row])
    }

    pub(crate) fn len(&self) -> usize {
        self.scales.len()
    }
}

/// Appends the codes of `floats` to `codes`; returns what one unit of them is worth, 0 for a row of zeros.
pub(super) fn encode(floats: &[f32], codes: &mut Vec<i8>) -> f32 {
    let largest = floats.iter().fold(0.0_f32, |largest, number| largest.max(number.abs()));
    if largest == 0.0 {
        codes.resize(codes.len() + floats.len(), 0);
        return 0.0;
    }
    let per_unit = CODE_MAX / largest;
    codes.extend(floats.iter().map(|number| (number * per_unit).round() as i8));
    largest / CODE_MAX
}
