//! Whether who reads a stream may still do so: he asks for nothing more, so that nothing else makes anybody look.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep};

/// From one look to the next: what was revoked is heard that long.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Looks once a second.
pub(in crate::gateway) struct StillAllowed {
    is_allowed: Box<dyn Fn() -> bool + Send + Sync>,
    next_look: Pin<Box<Sleep>>,
}

impl fmt::Debug for StillAllowed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StillAllowed").finish_non_exhaustive()
    }
}

impl StillAllowed {
    /// With what says whether he is.
    pub(in crate::gateway) fn new(is_allowed: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        Self { is_allowed: Box::new(is_allowed), next_look: Box::pin(tokio::time::sleep(LOOK_EVERY)) }
    }

    /// Ready when he is not any more.
    pub(in crate::gateway) fn poll_ended(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while self.next_look.as_mut().poll(cx).is_ready() {
            if !(self.is_allowed)() {
                return Poll::Ready(());
            }
            self.next_look.as_mut().reset(Instant::now() + LOOK_EVERY);
        }
        Poll::Pending
    }
}
