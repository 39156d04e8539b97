//! Whoever watches is told of every operation that ends, however it ends.

use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use serde::Deserialize;
use tokio::time::Instant;

use crate::domain::{CallOutcome, CallParams, Considered, Ended, Observer, Stage, Surface, Tool, Verb};
use crate::router::Decision;
use crate::supervisor;
use crate::upstream::{self, Answer};

use super::describe::rounded;
use super::{Error, ExecuteOutput, FindInput, OpContext, Operations, OutcomeKind, Routed, StepsOutcome};

/// Longest answer that is looked through for `isError`, in bytes: errors are short, and a picture is not read twice.
const ERROR_BYTES_MAX: usize = 65_536;
/// Candidates that are told of one request.
const CANDIDATES_MAX: usize = 10;

/// Who is told; empty until somebody asked for it.
#[derive(Default)]
pub(super) struct Observers(RwLock<Vec<Arc<dyn Observer>>>);

impl fmt::Debug for Observers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Observers").finish_non_exhaustive()
    }
}

impl Observers {
    pub(super) fn each(&self, tell: impl Fn(&dyn Observer)) {
        for observer in self.0.read().unwrap_or_else(PoisonError::into_inner).iter() {
            tell(observer.as_ref());
        }
    }

    /// Whether all who watch can note what is run now.
    pub(super) fn may_begin(&self) -> bool {
        self.0.read().unwrap_or_else(PoisonError::into_inner).iter().all(|observer| observer.may_begin())
    }

    /// A stage that began then is over.
    pub(super) fn passed(&self, stage: Stage, began: Instant) {
        let took = began.elapsed();
        self.each(|observer| observer.passed(stage, took));
    }
}

impl Operations {
    /// Tells this observer, too, of every operation from now on.
    pub fn observe_with(&self, observer: Arc<dyn Observer>) {
        self.observers.0.write().unwrap_or_else(PoisonError::into_inner).push(observer);
    }
}

/// One operation while it goes on. When it is dropped before its end was told, nobody waited for it any more.
pub(super) struct Watch<'a> {
    observers: &'a Observers,
    verb: Verb,
    surface: Surface,
    who: Option<&'a Arc<str>>,
    from: Option<IpAddr>,
    started: Instant,
    seen: Mutex<Seen>,
    /// Whose tool is called with what, where that was decided before.
    calling: Option<Calling<'a>>,
    is_told: bool,
}

/// The server's and the tool's name, and with what it is called.
type Calling<'a> = (&'a str, &'a str, CallParams<'a>);

/// What has become known of it on its way.
#[derive(Default)]
struct Seen {
    tool: Option<Arc<Tool>>,
    arguments: Option<Arc<str>>,
    request: Option<String>,
    decision: Option<&'static str>,
    confidence: Option<f64>,
    candidates: Vec<Considered>,
    error_kind: Option<&'static str>,
}

/// How it ended, as far as its answer says that.
struct End<'a> {
    outcome: CallOutcome,
    attempts: u32,
    /// The one that ran, where that may be another than the one that was chosen.
    ran: Option<(&'a str, &'a str)>,
    error: Option<&'a str>,
}

impl End<'_> {
    fn of(outcome: CallOutcome) -> Self {
        Self { outcome, attempts: 0, ran: None, error: None }
    }
}

impl<'a> Watch<'a> {
    /// It begins.
    pub(super) fn begin(operations: &'a Operations, verb: Verb, cx: &'a OpContext) -> Self {
        let mut watch = Self::new(operations, verb, cx.surface, cx.who.as_ref());
        watch.from = cx.from;
        watch
    }

    /// A call begins that was decided before: the server's and the tool's name, and with what.
    pub(super) fn calling(mut self, server: &'a str, tool: &'a str, params: CallParams<'a>) -> Self {
        self.calling = Some((server, tool, params));
        self
    }

    /// A search begins.
    pub(super) fn search(operations: &'a Operations, input: &'a FindInput) -> Self {
        Self::new(operations, Verb::Find, input.surface, input.who.as_ref())
    }

    fn new(operations: &'a Operations, verb: Verb, surface: Surface, who: Option<&'a Arc<str>>) -> Self {
        let seen = Mutex::default();
        let observers = &operations.observers;
        Self { observers, verb, surface, who, from: None, started: Instant::now(), seen, calling: None, is_told: false }
    }

    /// When it began.
    pub(super) fn started(&self) -> Instant {
        self.started
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// This tool was chosen.
    pub(super) fn note_tool(&self, tool: &Arc<Tool>) {
        self.seen().tool = Some(tool.clone());
    }

    /// It is asked with these arguments, raw JSON. To be said before they are sent, since whoever asked may leave in the middle.
    pub(super) fn note_arguments(&self, arguments: Arc<str>) {
        self.seen().arguments = Some(arguments);
    }

    /// Words were ranked.
    pub(super) fn note_routed(&self, request: &str, routed: &Routed, decision: Option<Decision>) {
        let candidates = routed.ranking.candidates.iter().take(CANDIDATES_MAX).enumerate();
        let candidates = candidates.filter_map(|(place, found)| {
            let tool = routed.tool(place)?.key.to_string();
            Some(Considered { tool, confidence: rounded(found.confidence) })
        });
        let mut seen = self.seen();
        seen.candidates = candidates.collect();
        seen.confidence = Some(rounded(routed.ranking.is_right));
        seen.decision = decision.map(word);
        seen.request = Some(request.trim().to_owned());
    }

    /// The server did not do it.
    pub(super) fn note_fault(&self, fault: &Error) {
        self.seen().error_kind = Some(kind(fault));
    }

    /// `execute` has ended.
    pub(super) fn executed(self, cx: &OpContext, ended: &Result<ExecuteOutput, Error>) {
        match ended {
            Ok(ExecuteOutput::Done(answer, route)) => {
                let outcome = if is_tool_error(answer) { CallOutcome::ToolError } else { CallOutcome::Done };
                let ran = Some((route.server.as_str(), route.tool.as_str()));
                self.tell(&End { attempts: route.attempts, ran, ..End::of(outcome) });
            }
            Ok(ExecuteOutput::Large(large, route)) => {
                let outcome = if large.is_error { CallOutcome::ToolError } else { CallOutcome::Done };
                let ran = Some((route.server.as_str(), route.tool.as_str()));
                self.tell(&End { attempts: route.attempts, ran, ..End::of(outcome) });
            }
            Ok(ExecuteOutput::Steps(steps)) => self.tell(&End::of(match steps.outcome {
                StepsOutcome::Done => CallOutcome::Done,
                StepsOutcome::DryRun => CallOutcome::DryRun,
                StepsOutcome::NeedsSteps => CallOutcome::NeedsSteps,
                StepsOutcome::Failed => CallOutcome::Failed,
            })),
            Ok(ExecuteOutput::Advice(advice)) => {
                let outcome = match advice.outcome {
                    OutcomeKind::Done => CallOutcome::Done,
                    OutcomeKind::DryRun => CallOutcome::DryRun,
                    OutcomeKind::NeedsChoice => CallOutcome::NeedsChoice,
                    OutcomeKind::NeedsParams => CallOutcome::NeedsParams,
                    OutcomeKind::NeedsConfirmation => CallOutcome::NeedsConfirmation,
                    OutcomeKind::NoMatch => CallOutcome::NoMatch,
                    OutcomeKind::Failed if cx.cancel.is_cancelled() => CallOutcome::Cancelled,
                    OutcomeKind::Failed => CallOutcome::Failed,
                };
                let error = Some(advice.message.as_str()).filter(|_| advice.outcome == OutcomeKind::Failed);
                self.tell(&End { error, ..End::of(outcome) });
            }
            Err(fault) => self.failed(cx.cancel.is_cancelled(), fault),
        }
    }

    /// A call that was decided before has ended.
    pub(super) fn called(self, cx: &OpContext, ended: &Result<supervisor::Outcome, Error>) {
        match ended {
            Ok(outcome) => {
                let error = outcome.answer.payload().err();
                let ended = match error {
                    Some(_) => CallOutcome::Failed,
                    None if is_tool_error(&outcome.answer) => CallOutcome::ToolError,
                    None => CallOutcome::Done,
                };
                if error.is_some() {
                    self.seen().error_kind = Some("refused");
                }
                self.tell(&End { attempts: outcome.attempts, error, ..End::of(ended) });
            }
            Err(fault) => {
                self.note_fault(fault);
                let fault_text = fault.one_line();
                let is_cancelled = cx.cancel.is_cancelled();
                let outcome = if is_cancelled { CallOutcome::Cancelled } else { CallOutcome::Failed };
                self.tell(&End { error: Some(&fault_text), ..End::of(outcome) });
            }
        }
    }

    /// Tools were looked for.
    pub(super) fn found(self, ended: Result<(), &Error>) {
        match ended {
            Ok(()) => self.tell(&End::of(CallOutcome::Done)),
            Err(fault) => self.failed(false, fault),
        }
    }

    /// It gave no answer.
    fn failed(self, is_cancelled: bool, fault: &Error) {
        let outcome = match fault {
            _ if is_cancelled => CallOutcome::Cancelled,
            Error::InvalidInput { .. } | Error::NotFound { .. } => CallOutcome::Refused,
            Error::Server(_)
            | Error::History(_)
            | Error::Results(_)
            | Error::Index(_)
            | Error::Log(_)
            | Error::NotRecorded
            | Error::Broken { .. } => CallOutcome::Failed,
        };
        self.note_fault(fault);
        let text = fault.one_line();
        self.tell(&End { error: Some(&text), ..End::of(outcome) });
    }

    fn tell(mut self, end: &End<'_>) {
        self.tell_once(end);
    }

    fn tell_once(&mut self, end: &End<'_>) {
        self.is_told = true;
        let duration = self.started.elapsed();
        let seen = self.seen.get_mut().unwrap_or_else(PoisonError::into_inner);
        let chosen = seen.tool.as_ref().map(|tool| (tool.key.server.as_str(), tool.key.tool.as_str()));
        let decided = self.calling.map(|(server, tool, _)| (server, tool));
        let (server, tool) = end.ran.or(chosen).or(decided).unzip();
        let params = self.calling.map_or(CallParams::None, |(_, _, params)| params);
        let error_kind = if end.outcome == CallOutcome::ToolError {
            Some("tool")
        } else {
            end.outcome.is_error().then(|| seen.error_kind.unwrap_or("other"))
        };
        let ended = Ended {
            who: self.who,
            from: self.from,
            server,
            tool,
            confidence: seen.confidence,
            decision: seen.decision,
            attempts: end.attempts,
            params: seen.arguments.as_deref().map_or(params, CallParams::Raw),
            request: seen.request.as_deref(),
            candidates: &seen.candidates,
            error: end.error,
            error_kind,
            ..Ended::new(self.verb, self.surface, end.outcome, duration)
        };
        self.observers.each(|observer| observer.ended(&ended));
    }
}

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        if !self.is_told {
            let outcome = if std::thread::panicking() { CallOutcome::Failed } else { CallOutcome::Cancelled };
            self.tell_once(&End::of(outcome));
        }
    }
}

fn word(decision: Decision) -> &'static str {
    match decision {
        Decision::Run => "run",
        Decision::NeedsConfirmation => "confirm",
        Decision::NeedsChoice => "choose",
        Decision::NoMatch => "none",
    }
}

/// One word for a fault, of a set that does not grow with what servers say.
fn kind(fault: &Error) -> &'static str {
    match fault {
        Error::InvalidInput { .. } => "input",
        Error::NotFound { .. } => "not_found",
        Error::Server(fault) => kind_of_server(fault),
        Error::NotRecorded => "not_recorded",
        Error::History(_) | Error::Results(_) | Error::Index(_) | Error::Log(_) | Error::Broken { .. } => "internal",
    }
}

fn kind_of_server(fault: &supervisor::Error) -> &'static str {
    use supervisor::Error as Fault;
    match fault {
        Fault::Unknown { .. } => "not_found",
        Fault::Refused { .. } | Fault::Stopped { .. } | Fault::Quarantined { .. } | Fault::Stopping { .. } => "stopped",
        Fault::Down { .. } => "down",
        Fault::Spared { .. } => "spared",
        Fault::Busy { .. } => "busy",
        Fault::Elsewhere { .. } => "other",
        Fault::Request(fault) => kind_of_request(fault),
    }
}

fn kind_of_request(fault: &upstream::Error) -> &'static str {
    use upstream::Error as Fault;
    match fault {
        Fault::Died { .. } => "died",
        Fault::TimedOut { .. } => "timeout",
        Fault::Refused { .. } => "refused",
        Fault::BadAnswer { .. } | Fault::AnswerTooLong { .. } => "bad_answer",
        Fault::NotReading { .. } | Fault::Unreachable { .. } | Fault::HttpStatus { .. } => "unreachable",
        Fault::NotAuthorized { .. } => "not_authorized",
        Fault::Cancelled { .. } => "cancelled",
        Fault::CommandNotFound { .. } | Fault::NotAllowed { .. } | Fault::Secret { .. } => "down",
        Fault::SecretsTooSlow { .. } | Fault::Spawn { .. } | Fault::Isolation { .. } => "down",
    }
}

/// Whether the tool says that it failed. An answer without the word, as most are, is not taken apart.
pub(super) fn is_tool_error(answer: &Answer) -> bool {
    #[derive(Deserialize)]
    struct Outermost {
        #[serde(rename = "isError", default)]
        is_error: bool,
    }
    let Ok(raw) = answer.payload() else { return true };
    raw.len() <= ERROR_BYTES_MAX
        && memchr::memmem::find(raw.as_bytes(), b"\"isError\"").is_some()
        && serde_json::from_str::<Outermost>(raw).is_ok_and(|result| result.is_error)
}
