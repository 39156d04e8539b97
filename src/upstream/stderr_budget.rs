//! How much of a server's stderr is looked at: cleaning a line costs more than reading it, and a server that writes 100 MB/s
//! must not take the thread from the calls.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// Lines that are looked at in one second, at most. A guess: what a person could never read, at a few milliseconds of work.
const LINES_PER_WINDOW: u32 = 1000;
/// The same in bytes.
const BYTES_PER_WINDOW: usize = 512 * 1024;
/// The second.
const WINDOW: Duration = Duration::from_secs(1);
/// Longest part of a line that is held, in bytes.
const HELD_BYTES_MAX: usize = 1200;

/// What is left in this second, and the last lines that were beyond it.
#[derive(Debug)]
pub(super) struct Budget {
    window_ends: Option<Instant>,
    lines: u32,
    bytes: usize,
    held: VecDeque<Vec<u8>>,
    held_max: usize,
    left_out: u64,
}

impl Budget {
    /// Holds so many of the last lines.
    pub(super) fn new(held_max: usize) -> Self {
        Self { window_ends: None, lines: 0, bytes: 0, held: VecDeque::new(), held_max, left_out: 0 }
    }

    /// May the line be looked at? If not, it is held, and the oldest of those that are held is only counted.
    pub(super) fn allows(&mut self, line: &[u8], now: Instant) -> bool {
        if self.window_ends.is_none_or(|end| now >= end) {
            self.window_ends = Some(now + WINDOW);
            (self.lines, self.bytes) = (0, 0);
        }
        if self.lines < LINES_PER_WINDOW && self.bytes < BYTES_PER_WINDOW {
            self.lines += 1;
            self.bytes += line.len();
            return true;
        }
        // The oldest gives its memory to the newest, so that a flood allocates nothing.
        let mut slot = if self.held.len() < self.held_max {
            Vec::new()
        } else {
            self.left_out += 1;
            self.held.pop_front().unwrap_or_default()
        };
        if self.held_max > 0 {
            slot.clear();
            slot.extend_from_slice(&line[..line.len().min(HELD_BYTES_MAX)]);
            self.held.push_back(slot);
        }
        false
    }

    /// When the lines that are held are to be told at the latest; `None` when there are none.
    pub(super) fn is_due(&self) -> Option<Instant> {
        let is_behind = self.left_out > 0 || !self.held.is_empty();
        self.window_ends.filter(|_| is_behind)
    }

    /// Is the budget of this second used up?
    pub(super) fn is_over(&self) -> bool {
        self.lines >= LINES_PER_WINDOW || self.bytes >= BYTES_PER_WINDOW
    }

    /// How many lines were left out, and the last lines that were held.
    pub(super) fn take_held(&mut self) -> (u64, VecDeque<Vec<u8>>) {
        (std::mem::take(&mut self.left_out), std::mem::take(&mut self.held))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_flood_is_counted_and_its_end_is_kept() {
        let mut budget = Budget::new(3);
        let mut looked_at = 0;
        for number in 0..5000 {
            looked_at += u32::from(budget.allows(format!("{number}").as_bytes(), Instant::now()));
        }
        assert_eq!((looked_at, budget.is_over()), (LINES_PER_WINDOW, true));
        tokio::time::advance(WINDOW).await;
        assert!(budget.allows(b"quiet again", Instant::now()));
        let (left_out, held) = budget.take_held();
        assert_eq!(left_out, 5000 - u64::from(LINES_PER_WINDOW) - 3);
        assert_eq!(held, [b"4997", b"4998", b"4999"]);
        assert_eq!(budget.take_held(), (0, VecDeque::new()));
    }

    #[tokio::test(start_paused = true)]
    async fn long_lines_use_it_up_too() {
        let mut budget = Budget::new(0);
        let line = vec![b'x'; 8000];
        let looked_at = (0..1000).filter(|_| budget.allows(&line, Instant::now())).count();
        assert_eq!(looked_at, BYTES_PER_WINDOW.div_ceil(8000));
        assert_eq!(budget.take_held().0, 1000 - looked_at as u64);
    }
}
