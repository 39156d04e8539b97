//! The circuit breaker of one instance: opens after failures in a row or a bad share of the recent calls, and lets one call
//! through from time to time to see whether it is better. Pure but for its lock.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// When it opens.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BreakerPolicy {
    /// Failures in a row.
    pub failures_max: u32,
    /// Least share of good calls, 0 to 1, once there are `calls_min` in the window.
    pub good_share_min: f64,
    /// Calls in the window below which the share says nothing.
    pub calls_min: usize,
    /// How far back calls count.
    pub window: Duration,
    /// Wait before the first call is let through again; doubled after each that fails.
    pub probe_first: Duration,
    /// Longest such wait.
    pub probe_max: Duration,
}

/// Most calls that are remembered: enough for any share, and bounded whatever the rate.
const CALLS_KEPT: usize = 256;

/// Leave to make one call. Its end is told with [`Admitted::note`]; dropped before that, it says nothing of the server: the
/// call was cancelled, refused before it was sent, or its caller is gone.
#[derive(Debug)]
pub(super) struct Admitted<'a> {
    breaker: &'a Breaker,
    is_probe: bool,
}

impl Admitted<'_> {
    /// How the call went. True when this closed or opened the breaker.
    pub(super) fn note(self, is_good: bool, now: Instant) -> bool {
        self.breaker.note(is_good, self.is_probe, now)
    }
}

impl Drop for Admitted<'_> {
    fn drop(&mut self) {
        if self.is_probe {
            self.breaker.state().is_probing = false;
        }
    }
}

/// One instance's breaker.
#[derive(Debug)]
pub(super) struct Breaker {
    policy: BreakerPolicy,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    calls: VecDeque<(Instant, bool)>,
    bad: usize,
    failures_in_a_row: u32,
    /// Open until then; after it, one call is let through.
    open_until: Option<Instant>,
    probes_failed: u32,
    is_probing: bool,
}

impl Breaker {
    pub(super) fn new(policy: BreakerPolicy) -> Self {
        Self { policy, state: Mutex::default() }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        // Counters only: whole after every statement.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets a call through, or says for how long none will be.
    pub(super) fn admit(&self, now: Instant) -> Result<Admitted<'_>, Duration> {
        let mut state = self.state();
        match state.open_until {
            None => Ok(Admitted { breaker: self, is_probe: false }),
            Some(until) if until > now => Err(until - now),
            Some(_) if state.is_probing => Err(self.policy.probe_first),
            Some(_) => {
                state.is_probing = true;
                Ok(Admitted { breaker: self, is_probe: true })
            }
        }
    }

    /// Whether a call would be let through now.
    pub(super) fn would_admit(&self, now: Instant) -> bool {
        let state = self.state();
        state.open_until.is_none_or(|until| until <= now && !state.is_probing)
    }

    /// Whether calls go through without limit.
    pub(super) fn is_closed(&self) -> bool {
        self.state().open_until.is_none()
    }

    fn note(&self, is_good: bool, is_probe: bool, now: Instant) -> bool {
        let policy = &self.policy;
        let mut state = self.state();
        if !is_good && !is_probe && state.open_until.is_some() {
            // Sent before it opened, with those that opened it: a fault that is known.
            return false;
        }
        if is_good && state.open_until.is_none() && state.bad == 0 {
            // The usual case costs nothing: good calls matter only beside bad ones.
            state.failures_in_a_row = 0;
            return false;
        }
        state.forget_before(now, policy.window);
        state.push(now, is_good);
        if is_good {
            state.failures_in_a_row = 0;
            if state.open_until.is_some() {
                *state = State::default();
                return true;
            }
            return false;
        }
        state.failures_in_a_row += 1;
        if state.open_until.is_some() {
            state.probes_failed += 1;
            let wait = policy.probe_first.saturating_mul(2_u32.saturating_pow(state.probes_failed.min(20)));
            state.open_until = Some(now + wait.min(policy.probe_max));
            return false;
        }
        let (all, bad) = (state.calls.len(), state.bad);
        let share = 1.0 - ratio(bad, all);
        let is_bad = state.failures_in_a_row >= policy.failures_max
            || (all >= policy.calls_min && share < policy.good_share_min);
        if is_bad {
            state.open_until = Some(now + policy.probe_first);
            state.probes_failed = 0;
        }
        is_bad
    }

    /// A new process: the old one's faults are not its own.
    pub(super) fn reset(&self) {
        *self.state() = State::default();
    }
}

impl State {
    fn push(&mut self, at: Instant, is_good: bool) {
        if self.calls.len() == CALLS_KEPT
            && let Some((_, was_good)) = self.calls.pop_front()
        {
            self.bad -= usize::from(!was_good);
        }
        self.calls.push_back((at, is_good));
        self.bad += usize::from(!is_good);
    }

    fn forget_before(&mut self, now: Instant, window: Duration) {
        while self.calls.front().is_some_and(|(at, _)| *at + window <= now) {
            if let Some((_, was_good)) = self.calls.pop_front() {
                self.bad -= usize::from(!was_good);
            }
        }
    }
}

fn ratio(part: usize, whole: usize) -> f64 {
    let number = |count: usize| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
    if whole == 0 { 0.0 } else { number(part) / number(whole) }
}
