//! Lines to a byte stream: written at once when the stream takes them, else kept and written behind, in order. Of the lines
//! that come in one turn of the runtime the first is written at once and the others together: a write wakes the reader,
//! and that is most of what a small message costs.

use std::borrow::Cow;
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::sync::Notify;
use tokio_util::task::AbortOnDropHandle;

/// Why a line was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// The other side closed the stream, or we did.
    #[error("the other side no longer reads")]
    Closed,
    /// The other side reads too slowly: that many bytes wait already.
    #[error("the other side reads too slowly: {waiting} bytes are waiting")]
    Full {
        /// Bytes that wait.
        waiting: usize,
    },
}

/// Hears what became of lines, on the way and at once: it must not block.
pub trait WriteWatch: Send + Sync {
    /// Whether the stream may from now on hold the beginning of a line without its end.
    fn mid_line(&self, is_mid_line: bool);
    /// The lines that were sent with these tokens are in the stream.
    fn written(&self, tokens: &[u64]);
}

/// Writes of up to this many bytes are whole or not there: on pipes by what POSIX promises (`PIPE_BUF`), and on sockets by
/// how systems do it.
const WHOLE_BYTES_MAX: usize = if cfg!(target_os = "linux") { 4096 } else { 512 };

/// Writes whole lines from any number of tasks; a line is never split by another. Cheap to clone; the stream closes
/// with the last clone.
#[derive(Clone)]
pub struct LineWriter {
    shared: Arc<Shared>,
    /// Writes what did not fit at once.
    _flusher: Arc<AbortOnDropHandle<()>>,
}

struct Shared {
    state: Mutex<State>,
    changed: Notify,
    emptied: Notify,
    waiting_bytes_max: usize,
    watch: OnceLock<Arc<dyn WriteWatch>>,
}

struct State {
    waiting: Vec<u8>,
    /// Of the lines that wait, those whose fate somebody watches.
    tokens: Vec<u64>,
    /// Whether what waits begins in the middle of a line.
    is_mid_line: bool,
    /// True from the moment the flusher took bytes until it has written them: nothing may overtake them.
    is_flushing: bool,
    /// True from a line that was written at once until the flusher has had its turn: further lines are gathered.
    is_gathering: bool,
    /// `None` once closed.
    sink: Option<Arc<Sink>>,
}

/// Where the bytes go.
enum Sink {
    #[cfg(unix)]
    Pipe(tokio::net::unix::pipe::Sender),
    #[cfg(unix)]
    Socket(tokio::net::UnixStream),
    /// Any other stream: always written by the flusher.
    Stream(tokio::sync::Mutex<Box<dyn AsyncWrite + Send + Unpin>>),
}

impl fmt::Debug for LineWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LineWriter").finish_non_exhaustive()
    }
}

impl LineWriter {
    /// To a pipe. At most `waiting_bytes_max` bytes wait for a slow reader.
    #[cfg(unix)]
    #[must_use]
    pub fn to_pipe(pipe: tokio::net::unix::pipe::Sender, waiting_bytes_max: usize) -> Self {
        Self::new(Sink::Pipe(pipe), waiting_bytes_max)
    }

    /// To a socket.
    #[cfg(unix)]
    #[must_use]
    pub fn to_socket(socket: tokio::net::UnixStream, waiting_bytes_max: usize) -> Self {
        Self::new(Sink::Socket(socket), waiting_bytes_max)
    }

    /// To any stream, at the price of one more task switch a line.
    #[must_use]
    pub fn to_stream(stream: impl AsyncWrite + Send + Unpin + 'static, waiting_bytes_max: usize) -> Self {
        Self::new(Sink::Stream(tokio::sync::Mutex::new(Box::new(stream))), waiting_bytes_max)
    }

    fn new(sink: Sink, waiting_bytes_max: usize) -> Self {
        let state = State {
            waiting: Vec::new(),
            tokens: Vec::new(),
            is_mid_line: false,
            is_flushing: false,
            is_gathering: false,
            sink: Some(Arc::new(sink)),
        };
        let shared = Arc::new(Shared {
            state: Mutex::new(state),
            changed: Notify::new(),
            emptied: Notify::new(),
            waiting_bytes_max,
            watch: OnceLock::new(),
        });
        let flusher = tokio::spawn(flush(shared.clone()));
        Self { shared, _flusher: Arc::new(AbortOnDropHandle::new(flusher)) }
    }

    /// Lets somebody watch what becomes of lines; only the first watch counts. Must be called before the first line.
    #[must_use]
    pub fn watched(self, watch: Arc<dyn WriteWatch>) -> Self {
        let _only_the_first = self.shared.watch.set(watch);
        self
    }

    /// Writes a line (its line break included), or keeps it to be written behind.
    ///
    /// # Errors
    /// [`WriteError`]; then nothing of the line was written.
    pub fn send(&self, line: &[u8]) -> Result<(), WriteError> {
        self.send_with(line, None)
    }

    /// The same, with a token that the watch is told when the line is written.
    ///
    /// # Errors
    /// [`WriteError`]; then the watch does not hear of the token.
    pub fn send_with(&self, line: &[u8], token: Option<u64>) -> Result<(), WriteError> {
        self.send_cow(Cow::Borrowed(line), token)
    }

    /// The same with a line that is given away: what cannot be written at once is kept without being copied.
    ///
    /// # Errors
    /// As [`LineWriter::send_with`].
    pub fn send_owned(&self, line: Vec<u8>, token: Option<u64>) -> Result<(), WriteError> {
        self.send_cow(Cow::Owned(line), token)
    }

    fn send_cow(&self, line: Cow<'_, [u8]>, token: Option<u64>) -> Result<(), WriteError> {
        let mut state = self.shared.lock();
        let Some(sink) = state.sink.as_ref() else { return Err(WriteError::Closed) };
        if !state.waiting.is_empty() || state.is_flushing || state.is_gathering {
            self.keep(&mut state, &line)?;
            state.tokens.extend(token);
            return Ok(());
        }
        let watch = self.shared.watch.get();
        let may_be_cut = line.len() > WHOLE_BYTES_MAX;
        if let Some(watch) = watch.filter(|_| may_be_cut) {
            watch.mid_line(true);
        }
        let mut written = 0;
        while written < line.len() {
            match sink.try_write(&line[written..]) {
                Ok(len) => written += len,
                Err(fault) if fault.kind() == io::ErrorKind::WouldBlock => break,
                Err(fault) if fault.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => {
                    state.sink = None;
                    self.shared.changed.notify_one();
                    return Err(WriteError::Closed);
                }
            }
        }
        // A line that is partly written must be finished, whatever the limit says.
        let len = line.len();
        state.is_mid_line = written > 0 && written < len;
        match line {
            Cow::Owned(mut line) if written < len => {
                line.drain(..written);
                state.waiting = line;
            }
            Cow::Owned(_) => {}
            Cow::Borrowed(line) => state.waiting.extend_from_slice(&line[written..]),
        }
        if let Some(watch) = watch {
            if may_be_cut && !state.is_mid_line {
                watch.mid_line(false);
            }
            match token {
                Some(token) if written == len => watch.written(&[token]),
                kept => state.tokens.extend(kept),
            }
        }
        state.is_gathering = true;
        self.shared.changed.notify_one();
        Ok(())
    }

    fn keep(&self, state: &mut State, line: &[u8]) -> Result<(), WriteError> {
        if state.waiting.len() + line.len() > self.shared.waiting_bytes_max {
            return Err(WriteError::Full { waiting: state.waiting.len() });
        }
        let is_first = state.waiting.is_empty() && !state.is_gathering;
        state.waiting.extend_from_slice(line);
        if is_first {
            self.shared.changed.notify_one();
        }
        Ok(())
    }

    /// Waits until all that was sent is written, or the stream is gone.
    ///
    /// Cancel safe.
    pub async fn flushed(&self) {
        loop {
            let emptied = self.shared.emptied.notified();
            {
                let state = self.shared.lock();
                if state.sink.is_none() || (state.waiting.is_empty() && !state.is_flushing) {
                    return;
                }
            }
            emptied.await;
        }
    }

    /// Closes the stream; what still waits is dropped.
    pub fn close(&self) {
        self.shared.lock().sink = None;
        self.shared.changed.notify_one();
        self.shared.emptied.notify_waiters();
    }

    /// Whether the stream is gone.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.shared.lock().sink.is_none()
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // The state is whole after every statement, so a panic elsewhere does not spoil it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sink {
    fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            #[cfg(unix)]
            Self::Pipe(pipe) => pipe.try_write(bytes),
            #[cfg(unix)]
            Self::Socket(socket) => socket.try_write(bytes),
            Self::Stream(_) => Err(io::ErrorKind::WouldBlock.into()),
        }
    }

    /// Writes all of it, waiting where needed.
    async fn write_all(&self, mut bytes: &[u8]) -> io::Result<()> {
        if let Self::Stream(stream) = self {
            let mut stream = stream.lock().await;
            stream.write_all(bytes).await?;
            return stream.flush().await;
        }
        while !bytes.is_empty() {
            match self.try_write(bytes) {
                Ok(len) => bytes = &bytes[len..],
                Err(fault) if fault.kind() == io::ErrorKind::WouldBlock => self.writable().await?,
                Err(fault) => return Err(fault),
            }
        }
        Ok(())
    }

    async fn writable(&self) -> io::Result<()> {
        match self {
            #[cfg(unix)]
            Self::Pipe(pipe) => pipe.writable().await,
            #[cfg(unix)]
            Self::Socket(socket) => socket.writable().await,
            Self::Stream(_) => Ok(()),
        }
    }
}

/// Writes what waits, until the writer is closed.
async fn flush(shared: Arc<Shared>) {
    loop {
        let changed = shared.changed.notified();
        let work = {
            let mut state = shared.lock();
            let Some(sink) = state.sink.clone() else { break };
            state.is_gathering = false;
            if state.waiting.is_empty() {
                None
            } else {
                state.is_flushing = true;
                let may_be_cut = state.is_mid_line || state.waiting.len() > WHOLE_BYTES_MAX;
                state.is_mid_line = false;
                Some((sink, std::mem::take(&mut state.waiting), std::mem::take(&mut state.tokens), may_be_cut))
            }
        };
        let Some((sink, bytes, tokens, may_be_cut)) = work else {
            changed.await;
            continue;
        };
        let watch = shared.watch.get();
        if let Some(watch) = watch.filter(|_| may_be_cut) {
            watch.mid_line(true);
        }
        let outcome = tokio::select! {
            outcome = sink.write_all(&bytes) => outcome,
            () = closed(&shared) => break,
        };
        if let (Some(watch), Ok(())) = (watch, &outcome) {
            if may_be_cut {
                watch.mid_line(false);
            }
            watch.written(&tokens);
        }
        let mut state = shared.lock();
        state.is_flushing = false;
        if outcome.is_err() {
            state.sink = None;
        }
        if state.waiting.is_empty() || state.sink.is_none() {
            shared.emptied.notify_waiters();
        }
    }
    shared.emptied.notify_waiters();
}

/// Resolves when the writer was closed.
async fn closed(shared: &Shared) {
    loop {
        let changed = shared.changed.notified();
        if shared.lock().sink.is_none() {
            return;
        }
        changed.await;
    }
}
