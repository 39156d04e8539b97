//! The life of one instance as a pure function: what is, what happened, what time it is → what is now, and what is to be
//! done. No process, clock or task is in here, so every rule can be tried with made-up events.

use std::time::Duration;

use serde::Serialize;
use tokio::time::Instant;

/// What an instance is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Stopped by the operator, or never to be started but by the operator.
    Stopped,
    /// Not running, and nothing is wrong with that: a call starts it.
    Dormant,
    /// On its way up.
    Starting,
    /// Takes calls.
    Ready,
    /// Takes calls, but something is wrong: a check failed, or calls do.
    Degraded,
    /// On its way down.
    Stopping,
    /// It died or did not start; the next attempt waits.
    Backoff,
    /// It failed too often; nothing is tried for a while.
    Failed,
    /// Taken out of use until the operator says otherwise.
    Quarantined,
}

impl State {
    /// Whether calls can be sent now.
    #[must_use]
    pub fn is_up(self) -> bool {
        matches!(self, Self::Ready | Self::Degraded)
    }
}

/// The numbers that the rules need.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Policy {
    /// Wait before the first restart; doubled after each further failure in a row.
    pub backoff_first: Duration,
    /// Longest such wait.
    pub backoff_max: Duration,
    /// So many failures within `window` and it counts as failed.
    pub failures_max: u32,
    /// See `failures_max`.
    pub window: Duration,
    /// So many failed checks in a row and it is started again.
    pub checks_failed_max: u32,
    /// So many such restarts without a healthy time in between and it counts as failed.
    pub check_restarts_max: u32,
    /// Up for so long without a fault: all counts start anew. Must be longer than the time between two checks.
    pub healthy_after: Duration,
    /// A life of at least this length that answered a call is no failed start, however it ended.
    pub good_life: Duration,
    /// How long a failed one is left alone before a call may try it again.
    pub cool_down: Duration,
    /// A call waits for a restart that is due within this time; for a later one it is refused at once.
    pub restart_wait_max: Duration,
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Event {
    /// Somebody wants to call it.
    Wanted,
    /// The operator, or `start: eager`, wants it to run and go on running.
    Start,
    /// The operator wants it stopped.
    Stop,
    /// The operator wants it stopped and started.
    Restart,
    /// The operator takes it out of use.
    Quarantine,
    /// A call may start it again, after a stop or a quarantine.
    Release,
    /// It came up.
    Started,
    /// It did not come up.
    StartFailed,
    /// It was not even tried: something that it needs is missing, which is no fault of its own.
    StartRefused,
    /// The process is gone and nobody asked for it. `has_served`: it had answered a call in this life. `is_missed`: calls
    /// were in flight, or came not long ago.
    Died {
        /// It had answered a call in this life.
        has_served: bool,
        /// It is in use.
        is_missed: bool,
    },
    /// A stop that was asked for is over.
    StopDone,
    /// It answered a check, or a call.
    CheckPassed,
    /// It did not answer a check, or answered it wrongly.
    CheckFailed,
    /// It takes more memory than it may.
    OverLimit,
    /// Nobody has needed it for its idle time.
    Idle,
    /// [`Machine::wakes_at`] is reached.
    Tick,
}

/// What is to be done, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    /// Start a process. It will end in [`Event::Started`], [`Event::StartFailed`] or [`Event::StartRefused`].
    Spawn,
    /// Give up the start that is under way; no event follows.
    AbortStart,
    /// Stop the process. It will end in [`Event::StopDone`]. `drain` lets calls in flight end first, for a while.
    Kill {
        /// Wait for calls in flight.
        drain: bool,
    },
    /// Give the session to all who wait for it.
    Serve,
    /// Tell all who wait that there will be none.
    Refuse,
    /// Tell the world: it gave up.
    TellCrashed,
    /// Tell the world: it is back.
    TellRecovered,
}

/// Where a stop leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum After {
    Dormant,
    Stopped,
    Start,
    Failed,
    Quarantined,
}

/// An instance as the rules see it. Made by [`Machine::new`], changed by [`step`] alone.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Machine {
    state: State,
    after: After,
    ready_since: Option<Instant>,
    /// Since when it is up without a failed check.
    well_since: Option<Instant>,
    /// Failures in a row: the exponent of the wait.
    in_a_row: u32,
    /// When it failed, within the window; at most `failures_max`.
    failures: Vec<Instant>,
    checks_failed: u32,
    check_restarts: u32,
    /// End of a wait, in `Backoff` and `Failed`.
    wait_until: Option<Instant>,
    /// In `Backoff`: starts by itself when the wait is over.
    is_automatic: bool,
    /// Shall run without being called.
    is_kept: bool,
    /// The world was told that it crashed.
    has_told: bool,
}

/// The time of an event, and chance: 0 to 1, for the jitter of waits.
#[derive(Debug, Clone, Copy)]
pub(super) struct Now {
    /// When.
    pub(super) at: Instant,
    /// From an even distribution over 0 to 1.
    pub(super) chance: f64,
}

impl Machine {
    /// One that nobody has started. `is_manual`: only the operator starts it.
    #[must_use]
    pub(super) fn new(is_manual: bool) -> Self {
        Self {
            state: if is_manual { State::Stopped } else { State::Dormant },
            after: After::Dormant,
            ready_since: None,
            well_since: None,
            in_a_row: 0,
            failures: Vec::new(),
            checks_failed: 0,
            check_restarts: 0,
            wait_until: None,
            is_automatic: false,
            is_kept: false,
            has_told: false,
        }
    }

    /// What it is doing.
    #[must_use]
    pub(super) fn state(&self) -> State {
        self.state
    }

    /// Whether it shall run without being called.
    #[must_use]
    pub(super) fn is_kept(&self) -> bool {
        self.is_kept
    }

    /// What it is doing, or will be once it is down.
    #[must_use]
    pub(super) fn ends_in(&self) -> State {
        match (self.state, self.after) {
            (State::Stopping, After::Dormant) => State::Dormant,
            (State::Stopping, After::Stopped) => State::Stopped,
            (State::Stopping, After::Start) => State::Starting,
            (State::Stopping, After::Failed) => State::Failed,
            (State::Stopping, After::Quarantined) => State::Quarantined,
            (state, _) => state,
        }
    }

    /// Until when nothing is tried, while it waits.
    #[must_use]
    pub(super) fn wait_until(&self) -> Option<Instant> {
        self.wait_until
    }

    /// Whether who waits for it now will hear: a session or a refusal will come.
    #[cfg(test)]
    pub(super) fn will_answer(&self) -> bool {
        match self.state {
            State::Starting => true,
            State::Stopping => matches!(self.after, After::Start | After::Failed),
            State::Backoff => self.is_automatic,
            State::Stopped | State::Dormant | State::Ready | State::Degraded | State::Failed | State::Quarantined => {
                false
            }
        }
    }

    /// When [`Event::Tick`] is due.
    #[must_use]
    pub(super) fn wakes_at(&self, policy: &Policy) -> Option<Instant> {
        if self.state == State::Backoff {
            return self.wait_until.filter(|_| self.is_automatic);
        }
        let since = self.well_since.filter(|_| self.state.is_up() && self.has_marks());
        since.map(|since| since + policy.healthy_after)
    }

    fn has_marks(&self) -> bool {
        self.in_a_row > 0 || self.check_restarts > 0 || !self.failures.is_empty()
    }

    fn forget_marks(&mut self) {
        self.in_a_row = 0;
        self.failures.clear();
        self.check_restarts = 0;
        self.checks_failed = 0;
    }

    fn start(&mut self) -> Action {
        self.state = State::Starting;
        self.wait_until = None;
        self.ready_since = None;
        self.checks_failed = 0;
        Action::Spawn
    }

    fn kill(&mut self, after: After, drain: bool) -> Action {
        self.state = State::Stopping;
        self.after = after;
        self.ready_since = None;
        Action::Kill { drain }
    }

    /// Notes a failure; whether it was one too many.
    fn note_failure(&mut self, policy: &Policy, now: Now) -> bool {
        self.failures.retain(|&at| at + policy.window > now.at);
        self.failures.push(now.at);
        self.in_a_row = self.in_a_row.saturating_add(1);
        u32::try_from(self.failures.len()).unwrap_or(u32::MAX) >= policy.failures_max
    }

    fn fail(&mut self, policy: &Policy, now: Now) -> Vec<Action> {
        self.state = State::Failed;
        self.ready_since = None;
        self.wait_until = Some(now.at + policy.cool_down);
        self.is_automatic = false;
        let mut actions = vec![Action::Refuse];
        if !std::mem::replace(&mut self.has_told, true) {
            actions.push(Action::TellCrashed);
        }
        actions
    }

    fn back_off(&mut self, policy: &Policy, now: Now, is_automatic: bool) {
        self.state = State::Backoff;
        self.ready_since = None;
        self.is_automatic = is_automatic;
        self.wait_until = Some(now.at + policy.wait(self.in_a_row.saturating_sub(1), now.chance));
    }
}

impl Policy {
    /// The wait after so many failures before it: doubled each time, bounded, then half to one and a half times that, so that
    /// those who failed together do not come back together.
    #[must_use]
    pub(super) fn wait(&self, failures_before: u32, chance: f64) -> Duration {
        let doubled = self.backoff_first.saturating_mul(2_u32.saturating_pow(failures_before.min(20)));
        doubled.min(self.backoff_max).mul_f64(0.5 + chance.clamp(0.0, 1.0))
    }
}

/// One step of an instance's life. Pure.
#[must_use]
pub(super) fn step(policy: &Policy, machine: &Machine, event: Event, now: Now) -> (Machine, Vec<Action>) {
    let mut next = machine.clone();
    let actions = match event {
        Event::Wanted => wanted(policy, &mut next, now),
        Event::Start => start(&mut next),
        Event::Stop => stop(&mut next, State::Stopped, After::Stopped),
        Event::Quarantine => stop(&mut next, State::Quarantined, After::Quarantined),
        Event::Restart => restart(&mut next),
        Event::Release => release(&mut next),
        Event::Started => started(&mut next, now),
        Event::StartFailed => start_failed(policy, &mut next, now),
        Event::StartRefused => start_refused(policy, &mut next, now),
        Event::Died { has_served, is_missed } => died(policy, &mut next, now, has_served, is_missed),
        Event::StopDone => stop_done(policy, &mut next, now),
        Event::CheckPassed => check_passed(&mut next),
        Event::CheckFailed => check_failed(policy, &mut next, now),
        Event::OverLimit => over_limit(policy, &mut next, now),
        Event::Idle => idle(&mut next),
        Event::Tick => tick(policy, &mut next, now),
    };
    (next, actions)
}

fn wanted(policy: &Policy, it: &mut Machine, now: Now) -> Vec<Action> {
    let left = it.wait_until.map_or(Duration::ZERO, |until| until.saturating_duration_since(now.at));
    match it.state {
        State::Dormant => vec![it.start()],
        State::Ready | State::Degraded => vec![Action::Serve],
        State::Starting => Vec::new(),
        State::Stopping => match it.after {
            After::Dormant | After::Start => {
                it.after = After::Start;
                Vec::new()
            }
            // What is wrong is told when it is down.
            After::Failed => Vec::new(),
            After::Stopped | After::Quarantined => vec![Action::Refuse],
        },
        State::Backoff | State::Failed if left.is_zero() => vec![it.start()],
        State::Backoff if it.is_automatic && left <= policy.restart_wait_max => Vec::new(),
        State::Backoff | State::Failed | State::Stopped | State::Quarantined => vec![Action::Refuse],
    }
}

fn start(it: &mut Machine) -> Vec<Action> {
    it.is_kept = true;
    match it.state {
        State::Ready | State::Degraded => vec![Action::Serve],
        State::Starting => Vec::new(),
        State::Stopping => {
            it.after = After::Start;
            Vec::new()
        }
        State::Stopped | State::Dormant | State::Backoff | State::Failed | State::Quarantined => {
            it.forget_marks();
            vec![it.start()]
        }
    }
}

fn stop(it: &mut Machine, end: State, after: After) -> Vec<Action> {
    it.is_kept = false;
    it.forget_marks();
    it.wait_until = None;
    match it.state {
        State::Ready | State::Degraded => vec![it.kill(after, false), Action::Refuse],
        State::Stopping => {
            it.after = after;
            vec![Action::Refuse]
        }
        State::Starting => {
            it.state = end;
            vec![Action::AbortStart, Action::Refuse]
        }
        State::Stopped | State::Dormant | State::Backoff | State::Failed | State::Quarantined => {
            it.state = end;
            vec![Action::Refuse]
        }
    }
}

fn release(it: &mut Machine) -> Vec<Action> {
    if it.state == State::Stopping && matches!(it.after, After::Stopped | After::Quarantined) {
        it.after = After::Dormant;
    } else if matches!(it.state, State::Stopped | State::Quarantined) {
        it.state = State::Dormant;
    }
    Vec::new()
}

fn restart(it: &mut Machine) -> Vec<Action> {
    it.forget_marks();
    match it.state {
        State::Ready | State::Degraded => vec![it.kill(After::Start, false)],
        State::Stopping => {
            it.after = After::Start;
            Vec::new()
        }
        State::Starting => vec![Action::AbortStart, it.start()],
        State::Stopped | State::Dormant | State::Backoff | State::Failed | State::Quarantined => vec![it.start()],
    }
}

fn started(it: &mut Machine, now: Now) -> Vec<Action> {
    if it.state != State::Starting {
        return Vec::new();
    }
    it.state = State::Ready;
    it.ready_since = Some(now.at);
    it.well_since = Some(now.at);
    let mut actions = vec![Action::Serve];
    if std::mem::replace(&mut it.has_told, false) {
        actions.push(Action::TellRecovered);
    }
    actions
}

fn start_failed(policy: &Policy, it: &mut Machine, now: Now) -> Vec<Action> {
    if it.state != State::Starting {
        return Vec::new();
    }
    if it.note_failure(policy, now) {
        return it.fail(policy, now);
    }
    // One that was up before, or shall be up, is tried again by itself; one that never was waits for somebody to want it.
    let is_automatic = it.is_kept || it.is_automatic;
    it.back_off(policy, now, is_automatic);
    vec![Action::Refuse]
}

/// Tried again by each call, which costs nothing, or from time to time where it shall be up; and never given up.
fn start_refused(policy: &Policy, it: &mut Machine, now: Now) -> Vec<Action> {
    if it.state != State::Starting {
        return Vec::new();
    }
    if it.is_kept {
        it.in_a_row = it.in_a_row.saturating_add(1);
        it.back_off(policy, now, true);
    } else {
        it.state = State::Dormant;
        it.is_automatic = false;
    }
    vec![Action::Refuse]
}

fn died(policy: &Policy, it: &mut Machine, now: Now, has_served: bool, is_missed: bool) -> Vec<Action> {
    if !it.state.is_up() {
        return Vec::new();
    }
    let lived = it.ready_since.map_or(Duration::ZERO, |since| now.at.saturating_duration_since(since));
    if lived >= policy.healthy_after {
        it.forget_marks();
    }
    it.checks_failed = 0;
    if !is_missed && !it.is_kept {
        // Some servers leave when they have nothing to do; a call starts them again.
        it.state = State::Dormant;
        it.ready_since = None;
        it.is_automatic = false;
        return Vec::new();
    }
    if has_served && lived >= policy.good_life {
        it.in_a_row = 1;
    } else if it.note_failure(policy, now) {
        return it.fail(policy, now);
    }
    it.back_off(policy, now, true);
    Vec::new()
}

fn stop_done(policy: &Policy, it: &mut Machine, now: Now) -> Vec<Action> {
    if it.state != State::Stopping {
        return Vec::new();
    }
    match it.after {
        After::Start => return vec![it.start()],
        After::Failed => return it.fail(policy, now),
        After::Dormant => {
            it.state = State::Dormant;
            it.is_automatic = false;
        }
        After::Stopped => it.state = State::Stopped,
        After::Quarantined => it.state = State::Quarantined,
    }
    Vec::new()
}

fn check_passed(it: &mut Machine) -> Vec<Action> {
    if it.state.is_up() {
        it.checks_failed = 0;
        it.state = State::Ready;
    }
    Vec::new()
}

fn check_failed(policy: &Policy, it: &mut Machine, now: Now) -> Vec<Action> {
    if !it.state.is_up() {
        return Vec::new();
    }
    it.state = State::Degraded;
    it.checks_failed += 1;
    it.well_since = Some(now.at);
    if it.checks_failed < policy.checks_failed_max {
        return Vec::new();
    }
    it.check_restarts += 1;
    // With three restarts allowed, the third is still made; what fails after it is failed.
    let after = if it.check_restarts > policy.check_restarts_max { After::Failed } else { After::Start };
    vec![it.kill(after, false)]
}

fn over_limit(policy: &Policy, it: &mut Machine, now: Now) -> Vec<Action> {
    if !it.state.is_up() {
        return Vec::new();
    }
    let after = if it.note_failure(policy, now) { After::Failed } else { After::Start };
    vec![it.kill(after, true)]
}

fn idle(it: &mut Machine) -> Vec<Action> {
    if it.state.is_up() && !it.is_kept { vec![it.kill(After::Dormant, false)] } else { Vec::new() }
}

fn tick(policy: &Policy, it: &mut Machine, now: Now) -> Vec<Action> {
    if it.wakes_at(policy).is_none_or(|at| at > now.at) {
        return Vec::new();
    }
    if it.state == State::Backoff {
        return vec![it.start()];
    }
    let checks_failed = it.checks_failed;
    it.forget_marks();
    it.checks_failed = checks_failed;
    Vec::new()
}
