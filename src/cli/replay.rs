//! `mcporch eval --history`: one's own requests, routed once more.

use crate::domain::ToolKey;
use crate::evaluation::{HistoryReport, ReplayedRoute, compare_history};
use crate::history::Verdict;
use crate::operations::Replayed;

use super::exit_code::Exit;
use super::output::{DIM, Out, counted, painted};
use super::progress::Bars;
use super::{Global, prepare};

pub(super) async fn replay(global: &Global) -> anyhow::Result<Exit> {
    let config = prepare::configuration(global)?;
    let app = prepare::app(&config).await?;
    // Texts that have no vector in today's model are embedded; a server is never started.
    let bars = Bars::new();
    let filled = app.reconciler.fill_vectors(bars.sink()).await;
    bars.finish();
    app.reconciler.mark_settled();
    let replayed = match filled {
        Ok(_) => app.operations.replay_history().await.map_err(anyhow::Error::from),
        Err(fault) => Err(fault.into()),
    };
    app.stop().await;
    let routes: Vec<ReplayedRoute> = replayed?.into_iter().map(compared).collect();
    let report = compare_history(&routes);
    if global.json {
        Out::stdout().json(&report);
    } else {
        show(&report);
    }
    Ok(Exit::Done)
}

fn compared(replayed: Replayed) -> ReplayedRoute {
    let stored = replayed.stored;
    let name = |key: &ToolKey| key.to_string();
    let used = stored.route.tool.as_ref().map(|tool| &tool.key);
    let right = match &stored.feedback {
        Some(feedback) => match (feedback.verdict, &feedback.tool) {
            (_, Some(told)) => Some(told),
            (Verdict::Right, None) => used,
            // Only what was wrong is known.
            (Verdict::Wrong, None) => None,
        },
        None => stored.chosen.as_ref(),
    };
    ReplayedRoute {
        right: right.map(name),
        route_id: stored.route.id.to_string(),
        before: stored.route.candidates.first().map(name),
        confidence_before: stored.route.confidence,
        after: replayed.first.as_ref().map(name),
        confidence_after: replayed.confidence,
        request: stored.route.request,
    }
}

fn show(report: &HistoryReport) {
    let mut out = Out::stdout();
    if report.routes == 0 {
        out.line("no route is in the history yet");
        return;
    }
    let tool =
        |name: &Option<String>, confidence: f32| format!("{} ({confidence:.2})", name.as_deref().unwrap_or("none"));
    let rows: Vec<Vec<String>> = report
        .changed
        .iter()
        .map(|route| {
            vec![
                route.route_id.clone(),
                tool(&route.before, route.confidence_before),
                tool(&route.after, route.confidence_after),
                route.right.clone().unwrap_or_default(),
                route.request.clone(),
            ]
        })
        .collect();
    if !rows.is_empty() {
        out.table(&["route", "before", "now", "right", "request"], &rows);
    }
    out.line(&format!(
        "{}: {} as before, {} changed",
        counted(report.routes, "route"),
        report.same_first,
        report.changed.len()
    ));
    if let (Some(before), Some(after)) = (report.p_at_1_before, report.p_at_1_after) {
        let share = |part: f64| format!("{:.1} %", part * 100.0);
        out.line(&format!(
            "of {} with a known answer: {} right before, {} now",
            report.labelled,
            share(before),
            share(after)
        ));
    }
    if let (Some(before), Some(after)) = (report.ece_before, report.ece_after) {
        out.line(&painted(DIM, &format!("expected calibration error: {before:.3} before, {after:.3} now")));
    }
}
