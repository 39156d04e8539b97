//! Which lessons count, how much, and how long it takes to look through them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::learned::{Learning, Lessons, Standing, about, standings};
use crate::domain::{Effect, Hints, InputSchema, ServerName, Tool, ToolKey};
use crate::history::{History, Lesson, Limits, RouteId, RoutedTool, Source};
use crate::index::{Entry, Options, Snapshot};
use crate::reconcile::{Known, KnownServerView, LazyEmbedder};
use crate::router::LEARNED_SHIFT_MAX;

const DIMENSIONS: usize = 384;

fn tool(server: &str, description: &str) -> Tool {
    Tool {
        key: ToolKey { server: ServerName::parse(server).unwrap(), tool: "do".to_owned() },
        title: String::new(),
        description: description.to_owned(),
        input_schema: InputSchema::any_object(),
        effect: Effect::Read,
        effect_source: crate::domain::EffectSource::Announced,
        is_idempotent: true,
        raw: "{}".into(),
    }
}

/// Servers with a tool `do` each: name, fingerprint, description.
fn known(servers: &[(&str, &str, &str)]) -> Known {
    let entries = servers.iter().map(|(server, _, description)| Entry {
        tool: Arc::new(tool(server, description)),
        server_hints: Arc::new(Hints::default()),
        tool_hints: Arc::new(Hints::default()),
        vectors: Vec::new(),
        examples: Vec::new(),
    });
    let snapshot = Snapshot::build(1, "m".to_owned(), DIMENSIONS, entries.collect(), &Options::default()).unwrap();
    let view = |fingerprint: &str| KnownServerView {
        hints: Arc::new(Hints::default()),
        fingerprint: fingerprint.to_owned(),
        own_name: String::new(),
        own_version: String::new(),
        protocol_version: String::new(),
        instructions: String::new(),
        tools: 1,
        is_static: false,
        listed_at: Some(1),
        fault: String::new(),
        refusal: None,
    };
    let servers: BTreeMap<ServerName, KnownServerView> =
        servers.iter().map(|(name, print, _)| (ServerName::parse(name).unwrap(), view(print))).collect();
    Known {
        has_servers: true,
        is_loaded: true,
        is_settled: true,
        snapshot: Arc::new(snapshot),
        servers: Arc::new(servers),
        overruled: Arc::default(),
        tools_without_vector: 0,
        fault: None,
    }
}

/// A unit vector at this cosine from the first axis, in the plane with another axis.
fn at(cosine: f32, axis: usize) -> Vec<f32> {
    let mut vector = vec![0.0; DIMENSIONS];
    vector[0] = cosine;
    vector[axis] = (1.0 - cosine * cosine).sqrt();
    vector
}

fn lesson(server: &str, weight: f32, vector: Vec<f32>) -> Lesson {
    let about = about(&tool(server, "Does it"));
    let key = ToolKey { server: ServerName::parse(server).unwrap(), tool: "do".to_owned() };
    Lesson {
        id: 1,
        route_id: RouteId::random(),
        at: 0,
        source: Source::Feedback,
        weight,
        request: String::new(),
        tool: RoutedTool { key, fingerprint: "f".to_owned(), about },
        vector: Some(vector),
    }
}

/// The shift of each tool for a request along the first axis.
fn shifts(known: &Known, lessons: Vec<Lesson>) -> Vec<(String, f32)> {
    let found = Lessons::of(lessons).shifts(known, &at(1.0, 1), None);
    let name = |entry: usize| known.snapshot.entries()[entry].tool.key.server.to_string();
    found.into_iter().map(|learned| (name(learned.entry), (learned.shift * 1e4).round() / 1e4)).collect()
}

#[test]
fn a_lesson_counts_by_how_alike_the_requests_are() {
    let known = known(&[("a", "f", "Does it")]);
    let check = |cosine: f32, expected: Option<f32>| {
        let found = shifts(&known, vec![lesson("a", 0.04, at(cosine, 1))]);
        assert_eq!(found.first().map(|(_, shift)| *shift), expected, "{cosine}");
    };
    check(0.3, None);
    check(0.74, None);
    check(0.80, Some(0.01));
    check(0.85, Some(0.02));
    check(0.96, Some(0.04));
    check(1.0, Some(0.04));
}

#[test]
fn a_thousand_words_for_a_tool_move_it_by_the_bound_and_do_not_drown_one_against_it() {
    let known = known(&[("a", "f", "Does it")]);
    let many =
        |count: usize| -> Vec<Lesson> { (0..count).map(|axis| lesson("a", 0.04, at(0.93, 1 + axis % 300))).collect() };
    assert_eq!(shifts(&known, many(1_000)), [("a".to_owned(), LEARNED_SHIFT_MAX)]);
    let mut with_one_against = many(1_000);
    with_one_against.push(lesson("a", -0.04, at(1.0, 1)));
    assert_eq!(shifts(&known, with_one_against), [("a".to_owned(), 0.02)]);
}

#[test]
fn the_same_said_again_counts_three_times_at_most() {
    let known = known(&[("a", "f", "Does it")]);
    let lessons: Vec<Lesson> = (0..1_000).map(|_| lesson("a", 0.001, at(1.0, 1))).collect();
    assert_eq!(shifts(&known, lessons.clone()), [("a".to_owned(), 0.003)]);
    let counting = standings(&known, &lessons).into_iter().filter(|standing| *standing == Standing::Counts);
    assert_eq!(counting.count(), 3);
}

#[test]
fn another_program_or_another_tool_inherits_nothing() {
    let lessons = vec![lesson("a", 0.04, at(1.0, 1)), lesson("a", -0.01, at(1.0, 1))];
    let check = |servers: &[(&str, &str, &str)], shift: Option<f32>, expected: [Standing; 2]| {
        let known = known(servers);
        let found = shifts(&known, lessons.clone());
        assert_eq!(found.first().map(|(_, shift)| *shift), shift, "{servers:?}");
        assert_eq!(standings(&known, &lessons), expected, "{servers:?}");
    };
    use Standing::{Counts, NoTool, OtherServer, ToolChanged};
    check(&[("a", "f", "Does it")], Some(0.03), [Counts, Counts]);
    check(&[("a", "g", "Does it")], None, [OtherServer, OtherServer]);
    // A new description does not wash away what was said against the tool.
    check(&[("a", "f", "Does it better")], Some(-0.01), [ToolChanged, Counts]);
    check(&[("b", "f", "Does it")], None, [NoTool, NoTool]);
}

#[test]
fn a_route_is_not_measured_by_its_own_lessons() {
    let known = known(&[("a", "f", "Does it")]);
    let own = lesson("a", 0.04, at(1.0, 1));
    let id = own.route_id.clone();
    let lessons = Lessons::of(vec![own]);
    assert_eq!(lessons.shifts(&known, &at(1.0, 1), None).len(), 1);
    assert!(lessons.shifts(&known, &at(1.0, 1), Some(&id)).is_empty());
}

#[test]
fn vectors_of_another_length_are_left_out() {
    let known = known(&[("a", "f", "Does it")]);
    let lessons = Lessons::of(vec![lesson("a", 0.04, at(1.0, 1)), lesson("a", 0.04, vec![1.0; 3])]);
    assert_eq!(lessons.shifts(&known, &at(1.0, 1), None)[0].lessons, 1);
    assert!(lessons.shifts(&known, &[1.0; 3], None).is_empty());
    assert!(lessons.shifts(&known, &[], None).is_empty());
}

#[test]
#[ignore = "a measurement: prints how long the lessons take for one request"]
fn time_of_two_thousand_lessons() {
    let known = known(&[("a", "f", "Does it"), ("b", "f", "Does it")]);
    let lessons = (0..2_000).map(|number| {
        let server = if number % 2 == 0 { "a" } else { "b" };
        lesson(server, 0.01, at(0.5 + 0.4 * (number as f32 / 2_000.0), 1 + number % 300))
    });
    let lessons = Lessons::of(lessons.collect());
    let vector = at(1.0, 1);
    let started = tokio::time::Instant::now();
    let rounds = 200;
    for _ in 0..rounds {
        assert_eq!(std::hint::black_box(lessons.shifts(&known, std::hint::black_box(&vector), None)).len(), 2);
    }
    println!("{:.3} ms", started.elapsed().as_secs_f64() * 1e3 / f64::from(rounds));
}

#[tokio::test]
async fn lessons_that_are_not_read_in_time_are_waited_for_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history.db");
    let limits = Limits {
        routes_max: 10,
        keep_days: 1,
        lessons_max: 10,
        redact: true,
        queue_len: 8,
        busy_timeout: Duration::from_secs(10),
        now: || 0,
    };
    let made = History::new(path.clone(), limits.clone());
    made.routes().await.unwrap();
    made.stop().await;
    // Another process holds the file.
    let blocker = rusqlite::Connection::open(&path).unwrap();
    blocker.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let timeout = Duration::from_millis(500);
    let history = Arc::new(History::new(path, limits));
    let embedder = Arc::new(LazyEmbedder::new(crate::embedder::Options {
        model: "builtin".to_owned(),
        models_folder: folder.path().to_owned(),
        onnx_runtime: None,
        allow_download: false,
        show_progress: false,
    }));
    let learning = Learning::new(true, Some(history), embedder, timeout);
    let known = known(&[("a", "f", "Does it")]);
    tokio::time::pause();
    let started = tokio::time::Instant::now();
    for _ in 0..3 {
        assert!(learning.shifts(&known, &at(1.0, 1), None).await.is_empty());
    }
    assert!((timeout..timeout * 2).contains(&started.elapsed()), "{:?}", started.elapsed());
    blocker.execute_batch("ROLLBACK").unwrap();
}
