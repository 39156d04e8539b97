//! Starting a daemon that is not there. The one who starts hands it a pipe as standard output, on which it says once
//! whether it is ready. Several who start at once start several: the lock lets one of them live.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::connect::nameless_file;
use super::{Connection, Error, Place, hello};

/// Between two looks whether a daemon that another process starts is there.
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// Longest report of a daemon that starts, in bytes.
const REPORT_BYTES_MAX: u64 = 64 * 1024;

/// What is needed to start a daemon.
#[derive(Debug)]
pub struct Start {
    /// Where it will listen.
    pub place: Place,
    /// Which program.
    pub program: PathBuf,
    /// With which arguments.
    pub args: Vec<std::ffi::OsString>,
    /// In which folder it runs: the same whoever starts it.
    pub folder: PathBuf,
    /// Where its standard error goes; nowhere when it cannot be opened.
    pub log: PathBuf,
}

/// What a daemon says of its start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ready {
    /// It listens.
    Listening,
    /// Another one has the lock.
    Taken,
    /// It cannot run.
    Failed {
        /// Why.
        why: String,
    },
}

impl Ready {
    /// Says so on a pipe that may have no reader any more: then nobody waits, and that is no fault.
    pub fn tell(&self, mut pipe: impl Write) {
        let _nobody_waits = pipe.write_all(&hello::line(self)).and_then(|()| pipe.flush());
    }
}

impl Place {
    /// A journal for one client.
    ///
    /// # Errors
    /// [`Error::Journal`].
    pub fn journal(&self) -> Result<File, Error> {
        nameless_file(self.folder())
    }
}

/// Connects to the daemon, starting it when there is none. Blocking, until the deadline. The child that was started, if it
/// became the daemon, is given too: it lives on when it is dropped.
///
/// # Errors
/// Whatever kept it from running, or us from reaching it.
pub fn start(start: &Start, deadline: Instant) -> Result<(Connection, Option<Child>), Error> {
    let began = Instant::now();
    start.place.prepare()?;
    loop {
        match Connection::open(&start.place.socket()) {
            Ok(connection) => return Ok((connection, None)),
            Err(Error::NoDaemon { .. }) => {}
            Err(other) => return Err(other),
        }
        let mut child = spawn(start)?;
        match report(&mut child, deadline)? {
            Ready::Listening => return Ok((Connection::open(&start.place.socket())?, Some(child))),
            Ready::Failed { why } => {
                let _reaped = child.wait();
                return Err(Error::NotStarted { why });
            }
            Ready::Taken => {
                let _reaped = child.wait();
            }
        }
        // Whoever has the lock listens in a moment, or is just leaving; then it is our turn again.
        let look_until = (Instant::now() + Duration::from_millis(200)).min(deadline);
        while Instant::now() < look_until {
            if let Ok(connection) = Connection::open(&start.place.socket()) {
                return Ok((connection, None));
            }
            pause(LOOK_EVERY);
        }
        if Instant::now() >= deadline {
            return Err(Error::TimedOut { what: "waiting for a daemon to start", after: began.elapsed() });
        }
    }
}

fn spawn(start: &Start) -> Result<Child, Error> {
    let log = open_log(&start.log).map_or_else(Stdio::null, Stdio::from);
    let folder = if start.folder.is_dir() { start.folder.as_path() } else { Path::new("/") };
    Command::new(&start.program)
        .args(&start.args)
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(log)
        .spawn()
        .map_err(|source| Error::Spawn { program: start.program.clone(), source })
}

fn open_log(path: &Path) -> Option<File> {
    std::fs::create_dir_all(path.parent()?).ok()?;
    OpenOptions::new().create(true).append(true).open(path).ok()
}

/// What the daemon says on its standard output. One that ends without a word has failed.
fn report(child: &mut Child, deadline: Instant) -> Result<Ready, Error> {
    const DOING: &str = "waiting for the daemon to start";
    let began = Instant::now();
    let died = || Ready::Failed { why: "it ended before it was ready; its log may say why".to_owned() };
    let Some(pipe) = child.stdout.take() else { return Ok(died()) };
    let left = deadline.saturating_duration_since(Instant::now());
    let timeout = Timespec::try_from(left).unwrap_or(Timespec { tv_sec: 3600, tv_nsec: 0 });
    let mut fds = [PollFd::new(&pipe, PollFlags::IN)];
    loop {
        match poll(&mut fds, Some(&timeout)) {
            Ok(0) => return Err(Error::TimedOut { what: DOING, after: began.elapsed() }),
            Ok(_) => break,
            Err(rustix::io::Errno::INTR) => {}
            Err(other) => return Err(Error::Io { doing: DOING, source: other.into() }),
        }
    }
    // A line is one write of the daemon, which closes the pipe behind it.
    let mut text = Vec::new();
    pipe.take(REPORT_BYTES_MAX).read_to_end(&mut text).map_err(|source| Error::Io { doing: DOING, source })?;
    Ok(serde_json::from_slice(&text).unwrap_or_else(|_| died()))
}

/// Waits without a runtime.
fn pause(time: Duration) {
    let timeout = Timespec::try_from(time).unwrap_or(Timespec { tv_sec: 0, tv_nsec: 5_000_000 });
    let _interrupted = poll(&mut [], Some(&timeout));
}
