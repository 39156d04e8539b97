//! The document against the file that users have, and against itself.

use serde_json::Value;

use super::is_name;
use super::openapi::build;

/// `UPDATE=1 cargo test openapi` writes it anew.
#[test]
fn the_openapi_document_is_the_one_in_docs() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/openapi.json");
    let made = build();
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(file, format!("{}\n", serde_json::to_string_pretty(&made).unwrap())).unwrap();
    }
    let written: Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap_or_default()).unwrap_or_default();
    assert!(written == made, "docs/openapi.json is not what the verbs make; `UPDATE=1 cargo test openapi` writes it");
}

#[test]
fn every_reference_of_the_openapi_document_leads_somewhere() {
    fn references(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(members) => {
                found.extend(members.get("$ref").and_then(Value::as_str).map(str::to_owned));
                members.values().for_each(|value| references(value, found));
            }
            Value::Array(values) => values.iter().for_each(|value| references(value, found)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    let document = build();
    let mut found = Vec::new();
    references(&document, &mut found);
    assert!(found.len() > 100);
    for reference in found {
        let pointer = reference.strip_prefix('#').unwrap_or_default();
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
}

#[test]
fn operations_have_names_of_their_own() {
    let document = build();
    let paths = document["paths"].as_object().unwrap();
    let operations = paths.values().flat_map(|path| path.as_object().unwrap().values());
    let mut ids: Vec<&str> = operations.map(|one| one["operationId"].as_str().unwrap()).collect();
    let count = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), count);
}

#[test]
fn views_of_mcp_are_no_names() {
    let check = |below: &str, expected: bool| assert_eq!(is_name(below), expected, "{below}");
    check("", false);
    check("/", false);
    check("/direct", false);
    check("/p/work", false);
    check("/s/files", false);
    check("/s", true);
    check("/find", true);
    check("/files.read_file", true);
    check("/a/b", false);
}
