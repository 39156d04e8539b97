//! `mcporch service`: lets the operating system start the daemon with the user's session.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::Context;
use clap::{Args, Subcommand, ValueEnum};
use serde_json::json;

use crate::config::{Env, Home, ProcessEnv};
use crate::service::{NAME, Platform, Program};

use super::Global;
use super::exit_code::Exit;
use super::output::Out;

/// How long the system's own program may take. A guess: it speaks with a running service.
const SYSTEM_TIMEOUT: Duration = Duration::from_secs(10);

#[derive(Debug, Subcommand)]
pub(super) enum ServiceCommand {
    /// Write the service's file, and say how to switch it on
    Install(InstallArgs),
    /// Switch the service off, and remove its file
    Uninstall {
        /// Of the user; there is no other kind
        #[arg(long)]
        user: bool,
    },
    /// Is it there, and does it run?
    Status {
        /// Of the user; there is no other kind
        #[arg(long)]
        user: bool,
    },
}

#[derive(Debug, Args)]
pub(super) struct InstallArgs {
    /// For the user; there is no other kind
    #[arg(long)]
    user: bool,
    /// Print the file, and write nothing
    #[arg(long)]
    print: bool,
    /// Of which system [default: of this one]
    #[arg(long = "for", value_name = "SYSTEM", requires = "print")]
    system: Option<System>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum System {
    Systemd,
    Launchd,
    Windows,
}

pub(super) async fn service(global: &Global, command: &ServiceCommand) -> anyhow::Result<Exit> {
    match command {
        ServiceCommand::Install(args) => install(global, args).await,
        ServiceCommand::Uninstall { .. } => uninstall(global).await,
        ServiceCommand::Status { .. } => status(global).await,
    }
}

async fn install(global: &Global, args: &InstallArgs) -> anyhow::Result<Exit> {
    let platform = match args.system {
        None => Platform::here(),
        Some(System::Systemd) => Platform::Systemd,
        Some(System::Launchd) => Platform::Launchd,
        Some(System::Windows) => Platform::Windows,
    };
    let text = platform.text(&program(global)?)?;
    let mut out = Out::stdout();
    if args.print {
        out.line(text.trim_end());
        return Ok(Exit::Done);
    }
    let path = path(global)?;
    write(&path, &text, platform).with_context(|| format!("{} could not be written", path.display()))?;
    if platform == Platform::Systemd {
        let _not_running_here = systemctl(&["daemon-reload"]).await;
    }
    let switch_on = match platform {
        Platform::Systemd => format!("systemctl --user enable --now {}", platform.file_name()),
        Platform::Launchd => format!("launchctl bootstrap gui/$(id -u) {:?}", path.display().to_string()),
        Platform::Windows => format!("schtasks /Create /TN {NAME} /XML {:?}", path.display().to_string()),
    };
    if global.json {
        out.json(&json!({"file": path, "enable": switch_on}));
    } else {
        out.line(&format!("wrote {}", path.display()));
        out.line(&format!("to start it now and at every log-in: {switch_on}"));
    }
    Ok(Exit::Done)
}

async fn uninstall(global: &Global) -> anyhow::Result<Exit> {
    let (path, platform) = (path(global)?, Platform::here());
    if platform == Platform::Systemd && path.exists() {
        let _not_running_here = systemctl(&["disable", "--now", platform.file_name()]).await;
    }
    let told = match fs::remove_file(&path) {
        Ok(()) => format!("removed {}", path.display()),
        Err(fault) if fault.kind() == ErrorKind::NotFound => format!("there is no {}", path.display()),
        Err(fault) => return Err(fault).with_context(|| format!("{} could not be removed", path.display())),
    };
    match platform {
        Platform::Systemd => drop(systemctl(&["daemon-reload"]).await),
        Platform::Launchd => Out::stderr().line(&format!("if it still runs: launchctl bootout gui/$(id -u)/{NAME}")),
        Platform::Windows => Out::stderr().line(&format!("to remove the task: schtasks /Delete /TN {NAME} /F")),
    }
    Out::stdout().line(&told);
    Ok(Exit::Done)
}

async fn status(global: &Global) -> anyhow::Result<Exit> {
    let (path, platform) = (path(global)?, Platform::here());
    let is_installed = path.exists();
    let is_current =
        is_installed && fs::read(&path).ok() == Some(encoded(&platform.text(&program(global)?)?, platform));
    let state = if platform == Platform::Systemd && is_installed {
        systemctl(&["is-active", platform.file_name()]).await
    } else {
        None
    };
    let mut out = Out::stdout();
    if global.json {
        out.json(&json!({"file": path, "installed": is_installed, "current": is_current, "state": state}));
    } else if is_installed {
        let old = if is_current { "" } else { " (it differs from what install would write now)" };
        out.line(&format!("installed: {}{old}", path.display()));
        out.line(&format!("state: {}", state.as_deref().unwrap_or("not known; the system's own tools can say")));
    } else {
        out.line("not installed; `mcporch service install` does it");
    }
    Ok(if is_installed { Exit::Done } else { Exit::Failed })
}

/// The daemon, with what this command line says of the configuration.
fn program(global: &Global) -> anyhow::Result<Program> {
    let home = Home::find(global.home.as_deref(), &ProcessEnv)?;
    let mut args: Vec<String> = Vec::new();
    let mut pass = |flag: &str, file: &Path| -> anyhow::Result<()> {
        let file = std::path::absolute(file)?;
        let file = file.to_str().with_context(|| format!("{} is no valid text", file.display()))?;
        args.extend([flag.to_owned(), file.to_owned()]);
        Ok(())
    };
    // A service does not inherit the variable.
    if global.home.is_some() || ProcessEnv.var("MCPORCH_HOME").is_some_and(|home| !home.is_empty()) {
        pass("--home", home.root())?;
    }
    if let Some(config) = &global.config {
        pass("--config", config)?;
    }
    for registry in &global.registry {
        pass("--registry", registry)?;
    }
    args.extend(global.set.iter().flat_map(|set| ["--set".to_owned(), set.clone()]));
    args.extend(["daemon".to_owned(), "--stay".to_owned()]);
    let path = std::env::current_exe().context("the path of this program is not known")?;
    Ok(Program { path, args, log: home.logs().join("service.log") })
}

/// Where the system looks for the file.
fn path(global: &Global) -> anyhow::Result<PathBuf> {
    let platform = Platform::here();
    let folder = |name: &str| ProcessEnv.var(name).map(PathBuf::from).filter(|folder| folder.is_absolute());
    let folder = match platform {
        Platform::Systemd => {
            let config = folder("XDG_CONFIG_HOME").or_else(|| Some(folder("HOME")?.join(".config")));
            config.map(|config| config.join("systemd/user"))
        }
        Platform::Launchd => folder("HOME").map(|home| home.join("Library/LaunchAgents")),
        Platform::Windows => Some(Home::find(global.home.as_deref(), &ProcessEnv)?.root().to_owned()),
    };
    Ok(folder.context("HOME is not set, so nobody knows where services stand")?.join(platform.file_name()))
}

/// As the system reads it.
fn encoded(text: &str, platform: Platform) -> Vec<u8> {
    match platform {
        Platform::Systemd | Platform::Launchd => text.as_bytes().to_vec(),
        Platform::Windows => {
            let lines = text.replace('\n', "\r\n");
            std::iter::once(0xfeff).chain(lines.encode_utf16()).flat_map(u16::to_le_bytes).collect()
        }
    }
}

/// Whole or not at all.
fn write(path: &Path, text: &str, platform: Platform) -> std::io::Result<()> {
    let draft = path.with_extension("draft");
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(&draft, encoded(text, platform))?;
    fs::rename(draft, path)
}

/// What systemd's user manager says, if there is one.
async fn systemctl(args: &[&str]) -> Option<String> {
    let mut command = tokio::process::Command::new("systemctl");
    command.arg("--user").args(args).stdin(Stdio::null()).kill_on_drop(true);
    let output = tokio::time::timeout(SYSTEM_TIMEOUT, command.output()).await.ok()?.ok()?;
    let told = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    (!told.is_empty()).then_some(told)
}
