//! Finds ONNX Runtime and loads it.

use std::path::{Path, PathBuf};

use super::guarded;
use crate::embedder::{Error, Options};

/// Where systems keep shared libraries.
const SYSTEM_FOLDERS: [&str; 8] = [
    "/usr/local/lib",
    "/usr/lib",
    "/usr/lib64",
    "/usr/lib/x86_64-linux-gnu",
    "/usr/lib/aarch64-linux-gnu",
    "/opt/onnxruntime/lib",
    "/opt/homebrew/lib",
    "/opt/local/lib",
];

/// Loads the library, unless an earlier call did. The place that the options name, or that `ORT_DYLIB_PATH` names, must be
/// right; elsewhere the first library that can be used is taken.
pub(super) fn load(options: &Options) -> Result<(), Error> {
    let named = options
        .onnx_runtime
        .clone()
        .or_else(|| std::env::var_os("ORT_DYLIB_PATH").filter(|path| !path.is_empty()).map(PathBuf::from));
    if let Some(library) = named {
        return if library.is_file() { load_one(options, &library) } else { Err(missing(options, vec![library])) };
    }
    let mut folders = vec![options.models_folder.clone()];
    folders.extend(SYSTEM_FOLDERS.map(PathBuf::from));
    let mut failure = None;
    for library in folders.iter().flat_map(|folder| libraries_in(folder)) {
        match load_one(options, &library) {
            Ok(()) => return Ok(()),
            Err(error) => failure = failure.or(Some(error)),
        }
    }
    Err(failure.unwrap_or_else(|| missing(options, folders)))
}

fn load_one(options: &Options, library: &Path) -> Result<(), Error> {
    // `ort` looks for relative paths beside the executable; we mean them as anybody does.
    let library = std::path::absolute(library).unwrap_or_else(|_| library.to_owned());
    let loaded = guarded(&options.model, || ort::init_from(&library).map(drop))?;
    loaded.map_err(|source| Error::RuntimeUnusable { library, version_min: version_min(), source: Box::new(source) })
}

fn missing(options: &Options, searched: Vec<PathBuf>) -> Error {
    Error::RuntimeMissing {
        model: options.model.clone(),
        version_min: version_min(),
        searched,
        models_folder: options.models_folder.clone(),
    }
}

fn version_min() -> String {
    format!("1.{}", ort::MINOR_VERSION)
}

/// Libraries in a folder by their usual names (`libonnxruntime.so`, `libonnxruntime.so.1.24.1`), shortest name first.
fn libraries_in(folder: &Path) -> Vec<PathBuf> {
    let start = format!("{}onnxruntime", std::env::consts::DLL_PREFIX);
    let is_library = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        // Neither `libonnxruntime_providers_shared.so` nor a static library.
        let rest = name.strip_prefix(&start).unwrap_or("_");
        rest.starts_with('.') && rest.contains(std::env::consts::DLL_SUFFIX)
    };
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut found: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).filter(is_library).collect();
    found.sort_by_key(|path| (path.as_os_str().len(), path.clone()));
    found
}
