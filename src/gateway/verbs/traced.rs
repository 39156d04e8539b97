//! A verb whose span ends with its answer.

use crate::operations::OpContext;
use crate::traces::{self, Requested, Span};

use super::Fault;

/// The span of one run and the circumstances below it; `None` where nobody follows it.
pub(super) fn begin(cx: &OpContext, verb: &str) -> Option<(Span, OpContext)> {
    if !traces::is_on() {
        return None;
    }
    let span = Span::request(&Requested {
        method: verb,
        tool: None,
        id: None,
        version: None,
        surface: cx.surface,
        carried: cx.behind.meta.as_deref(),
    });
    let below = OpContext { trace: span.trace(), ..cx.clone() };
    Some((span, below))
}

/// Ends it.
pub(super) fn end<T>(traced: Option<(Span, OpContext)>, ended: &Result<T, Fault>) {
    if let (Some((mut span, _)), Err(fault)) = (traced, ended) {
        span.failed(fault.kind.slug());
    }
}
