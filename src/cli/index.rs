//! `mcporch index`: list all servers anew, or say how things stand.

use clap::Subcommand;

use crate::operations::{IndexStatus, RebuildReport};

use super::exit_code::Exit;
use super::output::{BAD, DIM, GOOD, Out, counted, painted};
use super::progress::Bars;
use super::{Global, by_command_line, prepare};

#[derive(Debug, Subcommand)]
pub(super) enum IndexCommand {
    /// Start every server, list its tools, embed what changed
    Rebuild,
    /// Show what is indexed, and from when
    Status,
}

pub(super) async fn index(global: &Global, command: &IndexCommand) -> anyhow::Result<Exit> {
    let config = prepare::configuration(global)?;
    let app = prepare::app(&config).await?;
    match command {
        IndexCommand::Rebuild => {
            let bars = Bars::new();
            let by = by_command_line();
            let report = tokio::select! {
                report = app.operations.rebuild_index(&by, bars.sink()) => report,
                _ = tokio::signal::ctrl_c() => {
                    bars.finish();
                    app.stop().await;
                    anyhow::bail!("interrupted; what was listed and embedded so far is kept");
                }
            };
            bars.finish();
            app.stop().await;
            let report = report?;
            if global.json {
                Out::stdout().json(&report);
            } else {
                show_rebuild(&report);
            }
            Ok(if report.failed.is_empty() { Exit::Done } else { Exit::Failed })
        }
        IndexCommand::Status => {
            app.reconciler.mark_settled();
            let status = app.operations.index_status().await;
            app.stop().await;
            if global.json {
                Out::stdout().json(&status);
            } else {
                show_status(&status);
            }
            Ok(Exit::Done)
        }
    }
}

fn show_rebuild(report: &RebuildReport) {
    let mut out = Out::stdout();
    for (server, tools) in &report.listed {
        out.line(&format!("{} {server}: {}", painted(GOOD, "✓"), counted(*tools, "tool")));
        for fault in report.tool_faults.get(server).into_iter().flatten() {
            out.line(&format!("    {}", painted(DIM, fault)));
        }
    }
    for (server, why) in &report.failed {
        out.line(&format!("{} {server}: {why}", painted(BAD, "✗")));
    }
    let servers = counted(report.listed.len(), "server");
    out.line(&format!(
        "{servers} listed, {} indexed, embedded {} of {} texts",
        counted(report.tools, "tool"),
        report.embedded,
        report.texts
    ));
}

fn show_status(status: &IndexStatus) {
    let mut out = Out::stdout();
    let rows: Vec<Vec<String>> = status
        .servers
        .iter()
        .map(|(server, about)| {
            let state = match (&about.fault, about.listed_at) {
                (Some(fault), _) => painted(BAD, fault),
                (None, Some(_)) => painted(GOOD, "listed"),
                (None, None) => painted(DIM, "never listed"),
            };
            vec![
                server.clone(),
                about.tools.to_string(),
                about.protocol_version.clone(),
                about.implementation.clone(),
                state,
            ]
        })
        .collect();
    out.table(&["server", "tools", "protocol", "implementation", "state"], &rows);
    let unembedded = if status.tools_without_vector > 0 {
        format!(", {} of them without a vector", status.tools_without_vector)
    } else {
        String::new()
    };
    out.line(&painted(
        DIM,
        &format!(
            "{}{unembedded}; model {}, {} dimensions, {} search, generation {}",
            counted(status.tools, "tool"),
            status.model,
            status.dimensions,
            status.kind,
            status.generation
        ),
    ));
}
