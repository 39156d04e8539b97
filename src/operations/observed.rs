//! Whoever watches is told of every operation that ends.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use crate::domain::{Ended, Observer, Stage};

use super::Operations;

/// Who is told; empty until somebody asked for it.
#[derive(Default)]
pub(super) struct Observers(RwLock<Vec<Arc<dyn Observer>>>);

impl fmt::Debug for Observers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Observers").finish_non_exhaustive()
    }
}

impl Observers {
    fn each(&self, tell: impl Fn(&dyn Observer)) {
        for observer in self.0.read().unwrap_or_else(PoisonError::into_inner).iter() {
            tell(observer.as_ref());
        }
    }

    pub(super) fn ended(&self, ended: &Ended<'_>) {
        self.each(|observer| observer.ended(ended));
    }

    pub(super) fn passed(&self, stage: Stage, took: Duration) {
        self.each(|observer| observer.passed(stage, took));
    }
}

impl Operations {
    /// Tells this observer, too, of every operation from now on.
    pub fn observe_with(&self, observer: Arc<dyn Observer>) {
        self.observers.0.write().unwrap_or_else(PoisonError::into_inner).push(observer);
    }
}
