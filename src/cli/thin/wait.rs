//! The long wait of a thin client, and what it does at its end.

use std::fs::File;
use std::os::fd::BorrowedFd;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use tokio::time::Instant;

use crate::local_socket::{Connection, Error, Goodbye, Owed};

use super::pump::Ends;

/// From the client closing its side to the daemon's goodbye; then this process goes, and with it the session. Longer than
/// the daemon gives the calls that are in flight.
const LAST_ANSWERS: Duration = Duration::from_secs(15);
/// For the client to read an error.
const WRITE_TIMEOUT: Duration = Duration::from_secs(5);

/// A JSON-RPC code of the range for servers.
const DAEMON_DIED: i64 = -32000;

/// How a session ended.
pub(super) enum Ended {
    /// With this exit code.
    Done(u8),
    /// The daemon is gone and owes this.
    Died(Owed),
}

/// Waits until the session is over.
pub(super) fn wait(mut connection: Connection, ends: &Ends, journal: &File) -> Result<Ended, Error> {
    const DOING: &str = "waiting for the daemon";
    let mut leave_at: Option<Instant> = None;
    loop {
        if let Some(goodbye) = connection.take_line::<Goodbye>()? {
            if let Some(why) = &goodbye.why {
                answer_owed(ends, &Owed::read(journal)?, why);
            }
            return Ok(Ended::Done(goodbye.exit_code));
        }
        let events = match look(&connection, ends, leave_at) {
            Ok(events) => events,
            Err(Errno::INTR) => continue,
            Err(other) => return Err(Error::Io { doing: DOING, source: other.into() }),
        };
        if events.daemon && !connection.fill(DOING)? {
            return Ok(Ended::Died(Owed::read(journal)?));
        }
        // Nobody writes and nobody reads: the client is gone, and our end cancels its calls.
        if events.nobody_reads && events.nobody_writes {
            return Ok(Ended::Done(0));
        }
        // One of the two is enough to leave soon, and the system would tell of it again and again.
        if (events.nobody_writes || events.nobody_reads) && leave_at.is_none() {
            leave_at = Some(Instant::now() + LAST_ANSWERS);
        }
        if leave_at.is_some_and(|at| Instant::now() >= at) {
            return Ok(Ended::Done(0));
        }
    }
}

struct Events {
    daemon: bool,
    nobody_writes: bool,
    nobody_reads: bool,
}

/// Waits for something to happen. Once the client has closed its side, which stays so, only the daemon is waited for, and
/// not for ever.
fn look(connection: &Connection, ends: &Ends, leave_at: Option<Instant>) -> Result<Events, Errno> {
    let gone = PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL | hung_up();
    let timeout = leave_at.map(|at| {
        let left = at.saturating_duration_since(Instant::now());
        Timespec::try_from(left).unwrap_or(Timespec { tv_sec: 1, tv_nsec: 0 })
    });
    let mut fds = vec![PollFd::new(connection, PollFlags::IN)];
    if leave_at.is_none() {
        let (input, output): (BorrowedFd<'_>, BorrowedFd<'_>) = (ends.input(), ends.output());
        fds.push(PollFd::from_borrowed_fd(input, hung_up()));
        fds.push(PollFd::from_borrowed_fd(output, PollFlags::empty()));
    }
    poll(&mut fds, timeout.as_ref())?;
    let saw = |at: usize, flags: PollFlags| fds.get(at).is_some_and(|fd| fd.revents().intersects(flags));
    Ok(Events {
        daemon: saw(0, PollFlags::IN | PollFlags::HUP | PollFlags::ERR),
        nobody_writes: saw(1, gone),
        nobody_reads: saw(2, PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL),
    })
}

/// The other side of a socket will write no more; systems without this flag say HUP when it is gone altogether.
fn hung_up() -> PollFlags {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    {
        PollFlags::RDHUP
    }
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    {
        PollFlags::empty()
    }
}

/// Answers every request that is owed one with an error, in a line of its own.
pub(super) fn answer_owed(ends: &Ends, owed: &Owed, why: &str) {
    let mut text = String::new();
    if owed.is_mid_line {
        // The end of a line that nobody will finish.
        text.push('\n');
    }
    let message = serde_json::Value::from(why);
    for id in &owed.ids {
        text.push_str("{\"jsonrpc\":\"2.0\",\"id\":");
        text.push_str(id);
        text.push_str(",\"error\":{\"code\":");
        text.push_str(&DAEMON_DIED.to_string());
        text.push_str(",\"message\":");
        text.push_str(&message.to_string());
        text.push_str("}}\n");
    }
    write_all(ends.output(), text.as_bytes());
}

/// The daemon made this end non-blocking, so a slow reader is waited for here.
fn write_all(output: BorrowedFd<'_>, mut bytes: &[u8]) {
    let deadline = Instant::now() + WRITE_TIMEOUT;
    while !bytes.is_empty() && Instant::now() < deadline {
        match rustix::io::write(output, bytes) {
            Ok(written) => bytes = &bytes[written..],
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => {
                let timeout = Timespec { tv_sec: 1, tv_nsec: 0 };
                let _interrupted = poll(&mut [PollFd::from_borrowed_fd(output, PollFlags::OUT)], Some(&timeout));
            }
            Err(_) => return,
        }
    }
}
