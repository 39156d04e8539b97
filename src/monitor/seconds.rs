//! The last ten minutes in memory, the minute that goes on, and what of both is to be written.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use super::samples::{Measured, Range, Series, ServerSample};

/// Seconds that are kept in memory, and in the file.
pub(super) const SECONDS_MAX: i64 = 600;
/// Seconds of samples that are written at once.
const WRITE_EVERY_S: usize = 10;
/// Seconds that wait to be written at most, where nobody takes them.
const UNWRITTEN_MAX: usize = 60;
/// The name of the sum.
pub(super) const SUM: &str = "*";

/// What one server did in a step; of the sum, what all did.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Row {
    /// Percent of one core; `None` while it does not run.
    pub(super) cpu: Option<f32>,
    pub(super) memory: Option<u64>,
    pub(super) calls: u64,
    pub(super) errors: u64,
    pub(super) in_flight: u32,
}

/// One step with those servers that did something in it, and the sum behind them.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Step {
    /// Its beginning, in seconds since 1970.
    pub(super) at: i64,
    pub(super) rows: Vec<(Arc<str>, Row)>,
}

/// A server as it was sampled last.
#[derive(Debug, Clone)]
pub(super) struct Latest {
    pub(super) name: Arc<str>,
    pub(super) state: &'static str,
    pub(super) cpu_percent: Option<f64>,
    pub(super) memory_bytes: Option<u64>,
    pub(super) calls: u64,
    pub(super) errors: u64,
    pub(super) restarts: u64,
    pub(super) in_flight: usize,
    pub(super) waiting: usize,
    pub(super) instances: usize,
}

impl Latest {
    pub(super) fn is_up(&self) -> bool {
        matches!(self.state, "ready" | "degraded")
    }

    /// It should be there when it is called, and cannot.
    pub(super) fn is_failed(&self) -> bool {
        matches!(self.state, "crashed" | "backoff" | "quarantined" | "refused")
    }
}

/// What is to be written; both may be empty.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Batch {
    pub(super) seconds: Vec<Step>,
    pub(super) minutes: Vec<Step>,
}

/// See the file's beginning.
#[derive(Debug)]
pub(super) struct Recent {
    sum: Arc<str>,
    latest: Vec<Latest>,
    /// Calls and errors of each server that are in a step already.
    counted: HashMap<Arc<str>, (u64, u64)>,
    seconds: VecDeque<Step>,
    minute: Minute,
    /// How many of the newest seconds are not written.
    unwritten: usize,
    closed: Vec<Step>,
}

/// A minute while it goes on.
#[derive(Debug, Default)]
struct Minute {
    at: i64,
    of: HashMap<Arc<str>, Sums>,
}

#[derive(Debug, Default)]
struct Sums {
    cpu: f64,
    looks: u32,
    row: Row,
}

impl Recent {
    pub(super) fn new() -> Self {
        Self {
            sum: SUM.into(),
            latest: Vec::new(),
            counted: HashMap::new(),
            seconds: VecDeque::new(),
            minute: Minute::default(),
            unwritten: 0,
            closed: Vec::new(),
        }
    }

    /// The servers as they were sampled last.
    pub(super) fn latest(&self) -> &[Latest] {
        &self.latest
    }

    /// Takes a look at `at`, in seconds since 1970, and gives what is to be written now. A second look in one second replaces what is
    /// known of the servers and makes no step.
    pub(super) fn take(&mut self, at: i64, samples: &[ServerSample<'_>]) -> Batch {
        self.look(samples);
        let is_new = self.seconds.back().is_none_or(|last| last.at < at);
        // A clock that was set back begins a new time.
        if self.seconds.back().is_some_and(|last| last.at > at + 1) {
            self.seconds.clear();
            self.unwritten = 0;
        } else if !is_new {
            return Batch::default();
        }
        let rows = self.count();
        self.close_minute(at);
        for (name, row) in &rows {
            self.minute.of.entry(name.clone()).or_default().add(row);
        }
        self.seconds.push_back(Step { at, rows });
        while self.seconds.front().is_some_and(|first| first.at <= at - SECONDS_MAX) {
            self.seconds.pop_front();
        }
        // Seconds in which nothing ran are not worth a write; their minute is.
        self.unwritten = (self.unwritten + 1).min(UNWRITTEN_MAX).min(self.seconds.len());
        let is_due = self.unwritten >= WRITE_EVERY_S;
        if !is_due && self.closed.is_empty() {
            return Batch::default();
        }
        self.unwritten()
    }

    /// All that is not written yet, the minute that goes on included.
    pub(super) fn rest(&mut self) -> Batch {
        let next = self.minute.at + 60;
        self.close_minute(next);
        self.unwritten()
    }

    fn unwritten(&mut self) -> Batch {
        let new = self.seconds.iter().skip(self.seconds.len() - self.unwritten);
        let seconds = new.filter(|step| step.rows.len() > 1).cloned().collect();
        self.unwritten = 0;
        Batch { seconds, minutes: std::mem::take(&mut self.closed) }
    }

    /// Replaces what is known of the servers.
    fn look(&mut self, samples: &[ServerSample<'_>]) {
        let mut old = std::mem::take(&mut self.latest).into_iter().peekable();
        let latest = samples.iter().map(|sample| {
            // Both are in the order of names, mostly; a name that is not found there is made anew.
            let same = old.next_if(|old| *old.name == *sample.server).map(|old| old.name);
            latest(same.unwrap_or_else(|| sample.server.into()), sample)
        });
        self.latest = latest.collect();
    }

    /// Those that did something since the last step, and the sum.
    fn count(&mut self) -> Vec<(Arc<str>, Row)> {
        let before = std::mem::take(&mut self.counted);
        let mut rows = Vec::new();
        let mut sum = Row { cpu: Some(0.0), memory: Some(0), ..Row::default() };
        for server in &self.latest {
            let (calls, errors) = before.get(&server.name).copied().unwrap_or_default();
            let row = Row {
                cpu: server.cpu_percent.map(narrow),
                memory: server.memory_bytes,
                calls: since(calls, server.calls),
                errors: since(errors, server.errors),
                in_flight: u32::try_from(server.in_flight).unwrap_or(u32::MAX),
            };
            if row != Row::default() {
                sum.cpu = sum.cpu.map(|all| all + row.cpu.unwrap_or(0.0));
                sum.memory = sum.memory.map(|all| all + row.memory.unwrap_or(0));
                sum.calls += row.calls;
                sum.errors += row.errors;
                sum.in_flight = sum.in_flight.saturating_add(row.in_flight);
                rows.push((server.name.clone(), row));
            }
            self.counted.insert(server.name.clone(), (server.calls, server.errors));
        }
        rows.push((self.sum.clone(), sum));
        rows
    }

    fn close_minute(&mut self, at: i64) {
        let minute = at - at.rem_euclid(60);
        if self.minute.at == minute {
            return;
        }
        let old = std::mem::replace(&mut self.minute, Minute { at: minute, of: HashMap::new() });
        if !old.of.is_empty() {
            let mut rows: Vec<(Arc<str>, Row)> = old.of.into_iter().map(|(name, sums)| (name, sums.row())).collect();
            rows.sort_by(|one, other| one.0.cmp(&other.0));
            self.closed.push(Step { at: old.at, rows });
        }
    }

    /// The last ten minutes up to `now`, with `older` before those that are in memory.
    pub(super) fn measured(&self, now: i64, older: &[Step], server: Option<&str>) -> Measured {
        let mut table = Table::new(Range::TenMinutes, now, server);
        let first = self.first().unwrap_or(i64::MAX);
        older.iter().filter(|step| step.at < first).chain(&self.seconds).for_each(|step| table.add(step));
        table.measured()
    }

    /// The oldest second in memory.
    pub(super) fn first(&self) -> Option<i64> {
        self.seconds.front().map(|step| step.at)
    }
}

impl Sums {
    fn add(&mut self, row: &Row) {
        if let Some(cpu) = row.cpu {
            self.cpu += f64::from(cpu);
            self.looks += 1;
        }
        self.row.memory = self.row.memory.max(row.memory);
        self.row.calls += row.calls;
        self.row.errors += row.errors;
        self.row.in_flight = self.row.in_flight.max(row.in_flight);
    }

    fn row(&self) -> Row {
        Row { cpu: (self.looks > 0).then(|| narrow(self.cpu / f64::from(self.looks))), ..self.row }
    }
}

/// Series that are filled step by step.
pub(super) struct Table<'a> {
    range: Range,
    from: i64,
    wanted: Option<&'a str>,
    /// Whether a step was measured at all.
    is_measured: Vec<bool>,
    series: BTreeMap<String, Series>,
}

impl<'a> Table<'a> {
    /// Empty, up to the step of `now`.
    pub(super) fn new(range: Range, now: i64, wanted: Option<&'a str>) -> Self {
        let (step, steps) = (i64::from(range.step_s()), i64::try_from(range.steps()).unwrap_or(0));
        let from = now - now.rem_euclid(step) - (steps - 1) * step;
        Self { range, from, wanted, is_measured: vec![false; range.steps()], series: BTreeMap::new() }
    }

    /// The moment of its first step.
    pub(super) fn from(&self) -> i64 {
        self.from
    }

    pub(super) fn add(&mut self, step: &Step) {
        for (name, row) in &step.rows {
            self.add_row(step.at, name, row);
        }
    }

    /// One row of the step at `at`; the sum's row says that the step was measured.
    pub(super) fn add_row(&mut self, at: i64, name: &str, row: &Row) {
        let Ok(place) = usize::try_from((at - self.from).div_euclid(i64::from(self.range.step_s()))) else { return };
        let steps = self.range.steps();
        if at < self.from || place >= steps {
            return;
        }
        if name == SUM {
            self.is_measured[place] = true;
        }
        if self.wanted.is_some_and(|wanted| wanted != name) {
            return;
        }
        if !self.series.contains_key(name) {
            self.series.insert(name.to_owned(), empty(steps));
        }
        let Some(series) = self.series.get_mut(name) else { return };
        series.cpu_percent[place] = row.cpu.map(|cpu| (f64::from(cpu) * 10.0).round() / 10.0);
        series.memory_bytes[place] = row.memory;
        series.calls[place] = Some(row.calls);
        series.errors[place] = Some(row.errors);
        series.in_flight[place] = Some(row.in_flight.into());
    }

    /// What was measured; a server that has no row in a step that was measured did nothing in it.
    pub(super) fn measured(mut self) -> Measured {
        for series in self.series.values_mut() {
            for (place, is_measured) in self.is_measured.iter().enumerate() {
                if *is_measured && series.calls[place].is_none() {
                    (series.calls[place], series.errors[place], series.in_flight[place]) = (Some(0), Some(0), Some(0));
                }
            }
        }
        Measured { step_s: self.range.step_s(), from: self.from, series: self.series }
    }
}

fn empty(steps: usize) -> Series {
    Series {
        cpu_percent: vec![None; steps],
        memory_bytes: vec![None; steps],
        calls: vec![None; steps],
        errors: vec![None; steps],
        in_flight: vec![None; steps],
    }
}

fn latest(name: Arc<str>, sample: &ServerSample<'_>) -> Latest {
    Latest {
        name,
        state: sample.state,
        cpu_percent: sample.cpu_percent,
        memory_bytes: sample.memory_bytes,
        calls: sample.calls,
        errors: sample.errors,
        restarts: sample.restarts,
        in_flight: sample.in_flight,
        waiting: sample.waiting,
        instances: sample.instances,
    }
}

/// What was added to a counter; one that is smaller than before began anew.
fn since(before: u64, now: u64) -> u64 {
    if now < before { now } else { now - before }
}

#[expect(clippy::cast_possible_truncation, reason = "a share of a core needs no more digits")]
fn narrow(value: f64) -> f32 {
    value as f32
}
