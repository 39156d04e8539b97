//! Which of several instances takes the next call. Pure.

use std::time::Duration;

use serde::Serialize;
use tokio::time::Instant;

/// How instances share the calls of their server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum Balance {
    /// The one with the fewest calls in flight.
    #[default]
    LeastBusy,
    /// One after the other.
    RoundRobin,
    /// The one that is expected to answer first: its recent answer time, peaks weighing most, times its calls in flight.
    PeakEwma,
}

/// Answer time that is assumed before there was a call, and how fast the past is forgotten: linkerd's defaults.
const RTT_FIRST: Duration = Duration::from_millis(30);
const DECAY: Duration = Duration::from_secs(10);

/// The answer times of one instance as a decaying mean that rises at once and falls slowly.
#[derive(Debug, Clone, Copy)]
pub(super) struct PeakEwma {
    seconds: f64,
    at: Option<Instant>,
}

impl Default for PeakEwma {
    fn default() -> Self {
        Self { seconds: RTT_FIRST.as_secs_f64(), at: None }
    }
}

impl PeakEwma {
    /// Notes an answer time.
    pub(super) fn note(&mut self, took: Duration, now: Instant) {
        let took = took.as_secs_f64();
        self.seconds = match self.at {
            _ if took > self.seconds => took,
            Some(at) => {
                let keep = (-now.saturating_duration_since(at).as_secs_f64() / DECAY.as_secs_f64()).exp();
                self.seconds * keep + took * (1.0 - keep)
            }
            None => took,
        };
        self.at = Some(now);
    }
}

/// One instance as the choice sees it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Candidate {
    /// It takes calls now, or can be woken.
    pub(super) is_usable: bool,
    /// It has a session now.
    pub(super) is_up: bool,
    /// It has as many calls in flight as it may have.
    pub(super) is_full: bool,
    pub(super) in_flight: usize,
    pub(super) ewma: PeakEwma,
}

/// The place of the instance to use: a usable one, one with room before one that is full, and one that is up before one that
/// is not. `turn` counts up with each choice. `None` when none is usable.
pub(super) fn choose(balance: Balance, candidates: &[Candidate], turn: usize) -> Option<usize> {
    let rank = |one: &Candidate| (one.is_full, !one.is_up);
    let best = candidates.iter().filter(|one| one.is_usable).map(rank).min()?;
    let open = candidates.iter().enumerate().filter(|(_, one)| one.is_usable && rank(one) == best);
    match balance {
        // Equal ones take turns only when asked to: a rarely used server then keeps one instance busy and lets others rest.
        Balance::LeastBusy => open.min_by_key(|(_, one)| one.in_flight).map(|(at, _)| at),
        Balance::RoundRobin => {
            let open: Vec<usize> = open.map(|(at, _)| at).collect();
            open.get(turn.checked_rem(open.len())?).copied()
        }
        Balance::PeakEwma => {
            let cost =
                |one: &Candidate| one.ewma.seconds * f64::from(u32::try_from(one.in_flight + 1).unwrap_or(u32::MAX));
            open.min_by(|(_, a), (_, b)| cost(a).total_cmp(&cost(b))).map(|(at, _)| at)
        }
    }
}
