//! The bytes of one connection: reads messages and writes frames, both in one task and without a buffer while nothing moves.

use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use hyper::body::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use super::frames::{Fault, Incoming, Reader};
use super::outbox::Outbox;

/// Bytes that are read at once, into the stack.
const READ_BYTES: usize = 16 * 1024;

/// Of one who goes on sending after our goodbye so much is read and thrown away: the rest of a message that was too long, mostly. Then
/// he is cut off.
const DRAINED_BYTES_MAX: usize = 16 * 1024 * 1024;

/// What reading comes to.
#[derive(Debug)]
pub(super) enum Read {
    /// A message.
    Message(Incoming),
    /// A message has begun whose end has not come.
    Begun,
    /// What cannot be read.
    Fault(Fault),
    /// The connection is gone.
    Gone,
}

/// A connection.
#[derive(Debug)]
pub(super) struct Socket<S> {
    stream: S,
    reader: Reader,
    /// Read already and not taken apart: more messages than were taken.
    rest: Bytes,
    /// What is being written.
    writing: Bytes,
    is_unflushed: bool,
    /// Since when a write waits for the client; `None` while none does.
    stuck_since: Option<Instant>,
    /// Since when the end of a message is waited for; `None` while none has begun.
    begun_at: Option<Instant>,
    /// Nothing more is written.
    is_shut: bool,
    /// Thrown away since.
    drained: usize,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Socket<S> {
    /// Over a stream, for messages of at most that many bytes.
    pub(super) fn new(stream: S, bytes_max: usize) -> Self {
        let reader = Reader::new(bytes_max);
        Self {
            stream,
            reader,
            rest: Bytes::new(),
            writing: Bytes::new(),
            is_unflushed: false,
            stuck_since: None,
            begun_at: None,
            is_shut: false,
            drained: 0,
        }
    }

    /// From now on takes messages of that many bytes at most.
    pub(super) fn take_up_to(&mut self, bytes_max: usize) {
        self.reader.take_up_to(bytes_max);
    }

    /// Since when the end of a message is waited for.
    pub(super) fn begun_at(&self) -> Option<Instant> {
        self.begun_at
    }

    /// Nobody reads now, so that what has begun cannot end.
    pub(super) fn is_not_read(&mut self) {
        self.begun_at = self.begun_at.map(|_| Instant::now());
    }

    /// Since when the client takes nothing of what is to be written.
    pub(super) fn stuck_since(&self) -> Option<Instant> {
        self.stuck_since
    }

    /// Whether something is half written.
    pub(super) fn is_writing(&self) -> bool {
        !self.writing.is_empty() || self.is_unflushed
    }

    /// Writes what waits in the outbox until there is no more, or the client takes no more; `Ready` when all is written.
    ///
    /// # Errors
    /// When the connection is gone.
    pub(super) fn poll_write(&mut self, cx: &mut Context<'_>, outbox: &Outbox) -> Poll<std::io::Result<()>> {
        loop {
            if self.writing.is_empty() {
                match outbox.poll_take(cx) {
                    Poll::Ready(bytes) => self.writing = bytes,
                    Poll::Pending => break,
                }
            }
            match Pin::new(&mut self.stream).poll_write(cx, &self.writing) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(std::io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(written)) => {
                    self.writing.advance(written);
                    self.is_unflushed = true;
                    self.stuck_since = None;
                }
                Poll::Ready(Err(fault)) => return Poll::Ready(Err(fault)),
                Poll::Pending => return self.stuck(),
            }
        }
        // What was written is let go, not kept until the next.
        self.writing = Bytes::new();
        if self.is_unflushed {
            match Pin::new(&mut self.stream).poll_flush(cx) {
                Poll::Ready(Ok(())) => self.is_unflushed = false,
                Poll::Ready(Err(fault)) => return Poll::Ready(Err(fault)),
                Poll::Pending => return self.stuck(),
            }
        }
        self.stuck_since = None;
        Poll::Ready(Ok(()))
    }

    fn stuck(&mut self) -> Poll<std::io::Result<()>> {
        self.stuck_since.get_or_insert_with(Instant::now);
        Poll::Pending
    }

    /// The next message.
    pub(super) fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Read> {
        if !self.rest.is_empty() {
            let mut rest: &[u8] = &self.rest;
            let taken = self.reader.take(&mut rest);
            let used = self.rest.len() - rest.len();
            self.rest.advance(used);
            if let Some(read) = said(taken) {
                self.notes_ended(&read);
                return Poll::Ready(read);
            }
            self.rest = Bytes::new();
            if self.notes_begun() {
                return Poll::Ready(Read::Begun);
            }
        }
        let mut bytes = [const { MaybeUninit::uninit() }; READ_BYTES];
        loop {
            let mut buffer = ReadBuf::uninit(&mut bytes);
            match ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer)) {
                Ok(()) if buffer.filled().is_empty() => return Poll::Ready(Read::Gone),
                Ok(()) => {}
                Err(_) => return Poll::Ready(Read::Gone),
            }
            let mut input = buffer.filled();
            if let Some(read) = said(self.reader.take(&mut input)) {
                self.rest = Bytes::copy_from_slice(input);
                self.notes_ended(&read);
                return Poll::Ready(read);
            }
            if self.notes_begun() {
                return Poll::Ready(Read::Begun);
            }
        }
    }

    /// A control frame may come amid a message, which is no nearer to its end then.
    fn notes_ended(&mut self, read: &Read) {
        if !matches!(read, Read::Message(Incoming::Ping(_) | Incoming::Pong)) || !self.reader.is_amid() {
            self.begun_at = None;
        }
    }

    /// True when a message has begun of which that was not known.
    fn notes_begun(&mut self) -> bool {
        let is_new = self.reader.is_amid() && self.begun_at.is_none();
        if is_new {
            self.begun_at = Some(Instant::now());
        }
        is_new
    }

    /// Says that nothing more comes, then reads and throws away what still does, until the client says the same. A connection that is
    /// closed over unread bytes is torn down, and what was written last is lost on its way.
    pub(super) fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if !self.is_shut {
            self.is_shut = ready!(Pin::new(&mut self.stream).poll_shutdown(cx)).is_ok();
            if !self.is_shut {
                return Poll::Ready(());
            }
        }
        let mut bytes = [const { MaybeUninit::uninit() }; READ_BYTES];
        loop {
            let mut buffer = ReadBuf::uninit(&mut bytes);
            match ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer)) {
                Ok(()) if !buffer.filled().is_empty() && self.drained < DRAINED_BYTES_MAX => {
                    self.drained += buffer.filled().len();
                }
                Ok(()) | Err(_) => return Poll::Ready(()),
            }
        }
    }
}

fn said(taken: Result<Option<Incoming>, Fault>) -> Option<Read> {
    match taken {
        Ok(None) => None,
        Ok(Some(incoming)) => Some(Read::Message(incoming)),
        Err(fault) => Some(Read::Fault(fault)),
    }
}
