//! `mcporch alerts`: do alerts arrive?

use std::collections::BTreeMap;

use clap::Subcommand;
use serde_json::json;

use crate::alerts::{Alert, Occasion};
use crate::app::{self, now_ms};
use crate::config::ProcessEnv;
use crate::domain::ServerName;

use super::exit_code::Exit;
use super::output::{BAD, GOOD, Out, painted};
use super::{Global, prepare};

#[derive(Debug, Subcommand)]
pub(super) enum AlertsCommand {
    /// Send a test alert to every target, and say what happened
    Test,
}

pub(super) async fn alerts(global: &Global, command: &AlertsCommand) -> anyhow::Result<Exit> {
    let AlertsCommand::Test = command;
    let config = prepare::configuration(global)?;
    let alerts = app::alerts(&config, &ProcessEnv);
    let faults: Vec<String> = alerts.faults().iter().map(ToString::to_string).collect();
    let alert = Alert {
        server: ServerName::parse("mcporch")?,
        occasion: Occasion::Test,
        text: "this is a test: alerts of mcporch arrive here".to_owned(),
        at: now_ms() / 1000,
        details: BTreeMap::new(),
    };
    let attempts = tokio::task::spawn_blocking(move || alerts.test(&alert)).await?;
    let mut out = Out::stdout();
    if global.json {
        let told = attempts.iter().map(|attempt| json!({"target": attempt.target, "fault": attempt.fault}));
        out.json(&json!({"attempts": told.collect::<Vec<_>>(), "faults": faults}));
    } else {
        for attempt in &attempts {
            let (mark, told) = match &attempt.fault {
                None => (painted(GOOD, "sent"), String::new()),
                Some(fault) => (painted(BAD, "failed"), format!(": {fault}")),
            };
            out.line(&format!("{mark} {}{told}", attempt.target));
        }
        faults.iter().for_each(|fault| out.line(&format!("{} {fault}", painted(BAD, "unusable"))));
        if attempts.is_empty() && faults.is_empty() {
            out.line("no target is set; alerts.webhook_urls and alerts.smtp_server in the settings name some");
        }
    }
    let is_well = !attempts.is_empty() && faults.is_empty() && attempts.iter().all(|attempt| attempt.fault.is_none());
    Ok(if is_well { Exit::Done } else { Exit::Failed })
}
