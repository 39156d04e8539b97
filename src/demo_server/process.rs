//! What only a whole process can do.

use std::io::{self, Write};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::flags::Flags;
use super::session::pause;

/// How long the grandchild of `--fork-child` sleeps.
const SLEEPER: Duration = Duration::from_secs(60);

/// This process's standard output. Dropping it closes the pipe, as far as the reader can see.
pub(super) struct Stdout;

impl Write for Stdout {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        io::stdout().write(bytes)
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        io::stdout().write_all(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stdout().flush()
    }
}

impl Drop for Stdout {
    fn drop(&mut self) {
        #[cfg(unix)]
        if let Ok(nothing) = std::fs::File::options().write(true).open("/dev/null") {
            // On failure the pipe stays open, and the test that asked for this says so.
            rustix::stdio::dup2_stdout(&nothing).ok();
        }
    }
}

/// Closes this process's standard input, as far as the writer can see.
#[cfg(unix)]
pub(super) fn close_stdin() -> io::Result<()> {
    let nothing = std::fs::File::open("/dev/null")?;
    Ok(rustix::stdio::dup2_stdin(&nothing)?)
}

/// There is no such thing here.
#[cfg(not(unix))]
pub(super) fn close_stdin() -> io::Result<()> {
    Ok(())
}

/// Replaces SIGTERM's default action; tokio's handler stays when its runtime is gone.
#[cfg(unix)]
pub(super) fn survive_term() -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let _inside = runtime.enter();
    tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()).map(drop)
}

/// There is no SIGTERM here.
#[cfg(not(unix))]
pub(super) fn survive_term() -> io::Result<()> {
    Ok(())
}

pub(super) fn start_sleeper() -> io::Result<()> {
    start(&mut sleeper(&[])?).map(drop)
}

/// All ways in which a process can get out of sight of who started it.
pub(super) fn start_family() -> io::Result<()> {
    start(&mut sleeper(&[])?)?;
    let mut in_the_background = sleeper(&[])?;
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut in_the_background, 0);
    start(&mut in_the_background)?;
    start(&mut sleeper(&["--own-session"])?)?;
    start(&mut sleeper(&["--own-session", "--detach"])?)?.wait().map(drop)
}

fn sleeper(flags: &[&str]) -> io::Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["demo-server", "--kind", "sleeper"]).args(flags);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    Ok(command)
}

fn start(command: &mut Command) -> io::Result<Child> {
    let child = command.spawn()?;
    eprintln!("demo-server: grandchild {}", child.id());
    Ok(child)
}

/// What a sleeper does.
pub(super) fn sleep(flags: &Flags) -> io::Result<()> {
    #[cfg(unix)]
    if flags.own_session {
        rustix::process::setsid()?;
    }
    if flags.detach {
        return start(&mut sleeper(&["--own-session"])?).map(drop);
    }
    pause(SLEEPER);
    Ok(())
}
