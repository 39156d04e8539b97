//! What goes out: whole messages, one write each, and the ways in which a bad server gets that wrong.

use std::io::{self, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::flags::Flags;

/// Writes messages. Shared by the reading thread and the slow tasks; a message is never torn by another one.
pub(super) struct Output {
    state: Mutex<State>,
    noise: u32,
    answer_twice: bool,
    close_after: Option<u64>,
}

struct State {
    /// None once it was closed.
    writer: Option<Box<dyn Write + Send>>,
    /// Reused, so that an answer costs no allocation.
    buffer: Vec<u8>,
    answers: u64,
    noise_lines: u64,
    /// A giant line was written, and not ended.
    line_is_open: bool,
}

impl Output {
    pub(super) fn new(writer: Box<dyn Write + Send>, flags: &Flags) -> Self {
        let state = State { writer: Some(writer), buffer: Vec::new(), answers: 0, noise_lines: 0, line_is_open: false };
        Self {
            state: Mutex::new(state),
            noise: flags.noise,
            answer_twice: flags.answer_twice,
            close_after: flags.close_stdout_after,
        }
    }

    /// The noise before serving.
    pub(super) fn start(&self) -> io::Result<()> {
        if self.close_after == Some(0) {
            self.lock().writer = None;
        }
        self.lock().write_noise(self.noise)
    }

    /// Answers the request `id` (JSON text) with a result, given in pieces of JSON text.
    pub(super) fn result(&self, id: &str, pieces: &[&[u8]]) -> io::Result<()> {
        self.answer(id, b",\"result\":", pieces)
    }

    /// Answers the request `id` with an error; `data` is JSON text, or empty.
    pub(super) fn error(&self, id: &str, code: i32, message: &str, data: &str) -> io::Result<()> {
        let message = serde_json::to_string(message).map_err(io::Error::other)?;
        let data = if data.is_empty() { String::new() } else { format!(",\"data\":{data}") };
        let error = format!("{{\"code\":{code},\"message\":{message}{data}}}");
        self.answer(id, b",\"error\":", &[error.as_bytes()])
    }

    /// Sends a notification; `params` is JSON text, or empty.
    pub(super) fn notify(&self, method: &str, params: &str) -> io::Result<()> {
        let params = if params.is_empty() { String::new() } else { format!(",\"params\":{params}") };
        let line = format!("{{\"jsonrpc\":\"2.0\",\"method\":\"{method}\"{params}}}");
        let mut state = self.lock();
        state.fill(&[line.as_bytes()]);
        state.write()
    }

    /// Writes bytes as a line, whatever they are.
    pub(super) fn line(&self, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.lock();
        state.fill(&[bytes]);
        state.write()
    }

    /// Writes bytes without a line end.
    pub(super) fn unended_line(&self, bytes: usize) -> io::Result<()> {
        let mut state = self.lock();
        state.fill(&[]);
        state.buffer.pop();
        let len = state.buffer.len() + bytes;
        state.buffer.resize(len, b'x');
        state.line_is_open = true;
        state.write()
    }

    fn answer(&self, id: &str, verdict: &[u8], pieces: &[&[u8]]) -> io::Result<()> {
        let mut state = self.lock();
        state.fill(&[b"{\"jsonrpc\":\"2.0\",\"id\":", id.as_bytes(), verdict]);
        state.buffer.pop();
        for piece in pieces {
            state.buffer.extend_from_slice(piece);
        }
        state.buffer.extend_from_slice(b"}\n");
        state.write()?;
        if self.answer_twice {
            state.write()?;
        }
        state.answers += 1;
        if self.close_after.is_some_and(|after| state.answers >= after) {
            state.writer = None;
        }
        state.write_noise(self.noise)
    }

    /// A thread that panicked while writing left at worst a torn line, which a client must survive anyway.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Makes the buffer one line of these pieces; ends a line that was left open.
    fn fill(&mut self, pieces: &[&[u8]]) {
        self.buffer.clear();
        if self.line_is_open {
            self.buffer.push(b'\n');
            self.line_is_open = false;
        }
        for piece in pieces {
            self.buffer.extend_from_slice(piece);
        }
        self.buffer.push(b'\n');
    }

    fn write(&mut self) -> io::Result<()> {
        let Some(writer) = &mut self.writer else { return Ok(()) };
        writer.write_all(&self.buffer)?;
        writer.flush()
    }

    fn write_noise(&mut self, lines: u32) -> io::Result<()> {
        for _ in 0..lines {
            self.noise_lines += 1;
            if self.noise_lines % 2 == 1 {
                self.fill(&[b"loading plug-ins, please wait"]);
            } else {
                self.fill(&[br#"{"level":"info","message":"ready","pid":1}"#]);
            }
            self.write()?;
        }
        Ok(())
    }
}
