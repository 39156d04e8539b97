//! Text to unit vector. The built-in encoders need nothing installed and nothing from the network; any other model goes
//! through fastembed. Nothing here knows what a tool is, and nothing here runs on the async runtime: `embed` blocks
//! for as long as the model computes, so callers bring a blocking thread.

use std::path::PathBuf;
use std::sync::Arc;

mod builtin;
mod error;
#[cfg(feature = "fastembed")]
mod fastembed;
#[cfg(test)]
mod tests;

pub use builtin::Builtin;
#[doc(hidden)]
pub use builtin::Path;
pub use error::Error;

/// What a text is to the model: some models want a different prefix for each (`query: ` and `passage: ` of the E5 family).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextKind {
    /// What somebody asks for.
    Query,
    /// What can be found.
    Document,
}

/// Which model made a vector. Vectors of different models never meet.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ModelId {
    /// For people: `builtin/router-v1`, `builtin/all-minilm-l6-v2`, `fastembed/bge-small-en-v1.5`, `folder/<its name>`.
    pub name: String,
    /// For machines: the first 16 hex digits of the SHA-256 of the weights.
    pub hash: String,
}

/// A model that is loaded. Methods block and may be called from several threads at once.
pub trait Embedder: Send + Sync {
    /// Which model this is; vectors are stored under it.
    fn id(&self) -> &ModelId;

    /// Length of every vector.
    fn dimensions(&self) -> usize;

    /// One vector of length one per text, in the order of the texts. A text that is longer than the model can read is cut.
    /// A built-in encoder gives the same bits for a text whatever the other texts of the call are, and never fails.
    fn embed(&self, kind: TextKind, texts: &[&str]) -> Result<Vec<Vec<f32>>, Error>;
}

/// What [`open`] needs to know.
#[derive(Debug, Clone)]
pub struct Options {
    /// `builtin`, `builtin-base`, a name of the fastembed catalogue, or a folder with `model.onnx` and `tokenizer.json`.
    pub model: String,
    /// Where downloaded models are kept; a `libonnxruntime` in it is used too.
    pub models_folder: PathBuf,
    /// The ONNX Runtime library to use; without it `ORT_DYLIB_PATH`, `models_folder` and the system's folders are searched.
    pub onnx_runtime: Option<PathBuf>,
    /// Whether a catalogue model that is not in `models_folder` may be fetched.
    pub allow_download: bool,
    /// Whether a download draws a progress bar on stderr.
    pub show_progress: bool,
}

/// Makes the model ready. Costs nothing for the built-in encoders; a fastembed model is loaded (and fetched, when allowed).
pub fn open(options: &Options) -> Result<Arc<dyn Embedder>, Error> {
    if options.model.eq_ignore_ascii_case("builtin") {
        return Ok(Arc::new(Builtin::new()));
    }
    if options.model.eq_ignore_ascii_case("builtin-base") {
        return Ok(Arc::new(Builtin::base()));
    }
    open_other(options)
}

#[cfg(feature = "fastembed")]
fn open_other(options: &Options) -> Result<Arc<dyn Embedder>, Error> {
    fastembed::open(options)
}

#[cfg(not(feature = "fastembed"))]
fn open_other(options: &Options) -> Result<Arc<dyn Embedder>, Error> {
    Err(Error::NotBuiltIn { model: options.model.clone() })
}
