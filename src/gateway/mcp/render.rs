//! Answers as text for a model: short, and saying what to do next.

use std::fmt::Write;

use crate::operations::{
    Advice, CapabilitiesOutput, ExplainOutput, FindOutput, OutcomeKind, RouteInfo, ServerLine, StepReport, StepState,
    StepsOutcome, StepsOutput, ToolLine,
};

pub(super) fn found(output: &FindOutput) -> String {
    let mut text = String::new();
    let schemas = output.schema.iter().chain(&output.more_schemas);
    let mut schemas = schemas.map(Some).chain(std::iter::repeat(None));
    for (place, line) in output.tools.iter().enumerate() {
        let _infallible = writeln!(text, "{}. {}", place + 1, tool_line(line));
        if let Some(schema) = schemas.next().flatten().filter(|schema| !schema.is_null()) {
            let _infallible = writeln!(text, "   params schema: {schema}");
        }
    }
    if let Some(note) = &output.note {
        let _infallible = writeln!(text, "Note: {note}.");
    }
    if !output.tools.is_empty() {
        text.push_str("Run one with execute {\"tool\": \"server.tool\", \"params\": {…}}.");
    }
    push_route(&mut text, output.route_id.as_deref());
    text
}

pub(super) fn advice(advice: &Advice) -> String {
    let mut text = format!("{}: {}.", outcome_word(advice.outcome), advice.message);
    for problem in &advice.problems {
        let _infallible = write!(text, "\n- {problem}");
    }
    if let (Some(tool), Some(params)) = (&advice.tool, &advice.params) {
        let _infallible = write!(text, "\nplanned: {tool} {}", shortened(&params.to_string()));
    }
    for line in &advice.candidates {
        let _infallible = write!(text, "\n- {}", tool_line(line));
        if let Some(plan) = &line.plan {
            let _infallible = write!(text, " plan {plan}");
        }
        if !line.why.is_empty() {
            let _infallible = write!(text, " ({})", line.why.join("; "));
        }
    }
    if let Some(schema) = &advice.schema {
        let _infallible = write!(text, "\nparams schema: {schema}");
    }
    for lesson in &advice.lessons {
        let _infallible = write!(text, "\nnote: {lesson}");
    }
    push_route(&mut text, advice.route_id.as_deref());
    text
}

/// What feedback refers to, as a last line.
fn push_route(text: &mut String, route_id: Option<&str>) {
    if let Some(id) = route_id {
        let _infallible = write!(text, "\nroute {id}");
    }
}

/// A file's content in the parameters need not be read again.
fn shortened(text: &str) -> String {
    const CHARS_MAX: usize = 600;
    if text.chars().count() <= CHARS_MAX {
        return text.to_owned();
    }
    let start: String = text.chars().take(CHARS_MAX).collect();
    format!("{start}… ({} bytes in all)", text.len())
}

/// Behind the tool's own answer, so that the model knows what ran.
pub(super) fn ran(route: &RouteInfo) -> String {
    let instead =
        route.instead_of.as_ref().map_or_else(String::new, |tool| format!(", since the server of {tool} is down"));
    let id = route.route_id.as_ref().map_or_else(String::new, |id| format!(", route {id}"));
    let how = if route.is_named { "named".to_owned() } else { format!("confidence {:.2}", route.confidence) };
    let mut text = format!("[mcporch] ran {}.{} ({how}{instead}{id})", route.server, route.tool);
    for lesson in &route.lessons {
        let _infallible = write!(text, "; {lesson}");
    }
    text
}

pub(super) fn capabilities(output: &CapabilitiesOutput) -> String {
    let mut text = String::new();
    let mut group: Option<&str> = None;
    let is_grouped = output.servers.len() > 1 && output.servers.iter().any(|server| !server.categories.is_empty());
    for server in &output.servers {
        let category = server.categories.first().map_or("other", String::as_str);
        if is_grouped && !group.is_some_and(|group| group.eq_ignore_ascii_case(category)) {
            let _infallible = writeln!(text, "[{category}]");
            group = Some(category);
        }
        text.push_str(&server_line(server));
    }
    if output.servers_left_out > 0 {
        let _infallible = writeln!(text, "… and {} more servers; find_tool searches all", output.servers_left_out);
    }
    if output.tools.iter().any(|line| !line.about.is_empty()) {
        for line in &output.tools {
            let _infallible = writeln!(text, "- {}: {}", line.tool, line.about);
        }
    } else if !output.tools.is_empty() {
        let names: Vec<&str> = output.tools.iter().map(|line| line.tool.as_str()).collect();
        let _infallible = writeln!(text, "{}", names.join(", "));
    }
    if output.tools_left_out > 0 {
        let _infallible = writeln!(text, "… and {} more tools; find_tool searches them", output.tools_left_out);
    }
    if text.is_empty() {
        text.push_str("no MCP server is configured");
    }
    text
}

fn server_line(server: &ServerLine) -> String {
    let about = if server.about.is_empty() { String::new() } else { format!(" — {}", server.about) };
    let mut text = format!("{} ({} tools){about}\n", server.server, server.tools);
    if !server.examples.is_empty() {
        let more = if server.tools > server.examples.len() { ", …" } else { "" };
        let _infallible = writeln!(text, "  {}{more}", server.examples.join(", "));
    }
    if let Some(fault) = &server.fault {
        let _infallible = writeln!(text, "  not usable: {fault}");
    }
    text
}

pub(super) fn explained(output: &ExplainOutput) -> String {
    let mut text = format!("{} [{}, {}]\n{}\n", output.tool, output.effect, output.effect_source, output.description);
    if !output.also.is_empty() {
        let _infallible = writeln!(text, "also called: {}", output.also.join(", "));
    }
    if let Some(original) = &output.replaced_description {
        let _infallible = writeln!(text, "the operator replaced the description; the server's own: {original}");
    }
    if let Some(original) = output.replaced_effect {
        let _infallible = writeln!(text, "the operator says {}; without that it would be {original}", output.effect);
    }
    let _infallible = writeln!(text, "params schema: {}", output.input_schema);
    if let Some(schema) = &output.output_schema {
        let _infallible = writeln!(text, "result schema: {schema}");
    }
    if let Some(fault) = &output.server_fault {
        let _infallible = writeln!(text, "its server failed last time: {fault}");
    }
    text
}

/// One line for each step, with its result or what it lacks below.
pub(super) fn steps_text(output: &StepsOutput) -> String {
    let outcome = match output.outcome {
        StepsOutcome::Done => "done",
        StepsOutcome::NeedsSteps => "needs_steps",
        StepsOutcome::Failed => "failed",
        StepsOutcome::DryRun => "dry_run",
    };
    let mut text = format!("{outcome}: {}.", output.message);
    for (place, step) in output.steps.iter().enumerate() {
        let _infallible = write!(text, "\n{}. {}", place + 1, step_line(step));
        if let Some(result) = &step.result {
            let _infallible = write!(text, "\n   {}", result.replace('\n', "\n   "));
        }
        for line in &step.plan.candidates {
            let _infallible = write!(text, "\n   - {}", tool_line(line));
        }
    }
    text
}

fn step_line(step: &StepReport) -> String {
    let plan = &step.plan;
    let state = match step.state {
        StepState::Done => "done",
        StepState::Failed => "failed",
        StepState::Open => "open",
    };
    let tool = plan.tool.as_deref().unwrap_or("no tool fits");
    let effect = plan.effect.map_or_else(String::new, |effect| format!("{effect}, "));
    let mut line = format!("[{state}] {} → {tool} [{effect}{:.2}]", plan.request, plan.confidence);
    let needs: Vec<String> = plan.needs.iter().map(|place| (place + 1).to_string()).collect();
    if !needs.is_empty() {
        let into = plan.result_into.as_ref().map_or_else(String::new, |name| format!(", into {name}"));
        let _infallible = write!(line, "; needs the result of {}{into}", needs.join(", "));
    }
    if !plan.missing.is_empty() {
        let _infallible = write!(line, "; missing: {}", plan.missing.join(", "));
    }
    line
}

fn tool_line(line: &ToolLine) -> String {
    let confidence = line.confidence.map_or_else(String::new, |confidence| format!(", {confidence:.2}"));
    let about = if line.about.is_empty() { String::new() } else { format!(" — {}", line.about) };
    let signature = if line.signature.is_empty() { String::new() } else { format!("({})", line.signature) };
    let doubt = if line.is_effect_guessed { "?" } else { "" };
    format!("{}{signature}{about} [{}{doubt}{confidence}]", line.tool, line.effect)
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::operations::PlannedStep;

    #[test]
    fn steps_are_short_lines_with_what_is_done_and_what_is_missing() {
        let step = |request: &str, state, result: Option<&str>, needs: &[usize], missing: &[&str]| StepReport {
            plan: PlannedStep {
                request: request.to_owned(),
                tool: Some("files.read".to_owned()),
                confidence: 0.914,
                decision: serde_json::from_value(json!("run")).unwrap(),
                effect: Some("read"),
                needs: needs.to_vec(),
                params: json!({}),
                result_into: None,
                missing: missing.iter().map(|name| (*name).to_owned()).collect(),
                candidates: Vec::new(),
                is_certain: true,
            },
            state,
            result: result.map(str::to_owned),
        };
        let output = StepsOutput {
            outcome: StepsOutcome::NeedsSteps,
            message: "go on".to_owned(),
            steps: vec![
                step("read a.txt", StepState::Done, Some("one\ntwo"), &[], &[]),
                step("mail it", StepState::Open, None, &[0], &["to"]),
            ],
        };
        let expected = "needs_steps: go on.\n\
                        1. [done] read a.txt → files.read [read, 0.91]\n   one\n   two\n\
                        2. [open] mail it → files.read [read, 0.91]; needs the result of 1; missing: to";
        assert_eq!(steps_text(&output), expected);
    }
}
