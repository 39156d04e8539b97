//! A program behind its shim, seen from mcporch: the socket to the shim, the news on it, and the end.

use std::io::{self, PipeReader, PipeWriter};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream as StdSocket;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::UnixStream;
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};

use super::order::{self, Order, Report};
use super::plan::Namespaces;
use super::shim::{self, Stage};
use super::start::Ended;
use super::{Demand, Error, Program};

/// How long the shim is waited for after it told of the program's end: it ends what was left behind. What does not die of
/// KILL within this time hangs in the kernel, and the shim stays with it.
const SWEEP_TIME: Duration = Duration::from_secs(1);
/// Longest line of news.
const REPORT_BYTES_MAX: usize = 64 << 10;

/// What a start gives.
pub(super) struct Opened {
    pub(super) pid: u32,
    pub(super) streams: (ChildStdin, ChildStdout, ChildStderr),
    pub(super) kept: Kept,
}

/// The shim and what is known of the program.
#[derive(Debug)]
pub(super) struct Kept {
    /// The outermost process of ours around the program. Not killed when dropped: it ends by itself, tidily, when the socket
    /// closes.
    shim: Child,
    /// `None` when the program's end is known.
    control: Option<Control>,
    ended: Option<Ended>,
    #[cfg(target_os = "linux")]
    token: String,
    #[cfg(target_os = "linux")]
    server: u32,
    /// The parent of the server: the shim, which in namespaces is not the outermost process.
    #[cfg(target_os = "linux")]
    parent: Option<u32>,
    #[cfg(target_os = "linux")]
    group: Option<super::cgroup::Group>,
}

/// Starts the program through a shim.
pub(super) async fn start(
    program: &Program,
    demand: &Demand,
    order: Order,
    namespaces: Option<Namespaces>,
) -> Result<Opened, Error> {
    let around = |doing: &str| {
        let doing = doing.to_owned();
        move |source: io::Error| Error::Around { doing, source }
    };
    let mut order = order;
    #[cfg(target_os = "linux")]
    let token = {
        super::strays::adopt_orphans();
        let token = super::strays::new_token();
        order.env.push((super::strays::VARIABLE.to_owned(), token.clone()));
        token
    };
    let (head, body) = order::encode(&order).map_err(around("write down what to start"))?;
    let pipes = Pipes::new().map_err(around("make pipes to it"))?;
    let (ours, theirs) = StdSocket::pair().map_err(around("make a socket to its shim"))?;
    let shim = spawn(&program.server, theirs, namespaces).map_err(around("start its shim"))?;
    #[cfg(target_os = "linux")]
    let group = group(program, demand, &shim);
    #[cfg(not(target_os = "linux"))]
    let _ = demand;
    order::send_head(&ours, head, pipes.theirs()).map_err(around("hand it its streams"))?;
    let streams = pipes.into_ours().map_err(around("make pipes to it"))?;
    let socket = ours.set_nonblocking(true).and_then(|()| UnixStream::from_std(ours));
    let mut control = Control { socket: socket.map_err(around("listen to its shim"))?, buffer: Vec::new() };
    let mut kept = Kept {
        shim,
        control: None,
        ended: None,
        #[cfg(target_os = "linux")]
        token,
        #[cfg(target_os = "linux")]
        server: 0,
        #[cfg(target_os = "linux")]
        parent: None,
        #[cfg(target_os = "linux")]
        group,
    };
    // A shim that is gone says more by how it ended than by what cannot be written to it.
    control.socket.write_all(&body).await.ok();
    let pid = match control.next().await.map_err(around("listen to its shim"))? {
        Some(Report::Started { pid }) => seen_from_here(pid, kept.shim.id(), namespaces.is_some()),
        Some(Report::Failed { doing, os_error, text }) => {
            let source = os_error.map_or_else(|| io::Error::other(text), io::Error::from_raw_os_error);
            return Err(if doing.is_empty() { Error::Program(source) } else { Error::Around { doing, source } });
        }
        Some(Report::Ended { .. }) | None => {
            let how = kept.shim.wait().await.map_or(Ended::Unknown, Ended::of).to_string();
            return Err(Error::ShimLost { how });
        }
    };
    kept.control = Some(control);
    #[cfg(target_os = "linux")]
    {
        kept.server = pid;
        kept.parent = super::processes::Stat::read(pid).map(|stat| stat.parent);
    }
    Ok(Opened { pid, streams, kept })
}

fn spawn(name: &str, theirs: StdSocket, namespaces: Option<Namespaces>) -> io::Result<Child> {
    let mut command = match namespaces {
        None => shim::command(Stage::Keep, name),
        #[cfg(target_os = "linux")]
        Some(wanted) => {
            let mut command = shim::command(Stage::Namespaces, name);
            command.arg(wanted.letters());
            command
        }
        #[cfg(not(target_os = "linux"))]
        Some(never) => match never {},
    };
    command.stdin(Stdio::from(OwnedFd::from(theirs))).stdout(Stdio::null()).stderr(Stdio::null());
    let mut command = Command::from(command);
    // What a terminal sends to our group is not for it: it must live until the server is gone.
    command.process_group(0);
    command.spawn()
}

/// The cgroup of the server, where one can be had; the shim goes in before it starts anything.
#[cfg(target_os = "linux")]
fn group(program: &Program, demand: &Demand, shim: &Child) -> Option<super::cgroup::Group> {
    use super::{Level, cgroup};
    let is_bounded = demand.memory_bytes_max.is_some() || demand.cpu_cores_max.is_some();
    let is_wanted = is_bounded || matches!(demand.level, Level::Standard | Level::Strict);
    let parent = is_wanted.then(|| cgroup::Parent::find().ok()).flatten()?;
    let made = parent.make(&program.server, demand).and_then(|group| {
        group.take(shim.id().unwrap_or_default())?;
        Ok(group)
    });
    made.map_err(|fault| {
        tracing::warn!(server.name = program.server, error = %fault, "no cgroup for server {}: {fault}", program.server);
    })
    .ok()
}

/// The process id of the program in our own numbering. In a namespace the shim knows it by another one: there the shim
/// is the first process, and the program is its child.
#[cfg(target_os = "linux")]
fn seen_from_here(pid: u32, outermost: Option<u32>, is_in_namespace: bool) -> u32 {
    if !is_in_namespace {
        return pid;
    }
    let inner = |candidate: &u32| super::processes::innermost_number(*candidate) == Some(pid);
    outermost.and_then(|outermost| super::processes::tree(outermost).into_iter().find(inner)).unwrap_or_default()
}

#[cfg(not(target_os = "linux"))]
fn seen_from_here(pid: u32, _outermost: Option<u32>, _is_in_namespace: bool) -> u32 {
    pid
}

impl Kept {
    pub(super) async fn wait(&mut self) -> io::Result<Ended> {
        while let Some(control) = &mut self.control {
            match control.next().await {
                Ok(Some(Report::Ended { code, signal })) => {
                    let ended = signal.map(Ended::Signal).or(code.map(Ended::Code));
                    self.ended = Some(ended.unwrap_or(Ended::Unknown));
                }
                Ok(Some(Report::Started { .. } | Report::Failed { .. })) => continue,
                Ok(None) | Err(_) => {}
            }
            self.control = None;
        }
        match self.ended {
            Some(ended) => {
                // Its end is known; a sweep that takes long is not waited for.
                tokio::time::timeout(SWEEP_TIME, self.shim.wait()).await.ok();
                Ok(ended)
            }
            None => {
                // The shim was killed. With it the server goes, and what the server had started falls to us.
                let ended = Ended::of(self.shim.wait().await?);
                #[cfg(target_os = "linux")]
                {
                    if let Some(group) = &self.group {
                        group.kill();
                    }
                    super::strays::sweep(&self.token, self.server, self.parent).await;
                }
                self.ended = Some(ended);
                Ok(ended)
            }
        }
    }

    pub(super) fn terminate(&self) {
        if let Some(control) = &self.control {
            control.say(order::TERM);
        }
    }

    /// For a shim that does not do what it is told: a process that is stopped cannot. What it kept falls to us.
    pub(super) fn kill_shim(&mut self) {
        // One that is gone already is fine.
        self.shim.start_kill().ok();
    }

    pub(super) fn kill(&mut self) {
        if let Some(control) = &self.control {
            control.say(order::KILL);
        }
    }
}

/// Our end of the socket.
#[derive(Debug)]
struct Control {
    socket: UnixStream,
    buffer: Vec<u8>,
}

impl Control {
    /// The next news; `None` when the shim is gone. Cancel safe.
    async fn next(&mut self) -> io::Result<Option<Report>> {
        loop {
            if let Some(end) = self.buffer.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.buffer.drain(..=end).collect();
                return Report::parse(&line).map(Some);
            }
            if self.buffer.len() > REPORT_BYTES_MAX {
                return Err(io::ErrorKind::InvalidData.into());
            }
            self.socket.readable().await?;
            match self.socket.try_read_buf(&mut self.buffer) {
                Ok(0) => return Ok(None),
                Ok(_) => {}
                Err(fault) if fault.kind() == io::ErrorKind::WouldBlock => {}
                Err(fault) if fault.kind() == io::ErrorKind::ConnectionReset => return Ok(None),
                Err(fault) => return Err(fault),
            }
        }
    }

    /// One byte always fits: never more than two are on their way.
    fn say(&self, byte: u8) {
        self.socket.try_write(&[byte]).ok();
    }
}

/// The three pipes of a program, both ends of each.
struct Pipes {
    stdin: (PipeReader, PipeWriter),
    stdout: (PipeReader, PipeWriter),
    stderr: (PipeReader, PipeWriter),
}

impl Pipes {
    fn new() -> io::Result<Self> {
        Ok(Self { stdin: io::pipe()?, stdout: io::pipe()?, stderr: io::pipe()? })
    }

    fn theirs(&self) -> [std::os::fd::BorrowedFd<'_>; 3] {
        [self.stdin.0.as_fd(), self.stdout.1.as_fd(), self.stderr.1.as_fd()]
    }

    /// Keeps our ends; theirs are closed here, so that an end of file is one.
    fn into_ours(self) -> io::Result<(ChildStdin, ChildStdout, ChildStderr)> {
        let stdin = std::process::ChildStdin::from(OwnedFd::from(self.stdin.1));
        let stdout = std::process::ChildStdout::from(OwnedFd::from(self.stdout.0));
        let stderr = std::process::ChildStderr::from(OwnedFd::from(self.stderr.0));
        Ok((ChildStdin::from_std(stdin)?, ChildStdout::from_std(stdout)?, ChildStderr::from_std(stderr)?))
    }
}
