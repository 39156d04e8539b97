//! Answers as text for a model: short, and saying what to do next.

use std::fmt::Write;

use crate::operations::{Advice, CapabilitiesOutput, ExplainOutput, FindOutput, OutcomeKind, RouteInfo, ToolLine};

pub(super) fn found(output: &FindOutput) -> String {
    let mut text = String::new();
    for (place, line) in output.tools.iter().enumerate() {
        let _infallible = writeln!(text, "{}. {}", place + 1, tool_line(line));
    }
    if let Some(schema) = &output.schema {
        let _infallible = writeln!(text, "Params of 1: {schema}");
    }
    if let Some(note) = &output.note {
        let _infallible = writeln!(text, "Note: {note}.");
    }
    if !output.tools.is_empty() {
        text.push_str("Run one with execute {\"tool\": \"server.tool\", \"params\": {…}}.");
    }
    text
}

pub(super) fn advice(advice: &Advice) -> String {
    let mut text = format!("{}: {}.", outcome_word(advice.outcome), advice.message);
    for problem in &advice.problems {
        let _infallible = write!(text, "\n- {problem}");
    }
    for line in &advice.candidates {
        let _infallible = write!(text, "\n- {}", tool_line(line));
        if !line.why.is_empty() {
            let _infallible = write!(text, " ({})", line.why.join("; "));
        }
    }
    if let Some(schema) = &advice.schema {
        let _infallible = write!(text, "\nparams schema: {schema}");
    }
    text
}

/// Behind the tool's own answer, so that the model knows what ran.
pub(super) fn ran(route: &RouteInfo) -> String {
    let instead =
        route.instead_of.as_ref().map_or_else(String::new, |tool| format!(", since the server of {tool} is down"));
    format!("[mcporch] ran {}.{} (confidence {:.2}{instead})", route.server, route.tool, route.confidence)
}

pub(super) fn capabilities(output: &CapabilitiesOutput) -> String {
    let mut text = String::new();
    for server in &output.servers {
        let about = if server.about.is_empty() { String::new() } else { format!(" — {}", server.about) };
        let _infallible = writeln!(text, "{} ({} tools){about}", server.server, server.tools);
        if output.tools.is_empty() && !server.examples.is_empty() {
            let more = if server.tools > server.examples.len() { ", …" } else { "" };
            let _infallible = writeln!(text, "  {}{more}", server.examples.join(", "));
        }
        if let Some(fault) = &server.fault {
            let _infallible = writeln!(text, "  not usable: {fault}");
        }
    }
    for line in &output.tools {
        let _infallible = writeln!(text, "- {}: {}", line.tool, line.about);
    }
    if output.tools_left_out > 0 {
        let _infallible = writeln!(text, "… and {} more; find_tool searches them", output.tools_left_out);
    }
    if text.is_empty() {
        text.push_str("no MCP server is configured");
    }
    text
}

pub(super) fn explained(output: &ExplainOutput) -> String {
    let mut text = format!("{} [{}]\n{}\n", output.tool, output.effect, output.description);
    let _infallible = writeln!(text, "params schema: {}", output.input_schema);
    if let Some(schema) = &output.output_schema {
        let _infallible = writeln!(text, "result schema: {schema}");
    }
    if let Some(fault) = &output.server_fault {
        let _infallible = writeln!(text, "its server failed last time: {fault}");
    }
    text
}

fn tool_line(line: &ToolLine) -> String {
    let confidence = line.confidence.map_or_else(String::new, |confidence| format!(", {confidence:.2}"));
    let about = if line.about.is_empty() { String::new() } else { format!(" — {}", line.about) };
    format!("{}({}){about} [{}{confidence}]", line.tool, line.signature, line.effect)
}

fn outcome_word(outcome: OutcomeKind) -> &'static str {
    match outcome {
        OutcomeKind::Done => "done",
        OutcomeKind::DryRun => "dry_run",
        OutcomeKind::NeedsChoice => "needs_choice",
        OutcomeKind::NeedsParams => "needs_params",
        OutcomeKind::NeedsConfirmation => "needs_confirmation",
        OutcomeKind::NoMatch => "no_match",
        OutcomeKind::Failed => "failed",
    }
}
