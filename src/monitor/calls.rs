//! The calls that ended last, in memory alone: so many, and within so many bytes.

use std::collections::VecDeque;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::domain::{CallOutcome, CallParams, Considered, Ended, Surface, Verb};

use super::redact;

/// Candidates that are kept of one call. A guess: more than anybody looks at.
const CANDIDATES_MAX: usize = 10;
/// Longest request, error or name that is kept of one call, in bytes.
const TEXT_BYTES_MAX: usize = 1_024;

/// Upper bounds of the buckets that [`Latency`] counts in, in milliseconds: about as fine as a person can tell apart on a logarithmic
/// axis, from a call inside this process to the longest deadline.
pub(super) const BOUNDS_MS: &[f64] = &[
    0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1_000.0, 2_000.0, 5_000.0, 10_000.0, 30_000.0,
    60_000.0, 300_000.0,
];

/// One call, as lists show it.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct CallLine {
    /// `c` and a number that grows.
    pub id: String,
    /// When it ended, in milliseconds since 1970.
    pub at: i64,
    /// What was asked.
    pub verb: Verb,
    /// What the caller is called.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub who: Option<String>,
    /// Which way the caller came.
    pub surface: Surface,
    /// Whose tool.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
    /// Which tool, as the server spells it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool: Option<String>,
    /// How it ended.
    pub outcome: CallOutcome,
    /// From the request to the answer, in milliseconds.
    pub duration_ms: f64,
    /// Probability that it was the right tool; only where words decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confidence: Option<f64>,
    /// Attempts at the server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempts: Option<u32>,
}

/// One call with all that is kept of it, without what looks like a secret.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct CallDetail {
    /// The line of lists.
    #[serde(flatten)]
    pub line: CallLine,
    /// JSON text of its parameters; `null` where there were none, or none are kept.
    pub params: Option<String>,
    /// Whether the parameters were longer than what is kept of them.
    pub params_truncated: bool,
    /// What was wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request: Option<String>,
    /// `run`, `confirm`, `choose` or `none`; only where words decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decision: Option<String>,
    /// The tools that were considered, best first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub candidates: Vec<Considered>,
}

/// Which calls are meant; nothing said means all.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CallFilter {
    /// Those of this server.
    pub server: Option<String>,
    /// Those of this tool, be it `tool` or `server.tool`.
    pub tool: Option<String>,
    /// Those that ended so.
    pub outcome: Option<CallOutcome>,
    /// Those of this verb.
    pub verb: Option<Verb>,
}

/// Some calls, newest first.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct CallPage {
    /// The calls.
    pub calls: Vec<CallLine>,
    /// What asks for those before them; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// How long the kept calls took.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Latency {
    /// Upper bounds of the buckets, in milliseconds.
    pub bounds_ms: Vec<f64>,
    /// Calls in each bucket; one more than there are bounds, for those above the last.
    pub counts: Vec<u64>,
    /// Half took no longer, in milliseconds; absent without calls.
    pub p50_ms: Option<f64>,
    /// Nine of ten took no longer.
    pub p90_ms: Option<f64>,
    /// 99 of 100 took no longer.
    pub p99_ms: Option<f64>,
}

/// One kept call.
#[derive(Debug)]
struct Kept {
    number: u64,
    at: i64,
    verb: Verb,
    surface: Surface,
    outcome: CallOutcome,
    attempts: u32,
    duration_ms: f32,
    confidence: Option<f32>,
    is_truncated: bool,
    /// The parameters are those of a forwarded request, the tool's own ones among them.
    is_forwarded: bool,
    who: Option<Arc<str>>,
    server: Option<Box<str>>,
    tool: Option<Box<str>>,
    params: Option<Box<str>>,
    /// What most calls do not have.
    rest: Option<Box<Rest>>,
}

#[derive(Debug, Default)]
struct Rest {
    error: Option<Box<str>>,
    request: Option<Box<str>>,
    decision: Option<&'static str>,
    candidates: Vec<Considered>,
}

/// The ring. Invariant: at most `calls_max` calls and, beyond the newest, `bytes_max` bytes.
#[derive(Debug)]
pub(super) struct Calls {
    calls_max: usize,
    bytes_max: usize,
    params_bytes_max: usize,
    kept: VecDeque<Kept>,
    bytes: usize,
    last: u64,
}

impl Calls {
    /// `params_bytes_max` 0 keeps no parameters and no words.
    pub(super) fn new(calls_max: usize, bytes_max: usize, params_bytes_max: usize) -> Self {
        Self { calls_max, bytes_max, params_bytes_max, kept: VecDeque::new(), bytes: 0, last: 0 }
    }

    /// Keeps it.
    pub(super) fn push(&mut self, ended: &Ended<'_>, at: i64) {
        if self.calls_max == 0 {
            return;
        }
        self.last += 1;
        let kept = Kept::of(ended, at, self.last, self.params_bytes_max);
        self.bytes += kept.bytes();
        self.kept.push_back(kept);
        while self.kept.len() > self.calls_max || (self.bytes > self.bytes_max && self.kept.len() > 1) {
            let Some(oldest) = self.kept.pop_front() else { break };
            self.bytes -= oldest.bytes();
        }
    }

    /// The number of the newest; 0 before the first.
    pub(super) fn last(&self) -> u64 {
        self.last
    }

    /// Those after this number, oldest first, the newest `count` of them at most.
    pub(super) fn after(&self, number: u64, count: usize) -> Vec<CallLine> {
        let new = self.kept.iter().rev().take_while(|kept| kept.number > number).take(count);
        let mut lines: Vec<CallLine> = new.map(Kept::line).collect();
        lines.reverse();
        lines
    }

    /// Newest first. A cursor that is none of ours begins at the newest.
    pub(super) fn page(&self, filter: &CallFilter, cursor: Option<&str>, limit: usize) -> CallPage {
        let before = cursor.and_then(number_of).unwrap_or(u64::MAX);
        let older = self.kept.iter().rev().skip_while(|kept| kept.number >= before);
        let mut found = older.filter(|kept| kept.is_meant(filter));
        let calls: Vec<CallLine> = found.by_ref().take(limit).map(Kept::line).collect();
        let next_cursor = found.next().and(calls.last()).map(|line| line.id.clone());
        CallPage { calls, next_cursor }
    }

    /// Without what looks like a secret; looking takes some microseconds for each hundred bytes.
    pub(super) fn detail(&self, id: &str) -> Option<CallDetail> {
        let number = number_of(id)?;
        let first = self.kept.front()?.number;
        let kept = self.kept.get(usize::try_from(number.checked_sub(first)?).ok()?)?;
        let rest = kept.rest.as_deref();
        Some(CallDetail {
            line: kept.line(),
            params: kept.params.as_deref().map(|params| kept.readable(params)),
            params_truncated: kept.is_truncated,
            error: rest.and_then(|rest| rest.error.as_deref()).map(redact::text),
            request: rest.and_then(|rest| rest.request.as_deref()).map(redact::text),
            decision: rest.and_then(|rest| rest.decision).map(str::to_owned),
            candidates: rest.map(|rest| rest.candidates.clone()).unwrap_or_default(),
        })
    }

    pub(super) fn latency(&self, filter: &CallFilter) -> Latency {
        let mut counts = vec![0; BOUNDS_MS.len() + 1];
        let meant = self.kept.iter().filter(|kept| kept.is_meant(filter));
        let mut took: Vec<f32> = meant.map(|kept| kept.duration_ms).collect();
        for ms in &took {
            counts[BOUNDS_MS.partition_point(|bound| *bound < f64::from(*ms))] += 1;
        }
        took.sort_unstable_by(f32::total_cmp);
        let quantile = |percent: usize| {
            let place = (took.len() * percent).div_ceil(100).checked_sub(1)?;
            took.get(place).map(|ms| rounded(*ms))
        };
        Latency {
            bounds_ms: BOUNDS_MS.to_vec(),
            counts,
            p50_ms: quantile(50),
            p90_ms: quantile(90),
            p99_ms: quantile(99),
        }
    }
}

impl Kept {
    fn of(ended: &Ended<'_>, at: i64, number: u64, params_bytes_max: usize) -> Self {
        let (params, is_truncated) = match raw(ended.params) {
            Some(raw) if params_bytes_max > 0 => (Some(cut(raw, params_bytes_max)), raw.len() > params_bytes_max),
            _ => (None, false),
        };
        let request = ended.request.filter(|_| params_bytes_max > 0);
        let has_rest = ended.error.is_some() || request.is_some() || ended.decision.is_some();
        let rest = has_rest.then(|| {
            Box::new(Rest {
                error: ended.error.map(|error| cut(error, TEXT_BYTES_MAX)),
                request: request.map(|request| cut(request, TEXT_BYTES_MAX)),
                decision: ended.decision,
                candidates: ended.candidates.iter().take(CANDIDATES_MAX).cloned().collect(),
            })
        });
        Self {
            number,
            at,
            verb: ended.verb,
            surface: ended.surface,
            outcome: ended.outcome,
            attempts: ended.attempts,
            duration_ms: ended.duration.as_secs_f32() * 1e3,
            confidence: ended.confidence.map(narrow),
            is_truncated,
            is_forwarded: matches!(ended.params, CallParams::Members(_)),
            who: ended.who.cloned(),
            server: ended.server.map(|server| cut(server, TEXT_BYTES_MAX)),
            tool: ended.tool.map(|tool| cut(tool, TEXT_BYTES_MAX)),
            params,
            rest,
        }
    }

    /// About what it takes in memory.
    fn bytes(&self) -> usize {
        let len = |text: &Option<Box<str>>| text.as_ref().map_or(0, |text| text.len());
        let rest = self.rest.as_ref().map_or(0, |rest| {
            let candidates: usize = rest.candidates.iter().map(|one| size_of::<Considered>() + one.tool.len()).sum();
            size_of::<Rest>() + len(&rest.error) + len(&rest.request) + candidates
        });
        size_of::<Self>() + len(&self.server) + len(&self.tool) + len(&self.params) + rest
    }

    fn is_meant(&self, filter: &CallFilter) -> bool {
        let CallFilter { server, tool, outcome, verb } = filter;
        let is_server = server.as_deref().is_none_or(|server| self.server.as_deref() == Some(server));
        let is_tool = tool.as_deref().is_none_or(|tool| {
            let own = self.tool.as_deref();
            let whole = || self.server.as_deref().and_then(|server| tool.strip_prefix(server)?.strip_prefix('.'));
            own.is_some() && (own == Some(tool) || own == whole())
        });
        let is_outcome = outcome.is_none_or(|outcome| self.outcome == outcome);
        is_server && is_tool && is_outcome && verb.is_none_or(|verb| self.verb == verb)
    }

    fn readable(&self, params: &str) -> String {
        match self.is_forwarded {
            true if self.is_truncated => redact::params(params, true),
            true => redact::arguments(params),
            false => redact::params(params, self.is_truncated),
        }
    }

    fn line(&self) -> CallLine {
        CallLine {
            id: format!("c{}", self.number),
            at: self.at,
            verb: self.verb,
            who: self.who.as_deref().map(str::to_owned),
            surface: self.surface,
            server: self.server.as_deref().map(str::to_owned),
            tool: self.tool.as_deref().map(str::to_owned),
            outcome: self.outcome,
            duration_ms: rounded(self.duration_ms),
            confidence: self.confidence.map(|confidence| (f64::from(confidence) * 1e4).round() / 1e4),
            attempts: Some(self.attempts).filter(|attempts| *attempts > 0),
        }
    }
}

fn number_of(id: &str) -> Option<u64> {
    id.strip_prefix('c')?.parse().ok()
}

/// The parameters' own text.
fn raw(params: CallParams<'_>) -> Option<&str> {
    match params {
        CallParams::None => None,
        CallParams::Raw(raw) | CallParams::Members(raw) => Some(raw),
    }
}

fn cut(text: &str, bytes_max: usize) -> Box<str> {
    text[..text.floor_char_boundary(bytes_max)].into()
}

#[expect(clippy::cast_possible_truncation, reason = "a probability needs no more digits")]
fn narrow(value: f64) -> f32 {
    value as f32
}

/// Milliseconds with two digits behind the point, three below one.
fn rounded(ms: f32) -> f64 {
    let digits = if ms < 1.0 { 1e3 } else { 1e2 };
    (f64::from(ms) * digits).round() / digits
}
