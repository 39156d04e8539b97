//! `mcporch` alone: the MCP server that a client starts.

use std::io::IsTerminal;
use std::sync::Arc;

use crate::app;
use crate::config::{self, ProcessEnv};
use crate::telemetry;

use super::Global;
use super::exit_code::Exit;
use super::output::Out;

/// Serves the one client of this process without a daemon. `is_resumed` says that the client has been through `initialize`
/// with a daemon that is no more.
pub(super) async fn serve(global: &Global, profile: &str, is_resumed: bool) -> anyhow::Result<Exit> {
    let config = config::load(&global.request(), &ProcessEnv)?;
    let level = global.verbose.then_some("debug");
    telemetry::start(&config.settings.log, level, &config.home.logs())?;
    telemetry::start_sending(&config.settings.telemetry);
    for fault in config.faults() {
        tracing::warn!("{fault}");
    }
    app::serve_stdio(&config, global.request(), Arc::new(ProcessEnv), profile, is_resumed).await?;
    Ok(Exit::Done)
}

/// A person who starts it in a terminal is told what it is for.
pub(super) fn tell_people() {
    if std::io::stdin().is_terminal() {
        Out::stderr().line(
            "mcporch is an MCP server and waits for a client on stdin (end it with Ctrl-D). To put it into a client, add\n  \
             {\"mcpServers\": {\"mcporch\": {\"command\": \"mcporch\"}}}\nto the client's configuration. To try it here: \
             mcporch demo, mcporch query \"what time is it in Tokyo\", mcporch --help",
        );
    }
}
