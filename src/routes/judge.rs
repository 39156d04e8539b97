//! Was it right?

use std::fmt;
use std::time::Duration;

use serde::{Serialize, Serializer};

use crate::domain::{Confidence, Effect, ServerName, ToolKey};
use crate::router::Decision;

use super::{Expected, Route};

/// What a route names as right, as far as it is connected.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Connected {
    /// The tools.
    pub tools: Vec<ToolKey>,
    /// The servers.
    pub servers: Vec<ServerName>,
    /// Names that nothing is connected for.
    pub missing: Vec<Missing>,
}

/// A name in a routes file that stands for no connected tool or server, or for several tools.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Missing {
    /// As the file has it.
    pub name: String,
    /// Why, and what is near.
    pub why: String,
}

impl Connected {
    /// Is the tool one of those that are right?
    #[must_use]
    pub fn has(&self, tool: &ToolKey) -> bool {
        self.tools.contains(tool) || self.servers.contains(&tool.server)
    }

    /// Is nothing connected that would be right?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tools.is_empty() && self.servers.is_empty()
    }
}

/// What routing made of a request, exactly as `execute` would get it.
#[derive(Debug, Clone, Serialize)]
pub struct Seen {
    /// Best first, as many as `execute` ranks.
    pub tools: Vec<SeenTool>,
    /// That any tool serves the request.
    #[serde(serialize_with = "rounded")]
    pub any_confidence: Confidence,
    /// What `execute` would do.
    pub decision: Decision,
    /// What the routing took, the vector of the request included.
    #[serde(rename = "duration_ms", serialize_with = "milliseconds")]
    pub duration: Duration,
}

/// A ranked tool.
#[derive(Debug, Clone, Serialize)]
pub struct SeenTool {
    /// Which.
    #[serde(serialize_with = "as_text")]
    pub tool: ToolKey,
    /// That it is the right one.
    #[serde(serialize_with = "rounded")]
    pub confidence: Confidence,
    /// What it does to the world.
    pub effect: Effect,
    /// Why it was ranked so.
    pub why: Vec<String>,
}

/// The judgement on one request.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Verdict {
    /// The place of the first right tool, from 1, where it is among the ranked ones.
    pub place: Option<usize>,
    /// What is wrong; empty when it passed.
    pub failures: Vec<Failure>,
}

impl Verdict {
    /// Is nothing wrong?
    #[must_use]
    pub fn passed(&self) -> bool {
        self.failures.is_empty()
    }
}

/// One thing that is wrong. `Display` is one line without a full stop.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Failure {
    /// No tool that would be right is connected.
    NotConnected {
        /// What is missing.
        missing: Vec<Missing>,
    },
    /// No right tool is among the first.
    WrongTool {
        /// How many places count.
        top: usize,
    },
    /// The confidence is too low.
    LowConfidence {
        /// What it is.
        confidence: f32,
        /// What it should be at least.
        min_confidence: f32,
    },
    /// `execute` would decide otherwise.
    WrongDecision {
        /// What it would do.
        decision: Decision,
        /// What is right.
        expected: Vec<Decision>,
    },
    /// The request could not be routed at all.
    NotRouted {
        /// Why.
        why: String,
    },
}

impl Failure {
    /// One word, as in the JSON.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::NotConnected { .. } => "not_connected",
            Self::WrongTool { .. } => "wrong_tool",
            Self::LowConfidence { .. } => "low_confidence",
            Self::WrongDecision { .. } => "wrong_decision",
            Self::NotRouted { .. } => "not_routed",
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotConnected { missing } => {
                let whys: Vec<&str> = missing.iter().map(|missing| missing.why.as_str()).collect();
                write!(f, "the expected tool is not connected: {}", whys.join("; "))
            }
            Self::WrongTool { top: 1 } => f.write_str("another tool comes first"),
            Self::WrongTool { top } => write!(f, "no expected tool is among the first {top}"),
            Self::LowConfidence { confidence, min_confidence } => {
                write!(f, "the confidence is {confidence:.3}, less than {min_confidence}")
            }
            Self::WrongDecision { decision, expected } => {
                let expected: Vec<&str> = expected.iter().map(|decision| decision_word(*decision)).collect();
                write!(f, "the decision is {}, not {}", decision_word(*decision), expected.join(" or "))
            }
            Self::NotRouted { why } => write!(f, "not routed: {why}"),
        }
    }
}

/// The word for a decision in files and answers.
#[must_use]
pub fn decision_word(decision: Decision) -> &'static str {
    match decision {
        Decision::Run => "run",
        Decision::NeedsConfirmation => "needs_confirmation",
        Decision::NeedsChoice => "needs_choice",
        Decision::NoMatch => "no_match",
    }
}

/// Judges one request. A route without a tool is right when the decision is "no match", or one that the route lists; any
/// other when a right tool is among its first `top`, the confidence in that tool is high enough, and the decision is one
/// of those listed, if any are.
#[must_use]
pub fn judge(route: &Route, connected: &Connected, seen: &Result<Seen, String>) -> Verdict {
    let seen = match seen {
        Ok(seen) => seen,
        Err(why) => return failed(None, Failure::NotRouted { why: why.clone() }),
    };
    let mut failures = Vec::new();
    let (place, confidence) = match &route.expected {
        Expected::NoTool => (None, 1.0 - seen.any_confidence.value()),
        Expected::Tools(_) | Expected::Servers(_) => {
            if connected.is_empty() {
                return failed(None, Failure::NotConnected { missing: connected.missing.clone() });
            }
            let at = seen.tools.iter().position(|seen| connected.has(&seen.tool));
            match at {
                Some(at) if at < route.top => (Some(at + 1), seen.tools[at].confidence.value()),
                Some(at) => return failed(Some(at + 1), Failure::WrongTool { top: route.top }),
                None => return failed(None, Failure::WrongTool { top: route.top }),
            }
        }
    };
    // As it is shown: nobody should read that .40 is less than .40.
    let confidence = three_digits(confidence);
    if let Some(min_confidence) = route.min_confidence
        && confidence < min_confidence
    {
        failures.push(Failure::LowConfidence { confidence, min_confidence });
    }
    let expected = right_decisions(route);
    if !expected.is_empty() && !expected.contains(&seen.decision) {
        failures.push(Failure::WrongDecision { decision: seen.decision, expected: expected.to_vec() });
    }
    Verdict { place, failures }
}

fn right_decisions(route: &Route) -> &[Decision] {
    if route.expected == Expected::NoTool && route.decisions.is_empty() {
        &[Decision::NoMatch]
    } else {
        &route.decisions
    }
}

fn failed(place: Option<usize>, failure: Failure) -> Verdict {
    Verdict { place, failures: vec![failure] }
}

/// `server.tool`.
pub(super) fn as_text<S: Serializer>(tool: &ToolKey, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(tool)
}

/// Three digits: more would only look exact.
pub(super) fn rounded<S: Serializer>(confidence: &Confidence, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f32(three_digits(confidence.value()))
}

pub(super) fn three_digits(share: f32) -> f32 {
    (share * 1000.0).round() / 1000.0
}

fn milliseconds<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64((duration.as_secs_f64() * 1e6).round() / 1e3)
}
