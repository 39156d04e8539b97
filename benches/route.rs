//! Ranking without encoding, and the index: how long a search takes and how long it takes to build.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use criterion::{BatchSize, BenchmarkId, Criterion, criterion_group, criterion_main};
use mcporch::domain::{Effect, EffectSource, Hints, InputSchema, ServerName, Tool, ToolKey};
use mcporch::index::{Entry, Kind, Options, Snapshot};
use mcporch::router::{RankOptions, rank};
use serde_json::json;

const DIMENSIONS: usize = 384;
const REQUEST: &str = "list the open invoices of our customers in Berlin and sort them by date";

/// Numbers that look random and are the same every time.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }

    fn vector(&mut self, centre: Option<&[f32]>) -> Vec<f32> {
        let mut one = |at: usize| {
            let noise = (self.next() % 2_001) as f32 / 1_000.0 - 1.0;
            centre.map_or(noise, |centre| centre[at] + 0.03 * noise)
        };
        let numbers: Vec<f32> = (0..DIMENSIONS).map(&mut one).collect();
        let length = numbers.iter().map(|number| number * number).sum::<f32>().sqrt();
        numbers.iter().map(|number| number / length).collect()
    }
}

/// Tools with names of three and descriptions of forty words out of 4,000, common ones more often, in 200 clusters of
/// meaning, ten tools to a server.
fn catalogue(count: usize) -> Vec<Entry> {
    let mut random = Random(1);
    let verbs = ["list", "get", "create", "delete", "update", "search"];
    let centres: Vec<Vec<f32>> = (0..200).map(|_| random.vector(None)).collect();
    let mut word = || {
        let rank = random.next() % 4_000 * (random.next() % 4_000) / 4_000;
        if rank == 7 { "invoice".to_owned() } else { format!("word{rank}") }
    };
    let texts: Vec<(String, String)> = (0..count)
        .map(|at| {
            let name = format!("{}_{}_{}_{at}", verbs[at % verbs.len()], word(), word());
            (name, (0..40).map(|_| word()).collect::<Vec<_>>().join(" "))
        })
        .collect();
    let mut random = Random(2);
    let entries = texts.into_iter().enumerate().map(|(at, (name, description))| Entry {
        tool: Arc::new(Tool {
            key: ToolKey { server: ServerName::parse(&format!("server{}", at / 10)).expect("a good name"), tool: name },
            title: String::new(),
            description,
            input_schema: InputSchema::of(&json!({"type": "object", "properties": {"id": {"description": "The number of it"}}, "required": ["id"]})),
            effect: Effect::Read,
            effect_source: EffectSource::Announced,
            is_idempotent: true,
            raw: Arc::from("{}"),
        }),
        server_hints: Arc::new(Hints::default()),
        tool_hints: Arc::new(Hints::default()),
        vectors: vec![random.vector(Some(&centres[at % centres.len()])).into(); 2],
        examples: Vec::new(),
    });
    entries.collect()
}

fn build(entries: Vec<Entry>, kind: Kind) -> Snapshot {
    Snapshot::build(1, "builtin/router-v1".to_owned(), DIMENSIONS, entries, &Options { kind, ..Options::default() })
        .expect("good vectors")
}

fn route(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("route");
    for count in [600, 5_000, 20_000] {
        let entries = catalogue(count);
        let request_vector: Vec<f32> = entries[count / 2].vectors[0].to_vec();
        let mut kinds = vec![("exact", Kind::Exact)];
        if count > 600 {
            kinds.push(("graph", Kind::Hnsw));
        }
        for (name, kind) in kinds {
            let snapshot = build(entries.clone(), kind);
            group.bench_function(BenchmarkId::new(name, count), |bencher| {
                bencher
                    .iter(|| rank(&snapshot, black_box(REQUEST), black_box(&request_vector), &RankOptions::default()));
            });
        }
        let snapshot = build(entries, Kind::Exact);
        let allowed = |key: &ToolKey| !key.server.as_str().ends_with('3');
        let options = RankOptions { allowed: Some(&allowed), ..RankOptions::default() };
        group.bench_function(BenchmarkId::new("exact_filtered", count), |bencher| {
            bencher.iter(|| rank(&snapshot, black_box(REQUEST), black_box(&request_vector), &options));
        });
    }
    group.finish();
}

fn search(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("search");
    for count in [600, 5_000, 20_000] {
        let entries = catalogue(count);
        let vector: Vec<f32> = entries[count / 2].vectors[0].to_vec();
        for (name, kind) in [("exact", Kind::Exact), ("graph", Kind::Hnsw)] {
            let snapshot = build(entries.clone(), kind);
            // Without words in the request this is the search by meaning alone.
            group.bench_function(BenchmarkId::new(name, count), |bencher| {
                bencher.iter(|| snapshot.score("", black_box(&vector), None));
            });
        }
    }
    group.finish();
}

fn build_index(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("build");
    group.sample_size(10).measurement_time(Duration::from_secs(3));
    for (name, kind, counts) in
        [("exact", Kind::Exact, &[600, 5_000, 20_000][..]), ("graph", Kind::Hnsw, &[600, 5_000][..])]
    {
        for count in counts {
            let entries = catalogue(*count);
            group.bench_function(BenchmarkId::new(name, count), |bencher| {
                bencher.iter_batched(|| entries.clone(), |entries| build(entries, kind), BatchSize::PerIteration);
            });
        }
    }
    group.finish();
}

criterion_group!(benches, route, search, build_index);
criterion_main!(benches);
