//! Models that run in ONNX Runtime, through fastembed: those of its catalogue by name, or a user's own folder.
//! Nothing of `ort` is touched before the library was found and loaded, because `ort` panics where it is missing; and
//! every call goes through one wall that turns a panic into an error.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

use ::fastembed::{QuantizationMode, TextEmbedding};

use super::{Embedder, Error, ModelId, Options, TextKind};
use prefix::Prefixes;

mod catalogue;
mod folder;
mod prefix;
mod runtime;
#[cfg(test)]
mod tests;

/// Texts per run: enough to keep all cores at work, few enough that padding to the longest stays cheap (a guess).
const BATCH: usize = 32;

/// The model named by the options, which is not a built-in one.
pub(super) fn open(options: &Options) -> Result<Arc<dyn Embedder>, Error> {
    let loaded = if folder::is_meant(&options.model) { folder::open(options)? } else { catalogue::open(options)? };
    Ok(Arc::new(loaded))
}

/// A model in ONNX Runtime. It wants to be called by one at a time, and uses all cores then.
struct Onnx {
    id: ModelId,
    dimensions: usize,
    prefixes: Prefixes,
    batch: usize,
    model: Mutex<TextEmbedding>,
}

impl Onnx {
    /// Wraps a loaded model; one text is embedded to see that it works and how long its vectors are.
    fn new(id: ModelId, quantised: QuantizationMode, mut model: TextEmbedding) -> Result<Self, Error> {
        // What dynamic quantisation does to a text depends on the others of the batch, so each goes alone.
        let batch = if quantised == QuantizationMode::Dynamic { 1 } else { BATCH };
        let prefixes = Prefixes::of(&id.name);
        let dimensions = guarded(&id.name, || model.embed(["a"], None))?
            .map_err(|source| Error::Load { model: id.name.clone(), source: Box::new(source) })?
            .first()
            .map_or(0, Vec::len);
        Ok(Self { id, dimensions, prefixes, batch, model: Mutex::new(model) })
    }
}

impl Embedder for Onnx {
    fn id(&self) -> &ModelId {
        &self.id
    }

    fn dimensions(&self) -> usize {
        self.dimensions
    }

    fn embed(&self, kind: TextKind, texts: &[&str]) -> Result<Vec<Vec<f32>>, Error> {
        let prefix = self.prefixes.before(kind);
        let mut model = self.model.lock().unwrap_or_else(PoisonError::into_inner);
        let mut vectors = Vec::with_capacity(texts.len());
        for batch in texts.chunks(self.batch) {
            let batch: Vec<String> = batch.iter().map(|text| format!("{prefix}{text}")).collect();
            let found = guarded(&self.id.name, || model.embed(&batch, None))?.map_err(|source| Error::Compute {
                model: self.id.name.clone(),
                texts: batch.len(),
                source: Box::new(source),
            })?;
            vectors.extend(found);
        }
        Ok(vectors)
    }
}

/// Does something in code that is not ours; a panic in it becomes an error.
fn guarded<T>(model: &str, work: impl FnOnce() -> T) -> Result<T, Error> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
        Error::Panicked { model: model.to_owned(), message: text.unwrap_or("no message").to_owned() }
    })
}
