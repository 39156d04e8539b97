//! `mcporch eval`: how good is the routing?

use std::path::PathBuf;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use crate::embedder;
use crate::evaluation::{self, EvaluationOptions, Mean, SetReport};

use super::Global;
use super::exit_code::Exit;
use super::output::{DIM, Out, painted};

#[derive(Debug, Args)]
pub(super) struct EvalArgs {
    /// Folders with tools.jsonl and queries.jsonl, and negatives.jsonl where there are any
    #[arg(required_unless_present = "history")]
    folders: Vec<PathBuf>,
    /// Instead route all that was asked here once more, with today's tools, settings and lessons (`--set
    /// learning.enabled=false` leaves these out), and show what changes; starts no server
    #[arg(long, conflicts_with_all = ["folders", "features"])]
    pub(super) history: bool,
    /// Also write what the ranking and the confidences are fitted from into this folder
    #[arg(long, value_name = "FOLDER")]
    features: Option<PathBuf>,
}

pub(super) fn eval(global: &Global, args: &EvalArgs) -> anyhow::Result<Exit> {
    // The registry has no part in this, so neither have its faults.
    let config = crate::config::load(&global.request(), &crate::config::ProcessEnv)?;
    let settings = &config.settings;
    let embedder = embedder::open(&embedder::Options {
        model: settings.embedder.model.clone(),
        models_folder: config.home.models(),
        onnx_runtime: settings.embedder.onnx_runtime.clone(),
        allow_download: settings.embedder.allow_download,
        show_progress: std::io::IsTerminal::is_terminal(&std::io::stderr()),
    })?;
    let threads = match settings.embedder.threads {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        some => some,
    };
    let options = EvaluationOptions {
        threads,
        words_weight: settings.router.words_weight,
        features: args.features.clone(),
        ..EvaluationOptions::default()
    };
    let bar = ProgressBar::new(0);
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} {bar:24} {pos}/{len} texts, {eta} left") {
        bar.set_style(style);
    }
    let report = evaluation::run(&args.folders, embedder.as_ref(), &options, &mut |set, done, total| {
        bar.set_message(set.to_owned());
        bar.set_length(u64::try_from(total).unwrap_or(u64::MAX));
        bar.set_position(u64::try_from(done).unwrap_or(u64::MAX));
    });
    bar.finish_and_clear();
    let report = report?;
    for folder in &report.skipped {
        Out::stderr().line(&painted(DIM, &format!("skipped: {} has no queries.jsonl", folder.display())));
    }
    let mut out = Out::stdout();
    if global.json {
        out.json(&report);
        return Ok(Exit::Done);
    }
    let mut rows: Vec<Vec<String>> = report.sets.iter().map(of_set).collect();
    rows.push(with_figures(vec!["mean".to_owned(), String::new(), String::new()], &report.mean));
    out.table(
        &[
            "set",
            "tools",
            "queries",
            "P@1",
            "R@1",
            "R@5",
            "nDCG@10",
            "server P@1",
            "AUROC right",
            "AUROC any",
            "FPR95",
            "ECE",
        ],
        &rows,
    );
    Ok(Exit::Done)
}

fn of_set(set: &SetReport) -> Vec<String> {
    with_figures(vec![set.name.clone(), set.tools.to_string(), set.queries.to_string()], &set.figures)
}

fn with_figures(mut row: Vec<String>, figures: &Mean) -> Vec<String> {
    row.extend([
        percent(figures.p_at_1),
        percent(figures.r_at_1),
        percent(figures.r_at_5),
        percent(figures.ndcg_at_10),
        percent(figures.server_p_at_1),
        fraction(figures.auroc_right_wrong),
        fraction(figures.auroc_no_tool),
        fraction(figures.fpr_at_95),
        fraction(figures.ece),
    ]);
    row
}

fn percent(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{:.1}", value * 100.0))
}

fn fraction(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.3}"))
}
