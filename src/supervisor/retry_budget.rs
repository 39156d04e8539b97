//! Bounds retries to a share of the calls, so that a server in trouble is not drowned in them. A bucket: each call puts a
//! share of a retry in, each retry takes one out.

use std::sync::{Mutex, PoisonError};

/// Retries that are always possible, and the most that are saved up: a server with few calls must be able to retry too.
/// Three concurrent retries are the least that Envoy's budget allows, ten bound a burst after a long quiet time (a guess).
const SAVED_MIN: f64 = 3.0;
const SAVED_MAX: f64 = 10.0;

/// The budget of one server.
#[derive(Debug)]
pub(super) struct RetryBudget {
    share: f64,
    saved: Mutex<f64>,
}

impl RetryBudget {
    /// `share` of a retry for each call, 0 to 1.
    pub(super) fn new(share: f64) -> Self {
        Self { share, saved: Mutex::new(SAVED_MIN) }
    }

    /// A call came in.
    pub(super) fn deposit(&self) {
        let mut saved = self.saved.lock().unwrap_or_else(PoisonError::into_inner);
        *saved = (*saved + self.share).min(SAVED_MAX);
    }

    /// Whether one more retry may be made; it is taken then.
    pub(super) fn take(&self) -> bool {
        let mut saved = self.saved.lock().unwrap_or_else(PoisonError::into_inner);
        let has_one = self.share > 0.0 && *saved >= 1.0;
        if has_one {
            *saved -= 1.0;
        }
        has_one
    }
}
