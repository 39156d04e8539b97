//! What a span tells of a request to a server.

use crate::supervisor::{self, Outcome};
use crate::traces::Span;
use crate::upstream::{self, Behind};

use super::{Forwarded, OpContext};

/// A request that passes as it is begins.
pub(super) fn begin(cx: &OpContext, asked: &Forwarded<'_>) -> Span {
    cx.trace.call(asked.method, asked.tool, asked.server.as_str())
}

/// How the request reaches the server: its trace goes on below this span.
pub(super) fn traced(behind: &Behind, span: &Span) -> Behind {
    Behind { meta: span.carried(behind.meta.as_ref()), ..behind.clone() }
}

/// How it ended.
pub(super) fn told(span: &mut Span, ended: &Result<Outcome, supervisor::Error>) {
    if !span.is_recorded() {
        return;
    }
    match ended {
        Ok(outcome) => {
            span.note("mcporch.attempts", i64::from(outcome.attempts));
            span.answered(outcome.answer.payload());
        }
        Err(fault) => span.failed(kind(fault)),
    }
}

fn kind(fault: &supervisor::Error) -> &'static str {
    match fault {
        supervisor::Error::Request(upstream::Error::TimedOut { .. }) => "timeout",
        supervisor::Error::Request(upstream::Error::Cancelled { .. }) => "cancelled",
        supervisor::Error::Request(_) => "server_error",
        supervisor::Error::Busy { .. } | supervisor::Error::Spared { .. } => "busy",
        supervisor::Error::Unknown { .. }
        | supervisor::Error::Refused { .. }
        | supervisor::Error::Stopped { .. }
        | supervisor::Error::Quarantined { .. }
        | supervisor::Error::Stopping { .. }
        | supervisor::Error::Down { .. }
        | supervisor::Error::Elsewhere { .. } => "unavailable",
    }
}
