//! A request whose span ends with its answer.

use std::sync::{Arc, Mutex, PoisonError};

use crate::traces::{self, Requested, Span, Trace};

use super::asked::Asked;
use super::conversation::Conversation;
use super::exchange::{Exchange, Said};

/// The way back of a request that somebody follows; `None` where nobody does, and for what stays open for as long as its client.
pub(super) fn begin(
    conversation: &Conversation,
    asked: &Asked<'_>,
    exchange: &Arc<dyn Exchange>,
) -> Option<Arc<dyn Exchange>> {
    if !traces::is_on() || asked.method == "subscriptions/listen" {
        return None;
    }
    let carried = traces::with_carried(asked.meta.as_ref(), exchange.carried().as_ref());
    let span = Span::request(&Requested {
        method: asked.method,
        tool: asked.text("name").filter(|_| asked.method == "tools/call").as_deref(),
        id: Some(asked.id),
        version: asked.version(),
        surface: conversation.caller.surface,
        carried: carried.as_deref(),
    });
    Some(Arc::new(Traced { inner: exchange.clone(), trace: span.trace(), span: Mutex::new(Some(span)) }))
}

struct Traced {
    inner: Arc<dyn Exchange>,
    trace: Trace,
    span: Mutex<Option<Span>>,
}

impl Traced {
    fn end(&self, tell: impl FnOnce(&mut Span)) {
        let span = self.span.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(mut span) = span {
            tell(&mut span);
        }
    }
}

impl Exchange for Traced {
    fn answer(&self, said: Said<'_>) {
        self.end(|span| match &said {
            Said::Result(result) => span.answered(Ok(result)),
            Said::Error(_, error) => span.answered(Err(error)),
        });
        self.inner.answer(said);
    }

    fn tell(&self, line: &[u8]) {
        self.inner.tell(line);
    }

    fn leave(&self) {
        self.end(|span| span.failed("cancelled"));
        self.inner.leave();
    }

    fn carried(&self) -> Option<Arc<str>> {
        self.inner.carried()
    }

    fn trace(&self) -> Trace {
        self.trace.clone()
    }
}

impl Drop for Traced {
    fn drop(&mut self) {
        self.end(|span| span.failed("cancelled"));
    }
}
