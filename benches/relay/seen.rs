//! What one way to the server showed, and the rows that come of several of them.

use std::time::Duration;

use super::report::{Budget, Figure, Report, p50_p99};

/// Requests in flight: as many as a busy agent has, and as several of them have.
pub(crate) const IN_FLIGHT: [usize; 2] = [16, 64];

/// Results that are asked for one after another: what they are called, and the arguments for them.
pub(crate) const SIZES: [(&str, &str, usize); 4] = [
    ("100 B", "{\"size\":100}", 100),
    ("10 kB", "{\"size\":10000}", 10_000),
    ("1 MB", "{\"size\":1000000}", 1_000_000),
    ("2,000 structured rows (250 kB)", "{\"rows\":2000}", 240_000),
];

/// Calls of each size in a turn, for so many small ones.
pub(crate) fn count_of(size: usize, calls: usize) -> usize {
    match size {
        0 => calls,
        1 => calls.div_ceil(10),
        _ => calls.div_ceil(250),
    }
}

/// What one way showed.
#[derive(Default)]
pub(crate) struct Seen {
    /// Microseconds of each call, by size.
    pub(crate) times: [Vec<f64>; SIZES.len()],
    /// Calls in a second of each turn, by how many are in flight.
    pub(crate) rates: [Vec<f64>; IN_FLIGHT.len()],
    /// Microseconds that each of those took.
    pub(crate) waits: [Vec<f64>; IN_FLIGHT.len()],
    /// Processor time of the process between, microseconds a call of each turn: one by one, then by how many are in flight.
    pub(crate) cpu: [Vec<f64>; 1 + IN_FLIGHT.len()],
}

impl Seen {
    pub(crate) fn add_cpu(&mut self, which: usize, time: Duration, calls: usize) {
        self.cpu[which].push(time.as_secs_f64() * 1e6 / calls as f64);
    }
}

/// What each figure may be; `None` has no bound.
pub(crate) struct Bounds {
    pub(crate) added: f64,
    pub(crate) cpu: f64,
    pub(crate) rate: f64,
    pub(crate) medium: Option<f64>,
    pub(crate) large: Option<f64>,
}

/// Adds all rows: each figure of all of our ways, beside what was seen straight and through the least relay.
pub(crate) fn tell(
    report: &mut Report,
    direct: &mut Seen,
    floor: &mut Seen,
    ours: &mut [(&str, Seen)],
    bounds: &Bounds,
) {
    let p50 = |values: &mut [f64]| p50_p99(values).0;
    let mut rows = |what: &str,
                    unit: &'static str,
                    budget: Option<Budget>,
                    of: &dyn Fn(&mut Seen) -> Option<f64>,
                    has_direct: bool| {
        let (direct, floor) = (if has_direct { of(direct) } else { None }, of(floor));
        for (way, seen) in ours.iter_mut() {
            let Some(ours) = of(seen) else { continue };
            report.add(Figure { name: format!("{way}: {what}"), unit, direct, floor, ours, budget });
        }
    };
    rows("100 B result p50", "µs", None, &|seen| Some(p50(&mut seen.times[0])), true);
    rows("100 B result p99", "µs", None, &|seen| Some(p50_p99(&mut seen.times[0]).1), true);
    rows("CPU one by one", "µs a call", Some(Budget::AtMost(bounds.cpu)), &|seen| Some(p50(&mut seen.cpu[0])), false);
    for (at, many) in IN_FLIGHT.iter().enumerate() {
        let budget = (at == 0).then_some(Budget::AtMost(bounds.cpu));
        rows(&format!("CPU, {many} in flight"), "µs a call", budget, &|seen| Some(p50(&mut seen.cpu[1 + at])), false);
        let budget = (at == 0).then_some(Budget::AtLeast(bounds.rate));
        let rate = |seen: &mut Seen| Some(p50(&mut seen.rates[at]) / 1e3);
        rows(&format!("{many} in flight"), "thousand/s", budget, &rate, true);
        let wait = |seen: &mut Seen| Some(p50_p99(&mut seen.waits[at]).1 / 1e3);
        rows(&format!("{many} in flight, p99"), "ms", Some(Budget::AtMost(1.0)), &wait, true);
    }
    for (at, (size, ..)) in SIZES.iter().enumerate().skip(1) {
        let (unit, scale) = if at == 1 { ("µs", 1.0) } else { ("ms", 1e3) };
        let budget = match at {
            1 => bounds.medium,
            2 => bounds.large,
            _ => None,
        };
        let p50 = |seen: &mut Seen| Some(p50(&mut seen.times[at]) / scale);
        rows(&format!("{size} p50"), unit, budget.map(Budget::AtMost), &p50, true);
    }
    let straight = p50_p99(&mut direct.times[0]).0;
    let floor = p50_p99(&mut floor.times[0]).0 - straight;
    for (way, seen) in ours {
        report.add(Figure {
            name: format!("{way}: p50 added to a direct call"),
            unit: "µs",
            direct: None,
            floor: Some(floor),
            ours: p50_p99(&mut seen.times[0]).0 - straight,
            budget: Some(Budget::AtMost(bounds.added)),
        });
    }
}
