//! Spans: begun with their parent, ended when they are dropped.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use opentelemetry::metrics::Histogram;
use opentelemetry::trace::{
    Span as _, SpanBuilder, SpanContext, SpanId, SpanKind, Status, TraceContextExt, TraceFlags, TraceId, TraceState,
    Tracer,
};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::trace::Span as SdkSpan;
use tokio::time::Instant;

use crate::domain::Surface;
use crate::wire::Members;

use super::carried::{TRACEPARENT, TRACESTATE, is_traceparent};
use super::exporting::{Exporting, exporting};
use super::{Requested, names};

/// Longest answer that is looked through for `isError`, in bytes: errors are short, and a picture is not read twice.
const ERROR_BYTES_MAX: usize = 65_536;

tokio::task_local! {
    /// The step that goes on in this task.
    static STEP: SpanContext;
}

/// Whether there are spans.
#[must_use]
pub fn is_on() -> bool {
    exporting().is_some()
}

/// The span that what is done now belongs to. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Trace(Option<SpanContext>);

/// Something that takes a while; it ends when this is dropped.
#[derive(Default)]
pub struct Span(Option<Box<Live>>);

struct Live {
    span: SdkSpan,
    began: Instant,
    /// Where its duration is counted.
    seconds: Option<&'static Histogram<f64>>,
    /// What the figures tell it apart by.
    labels: Vec<KeyValue>,
    error: Option<Cow<'static, str>>,
}

impl fmt::Debug for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Span").field("is_live", &self.0.is_some()).finish_non_exhaustive()
    }
}

impl Trace {
    /// No span.
    #[must_use]
    pub const fn none() -> Self {
        Self(None)
    }

    /// Does something that is a step of the request.
    ///
    /// Cancel safe where that is.
    pub async fn during<F: Future>(&self, name: &'static str, future: F) -> F::Output {
        let begun = exporting()
            .map(|exporting| begin(exporting, self.0.as_ref(), SpanKind::Internal, name.into(), Vec::new(), None));
        let Some(span) = begun else { return future.await };
        let context = span.span.span_context().clone();
        let _ends_here = Span(Some(span));
        STEP.scope(context, future).await
    }

    /// Something is asked of a server.
    #[must_use]
    pub fn call(&self, method: &str, tool: Option<&str>, server: &str) -> Span {
        let Some(exporting) = exporting() else { return Span::default() };
        let mut attributes = about(names::METHOD, method, tool);
        attributes.push(KeyValue::new(names::SERVER, server.to_owned()));
        let (name, seconds) = (name_of(method, tool), Some(&exporting.called));
        Span(Some(begin(exporting, self.0.as_ref(), SpanKind::Client, name, attributes, seconds)))
    }
}

impl Span {
    /// A request begins.
    #[must_use]
    pub fn request(requested: &Requested<'_>) -> Self {
        let Some(exporting) = exporting() else { return Self::default() };
        let (transport, is_mcp) = match requested.surface {
            Surface::McpStdio => ("pipe", true),
            Surface::McpHttp => ("tcp", true),
            Surface::Rest | Surface::Ws => ("tcp", false),
            Surface::Cli => ("pipe", false),
        };
        let what = if is_mcp { names::METHOD } else { names::VERB };
        let mut attributes = about(what, requested.method, requested.tool);
        attributes.push(KeyValue::new(names::TRANSPORT, transport));
        attributes.push(KeyValue::new(names::SURFACE, requested.surface.word()));
        let parent = requested.carried.and_then(remote);
        let (name, seconds) = (name_of(requested.method, requested.tool), is_mcp.then_some(&exporting.served));
        let mut live = begin(exporting, parent.as_ref(), SpanKind::Server, name, attributes, seconds);
        // Of the span alone: as labels of figures they would be without number.
        if let Some(id) = requested.id {
            live.span.set_attribute(KeyValue::new(names::REQUEST_ID, id.trim_matches('"').to_owned()));
        }
        if let Some(version) = requested.version {
            live.span.set_attribute(KeyValue::new(names::VERSION, version.to_owned()));
        }
        Self(Some(live))
    }

    /// What is done for it from now on.
    #[must_use]
    pub fn trace(&self) -> Trace {
        Trace(self.0.as_ref().map(|live| live.span.span_context().clone()))
    }

    /// Whether somebody will see it.
    #[must_use]
    pub fn is_recorded(&self) -> bool {
        self.0.is_some()
    }

    /// The members of `_meta` that a request to a server carries: those of the client's own request, with this span in the place
    /// of its parent.
    #[must_use]
    pub fn carried(&self, meta: Option<&Arc<str>>) -> Option<Arc<str>> {
        let Some(live) = &self.0 else { return meta.cloned() };
        let context = live.span.span_context();
        let parent =
            format!("\"00-{}-{}-{:02x}\"", context.trace_id(), context.span_id(), context.trace_flags().to_u8());
        let whole = format!("{{{}}}", meta.map_or("", |meta| &**meta));
        let members = Members::parse(&whole).unwrap_or_default();
        // Its `tracestate` stays: we add nothing to it.
        Some(members.bare_with(&[(TRACEPARENT, Some(&parent))]).into())
    }

    /// Something is known of it.
    pub fn note(&mut self, name: &'static str, value: i64) {
        if let Some(live) = &mut self.0 {
            live.span.set_attribute(KeyValue::new(name, value));
        }
    }

    /// It was answered: the raw result, or the raw JSON-RPC error.
    pub fn answered(&mut self, answer: Result<&str, &str>) {
        let Some(live) = self.0.as_mut() else { return };
        match answer {
            Ok(result) if is_tool_error(result) => live.error = Some(names::TOOL_ERROR.into()),
            Ok(_) => {}
            Err(error) => {
                let members = Members::parse(error).unwrap_or_default();
                let code = members.member("code").and_then(|code| code.parse::<i64>().ok()).unwrap_or_default();
                live.span.set_attribute(KeyValue::new(names::STATUS_CODE, code.to_string()));
                live.error = Some(code.to_string().into());
            }
        }
    }

    /// It got no answer: why, in one word of a small set.
    pub fn failed(&mut self, kind: &'static str) {
        if let Some(live) = self.0.as_mut() {
            live.error = Some(kind.into());
        }
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        if let Some(error) = self.error.take() {
            let error = KeyValue::new(names::ERROR_TYPE, error);
            self.span.set_attribute(error.clone());
            self.span.set_status(Status::error(""));
            self.labels.push(error);
        }
        if let Some(seconds) = self.seconds {
            seconds.record(self.began.elapsed().as_secs_f64(), &self.labels);
        }
        self.span.end();
    }
}

/// A stage is over that is part of the step which goes on in this task; elsewhere it is part of nothing, and not told.
pub(super) fn passed(stage: &'static str, took: Duration) {
    let Some(exporting) = exporting() else { return };
    let _no_step = STEP.try_with(|step| {
        let end = opentelemetry::time::now();
        let parent = Context::new().with_remote_span_context(step.clone());
        let builder = SpanBuilder::from_name(stage).with_kind(SpanKind::Internal).with_start_time(end - took);
        exporting.tracer.build_with_context(builder, &parent).end_with_timestamp(end);
    });
}

fn begin(
    exporting: &Exporting,
    parent: Option<&SpanContext>,
    kind: SpanKind,
    name: Cow<'static, str>,
    labels: Vec<KeyValue>,
    seconds: Option<&'static Histogram<f64>>,
) -> Box<Live> {
    let context = match parent {
        Some(parent) => Context::new().with_remote_span_context(parent.clone()),
        None => Context::new(),
    };
    let builder = SpanBuilder::from_name(name).with_kind(kind).with_attributes(labels.clone());
    let span = exporting.tracer.build_with_context(builder, &context);
    Box::new(Live { span, began: Instant::now(), seconds, labels, error: None })
}

fn about(what: &'static str, method: &str, tool: Option<&str>) -> Vec<KeyValue> {
    let mut attributes = Vec::with_capacity(6);
    attributes.push(KeyValue::new(what, method.to_owned()));
    if method == names::CALL_TOOL {
        attributes.push(KeyValue::new(names::OPERATION, names::EXECUTE_TOOL));
    }
    if let Some(tool) = tool {
        attributes.push(KeyValue::new(names::TOOL, tool.to_owned()));
    }
    attributes
}

/// `{mcp.method.name} {gen_ai.tool.name}`.
fn name_of(method: &str, tool: Option<&str>) -> Cow<'static, str> {
    match tool {
        Some(tool) => format!("{method} {tool}").into(),
        None => method.to_owned().into(),
    }
}

/// Whether the tool says that it failed.
fn is_tool_error(result: &str) -> bool {
    result.len() <= ERROR_BYTES_MAX
        && memchr::memmem::find(result.as_bytes(), b"\"isError\"").is_some()
        && Members::parse(result).is_ok_and(|members| members.member("isError") == Some("true"))
}

/// The span that a request says it is part of.
fn remote(meta: &str) -> Option<SpanContext> {
    let whole = format!("{{{meta}}}");
    let members = Members::parse(&whole).ok()?;
    let text = |name: &str| serde_json::from_str::<String>(members.member(name)?).ok();
    let parent = text(TRACEPARENT).filter(|parent| is_traceparent(parent))?;
    let mut parts = parent.split('-').skip(1);
    let trace = TraceId::from_hex(parts.next()?).ok()?;
    let span = SpanId::from_hex(parts.next()?).ok()?;
    let flags = u8::from_str_radix(parts.next()?, 16).ok()?;
    let state = text(TRACESTATE).and_then(|state| state.parse::<TraceState>().ok()).unwrap_or_default();
    // Of the flags the first is known to us, whatever others mean.
    let flags = TraceFlags::new(flags) & TraceFlags::SAMPLED;
    Some(SpanContext::new(trace, span, flags, true, state))
}
