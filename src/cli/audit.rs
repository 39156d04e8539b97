//! `mcporch audit`: who did what, and whether the log is as it was written. Needs nothing that runs.

use clap::{Args, Subcommand};
use serde_json::json;

use crate::audit::{self, Entry, Filter};
use crate::domain::Moment;

use super::exit_code::Exit;
use super::output::{BAD, DIM, GOOD, Out, WARN, painted};
use super::{Global, prepare};

/// Records that are read at once.
const PAGE: usize = 500;

#[derive(Debug, Args)]
pub(super) struct AuditArgs {
    #[command(subcommand)]
    command: Option<AuditCommand>,
    /// How many of the newest records
    #[arg(long, short = 'n', value_name = "N", default_value_t = 50)]
    lines: usize,
    /// Of that key, or of `cli`, `stdio`, `http`
    #[arg(long, value_name = "NAME")]
    who: Option<String>,
    /// Of that action, such as execute or server.stop; with a dot at the end, of all that begin so
    #[arg(long, value_name = "ACTION")]
    action: Option<String>,
}

#[derive(Debug, Subcommand)]
enum AuditCommand {
    /// Check every record; names the first that was changed, taken out or put in, and fails then
    Verify,
}

pub(super) async fn audit(global: &Global, args: AuditArgs) -> anyhow::Result<Exit> {
    let folder = prepare::settings(global)?.home.audit();
    let is_json = global.json;
    tokio::task::spawn_blocking(move || match args.command {
        Some(AuditCommand::Verify) => verify(&folder, is_json),
        None => show(&folder, &args, is_json),
    })
    .await?
}

fn show(folder: &std::path::Path, args: &AuditArgs, is_json: bool) -> anyhow::Result<Exit> {
    let filter = Filter { who: args.who.clone(), action: args.action.clone() };
    let (mut entries, mut cursor): (Vec<Entry>, Option<u64>) = (Vec::new(), None);
    while entries.len() < args.lines {
        let page = audit::page(folder, &filter, cursor, PAGE.min(args.lines - entries.len()))?;
        entries.extend(page.entries);
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    // As in a log: the newest at the end.
    entries.reverse();
    let mut out = Out::stdout();
    for entry in &entries {
        if is_json {
            out.line(&serde_json::to_string(entry)?);
        } else {
            out.line(&line(entry));
        }
    }
    if entries.is_empty() && !is_json {
        out.line("there is no such record");
    }
    Ok(Exit::Done)
}

fn line(entry: &Entry) -> String {
    let plain = |text: &str| -> String { text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect() };
    let outcome = match entry.outcome.as_str() {
        "done" => painted(GOOD, "done"),
        "failed" | "tool_error" => painted(BAD, &entry.outcome),
        other => painted(WARN, &plain(other)),
    };
    let mut by = plain(entry.who.as_deref().unwrap_or("-"));
    for more in entry.from.iter().chain(&entry.surface) {
        by.push(' ');
        by.push_str(&plain(more));
    }
    let took = entry.ms.map_or_else(String::new, |ms| format!(" {ms:.1} ms"));
    let time = painted(DIM, &Moment(entry.at).to_string());
    let what = format!("{} {}", plain(&entry.action), plain(&entry.target));
    let more = match entry.details.is_empty() {
        true => String::new(),
        false => painted(DIM, &format!("  {}", plain(&json!(entry.details).to_string()))),
    };
    format!("{time} {} {outcome}{took} {}{more}", what.trim_end(), painted(DIM, &format!("by {by}")))
}

fn verify(folder: &std::path::Path, is_json: bool) -> anyhow::Result<Exit> {
    let chain = audit::verify(folder)?;
    let mut out = Out::stdout();
    let broken = chain.broken.as_ref();
    if is_json {
        out.json(&json!({
            "is_whole": broken.is_none(), "records": chain.records, "first": chain.first, "last": chain.last,
            "head": chain.head,
            "broken": broken.map(|broken| json!({"file": broken.file, "line": broken.line, "what": broken.what})),
        }));
    } else if let Some(broken) = broken {
        let place = format!("{}:{}", broken.file.display(), broken.line);
        out.line(&format!("{} {place}: {}", painted(BAD, "broken"), broken.what));
        out.line(&format!("{} records before it are as they were written", chain.records));
    } else {
        out.line(&format!("{} {} records, {} to {}", painted(GOOD, "whole"), chain.records, chain.first, chain.last));
        out.line(&painted(DIM, &format!("the last one has the hash {}", chain.head)));
    }
    Ok(if broken.is_none() { Exit::Done } else { Exit::Failed })
}
