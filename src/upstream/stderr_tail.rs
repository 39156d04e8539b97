//! The last lines a server wrote to its stderr: what an error message shows of it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncRead, AsyncReadExt};

/// Longest line kept, in characters.
const LINE_CHARS_MAX: usize = 300;
/// Longest text made of the lines, in characters: an error stays readable.
const SUMMARY_CHARS_MAX: usize = 600;
/// Values shorter than this are not hidden: hiding "1" or "true" would garble every message.
const SECRET_CHARS_MIN: usize = 6;

/// A bounded memory of lines, shared by who reads and who reports.
#[derive(Debug, Clone)]
pub(super) struct StderrTail {
    lines: Arc<Mutex<VecDeque<String>>>,
    lines_max: usize,
    secrets: Arc<[String]>,
}

impl StderrTail {
    /// Keeps `lines_max` lines; the values of variables that look secret are hidden in them.
    pub(super) fn new(lines_max: usize, env: &[(String, String)]) -> Self {
        let secrets = env
            .iter()
            .filter(|(name, value)| looks_secret(name) && value.chars().count() >= SECRET_CHARS_MIN)
            .map(|(_, value)| value.clone());
        Self { lines: Arc::default(), lines_max, secrets: secrets.collect() }
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
                let room = (LINE_CHARS_MAX * 4).saturating_sub(line.len());
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
        let text = self.clean(&String::from_utf8_lossy(line));
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

    /// Without escape sequences, control characters and secrets.
    fn clean(&self, text: &str) -> String {
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
        for secret in self.secrets.iter() {
            clean = clean.replace(secret.as_str(), "[hidden]");
        }
        clean.trim().chars().take(LINE_CHARS_MAX).collect()
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

fn looks_secret(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    ["KEY", "TOKEN", "SECRET", "PASS", "CREDENTIAL", "AUTH", "COOKIE", "DSN", "PRIVATE"]
        .iter()
        .any(|part| name.contains(part))
}
