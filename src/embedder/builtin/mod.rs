//! The built-in encoders: all-MiniLM-L6-v2, and what became of it when it was taught what a tool is, both in 8-bit integers,
//! compiled into the binary. `tokenizer` turns text into token numbers, `forward` turns those into vectors with the `kernels`
//! of this processor, `weights` is a view of the compiled-in files. Nothing is copied to the heap but scratch space.

use std::sync::Mutex;

use super::{Embedder, Error, ModelId, TextKind};
use forward::Scratch;
use weights::Weights;

mod forward;
mod kernels;
#[cfg(test)]
mod tests;
mod tokenizer;
mod weights;

pub use kernels::Path;

/// Rows (tokens) that go through the network together. Longer calls are cut into such batches: enough rows that reading
/// the weights is paid by many, few enough that scratch space stays at about 2 MB (a guess; one longest text always fits).
const BATCH_ROWS: usize = weights::TOKENS_MAX;

/// Scratch spaces kept for the next call; more than that run at once seldom, and each may be 2 MB.
const SCRATCH_KEPT: usize = 4;

/// A built-in encoder. Cheap to make; the weights are paged in by the first text.
pub struct Builtin {
    id: ModelId,
    path: Path,
    weights: &'static Weights,
    scratch: Mutex<Vec<Scratch>>,
}

impl Builtin {
    /// The router's encoder with the fastest kernels that this processor has.
    pub fn new() -> Self {
        Self::on(Path::best(), "builtin/router-v1", &weights::ROUTER)
    }

    /// The model that the router's encoder was made from, as it is.
    pub fn base() -> Self {
        Self::on(Path::best(), "builtin/all-minilm-l6-v2", &weights::BASE)
    }

    /// The same encoder with given kernels, for tests and benches; `None` when this processor lacks them.
    #[doc(hidden)]
    pub fn with_path(self, path: Path) -> Option<Self> {
        path.is_available().then_some(Self { path, ..self })
    }

    fn on(path: Path, name: &str, weights: &'static Weights) -> Self {
        let id = ModelId { name: name.to_owned(), hash: weights.content_hash() };
        Self { id, path, weights, scratch: Mutex::new(Vec::new()) }
    }

    fn take_scratch(&self) -> Scratch {
        self.scratch.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).pop().unwrap_or_default()
    }

    fn give_back(&self, scratch: Scratch) {
        let mut kept = self.scratch.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if kept.len() < SCRATCH_KEPT {
            kept.push(scratch);
        }
    }
}

impl Default for Builtin {
    fn default() -> Self {
        Self::new()
    }
}

impl Embedder for Builtin {
    fn id(&self) -> &ModelId {
        &self.id
    }

    fn dimensions(&self) -> usize {
        weights::HIDDEN
    }

    fn embed(&self, _kind: TextKind, texts: &[&str]) -> Result<Vec<Vec<f32>>, Error> {
        let mut scratch = self.take_scratch();
        let mut vectors = Vec::with_capacity(texts.len());
        let mut tokens = Vec::with_capacity(weights::TOKENS_MAX);
        let mut ends = Vec::new();
        for text in texts {
            let start = tokens.len();
            tokenizer::encode(text, &mut tokens);
            if tokens.len() > BATCH_ROWS && start > 0 {
                forward::run((self.path, self.weights), &tokens[..start], &ends, &mut scratch, &mut vectors);
                tokens.drain(..start);
                ends.clear();
            }
            ends.push(tokens.len());
        }
        if !ends.is_empty() {
            forward::run((self.path, self.weights), &tokens, &ends, &mut scratch, &mut vectors);
        }
        self.give_back(scratch);
        Ok(vectors)
    }
}
