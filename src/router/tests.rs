//! What the router promises, on small catalogues with made-up vectors.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use serde_json::{Value, json};

use super::*;
use crate::domain::{Confidence, Effect, EffectSource, Hints, InputSchema, ServerName, Tool, ToolKey};
use crate::index::{self, Entry, Options, Snapshot};

const DIMENSIONS: usize = 64;

/// A stand-in for a model: each word has a fixed direction, a text is their mean.
fn embed(text: &str) -> Vec<f32> {
    let mut vector = vec![0.0_f32; DIMENSIONS];
    for word in index::words(text) {
        for (at, number) in vector.iter_mut().enumerate() {
            let mut hasher = DefaultHasher::new();
            (&word, at).hash(&mut hasher);
            *number += (hasher.finish() % 2_001) as f32 / 1_000.0 - 1.0;
        }
    }
    let length = vector.iter().map(|number| number * number).sum::<f32>().sqrt().max(f32::MIN_POSITIVE);
    vector.iter_mut().for_each(|number| *number /= length);
    vector
}

struct Catalogue {
    entries: Vec<Entry>,
}

impl Catalogue {
    /// Each tool as `server.name: description`.
    fn new(tools: &[&str]) -> Self {
        let schema = json!({"type": "object"});
        Self { entries: tools.iter().map(|tool| entry(tool, schema.clone(), Hints::default())).collect() }
    }

    fn snapshot(&self) -> Snapshot {
        Snapshot::build(1, "test".to_owned(), DIMENSIONS, self.entries.clone(), &Options::default()).unwrap()
    }

    fn rank(&self, request: &str, options: &RankOptions<'_>) -> (Ranking, Vec<String>) {
        let snapshot = self.snapshot();
        let ranking = rank(&snapshot, request, &embed(request), options);
        let names =
            ranking.candidates.iter().map(|found| snapshot.entries()[found.entry].tool.key.to_string()).collect();
        (ranking, names)
    }
}

fn entry(tool: &str, input_schema: Value, hints: Hints) -> Entry {
    let (name, description) = tool.split_once(": ").unwrap_or((tool, ""));
    let (server, name) = name.split_once('.').unwrap();
    let tool = Tool {
        key: ToolKey { server: ServerName::parse(server).unwrap(), tool: name.to_owned() },
        title: String::new(),
        description: description.to_owned(),
        input_schema: InputSchema::of(&input_schema),
        effect: Effect::Read,
        effect_source: EffectSource::Announced,
        is_idempotent: true,
        raw: Arc::from("{}"),
    };
    let texts = index::texts_to_embed(&tool, &Hints::default(), &hints);
    let vectors = texts.iter().map(|text| Arc::from(embed(text))).collect();
    Entry {
        tool: Arc::new(tool),
        server_hints: Arc::default(),
        tool_hints: Arc::new(hints),
        vectors,
        examples: Vec::new(),
    }
}

const OFFICE: &[&str] = &[
    "files.read_file: Read a file from the disk",
    "files.list_folder: List what is in a folder",
    "mail.send_mail: Send a mail to somebody",
    "mail.search: Find mails by their text",
    "github.create_issue: Open a new issue in a repository",
    "github.delete_repository: Delete a repository for ever",
    "weather.forecast: The weather of the next days in a city",
    "time.now: The time in a city",
];

fn check_first(tools: &[&str], request: &str, expected: &str) -> Ranking {
    let (ranking, names) = Catalogue::new(tools).rank(request, &RankOptions::default());
    assert_eq!(names.first().map(String::as_str), Some(expected), "{request}: {names:?}");
    ranking
}

#[test]
fn requests_find_their_tools_in_catalogues_of_any_size() {
    for count in [1, 3, 8] {
        for (at, request) in
            ["read a file", "what is in the folder", "send a mail to Anna"].iter().enumerate().take(count)
        {
            let expected = OFFICE[at].split(':').next().unwrap();
            let ranking = check_first(&OFFICE[..count], request, expected);
            assert_eq!(ranking.candidates.len(), count);
            assert!(ranking.candidates.iter().all(|found| found.score.is_finite()));
        }
    }
}

#[test]
fn what_no_tool_serves_has_little_confidence() {
    for count in [1, 3, 8] {
        let (ranking, _) = Catalogue::new(&OFFICE[..count]).rank("bake bread tomorrow", &RankOptions::default());
        let (fitting, _) = Catalogue::new(&OFFICE[..count]).rank("read a file from the disk", &RankOptions::default());
        assert!(ranking.is_any < fitting.is_any, "{count} tools");
        assert!(ranking.is_any.value() < 0.25, "{count} tools: {:?}", ranking.is_any);
    }
}

#[test]
fn a_named_tool_is_always_first() {
    let check = |request: &str, expected: &str| {
        let ranking = check_first(OFFICE, request, expected);
        assert!(ranking.named, "{request}");
        let is_plain_word = request.chars().all(char::is_lowercase);
        assert!(is_plain_word || ranking.is_right.value() >= 0.95, "{request}: {:?}", ranking.is_right);
        assert_eq!(ranking.candidates[0].reasons[0], Reason::NamedExactly);
    };
    check("create_issue", "github.create_issue");
    check("createIssue", "github.create_issue");
    check("github.create_issue", "github.create_issue");
    check("read the weather forecast of the folder with `create_issue`", "github.create_issue");
    check("read a file from the disk with mail.search", "mail.search");
    check("search", "mail.search");
    check("now", "time.now");
}

#[test]
fn naming_what_destroys_in_passing_does_not_run_it() {
    let decision = |request: &str| {
        let ranking = check_first(OFFICE, request, "github.delete_repository");
        decide(&ranking, Effect::Destructive, &Bars::default())
    };
    assert_eq!(decision("github.delete_repository"), Decision::Run);
    assert_eq!(decision("do anything but delete_repository"), Decision::NeedsConfirmation);
    let created = check_first(OFFICE, "why did create_issue fail yesterday", "github.create_issue");
    assert_eq!(decide(&created, Effect::Write, &Bars::default()), Decision::NeedsConfirmation);
    assert!(!check_first(OFFICE, "delete repository", "github.delete_repository").named);
}

#[test]
fn a_plain_word_names_nothing_within_a_request() {
    let ranking = check_first(OFFICE, "forecast: read a file from the disk and search", "files.read_file");
    assert!(!ranking.named);
}

#[test]
fn one_name_on_two_servers_is_not_certain() {
    let (ranking, names) =
        Catalogue::new(&["a.get_page: Get a page", "b.get_page: Get a page"]).rank("get_page", &RankOptions::default());
    assert_eq!(names.len(), 2);
    assert!(ranking.named && ranking.is_right.value() < 0.9, "{:?}", ranking.is_right);
    assert_eq!(decide(&ranking, Effect::Write, &Bars::default()), Decision::NeedsChoice);
}

#[test]
fn scripts_and_accents_do_not_matter() {
    let tools =
        &["m.meteo: Prévisions météo", "t.天気: 天気予報を見る", "x.other: Something else", "x.more: More of it"];
    check_first(tools, "previsions METEO", "m.meteo");
    check_first(tools, "明日の天気", "t.天気");
}

#[test]
fn what_is_not_allowed_has_no_influence() {
    let hidden = |key: &ToolKey| key.server.as_str() != "github";
    let options = RankOptions { allowed: Some(&hidden), ..RankOptions::default() };
    let (with, names) = Catalogue::new(OFFICE).rank("create_issue in the repository", &options);
    assert!(names.iter().all(|name| !name.starts_with("github.")), "{names:?}");
    assert!(!with.named);
    let nobody = |_: &ToolKey| false;
    let (nothing, _) =
        Catalogue::new(OFFICE).rank("read", &RankOptions { allowed: Some(&nobody), ..RankOptions::default() });
    assert_eq!((nothing.candidates.len(), nothing.is_right, nothing.is_any), (0, Confidence::NONE, Confidence::NONE));
    assert_eq!(decide(&nothing, Effect::Read, &Bars::default()), Decision::NoMatch);
}

#[test]
fn hints_help() {
    let request = "tell the team on slack";
    let mut catalogue = Catalogue::new(OFFICE);
    let (before, names) = catalogue.rank(request, &RankOptions::default());
    assert_ne!(names[0], "mail.send_mail");
    let hints = Hints { keywords: vec!["slack".into(), "team".into()], ..Hints::default() };
    catalogue.entries[2] = entry(OFFICE[2], json!({}), hints);
    let (after, names) = catalogue.rank(request, &RankOptions::default());
    assert_eq!(names[0], "mail.send_mail");
    assert!(after.is_any > before.is_any);
    let hinted = |reason: &Reason| matches!(reason, Reason::WordsInHints(words) if words.contains(&"slack".to_owned()));
    assert!(after.candidates[0].reasons.iter().any(hinted));
}

#[test]
fn parameters_that_fit_decide_between_equals() {
    let schema = |name: &str| json!({"type": "object", "properties": {name: {}}, "required": [name]});
    let entries = [("a.get_page: Get it", "url"), ("b.get_page: Get it", "path")]
        .map(|(tool, name)| entry(tool, schema(name), Hints::default()));
    let catalogue = Catalogue { entries: entries.to_vec() };
    for (name, expected) in [("url", "a.get_page"), ("path", "b.get_page")] {
        let params = json!({name: "x"});
        let (ranking, names) =
            catalogue.rank("get it", &RankOptions { params: Some(&params), ..RankOptions::default() });
        assert_eq!(names[0], expected);
        assert!(ranking.candidates[0].reasons.contains(&Reason::ParametersFit));
        assert!(ranking.candidates[1].reasons.contains(&Reason::UnknownParameters(vec![name.to_owned()])));
    }
}

#[test]
fn a_tool_that_must_be_told_less_is_more_likely_meant() {
    let schema = |required: &[&str]| json!({"type": "object", "required": required});
    let entries = vec![
        // Server names that are stop words: the two differ in what they require only.
        entry("an.time: The time", schema(&["from", "to", "time"]), Hints::default()),
        entry("the.time: The time", schema(&["zone"]), Hints::default()),
    ];
    let (_, names) = Catalogue { entries }.rank("what time is it in Tokyo", &RankOptions::default());
    assert_eq!(names[0], "the.time");
}

#[test]
fn values_are_counted_by_their_look() {
    let check = |request: &str, expected: usize| assert_eq!(values::count(request), expected, "{request}");
    check("list all files", 0);
    check("What time is it in Tokyo?", 1);
    check("convert 3pm from New York to Berlin", 3);
    check("open \"my notes\" and don't close notes/x.txt", 2);
    check("Send it. The mail goes to anna@example.org", 1);
    check("I think I know", 0);
    check("say “hello there” to 'Bob'", 2);
    check("an open \" quote", 0);
}

#[test]
fn confidences_are_probabilities() {
    for request in ["read a file", "xyzzy", "", "   ", "🎉", "mail mail mail mail", &"long story ".repeat(100_000)] {
        let (ranking, _) = Catalogue::new(OFFICE).rank(request, &RankOptions::default());
        let sum: f32 = ranking.candidates.iter().map(|found| found.confidence.value()).sum();
        assert!(sum <= 1.001, "{sum}");
        assert_eq!(ranking.candidates[0].confidence, ranking.is_right);
        assert!(ranking.candidates.windows(2).all(|pair| pair[0].confidence >= pair[1].confidence));
        assert!(ranking.candidates.iter().all(|found| (0.0..=1.0).contains(&found.words_share)));
    }
}

#[test]
fn more_evidence_is_more_confidence() {
    let base = Features { meaning: 0.4, words: 0.1, words_share: 0.1, name_len: 1.1, ..Features::default() };
    let right = [
        Features { share_logit: 1.0, ..base },
        Features { words: 0.2, ..base },
        Features { server_in_request: 1.0, ..base },
    ];
    let any = [
        Features { meaning: 0.6, ..base },
        Features { words: 0.2, ..base },
        Features { request_in_any: 0.6, ..base },
        Features { name_in_request: 1.0, ..base },
        Features { has_rarest: 1.0, ..base },
    ];
    // The router's needs fewer: of a taught encoder the cosine says more, and the rest less.
    let of_router = ("builtin/router-v1", &right[..2], &any[..2]);
    for (model, right, any) in [of_router, ("builtin/all-minilm-l6-v2", &right[..], &any[..])] {
        let fitted = model::fitted(model);
        let is_right = |features: &Features| calibration::is_right(fitted, features, None, 0, None);
        for features in right {
            assert!(is_right(features) > is_right(&base), "{features:?}");
        }
        for features in any {
            assert!(calibration::is_any(fitted, features) > calibration::is_any(fitted, &base), "{features:?}");
        }
    }
    // A request that is like a tool's examples is the surer for it.
    let fitted = model::fitted("builtin/router-v1");
    let lifted = calibration::is_right(fitted, &Features { lift: 0.1, ..base }, None, 0, None);
    assert!(lifted > calibration::is_right(fitted, &base, None, 0, None));
    assert_eq!(base.values().len(), FEATURE_NAMES.len());
}

#[test]
fn a_request_in_a_script_that_the_model_cannot_read_does_not_run_by_itself() {
    let catalogue = Catalogue::new(&["memo.add: 買い物をメモに追加する", "shop.buy: buy milk for tomorrow"]);
    let of_model = "builtin/router-v1".to_owned();
    let snapshot = Snapshot::build(1, of_model, DIMENSIONS, catalogue.entries, &Options::default()).unwrap();
    let sure = |request: &str| {
        let ranking = rank(&snapshot, request, &embed(request), &RankOptions::default());
        (ranking.candidates[0].entry, ranking.is_right.value())
    };
    let (japanese, english) = (sure("買い物をメモに追加する"), sure("buy milk for tomorrow"));
    assert!(japanese.0 == 0 && japanese.1 <= 0.8, "{japanese:?}");
    assert!(english.0 == 1 && english.1 > 0.88, "{english:?}");
    assert!(sure("買い物をmemoに追加する").1 <= 0.8);
    // A name or a word in it is no other language.
    assert!(sure("buy milk for 明日 tomorrow").1 > 0.88);
}

#[test]
fn the_bar_rises_with_the_risk() {
    let catalogue = Catalogue::new(OFFICE);
    let with = |is_right: f32, is_any: f32| {
        let (mut ranking, _) = catalogue.rank("read a file", &RankOptions::default());
        (ranking.is_right, ranking.is_any) = (Confidence::new(is_right), Confidence::new(is_any));
        [Effect::Read, Effect::Write, Effect::Destructive].map(|effect| decide(&ranking, effect, &Bars::default()))
    };
    use Decision::{NeedsChoice, NeedsConfirmation, NoMatch, Run};
    assert_eq!(with(0.99, 0.9), [Run, Run, Run]);
    assert_eq!(with(0.975, 0.9), [Run, Run, NeedsConfirmation]);
    assert_eq!(with(0.90, 0.9), [Run, NeedsConfirmation, NeedsConfirmation]);
    assert_eq!(with(0.99, 0.6), [Run, NeedsConfirmation, NeedsConfirmation]);
    assert_eq!(with(0.99, 0.4), [NeedsChoice, NeedsConfirmation, NeedsConfirmation]);
    assert_eq!(with(0.30, 0.9), [NeedsChoice; 3]);
    assert_eq!(with(0.99, 0.05), [NoMatch; 3]);
}

#[test]
fn the_weight_of_the_words_goes_from_none_to_all() {
    let catalogue = Catalogue::new(OFFICE);
    let first = |words_weight: f32| {
        let (ranking, _) =
            catalogue.rank("the weather city days", &RankOptions { words_weight, ..RankOptions::default() });
        ranking.candidates[0].clone()
    };
    for weight in [0.0, 0.3, 1.0, f32::NAN, -3.0, 9.0] {
        assert!(first(weight).score.is_finite());
        assert_eq!(first(weight).entry, 6);
    }
}

#[test]
fn the_graph_and_the_scan_put_the_same_tool_first() {
    let nouns = ["invoice", "ticket", "photo", "song", "route", "recipe", "contract", "sensor", "lamp", "parcel"];
    let verbs = ["archive", "print", "rate", "tag", "sort", "count", "watch", "sign", "wash", "rotate"];
    let tools: Vec<String> = (0..1_000)
        .map(|at| {
            let (noun, verb, place) = (nouns[at % 10], verbs[at / 10 % 10], at / 100);
            format!("s{place}.{verb}_{noun}: To {verb} one {noun} in building{place}")
        })
        .collect();
    let entries: Vec<Entry> = tools.iter().map(|tool| entry(tool, json!({}), Hints::default())).collect();
    let snapshots = [index::Kind::Exact, index::Kind::Hnsw].map(|kind| {
        let options = Options { kind, ..Options::default() };
        Snapshot::build(1, String::new(), DIMENSIONS, entries.clone(), &options).unwrap()
    });
    let mut same: HashMap<bool, usize> = HashMap::new();
    for at in (0..1_000).step_by(37) {
        let request = format!("{} my {} at building{}", verbs[at / 10 % 10], nouns[at % 10], at / 100);
        let firsts = [0, 1].map(|which| {
            rank(&snapshots[which], &request, &embed(&request), &RankOptions::default()).candidates[0].entry
        });
        *same.entry(firsts[0] == firsts[1]).or_default() += 1;
    }
    assert_eq!(same.get(&false), None, "{same:?}");
}

#[test]
fn parameters_that_fit_one_tool_only_speak_for_it() {
    let schema = |names: &[&str]| {
        let properties: serde_json::Map<String, Value> =
            names.iter().map(|name| ((*name).to_owned(), json!({}))).collect();
        json!({"type": "object", "properties": properties, "required": names})
    };
    let entries = vec![
        entry("office.find_person", schema(&["person"]), Hints::default()),
        entry("office.find_place", schema(&["place"]), Hints::default()),
    ];
    let snapshot = Snapshot::build(1, "m".to_owned(), DIMENSIONS, entries, &Options::default()).unwrap();
    let rank_with = |params: &Value| {
        rank(&snapshot, "find Anna", &[], &RankOptions { k: 2, params: Some(params), ..RankOptions::default() })
    };
    let without = rank(&snapshot, "find Anna", &[], &RankOptions { k: 2, ..RankOptions::default() });
    let ranking = rank_with(&json!({"place": "Rome"}));
    assert_eq!(snapshot.entries()[ranking.candidates[0].entry].tool.key.tool, "find_place");
    assert!(ranking.is_right > without.is_right && ranking.is_any > without.is_any);
    let unfit = rank_with(&json!({"colour": "red"}));
    assert!(unfit.is_any < without.is_any);
}
