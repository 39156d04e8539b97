//! The figures against values worked out by hand, and a whole run over a folder made here.

use std::fs;
use std::path::PathBuf;

use super::metrics::*;
use super::*;
use crate::embedder::{self, Embedder, ModelId, TextKind};
use crate::index;

fn close(found: f64, expected: f64) {
    assert!((found - expected).abs() < 1e-9, "{found} is not {expected}");
}

#[test]
fn requests_are_judged_by_groups() {
    let check = |ranked: &[usize], groups: &[&[usize]], expected: (bool, f64, f64, f64)| {
        let groups: Vec<Vec<usize>> = groups.iter().map(|group| group.to_vec()).collect();
        let found = judge(ranked, &groups);
        assert_eq!(found.first_is_right, expected.0, "{ranked:?} {groups:?}");
        close(found.recall_1, expected.1);
        close(found.recall_5, expected.2);
        close(found.ndcg, expected.3);
    };
    let at = |place: f64| 1.0 / (place + 1.0).log2();
    check(&[3, 1, 2], &[&[3]], (true, 1.0, 1.0, 1.0));
    check(&[3, 1, 2], &[&[1]], (false, 0.0, 1.0, at(2.0)));
    check(&[3, 1, 2], &[&[9]], (false, 0.0, 0.0, 0.0));
    // Any tool of a group will do, and only its first counts.
    check(&[3, 1, 2], &[&[2, 1]], (false, 0.0, 1.0, at(2.0)));
    // Two groups, one of them first.
    check(&[3, 1, 2], &[&[3], &[2]], (true, 0.5, 1.0, (at(1.0) + at(3.0)) / (at(1.0) + at(2.0))));
    // One tool serves both groups: one place, measured against two.
    check(&[3, 1, 2], &[&[3], &[3, 7]], (true, 1.0, 1.0, at(1.0) / (at(1.0) + at(2.0))));
    check(&[0, 1, 2, 3, 4, 5], &[&[5]], (false, 0.0, 0.0, at(6.0)));
    check(&(0..20).collect::<Vec<_>>(), &[&[10]], (false, 0.0, 0.0, 0.0));
}

#[test]
fn auroc_counts_ties_half() {
    close(auroc(&[3.0, 4.0], &[1.0, 2.0]).unwrap(), 1.0);
    close(auroc(&[1.0, 2.0], &[3.0, 4.0]).unwrap(), 0.0);
    close(auroc(&[1.0], &[1.0]).unwrap(), 0.5);
    close(auroc(&[0.9, 0.4], &[0.5, 0.4]).unwrap(), 2.5 / 4.0);
    assert_eq!(auroc(&[], &[1.0]), None);
    assert_eq!(auroc(&[1.0], &[]), None);
}

#[test]
fn false_positives_are_those_at_or_above_the_fifth_percentile() {
    let positives: Vec<f64> = (0..=20).map(f64::from).collect();
    close(false_positives_at_95(&positives, &[0.5, 1.0, 5.0, 0.0]).unwrap(), 0.5);
    close(false_positives_at_95(&[1.0, 2.0], &[1.05, 1.04]).unwrap(), 0.5);
    assert_eq!(false_positives_at_95(&[], &[1.0]), None);
}

#[test]
fn calibration_error_weighs_bins_by_their_size() {
    close(calibration_error(&[(1.0, true), (0.0, false)]).unwrap(), 0.0);
    close(calibration_error(&[(1.0, false)]).unwrap(), 1.0);
    // One bin with .7 and .7, half right; one with .2, wrong: (2 * .2 + 1 * .2) / 3.
    close(calibration_error(&[(0.7, true), (0.7, false), (0.2, false)]).unwrap(), 0.2);
    assert_eq!(calibration_error(&[]), None);
}

/// A direction for each letter.
struct Letters(ModelId);

impl Embedder for Letters {
    fn id(&self) -> &ModelId {
        &self.0
    }

    fn dimensions(&self) -> usize {
        26
    }

    fn embed(&self, _: TextKind, texts: &[&str]) -> Result<Vec<Vec<f32>>, embedder::Error> {
        Ok(texts.iter().map(|text| letters(text)).collect())
    }
}

fn letters(text: &str) -> Vec<f32> {
    let mut counts = [0.01_f32; 26];
    text.bytes()
        .filter(u8::is_ascii_alphabetic)
        .for_each(|letter| counts[usize::from(letter.to_ascii_lowercase() - b'a')] += 1.0);
    let length = counts.iter().map(|count| count * count).sum::<f32>().sqrt();
    counts.iter().map(|count| count / length).collect()
}

const TOOLS: &str = r#"{"server": "disk", "name": "read_file", "description": "Read a file", "input_schema": {"type": "object"}}
{"server": "disk", "name": "list_folder", "description": "List a folder", "input_schema": null}

{"server": null, "name": "weather", "description": null}
"#;
const QUERIES: &str = r#"{"id": "1", "query": "read the file", "gold": [{"server": "disk", "name": "read_file"}]}
{"id": "2", "query": "how is the weather", "gold": [{"server": null, "name": "weather"}, {"server": "disk", "name": "list_folder"}], "groups": [[0], [1]]}
"#;

fn write(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

fn evaluate(folders: &[PathBuf], options: &EvaluationOptions) -> Result<Report, Error> {
    let model = Letters(ModelId { name: "letters".into(), hash: "0".into() });
    let mut last = (0, 0);
    let report = run(folders, &model, options, &mut |_, done, total| last = (done, total))?;
    assert_eq!(last.0, last.1, "all texts were reported");
    Ok(report)
}

#[test]
fn a_folder_is_measured() {
    let folder = write(&[
        ("tools.jsonl", TOOLS),
        ("queries.jsonl", QUERIES),
        ("negatives.jsonl", "{\"id\": \"n\", \"query\": \"qqq zzz\"}\n"),
    ]);
    let empty = write(&[("tools.jsonl", TOOLS)]);
    let features = folder.path().join("features");
    let options = EvaluationOptions { features: Some(features.clone()), ..EvaluationOptions::default() };
    let report = evaluate(&[folder.path().to_owned(), empty.path().to_owned()], &options).unwrap();
    assert_eq!(report.skipped, [empty.path()]);
    let set = &report.sets[0];
    assert_eq!((set.tools, set.queries), (3, 2));
    assert_eq!(set.figures.p_at_1, Some(1.0));
    assert_eq!(set.figures.r_at_1, Some(0.75));
    assert_eq!(set.figures.r_at_5, Some(1.0));
    assert_eq!(set.figures.server_p_at_1, Some(1.0));
    assert_eq!(set.figures.auroc_right_wrong, None);
    assert_eq!(set.figures.auroc_no_tool, Some(1.0));
    let json = serde_json::to_value(&report).unwrap();
    assert!(json["sets"][0]["auroc_right_wrong"].is_null());
    assert_eq!(json["mean"]["p_at_1"], 1.0);
    assert_eq!(json.as_object().unwrap().len(), 2);
    let about: serde_json::Value = serde_json::from_slice(&fs::read(features.join("columns.json")).unwrap()).unwrap();
    let columns = about["columns"].as_array().unwrap().len();
    let name = &set.name;
    let numbers = |what: &str| fs::read(features.join(format!("{name}.{what}.f32"))).unwrap().len() / 4;
    assert_eq!((numbers("tools"), numbers("requests"), numbers("negatives")), (3 * 26, 2 * 26, 26));
    // Three tools for each of two requests and a negative, and a small catalogue for the first, with and without its tool.
    assert_eq!(numbers("candidates"), (3 * 3 + 3 + 2) * columns);
}

#[test]
fn examples_of_a_tool_lift_it() {
    let tool = |name: &str, examples: &str| {
        format!("{{\"server\": \"disk\", \"name\": \"{name}\", \"description\": \"A tool\"{examples}}}\n")
    };
    let query = "{\"query\": \"whack my quiz\", \"gold\": [{\"server\": \"disk\", \"name\": \"second\"}]}";
    let first_is_right = |examples: &str| {
        let tools = tool("first", "") + &tool("second", examples);
        let folder = write(&[("tools.jsonl", &tools), ("queries.jsonl", query)]);
        evaluate(&[folder.path().to_owned()], &EvaluationOptions::default()).unwrap().mean.p_at_1
    };
    assert_eq!(first_is_right(""), Some(0.0));
    assert_eq!(first_is_right(", \"examples\": [\"whack his quiz\"]"), Some(1.0));
}

#[test]
fn index_kinds_measure_alike() {
    let folder = write(&[("tools.jsonl", TOOLS), ("queries.jsonl", QUERIES)]);
    let figures = [index::Kind::Exact, index::Kind::Hnsw].map(|kind| {
        let index = index::Options { kind, ..index::Options::default() };
        let report =
            evaluate(&[folder.path().to_owned()], &EvaluationOptions { index, ..EvaluationOptions::default() });
        report.unwrap().mean.p_at_1
    });
    assert_eq!(figures[0], figures[1]);
}

#[test]
fn what_is_wrong_is_named() {
    let check = |files: &[(&str, &str)], expected: &[&str]| {
        let folder = write(files);
        let error = evaluate(&[folder.path().to_owned()], &EvaluationOptions::default()).unwrap_err();
        let message = error.to_string();
        assert!(expected.iter().all(|part| message.contains(part)), "{message}");
    };
    let query = |gold: &str| format!("{{\"query\": \"x\", \"gold\": [{gold}]}}");
    check(&[("queries.jsonl", QUERIES)], &["tools.jsonl"]);
    check(&[("tools.jsonl", "{}\nnonsense"), ("queries.jsonl", QUERIES)], &["tools.jsonl line 2"]);
    let unknown = query("{\"server\": \"disk\", \"name\": \"fly\"}");
    check(&[("tools.jsonl", TOOLS), ("queries.jsonl", &unknown)], &["queries.jsonl line 1", "disk.fly"]);
    check(&[("tools.jsonl", TOOLS), ("queries.jsonl", &query(""))], &["queries.jsonl line 1", "no right tools"]);
    let group = "{\"query\": \"x\", \"gold\": [{\"name\": \"weather\"}], \"groups\": [[4]]}";
    check(&[("tools.jsonl", TOOLS), ("queries.jsonl", group)], &["queries.jsonl line 1", "group"]);
    check(&[("tools.jsonl", TOOLS)], &["none of the 1 folders"]);
}
