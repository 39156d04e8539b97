//! The child process: started in a group of its own with a minimal environment, and gone with its whole group in the end.

use std::path::Path;
use std::time::Duration;

use tokio::process::{ChildStderr, ChildStdout};
use tokio_util::sync::CancellationToken;

use crate::isolation::{self, Process, Program, Started};
use crate::wire::LineWriter;

use super::{Error, Limits, SearchPath, Spec};

/// How long a process is waited for after KILL: what does not go then hangs in the kernel, or its shim is stopped. A guess.
const KILL_GRACE: Duration = Duration::from_secs(2);

/// A started child, taken apart.
pub(super) struct Running {
    pub(super) process: Process,
    pub(super) pid: Option<u32>,
    pub(super) stdin: LineWriter,
    pub(super) stdout: ChildStdout,
    pub(super) stderr: ChildStderr,
}

/// Starts the program, held as the specification demands.
///
/// Cancel safe: what was started is ended.
///
/// # Errors
/// [`Error::CommandNotFound`], [`Error::NotAllowed`], [`Error::Spawn`] and [`Error::Isolation`].
pub(super) async fn spawn(spec: &Spec, path: &SearchPath, limits: &Limits) -> Result<Running, Error> {
    let not_found = || Error::CommandNotFound {
        server: spec.server.clone(),
        command: spec.command.clone(),
        searched: path.value(),
    };
    let failed = |source| Error::Spawn { server: spec.server.clone(), command: spec.command.clone(), source };
    // In a container the program is looked for there.
    let is_contained = spec.demand.level == isolation::Level::Container;
    let file = path.find(&spec.command).or_else(|| is_contained.then(|| spec.command.clone().into()));
    let file = std::path::absolute(file.ok_or_else(not_found)?).map_err(failed)?;
    check_allowed(spec, &file).await?;

    let mut env = spec.inherited_env.clone();
    env.push(("PATH".to_owned(), path.value()));
    env.extend(spec.env.iter().cloned());
    let program = Program {
        server: spec.server.to_string(),
        file,
        args: spec.args.clone(),
        env,
        declared_env: spec.env.iter().map(|(name, _)| name.clone()).collect(),
        cwd: spec.cwd.clone(),
    };
    let started = isolation::start(&program, &spec.demand, limits.start_timeout).await;
    let Started { pid, stdin, stdout, stderr, process } = match started {
        Ok(started) => started,
        Err(isolation::Error::Program(source)) => return Err(failed(source)),
        Err(source) => return Err(Error::Isolation { server: spec.server.clone(), source }),
    };
    #[cfg(unix)]
    let stdin = {
        let pipe = stdin.into_owned_fd().and_then(tokio::net::unix::pipe::Sender::from_owned_fd).map_err(failed)?;
        LineWriter::to_pipe(pipe, limits.line_bytes_max)
    };
    #[cfg(not(unix))]
    let stdin = LineWriter::to_stream(stdin, limits.line_bytes_max);
    Ok(Running { process, pid, stdin, stdout, stderr })
}

/// Whether it may be started. Rules may ask for the hash of the whole program, so this is done on a thread of its own.
async fn check_allowed(spec: &Spec, file: &Path) -> Result<(), Error> {
    if spec.commands.allow.is_empty() && spec.commands.deny.is_empty() {
        return Ok(());
    }
    let (commands, server) = (spec.commands.clone(), spec.server.clone());
    let (file, args) = (file.to_owned(), spec.args.clone());
    let checked = tokio::task::spawn_blocking(move || commands.check(&server, &file, &args)).await;
    checked.unwrap_or_else(|_| {
        let source = std::io::Error::other("looking at the program broke off");
        Err(Error::Spawn { server: spec.server.clone(), command: spec.command.clone(), source })
    })
}

/// Owns the child until it is gone: waits for its end, or brings it about when `stop` is cancelled. Says how it ended.
pub(super) async fn own(mut process: Process, stdin: LineWriter, stop: CancellationToken, limits: &Limits) -> String {
    let ended = tokio::select! {
        ended = process.wait() => ended,
        () = stop.cancelled() => end(&mut process, &stdin, limits).await,
    };
    match ended {
        Ok(ended) => ended.to_string(),
        Err(fault) => format!("was lost: {fault}"),
    }
}

async fn end(process: &mut Process, stdin: &LineWriter, limits: &Limits) -> std::io::Result<isolation::Ended> {
    stdin.close();
    if let Ok(ended) = tokio::time::timeout(limits.close_grace, process.wait()).await {
        return ended;
    }
    process.terminate();
    if let Ok(ended) = tokio::time::timeout(limits.term_grace, process.wait()).await {
        return ended;
    }
    process.kill();
    if let Ok(ended) = tokio::time::timeout(KILL_GRACE, process.wait()).await {
        return ended;
    }
    // Its shim is stopped, or it hangs in the kernel: nobody shall wait for that without end.
    process.kill_keeper();
    match tokio::time::timeout(KILL_GRACE, process.wait()).await {
        Ok(ended) => ended,
        Err(_) => Err(std::io::Error::other("it does not end, whatever it is sent")),
    }
}
