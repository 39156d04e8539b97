//! `mcporch execute` and `mcporch call`: real calls from the command line.

use anyhow::Context;
use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use crate::operations::{Advice, ExecuteInput, ExecuteOutput, RouteInfo, StepState, StepsOutput};

use super::exit_code::{self, Exit};
use super::output::{DIM, Out, WARN, painted};
use super::{Global, by_command_line, prepare};

#[derive(Debug, Args)]
pub(super) struct ExecuteArgs {
    /// The request, in words
    text: String,
    /// Parameters for the tool, a JSON object
    #[arg(long, value_name = "JSON")]
    params: Option<String>,
    /// Exactly this tool, as server.tool
    #[arg(long, value_name = "SERVER.TOOL")]
    tool: Option<String>,
    /// Only say what would run
    #[arg(long)]
    dry_run: bool,
    /// Whether a request for several things is planned in steps
    #[arg(long, value_enum, default_value_t = Steps::One)]
    steps: Steps,
}

/// How a request for several things is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Steps {
    /// As one request for one tool
    One,
    /// In steps, where it clearly asks for several things; what is certain is done
    Auto,
}

#[derive(Debug, Args)]
pub(super) struct CallArgs {
    /// The tool, as server.tool
    tool: String,
    /// Its parameters, a JSON object
    #[arg(long, value_name = "JSON")]
    params: Option<String>,
}

pub(super) async fn execute(global: &Global, args: &ExecuteArgs) -> anyhow::Result<Exit> {
    let params = read_params(args.params.as_deref())?;
    let input = ExecuteInput {
        request: args.text.clone(),
        params,
        tool: args.tool.clone(),
        dry_run: args.dry_run,
        in_steps: args.steps == Steps::Auto,
        without_plans: true,
        ..ExecuteInput::default()
    };
    run(global, input).await
}

pub(super) async fn call(global: &Global, args: &CallArgs) -> anyhow::Result<Exit> {
    let params = read_params(args.params.as_deref())?;
    run(global, ExecuteInput { params, tool: Some(args.tool.clone()), ..ExecuteInput::default() }).await
}

fn read_params(text: Option<&str>) -> anyhow::Result<Option<Value>> {
    let Some(text) = text else { return Ok(None) };
    let value: Value = serde_json::from_str(text)
        .with_context(|| "--params is no JSON; write it like --params '{\"path\": \"a.txt\"}'")?;
    Ok(Some(value))
}

async fn run(global: &Global, input: ExecuteInput) -> anyhow::Result<Exit> {
    let config = prepare::configuration(global)?;
    let app = prepare::app_with_tools(&config).await?;
    #[cfg(unix)]
    super::thin::call_through_daemon(global, &config, &app.operations);
    let cx = by_command_line();
    let output = tokio::select! {
        output = app.operations.execute(&cx, input) => output,
        _ = tokio::signal::ctrl_c() => {
            app.stop().await;
            anyhow::bail!("interrupted; the call was cancelled");
        }
    };
    app.stop().await;
    match output? {
        ExecuteOutput::Done(answer, route) => {
            let result = answer.payload().unwrap_or_default();
            Ok(show_result(global, result, &route))
        }
        // Only for who set a bound, which the command line does not.
        ExecuteOutput::Large(large, route) => {
            Out::stdout().line(&large.text(&route));
            Ok(exit_code::of_outcome(route.outcome))
        }
        ExecuteOutput::Steps(steps) => {
            if global.json {
                Out::stdout().json(&*steps);
            } else {
                show_steps(&steps);
            }
            Ok(exit_code::of_steps(steps.outcome))
        }
        ExecuteOutput::Advice(advice) => {
            if global.json {
                Out::stdout().json(&*advice);
            } else {
                show_advice(&advice);
            }
            Ok(exit_code::of_outcome(advice.outcome))
        }
    }
}

fn show_result(global: &Global, raw: &str, route: &RouteInfo) -> Exit {
    let result: Value = serde_json::from_str(raw).unwrap_or(Value::Null);
    let is_error = result.get("isError").and_then(Value::as_bool).unwrap_or(false);
    if global.json {
        Out::stdout().json(&json!({"route": route, "result": result}));
    } else {
        let mut out = Out::stdout();
        for item in result.get("content").and_then(Value::as_array).into_iter().flatten() {
            match (item.get("type").and_then(Value::as_str), item.get("text").and_then(Value::as_str)) {
                (Some("text"), Some(text)) => out.line(text),
                (kind, _) => out.line(&painted(DIM, &format!("[{} content]", kind.unwrap_or("unknown")))),
            }
        }
        let named = if route.is_named { String::new() } else { format!(", confidence {:.2}", route.confidence) };
        let id = route.route_id.as_ref().map_or_else(String::new, |id| format!(", route {id}"));
        let ran = format!("{}.{}{named}, {:.0} ms{id}", route.server, route.tool, route.duration_ms);
        Out::stderr().line(&painted(DIM, &ran));
    }
    if is_error { Exit::Failed } else { Exit::Done }
}

fn show_steps(steps: &StepsOutput) {
    let mut out = Out::stdout();
    out.line(&painted(WARN, &steps.message));
    for (number, report) in steps.steps.iter().enumerate() {
        let step = &report.plan;
        let tool = step.tool.as_deref().unwrap_or("no tool");
        let state = match report.state {
            StepState::Done => "done",
            StepState::Failed => "failed",
            StepState::Open => "open",
        };
        let after: Vec<String> = step.needs.iter().map(|need| (need + 1).to_string()).collect();
        let after = if after.is_empty() { String::new() } else { format!(", after {}", after.join(", ")) };
        let effect = step.effect.map_or_else(String::new, |effect| format!("{effect}, "));
        let head =
            format!("{}. {state}: {} → {tool} ({}{:.2}{after})", number + 1, step.request, effect, step.confidence);
        out.line(&head);
        if !step.missing.is_empty() {
            out.line(&painted(DIM, &format!("   missing: {}", step.missing.join(", "))));
        }
        for line in report.result.as_deref().unwrap_or_default().lines() {
            out.line(&format!("   {line}"));
        }
    }
}

fn show_advice(advice: &Advice) {
    let mut out = Out::stdout();
    out.line(&painted(WARN, &advice.message));
    for problem in &advice.problems {
        out.line(&format!("  {problem}"));
    }
    if !advice.candidates.is_empty() {
        let rows: Vec<Vec<String>> = advice
            .candidates
            .iter()
            .map(|line| {
                let confidence = line.confidence.map_or_else(String::new, |confidence| format!("{confidence:.2}"));
                vec![confidence, line.tool.clone(), line.effect.to_owned(), line.signature.clone()]
            })
            .collect();
        out.table(&["confidence", "tool", "effect", "parameters"], &rows);
    }
    if let Some(schema) = &advice.schema {
        out.json(schema);
    }
    if let Some(id) = &advice.route_id {
        out.line(&painted(DIM, &format!("route {id}")));
    }
}
