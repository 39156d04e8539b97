//! `mcporch demo`: the main job, seen once from end to end. Demo servers are started as real child processes, listed,
//! embedded and indexed; then a real MCP client (rmcp's) starts mcporch over pipes, as a desktop client would, and asks
//! for a dozen things in words.

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use rmcp::ServiceExt;
use rmcp::model::CallToolRequestParams;
use rmcp::transport::TokioChildProcess;
use serde::Serialize;
use serde_json::{Map, Value, json};
use tokio::time::Instant;

use crate::demo_server;
use crate::operations::RebuildReport;

use super::exit_code::Exit;
use super::output::{BAD, BOLD, DIM, GOOD, Out, WARN, counted, one_line, painted};
use super::progress::Bars;
use super::{Global, by_command_line, prepare};

#[derive(Debug, Args)]
pub(super) struct DemoArgs {
    /// Keep the demo's files in this folder [default: demo/ in the home]
    #[arg(long, value_name = "FOLDER")]
    folder: Option<PathBuf>,
}

/// How a request must end. What changes something may be asked to be confirmed, if it is for the right tool.
enum End {
    Done(&'static str),
    DoneOrAsked(&'static str),
    Refused,
}
use End::{Done, DoneOrAsked, Refused};

/// What is asked for: the words, what a model would put into `params`, and how it must end.
const REQUESTS: &[(&str, &str, End)] = &[
    (
        "generate a logo for a bakery called Good Crumb",
        r#"{"text": "Good Crumb", "tagline": "bread and more"}"#,
        Done("design.generate_logo"),
    ),
    ("what time is it in Tokyo", r#"{"place": "Tokyo"}"#, Done("clock.current_time")),
    ("add a note that Anna likes tea", r#"{"text": "Anna likes tea"}"#, DoneOrAsked("notes.add_note")),
    ("search my notes for tea", r#"{"query": "tea"}"#, Done("notes.search_notes")),
    (
        "convert a temperature of 70 fahrenheit to celsius",
        r#"{"value": 70, "from": "fahrenheit", "to": "celsius"}"#,
        Done("units.convert_temperature"),
    ),
    ("list the files in my folder", r#"{"path": "."}"#, Done("files.list_folder")),
    ("count the words of this text", r#"{"text": "Well begun is half done"}"#, Done("text.count_words")),
    ("turn this CSV table into JSON", r#"{"csv": "name,age\nAnna,31\nBen,28\n"}"#, Done("tables.csv_to_json")),
    ("calculate 12 times 7 plus 3", r#"{"expression": "12 * 7 + 3"}"#, Done("maths.evaluate_expression")),
    ("which day of the week was the moon landing", r#"{"date": "1969-07-20"}"#, Done("clock.day_of_week")),
    (
        "save this text to a file called shopping.txt",
        r#"{"path": "shopping.txt", "content": "flour\nbutter\nsalt\n"}"#,
        DoneOrAsked("files.write_text_file"),
    ),
    ("translate this poem into Latin", "{}", Refused),
];

#[derive(Serialize)]
struct Demonstration {
    index: RebuildReport,
    requests: Vec<Row>,
    registry: PathBuf,
}

#[derive(Serialize)]
struct Row {
    request: &'static str,
    outcome: String,
    tool: Option<String>,
    confidence: Option<f64>,
    took_ms: f64,
    result: String,
}

impl Row {
    fn ended(&self, end: &End) -> bool {
        let (outcome, tool) = (self.outcome.as_str(), self.tool.as_deref());
        match end {
            Done(wanted) => outcome == "done" && tool == Some(wanted),
            DoneOrAsked(wanted) => ["done", "needs_confirmation"].contains(&outcome) && tool == Some(wanted),
            Refused => ["needs_choice", "no_match"].contains(&outcome),
        }
    }
}

pub(super) async fn demo(global: &Global, args: &DemoArgs) -> anyhow::Result<Exit> {
    // The demo has its own registry, whatever the user has.
    let mut without_registry = global.clone();
    without_registry.registry = Vec::new();
    let home = crate::config::load(&without_registry.request(), &crate::config::ProcessEnv)?.home;
    let folder = args.folder.clone().unwrap_or_else(|| home.root().join("demo"));
    let registry = write_registry(&folder)?;
    let mut own = global.clone();
    own.registry = vec![registry.clone()];
    // What the demo asks is nothing that the user asked.
    own.set.push("history.enabled=false".to_owned());
    let config = prepare::configuration(&own)?;

    let mut out = Out::stdout();
    if !global.json {
        out.line(&painted(BOLD, "1. Servers: started, asked for their tools, embedded, indexed"));
    }
    let app = prepare::app(&config).await?;
    let bars = Bars::new();
    let index = app.operations.rebuild_index(&by_command_line(), bars.sink()).await;
    bars.finish();
    app.stop().await;
    let index = index?;
    if !global.json {
        for (server, tools) in &index.listed {
            out.line(&format!("   {} {server}: {}", painted(GOOD, "✓"), counted(*tools, "tool")));
        }
        for (server, why) in &index.failed {
            out.line(&format!("   {} {server}: {why}", painted(BAD, "✗")));
        }
        out.line(&format!("   embedded {} of {} texts", index.embedded, index.texts));
        out.line("");
        out.line(&painted(BOLD, "2. Requests: an MCP client starts mcporch and asks for what it wants, in words"));
    }
    let requests = ask_all(&own, home.root()).await?;
    let wrong: Vec<&str> = requests
        .iter()
        .zip(REQUESTS)
        .filter(|(row, (_, _, end))| !row.ended(end))
        .map(|(row, _)| row.request)
        .collect();
    let is_well = index.failed.is_empty() && wrong.is_empty() && requests.len() == REQUESTS.len();
    if !wrong.is_empty() {
        Out::stderr().warning(&format!("went otherwise than it should: {}", wrong.join("; ")));
    }
    if global.json {
        out.json(&Demonstration { index, requests, registry });
    } else {
        show_requests(&mut out, &requests);
        show_next_steps(&mut out, &registry);
    }
    Ok(if is_well { Exit::Done } else { Exit::Failed })
}

fn show_requests(out: &mut Out, requests: &[Row]) {
    let rows: Vec<Vec<String>> = requests
        .iter()
        .map(|row| {
            let tool = match (row.outcome.as_str(), &row.tool) {
                ("done", Some(tool)) => painted(GOOD, tool),
                (outcome, Some(tool)) => painted(WARN, &format!("{outcome}: {tool}")),
                (outcome, None) => painted(WARN, outcome),
            };
            let confidence = row.confidence.map_or_else(String::new, |confidence| format!("{confidence:.2}"));
            vec![row.request.to_owned(), tool, confidence, format!("{:.1} ms", row.took_ms), one_line(&row.result)]
        })
        .collect();
    out.table(&["request", "tool", "confidence", "time", "result"], &rows);
    out.line("");
}

fn show_next_steps(out: &mut Out, registry: &Path) {
    out.line(&painted(BOLD, "3. Use it: put this into your client's configuration"));
    let command =
        std::env::current_exe().map(|path| path.display().to_string()).unwrap_or_else(|_| "mcporch".to_owned());
    out.json(&json!({"mcpServers": {"mcporch": {"command": command, "args": ["--registry", registry]}}}));
    out.line(&painted(
        DIM,
        "Replace the registry by the file with your own servers, or leave --registry out to use ~/.mcp.json.",
    ));
}

/// The demo's servers as a registry file; the files they work on lie beside it.
fn write_registry(folder: &Path) -> anyhow::Result<PathBuf> {
    let fault = |what: &str| format!("{what} {} cannot be written; give another with --folder", folder.display());
    let files = folder.join("files");
    std::fs::create_dir_all(&files).with_context(|| fault("folder"))?;
    let files = std::path::absolute(&files)?;
    let command = std::env::current_exe().context("the path of this program is not known")?;
    let mut servers = Map::new();
    for server in demo_server::catalogue() {
        let kind = clap::ValueEnum::to_possible_value(&server.kind).context("a demo server without a name")?;
        servers.insert(
            server.name.to_owned(),
            json!({
                "description": server.description,
                "keywords": server.keywords,
                "command": command,
                "args": ["demo-server", "--kind", kind.get_name(), "--folder", files],
            }),
        );
    }
    let registry = folder.join("registry.json");
    let text = serde_json::to_string_pretty(&json!({ "mcps": servers }))?;
    // Written only when it differs: the second demo must find what the first one left.
    if std::fs::read_to_string(&registry).ok().as_deref() != Some(text.as_str()) {
        std::fs::write(&registry, text).with_context(|| fault("registry file in"))?;
    }
    Ok(registry)
}

/// Starts mcporch as a client would, and asks.
async fn ask_all(global: &Global, home: &Path) -> anyhow::Result<Vec<Row>> {
    let mut command = tokio::process::Command::new(std::env::current_exe()?);
    command.arg("--home").arg(home);
    for registry in &global.registry {
        command.arg("--registry").arg(registry);
    }
    command.args(["--standalone", "--set", "log.level=error"]);
    let client = ().serve(TokioChildProcess::new(command)?).await.context("mcporch did not answer its client")?;
    let mut rows = Vec::new();
    for (request, params, _) in REQUESTS {
        let params: Value = serde_json::from_str(params)?;
        let arguments = json!({"request": request, "params": params});
        let arguments = arguments.as_object().cloned().unwrap_or_default();
        let started = Instant::now();
        let result = client.call_tool(CallToolRequestParams::new("execute").with_arguments(arguments)).await?;
        let took_ms = started.elapsed().as_secs_f64() * 1e3;
        rows.push(row(request, &serde_json::to_value(&result)?, took_ms));
    }
    client.cancel().await?;
    Ok(rows)
}

fn row(request: &'static str, result: &Value, took_ms: f64) -> Row {
    let route = result.get("_meta").and_then(|meta| meta.get("mcporch/route"));
    let advice = result.get("structuredContent");
    let said = |key: &str| {
        let from_route = route.and_then(|route| route.get(key));
        from_route.or_else(|| advice.and_then(|advice| advice.get(key))).cloned()
    };
    let text = |value: Option<Value>| value.and_then(|value| value.as_str().map(str::to_owned));
    let tool = match route {
        Some(route) => Some(format!(
            "{}.{}",
            route.get("server").and_then(Value::as_str).unwrap_or_default(),
            route.get("tool").and_then(Value::as_str).unwrap_or_default()
        )),
        None => text(said("tool")),
    };
    let first_text = result.pointer("/content/0/text").and_then(Value::as_str).unwrap_or_default();
    Row {
        request,
        outcome: text(said("outcome")).unwrap_or_else(|| "failed".to_owned()),
        tool,
        confidence: said("confidence").as_ref().and_then(Value::as_f64),
        took_ms,
        result: first_text.to_owned(),
    }
}
