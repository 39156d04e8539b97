//! The built-in encoder on one thread: a short request, and 100 descriptions of tools, on every path of this processor; on the fastest one
//! the base beside it, which is the same network with other numbers.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use mcporch::embedder::{Builtin, Embedder, Path, TextKind};

const REQUEST: &str = "make a logo for my coffee shop";

fn encode(criterion: &mut Criterion) {
    let texts: Vec<String> = include_str!("../tests/data/tool_texts.jsonl")
        .lines()
        .skip(20)
        .take(100)
        .map(|line| serde_json::from_str(line).expect("the file holds JSON strings"))
        .collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let mut group = criterion.benchmark_group("encode");
    group.sample_size(20);
    let mut measure = |name: String, path: Path, encoder: &Builtin| {
        group.throughput(Throughput::Elements(1));
        group.bench_function(format!("short request/{name}"), |bench| {
            bench.iter(|| encoder.embed(TextKind::Query, black_box(&[REQUEST])));
        });
        // The portable path takes seconds for these; its short request says enough.
        if path != Path::Portable {
            group.throughput(Throughput::Elements(texts.len() as u64));
            group.bench_function(format!("100 tools/{name}"), |bench| {
                bench.iter(|| encoder.embed(TextKind::Document, black_box(&texts)));
            });
        }
    };
    for path in Path::ALL {
        if let Some(encoder) = Builtin::new().with_path(path) {
            measure(format!("{path:?}"), path, &encoder);
        }
    }
    measure(format!("base on {:?}", Path::best()), Path::best(), &Builtin::base());
    group.finish();
}

criterion_group!(benches, encode);
criterion_main!(benches);
