//! What mcporch tells the shim and what the shim answers, over the one socket between them. The server's arguments,
//! variables and pipes travel here too, so that they stand in no command line and in no environment but its own.

use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags,
};
use serde::{Deserialize, Serialize};

/// Longest order. A guess: far more than the system lets arguments and environment be.
const ORDER_BYTES_MAX: usize = 16 << 20;

/// One byte to the shim: ask the server to end.
pub(super) const TERM: u8 = b'T';
/// One byte to the shim: end everything now. So does the end of the socket.
pub(super) const KILL: u8 = b'K';

/// What to start and how.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Order {
    pub(super) program: PathBuf,
    pub(super) args: Vec<String>,
    pub(super) env: Vec<(String, String)>,
    pub(super) cwd: Option<PathBuf>,
    pub(super) rules: Rules,
}

/// How much the program may do.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Rules {
    /// Open files of each process.
    pub(super) files_max: u64,
    /// Data of each process, in bytes.
    pub(super) data_bytes_max: Option<u64>,
    /// Which folders may be used; all when `None`.
    pub(super) folders: Option<Folders>,
    /// Deny the dangerous system calls.
    pub(super) deny_calls: bool,
    /// Deny sockets of the network.
    pub(super) deny_network: bool,
    /// It may gain rights by set-uid programs: for a wrapper that needs that and takes it away itself.
    pub(super) may_gain_rights: bool,
    /// Give it temporary folders of its own and a root that is read-only; needs a mount namespace.
    pub(super) private_mounts: bool,
    /// With these mounts: what stays visible below the temporary folders, besides the folders above.
    pub(super) visible: Vec<PathBuf>,
}

/// Which folders may be used.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Folders {
    /// Read and run; all when `None`.
    pub(super) read: Option<Vec<PathBuf>>,
    /// Read, run and write.
    pub(super) write: Vec<PathBuf>,
}

/// What the shim tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Report {
    /// The program runs; its process id as the shim sees it.
    Started { pid: u32 },
    /// It was not started. `doing` is empty when it was the program itself that the system refused.
    Failed { doing: String, os_error: Option<i32>, text: String },
    /// It ended: with an exit code, or by a signal.
    Ended { code: Option<i32>, signal: Option<i32> },
}

impl Report {
    pub(super) fn failed(doing: &str, fault: &io::Error) -> Self {
        Self::Failed { doing: doing.to_owned(), os_error: fault.raw_os_error(), text: fault.to_string() }
    }

    /// As one line.
    pub(super) fn send(&self, control: &UnixStream) -> io::Result<()> {
        let mut line = serde_json::to_vec(self)?;
        line.push(b'\n');
        let mut control = control;
        control.write_all(&line)
    }

    pub(super) fn parse(line: &[u8]) -> io::Result<Self> {
        Ok(serde_json::from_slice(line)?)
    }
}

/// The order as bytes, and its length as the four bytes that go before it together with the pipes.
pub(super) fn encode(order: &Order) -> io::Result<([u8; 4], Vec<u8>)> {
    let body = serde_json::to_vec(order)?;
    let len = u32::try_from(body.len()).ok().filter(|len| *len as usize <= ORDER_BYTES_MAX);
    let len = len.ok_or_else(|| io::Error::from_raw_os_error(rustix::io::Errno::TOOBIG.raw_os_error()))?;
    Ok((len.to_le_bytes(), body))
}

/// Sends the length and the three standard streams of the server.
pub(super) fn send_head(control: &UnixStream, head: [u8; 4], streams: [BorrowedFd<'_>; 3]) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(3))];
    let mut rights = SendAncillaryBuffer::new(&mut space);
    let has_room = rights.push(SendAncillaryMessage::ScmRights(&streams));
    debug_assert!(has_room, "the space was made for three");
    let sent = rustix::net::sendmsg(control, &[IoSlice::new(&head)], &mut rights, SendFlags::empty())?;
    // Four bytes into an empty buffer go whole or not at all.
    if sent == head.len() { Ok(()) } else { Err(io::ErrorKind::WriteZero.into()) }
}

/// Sends all of it. Blocks until the other side has taken it.
pub(super) fn send(control: &UnixStream, order: &Order, streams: &[OwnedFd; 3]) -> io::Result<()> {
    let (head, body) = encode(order)?;
    send_head(control, head, streams.each_ref().map(AsFd::as_fd))?;
    let mut control = control;
    control.write_all(&body)
}

/// Receives an order and the server's standard streams. Blocks.
pub(super) fn receive(control: &UnixStream) -> io::Result<(Order, [OwnedFd; 3])> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(3))];
    let mut rights = RecvAncillaryBuffer::new(&mut space);
    let mut head = [0; 4];
    #[cfg(target_os = "linux")]
    let flags = RecvFlags::CMSG_CLOEXEC;
    #[cfg(not(target_os = "linux"))]
    let flags = RecvFlags::empty();
    let got = rustix::net::recvmsg(control, &mut [IoSliceMut::new(&mut head)], &mut rights, flags)?;
    let mut streams: Vec<OwnedFd> = Vec::new();
    for message in rights.drain() {
        if let RecvAncillaryMessage::ScmRights(files) = message {
            streams.extend(files);
        }
    }
    // Where the call above cannot ask for it, the server would hold its own pipes twice.
    for stream in &streams {
        rustix::io::fcntl_setfd(stream, rustix::io::FdFlags::CLOEXEC)?;
    }
    let streams: Result<[OwnedFd; 3], _> = streams.try_into();
    let (Ok(streams), true) = (streams, got.bytes == head.len()) else {
        return Err(io::ErrorKind::UnexpectedEof.into());
    };
    let mut body = vec![0; u32::from_le_bytes(head) as usize];
    let mut control = control;
    control.read_exact(&mut body)?;
    Ok((serde_json::from_slice(&body)?, streams))
}
