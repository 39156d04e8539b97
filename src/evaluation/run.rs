//! Embeds, indexes and ranks one folder after the other.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;

use crate::domain::ToolKey;
use crate::embedder::{self, Embedder, TextKind};
use crate::index::{self, Entry, Snapshot};
use crate::router::{RankOptions, Ranking, rank};

use super::Error;
use super::features::FeatureFolder;
use super::metrics::{self, RequestFigures};
use super::report::{Mean, Report, SetReport};
use super::set::{self, Request, Set};

/// Texts that a thread embeds before it reports.
const BATCH: usize = 16;
/// Places looked at; nDCG needs 10, the softmax of the confidence 20.
const PLACES: usize = 20;

/// How to measure.
#[derive(Debug, Clone)]
pub struct EvaluationOptions {
    /// Threads that embed.
    pub threads: usize,
    /// How the index is built.
    pub index: index::Options,
    /// The weight of the words in the ranking, 0..=1.
    pub words_weight: f32,
    /// Also write what the ranking and the confidences are fitted from into this folder.
    pub features: Option<PathBuf>,
}

impl Default for EvaluationOptions {
    /// As routing works by default, with two threads.
    fn default() -> Self {
        let words_weight = RankOptions::default().words_weight;
        Self { threads: 2, index: index::Options::default(), words_weight, features: None }
    }
}

/// A set with its vectors.
pub(super) struct Prepared {
    pub(super) set: Set,
    pub(super) entries: Vec<Entry>,
    pub(super) request_vectors: Vec<Vec<f32>>,
    pub(super) negative_vectors: Vec<Vec<f32>>,
}

/// Measures every folder that has requests; the others are named in [`Report::skipped`]. Blocking, about 5 ms per text
/// and thread. `progress` hears the folder's name, texts embedded and texts in all.
///
/// # Errors
/// The first file that cannot be read or line that is wrong, a failing embedder, or no folder with requests at all.
pub fn run(
    folders: &[PathBuf],
    embedder: &dyn Embedder,
    options: &EvaluationOptions,
    progress: &mut dyn FnMut(&str, usize, usize),
) -> Result<Report, Error> {
    let (mut sets, mut skipped) = (Vec::new(), Vec::new());
    let features = options.features.as_deref().map(FeatureFolder::create).transpose()?;
    for folder in folders {
        let Some(set) = set::read(folder)? else {
            skipped.push(folder.clone());
            continue;
        };
        let prepared = prepare(set, embedder, options, progress)?;
        sets.push(measure(&prepared, embedder, options, features.as_ref())?);
    }
    if sets.is_empty() {
        return Err(Error::NothingToDo { count: folders.len() });
    }
    let mean = Mean::over(&sets);
    Ok(Report { sets, mean, skipped })
}

fn prepare(
    set: Set,
    embedder: &dyn Embedder,
    options: &EvaluationOptions,
    progress: &mut dyn FnMut(&str, usize, usize),
) -> Result<Prepared, Error> {
    let about = || set.tools.iter().zip(&set.hints).zip(&set.tool_hints);
    let texts: Vec<Vec<String>> =
        about().map(|((tool, server), own)| index::texts_to_embed(tool, server, own)).collect();
    let examples: Vec<Vec<String>> = set.tool_hints.iter().map(|own| index::examples_to_embed(own)).collect();
    let of_tools: Vec<&str> = texts.iter().flatten().map(String::as_str).collect();
    let of_examples: Vec<&str> = examples.iter().flatten().map(String::as_str).collect();
    let of_requests: Vec<&str> = set.requests.iter().map(|request| request.text.as_str()).collect();
    let of_negatives: Vec<&str> = set.negatives.iter().map(String::as_str).collect();
    let total = of_tools.len() + of_examples.len() + of_requests.len() + of_negatives.len();
    let mut before = 0;
    let mut embed = |kind, texts: &[&str]| {
        let vectors = embed_all(embedder, kind, texts, options.threads, &mut |done| {
            progress(&set.name, before + done, total);
        });
        before += texts.len();
        vectors.map_err(|source| Error::Embed { path: set.folder.clone(), source: Box::new(source) })
    };
    let mut tool_vectors = embed(TextKind::Document, &of_tools)?.into_iter();
    let mut example_vectors = embed(TextKind::Document, &of_examples)?.into_iter();
    let request_vectors = embed(TextKind::Query, &of_requests)?;
    let negative_vectors = embed(TextKind::Query, &of_negatives)?;
    let entries = about().zip(texts.iter().zip(&examples)).map(|(((tool, server), own), (texts, examples))| Entry {
        tool: Arc::clone(tool),
        server_hints: Arc::clone(server),
        tool_hints: Arc::clone(own),
        vectors: tool_vectors.by_ref().take(texts.len()).map(Arc::from).collect(),
        examples: example_vectors.by_ref().take(examples.len()).map(Arc::from).collect(),
    });
    let entries = entries.collect();
    Ok(Prepared { set, entries, request_vectors, negative_vectors })
}

fn embed_all(
    embedder: &dyn Embedder,
    kind: TextKind,
    texts: &[&str],
    threads: usize,
    progress: &mut dyn FnMut(usize),
) -> Result<Vec<Vec<f32>>, embedder::Error> {
    let batches: Vec<&[&str]> = texts.chunks(BATCH).collect();
    let next = AtomicUsize::new(0);
    let (sender, receiver) = mpsc::channel();
    thread::scope(|scope| {
        for _ in 0..threads.clamp(1, batches.len().max(1)) {
            let (sender, batches, next) = (sender.clone(), &batches, &next);
            scope.spawn(move || {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let Some(batch) = batches.get(number) else { return };
                    if sender.send((number * BATCH, embedder.embed(kind, batch))).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        let mut vectors = vec![Vec::new(); texts.len()];
        let mut done = 0;
        // Leaving early drops the receiver, and with it the threads stop at their next batch.
        for (place, embedded) in receiver {
            for (at, vector) in embedded?.into_iter().enumerate() {
                vectors[place + at] = vector;
                done += 1;
            }
            progress(done);
        }
        Ok(vectors)
    })
}

fn measure(
    prepared: &Prepared,
    embedder: &dyn Embedder,
    options: &EvaluationOptions,
    features: Option<&FeatureFolder>,
) -> Result<SetReport, Error> {
    let set = &prepared.set;
    let snapshot = snapshot_of(prepared.entries.clone(), set, embedder, options)?;
    let mut figures: Vec<RequestFigures> = Vec::new();
    let (mut servers_right, mut sure, mut answerable) = (Vec::new(), Vec::new(), Vec::new());
    for (request, vector) in set.requests.iter().zip(&prepared.request_vectors) {
        let ranking = rank_in(&snapshot, &request.text, vector, options);
        let ranked: Vec<usize> = ranking.candidates.iter().map(|candidate| candidate.entry).collect();
        let judged = metrics::judge(&ranked, &request.groups);
        servers_right.push(f64::from(server_is_right(set, ranked.first(), request)));
        sure.push((f64::from(ranking.is_right.value()), judged.first_is_right));
        answerable.push(f64::from(ranking.is_any.value()));
        figures.push(judged);
    }
    let mut unanswerable = Vec::new();
    for (text, vector) in set.negatives.iter().zip(&prepared.negative_vectors) {
        let ranking = rank_in(&snapshot, text, vector, options);
        unanswerable.push(f64::from(ranking.is_any.value()));
    }
    if let Some(folder) = features {
        let mut file = folder.open(prepared)?;
        file.write_all(prepared, &snapshot, options)?;
        file.finish()?;
    }
    let scores_of = |right: bool| -> Vec<f64> { sure.iter().filter(|(_, is)| *is == right).map(|(p, _)| *p).collect() };
    let mean_of = |figure: fn(&RequestFigures) -> f64| metrics::mean(figures.iter().map(figure));
    Ok(SetReport {
        name: set.name.clone(),
        tools: set.tools.len(),
        queries: set.requests.len(),
        figures: Mean {
            p_at_1: mean_of(|figures| f64::from(figures.first_is_right)),
            r_at_1: mean_of(|figures| figures.recall_1),
            r_at_5: mean_of(|figures| figures.recall_5),
            ndcg_at_10: mean_of(|figures| figures.ndcg),
            server_p_at_1: metrics::mean(servers_right.into_iter()).filter(|_| snapshot.servers_count() > 1),
            auroc_right_wrong: metrics::auroc(&scores_of(true), &scores_of(false)),
            auroc_no_tool: metrics::auroc(&answerable, &unanswerable),
            fpr_at_95: metrics::false_positives_at_95(&answerable, &unanswerable),
            ece: metrics::calibration_error(&sure),
        },
    })
}

fn snapshot_of(
    entries: Vec<Entry>,
    set: &Set,
    embedder: &dyn Embedder,
    options: &EvaluationOptions,
) -> Result<Snapshot, Error> {
    let model = embedder.id().name.clone();
    Snapshot::build(1, model, embedder.dimensions(), entries, &options.index)
        .map_err(|source| Error::Index { path: set.folder.clone(), source })
}

fn rank_in(snapshot: &Snapshot, text: &str, vector: &[f32], options: &EvaluationOptions) -> Ranking {
    rank(snapshot, text, vector, &rank_options(options, None))
}

pub(super) fn rank_options<'a>(
    options: &EvaluationOptions,
    allowed: Option<&'a dyn Fn(&ToolKey) -> bool>,
) -> RankOptions<'a> {
    RankOptions { k: PLACES, allowed, words_weight: options.words_weight, params: None, learned: &[] }
}

fn server_is_right(set: &Set, first: Option<&usize>, request: &Request) -> bool {
    let server = |tool: &usize| &set.tools[*tool].key.server;
    first.is_some_and(|first| request.groups.iter().flatten().any(|right| server(right) == server(first)))
}
