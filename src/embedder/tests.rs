//! The room through its door: the built-in encoder against the float model, its paths against one another, and what is
//! said when a model cannot be had.

use super::*;

/// Texts, and vectors of both models in floats; models/README.md says how they are made.
const TEXTS: &str = include_str!("../../tests/data/tool_texts.jsonl");
const BASE_VECTORS: &[u8] = include_bytes!("../../tests/data/all-minilm-l6-v2.vectors.bin");
const ROUTER_VECTORS: &[u8] = include_bytes!("../../tests/data/router-v1.vectors.bin");

fn texts() -> Vec<String> {
    TEXTS.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn reference(vectors: &[u8]) -> Vec<Vec<f32>> {
    let numbers: Vec<f32> =
        vectors.as_chunks::<2>().0.iter().map(|pair| f32::from(i16::from_le_bytes(*pair)) / 32767.0).collect();
    numbers.chunks(384).map(<[f32]>::to_vec).collect()
}

fn cosine(a: &[f32], b: &[f32]) -> f32 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

fn embed(embedder: &dyn Embedder, texts: &[String]) -> Vec<Vec<f32>> {
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    embedder.embed(TextKind::Document, &texts).unwrap()
}

fn options(model: &str, folder: &std::path::Path) -> Options {
    Options {
        model: model.to_owned(),
        models_folder: folder.to_owned(),
        onnx_runtime: None,
        allow_download: false,
        show_progress: false,
    }
}

/// The paths of this processor that are worth testing here, and a line about the others.
fn paths() -> impl Iterator<Item = (Path, Builtin)> {
    Path::ALL.into_iter().filter_map(|path| {
        let encoder = Builtin::new().with_path(path);
        if encoder.is_none() {
            println!("skipped: this processor has no {path:?}");
        }
        Some((path, encoder?))
    })
}

#[test]
fn vectors_are_those_of_the_float_model() {
    for (encoder, vectors) in [(Builtin::new(), ROUTER_VECTORS), (Builtin::base(), BASE_VECTORS)] {
        let cosines: Vec<f32> = embed(&encoder, &texts())
            .iter()
            .zip(reference(vectors))
            .map(|(ours, float)| cosine(ours, &float))
            .collect();
        assert_eq!(cosines.len(), 200);
        let mean = cosines.iter().sum::<f32>() / 200.0;
        let min = cosines.iter().copied().fold(1.0, f32::min);
        println!("{}: cosine to the float model: mean {mean:.5}, min {min:.5}", encoder.id().name);
        assert!(mean >= 0.998 && min >= 0.99, "{}: mean {mean}, min {min}", encoder.id().name);
    }
}

#[test]
fn what_was_taught_is_another_model() {
    let (taught, base) = (Builtin::new(), Builtin::base());
    assert_ne!(taught.id(), base.id());
    let pairs = embed(&taught, &texts()).into_iter().zip(embed(&base, &texts()));
    let likeness = pairs.map(|(taught, base)| cosine(&taught, &base)).sum::<f32>() / 200.0;
    assert!((0.2..0.95).contains(&likeness), "{likeness}");
}

#[test]
fn every_path_gives_the_same_bits() {
    // The portable path is slow in the dev profile, so it gets every eighth text there; release tests take all.
    let step = if cfg!(debug_assertions) { 8 } else { 1 };
    let texts: Vec<String> = texts().into_iter().step_by(step).collect();
    let best = embed(&Builtin::new(), &texts);
    for (path, encoder) in paths() {
        assert!(embed(&encoder, &texts) == best, "{path:?} differs from {:?}", Path::best());
    }
}

#[test]
fn company_does_not_change_a_vector() {
    let texts: Vec<String> = texts().into_iter().take(60).collect();
    let encoder = Builtin::new();
    let together = embed(&encoder, &texts);
    for (text, vector) in texts.iter().zip(together) {
        assert!(embed(&encoder, std::slice::from_ref(text)) == [vector], "{text}");
    }
}

#[test]
fn vectors_have_length_one() {
    let encoder = Builtin::new();
    assert_eq!(encoder.dimensions(), 384);
    for vector in embed(&encoder, &texts()[..40]) {
        let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
        assert!(vector.len() == 384 && (length - 1.0).abs() < 1e-5, "{length}");
    }
}

#[test]
fn nothing_in_is_nothing_out() {
    assert!(Builtin::new().embed(TextKind::Query, &[]).unwrap().is_empty());
}

#[test]
fn a_giant_text_is_cut() {
    let giant = "word ".repeat(200_000);
    let cut = "word ".repeat(254);
    assert!(embed(&Builtin::new(), &[giant]) == embed(&Builtin::new(), &[cut]));
}

#[test]
fn many_threads_share_one_encoder() {
    let encoder = Builtin::new();
    let texts: Vec<String> = texts().into_iter().take(20).collect();
    let alone = embed(&encoder, &texts);
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| assert!(embed(&encoder, &texts) == alone));
        }
    });
}

#[test]
fn the_name_and_hash_tell_the_weights() {
    let folder = tempfile::tempdir().unwrap();
    let models = [
        ("builtin", "router-v1", include_str!("../../models/router-v1.toml")),
        ("Builtin-Base", "all-minilm-l6-v2", include_str!("../../models/all-minilm-l6-v2.toml")),
    ];
    for (asked, name, manifest) in models {
        let encoder = open(&options(asked, folder.path())).unwrap();
        assert_eq!(encoder.id().name, format!("builtin/{name}"));
        let manifest: toml::Table = toml::from_str(manifest).unwrap();
        let content = manifest["file"]["content_sha256"].as_str().unwrap();
        assert_eq!(encoder.id().hash, content[..16]);
    }
}

#[cfg(feature = "fastembed")]
mod with_fastembed {
    use std::error::Error as _;
    use std::fs;

    use super::*;

    fn refused(options: &Options) -> Error {
        let Err(error) = open(options) else { panic!("{} should not open", options.model) };
        error
    }

    fn check(options: &Options, expected: &[&str]) {
        let error = refused(options).to_string();
        for part in expected {
            assert!(error.contains(part), "`{error}` should say `{part}`");
        }
    }

    #[test]
    fn an_unknown_model_is_answered_with_the_nearest_names() {
        let folder = tempfile::tempdir().unwrap();
        check(&options("bge-smal-en", folder.path()), &["`bge-smal-en`", "bge-small-en-v1.5"]);
        check(&options("intfloat/multilingual-e5", folder.path()), &["multilingual-e5-base", "multilingual-e5-large"]);
    }

    #[test]
    fn a_model_that_may_not_be_fetched_says_where_its_files_go() {
        let folder = tempfile::tempdir().unwrap();
        let expected = ["downloads are off", "huggingface.co/Xenova/bge-small-en-v1.5", "tokenizer.json"];
        check(&options("BGE-small-en-v1.5", folder.path()), &expected);
    }

    #[test]
    fn a_missing_file_of_a_folder_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let model = folder.path().to_str().unwrap();
        check(&options(model, folder.path()), &["model.onnx is missing"]);
        fs::write(folder.path().join("model.onnx"), "").unwrap();
        check(&options(model, folder.path()), &["tokenizer.json is missing"]);
        check(&options("./no/such/folder", folder.path()), &["no/such/folder", "is missing"]);
    }

    #[test]
    fn a_missing_runtime_is_told_before_anything_is_fetched() {
        let folder = tempfile::tempdir().unwrap();
        let library = folder.path().join("nowhere.so");
        let wanted = Options {
            onnx_runtime: Some(library.clone()),
            allow_download: true,
            ..options("bge-small-en-v1.5", folder.path())
        };
        let expected = [library.to_str().unwrap(), "ONNX Runtime", "1.24", "embedder.onnx_runtime", "builtin"];
        check(&wanted, &expected);
    }

    /// One test, because a process loads one library for good: first a false one, then the true one.
    #[test]
    fn a_folder_model_agrees_with_the_built_in_base() {
        let folder = tempfile::tempdir().unwrap();
        for file in ["model.onnx", "tokenizer.json", "libonnxruntime.so"] {
            fs::write(folder.path().join(file), "not one").unwrap();
        }
        let library = folder.path().join("libonnxruntime.so");
        let broken = options(folder.path().to_str().unwrap(), folder.path());
        let broken = Options { onnx_runtime: Some(library.clone()), ..broken };
        check(&broken, &[library.to_str().unwrap(), "cannot be used as ONNX Runtime"]);
        assert!(refused(&broken).source().is_some());

        let from_environment = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        let (Some(runtime), Some(model)) =
            (from_environment("MCPORCH_TEST_ONNX_RUNTIME"), from_environment("MCPORCH_TEST_ONNX_FOLDER"))
        else {
            println!("skipped: MCPORCH_TEST_ONNX_RUNTIME (libonnxruntime) and MCPORCH_TEST_ONNX_FOLDER are not set");
            return;
        };
        let runtime = Some(PathBuf::from(runtime));
        let loaded = Options { onnx_runtime: runtime.clone(), ..broken };
        assert!(matches!(refused(&loaded), Error::Load { .. }), "a broken model is an error");

        let onnx = open(&Options { onnx_runtime: runtime, ..options(&model, folder.path()) }).unwrap();
        assert_eq!((onnx.dimensions(), onnx.id().hash.len()), (384, 16));
        let texts = texts();
        let pairs = embed(onnx.as_ref(), &texts).into_iter().zip(embed(&Builtin::base(), &texts));
        let cosines: Vec<f32> = pairs.map(|(theirs, ours)| cosine(&theirs, &ours)).collect();
        let mean = cosines.iter().sum::<f32>() / cosines.len() as f32;
        let min = cosines.iter().copied().fold(1.0, f32::min);
        println!("cosine to the same model in ONNX Runtime: mean {mean:.5}, min {min:.5}");
        assert!(mean >= 0.995 && min >= 0.98, "mean {mean}, min {min}");
    }
}
