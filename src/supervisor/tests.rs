//! The rules of an instance's life, of its breaker and of the choice among instances, with made-up events and time.

use std::time::Duration;

use proptest::prelude::*;
use tokio::time::Instant;

use crate::domain::ServerName;

use super::balance::{Balance, Candidate, PeakEwma, choose};
use super::breaker::{Breaker, BreakerPolicy};
use super::machine::{Action, Event, Machine, Now, Policy, State, step};
use super::order::layers;
use super::retry_budget::RetryBudget;
use super::stateful::looks_stateful;

const POLICY: Policy = Policy {
    backoff_first: Duration::from_millis(100),
    backoff_max: Duration::from_secs(30),
    failures_max: 5,
    window: Duration::from_secs(60),
    checks_failed_max: 3,
    check_restarts_max: 3,
    healthy_after: Duration::from_secs(60),
    good_life: Duration::from_secs(1),
    cool_down: Duration::from_secs(300),
    restart_wait_max: Duration::from_secs(2),
};

const DIED_IN_USE: Event = Event::Died { has_served: true, is_missed: true };
const DIED_AT_ONCE: Event = Event::Died { has_served: false, is_missed: true };
const LEFT_UNUSED: Event = Event::Died { has_served: true, is_missed: false };

/// Plays events, each so many milliseconds after the one before; gives the state after each, and all actions.
fn play(is_manual: bool, events: &[(u64, Event)]) -> (Vec<State>, Vec<Action>) {
    let mut at = Instant::now();
    let mut machine = Machine::new(is_manual);
    let (mut states, mut all) = (Vec::new(), Vec::new());
    for (after_ms, event) in events {
        at += Duration::from_millis(*after_ms);
        let (next, actions) = step(&POLICY, &machine, *event, Now { at, chance: 0.5 });
        machine = next;
        states.push(machine.state());
        all.extend(actions);
    }
    (states, all)
}

fn check(events: &[(u64, Event)], expected: &[State]) {
    let (states, _) = play(false, events);
    assert_eq!(states, expected, "{events:?}");
}

#[test]
fn a_call_starts_it_and_idleness_lets_it_rest() {
    check(
        &[(0, Event::Wanted), (5, Event::Started), (300_000, Event::Idle), (9, Event::StopDone)],
        &[State::Starting, State::Ready, State::Stopping, State::Dormant],
    );
}

#[test]
fn a_call_while_it_goes_to_rest_starts_it_again() {
    check(
        &[(0, Event::Wanted), (5, Event::Started), (9, Event::Idle), (1, Event::Wanted), (1, Event::StopDone)],
        &[State::Starting, State::Ready, State::Stopping, State::Stopping, State::Starting],
    );
}

#[test]
fn a_death_in_use_brings_it_back_by_itself_after_the_wait() {
    check(
        &[(0, Event::Wanted), (5, Event::Started), (2000, DIED_IN_USE), (99, Event::Tick), (1, Event::Tick)],
        &[State::Starting, State::Ready, State::Backoff, State::Backoff, State::Starting],
    );
}

#[test]
fn one_that_leaves_unused_is_not_brought_back() {
    check(
        &[(0, Event::Wanted), (5, Event::Started), (90_000, LEFT_UNUSED), (60_000, Event::Tick)],
        &[State::Starting, State::Ready, State::Dormant, State::Dormant],
    );
}

#[test]
fn killed_in_use_every_two_seconds_it_comes_back_each_time() {
    let mut events = vec![(0, Event::Wanted)];
    for _ in 0..30 {
        events.extend([(10, Event::Started), (2000, DIED_IN_USE), (100, Event::Tick)]);
    }
    let (states, actions) = play(false, &events);
    assert_eq!(states.last(), Some(&State::Starting));
    assert!(!actions.contains(&Action::TellCrashed));
}

#[test]
fn five_deaths_at_once_within_a_minute_are_a_crash_that_is_told_once() {
    let mut events = vec![(0, Event::Wanted)];
    for _ in 0..4 {
        events.extend([(5, Event::Started), (5, DIED_AT_ONCE), (30_000 / 4, Event::Tick)]);
    }
    events.extend([(5, Event::Started), (5, DIED_AT_ONCE)]);
    let (states, actions) = play(false, &events);
    assert_eq!(states.last(), Some(&State::Failed));
    assert_eq!(actions.iter().filter(|action| **action == Action::TellCrashed).count(), 1);
}

#[test]
fn deaths_further_apart_than_the_window_are_none() {
    let mut events = vec![(0, Event::Wanted)];
    for _ in 0..20 {
        events.extend([(5, Event::Started), (5, DIED_AT_ONCE), (16_000, Event::Tick)]);
    }
    let (states, _) = play(false, &events);
    assert_eq!(states.last(), Some(&State::Starting));
}

#[test]
fn a_crashed_one_is_tried_once_after_its_rest_and_tells_when_it_is_back() {
    let mut events = vec![(0, Event::Wanted)];
    for _ in 0..5 {
        events.extend([(5, Event::StartFailed), (9000, Event::Wanted)]);
    }
    let (states, _) = play(false, &events);
    assert_eq!(states.last(), Some(&State::Failed));
    events.extend([(299_000, Event::Wanted), (5, Event::Started)]);
    let (states, actions) = play(false, &events);
    assert_eq!(states[states.len() - 2..], [State::Starting, State::Ready]);
    assert_eq!(actions.last(), Some(&Action::TellRecovered));
}

#[test]
fn a_call_waits_for_a_restart_that_is_near_and_not_for_a_far_one() {
    let start = [(0, Event::Wanted), (5, Event::Started), (5, DIED_AT_ONCE)];
    let (_, actions) = play(false, &[&start[..], &[(1, Event::Wanted)]].concat());
    assert!(!actions.contains(&Action::Refuse));
    let mut far = start.to_vec();
    for wait in [100, 200, 400] {
        far.extend([(wait, Event::Tick), (1, Event::StartFailed)]);
    }
    let (states, actions) = play(false, &[&far[..], &[(1, Event::Wanted)]].concat());
    // 800 ms, still near.
    assert_eq!(
        (states.last(), actions.last()),
        (Some(&State::Backoff), Some(&Action::Refuse)),
        "the failed start's own"
    );
}

#[test]
fn three_failed_checks_restart_it_and_the_fourth_restart_is_not_made() {
    let failing = [(10_000, Event::CheckFailed); 3];
    let mut events = vec![(0, Event::Start), (5, Event::Started)];
    for _ in 0..3 {
        events.extend(failing);
        events.extend([(5, Event::StopDone), (5, Event::Started)]);
    }
    let (states, actions) = play(false, &events);
    assert_eq!(states.last(), Some(&State::Ready));
    assert_eq!(actions.iter().filter(|action| **action == Action::Spawn).count(), 4);
    events.extend(failing);
    events.push((5, Event::StopDone));
    let (states, actions) = play(false, &events);
    assert_eq!(states.last(), Some(&State::Failed));
    assert_eq!(actions.last(), Some(&Action::TellCrashed));
}

#[test]
fn a_failed_check_degrades_and_a_passed_one_mends() {
    check(
        &[(0, Event::Wanted), (5, Event::Started), (9, Event::CheckFailed), (9, Event::CheckPassed)],
        &[State::Starting, State::Ready, State::Degraded, State::Ready],
    );
}

#[test]
fn checks_count_only_in_a_row_and_restarts_only_without_a_healthy_time() {
    let mut events = vec![(0, Event::Start), (5, Event::Started)];
    for _ in 0..20 {
        events.extend([(10, Event::CheckFailed), (10, Event::CheckFailed), (10, Event::CheckPassed)]);
    }
    let (states, _) = play(false, &events);
    assert_eq!(states.last(), Some(&State::Ready));
    for _ in 0..10 {
        events.extend([(10, Event::CheckFailed); 3]);
        events.extend([(5, Event::StopDone), (5, Event::Started), (60_000, Event::Tick)]);
    }
    let (states, _) = play(false, &events);
    assert_eq!(states.last(), Some(&State::Ready));
}

#[test]
fn a_time_with_failed_checks_is_no_healthy_time() {
    // Up for longer than `healthy_after` each time, and never well.
    let failing = [(30_000, Event::CheckFailed), (30_000, Event::CheckFailed), (1, Event::Tick)];
    let mut events = vec![(0, Event::Start), (5, Event::Started)];
    for _ in 0..4 {
        events.extend(failing);
        events.extend([(30_000, Event::CheckFailed), (5, Event::StopDone), (5, Event::Started)]);
    }
    let (states, _) = play(false, &events);
    assert_eq!(states.last(), Some(&State::Failed));
}

#[test]
fn who_asks_while_a_failed_one_goes_down_hears_what_failed() {
    let mut events = vec![(0, Event::Start), (5, Event::Started)];
    for _ in 0..4 {
        events.extend([(10, Event::CheckFailed); 3]);
        events.extend([(5, Event::Wanted), (5, Event::StopDone), (5, Event::Started)]);
    }
    let (states, actions) = play(false, &events);
    assert_eq!(states.last(), Some(&State::Failed));
    assert_eq!(actions.iter().filter(|action| **action == Action::Refuse).count(), 1);
}

#[test]
fn what_the_operator_stopped_no_call_starts() {
    let events = [(0, Event::Wanted), (5, Event::Started), (5, Event::Stop), (5, Event::StopDone), (5, Event::Wanted)];
    let (states, actions) = play(false, &events);
    assert_eq!(states.last(), Some(&State::Stopped));
    assert_eq!(actions.last(), Some(&Action::Refuse));
    let (states, actions) = play(true, &[(0, Event::Wanted), (5, Event::Start)]);
    assert_eq!(states, [State::Stopped, State::Starting]);
    assert_eq!(actions, [Action::Refuse, Action::Spawn]);
}

#[test]
fn what_the_operator_started_does_not_rest_and_is_tried_again() {
    check(
        &[(0, Event::Start), (5, Event::Started), (300_000, Event::Idle), (5, LEFT_UNUSED), (100, Event::Tick)],
        &[State::Starting, State::Ready, State::Ready, State::Backoff, State::Starting],
    );
    check(
        &[(0, Event::Start), (5, Event::StartFailed), (100, Event::Tick)],
        &[State::Starting, State::Backoff, State::Starting],
    );
}

#[test]
fn too_much_memory_starts_it_again_after_its_calls() {
    let (states, actions) =
        play(false, &[(0, Event::Wanted), (5, Event::Started), (5, Event::OverLimit), (5, Event::StopDone)]);
    assert_eq!(states.last(), Some(&State::Starting));
    assert!(actions.contains(&Action::Kill { drain: true }));
}

#[test]
fn what_is_missing_beside_a_server_is_no_fault_of_its_own() {
    let mut called = Vec::new();
    for _ in 0..20 {
        called.extend([(5, Event::Wanted), (5, Event::StartRefused)]);
    }
    let (states, actions) = play(false, &called);
    assert_eq!(states.last(), Some(&State::Dormant));
    assert_eq!(actions.iter().filter(|action| **action == Action::Spawn).count(), 20);
    let mut kept = vec![(0, Event::Start)];
    for _ in 0..20 {
        kept.extend([(5, Event::StartRefused), (60_000, Event::Tick)]);
    }
    let (states, actions) = play(false, &kept);
    assert_eq!(states.last(), Some(&State::Starting));
    assert!(!actions.contains(&Action::TellCrashed));
}

#[test]
fn a_quarantined_one_is_let_out_by_the_operator_alone() {
    check(
        &[(0, Event::Wanted), (5, Event::Started), (5, Event::Quarantine), (5, Event::StopDone), (5, Event::Wanted)],
        &[State::Starting, State::Ready, State::Stopping, State::Quarantined, State::Quarantined],
    );
    check(&[(0, Event::Quarantine), (5, Event::Start)], &[State::Quarantined, State::Starting]);
}

#[test]
fn waits_double_up_to_their_most_and_vary_by_half() {
    let wait = |failures, chance| POLICY.wait(failures, chance).as_millis();
    assert_eq!([wait(0, 0.5), wait(1, 0.5), wait(2, 0.5), wait(30, 0.5)], [100, 200, 400, 30_000]);
    assert_eq!([wait(0, 0.0), wait(0, 1.0)], [50, 150]);
}

/// What the world can do to an instance whose process is as the model says.
fn any_event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => Just(Event::Wanted),
        1 => Just(Event::Start),
        1 => Just(Event::Stop),
        1 => Just(Event::Restart),
        1 => Just(Event::Quarantine),
        1 => Just(Event::Release),
        4 => Just(Event::Started),
        2 => Just(Event::StartFailed),
        1 => Just(Event::StartRefused),
        1 => (any::<bool>(), any::<bool>()).prop_map(|(has_served, is_missed)| Event::Died { has_served, is_missed }),
        4 => Just(Event::StopDone),
        1 => Just(Event::CheckPassed),
        2 => Just(Event::CheckFailed),
        1 => Just(Event::OverLimit),
        1 => Just(Event::Idle),
        4 => Just(Event::Tick),
    ]
}

/// The process as the keeper would have it.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Process {
    None,
    Starting,
    Up,
    Stopping,
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever happens in whatever order: never two processes, nobody waits for nothing, stopped is stopped, and the
    /// restarts within the window are bounded.
    #[test]
    fn no_order_of_events_breaks_the_rules(events in prop::collection::vec((0_u64..40_000, any_event()), 1..120)) {
        let mut at = Instant::now();
        let mut machine = Machine::new(false);
        let mut process = Process::None;
        let mut waiting = 0;
        let mut stopped_by_operator = false;
        let mut failures = Vec::new();
        for (after_ms, event) in events {
            // Only what can happen to such a process happens.
            let has_died = matches!(event, Event::Died { .. });
            let is_of_start = matches!(event, Event::Started | Event::StartFailed | Event::StartRefused);
            let is_of_run =
                has_died || matches!(event, Event::CheckPassed | Event::CheckFailed | Event::OverLimit | Event::Idle);
            let is_impossible = (is_of_start && process != Process::Starting)
                || (is_of_run && process != Process::Up)
                || (event == Event::StopDone && process != Process::Stopping);
            if is_impossible {
                continue;
            }
            at += Duration::from_millis(after_ms);
            waiting += u32::from(event == Event::Wanted);
            if event == Event::Started {
                process = Process::Up;
            } else if has_died || matches!(event, Event::StartFailed | Event::StartRefused | Event::StopDone) {
                process = Process::None;
            }
            if matches!(event, Event::Stop | Event::Quarantine) {
                stopped_by_operator = true;
            } else if matches!(event, Event::Start | Event::Restart) {
                stopped_by_operator = false;
                failures.clear();
            } else if event == Event::Release {
                stopped_by_operator = false;
            }
            let (next, actions) = step(&POLICY, &machine, event, Now { at, chance: 0.5 });
            for action in actions {
                match action {
                    Action::Spawn => {
                        prop_assert_eq!(process, Process::None, "two processes after {:?}", event);
                        prop_assert!(!stopped_by_operator, "started against the operator by {:?}", event);
                        process = Process::Starting;
                    }
                    Action::AbortStart => {
                        prop_assert_eq!(process, Process::Starting);
                        process = Process::None;
                    }
                    Action::Kill { .. } => {
                        prop_assert_eq!(process, Process::Up);
                        process = Process::Stopping;
                    }
                    Action::Serve => {
                        prop_assert_eq!(process, Process::Up);
                        waiting = 0;
                    }
                    Action::Refuse => waiting = 0,
                    Action::TellCrashed | Action::TellRecovered => {}
                }
            }
            if matches!(event, Event::StartFailed) {
                failures.retain(|&failed: &Instant| failed + POLICY.window > at);
                failures.push(at);
                let is_parked = next.state() == State::Failed;
                prop_assert!(failures.len() < 5 || is_parked, "{} failures and {:?}", failures.len(), next.state());
                if is_parked {
                    failures.clear();
                }
            }
            prop_assert_eq!(next.state().is_up(), process == Process::Up);
            prop_assert_eq!(next.state() == State::Starting, process == Process::Starting);
            prop_assert_eq!(next.state() == State::Stopping, process == Process::Stopping);
            prop_assert!(waiting == 0 || next.will_answer(), "{waiting} wait for nothing in {:?}", next.state());
            machine = next;
        }
    }
}

const BREAKER: BreakerPolicy = BreakerPolicy {
    failures_max: 5,
    good_share_min: 0.5,
    calls_min: 20,
    window: Duration::from_secs(30),
    probe_first: Duration::from_secs(1),
    probe_max: Duration::from_secs(30),
};

fn noted(breaker: &Breaker, is_good: bool, now: Instant) -> bool {
    breaker.admit(now).expect("it lets calls through").note(is_good, now)
}

#[test]
fn a_probe_whose_caller_is_gone_makes_room_for_the_next() {
    let breaker = Breaker::new(BREAKER);
    let now = Instant::now();
    for _ in 0..5 {
        noted(&breaker, false, now);
    }
    let later = now + Duration::from_secs(1);
    drop(breaker.admit(later).unwrap());
    assert!(breaker.admit(later).is_ok());
}

#[test]
fn calls_that_fail_together_spare_it_for_the_first_wait_alone() {
    let breaker = Breaker::new(BREAKER);
    let now = Instant::now();
    let all: Vec<_> = (0..64).map(|_| breaker.admit(now).unwrap()).collect();
    let opened: Vec<bool> = all.into_iter().map(|one| one.note(false, now)).collect();
    assert_eq!(opened.iter().filter(|opened| **opened).count(), 1);
    assert_eq!(breaker.admit(now).err(), Some(Duration::from_secs(1)));
}

#[test]
fn five_failures_in_a_row_open_the_breaker_and_one_good_call_closes_it() {
    let breaker = Breaker::new(BREAKER);
    let now = Instant::now();
    let opened: Vec<bool> = (0..5).map(|_| noted(&breaker, false, now)).collect();
    assert_eq!(opened, [false, false, false, false, true]);
    assert_eq!(breaker.admit(now).err(), Some(Duration::from_secs(1)));
    let later = now + Duration::from_secs(1);
    let probe = breaker.admit(later).unwrap();
    // One at a time.
    assert!(!breaker.would_admit(later) && breaker.admit(later).is_err());
    assert!(probe.note(true, later));
    assert!(breaker.is_closed() && breaker.admit(later).is_ok());
}

#[test]
fn a_probe_that_fails_doubles_the_wait() {
    let breaker = Breaker::new(BREAKER);
    let mut now = Instant::now();
    for _ in 0..5 {
        noted(&breaker, false, now);
    }
    let mut waits = Vec::new();
    for _ in 0..7 {
        let wait = breaker.admit(now).unwrap_err();
        waits.push(wait.as_secs());
        now += wait;
        assert!(!noted(&breaker, false, now));
    }
    assert_eq!(waits, [1, 2, 4, 8, 16, 30, 30]);
}

#[test]
fn every_second_call_that_fails_opens_it_by_the_share() {
    let check = |failing: &[bool], is_open: bool| {
        let breaker = Breaker::new(BREAKER);
        let now = Instant::now();
        let has_opened = failing.iter().any(|fails| noted(&breaker, !fails, now));
        assert_eq!(has_opened, is_open, "{failing:?}");
    };
    check(&[true, true, false].repeat(8), true);
    check(&[true, false, false].repeat(8), false);
    check(&[true, true, false].repeat(3), false);
}

#[test]
fn old_failures_do_not_count() {
    let breaker = Breaker::new(BREAKER);
    let mut now = Instant::now();
    for _ in 0..40 {
        noted(&breaker, false, now);
        noted(&breaker, true, now);
        now += Duration::from_secs(10);
    }
    assert!(breaker.is_closed());
}

#[test]
fn a_fifth_of_the_calls_may_be_retries() {
    let budget = RetryBudget::new(0.2);
    let mut retries = 0;
    for _ in 0..1000 {
        budget.deposit();
        retries += u32::from(budget.take());
    }
    // Three that are always there, and a fifth.
    assert_eq!(retries, 203);
    assert!(!RetryBudget::new(0.0).take());
}

fn choice(balance: Balance, candidates: &[(bool, bool, usize)], turn: usize) -> Option<usize> {
    let candidate = |&(is_usable, is_up, in_flight): &(bool, bool, usize)| Candidate {
        is_usable,
        is_up,
        is_full: in_flight >= 10,
        in_flight,
        ewma: PeakEwma::default(),
    };
    choose(balance, &candidates.iter().map(candidate).collect::<Vec<_>>(), turn)
}

#[test]
fn the_least_busy_that_is_up_is_chosen() {
    assert_eq!(choice(Balance::LeastBusy, &[(true, true, 2), (true, true, 1), (true, false, 0)], 0), Some(1));
    assert_eq!(choice(Balance::LeastBusy, &[(true, false, 0), (false, true, 0)], 0), Some(0));
    assert_eq!(choice(Balance::LeastBusy, &[(false, true, 0)], 0), None);
    // One that is full is chosen when nothing else is left.
    assert_eq!(choice(Balance::RoundRobin, &[(true, true, 10), (true, false, 3)], 0), Some(1));
    assert_eq!(choice(Balance::RoundRobin, &[(true, true, 10), (false, false, 0)], 0), Some(0));
}

#[test]
fn turns_go_round_those_that_are_up() {
    let candidates = [(true, true, 5), (false, true, 0), (true, true, 0)];
    let turns: Vec<_> = (0..4).map(|turn| choice(Balance::RoundRobin, &candidates, turn)).collect();
    assert_eq!(turns, [Some(0), Some(2), Some(0), Some(2)]);
}

#[test]
fn a_slow_answer_counts_at_once_and_is_forgotten_slowly() {
    let now = Instant::now();
    let (mut slow, mut fast) = (PeakEwma::default(), PeakEwma::default());
    slow.note(Duration::from_secs(1), now);
    fast.note(Duration::from_millis(5), now);
    let candidates = |slow: PeakEwma, fast: PeakEwma, fast_in_flight: usize| {
        let of = |ewma, in_flight| Candidate { is_usable: true, is_up: true, is_full: false, in_flight, ewma };
        choose(Balance::PeakEwma, &[of(slow, 0), of(fast, fast_in_flight)], 0)
    };
    assert_eq!(candidates(slow, fast, 50), Some(1));
    for second in 1..120 {
        slow.note(Duration::from_millis(5), now + Duration::from_secs(second));
    }
    assert_eq!(candidates(slow, fast, 1), Some(0));
}

#[test]
fn who_is_needed_starts_before_who_needs() {
    let name = |text: &str| ServerName::parse(text).unwrap();
    let check = |needs: &[(&str, &[&str])], expected: &[&[&str]]| {
        let needs =
            needs.iter().map(|(one, needs)| (name(one), needs.iter().map(|need| name(need)).collect())).collect();
        let found = layers(&needs);
        let found: Vec<Vec<&str>> = found.iter().map(|layer| layer.iter().map(ServerName::as_str).collect()).collect();
        assert_eq!(found, expected);
    };
    check(&[("a", &["b"]), ("b", &["c"]), ("c", &[]), ("d", &[])], &[&["c", "d"], &["b"], &["a"]]);
    check(&[("a", &["missing"])], &[&["a"]]);
    check(&[("a", &["b"]), ("b", &["a"]), ("c", &[])], &[&["c"], &["a", "b"]]);
}

#[test]
fn tools_that_open_and_close_tell_of_state() {
    let check = |names: &[&str], expected| assert_eq!(looks_stateful(names.iter().copied()), expected, "{names:?}");
    check(&["browser_navigate", "browser_click", "browser_close"], true);
    check(&["openFile", "closeFile"], true);
    check(&["start_recording", "stop_recording"], true);
    check(&["read_file", "write_file", "list_directory"], false);
    check(&["reopen", "disclose"], false);
    check(&[], false);
}
