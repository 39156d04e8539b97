//! What can go wrong with a model.

use std::path::PathBuf;

/// Why a model cannot be used. The built-in encoders have no errors.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// This binary has only the built-in encoders.
    #[error(
        "embedder.model is `{model}`, but this mcporch was built without the feature `fastembed`; use `builtin` or `builtin-base`"
    )]
    NotBuiltIn {
        /// What was asked for.
        model: String,
    },
    /// Neither in the catalogue nor a folder.
    #[error(
        "embedder.model `{model}` is neither built in (`builtin`, `builtin-base`), nor a model of the catalogue, nor a folder; nearest names: {}",
        nearest.join(", ")
    )]
    UnknownModel {
        /// What was asked for.
        model: String,
        /// Catalogue names that look like it, best first.
        nearest: Vec<String>,
    },
    /// A file of the user's own model is not there.
    #[error("{} is missing; a model folder needs model.onnx and tokenizer.json", file.display())]
    FileMissing {
        /// Where it was looked for.
        file: PathBuf,
    },
    /// A file of the model is there and cannot be read.
    #[error("cannot read {}", file.display())]
    Read {
        /// Which file.
        file: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// ONNX Runtime, which all models but the built-in ones need, was found nowhere.
    #[error(
        "model `{model}` needs the ONNX Runtime library, version {version_min} or newer, which is in none of: {}; \
         install it and set embedder.onnx_runtime to its path, or put it into {}, or use embedder.model = \"builtin\"",
        searched.iter().map(|place| place.display().to_string()).collect::<Vec<_>>().join(", "), models_folder.display()
    )]
    RuntimeMissing {
        /// The model that needs it.
        model: String,
        /// Oldest version that fits, like `1.24`.
        version_min: String,
        /// Files and folders that were looked at.
        searched: Vec<PathBuf>,
        /// Where it may be put.
        models_folder: PathBuf,
    },
    /// The library is there and cannot be used: no library, for another processor, or too old.
    #[error("{} cannot be used as ONNX Runtime; version {version_min} or newer is needed", library.display())]
    RuntimeUnusable {
        /// The library.
        library: PathBuf,
        /// Oldest version that fits, like `1.24`.
        version_min: String,
        /// What the loader said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The model is not on this machine, and fetching it is not allowed.
    #[error(
        "model `{model}` is not in {} and downloads are off; allow them (embedder.allow_download, and no HF_HUB_OFFLINE), \
         or put the files of huggingface.co/{code} into a folder and set embedder.model to that folder ({} missing)",
        folder.display(), missing.join(", ")
    )]
    NotDownloaded {
        /// What was asked for.
        model: String,
        /// Its name at the place it comes from.
        code: String,
        /// Where downloads are kept.
        folder: PathBuf,
        /// The files that are not there.
        missing: Vec<String>,
    },
    /// Fetching the model failed.
    #[error(
        "cannot download model `{model}` to {}; check the network, or fetch the files of huggingface.co/{code} by hand \
         into a folder and set embedder.model to that folder",
        folder.display()
    )]
    Download {
        /// What was asked for.
        model: String,
        /// Its name at the place it comes from.
        code: String,
        /// Where downloads are kept.
        folder: PathBuf,
        /// What went wrong.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The files are there, and no working model came out of them.
    #[error("cannot load model `{model}`")]
    Load {
        /// Which model.
        model: String,
        /// What went wrong.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The model failed on a text.
    #[error("model `{model}` failed on {texts} texts")]
    Compute {
        /// Which model.
        model: String,
        /// How many texts were to be embedded.
        texts: usize,
        /// What went wrong.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Code that is not ours panicked; the call is lost, the process is not.
    #[error("the library behind model `{model}` panicked: {message}")]
    Panicked {
        /// Which model.
        model: String,
        /// What it said.
        message: String,
    },
}
