//! `mcporch daemon`: the process that serves all clients of a user. Thin clients start it by themselves; people and
//! services start it in the foreground.

use std::fs::OpenOptions;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use serde_json::Value;
use tokio::time::Instant;

use crate::app::{self, AdoptedEnv, DaemonOptions};
use crate::config::{self, Config, ProcessEnv};
use crate::domain::error_chain;
use crate::local_socket::{Build, Error as SocketError, Lock, Ready, request};
use crate::telemetry;

use super::Global;
use super::exit_code::Exit;
use super::output::Out;
use super::thin::{DAEMON_LOG, Identity};

/// For one request to the daemon. A guess: it answers in a millisecond.
const REQUEST_PATIENCE: Duration = Duration::from_secs(10);
/// Between two looks whether it is gone.
const LOOK_EVERY: Duration = Duration::from_millis(5);

#[derive(Debug, Args)]
pub(super) struct DaemonArgs {
    /// Never leave for want of clients
    #[arg(long)]
    stay: bool,
    /// Ask the running daemon to stop, and wait until it does not listen any more
    #[arg(long, conflicts_with_all = ["stay", "detached"])]
    stop: bool,
    /// Started by a client: leave its session, and say on standard output whether it went well
    #[arg(long, hide = true)]
    detached: bool,
}

pub(super) async fn daemon(global: &Global, args: &DaemonArgs) -> anyhow::Result<Exit> {
    if args.stop {
        return stop(global);
    }
    if !args.detached {
        return in_foreground(global, args).await;
    }
    let mut report = Report { is_open: true };
    // So that a signal to the group of the client who started us, or the end of his terminal, is none to us.
    let _leader_already = rustix::process::setsid();
    match detached(global, args, &mut report).await {
        Ok(exit) => Ok(exit),
        Err(fault) => {
            report.tell(&Ready::Failed { why: format!("{fault:#}") });
            Err(fault)
        }
    }
}

/// Blocks this thread, on which nothing else runs.
fn stop(global: &Global) -> anyhow::Result<Exit> {
    let (home, settings) = config::load_daemon(&global.request(), &ProcessEnv)?;
    let place = Identity::of(global, &home, &ProcessEnv).place(&settings, &ProcessEnv)?;
    match request(&place.socket(), "stop_daemon", Value::Null, REQUEST_PATIENCE) {
        Ok(said) if global.json => Out::stdout().json(&said),
        Ok(said) => Out::stdout().line(&format!("the daemon (process {}) stops", said["pid"])),
        Err(SocketError::NoDaemon { .. }) => {
            Out::stderr().line("no daemon runs");
            return Ok(Exit::Done);
        }
        // It runs and does not answer: then it is ended as a process.
        Err(fault @ SocketError::TimedOut { .. }) => end_by_force(&place, &error_chain(&fault))?,
        Err(fault) => return Err(fault.into()),
    }
    // It takes its socket away before it finishes what is in flight.
    let deadline = Instant::now() + REQUEST_PATIENCE;
    while place.socket().exists() && Instant::now() < deadline {
        std::thread::park_timeout(LOOK_EVERY);
    }
    Ok(Exit::Done)
}

/// TERM, then KILL, to the process that holds the lock.
fn end_by_force(place: &crate::local_socket::Place, why: &str) -> anyhow::Result<()> {
    use rustix::process::{Pid, Signal, kill_process, test_kill_process};
    let pid = Lock::holder(place).and_then(|pid| i32::try_from(pid).ok()).and_then(Pid::from_raw);
    let Some(pid) = pid.filter(|_| !matches!(Lock::try_take(place), Ok(Some(_)))) else {
        anyhow::bail!("{why}, and its process is not known");
    };
    let number = pid.as_raw_nonzero();
    Out::stderr().warning(&format!("{why}; process {number} is ended"));
    for signal in [Signal::TERM, Signal::KILL] {
        kill_process(pid, signal)?;
        let deadline = Instant::now() + REQUEST_PATIENCE / 2;
        while test_kill_process(pid).is_ok() && Instant::now() < deadline {
            std::thread::park_timeout(LOOK_EVERY);
        }
        if test_kill_process(pid).is_err() {
            return Ok(());
        }
    }
    anyhow::bail!("process {number} does not end")
}

async fn in_foreground(global: &Global, args: &DaemonArgs) -> anyhow::Result<Exit> {
    let build = Build::own();
    let env = Arc::new(AdoptedEnv::over(Box::new(ProcessEnv)));
    let (config, place) = configured(global, &env)?;
    let Some(lock) = Lock::try_take(&place)? else {
        let holder = Lock::holder(&place).map_or_else(String::new, |pid| format!(" (process {pid})"));
        Out::stderr().failure(&format!("a daemon runs already{holder}; it listens on {}", place.socket().display()));
        return Ok(Exit::Failed);
    };
    telemetry::start(&config.settings.log, global.verbose.then_some("debug"), &config.home.logs())?;
    telemetry::start_sending(&config.settings.telemetry);
    warn(&config);
    let log = config.settings.log.file.clone();
    app::serve_daemon(
        &config,
        env,
        DaemonOptions { place, lock, build, stays: args.stay, must_serve_http: false, log, request: global.request() },
        |_| {},
    )
    .await?;
    Ok(Exit::Done)
}

async fn detached(global: &Global, args: &DaemonArgs, report: &mut Report) -> anyhow::Result<Exit> {
    let build = Build::own();
    let env = Arc::new(AdoptedEnv::over(Box::new(ProcessEnv)));
    let (config, place) = configured(global, &env)?;
    let Some(lock) = Lock::try_take(&place)? else {
        report.tell(&Ready::Taken);
        return Ok(Exit::Done);
    };
    let own_log = config.home.logs().join(DAEMON_LOG);
    let (level, bytes_max) = (global.verbose.then_some("debug"), config.settings.daemon.log_bytes_max);
    telemetry::start_with_own_file(&config.settings.log, level, &config.home.logs(), &own_log, bytes_max)?;
    telemetry::start_sending(&config.settings.telemetry);
    warn(&config);
    let log = Some(config.settings.log.file.clone().unwrap_or(own_log));
    let options =
        DaemonOptions { place, lock, build, stays: args.stay, must_serve_http: false, log, request: global.request() };
    app::serve_daemon(&config, env, options, |_| report.tell(&Ready::Listening)).await?;
    Ok(Exit::Done)
}

/// The configuration, and where a daemon of it listens.
pub(super) fn configured(
    global: &Global,
    env: &Arc<AdoptedEnv>,
) -> anyhow::Result<(Config, crate::local_socket::Place)> {
    let config = config::load(&global.request(), env.as_ref())?;
    let place = Identity::of(global, &config.home, &ProcessEnv).place(&config.settings.daemon, &ProcessEnv)?;
    place.prepare()?;
    Ok((config, place))
}

pub(super) fn warn(config: &Config) {
    for fault in config.faults() {
        tracing::warn!("{fault}");
    }
}

/// Standard output, as long as the one who started us listens there.
struct Report {
    is_open: bool,
}

impl Report {
    /// Says it once, and gives the pipe up.
    fn tell(&mut self, ready: &Ready) {
        if !std::mem::replace(&mut self.is_open, false) {
            return;
        }
        ready.tell(std::io::stdout());
        if let Ok(nothing) = OpenOptions::new().write(true).open("/dev/null") {
            let _still_open = rustix::stdio::dup2_stdout(nothing);
        }
    }
}
