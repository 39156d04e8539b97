//! Where spans and figures go: set once in a process, by whoever knows where that is.

use std::sync::{Arc, OnceLock};

use opentelemetry::metrics::{Histogram, MeterProvider};
use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};

use crate::domain::Observer;

use super::figures::Figures;
use super::names;

static EXPORTING: OnceLock<Exporting> = OnceLock::new();

/// What makes spans, and the figures about them.
#[derive(Debug)]
pub struct Exporting {
    pub(super) tracer: SdkTracer,
    /// Seconds of requests that came to us.
    pub(super) served: Histogram<f64>,
    /// Seconds of requests that we made.
    pub(super) called: Histogram<f64>,
    figures: Figures,
}

impl Exporting {
    /// Through these.
    #[must_use]
    pub fn new(tracers: &SdkTracerProvider, meters: &SdkMeterProvider) -> Self {
        let meter = meters.meter(names::SCOPE);
        let seconds = |name: &'static str, about: &'static str| {
            let bounds = names::DURATION_BOUNDS.to_vec();
            meter.f64_histogram(name).with_unit("s").with_description(about).with_boundaries(bounds).build()
        };
        Self {
            figures: Figures::new(&meter),
            tracer: tracers.tracer(names::SCOPE),
            served: seconds(
                names::SERVER_DURATION,
                "Duration of MCP requests as observed by the one who answers them.",
            ),
            called: seconds(names::CLIENT_DURATION, "Duration of MCP requests as observed by the one who makes them."),
        }
    }
}

/// From now on there are spans. The first one who says so decides.
pub fn install(exporting: Exporting) {
    let _another_was_first = EXPORTING.set(exporting);
}

/// Who is to be told of operations; `None` where nothing is sent.
#[must_use]
pub fn observer() -> Option<Arc<dyn Observer>> {
    Some(Arc::new(exporting()?.figures.clone()))
}

pub(super) fn exporting() -> Option<&'static Exporting> {
    EXPORTING.get()
}
