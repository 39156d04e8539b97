//! Exit codes, as `mcporch --help` documents them.

use std::process::ExitCode;

use crate::operations::{OutcomeKind, StepsOutcome};

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exit {
    /// It did what was asked.
    Done,
    /// It failed.
    Failed,
    /// The command line is wrong.
    Usage,
    /// Nothing ran: something is needed of the caller, or no tool fits.
    NothingRan,
    /// The configuration is wrong.
    Config,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::NothingRan => 3,
            Exit::Config => 4,
        })
    }
}

/// The exit code of an outcome.
pub(super) fn of_outcome(outcome: OutcomeKind) -> Exit {
    match outcome {
        OutcomeKind::Done | OutcomeKind::DryRun => Exit::Done,
        OutcomeKind::Failed => Exit::Failed,
        OutcomeKind::NeedsChoice | OutcomeKind::NeedsParams | OutcomeKind::NeedsConfirmation | OutcomeKind::NoMatch => {
            Exit::NothingRan
        }
    }
}

/// The exit code of several steps.
pub(super) fn of_steps(outcome: StepsOutcome) -> Exit {
    match outcome {
        StepsOutcome::Done | StepsOutcome::DryRun => Exit::Done,
        StepsOutcome::Failed => Exit::Failed,
        StepsOutcome::NeedsSteps => Exit::NothingRan,
    }
}

/// The exit code of a failure.
pub(super) fn of(fault: &anyhow::Error) -> Exit {
    let is_config = fault.is::<crate::config::Error>() || fault.is::<crate::routes::Error>();
    if is_config { Exit::Config } else { Exit::Failed }
}
