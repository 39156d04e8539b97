//! `mcporch backup` and `mcporch restore`: the home in one file, and back. Neither needs a configuration that can be read.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use crate::app::now_ms;
use crate::backup::{self, Made, Request, Restore};
use crate::config::{self, Home, ProcessEnv};
use crate::domain::Moment;
use crate::{catalog, history};

use super::Global;
use super::exit_code::Exit;
use super::output::{Out, counted};

#[derive(Debug, Args)]
pub(super) struct BackupArgs {
    /// The file to make
    file: PathBuf,
    /// Replace a file that is there
    #[arg(long)]
    force: bool,
}

#[derive(Debug, Args)]
pub(super) struct RestoreArgs {
    /// A file that `mcporch backup` made
    file: PathBuf,
    /// Also while something uses the home
    #[arg(long)]
    force: bool,
}

pub(super) async fn backup(global: &Global, args: &BackupArgs) -> anyhow::Result<Exit> {
    let home = Home::find(global.home.as_deref(), &ProcessEnv)?;
    let (root, to, is_forced) = (home.root().to_owned(), std::path::absolute(&args.file)?, args.force);
    let mut made = tokio::task::spawn_blocking(move || {
        backup::backup(&Request { home: &root, to: &to, is_forced, now: Moment(now_ms()).to_string() })
    })
    .await??;
    made.left_out.extend(files_elsewhere(global, home.root()));
    show(global, &args.file, &made);
    Ok(Exit::Done)
}

/// Registry files that lie outside of the home, if the configuration can be read.
fn files_elsewhere(global: &Global, home: &Path) -> Vec<String> {
    let files = config::load(&global.request(), &ProcessEnv).map(|config| config.registry_files).unwrap_or_default();
    let elsewhere = files.into_iter().chain(global.config.clone()).filter(|file| !file.starts_with(home));
    elsewhere.map(|file| format!("{}: it lies outside of the home", file.display())).collect()
}

fn show(global: &Global, file: &Path, made: &Made) {
    if global.json {
        let value = json!({"file": file, "bytes": made.bytes, "parts": made.parts, "left_out": made.left_out});
        return Out::stdout().json(&value);
    }
    let mut out = Out::stdout();
    out.line(&format!("kept {} in {} ({} bytes)", counted(made.parts.len(), "file"), file.display(), made.bytes));
    out.line("it may hold secrets of your registry, so only you can read it; keep it so");
    let mut stderr = Out::stderr();
    made.left_out.iter().for_each(|left_out| stderr.warning(&format!("left out: {left_out}")));
}

/// The daemon of this command line, if one runs. Others that use the home are found by their open databases.
fn running_daemon(global: &Global) -> Option<String> {
    #[cfg(unix)]
    {
        let patience = std::time::Duration::from_secs(2);
        let answer = super::servers::ask_if_there(global, "ping", serde_json::Value::Null, patience).ok()??;
        Some(format!("the daemon, process {} (`mcporch daemon --stop` ends it)", answer["pid"]))
    }
    #[cfg(not(unix))]
    {
        let _none_here = global;
        None
    }
}

pub(super) async fn restore(global: &Global, args: &RestoreArgs) -> anyhow::Result<Exit> {
    let home = Home::find(global.home.as_deref(), &ProcessEnv)?;
    let (root, from, is_forced) = (home.root().to_owned(), args.file.clone(), args.force);
    let used_by = running_daemon(global);
    let restored = tokio::task::spawn_blocking(move || {
        let layouts = [("index/catalog.sqlite", catalog::LAYOUT), ("history.db", history::LAYOUT)];
        backup::restore(&Restore { home: &root, from: &from, is_forced, used_by, layouts: &layouts })
    })
    .await??;
    let mut out = Out::stdout();
    if global.json {
        out.json(&json!({
            "made_at": restored.made_at,
            "version": restored.version,
            "parts": restored.parts,
            "removed": restored.removed,
        }));
    } else {
        let (files, home) = (counted(restored.parts.len(), "file"), home.root().display());
        out.line(&format!("{home} is as it was at {} ({files}, mcporch {})", restored.made_at, restored.version));
        restored.removed.iter().for_each(|removed| out.line(&format!("gone, since it came later: {removed}")));
    }
    Ok(Exit::Done)
}
