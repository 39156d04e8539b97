//! The build without the feature `otlp`: there are no spans, and every one of these is nothing at run time.

use std::sync::Arc;

use crate::domain::Observer;

use super::Requested;

/// Whether there are spans.
#[must_use]
pub const fn is_on() -> bool {
    false
}

/// The span that what is done now belongs to.
#[derive(Debug, Clone, Default)]
pub struct Trace;

/// Something that takes a while.
#[derive(Debug, Default)]
pub struct Span;

impl Trace {
    /// No span.
    #[must_use]
    pub const fn none() -> Self {
        Self
    }

    /// Does something that is a step of the request.
    pub fn during<F: Future>(&self, _name: &'static str, future: F) -> F {
        future
    }

    /// Something is asked of a server.
    #[must_use]
    pub fn call(&self, _method: &str, _tool: Option<&str>, _server: &str) -> Span {
        Span
    }
}

impl Span {
    /// A request begins.
    #[must_use]
    pub fn request(_requested: &Requested<'_>) -> Self {
        Self
    }

    /// What is done for it from now on.
    #[must_use]
    pub fn trace(&self) -> Trace {
        Trace
    }

    /// Whether somebody will see it.
    #[must_use]
    pub const fn is_recorded(&self) -> bool {
        false
    }

    /// The members of `_meta` that a request to a server carries.
    #[must_use]
    pub fn carried(&self, meta: Option<&Arc<str>>) -> Option<Arc<str>> {
        meta.cloned()
    }

    /// Something is known of it.
    pub fn note(&mut self, _name: &'static str, _value: i64) {}

    /// It was answered: the raw result, or the raw JSON-RPC error.
    pub fn answered(&mut self, _answer: Result<&str, &str>) {}

    /// It got no answer: why, in one word of a small set.
    pub fn failed(&mut self, _kind: &'static str) {}
}

/// Who is to be told of operations: nobody.
#[must_use]
pub fn observer() -> Option<Arc<dyn Observer>> {
    None
}
