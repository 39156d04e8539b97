//! Figures of all operations, beside those of the spans: the same that `/metrics` has, as far as they are counted when something ends.

use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Histogram, Meter};

use crate::domain::{Ended, Observer, Stage};

use super::{names, span};

/// Is told of operations, and counts them.
#[derive(Debug, Clone)]
pub(super) struct Figures {
    calls: Counter<u64>,
    errors: Counter<u64>,
    decisions: Counter<u64>,
    confidence: Histogram<f64>,
    stages: Histogram<f64>,
}

impl Figures {
    pub(super) fn new(meter: &Meter) -> Self {
        let counter = |name: &'static str, about| meter.u64_counter(name).with_description(about).build();
        let histogram = |name: &'static str, about, unit: &'static str, bounds: &[f64]| {
            let built = meter.f64_histogram(name).with_description(about).with_unit(unit);
            built.with_boundaries(bounds.to_vec()).build()
        };
        Self {
            calls: counter(names::CALLS, "Operations that ended."),
            errors: counter(names::CALL_ERRORS, "Operations that failed, by kind of fault."),
            decisions: counter(names::DECISIONS, "What requests in words led to."),
            confidence: histogram(names::CONFIDENCE, "Probability of the first tool.", "1", names::CONFIDENCE_BOUNDS),
            stages: histogram(names::STAGE_DURATION, "Parts of the way of a request.", "s", names::STAGE_BOUNDS),
        }
    }
}

impl Observer for Figures {
    fn ended(&self, ended: &Ended<'_>) {
        self.calls.add(
            1,
            &[
                KeyValue::new("verb", ended.verb.word()),
                KeyValue::new("surface", ended.surface.word()),
                KeyValue::new("outcome", ended.outcome.word()),
            ],
        );
        if let Some(kind) = ended.error_kind.filter(|_| ended.outcome.is_error()) {
            self.errors.add(1, &[KeyValue::new("kind", kind)]);
        }
        if let Some(decision) = ended.decision {
            self.decisions.add(1, &[KeyValue::new("decision", decision)]);
        }
        if let Some(confidence) = ended.confidence {
            self.confidence.record(confidence, &[]);
        }
    }

    fn passed(&self, stage: Stage, took: Duration) {
        self.stages.record(took.as_secs_f64(), &[KeyValue::new("stage", stage.word())]);
        span::passed(stage.word(), took);
    }
}
