//! The two ends that the daemon gets. Pipes and sockets are handed over as they are; for files and terminals, which must
//! not be made non-blocking for everybody who has them open, a pipe of ours stands in, and a thread moves the bytes.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::thread::JoinHandle;

use rustix::fs::FileType;

/// What one move takes at most, in bytes: as much as a pipe holds.
const MOVED_BYTES_MAX: usize = 64 * 1024;

/// Both ends as the daemon gets them.
pub(super) struct Ends {
    input: OwnedFd,
    output: Option<OwnedFd>,
    /// What is to be moved once a daemon listens: from, to.
    waiting: Vec<(File, File)>,
    /// Threads that move; the last one writes what the client reads.
    moving: Vec<JoinHandle<()>>,
    moves_output: bool,
}

impl Ends {
    /// Takes this process's stdin and stdout; pipes of ours in their place where they are neither pipes nor sockets, or
    /// must not be passed.
    pub(super) fn of_process(may_pass: bool) -> io::Result<Self> {
        let (stdin, stdout) = (io::stdin().as_fd().try_clone_to_owned()?, io::stdout().as_fd().try_clone_to_owned()?);
        let mut waiting = Vec::new();
        let input = if may_pass && can_be_passed(&stdin) {
            stdin
        } else {
            let (read, write) = io::pipe()?;
            waiting.push((File::from(stdin), File::from(OwnedFd::from(write))));
            OwnedFd::from(read)
        };
        let moves_output = !(may_pass && can_be_passed(&stdout));
        let output = if moves_output {
            let (read, write) = io::pipe()?;
            waiting.push((File::from(OwnedFd::from(read)), File::from(stdout)));
            OwnedFd::from(write)
        } else {
            stdout
        };
        Ok(Self { input, output: Some(output), waiting, moving: Vec::new(), moves_output })
    }

    pub(super) fn input(&self) -> BorrowedFd<'_> {
        self.input.as_fd()
    }

    pub(super) fn output(&self) -> BorrowedFd<'_> {
        self.output.as_ref().unwrap_or(&self.input).as_fd()
    }

    /// Starts to move, now that somebody is there to read.
    pub(super) fn begin(&mut self) {
        for (from, to) in self.waiting.drain(..) {
            self.moving.push(std::thread::spawn(move || move_all(from, to)));
        }
    }

    pub(super) fn has_begun_to_move(&self) -> bool {
        !self.moving.is_empty()
    }

    /// Lets the last bytes reach the client. Waits for as long as the client takes to read them.
    pub(super) fn finish(mut self) {
        self.output = None;
        if self.moves_output
            && let Some(writes) = self.moving.pop()
        {
            let _panicked = writes.join();
        }
    }
}

fn can_be_passed(end: &OwnedFd) -> bool {
    let kind = rustix::fs::fstat(end).map(|about| FileType::from_raw_mode(about.st_mode));
    matches!(kind, Ok(FileType::Fifo | FileType::Socket))
}

fn move_all(mut from: File, mut to: File) {
    let mut buffer = vec![0_u8; MOVED_BYTES_MAX];
    loop {
        let moved = match from.read(&mut buffer) {
            Ok(0) => return,
            Ok(read) => to.write_all(&buffer[..read]).and_then(|()| to.flush()),
            Err(fault) if fault.kind() == io::ErrorKind::Interrupted => Ok(()),
            Err(fault) if fault.kind() == io::ErrorKind::WouldBlock => wait_for_more(&from),
            Err(_) => return,
        };
        // A full pipe that is non-blocking only takes a part; the daemon's end is, ours is not.
        if moved.is_err() {
            return;
        }
    }
}

fn wait_for_more(from: &File) -> io::Result<()> {
    use rustix::event::{PollFd, PollFlags, poll};
    poll(&mut [PollFd::new(from, PollFlags::IN)], None)?;
    Ok(())
}
