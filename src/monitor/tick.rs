//! What the events of this room say.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Totals;
use super::samples::ServerSample;

/// How many operations end.
#[derive(Debug, Default)]
pub(super) struct Rates {
    pub(super) calls_per_s: f64,
    pub(super) errors_per_s: f64,
    /// When it was looked at last, in Unix milliseconds, and what had ended by then.
    last: Option<(i64, u64, u64)>,
}

impl Rates {
    pub(super) fn note(&mut self, now_ms: i64, (calls, errors): (u64, u64)) {
        if let Some((at, calls_before, errors_before)) = self.last
            && now_ms > at
        {
            #[expect(clippy::cast_precision_loss, reason = "a second's calls and milliseconds have few bits")]
            let per_s = |count: u64| (count as f64 / (now_ms - at) as f64 * 1e4).round() / 10.0;
            self.calls_per_s = per_s(calls - calls_before);
            self.errors_per_s = per_s(errors - errors_before);
        }
        self.last = Some((now_ms, calls, errors));
    }
}

#[derive(Serialize)]
struct Tick<'a> {
    at: i64,
    calls_per_s: f64,
    errors_per_s: f64,
    in_flight: usize,
    servers: BTreeMap<&'a str, ServerNow>,
}

#[derive(Serialize)]
struct ServerNow {
    cpu_percent: Option<f64>,
    memory_bytes: Option<u64>,
    calls: u64,
    errors: u64,
    in_flight: usize,
    state: &'static str,
}

/// The data of a `tick`.
pub(super) fn tick(at: i64, totals: &Totals, samples: &[ServerSample<'_>]) -> Option<String> {
    let servers = samples.iter().map(|sample| {
        let now = ServerNow {
            cpu_percent: sample.cpu_percent,
            memory_bytes: sample.memory_bytes,
            calls: sample.calls,
            errors: sample.errors,
            in_flight: sample.in_flight,
            state: sample.state,
        };
        (sample.server, now)
    });
    let tick = Tick {
        at,
        calls_per_s: totals.calls_per_s,
        errors_per_s: totals.errors_per_s,
        in_flight: samples.iter().map(|sample| sample.in_flight).sum(),
        servers: servers.collect(),
    };
    serde_json::to_string(&tick).ok()
}
