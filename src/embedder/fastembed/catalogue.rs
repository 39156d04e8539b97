//! Models of the fastembed catalogue by name. Downloads lie in the layout of the Hugging Face cache under the models
//! folder, or under `HF_HOME` where that is set, because the download code insists on it.

use std::path::{Path, PathBuf};

use ::fastembed::{EmbeddingModel, ModelInfo, TextEmbedding, TextInitOptions};
use sha2::{Digest, Sha256};

use super::folder::short_hex;
use super::{Onnx, guarded, runtime};
use crate::embedder::{Error, ModelId, Options};

/// Fetched beside the model itself.
const TOKENIZER_FILES: [&str; 4] =
    ["tokenizer.json", "config.json", "special_tokens_map.json", "tokenizer_config.json"];

/// Names shown when one is unknown.
const NEAREST: usize = 4;

/// Loads the model, after fetching it when it is not there and that is allowed.
pub(super) fn open(options: &Options) -> Result<Onnx, Error> {
    let info = find(&options.model)?;
    let folder = std::env::var_os("HF_HOME").map_or_else(|| options.models_folder.clone(), PathBuf::from);
    let missing = missing_files(&folder, &info);
    if !missing.is_empty() && (!options.allow_download || is_offline()) {
        let (model, code) = (options.model.clone(), info.model_code);
        return Err(Error::NotDownloaded { model, code, folder, missing });
    }
    runtime::load(options)?;

    let wanted = TextInitOptions::new(info.model.clone())
        .with_cache_dir(folder.clone())
        .with_show_download_progress(options.show_progress);
    let loaded = guarded(&options.model, || TextEmbedding::try_new(wanted))?.map_err(|source| {
        let (model, code, source) = (options.model.clone(), info.model_code.clone(), Box::new(source));
        if missing_files(&folder, &info).is_empty() {
            Error::Load { model, source }
        } else {
            Error::Download { model, code, folder: folder.clone(), source }
        }
    })?;
    let id = ModelId { name: format!("fastembed/{}", short_name(&info)), hash: hash(&folder, &info)? };
    Onnx::new(id, TextEmbedding::get_quantization_mode(&info.model), loaded)
}

/// The model of that name: `bge-small-en-v1.5`, with any owner before it and in any case; `-q` chooses the quantised one.
pub(super) fn find(name: &str) -> Result<ModelInfo<EmbeddingModel>, Error> {
    let wanted = plain(name);
    let mut models = TextEmbedding::list_supported_models();
    let at = models.iter().position(|info| short_name(info) == wanted || variant(info) == wanted);
    if let Some(at) = at {
        return Ok(models.swap_remove(at));
    }
    let mut names: Vec<String> = models.iter().map(short_name).collect();
    names.sort_by_cached_key(|name| (distance(name, &wanted), name.clone()));
    names.dedup();
    names.truncate(NEAREST);
    Err(Error::UnknownModel { model: name.to_owned(), nearest: names })
}

/// What we call a model of the catalogue.
fn short_name(info: &ModelInfo<EmbeddingModel>) -> String {
    let variant = variant(info);
    let name = plain(&info.model_code);
    let name = name.strip_suffix("-q").unwrap_or(&name);
    // The catalogue tells quantised variants by the last letters only.
    let suffix = ["q4", "q"].into_iter().find(|suffix| variant.ends_with(suffix));
    suffix.map_or_else(|| name.to_owned(), |suffix| format!("{name}-{suffix}"))
}

/// The name that the variant has in code, in lower case: `bgesmallenv15q`.
fn variant(info: &ModelInfo<EmbeddingModel>) -> String {
    format!("{:?}", info.model).to_lowercase()
}

/// Without owner, case and the `-onnx` that some owners append.
fn plain(name: &str) -> String {
    let name = name.rsplit('/').next().unwrap_or(name).to_lowercase();
    name.replace("-onnx", "")
}

/// Edits (one letter in, out or exchanged) that turn one name into the other.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut corner = row[0];
        row[0] = i + 1;
        for (j, y) in b.bytes().enumerate() {
            let exchanged = corner + usize::from(x != y);
            corner = row[j + 1];
            row[j + 1] = exchanged.min(row[j] + 1).min(corner + 1);
        }
    }
    row[b.len()]
}

/// The download code does not read this variable, so we do.
fn is_offline() -> bool {
    let value = std::env::var("HF_HUB_OFFLINE").unwrap_or_default();
    matches!(value.to_uppercase().as_str(), "1" | "ON" | "YES" | "TRUE")
}

/// Files of the model that are not in the cache yet.
fn missing_files(folder: &Path, info: &ModelInfo<EmbeddingModel>) -> Vec<String> {
    let snapshot = snapshot(folder, info);
    let additional = info.additional_files.iter().map(String::as_str);
    let wanted = core::iter::once(info.model_file.as_str()).chain(additional).chain(TOKENIZER_FILES);
    let is_there = |file: &str| snapshot.as_ref().is_some_and(|snapshot| snapshot.join(file).is_file());
    wanted.filter(|file| !is_there(file)).map(str::to_owned).collect()
}

/// Where the cache keeps the files of the model, as they were when it was fetched.
fn snapshot(folder: &Path, info: &ModelInfo<EmbeddingModel>) -> Option<PathBuf> {
    let repository = folder.join(format!("models--{}", info.model_code.replace('/', "--")));
    let revision = std::fs::read_to_string(repository.join("refs").join("main")).ok()?;
    Some(repository.join("snapshots").join(revision.trim()))
}

/// The cache names a large file by its SHA-256 already; other files are read.
fn hash(folder: &Path, info: &ModelInfo<EmbeddingModel>) -> Result<String, Error> {
    let file = snapshot(folder, info).unwrap_or_else(|| folder.to_owned()).join(&info.model_file);
    let failed = |source| Error::Read { file: file.clone(), source };
    let real = file.canonicalize().map_err(failed)?;
    let name = real.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    if name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(name[..16].to_lowercase());
    }
    Ok(short_hex(&Sha256::digest(std::fs::read(&real).map_err(failed)?)))
}
