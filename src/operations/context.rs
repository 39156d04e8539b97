//! What a verb knows of its caller.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::domain::Surface;
use crate::traces::Trace;
use crate::upstream::{Behind, ProgressSink};

/// Which caller of several; callers of one process that share nothing have different ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct CallerId(pub u64);

/// The circumstances of one operation.
#[derive(Clone, Default)]
pub struct OpContext {
    /// Cancelled when the caller no longer wants an answer.
    pub cancel: CancellationToken,
    /// Gets the progress of a tool that runs.
    pub progress: Option<ProgressSink>,
    /// Who calls: what he was left to choose from is nobody else's.
    pub caller: CallerId,
    /// What he is called in what is noted of the operation: the name of his key, say. `None` where there are no names.
    pub who: Option<Arc<str>>,
    /// Which way he came.
    pub surface: Surface,
    /// From which address; `None` where he came by no network.
    pub from: Option<IpAddr>,
    /// He cannot be told apart from others beyond this operation: what is kept for a caller is not kept for him.
    pub is_anonymous: bool,
    /// Who owns what is kept for one who cannot be told apart otherwise: the same for all who show the same key.
    pub principal: u64,
    /// What a server may ask of him, and how it is told.
    pub behind: Behind,
    /// The span that it is part of.
    pub trace: Trace,
    /// A result with more text than that, in bytes, is kept and given as a handle; `None` and 0 hand over all.
    pub inline_bytes_max: Option<usize>,
}

impl OpContext {
    /// Who alone is given what is kept for this caller. Of anonymous ones all who share a principal, so what is kept must have a
    /// name that nobody guesses.
    #[must_use]
    pub fn owner(&self) -> u64 {
        if self.is_anonymous { self.principal } else { self.caller.0 }
    }
}

impl fmt::Debug for OpContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpContext").field("is_cancelled", &self.cancel.is_cancelled()).finish_non_exhaustive()
    }
}
