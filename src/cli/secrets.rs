//! `mcporch secrets`: which references the registry has, whether they can be had, and the keyring. Values come in by stdin
//! and never go out.

use std::io::{IsTerminal, Read};

use anyhow::Context;
use clap::Subcommand;
use serde::Serialize;

use crate::config::{Config, ProcessEnv};
use crate::secrets::{self, Examined};

use super::exit_code::Exit;
use super::output::{BAD, DIM, GOOD, Out, counted, painted};
use super::{Global, prepare};

/// Longest value that is read from stdin, in bytes: what a file with a secret may have.
const VALUE_BYTES_MAX: u64 = 64 << 10;

#[derive(Debug, Subcommand)]
pub(super) enum SecretsCommand {
    /// List the references of all servers, present or missing; shows no value
    List,
    /// Say which references cannot be had, and what to do; fails when there is one
    Check,
    /// Store a secret in the system's keyring; the value is read from stdin
    Set {
        /// Where: what stands in ${keyring:SERVICE/NAME}
        #[arg(value_name = "SERVICE/NAME")]
        entry: String,
    },
    /// Take a secret out of the system's keyring
    Delete {
        /// Which: what stands in ${keyring:SERVICE/NAME}
        #[arg(value_name = "SERVICE/NAME")]
        entry: String,
    },
}

/// One reference of one server.
#[derive(Debug, Serialize)]
struct Line {
    server: String,
    /// Empty for an env file.
    variable: String,
    /// As written; `required_env` for a variable that the server requires.
    reference: String,
    present: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    fault: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    warning: Option<String>,
}

pub(super) async fn secrets(global: &Global, command: SecretsCommand) -> anyhow::Result<Exit> {
    match command {
        SecretsCommand::List => show(global, true).await,
        SecretsCommand::Check => show(global, false).await,
        SecretsCommand::Set { entry } => {
            let (service, name) = parts(&entry)?;
            anyhow::ensure!(
                secrets::has_keyring(),
                "this mcporch was built without the keyring (`--features keyring`)"
            );
            tokio::task::spawn_blocking(move || -> anyhow::Result<()> {
                let value = value_of_stdin(&service, &name)?;
                Ok(secrets::set_in_keyring(&service, &name, &value)?)
            })
            .await??;
            Out::stdout().line(&format!("stored; write ${{keyring:{entry}}} where the value is needed"));
            Ok(Exit::Done)
        }
        SecretsCommand::Delete { entry } => {
            let (service, name) = parts(&entry)?;
            tokio::task::spawn_blocking(move || secrets::delete_from_keyring(&service, &name)).await??;
            Out::stdout().line(&format!("${{keyring:{entry}}} is no longer there"));
            Ok(Exit::Done)
        }
    }
}

fn parts(entry: &str) -> anyhow::Result<(String, String)> {
    let parts = entry.split_once('/').filter(|(service, name)| !service.is_empty() && !name.is_empty());
    let (service, name) = parts.with_context(|| format!("{entry:?} is no name of a secret; write SERVICE/NAME"))?;
    Ok((service.to_owned(), name.to_owned()))
}

fn value_of_stdin(service: &str, name: &str) -> anyhow::Result<String> {
    let stdin = std::io::stdin();
    let mut value = String::new();
    if stdin.is_terminal() {
        Out::stderr().line(&format!("value of {service}/{name} (seen while you type), then Enter:"));
        stdin.read_line(&mut value)?;
    } else {
        let read = stdin.take(VALUE_BYTES_MAX + 1).read_to_string(&mut value).context("stdin is no text")?;
        anyhow::ensure!(read as u64 <= VALUE_BYTES_MAX, "the value has more than {VALUE_BYTES_MAX} bytes");
    }
    let value = value.trim_end_matches(['\n', '\r']).to_owned();
    anyhow::ensure!(!value.is_empty(), "the value is empty; write it to stdin");
    secrets::redactor().learn([value.as_str()]);
    Ok(value)
}

async fn show(global: &Global, with_present: bool) -> anyhow::Result<Exit> {
    let config = prepare::configuration(global)?;
    let lines = tokio::task::spawn_blocking(move || lines(&config)).await?;
    let missing = lines.iter().filter(|line| !line.present).count();
    if global.json {
        Out::stdout().json(&lines);
    } else {
        let mut out = Out::stdout();
        for line in lines.iter().filter(|line| with_present || !line.present || line.warning.is_some()) {
            show_line(line, &mut out);
        }
        out.line(&painted(DIM, &format!("{}, {missing} missing", counted(lines.len(), "reference"))));
    }
    Ok(if missing > 0 && !with_present { Exit::Failed } else { Exit::Done })
}

fn show_line(line: &Line, out: &mut Out) {
    let (mark, state) = if line.present { (painted(GOOD, "✓"), "present") } else { (painted(BAD, "✗"), "missing") };
    let what = if line.variable.is_empty() { &line.reference } else { &line.variable };
    let from = if line.variable.is_empty() { "env file" } else { &line.reference };
    out.line(&format!("{mark} {}: {what} ({from}) {state}", line.server));
    for more in line.fault.iter().chain(&line.warning) {
        out.line(&format!("    {more}"));
    }
}

/// All references of servers that are in use. Blocking: reads files and asks the keyring.
fn lines(config: &Config) -> Vec<Line> {
    let servers = config.servers.iter().filter(|server| !server.disabled);
    servers
        .flat_map(|server| {
            let name = server.name.to_string();
            let late = server.late_env.examine().into_iter().map(|one| line(&name, one));
            let required = server.required_env_status(&ProcessEnv).into_iter();
            let is_late = |variable: &str| server.late_env.variables.iter().any(|one| one.name == variable);
            let required = required.filter(|(variable, _)| !is_late(variable)).map(|(variable, present)| Line {
                server: name.clone(),
                variable,
                reference: "required_env".to_owned(),
                present,
                fault: None,
                warning: None,
            });
            late.chain(required).collect::<Vec<_>>()
        })
        .collect()
}

fn line(server: &str, one: Examined) -> Line {
    Line {
        server: server.to_owned(),
        variable: one.variable,
        reference: one.reference,
        present: one.fault.is_none(),
        fault: one.fault.map(|fault| fault.to_string()),
        warning: one.warning,
    }
}
