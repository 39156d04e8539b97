//! The child process: started in a group of its own with a minimal environment, and gone with its whole group in the end.

use std::process::{ExitStatus, Stdio};

use tokio::process::{Child, ChildStderr, ChildStdout, Command};
use tokio_util::sync::CancellationToken;

use crate::wire::LineWriter;

use super::{Error, Limits, SearchPath, Spec};

/// A started child, taken apart.
pub(super) struct Running {
    pub(super) child: Child,
    pub(super) stdin: LineWriter,
    pub(super) stdout: ChildStdout,
    pub(super) stderr: ChildStderr,
}

/// Starts the program.
///
/// # Errors
/// [`Error::CommandNotFound`], [`Error::NotAllowed`] and [`Error::Spawn`].
pub(super) fn spawn(spec: &Spec, path: &SearchPath, limits: &Limits) -> Result<Running, Error> {
    let not_found = || Error::CommandNotFound {
        server: spec.server.clone(),
        command: spec.command.clone(),
        searched: path.value(),
    };
    let failed = |source| Error::Spawn { server: spec.server.clone(), command: spec.command.clone(), source };
    let program = path.find(&spec.command).ok_or_else(not_found)?;
    let program = std::path::absolute(program).map_err(failed)?;
    spec.commands.check(&spec.server, &program, &spec.args)?;

    let mut command = Command::new(program);
    command.args(&spec.args).env_clear();
    command.envs(spec.inherited_env.iter().map(|(name, value)| (name, value)));
    command.env("PATH", path.value());
    command.envs(spec.env.iter().map(|(name, value)| (name, value)));
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    if let Some(cwd) = &spec.cwd {
        command.current_dir(cwd);
    }
    #[cfg(unix)]
    command.process_group(0);

    let mut child = command.spawn().map_err(failed)?;
    let stdin = child.stdin.take().expect("stdin is piped");
    let stdout = child.stdout.take().expect("stdout is piped");
    let stderr = child.stderr.take().expect("stderr is piped");
    #[cfg(unix)]
    let stdin = {
        let pipe = stdin.into_owned_fd().and_then(tokio::net::unix::pipe::Sender::from_owned_fd).map_err(failed)?;
        LineWriter::to_pipe(pipe, limits.line_bytes_max)
    };
    #[cfg(not(unix))]
    let stdin = LineWriter::to_stream(stdin, limits.line_bytes_max);
    Ok(Running { child, stdin, stdout, stderr })
}

/// Owns the child until it is gone: waits for its end, or brings it about when `stop` is cancelled. Says how it ended.
pub(super) async fn own(mut child: Child, stdin: LineWriter, stop: CancellationToken, limits: &Limits) -> String {
    let group = child.id();
    let ended = tokio::select! {
        status = child.wait() => status,
        () = stop.cancelled() => end(&mut child, &stdin, limits).await,
    };
    // Whatever the leader left behind in its group goes with it.
    signal_group(group, Signal::Kill);
    match ended {
        Ok(status) => describe(status),
        Err(fault) => format!("was lost: {fault}"),
    }
}

async fn end(child: &mut Child, stdin: &LineWriter, limits: &Limits) -> std::io::Result<ExitStatus> {
    stdin.close();
    if let Ok(status) = tokio::time::timeout(limits.close_grace, child.wait()).await {
        return status;
    }
    signal_group(child.id(), Signal::Term);
    if let Ok(status) = tokio::time::timeout(limits.term_grace, child.wait()).await {
        return status;
    }
    signal_group(child.id(), Signal::Kill);
    child.start_kill()?;
    child.wait().await
}

fn describe(status: ExitStatus) -> String {
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        return format!("was killed by signal {signal}");
    }
    match status.code() {
        Some(code) => format!("exited with code {code}"),
        None => "ended".to_owned(),
    }
}

#[derive(Clone, Copy)]
enum Signal {
    Term,
    Kill,
}

/// Sends to all processes of the group; one that is gone already is fine.
#[cfg(unix)]
fn signal_group(leader: Option<u32>, signal: Signal) {
    let signal = match signal {
        Signal::Term => rustix::process::Signal::TERM,
        Signal::Kill => rustix::process::Signal::KILL,
    };
    let pid = leader.and_then(|id| i32::try_from(id).ok()).and_then(rustix::process::Pid::from_raw);
    if let Some(pid) = pid {
        let _gone_already = rustix::process::kill_process_group(pid, signal);
    }
}

#[cfg(not(unix))]
fn signal_group(_leader: Option<u32>, _signal: Signal) {}
