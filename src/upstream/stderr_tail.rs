//! The last lines a server wrote to its stderr: what an error message shows of it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncRead, AsyncReadExt};

use crate::secrets::redactor;

/// Longest line kept, in characters.
const LINE_CHARS_MAX: usize = 300;
/// Longest text made of the lines, in characters: an error stays readable.
const SUMMARY_CHARS_MAX: usize = 600;
/// Longest part of a line that is looked at, in bytes: room for characters of four bytes.
const LINE_BYTES_MAX: usize = LINE_CHARS_MAX * 4;

/// A bounded memory of lines, shared by who reads and who reports.
#[derive(Debug, Clone)]
pub(super) struct StderrTail {
    lines: Arc<Mutex<VecDeque<String>>>,
    lines_max: usize,
}

impl StderrTail {
    /// Keeps `lines_max` lines; secrets are hidden in them.
    pub(super) fn new(lines_max: usize) -> Self {
        Self { lines: Arc::default(), lines_max }
    }

    /// Reads until the stream ends, whatever comes.
    pub(super) async fn follow(self, mut stream: impl AsyncRead + Unpin) {
        let mut buffer = Vec::with_capacity(4096);
        let mut line = Vec::new();
        loop {
            buffer.clear();
            match stream.read_buf(&mut buffer).await {
                Ok(0) | Err(_) => break,
                Ok(_) => {}
            }
            for part in buffer.split_inclusive(|&byte| byte == b'\n') {
                let room = LINE_BYTES_MAX.saturating_sub(line.len());
                line.extend_from_slice(&part[..part.len().min(room)]);
                if part.ends_with(b"\n") {
                    self.push(&line);
                    line.clear();
                }
            }
        }
        self.push(&line);
    }

    fn push(&self, line: &[u8]) {
        let text = clean(line);
        if text.is_empty() {
            return;
        }
        tracing::debug!(target: "mcporch::server_stderr", "{text}");
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == self.lines_max {
            lines.pop_front();
        }
        lines.push_back(text);
    }

    /// The last lines in one, the newest whole; empty when the server wrote nothing.
    pub(super) fn summary(&self) -> String {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let mut chosen: Vec<&str> = Vec::new();
        let mut chars = 0;
        for line in lines.iter().rev() {
            chars += line.chars().count();
            if chars > SUMMARY_CHARS_MAX && !chosen.is_empty() {
                break;
            }
            chosen.push(line);
        }
        chosen.reverse();
        chosen.join(" | ")
    }
}

/// Without escape sequences, control characters and secrets.
fn clean(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(line);
    let mut clean = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c == '\u{1b}' {
            // A CSI sequence ends at its first letter.
            if chars.next() == Some('[') {
                chars.by_ref().find(char::is_ascii_alphabetic);
            }
        } else if !c.is_control() || c == '\t' {
            clean.push(c);
        }
    }
    let is_cut = line.len() >= LINE_BYTES_MAX;
    let clean =
        if is_cut { redactor().redact_cut(clean.trim_end_matches('\u{fffd}')) } else { redactor().redact(&clean) };
    clean.trim().chars().take(LINE_CHARS_MAX).collect()
}
