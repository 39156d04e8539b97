//! Lines from a byte stream, under a limit, cancel-safe.

use tokio::io::{AsyncRead, AsyncReadExt};

/// First size of the buffer, in bytes: a page or two, since dozens of servers may be open and silent.
const BUFFER_BYTES_FIRST: usize = 8 * 1024;
/// A buffer that grew past this is given back once its line is out.
const BUFFER_BYTES_KEPT: usize = 256 * 1024;
/// What is kept of each end of a line that is too long, so that its id can be found.
const ENDS_BYTES: usize = 512;

/// What the stream held.
#[derive(Debug, PartialEq, Eq)]
pub enum Line {
    /// A whole line without its line break, never empty, valid UTF-8.
    Text(String),
    /// A line that is not UTF-8; its length in bytes.
    NotUtf8(usize),
    /// A line over the limit, passed over: its length in bytes and a bit of both of its ends.
    TooLong {
        /// Length in bytes.
        len: usize,
        /// The first and the last bytes, lossily decoded.
        ends: String,
    },
}

/// Splits a stream into lines. All state lives in the struct, so a dropped [`LineReader::next`] loses nothing.
#[derive(Debug)]
pub struct LineReader<R> {
    stream: R,
    buffer: Vec<u8>,
    /// Where the line that is being read starts.
    start: usize,
    /// Up to where the buffer is known to hold no line break.
    scanned: usize,
    line_bytes_max: usize,
    /// Set while a line over the limit is passed over.
    passing: Option<Passing>,
    is_at_end: bool,
}

#[derive(Debug)]
struct Passing {
    len: usize,
    head: Vec<u8>,
    tail: Vec<u8>,
}

impl<R: AsyncRead + Unpin> LineReader<R> {
    /// Reads lines of at most `line_bytes_max` bytes.
    pub fn new(stream: R, line_bytes_max: usize) -> Self {
        Self { stream, buffer: Vec::new(), start: 0, scanned: 0, line_bytes_max, passing: None, is_at_end: false }
    }

    /// The next line; `None` at the end of the stream. Empty lines are passed over; a last line without a line break
    /// counts.
    ///
    /// Cancel safe.
    ///
    /// # Errors
    /// What the stream fails with.
    pub async fn next(&mut self) -> std::io::Result<Option<Line>> {
        loop {
            if let Some(line) = self.take_line() {
                if matches!(&line, Line::Text(text) if text.trim().is_empty()) {
                    continue;
                }
                return Ok(Some(line));
            }
            if self.is_at_end {
                return Ok(None);
            }
            self.make_room();
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                self.is_at_end = true;
                if self.start < self.buffer.len() || self.passing.is_some() {
                    self.buffer.push(b'\n');
                }
            }
        }
    }

    fn take_line(&mut self) -> Option<Line> {
        // Byte by byte, this search was a quarter of what a result of 1 MB costs us.
        let found = memchr::memchr(b'\n', &self.buffer[self.scanned..]);
        let Some(offset) = found else {
            self.scanned = self.buffer.len();
            self.pass_if_too_long();
            return None;
        };
        let end = self.scanned + offset;
        self.pass_if_longer_than_limit(end);
        if let Some(mut passing) = self.passing.take() {
            passing.add(&self.buffer[self.start..end]);
            self.consume(end + 1);
            return Some(passing.finish());
        }
        let bytes = if self.start == 0 && end + 1 == self.buffer.len() && end >= BUFFER_BYTES_FIRST {
            // A large line that fills the buffer is handed over as it is instead of being copied.
            let mut whole = std::mem::take(&mut self.buffer);
            whole.truncate(end);
            self.scanned = 0;
            whole
        } else {
            let copy = self.buffer[self.start..end].to_vec();
            self.consume(end + 1);
            copy
        };
        Some(text_of(bytes))
    }

    fn consume(&mut self, to: usize) {
        self.start = to;
        self.scanned = to;
        if self.start == self.buffer.len() {
            self.buffer.clear();
            self.start = 0;
            self.scanned = 0;
            if self.buffer.capacity() > BUFFER_BYTES_KEPT {
                self.buffer = Vec::new();
            }
        }
    }

    fn make_room(&mut self) {
        if self.start > 0 {
            self.buffer.drain(..self.start);
            self.scanned -= self.start;
            self.start = 0;
        }
        if self.buffer.capacity() - self.buffer.len() < BUFFER_BYTES_FIRST / 2 {
            let grow = self.buffer.capacity().max(BUFFER_BYTES_FIRST);
            self.buffer.reserve(grow);
        }
    }

    fn pass_if_too_long(&mut self) {
        if self.passing.is_some() || self.buffer.len() - self.start > self.line_bytes_max {
            let start = self.start;
            self.passing.get_or_insert_with(Passing::new).add(&self.buffer[start..]);
            self.buffer.clear();
            self.start = 0;
            self.scanned = 0;
        }
    }

    fn pass_if_longer_than_limit(&mut self, end: usize) {
        if self.passing.is_none() && end - self.start > self.line_bytes_max {
            self.passing = Some(Passing::new());
        }
    }
}

fn text_of(mut bytes: Vec<u8>) -> Line {
    if bytes.last() == Some(&b'\r') {
        bytes.pop();
    }
    match String::from_utf8(bytes) {
        Ok(text) => Line::Text(text),
        Err(fault) => Line::NotUtf8(fault.as_bytes().len()),
    }
}

impl Passing {
    fn new() -> Self {
        Self { len: 0, head: Vec::new(), tail: Vec::new() }
    }

    fn add(&mut self, bytes: &[u8]) {
        self.len += bytes.len();
        let wanted = ENDS_BYTES.saturating_sub(self.head.len()).min(bytes.len());
        self.head.extend_from_slice(&bytes[..wanted]);
        self.tail.extend_from_slice(&bytes[bytes.len().saturating_sub(ENDS_BYTES)..]);
        let excess = self.tail.len().saturating_sub(ENDS_BYTES);
        self.tail.drain(..excess);
    }

    fn finish(self) -> Line {
        let ends = format!("{} … {}", String::from_utf8_lossy(&self.head), String::from_utf8_lossy(&self.tail));
        Line::TooLong { len: self.len, ends }
    }
}
