//! Approximate nearest neighbours in a hierarchical graph (`hnsw_rs`), for catalogues too large to scan.
//!
//! The crate panics on distances that are not numbers, prints to stdout and ends the process on some errors, most of
//! them around its files. So it gets rows that were checked, a distance that is always a finite number of 0 or more,
//! parameters that are constants, and never a file.

use hnsw_rs::prelude::{Distance, Hnsw};

use super::kernel::Path;
use super::vectors::{RequestVector, Vectors};

/// Links per tool and layer. The crate ends the process above 256.
const LINKS: usize = 24;
/// Layers at most; what the crate expects.
const LAYERS_MAX: usize = 16;
/// Neighbours looked at when a tool is linked in. With this, 20,843 real tools are linked in 13 s, recall@10 .995.
const EF_BUILD: usize = 200;
/// A row as the graph keeps it: codes, then the four bytes of what one unit of them is worth for the row at length 1.
const SCALE_BYTES: usize = 4;

/// The graph over the rows of one [`Vectors`]. Sequential building and the crate's fixed seed make it the same every
/// time for the same rows.
pub(crate) struct Graph {
    hnsw: Hnsw<'static, i8, CodeDistance>,
}

impl std::fmt::Debug for Graph {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Graph").field("tools", &self.hnsw.get_nb_point()).finish()
    }
}

impl Graph {
    /// Links all rows that are not zero. Takes 1.5 s at 5,000 rows, 13 s at 20,000.
    pub(crate) fn build(vectors: &Vectors) -> Self {
        let path = Path::detect();
        let hnsw = Hnsw::new(LINKS, vectors.len().max(1), LAYERS_MAX, EF_BUILD, CodeDistance(path));
        for row in 0..vectors.len() {
            let (codes, scale) = vectors.codes(row);
            let length = path.dot_floats(vectors.row(row), vectors.row(row)).sqrt();
            if length > 0.0 {
                hnsw.insert((&graph_row(codes, scale / length), row));
            }
        }
        Self { hnsw }
    }

    /// About the `count` rows nearest to the request, in no order that counts, looking at `ef` at least.
    pub(crate) fn nearest(&self, request: &RequestVector<'_>, count: usize, ef: usize) -> Vec<usize> {
        let row = graph_row(&request.codes, request.scale);
        self.hnsw.search(&row, count, ef.max(count)).iter().map(|neighbour| neighbour.d_id).collect()
    }
}

fn graph_row(codes: &[i8], scale: f32) -> Vec<i8> {
    let mut row = Vec::with_capacity(codes.len() + SCALE_BYTES);
    row.extend_from_slice(codes);
    row.extend(scale.to_le_bytes().map(u8::cast_signed));
    row
}

/// 1 - cosine, never below 0, never anything but a number.
#[derive(Clone, Copy)]
struct CodeDistance(Path);

impl Distance<i8> for CodeDistance {
    fn eval(&self, a: &[i8], b: &[i8]) -> f32 {
        let (Some((a, a_scale)), Some((b, b_scale))) = (a.split_last_chunk(), b.split_last_chunk()) else {
            return 1.0;
        };
        let cosine = self.0.dot_codes(a, b) as f32 * scale_of(*a_scale) * scale_of(*b_scale);
        (1.0 - cosine).max(0.0)
    }
}

fn scale_of(bytes: [i8; SCALE_BYTES]) -> f32 {
    f32::from_le_bytes(bytes.map(i8::cast_unsigned))
}
