//! A user's own model: a folder with `model.onnx` (or `onnx/model.onnx`, as model hubs have it) and `tokenizer.json`.
//! The other files of such a folder are used where they are there: `config.json`, `special_tokens_map.json`,
//! `tokenizer_config.json`, `1_Pooling/config.json` and the weights of a split model, `model.onnx_data`.

use std::path::{Path, PathBuf};

use ::fastembed::{
    InitOptionsUserDefined, Pooling, QuantizationMode, TextEmbedding, TokenizerFiles, UserDefinedEmbeddingModel,
};
use sha2::{Digest, Sha256};

use super::{Onnx, guarded, runtime};
use crate::embedder::{Error, ModelId, Options};

/// Stands for a missing `tokenizer_config.json`: what models of the BERT family have.
const TOKENIZER_CONFIG: &[u8] = br#"{"model_max_length":512,"pad_token":"[PAD]"}"#;

/// Whether the option names a folder rather than a model of the catalogue.
pub(super) fn is_meant(model: &str) -> bool {
    let path = Path::new(model);
    path.is_dir() || path.is_absolute() || model.starts_with('.') || model.starts_with('~') || model.contains('\\')
}

/// Loads the model in the folder.
pub(super) fn open(options: &Options) -> Result<Onnx, Error> {
    let folder = Path::new(&options.model);
    let graph = graph_file(folder)?;
    let tokenizer = read(&folder.join("tokenizer.json"))?;
    runtime::load(options)?;

    let onnx = read(&graph)?;
    let weights = read_if_there(&graph.with_extension("onnx_data"))?;
    let mut hash = Sha256::new();
    for part in [Some(&onnx), weights.as_ref(), Some(&tokenizer)].into_iter().flatten() {
        hash.update(part);
    }
    let name = folder.file_name().map_or_else(|| options.model.clone(), |name| name.to_string_lossy().into_owned());
    let id = ModelId { name: format!("folder/{name}"), hash: short_hex(&hash.finalize()) };

    let files = TokenizerFiles {
        tokenizer_file: tokenizer,
        config_file: read_if_there(&folder.join("config.json"))?.unwrap_or_else(|| b"{}".to_vec()),
        special_tokens_map_file: read_if_there(&folder.join("special_tokens_map.json"))?
            .unwrap_or_else(|| b"{}".to_vec()),
        tokenizer_config_file: read_if_there(&folder.join("tokenizer_config.json"))?
            .unwrap_or_else(|| TOKENIZER_CONFIG.to_vec()),
    };
    let mut model = UserDefinedEmbeddingModel::new(onnx, files).with_pooling(pooling(folder)?);
    if let Some(weights) = weights {
        model = model.with_external_initializer("model.onnx_data".to_owned(), weights);
    }
    let loaded = guarded(&id.name, || TextEmbedding::try_new_from_user_defined(model, InitOptionsUserDefined::new()))?
        .map_err(|source| Error::Load { model: id.name.clone(), source: Box::new(source) })?;
    Onnx::new(id, QuantizationMode::None, loaded)
}

fn graph_file(folder: &Path) -> Result<PathBuf, Error> {
    let places = [folder.join("model.onnx"), folder.join("onnx").join("model.onnx")];
    let [usual, _] = &places;
    let usual = usual.clone();
    places.into_iter().find(|place| place.is_file()).ok_or(Error::FileMissing { file: usual })
}

/// The mean of all tokens, unless the folder says that the first one stands for all.
fn pooling(folder: &Path) -> Result<Pooling, Error> {
    let file = folder.join("1_Pooling").join("config.json");
    let Some(bytes) = read_if_there(&file)? else { return Ok(Pooling::Mean) };
    let config: serde_json::Value =
        serde_json::from_slice(&bytes).map_err(|source| Error::Read { file, source: source.into() })?;
    let first_token = config["pooling_mode_cls_token"].as_bool().unwrap_or(false);
    Ok(if first_token { Pooling::Cls } else { Pooling::Mean })
}

fn read(file: &Path) -> Result<Vec<u8>, Error> {
    read_if_there(file)?.ok_or_else(|| Error::FileMissing { file: file.to_owned() })
}

fn read_if_there(file: &Path) -> Result<Option<Vec<u8>>, Error> {
    match std::fs::read(file) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(Error::Read { file: file.to_owned(), source }),
    }
}

/// The first 16 hex digits of a hash.
pub(super) fn short_hex(hash: &[u8]) -> String {
    hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}
