//! `mcporch query`: where would this request go?

use clap::Args;
use serde::Serialize;

use crate::operations::{CallerId, Ending, Routed, ToolLine, rounded};
use crate::router::{self, Decision};

use super::exit_code::Exit;
use super::output::{BAD, DIM, GOOD, Out, WARN, counted, painted};
use super::{Global, prepare};

#[derive(Debug, Args)]
pub(super) struct QueryArgs {
    /// The request, in words
    text: String,
    /// How many tools to show
    #[arg(short, long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=100))]
    k: u16,
    /// Show the parts of each score, and why
    #[arg(long)]
    explain: bool,
}

#[derive(Serialize)]
struct Inspection {
    request: String,
    decision: Option<Decision>,
    confidence: f64,
    any_confidence: f64,
    tools: Vec<Row>,
    #[serde(skip_serializing_if = "Option::is_none")]
    route_id: Option<String>,
}

#[derive(Serialize)]
struct Row {
    #[serde(flatten)]
    line: ToolLine,
    score: f32,
    meaning: f32,
    words: f32,
    words_share: f32,
}

pub(super) async fn query(global: &Global, args: &QueryArgs) -> anyhow::Result<Exit> {
    let config = prepare::configuration(global)?;
    let app = prepare::app_with_tools(&config).await?;
    let routed = app.operations.route(&args.text, None, usize::from(args.k), None).await;
    let route_id = routed.as_ref().ok().and_then(|routed| {
        app.operations.record_route(CallerId::default(), &args.text, None, routed, &Ending::shown("query"))
    });
    app.stop().await;
    let routed = routed?;
    let inspection = Inspection { route_id, ..inspect(&args.text, &routed, app.operations.bars()) };
    if global.json {
        Out::stdout().json(&inspection);
    } else {
        show(&inspection, args.explain);
    }
    Ok(if inspection.tools.is_empty() { Exit::NothingRan } else { Exit::Done })
}

fn inspect(request: &str, routed: &Routed, bars: &router::Bars) -> Inspection {
    let rows = routed.ranking.candidates.iter().enumerate().filter_map(|(place, candidate)| {
        Some(Row {
            line: ToolLine::ranked(routed.tool(place)?, candidate),
            score: candidate.score,
            meaning: candidate.meaning,
            words: candidate.words,
            words_share: candidate.words_share,
        })
    });
    Inspection {
        request: request.to_owned(),
        decision: routed.tool(0).map(|tool| router::decide(&routed.ranking, tool.effect, bars)),
        confidence: rounded(routed.ranking.is_right),
        any_confidence: rounded(routed.ranking.is_any),
        tools: rows.collect(),
        route_id: None,
    }
}

fn show(inspection: &Inspection, explain: bool) {
    let mut out = Out::stdout();
    if inspection.tools.is_empty() {
        out.line(
            "no tool is known; `mcporch index status` shows the servers, `mcporch config check` where they come from",
        );
        return;
    }
    let rows: Vec<Vec<String>> = inspection
        .tools
        .iter()
        .map(|row| {
            let confidence = row.line.confidence.unwrap_or_default();
            let mut cells = vec![painted_share(confidence), row.line.tool.clone(), row.line.effect.to_owned()];
            if explain {
                cells.extend([
                    format!("{:.3}", row.score),
                    format!("{:.3}", row.meaning),
                    format!("{:.2}", row.words),
                    row.line.why.join("; "),
                ]);
            } else {
                cells.push(row.line.about.clone());
            }
            cells
        })
        .collect();
    if explain {
        out.table(&["confidence", "tool", "effect", "score", "meaning", "words", "why"], &rows);
    } else {
        out.table(&["confidence", "tool", "effect", "about"], &rows);
    }
    let verdict = match inspection.decision {
        Some(Decision::Run) => painted(GOOD, "execute would run the first"),
        Some(Decision::NeedsConfirmation) => painted(WARN, "execute would ask to confirm the first"),
        Some(Decision::NeedsChoice) => painted(WARN, "execute would ask to choose"),
        Some(Decision::NoMatch) | None => painted(BAD, "execute would say that no tool fits"),
    };
    let shown = counted(inspection.tools.len(), "tool");
    let any = format!("({shown} shown; that any tool fits: {:.0} %)", inspection.any_confidence * 100.0);
    out.line(&format!("{verdict} {}", painted(DIM, &any)));
    if let Some(id) = &inspection.route_id {
        out.line(&painted(DIM, &format!("route {id}")));
    }
}

fn painted_share(confidence: f64) -> String {
    let style = match confidence {
        high if high >= 0.7 => GOOD,
        middle if middle >= 0.3 => WARN,
        _ => DIM,
    };
    painted(style, &format!("{confidence:.2}"))
}
