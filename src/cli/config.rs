//! `mcporch config`: is it right, what is in force and why, what may be written.

use clap::Subcommand;
use serde_json::json;

use crate::config::{self, Launch, ProcessEnv};
use crate::doctor::Finding;

use super::exit_code::Exit;
use super::output::{BAD, DIM, GOOD, Out, counted, painted};
use super::{Global, doctor};

#[derive(Debug, Subcommand)]
pub(super) enum ConfigCommand {
    /// Check the settings and the registry; starts nothing
    Check,
    /// Show the settings in force
    Show {
        /// With where each value comes from
        #[arg(long)]
        origin: bool,
    },
    /// Print the JSON Schema of the settings file
    Schema,
}

pub(super) async fn config(global: &Global, command: &ConfigCommand) -> anyhow::Result<Exit> {
    let mut out = Out::stdout();
    if let ConfigCommand::Schema = command {
        out.line(config::schema().trim_end());
        return Ok(Exit::Done);
    }
    let config = config::load(&global.request(), &ProcessEnv)?;
    match command {
        ConfigCommand::Check => {
            let idle = doctor::idle_overrides(&config).await?;
            Ok(check(global, &config, &idle, &mut out))
        }
        ConfigCommand::Show { origin } => {
            show(global, &config, *origin, &mut out);
            Ok(Exit::Done)
        }
        ConfigCommand::Schema => Ok(Exit::Done),
    }
}

fn check(global: &Global, config: &config::Config, idle: &[Finding], out: &mut Out) -> Exit {
    let refused = config.servers.iter().filter(|server| server.refusal.is_some() && !server.disabled).count();
    let exit = if refused > 0 { Exit::Config } else { Exit::Done };
    if global.json {
        let servers: Vec<_> = config
            .servers
            .iter()
            .map(|server| {
                json!({
                    "server": server.name,
                    "file": server.origin.file,
                    "line": server.origin.line,
                    "disabled": server.disabled,
                    "refusal": server.refusal.as_ref().map(ToString::to_string),
                })
            })
            .collect();
        let idle = idle.iter().map(doctor::one_line);
        let told = config.warnings.iter().chain(&config.advice);
        let warnings: Vec<String> = told.map(ToString::to_string).chain(idle).collect();
        out.json(&json!({
            "home": config.home.root(),
            "registry_files": config.registry_files,
            "servers": servers,
            "warnings": warnings,
        }));
        return exit;
    }
    out.line(&format!("home      {}", config.home.root().display()));
    for file in &config.registry_files {
        out.line(&format!("registry  {}", file.display()));
    }
    for server in config.servers.iter() {
        let (mark, note) = match (&server.refusal, server.disabled, &server.launch) {
            (_, true, _) => (painted(DIM, "-"), "disabled".to_owned()),
            (Some(fault), false, _) => (painted(BAD, "✗"), fault.to_string()),
            (None, false, Launch::Child { command, .. }) => (painted(GOOD, "✓"), format!("starts {command}")),
            (None, false, Launch::Remote { url, .. }) => {
                (painted(GOOD, "✓"), format!("connects to {}", config::without_secrets(url)))
            }
        };
        out.line(&format!("{mark} {}: {note}", server.name));
    }
    for warning in config.warnings.iter().chain(&config.advice) {
        out.warning(&warning.to_string());
    }
    for finding in idle {
        out.warning(&doctor::one_line(finding));
    }
    let verdict =
        if refused == 0 { "all well".to_owned() } else { format!("{} cannot start", counted(refused, "server")) };
    out.line(&format!("{}, {verdict}", counted(config.servers.len(), "server")));
    exit
}

fn show(global: &Global, config: &config::Config, with_origin: bool, out: &mut Out) {
    let values = config.settings_with_origin();
    if global.json {
        let values: Vec<_> =
            values.iter().map(|(key, value, origin)| json!({"key": key, "value": value, "origin": origin})).collect();
        out.json(&values);
        return;
    }
    if with_origin {
        let rows: Vec<Vec<String>> = values.into_iter().map(|(key, value, origin)| vec![key, value, origin]).collect();
        out.table(&["setting", "value", "from"], &rows);
        return;
    }
    let mut section = String::new();
    for (key, value, _) in &values {
        let (in_section, name) = key.split_once('.').unwrap_or(("", key));
        if in_section != section {
            if !section.is_empty() {
                out.line("");
            }
            out.line(&format!("[{in_section}]"));
            section = in_section.to_owned();
        }
        out.line(&format!("{name} = {value}"));
    }
}
