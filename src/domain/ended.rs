//! An operation that has ended, as those see it who watch: the figures of what goes on, and the audit log.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Surface;

/// What was asked of mcporch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verb {
    /// A request in words was to be done.
    Execute,
    /// A tool that was named was to be run.
    Call,
    /// Tools were looked for.
    Find,
    /// A call that a client of a direct view addressed to one server, passed on as it is.
    Forward,
    /// A call that another process of mcporch had decided.
    Relay,
}

impl Verb {
    /// All.
    pub const ALL: [Self; 5] = [Self::Execute, Self::Call, Self::Find, Self::Forward, Self::Relay];

    /// The word used in answers and figures.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Execute => "execute",
            Self::Call => "call",
            Self::Find => "find",
            Self::Forward => "forward",
            Self::Relay => "relay",
        }
    }
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CallOutcome {
    /// It was answered.
    Done,
    /// The tool ran, and answered that it failed.
    ToolError,
    /// It would have run.
    DryRun,
    /// Several tools fit; the caller chooses.
    NeedsChoice,
    /// The parameters do not fit the tool.
    NeedsParams,
    /// The tool changes things, and it is not sure enough that it is meant.
    NeedsConfirmation,
    /// Some steps are left to the caller.
    NeedsSteps,
    /// No tool fits.
    NoMatch,
    /// The server, or we, did not do it.
    Failed,
    /// What was asked cannot be understood, or is not there.
    Refused,
    /// Nobody waited for the answer any more.
    Cancelled,
}

impl CallOutcome {
    /// All.
    pub const ALL: [Self; 11] = [
        Self::Done,
        Self::ToolError,
        Self::DryRun,
        Self::NeedsChoice,
        Self::NeedsParams,
        Self::NeedsConfirmation,
        Self::NeedsSteps,
        Self::NoMatch,
        Self::Failed,
        Self::Refused,
        Self::Cancelled,
    ];

    /// The word used in answers and figures.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::ToolError => "tool_error",
            Self::DryRun => "dry_run",
            Self::NeedsChoice => "needs_choice",
            Self::NeedsParams => "needs_params",
            Self::NeedsConfirmation => "needs_confirmation",
            Self::NeedsSteps => "needs_steps",
            Self::NoMatch => "no_match",
            Self::Failed => "failed",
            Self::Refused => "refused",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether an operator counts it as an error: the tool or its server did not do it, or we did not.
    #[must_use]
    pub fn is_error(self) -> bool {
        matches!(self, Self::ToolError | Self::Failed)
    }
}

/// Parameters of a call, in the form in which they are there anyway.
#[derive(Debug, Clone, Copy, Default)]
pub enum CallParams<'a> {
    /// None, or none that are known here.
    #[default]
    None,
    /// Raw JSON of an object.
    Raw(&'a str),
    /// Raw members of `params` of a forwarded call, without the braces; `arguments` stands among them.
    Members(&'a str),
}

/// A tool that was considered for a request in words.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Considered {
    /// `server.tool`.
    pub tool: String,
    /// Probability that it is the right one.
    pub confidence: f64,
}

/// One operation that has ended. Borrowed: whoever wants to keep of it copies what he keeps.
#[derive(Debug, Clone)]
pub struct Ended<'a> {
    /// What was asked.
    pub verb: Verb,
    /// Which way the caller came.
    pub surface: Surface,
    /// What the caller is called; `None` where there are no names.
    pub who: Option<&'a Arc<str>>,
    /// From which address; `None` where he came by no network.
    pub from: Option<IpAddr>,
    /// Whose tool.
    pub server: Option<&'a str>,
    /// Which tool, as the server spells it.
    pub tool: Option<&'a str>,
    /// How it ended.
    pub outcome: CallOutcome,
    /// From the request to the answer.
    pub duration: Duration,
    /// Probability that it was the right tool; only where words decided.
    pub confidence: Option<f64>,
    /// `run`, `confirm`, `choose` or `none`; only where words decided.
    pub decision: Option<&'static str>,
    /// Attempts at the server; 0 when it was not asked.
    pub attempts: u32,
    /// What it was asked with. May hold secrets.
    pub params: CallParams<'a>,
    /// The words, if it was asked in words. May hold secrets.
    pub request: Option<&'a str>,
    /// The tools that were considered, best first; only where words decided.
    pub candidates: &'a [Considered],
    /// What was wrong. Without known secrets.
    pub error: Option<&'a str>,
    /// What kind of fault it was, one word of a small set, for counting.
    pub error_kind: Option<&'static str>,
}

impl Ended<'_> {
    /// An operation of which nothing more is known.
    #[must_use]
    pub fn new(verb: Verb, surface: Surface, outcome: CallOutcome, duration: Duration) -> Self {
        Self {
            verb,
            surface,
            who: None,
            from: None,
            server: None,
            tool: None,
            outcome,
            duration,
            confidence: None,
            decision: None,
            attempts: 0,
            params: CallParams::None,
            request: None,
            candidates: &[],
            error: None,
            error_kind: None,
        }
    }
}

/// Something that an operator has ordered, and how that ended. Borrowed, as [`Ended`] is.
#[derive(Debug, Clone)]
pub struct Act<'a> {
    /// What: `server.start`, `server.stop`, `server.restart`, `server.quarantine`, `reload`, `index.rebuild`,
    /// `access.refused`.
    pub action: &'static str,
    /// Of what: a server; empty where it concerns everything.
    pub target: &'a str,
    /// Which way he came.
    pub surface: Surface,
    /// What he is called; `None` where there are no names.
    pub who: Option<&'a Arc<str>>,
    /// From which address; `None` where he came by no network.
    pub from: Option<IpAddr>,
    /// Whether it is as ordered.
    pub is_done: bool,
    /// From the order to its end.
    pub duration: Duration,
    /// What he gave as the reason.
    pub why: &'a str,
}

/// A part of the way of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stage {
    /// The request became a vector.
    Embed,
    /// The tools were ranked.
    Rank,
    /// The parameters were checked.
    Check,
    /// The server was asked and answered.
    Call,
}

impl Stage {
    /// All, in their order.
    pub const ALL: [Self; 4] = [Self::Embed, Self::Rank, Self::Check, Self::Call];

    /// The word used in figures.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Embed => "embed",
            Self::Rank => "rank",
            Self::Check => "check",
            Self::Call => "call",
        }
    }
}

/// Who is told of every operation. It is told on the path of the call, so it must return within microseconds, never wait and
/// never panic.
pub trait Observer: fmt::Debug + Send + Sync {
    /// An operation has ended.
    fn ended(&self, ended: &Ended<'_>);

    /// An operator has ordered something, and that has ended.
    fn acted(&self, _act: &Act<'_>) {}

    /// Whether anything may be run now: not where it has to be written down, and cannot be.
    fn may_begin(&self) -> bool {
        true
    }

    /// A stage of an operation is over.
    fn passed(&self, _stage: Stage, _took: Duration) {}
}
