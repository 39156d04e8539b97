//! Starting a program, and the handle on what was started.

use std::io;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};

use super::plan::{self, Plan};
use super::{Demand, Error, Program};

#[cfg(unix)]
use super::kept;

/// A started program, taken apart.
#[derive(Debug)]
pub struct Started {
    /// Its own process id, not that of anything around it.
    pub pid: Option<u32>,
    /// Where it reads.
    pub stdin: ChildStdin,
    /// Where it writes.
    pub stdout: ChildStdout,
    /// Where it writes what is for people.
    pub stderr: ChildStderr,
    /// Its life.
    pub process: Process,
}

/// How a program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// By itself, with this exit code.
    Code(i32),
    /// By this signal.
    Signal(i32),
    /// Nobody knows how.
    Unknown,
}

impl Ended {
    pub(super) fn of(status: ExitStatus) -> Self {
        #[cfg(unix)]
        if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
            return Self::Signal(signal);
        }
        status.code().map_or(Self::Unknown, Self::Code)
    }
}

impl std::fmt::Display for Ended {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Code(code) => write!(f, "exited with code {code}"),
            Self::Signal(signal) => write!(f, "was killed by signal {signal}"),
            Self::Unknown => f.write_str("ended"),
        }
    }
}

/// A running program with all that it starts. Dropping it ends them all.
#[derive(Debug)]
pub struct Process {
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Plain(Plain),
    #[cfg(unix)]
    Kept(kept::Kept),
}

/// Starts the program as the demand says, within `timeout`.
///
/// Cancel safe: what was started is ended. Must run on a runtime; the thread that polls it must live as long as the
/// program, which the main thread and a runtime's own threads do.
///
/// # Errors
/// [`Error`]; nothing is left running.
pub async fn start(program: &Program, demand: &Demand, timeout: Duration) -> Result<Started, Error> {
    let starting = async {
        match plan::make(program, demand).await? {
            Plan::Plain => plain(program),
            #[cfg(unix)]
            Plan::Kept { order, namespaces } => {
                let kept::Opened { pid, streams: (stdin, stdout, stderr), kept } =
                    kept::start(program, demand, *order, namespaces).await?;
                Ok(Started { pid: Some(pid), stdin, stdout, stderr, process: Process { kind: Kind::Kept(kept) } })
            }
        }
    };
    match tokio::time::timeout(timeout, starting).await {
        Ok(started) => started,
        Err(_) => Err(Error::TimedOut { seconds: timeout.as_secs_f64() }),
    }
}

impl Process {
    /// Waits until the program and all that it started are gone, and says how it ended.
    ///
    /// Cancel safe.
    ///
    /// # Errors
    /// When the system no longer knows it.
    pub async fn wait(&mut self) -> io::Result<Ended> {
        match &mut self.kind {
            Kind::Plain(plain) => {
                let ended = plain.child.wait().await.map(Ended::of);
                // Whatever the leader left behind in its group goes with it.
                plain.signal(Signal::Kill);
                ended
            }
            #[cfg(unix)]
            Kind::Kept(kept) => kept.wait().await,
        }
    }

    /// Asks it to end: TERM to its process group. Nothing where there is no such signal.
    pub fn terminate(&self) {
        match &self.kind {
            Kind::Plain(plain) => plain.signal(Signal::Term),
            #[cfg(unix)]
            Kind::Kept(kept) => kept.terminate(),
        }
    }

    /// Ends it and all that it started.
    pub fn kill(&mut self) {
        match &mut self.kind {
            Kind::Plain(plain) => {
                plain.signal(Signal::Kill);
                // One that is gone already is fine.
                plain.child.start_kill().ok();
            }
            #[cfg(unix)]
            Kind::Kept(kept) => kept.kill(),
        }
    }

    /// The same, where [`Self::kill`] did not help: ends its keeper too, which may be stopped, and then what is left.
    pub fn kill_keeper(&mut self) {
        match &mut self.kind {
            Kind::Plain(_) => self.kill(),
            #[cfg(unix)]
            Kind::Kept(kept) => kept.kill_shim(),
        }
    }
}

/// A child of ours without a shim.
#[derive(Debug)]
struct Plain {
    child: Child,
    /// The child's process group, or its job.
    #[cfg(unix)]
    group: Option<rustix::process::Pid>,
    /// Ends all in it when it is dropped, also by our death.
    #[cfg(windows)]
    _job: Option<win32job::Job>,
}

#[derive(Clone, Copy)]
enum Signal {
    Term,
    Kill,
}

impl Plain {
    /// Sends to all processes of the group; one that is gone already is fine.
    #[cfg(unix)]
    fn signal(&self, signal: Signal) {
        let signal = match signal {
            Signal::Term => rustix::process::Signal::TERM,
            Signal::Kill => rustix::process::Signal::KILL,
        };
        if let Some(group) = self.group {
            rustix::process::kill_process_group(group, signal).ok();
        }
    }

    #[cfg(not(unix))]
    fn signal(&self, _signal: Signal) {}
}

/// A plain child in a process group of its own; on Windows, in a job that ends with us.
fn plain(program: &Program) -> Result<Started, Error> {
    let mut command = Command::new(&program.file);
    command.args(&program.args).env_clear().envs(program.env.iter().map(|(name, value)| (name, value)));
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    if let Some(cwd) = &program.cwd {
        command.current_dir(cwd);
    }
    #[cfg(unix)]
    command.process_group(0);
    let mut child = command.spawn().map_err(Error::Program)?;
    let streams = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let (Some(stdin), Some(stdout), Some(stderr)) = streams else { unreachable!("all three are piped") };
    let pid = child.id();
    let plain = Plain {
        #[cfg(unix)]
        group: pid.and_then(|pid| i32::try_from(pid).ok()).and_then(rustix::process::Pid::from_raw),
        #[cfg(windows)]
        _job: job(&child),
        child,
    };
    Ok(Started { pid, stdin, stdout, stderr, process: Process { kind: Kind::Plain(plain) } })
}

/// A job object that the child is in, and whatever it starts from then on: when its last handle closes, and that is ours,
/// the system ends them all.
#[cfg(windows)]
fn job(child: &Child) -> Option<win32job::Job> {
    let mut limits = win32job::ExtendedLimitInfo::new();
    limits.limit_kill_on_job_close();
    let made = win32job::Job::create_with_limit_info(&limits).and_then(|job| {
        if let Some(handle) = child.raw_handle() {
            job.assign_process(handle as isize)?;
        }
        Ok(job)
    });
    match made {
        Ok(job) => Some(job),
        Err(fault) => {
            tracing::warn!(error = %fault, "no job object could be made; what a server starts may outlive us");
            None
        }
    }
}
