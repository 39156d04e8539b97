//! `mcporch tools` and `mcporch explain`: what is there.

use clap::Args;

use crate::operations::{CapabilitiesInput, ExplainInput, ToolLine};

use super::exit_code::Exit;
use super::output::{BOLD, DIM, Out, counted, painted};
use super::{Global, prepare};

#[derive(Debug, Args)]
pub(super) struct ToolsArgs {
    /// Only the tools of this server
    server: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct ExplainArgs {
    /// The tool, as server.tool
    tool: String,
}

pub(super) async fn tools(global: &Global, args: &ToolsArgs) -> anyhow::Result<Exit> {
    let config = prepare::configuration(global)?;
    let app = prepare::app_with_tools(&config).await?;
    let lines: Vec<ToolLine> = {
        let known = app.operations.known_now();
        let wanted = args.server.as_deref();
        let is_wanted = |tool: &crate::domain::Tool| wanted.is_none_or(|wanted| tool.key.server.as_str() == wanted);
        known
            .snapshot
            .entries()
            .iter()
            .filter(|entry| is_wanted(&entry.tool))
            .map(|entry| ToolLine::plain(&entry.tool))
            .collect()
    };
    if lines.is_empty() && args.server.is_some() {
        // Says which servers there are.
        let input = CapabilitiesInput { category: args.server.clone() };
        let found = app.operations.list_capabilities(&input).await;
        app.stop().await;
        found?;
    } else {
        app.stop().await;
    }
    let mut out = Out::stdout();
    if global.json {
        out.json(&lines);
    } else {
        let rows: Vec<Vec<String>> =
            lines.iter().map(|line| vec![line.tool.clone(), line.effect.to_owned(), line.about.clone()]).collect();
        out.table(&["tool", "effect", "about"], &rows);
        out.line(&painted(DIM, &counted(lines.len(), "tool")));
    }
    Ok(Exit::Done)
}

pub(super) async fn explain(global: &Global, args: &ExplainArgs) -> anyhow::Result<Exit> {
    let config = prepare::configuration(global)?;
    let app = prepare::app_with_tools(&config).await?;
    let input = ExplainInput { server: String::new(), tool: args.tool.clone() };
    let explained = app.operations.explain_tool(&input).await;
    app.stop().await;
    let explained = explained?;
    let mut out = Out::stdout();
    if global.json {
        out.json(&explained);
        return Ok(Exit::Done);
    }
    out.line(&format!("{} {}", painted(BOLD, &explained.tool), painted(DIM, explained.effect)));
    if !explained.title.is_empty() {
        out.line(&explained.title);
    }
    if !explained.also.is_empty() {
        out.line(&painted(DIM, &format!("also {} (overrides)", explained.also.join(", "))));
    }
    if !explained.description.is_empty() {
        out.line(&explained.description);
    }
    if let Some(original) = &explained.replaced_description {
        out.line(&painted(DIM, &format!("in place of what its server says (overrides): {original}")));
    }
    if let Some(original) = explained.replaced_effect {
        out.line(&painted(DIM, &format!("its server announces it as {original}; overrides say {}", explained.effect)));
    }
    out.line(&painted(BOLD, "parameters"));
    out.json(&explained.input_schema);
    if let Some(schema) = &explained.output_schema {
        out.line(&painted(BOLD, "result"));
        out.json(schema);
    }
    if let Some(fault) = &explained.server_fault {
        out.warning(fault);
    }
    Ok(Exit::Done)
}
