//! How much one instance is used: counters that callers write and the keeper reads.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::balance::PeakEwma;

#[derive(Debug)]
pub(super) struct Usage {
    pub(super) calls: AtomicU64,
    pub(super) answered: AtomicU64,
    pub(super) errors: AtomicU64,
    pub(super) in_flight: AtomicUsize,
    /// Its keeper was told to start it, and has not read that yet.
    pub(super) is_called_up: AtomicBool,
    epoch: Instant,
    last_used_ms: AtomicU64,
    ewma: Mutex<PeakEwma>,
    /// What the last failed call said.
    last_fault: Mutex<String>,
}

impl Usage {
    pub(super) fn new() -> Self {
        Self {
            calls: AtomicU64::new(0),
            answered: AtomicU64::new(0),
            errors: AtomicU64::new(0),
            in_flight: AtomicUsize::new(0),
            is_called_up: AtomicBool::new(false),
            epoch: Instant::now(),
            last_used_ms: AtomicU64::new(0),
            ewma: Mutex::default(),
            last_fault: Mutex::default(),
        }
    }

    pub(super) fn touch(&self) {
        let ms = u64::try_from(self.epoch.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last_used_ms.store(ms, Ordering::Relaxed);
    }

    pub(super) fn last_used(&self) -> Instant {
        self.epoch + Duration::from_millis(self.last_used_ms.load(Ordering::Relaxed))
    }

    pub(super) fn is_in_use(&self) -> bool {
        self.in_flight.load(Ordering::Relaxed) > 0
    }

    /// Whether somebody has reason to expect it up soon, if it is not.
    pub(super) fn is_wanted(&self) -> bool {
        self.is_in_use() || self.is_called_up.load(Ordering::Relaxed)
    }

    pub(super) fn ewma(&self) -> PeakEwma {
        *self.ewma.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn last_fault(&self) -> String {
        self.last_fault.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A call begins; it ends when the guard is dropped.
    pub(super) fn begin(&self) -> InFlight<'_> {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        self.touch();
        InFlight { usage: self }
    }

    pub(super) fn note_answer(&self, took: Duration) {
        self.answered.fetch_add(1, Ordering::Relaxed);
        self.ewma.lock().unwrap_or_else(PoisonError::into_inner).note(took, Instant::now());
    }

    pub(super) fn note_fault(&self, fault: &str) {
        self.errors.fetch_add(1, Ordering::Relaxed);
        let mut last = self.last_fault.lock().unwrap_or_else(PoisonError::into_inner);
        last.clear();
        last.push_str(fault);
    }
}

/// A call in flight.
pub(super) struct InFlight<'a> {
    usage: &'a Usage,
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        // Touched first: who sees no call in flight any more sees that there was one just now.
        self.usage.touch();
        self.usage.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}
