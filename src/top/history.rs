//! The last minutes of one server, for its charts.

use std::collections::VecDeque;
use std::time::Duration;

/// How far back a chart goes. A guess: long enough to see a leak or a burst, short enough to see now.
pub(super) const SPAN: Duration = Duration::from_secs(300);
/// Samples kept, at most; one comes each second or less often, so that time throws them away first.
const SAMPLES_MAX: usize = 400;

/// What was seen at one time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Sample {
    /// Since the start.
    pub(super) at: Duration,
    pub(super) cpu_percent: Option<f64>,
    pub(super) memory_bytes: Option<u64>,
    pub(super) calls_per_s: Option<f64>,
}

/// Samples, oldest first, none older than [`SPAN`].
#[derive(Debug, Clone, Default)]
pub(super) struct History {
    samples: VecDeque<Sample>,
    /// Calls and when they were counted, for the rate.
    counted: Option<(Duration, u64)>,
}

impl History {
    /// Takes what was seen.
    pub(super) fn take(&mut self, at: Duration, cpu_percent: Option<f64>, memory_bytes: Option<u64>, calls: u64) {
        let calls_per_s = self.counted.and_then(|(before_at, before)| {
            let seconds = at.saturating_sub(before_at).as_secs_f64();
            // Fewer than before: another daemon counts. What it did until now is not what it does in a second.
            calls.checked_sub(before).filter(|_| seconds > 0.0).map(|new| new as f64 / seconds)
        });
        self.counted = Some((at, calls));
        self.samples.push_back(Sample { at, cpu_percent, memory_bytes, calls_per_s });
        while self.samples.front().is_some_and(|first| at.saturating_sub(first.at) > SPAN)
            || self.samples.len() > SAMPLES_MAX
        {
            self.samples.pop_front();
        }
    }

    /// Nothing was seen: what comes next is no difference to what was before.
    pub(super) fn forget_count(&mut self) {
        self.counted = None;
    }

    /// Calls in a second, over the last two looks.
    pub(super) fn calls_per_s(&self) -> Option<f64> {
        self.counted?;
        self.samples.back()?.calls_per_s
    }

    /// The last minutes in so many cells, the latest last: the greatest value in the time of each, nothing where nothing was
    /// seen. A cell's time is fixed, so that a value does not jump from cell to cell while time goes on.
    pub(super) fn cells(
        &self,
        now: Duration,
        cells: usize,
        value: impl Fn(&Sample) -> Option<f64>,
    ) -> Vec<Option<f64>> {
        if cells == 0 {
            return Vec::new();
        }
        let width = (SPAN.as_secs_f64() / as_f64(cells)).max(1.0);
        let cell_of = |at: Duration| (at.as_secs_f64() / width).floor();
        let last = cell_of(now);
        let mut found = vec![None; cells];
        for sample in &self.samples {
            let Some(seen) = value(sample) else { continue };
            let back = last - cell_of(sample.at);
            if back < 0.0 || back >= as_f64(cells) {
                continue;
            }
            let cell: &mut Option<f64> = &mut found[cells - 1 - back as usize];
            *cell = Some(cell.map_or(seen, |before| before.max(seen)));
        }
        found
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.samples.len()
    }
}

fn as_f64(cells: usize) -> f64 {
    cells as f64
}
