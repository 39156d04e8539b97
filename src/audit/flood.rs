//! How many refusals are written: who knocks a thousand times a second must not fill the disk.

/// At once, and as many a minute. A guess: 60 lines of 400 bytes a minute are 35 MB a day.
const PER_MINUTE: u32 = 60;
const MINUTE_MS: i64 = 60_000;

/// The refusals of the present minute.
#[derive(Debug, Default)]
pub(super) struct Flood {
    /// When it began.
    since: i64,
    written: u32,
    left_out: u64,
}

impl Flood {
    /// Whether one more is written; if so, how many were left out before it.
    pub(super) fn pass(&mut self, at: i64) -> Option<u64> {
        if !(0..MINUTE_MS).contains(&(at - self.since)) {
            (self.since, self.written) = (at, 0);
        }
        if self.written == PER_MINUTE {
            self.left_out += 1;
            return None;
        }
        self.written += 1;
        Some(std::mem::take(&mut self.left_out))
    }
}
