//! Bytes with descriptors beside them.

use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags,
    recvmsg, sendmsg,
};

/// Descriptors that one message may carry: input, output, journal.
pub(super) const PASSED_MAX: usize = 3;

/// What one look at the socket brought.
#[derive(Debug, Default)]
pub struct Received {
    /// Bytes that were put into the buffer; 0 is the end.
    pub bytes: usize,
    /// Descriptors that came with them, not inherited by children.
    pub descriptors: Vec<OwnedFd>,
}

/// Sends what fits of the bytes, the descriptors with the first of them; gives how many bytes went. At least one must be
/// sent for the descriptors to go.
pub(super) fn send(socket: impl AsFd, bytes: &[u8], descriptors: &[BorrowedFd<'_>]) -> rustix::io::Result<usize> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(PASSED_MAX))];
    let mut beside = SendAncillaryBuffer::new(&mut space);
    if !descriptors.is_empty() && !beside.push(SendAncillaryMessage::ScmRights(descriptors)) {
        return Err(rustix::io::Errno::INVAL);
    }
    sendmsg(socket, &[IoSlice::new(bytes)], &mut beside, no_signal())
}

/// Receives what is there, once. Gives the system's `EAGAIN` when nothing is, and the socket does not block.
///
/// # Errors
/// What the system says.
pub fn receive(socket: impl AsFd, buffer: &mut [u8]) -> std::io::Result<Received> {
    // Room for more than is allowed, so that more is seen and refused instead of being cut off.
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2 * PASSED_MAX))];
    let mut beside = RecvAncillaryBuffer::new(&mut space);
    let got = recvmsg(socket, &mut [IoSliceMut::new(buffer)], &mut beside, close_on_exec())?;
    let mut received = Received { bytes: got.bytes, descriptors: Vec::new() };
    for message in beside.drain() {
        if let RecvAncillaryMessage::ScmRights(descriptors) = message {
            received.descriptors.extend(descriptors);
        }
    }
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    for descriptor in &received.descriptors {
        rustix::io::fcntl_setfd(descriptor, rustix::io::FdFlags::CLOEXEC)?;
    }
    Ok(received)
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn close_on_exec() -> RecvFlags {
    RecvFlags::CMSG_CLOEXEC
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn close_on_exec() -> RecvFlags {
    RecvFlags::empty()
}

/// A peer that went away is an error of the call, not a signal. macOS has no such flag, but the runtime of Rust ignores
/// the signal already.
fn no_signal() -> SendFlags {
    #[cfg(not(target_vendor = "apple"))]
    {
        SendFlags::NOSIGNAL
    }
    #[cfg(target_vendor = "apple")]
    {
        SendFlags::empty()
    }
}
