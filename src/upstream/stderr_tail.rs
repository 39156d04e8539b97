//! The last lines a server wrote to its stderr: what an error message shows of it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::time::Instant;

use crate::secrets::redactor;

use super::StderrSink;
use super::stderr_budget::Budget;

/// Longest line kept for messages, in characters.
const LINE_CHARS_MAX: usize = 300;
/// Longest line that the sink gets, in characters. A guess: a line of structured logging fits.
const SINK_CHARS_MAX: usize = 2000;
/// Longest text made of the lines, in characters: an error stays readable.
const SUMMARY_CHARS_MAX: usize = 600;
/// Longest part of a line that is looked at, in bytes: room for characters of four bytes.
const LINE_BYTES_MAX: usize = SINK_CHARS_MAX * 4;

/// A bounded memory of lines, shared by who reads and who reports.
#[derive(Clone)]
pub(super) struct StderrTail {
    lines: Arc<Mutex<VecDeque<String>>>,
    lines_max: usize,
    sink: Option<StderrSink>,
}

impl StderrTail {
    /// Keeps `lines_max` lines, and hands each to the sink; secrets are hidden in them.
    pub(super) fn new(lines_max: usize, sink: Option<StderrSink>) -> Self {
        Self { lines: Arc::default(), lines_max, sink }
    }

    /// Reads until the stream ends, whatever comes and however fast. A flood is read at full speed, so that the server never
    /// waits for us, but only so much of it is looked at: the rest is counted, and its last lines are kept for the end.
    pub(super) async fn follow(self, mut stream: impl AsyncRead + Unpin) {
        let mut buffer = Vec::with_capacity(4096);
        let mut line = Vec::new();
        let mut budget = Budget::new(self.lines_max);
        loop {
            buffer.clear();
            let read = stream.read_buf(&mut buffer);
            let read = match budget.is_due() {
                None => read.await,
                Some(at) => match tokio::time::timeout_at(at, read).await {
                    Ok(read) => read,
                    // The flood is over, and nothing follows: its end is told all the same.
                    Err(_) => {
                        self.catch_up(&mut budget);
                        continue;
                    }
                },
            };
            match read {
                Ok(0) | Err(_) => break,
                Ok(_) => {}
            }
            let now = Instant::now();
            for part in buffer.split_inclusive(|&byte| byte == b'\n') {
                let room = LINE_BYTES_MAX.saturating_sub(line.len());
                line.extend_from_slice(&part[..part.len().min(room)]);
                if part.ends_with(b"\n") {
                    if budget.allows(&line, now) {
                        self.catch_up(&mut budget);
                        self.push(&line);
                    }
                    line.clear();
                }
            }
            if budget.is_over() {
                // Calls of other servers run on the same thread.
                tokio::task::yield_now().await;
            }
        }
        self.catch_up(&mut budget);
        self.push(&line);
    }

    /// Tells of lines that were not looked at, and looks at the last of them.
    fn catch_up(&self, budget: &mut Budget) {
        let (left_out, held) = budget.take_held();
        if left_out > 0
            && let Some(sink) = &self.sink
        {
            sink(&format!("({left_out} lines are left out here: they came too fast)"));
        }
        held.iter().for_each(|line| self.push(line));
    }

    fn push(&self, line: &[u8]) {
        let text = clean(line);
        if text.is_empty() {
            return;
        }
        if let Some(sink) = &self.sink {
            sink(&text);
        }
        let text: String = text.chars().take(LINE_CHARS_MAX).collect();
        tracing::debug!(target: "mcporch::server_stderr", "{text}");
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.push_back(text);
        while lines.len() > self.lines_max {
            lines.pop_front();
        }
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
    clean.trim().chars().take(SINK_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    use tokio::io::AsyncWriteExt;

    use super::{StderrSink, StderrTail};

    #[tokio::test(start_paused = true)]
    async fn the_end_of_a_flood_is_told_though_nothing_follows() {
        let told: Arc<Mutex<Vec<String>>> = Arc::default();
        let heard = told.clone();
        let sink: StderrSink = Arc::new(move |line: &str| heard.lock().unwrap().push(line.to_owned()));
        let (mut server, ours) = tokio::io::duplex(1 << 20);
        let following = tokio::spawn(StderrTail::new(2, Some(sink)).follow(ours));
        let flood: String = (0..1500).map(|number| format!("line {number}\n")).collect();
        server.write_all(flood.as_bytes()).await.unwrap();
        // The clock stands still until nobody has anything to do.
        tokio::time::sleep(Duration::from_secs(2)).await;
        let lines = told.lock().unwrap().clone();
        let end: Vec<&str> = lines.iter().rev().take(3).map(String::as_str).collect();
        assert_eq!(end, ["line 1499", "line 1498", "(498 lines are left out here: they came too fast)"]);
        drop(server);
        following.await.unwrap();
        assert_eq!(told.lock().unwrap().len(), lines.len());
    }
}
