//! Names of the catalogue, and prefixes.

use super::*;

fn check(name: &str, expected: &str) {
    let found = catalogue::find(name).map(|info| format!("{:?}", info.model));
    assert_eq!(found.unwrap(), expected, "{name}");
}

#[test]
fn names_are_found_in_any_spelling() {
    check("bge-small-en-v1.5", "BGESmallENV15");
    check("Xenova/bge-small-en-v1.5", "BGESmallENV15");
    check("BAAI/BGE-Small-EN-v1.5", "BGESmallENV15");
    check("bge-small-en-v1.5-q", "BGESmallENV15Q");
    check("Qdrant/bge-small-en-v1.5-onnx-Q", "BGESmallENV15Q");
    check("BGESmallENV15Q", "BGESmallENV15Q");
    check("multilingual-e5-small", "MultilingualE5Small");
    check("intfloat/multilingual-e5-large", "MultilingualE5Large");
    check("sentence-transformers/all-MiniLM-L6-v2", "AllMiniLML6V2");
    check("all-minilm-l6-v2-q", "AllMiniLML6V2Q");
}

#[test]
fn families_have_their_prefixes() {
    let both = |name| [TextKind::Query, TextKind::Document].map(|kind| Prefixes::of(name).before(kind));
    assert_eq!(both("fastembed/multilingual-e5-small"), ["query: ", "passage: "]);
    assert_eq!(both("folder/e5-small-v2"), ["query: ", "passage: "]);
    assert_eq!(both("fastembed/nomic-embed-text-v1.5"), ["search_query: ", "search_document: "]);
    assert_eq!(both("fastembed/bge-small-en-v1.5"), ["", ""]);
}

#[test]
fn a_panic_of_the_library_is_an_error() {
    let error = guarded("some", || panic!("no {}", "way")).map(|(): ()| ()).unwrap_err();
    assert_eq!(error.to_string(), "the library behind model `some` panicked: no way");
}
