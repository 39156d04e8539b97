//! What operators order is told to whoever watches, once it has ended; and nothing runs that has to be noted and cannot be.

use tokio::time::Instant;

use crate::domain::Act;

use super::{Error, OpContext, Operations};

/// An order while it is carried out. When it is dropped before its end, that is told: it goes on, and nobody waits for it.
pub(super) struct Order<'a> {
    operations: &'a Operations,
    by: &'a OpContext,
    action: &'static str,
    /// Servers; one empty text where it concerns everything.
    targets: Vec<String>,
    why: &'a str,
    began: Instant,
}

impl<'a> Order<'a> {
    /// # Errors
    /// [`Error::NotRecorded`] while whoever watches has to note it, and cannot.
    pub(super) fn begin(
        operations: &'a Operations,
        by: &'a OpContext,
        action: &'static str,
        targets: impl IntoIterator<Item = impl ToString>,
    ) -> Result<Self, Error> {
        operations.check_can_be_noted()?;
        Ok(Self::begin_anyhow(operations, by, action, targets))
    }

    /// An order that makes nothing run, and so is carried out even when it will be noted later, or never.
    pub(super) fn begin_anyhow(
        operations: &'a Operations,
        by: &'a OpContext,
        action: &'static str,
        targets: impl IntoIterator<Item = impl ToString>,
    ) -> Self {
        let targets = targets.into_iter().map(|target| target.to_string()).collect();
        Self { operations, by, action, targets, why: "", began: Instant::now() }
    }

    /// The reason that was given.
    pub(super) fn because(mut self, why: &'a str) -> Self {
        self.why = why;
        self
    }

    /// It has ended; `is_done` says of each target whether it is as ordered.
    pub(super) fn end(mut self, is_done: impl Fn(&str) -> bool) {
        for target in std::mem::take(&mut self.targets) {
            self.tell(&target, is_done(&target), self.why);
        }
    }

    fn tell(&self, target: &str, is_done: bool, why: &str) {
        let (surface, who, from) = (self.by.surface, self.by.who.as_ref(), self.by.from);
        let duration = self.began.elapsed();
        let act = Act { action: self.action, target, surface, who, from, is_done, duration, why };
        self.operations.observers.each(|observer| observer.acted(&act));
    }
}

impl Drop for Order<'_> {
    fn drop(&mut self) {
        for target in std::mem::take(&mut self.targets) {
            self.tell(&target, false, "nobody waited for its end");
        }
    }
}

impl Operations {
    /// Tells whoever watches that somebody was not let do something, and why (one word).
    pub fn tell_refused(&self, cx: &OpContext, what: &str, why: &str) {
        Order::begin_anyhow(self, cx, "access.refused", [what]).because(why).end(|_| false);
    }

    /// # Errors
    /// [`Error::NotRecorded`] while whoever watches has to note what runs, and cannot.
    pub(super) fn check_can_be_noted(&self) -> Result<(), Error> {
        if self.observers.may_begin() { Ok(()) } else { Err(Error::NotRecorded) }
    }
}
