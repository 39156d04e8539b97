//! What a verb knows of its caller.

use std::fmt;

use tokio_util::sync::CancellationToken;

use crate::upstream::ProgressSink;

/// The circumstances of one operation.
#[derive(Clone, Default)]
pub struct OpContext {
    /// Cancelled when the caller no longer wants an answer.
    pub cancel: CancellationToken,
    /// Which of several clients it is; `None` when there is but one.
    pub client: Option<u64>,
    /// Gets the progress of a tool that runs.
    pub progress: Option<ProgressSink>,
}

impl fmt::Debug for OpContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpContext").field("is_cancelled", &self.cancel.is_cancelled()).finish_non_exhaustive()
    }
}
