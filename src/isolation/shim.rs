//! The processes between mcporch and a server: this very program, started again as `mcporch __shim STAGE NAME`. The shim
//! starts the server, waits for it, and ends all that it left; it does so too when its socket to mcporch closes, which is
//! what happens when mcporch dies, however it dies. The last stage lays down rights and becomes the server.
//!
//! Restrictions are laid down in a process of their own and not between fork and exec, where almost nothing may be called.

use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode, Stdio};

use rustix::process::{Pid, Signal, WaitOptions, WaitStatus};

use super::order::{self, Order, Report};
use super::restrict;

/// The first argument that makes this program a shim.
const WORD: &str = "__shim";

/// What a shim process is there for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// Makes namespaces and starts the shim in them; the word after the name says which.
    #[cfg(target_os = "linux")]
    Namespaces,
    /// Starts the server, waits for it, ends what it left.
    Keep,
    /// Becomes the server.
    Become,
    /// Tries what this machine allows, and prints it.
    #[cfg(target_os = "linux")]
    Probe,
}

impl Stage {
    const ALL: &[Self] = &[
        #[cfg(target_os = "linux")]
        Self::Namespaces,
        Self::Keep,
        Self::Become,
        #[cfg(target_os = "linux")]
        Self::Probe,
    ];

    fn word(self) -> &'static str {
        match self {
            #[cfg(target_os = "linux")]
            Self::Namespaces => "namespaces",
            Self::Keep => "keep",
            Self::Become => "become",
            #[cfg(target_os = "linux")]
            Self::Probe => "probe",
        }
    }
}

/// Does a shim's work, when the command line says that this process is one; `None` otherwise. To be called before
/// anything else: a shim has to start in a millisecond, and some stages need a process with one thread.
///
/// Blocks for the life of the server.
#[must_use]
pub fn run_shim() -> Option<ExitCode> {
    // Of everybody's arguments the first is looked at, so none may be in the way by how it is written.
    let mut args = std::env::args_os().skip(1).map(|arg| arg.into_string().unwrap_or_default());
    if args.next()? != WORD {
        return None;
    }
    let stage = args.next().unwrap_or_default();
    let name = args.next().unwrap_or_default();
    let done = match Stage::ALL.iter().find(|known| known.word() == stage) {
        #[cfg(target_os = "linux")]
        Some(Stage::Namespaces) => super::namespaces::enter(&name, &args.next().unwrap_or_default()),
        Some(Stage::Keep) => keep(&name),
        Some(Stage::Become) => become_server(),
        #[cfg(target_os = "linux")]
        Some(Stage::Probe) => super::trial::answer(),
        None => Err(io::ErrorKind::InvalidInput.into()),
    };
    Some(if done.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The command that starts this program again as a shim, with an empty environment.
pub(super) fn command(stage: Stage, name: &str) -> Command {
    // The link leads to this very program even after the file was replaced by another version.
    let own = if cfg!(target_os = "linux") { Ok("/proc/self/exe".into()) } else { std::env::current_exe() };
    let mut command = Command::new(own.unwrap_or_else(|_| "mcporch".into()));
    command.arg0("mcporch").args([WORD, stage.word(), name]).env_clear();
    command
}

/// The socket to who started us, which stands where standard input is.
pub(super) fn control() -> io::Result<UnixStream> {
    Ok(UnixStream::from(rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdin(), 3)?))
}

fn keep(name: &str) -> io::Result<()> {
    let control = control()?;
    #[cfg(target_os = "linux")]
    {
        // Only in namespaces of our own, where this process is the first: when it ends, the system ends all others there.
        if std::process::id() == 1 {
            rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
        }
        // What the server's children leave behind becomes ours.
        rustix::process::set_child_subreaper(Pid::from_raw(1))?;
        super::open_files::close_all_on_exec();
    }
    let (order, streams) = order::receive(&control)?;
    match start(name, &order, streams, &control) {
        Ok((server, mut child_says)) => {
            let mut answer = Vec::new();
            child_says.read_to_end(&mut answer).ok();
            let pid = u32::try_from(server.as_raw_nonzero().get()).unwrap_or_default();
            // Nothing may keep us from sweeping, least of all that nobody hears us any more.
            if answer.is_empty() {
                // The socket closed because the program took the process over.
                Report::Started { pid }.send(&control).ok();
                // What the server was given is the server's alone, and the wait may be long.
                drop(order);
                super::give_pages_back();
                if let Ok(ended) = wait_for(server) {
                    Report::Ended { code: ended.exit_status(), signal: ended.terminating_signal() }.send(&control).ok();
                }
            } else {
                Report::parse(&answer).and_then(|report| report.send(&control)).ok();
            }
            sweep(server);
        }
        Err(report) => report.send(&control)?,
    }
    Ok(())
}

/// Starts the last stage and the thread that listens to mcporch. Gives its process id and the socket on which it says why it
/// could not become the server.
fn start(name: &str, order: &Order, streams: [OwnedFd; 3], control: &UnixStream) -> Result<(Pid, UnixStream), Report> {
    let failed = |doing: &'static str| move |fault: io::Error| Report::failed(doing, &fault);
    #[cfg(target_os = "linux")]
    super::namespaces::furnish(&order.rules).map_err(failed("set up its own file systems"))?;
    let (ours, theirs) = UnixStream::pair().map_err(failed("make a socket to it"))?;
    let theirs = Stdio::from(OwnedFd::from(theirs));
    let child = command(Stage::Become, name).stdin(theirs).spawn().map_err(failed("start the process for it"))?;
    let server = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let server = server.ok_or_else(|| Report::failed("start the process for it", &io::ErrorKind::Other.into()))?;
    let listening = control.try_clone().map_err(failed("share the socket"))?;
    let listener = std::thread::Builder::new().stack_size(64 << 10).name("listen".to_owned());
    // It ends with the process; nobody has to wait for it.
    drop(listener.spawn(move || listen(listening, server)).map_err(failed("start a thread"))?);
    order::send(&ours, order, &streams).map_err(failed("tell it what to start"))?;
    Ok((server, ours))
}

/// Does what mcporch says; its silence for ever means that it is gone.
fn listen(mut control: UnixStream, server: Pid) {
    let mut byte = [0];
    while let Ok(1) = control.read(&mut byte) {
        match byte[0] {
            order::TERM => {
                rustix::process::kill_process_group(server, Signal::TERM).ok();
            }
            order::KILL => break,
            _ => {}
        }
    }
    // The main thread waits for the server and sweeps up whatever else there is.
    rustix::process::kill_process(server, Signal::KILL).ok();
    rustix::process::kill_process_group(server, Signal::KILL).ok();
}

/// Waits for the server's end, and meanwhile asks about everything else that was left to us and ended.
fn wait_for(server: Pid) -> io::Result<WaitStatus> {
    loop {
        match rustix::process::wait(WaitOptions::empty()) {
            Ok(Some((pid, status))) if pid == server => return Ok(status),
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(fault) => return Err(fault.into()),
        }
    }
}

/// Ends all that is left of the server, however it hid, and returns when nothing is.
fn sweep(server: Pid) {
    rustix::process::kill_process_group(server, Signal::KILL).ok();
    #[cfg(target_os = "linux")]
    loop {
        // As the first process of a namespace we need no list: when we end, the system ends the others.
        if std::process::id() == 1 {
            return;
        }
        for pid in super::processes::tree(std::process::id()).into_iter().skip(1) {
            super::processes::kill(pid);
        }
        // Each death may show another process: one that was just being started, or that is now ours.
        match rustix::process::wait(WaitOptions::empty()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(_) => return,
        }
    }
}

/// Lays down rights and becomes the server. Returns only when that failed, and says so on the socket.
fn become_server() -> io::Result<()> {
    let control = control()?;
    let (order, [stdin, stdout, stderr]) = order::receive(&control)?;
    if let Err((doing, fault)) = restrict::lay_down(&order) {
        return Report::failed(doing, &fault).send(&control);
    }
    let mut command = Command::new(&order.program);
    command.args(&order.args).env_clear().envs(order.env.iter().map(|(name, value)| (name, value)));
    let taken = rustix::stdio::dup2_stdin(&stdin)
        .and_then(|()| rustix::stdio::dup2_stdout(&stdout))
        .and_then(|()| rustix::stdio::dup2_stderr(&stderr));
    if let Err(fault) = taken {
        return Report::failed("hand it its streams", &fault.into()).send(&control);
    }
    Report::failed("", &command.exec()).send(&control)
}
