//! Traces: what a request says of the trace that it belongs to goes on to the server that answers it, whatever way the request came.
//! With the Cargo feature `otlp` and a place to send them to, spans of our own stand in between: one for each request, below it how
//! it was routed and what was asked of servers. Without either there are none, and this costs nothing. No span has arguments, results
//! or the words of a request.

mod carried;
#[cfg(feature = "otlp")]
mod exporting;
#[cfg(feature = "otlp")]
mod figures;
#[cfg(feature = "otlp")]
mod names;
#[cfg(feature = "otlp")]
mod span;
#[cfg(test)]
mod tests;
#[cfg(not(feature = "otlp"))]
mod without_spans;

pub use carried::{from_headers, with_carried};
#[cfg(feature = "otlp")]
pub use exporting::{Exporting, install, observer};
#[cfg(feature = "otlp")]
pub use span::{Span, Trace, is_on};
#[cfg(not(feature = "otlp"))]
pub use without_spans::{Span, Trace, is_on, observer};

use crate::domain::Surface;

/// A request, as its span tells of it.
#[derive(Debug, Clone, Copy)]
pub struct Requested<'a> {
    /// The method of MCP, or the verb of another surface.
    pub method: &'a str,
    /// The tool that is called, by the name that the client knows it by.
    pub tool: Option<&'a str>,
    /// The request's id, raw JSON.
    pub id: Option<&'a str>,
    /// The revision that the request is of, where it says so.
    pub version: Option<&'a str>,
    /// Which way it came.
    pub surface: Surface,
    /// What it carries of its trace: raw members of `_meta`, without braces.
    pub carried: Option<&'a str>,
}
