//! `mcporch` alone: the MCP server that a client starts.

use std::io::IsTerminal;
use std::sync::Arc;

use crate::app;
use crate::config::{self, ProcessEnv};
use crate::telemetry;

use super::Global;
use super::exit_code::Exit;
use super::output::Out;

pub(super) async fn serve(global: &Global) -> anyhow::Result<Exit> {
    let config = config::load(&global.request(), &ProcessEnv)?;
    let level = global.verbose.then_some("debug");
    telemetry::start(&config.settings.log, level, &config.home.logs())?;
    if std::io::stdin().is_terminal() {
        Out::stderr().line(
            "mcporch is an MCP server and waits for a client on stdin (end it with Ctrl-D). To put it into a client, add\n  \
             {\"mcpServers\": {\"mcporch\": {\"command\": \"mcporch\"}}}\nto the client's configuration. To try it here: \
             mcporch demo, mcporch query \"what time is it in Tokyo\", mcporch --help",
        );
    }
    for fault in config.faults() {
        tracing::warn!("{fault}");
    }
    app::serve_stdio(&config, global.request(), Arc::new(ProcessEnv)).await?;
    Ok(Exit::Done)
}
