//! The room, through its door.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::domain::{CallOutcome, CallParams, Considered, Verb};

/// Each test has a thread of its own, so it has a clock of its own.
mod clock {
    use super::{AtomicI64, Ordering};
    thread_local! { static NOW_MS: AtomicI64 = const { AtomicI64::new(1_700_000_000_000) }; }

    pub(super) fn now_ms() -> i64 {
        NOW_MS.with(|now| now.load(Ordering::Relaxed))
    }

    pub(super) fn set_s(second: i64) {
        NOW_MS.with(|now| now.store(second * 1000 + 500, Ordering::Relaxed));
    }
}

fn limits() -> Limits {
    Limits {
        calls_max: 100,
        calls_bytes_max: 1_000_000,
        params_bytes_max: 200,
        file: None,
        busy_timeout: Duration::from_secs(1),
        now_ms: clock::now_ms,
    }
}

fn ended<'a>(server: &'a str, tool: &'a str, outcome: CallOutcome, ms: u64) -> Ended<'a> {
    Ended {
        server: Some(server),
        tool: Some(tool),
        attempts: 1,
        ..Ended::new(Verb::Call, Surface::McpStdio, outcome, Duration::from_millis(ms))
    }
}

fn sample(server: &str, calls: u64, memory_bytes: Option<u64>) -> ServerSample<'_> {
    ServerSample {
        server,
        state: if memory_bytes.is_some() { "ready" } else { "dormant" },
        cpu_percent: memory_bytes.map(|_| 12.34),
        memory_bytes,
        calls,
        errors: 0,
        restarts: 0,
        in_flight: 0,
        waiting: 0,
        instances: usize::from(memory_bytes.is_some()),
    }
}

fn ids(page: &CallPage) -> Vec<&str> {
    page.calls.iter().map(|line| line.id.as_str()).collect()
}

#[test]
fn calls_are_listed_newest_first_page_by_page_and_filtered() {
    let monitor = Monitor::new(limits());
    for number in 0..5_u64 {
        let server = if number % 2 == 0 { "even" } else { "odd" };
        let outcome = if number == 3 { CallOutcome::Failed } else { CallOutcome::Done };
        monitor.ended(&ended(server, "t", outcome, number));
    }
    let check = |filter: CallFilter, expected: &[&str]| {
        assert_eq!(ids(&monitor.calls(&filter, None, 100)), expected, "{filter:?}");
    };
    check(CallFilter::default(), &["c5", "c4", "c3", "c2", "c1"]);
    check(CallFilter { server: Some("odd".into()), ..CallFilter::default() }, &["c4", "c2"]);
    check(CallFilter { tool: Some("even.t".into()), ..CallFilter::default() }, &["c5", "c3", "c1"]);
    check(CallFilter { tool: Some("t".into()), outcome: Some(CallOutcome::Failed), ..CallFilter::default() }, &["c4"]);
    check(CallFilter { verb: Some(Verb::Find), ..CallFilter::default() }, &[]);
    let first = monitor.calls(&CallFilter::default(), None, 2);
    let second = monitor.calls(&CallFilter::default(), first.next_cursor.as_deref(), 2);
    let third = monitor.calls(&CallFilter::default(), second.next_cursor.as_deref(), 2);
    assert_eq!((ids(&first), ids(&second), ids(&third)), (vec!["c5", "c4"], vec!["c3", "c2"], vec!["c1"]));
    assert_eq!(third.next_cursor, None);
}

#[test]
fn the_ring_is_bounded_in_count_and_in_bytes() {
    let monitor = Monitor::new(Limits { calls_max: 3, ..limits() });
    (0..10).for_each(|_| monitor.ended(&ended("s", "t", CallOutcome::Done, 1)));
    assert_eq!(ids(&monitor.calls(&CallFilter::default(), None, 100)), ["c10", "c9", "c8"]);
    let monitor = Monitor::new(Limits { calls_bytes_max: 1_500, params_bytes_max: 1_000, ..limits() });
    let params = format!(r#"{{"a":"{}"}}"#, "x".repeat(800));
    for _ in 0..10 {
        monitor.ended(&Ended { params: CallParams::Raw(&params), ..ended("s", "t", CallOutcome::Done, 1) });
    }
    assert_eq!(ids(&monitor.calls(&CallFilter::default(), None, 100)), ["c10"]);
    assert!(monitor.call("c9").is_none() && monitor.call("c11").is_none() && monitor.call("c10").is_some());
}

#[test]
fn what_is_shown_of_parameters_has_no_secrets() {
    let check = |params: CallParams<'_>, expected: &str, is_truncated: bool| {
        let monitor = Monitor::new(limits());
        monitor.ended(&Ended { params, ..ended("s", "t", CallOutcome::Done, 1) });
        let detail = monitor.call("c1").unwrap();
        assert_eq!((detail.params.as_deref(), detail.params_truncated), (Some(expected), is_truncated));
    };
    check(CallParams::Raw(r#"{"path":"a.txt","n":1}"#), r#"{"path":"a.txt","n":1}"#, false);
    check(
        CallParams::Raw(r#"{"deep":[{"api_token":"abc","password":{"x":1},"author":"me"}]}"#),
        r#"{"deep":[{"api_token":"[hidden]","password":"[hidden]","author":"me"}]}"#,
        false,
    );
    check(CallParams::Raw(r#"{"q":"use ghp_0123456789abcdefABCD here"}"#), r#"{"q":"use ‹secret› here"}"#, false);
    check(CallParams::Members(r#""name":"t","arguments":{"token":"abc"}"#), r#"{"token":"[hidden]"}"#, false);
    check(CallParams::Members(r#""name":"t""#), "{}", false);
    let cut = |begin: &str, hidden: &[&str], kept: &str| {
        let monitor = Monitor::new(limits());
        let long = format!("{{{begin},\"a\":\"{}\"}}", "x".repeat(1000));
        monitor.ended(&Ended { params: CallParams::Raw(&long), ..ended("s", "t", CallOutcome::Done, 1) });
        let detail = monitor.call("c1").unwrap();
        let shown = detail.params.unwrap();
        assert!(detail.params_truncated && shown.contains(kept), "{shown}");
        assert!(hidden.iter().all(|hidden| !shown.contains(hidden)), "{shown}");
    };
    cut(r#""b":1,"password":"correct horse battery","c":2"#, &["correct", "horse", "battery"], r#""c":2"#);
    cut(r#""token" : "a\"b,cde","c":2"#, &["cde"], r#""c":2"#);
    cut(r#""api_token":12345,"c":2"#, &["12345"], r#""c":2"#);
    cut(r#""b":1,"secret":{"deep":"horse"},"c":2"#, &["horse"], r#""b":1"#);
    let long = format!(r#"{{"password": "hunter2hunter2", "a":"{}"}}"#, "ß".repeat(200));
    let monitor = Monitor::new(limits());
    monitor.ended(&Ended { params: CallParams::Raw(&long), ..ended("s", "t", CallOutcome::Done, 1) });
    let detail = monitor.call("c1").unwrap();
    let shown = detail.params.unwrap();
    assert!(detail.params_truncated && !shown.contains("hunter2") && shown.contains('ß'), "{shown}");
}

#[test]
fn nothing_of_parameters_and_words_is_kept_when_the_operator_wants_that() {
    let monitor = Monitor::new(Limits { params_bytes_max: 0, ..limits() });
    monitor.ended(&Ended {
        params: CallParams::Raw(r#"{"a":1}"#),
        request: Some("find my letter"),
        decision: Some("run"),
        candidates: &[Considered { tool: "s.t".to_owned(), confidence: 0.9 }],
        ..ended("s", "t", CallOutcome::Done, 1)
    });
    let detail = monitor.call("c1").unwrap();
    assert_eq!((detail.params, detail.request, detail.candidates.len()), (None, None, 1));
}

#[test]
fn a_routed_call_tells_how_it_was_decided() {
    let monitor = Monitor::new(limits());
    monitor.ended(&Ended {
        verb: Verb::Execute,
        confidence: Some(0.931),
        decision: Some("confirm"),
        request: Some("log in with password hunter2hunter2"),
        error: Some("it broke"),
        error_kind: Some("died"),
        candidates: &[Considered { tool: "s.t".to_owned(), confidence: 0.931 }],
        ..ended("s", "t", CallOutcome::Failed, 1)
    });
    let detail = serde_json::to_value(monitor.call("c1").unwrap()).unwrap();
    let expected = json!({
        "id": "c1", "at": clock::now_ms(), "verb": "execute", "surface": "mcp-stdio", "server": "s", "tool": "t",
        "outcome": "failed", "duration_ms": 1.0, "confidence": 0.931, "attempts": 1, "params": null, "params_truncated": false,
        "error": "it broke", "request": "log in with password ‹secret›", "decision": "confirm",
        "candidates": [{"tool": "s.t", "confidence": 0.931}],
    });
    assert_eq!(detail, expected);
}

#[test]
fn latency_counts_into_buckets_and_has_quantiles() {
    let monitor = Monitor::new(limits());
    let none = monitor.latency(&CallFilter::default());
    assert_eq!((none.p50_ms, none.counts.iter().sum::<u64>()), (None, 0));
    (1..=100).for_each(|ms| monitor.ended(&ended("s", "t", CallOutcome::Done, ms)));
    let latency = monitor.latency(&CallFilter { server: Some("s".into()), ..CallFilter::default() });
    assert_eq!((latency.p50_ms, latency.p90_ms, latency.p99_ms), (Some(50.0), Some(90.0), Some(99.0)));
    assert_eq!(latency.counts.len(), latency.bounds_ms.len() + 1);
    let place = latency.bounds_ms.iter().position(|bound| *bound == 100.0).unwrap();
    assert_eq!((latency.counts[place], latency.counts.iter().sum::<u64>()), (50, 100));
}

async fn next_batch(reader: &mut Subscription) -> Vec<(Topic, Value)> {
    match reader.next().await {
        Received::Events(batch) => {
            let events = batch.events().iter();
            events.map(|event| (event.topic, serde_json::from_str(&event.json).unwrap())).collect()
        }
        Received::Lost(count) => panic!("{count} lost"),
    }
}

/// Runs it while events are passed on.
async fn told<T>(monitor: &Monitor, run: impl Future<Output = T>) -> T {
    tokio::select! {
        done = run => done,
        () = monitor.tell() => unreachable!(),
    }
}

fn all() -> TopicSet {
    Topic::ALL.into_iter().collect()
}

#[tokio::test(start_paused = true)]
async fn events_are_made_only_while_somebody_reads_them() {
    let monitor = Monitor::new(limits());
    monitor.publish(Topic::Audit, || panic!("nobody reads"));
    assert!(!monitor.is_watched());
    let mut reader = monitor.subscribe([Topic::Audit, Topic::Catalog].into_iter().collect());
    monitor.publish(Topic::Server, || panic!("nobody reads that"));
    monitor.publish(Topic::Audit, || Some("{}".to_owned()));
    monitor.publish(Topic::Audit, || None);
    monitor.note_catalog(7, 40);
    let expected = [(Topic::Audit, json!({})), (Topic::Catalog, json!({"generation": 7, "tools": 40}))];
    assert_eq!(told(&monitor, next_batch(&mut reader)).await, expected);
    drop(reader);
    // A page that is loaded anew counts as one that never left.
    assert!(monitor.is_watched() && !monitor.has_readers());
    tokio::time::advance(Duration::from_secs(31)).await;
    assert!(!monitor.is_watched());
}

#[tokio::test(start_paused = true)]
async fn those_who_follow_the_same_share_a_text_and_nobody_is_woken_for_what_he_does_not_follow() {
    let monitor = Monitor::new(limits());
    let calls: TopicSet = [Topic::Call].into_iter().collect();
    let (mut one, mut two, mut other) =
        (monitor.subscribe(all()), monitor.subscribe(all()), monitor.subscribe(TopicSet::NONE.with(Topic::Audit)));
    let mut late = monitor.subscribe(calls);
    monitor.note_catalog(1, 1);
    let received = told(&monitor, async { (one.next().await, two.next().await) }).await;
    let (Received::Events(first), Received::Events(second)) = received else { panic!("{received:?}") };
    let text = first.text(Form::ServerSent, |events| format!("{} events", events.len()).into());
    assert_eq!(text, "1 events");
    assert_eq!(second.text(Form::ServerSent, |_| panic!("made twice")).as_ptr(), text.as_ptr());
    assert_eq!(second.text(Form::WebSocket, |_| "another".into()), "another");
    tokio::time::timeout(Duration::from_secs(5), told(&monitor, other.next())).await.unwrap_err();
    // Who follows other topics from now on misses nothing of those before, and hears nothing twice.
    monitor.ended(&ended("s", "one", CallOutcome::Done, 1));
    tokio::time::timeout(Duration::from_secs(1), monitor.tell()).await.unwrap_err();
    late.follow(all());
    monitor.note_catalog(2, 2);
    let heard = told(&monitor, async { [next_batch(&mut late).await, next_batch(&mut late).await] }).await;
    assert_eq!(heard.each_ref().map(|batch| batch[0].0), [Topic::Call, Topic::Catalog]);
    assert_eq!(heard.each_ref().map(Vec::len), [1, 1]);
    // And nothing of what he follows no more.
    monitor.ended(&ended("s", "two", CallOutcome::Done, 1));
    monitor.publish(Topic::Server, || Some("{}".to_owned()));
    tokio::time::timeout(Duration::from_secs(1), monitor.tell()).await.unwrap_err();
    late.follow(TopicSet::NONE.with(Topic::Server));
    assert_eq!(told(&monitor, next_batch(&mut late)).await, [(Topic::Server, json!({}))]);
}

#[tokio::test(start_paused = true)]
async fn a_slow_reader_hears_how_many_events_it_missed() {
    let monitor = Monitor::new(limits());
    let mut reader = monitor.subscribe(all());
    told(&monitor, async {
        for n in 0..40 {
            monitor.publish(Topic::Server, || Some(format!("{{\"n\":{n}}}")));
            monitor.note_catalog(n, 0);
            monitor.note_catalog(n, 1);
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    })
    .await;
    let Received::Lost(lost) = reader.next().await else { panic!("nothing was lost") };
    assert_eq!(lost, 16);
    // Of what the last one says all of, that is told alone.
    let expected = [(Topic::Server, json!({"n": 8})), (Topic::Catalog, json!({"generation": 8, "tools": 1}))];
    assert_eq!(next_batch(&mut reader).await, expected);
    assert!(monitor.render(Exposition::Text).contains("\nmcporch_events_lost_total 16\n"));
}

#[tokio::test(start_paused = true)]
async fn of_a_flood_the_newest_are_told_and_the_others_counted() {
    let monitor = Monitor::new(limits());
    monitor.ended(&ended("s", "before", CallOutcome::Done, 1));
    let mut reader = monitor.subscribe(all());
    let said = |batch: &[(Topic, Value)]| -> Vec<(String, Option<u64>)> {
        batch.iter().map(|(_, data)| (data["id"].as_str().unwrap().to_owned(), data["left_out"].as_u64())).collect()
    };
    told(&monitor, async {
        monitor.ended(&ended("s", "one", CallOutcome::Done, 1));
        assert_eq!(said(&next_batch(&mut reader).await), [("c2".to_owned(), None)]);
        (0..50).for_each(|_| monitor.ended(&ended("s", "many", CallOutcome::Done, 1)));
        let many = said(&next_batch(&mut reader).await);
        assert_eq!((many.len(), &many[0], &many[9]), (10, &("c43".into(), Some(40)), &("c52".into(), None)));
        let entries: Vec<_> = (0..25).map(|n| n.to_string()).collect();
        for _ in 0..2 {
            monitor.publish_newest(Topic::Audit, &entries, |n| Some(format!("{{\"id\":\"{n}\"}}")));
        }
        let many = said(&next_batch(&mut reader).await);
        assert_eq!((many.len(), &many[0], &many[9]), (10, &("15".into(), Some(40)), &("24".into(), None)));
    })
    .await;
}

#[tokio::test]
async fn a_tick_has_the_last_second() {
    let monitor = Monitor::new(limits());
    let mut reader = monitor.subscribe(all());
    clock::set_s(100);
    monitor.sample(&[sample("s", 0, Some(1_000))]);
    let _first = told(&monitor, next_batch(&mut reader)).await;
    monitor.ended(&ended("s", "t", CallOutcome::Done, 1));
    monitor.ended(&ended("s", "t", CallOutcome::ToolError, 1));
    clock::set_s(101);
    monitor.sample(&[sample("s", 2, Some(1_000))]);
    let expected = json!({
        "at": 101_500, "calls_per_s": 2.0, "errors_per_s": 1.0, "in_flight": 0,
        "servers": {"s": {"cpu_percent": 12.34, "memory_bytes": 1000, "calls": 2, "errors": 0, "in_flight": 0, "state": "ready"}},
    });
    let mut heard = told(&monitor, next_batch(&mut reader)).await;
    heard.retain(|(topic, _)| *topic == Topic::Tick);
    assert_eq!(heard, [(Topic::Tick, expected)]);
    let totals = monitor.totals();
    assert_eq!((totals.calls, totals.errors, totals.calls_per_s), (2, 1, 2.0));
}

#[tokio::test]
async fn ten_minutes_have_gaps_where_nothing_was_measured() {
    let monitor = Monitor::new(limits());
    for (second, calls, memory) in [(1_000, 0, None), (1_001, 3, Some(500)), (1_004, 5, Some(700))] {
        clock::set_s(second);
        monitor.sample(&[sample("s", calls, memory), sample("idle", 0, None)]);
    }
    let measured = monitor.history(Range::TenMinutes, None).await.unwrap();
    assert_eq!((measured.step_s, measured.from), (1, 1_004 - 599));
    assert_eq!(measured.series.keys().collect::<Vec<_>>(), ["*", "s"]);
    let of = &measured.series["s"];
    assert_eq!(of.memory_bytes[595..], [None, Some(500), None, None, Some(700)]);
    assert_eq!(of.calls[594..], [None, Some(0), Some(3), None, None, Some(2)]);
    assert_eq!(of.cpu_percent[596], Some(12.3));
    assert_eq!(measured.series["*"].memory_bytes[594..], [None, Some(0), Some(500), None, None, Some(700)]);
    let one = monitor.history(Range::TenMinutes, Some("s")).await.unwrap();
    assert_eq!(one.series.keys().collect::<Vec<_>>(), ["s"]);
    // All that was measured is forgotten when it is old.
    clock::set_s(2_000);
    monitor.sample(&[sample("s", 5, Some(700))]);
    let later = monitor.history(Range::TenMinutes, Some("s")).await.unwrap();
    assert_eq!(later.series["s"].memory_bytes.iter().flatten().count(), 1);
}

fn written(folder: &tempfile::TempDir) -> Monitor {
    Monitor::new(Limits { file: Some(folder.path().join("monitor.db")), ..limits() })
}

#[tokio::test]
async fn samples_outlive_the_process_by_second_and_by_minute() {
    let folder = tempfile::tempdir().unwrap();
    let start = 1_200_000_000;
    let monitor = written(&folder);
    for second in 0..71_u64 {
        clock::set_s(start + i64::try_from(second).unwrap());
        monitor.sample(&[sample("s", second, Some(1_000 + second))]);
    }
    // Reading stands in the queue behind the writing; nothing was said of stopping, as with kill -9.
    let minutes = monitor.history(Range::SevenDays, Some("s")).await.unwrap();
    let of = &minutes.series["s"];
    let last = of.memory_bytes.len() - 1;
    assert_eq!((of.memory_bytes[last - 1], of.memory_bytes[last]), (Some(1_059), None));
    assert_eq!((of.calls[last - 1], of.cpu_percent[last - 1]), (Some(59), Some(12.3)));
    assert_eq!(of.memory_bytes[..last - 1].iter().flatten().count(), 0);
    let next = written(&folder);
    clock::set_s(start + 100);
    next.sample(&[sample("s", 1, Some(5))]);
    let measured = next.history(Range::TenMinutes, None).await.unwrap();
    let of = &measured.series["s"].memory_bytes;
    assert_eq!((of[599], of[599 - 31], of[599 - 40], of[599 - 100]), (Some(5), Some(1_069), Some(1_060), Some(1_000)));
    assert_eq!(of.iter().flatten().count(), 72);
    next.stop().await;
    let third = written(&folder);
    let of = third.history(Range::SevenDays, None).await.unwrap();
    // Of the minute in which one process was killed there is what the next one saw.
    let last = of.series["s"].calls.len() - 1;
    assert_eq!((of.series["s"].memory_bytes[last], of.series["*"].calls[last]), (Some(5), Some(1)));
}

#[tokio::test]
async fn old_minutes_go_and_idle_ones_cost_one_row() {
    let folder = tempfile::tempdir().unwrap();
    let monitor = written(&folder);
    let start = 1_200_000_000;
    for minute in 0..3 {
        clock::set_s(start + minute * 60);
        monitor.sample(&[sample("s", 0, None)]);
    }
    clock::set_s(start + 8 * 86_400);
    monitor.sample(&[sample("s", 0, None)]);
    clock::set_s(start + 8 * 86_400 + 60);
    monitor.sample(&[sample("s", 0, None)]);
    monitor.stop().await;
    let file = rusqlite::Connection::open(folder.path().join("monitor.db")).unwrap();
    let count =
        |table: &str| file.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!((count("minutes"), count("seconds")), (2, 0));
}

#[tokio::test]
async fn a_damaged_file_is_set_aside() {
    let check = async |content: &[u8]| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("monitor.db");
        std::fs::write(&path, content).unwrap();
        let monitor = written(&folder);
        for second in 0..61 {
            clock::set_s(1_200_000_000 + second);
            monitor.sample(&[sample("s", 0, Some(1))]);
        }
        let minutes = monitor.history(Range::SevenDays, None).await.unwrap();
        assert_eq!(minutes.series["s"].memory_bytes.iter().flatten().count(), 1);
        assert_eq!(std::fs::read(folder.path().join("monitor.db.damaged-1")).unwrap(), content);
        monitor.stop().await;
    };
    check(b"this is no database at all, and never was one; it only lies in its place").await;
    let mut torn = b"SQLite format 3\0".to_vec();
    torn.extend([0xff; 4096]);
    check(&torn).await;
}

#[tokio::test]
async fn a_file_that_cannot_be_used_costs_the_past_alone() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("monitor.db")).unwrap();
    let monitor = written(&folder);
    for second in 0..61 {
        clock::set_s(1_200_000_000 + second);
        monitor.sample(&[sample("s", 0, Some(1))]);
    }
    assert_eq!(monitor.history(Range::SevenDays, None).await, None);
    assert_eq!(
        monitor.history(Range::TenMinutes, None).await.unwrap().series["s"].memory_bytes.iter().flatten().count(),
        61
    );
    assert!(!monitor.render(Exposition::Text).contains("mcporch_samples_lost_total 0\n"));
}

fn scrape(monitor: &Monitor) -> String {
    monitor.render(Exposition::Text)
}

#[test]
fn figures_are_counted_by_bounded_labels() {
    let monitor = Monitor::new(limits());
    monitor.ended(&ended("s", "t", CallOutcome::Done, 3));
    monitor.ended(&Ended { error_kind: Some("died"), ..ended("s", "t", CallOutcome::Failed, 3) });
    monitor.ended(&Ended {
        decision: Some("run"),
        confidence: Some(0.9),
        ..Ended::new(Verb::Execute, Surface::Rest, CallOutcome::NeedsParams, Duration::from_millis(1))
    });
    monitor.passed(Stage::Embed, Duration::from_micros(700));
    monitor.note_answered(Surface::Rest, 404);
    let client = monitor.client(Surface::Ws);
    let gone = monitor.client(Surface::Ws);
    drop(gone);
    monitor.sample(&[sample("s", 2, Some(4_096)), sample("idle", 0, None)]);
    let text = scrape(&monitor);
    let check = |line: &str| assert!(text.lines().any(|one| one == line), "no {line:?} in:\n{text}");
    check(r#"mcporch_calls_total{verb="call",surface="mcp-stdio",outcome="done"} 1"#);
    check(r#"mcporch_calls_total{verb="execute",surface="rest",outcome="needs_params"} 1"#);
    check(r#"mcporch_call_errors_total{server="s",kind="died"} 1"#);
    check(r#"mcporch_call_duration_seconds_count{server="s"} 2"#);
    check(r#"mcporch_call_duration_seconds_bucket{le="0.005",server="s"} 2"#);
    check(r#"mcporch_routing_decisions_total{decision="run"} 1"#);
    check(r#"mcporch_routing_decisions_total{decision="none"} 0"#);
    check("mcporch_routing_confidence_count 1");
    check(r#"mcporch_routing_stage_duration_seconds_bucket{le="0.001",stage="embed"} 1"#);
    check(r#"mcporch_http_requests_total{surface="rest",status_class="4xx"} 1"#);
    check(r#"mcporch_clients{surface="ws"} 1"#);
    check(r#"mcporch_servers{state="ready"} 1"#);
    check(r#"mcporch_server_up{server="idle"} 0"#);
    check(r#"mcporch_server_memory_bytes{server="s"} 4096"#);
    check(r#"mcporch_server_cpu_ratio{server="s"} 0.1234"#);
    check(r#"mcporch_server_calls_total{server="s"} 2"#);
    check("# TYPE mcporch_server_calls_total counter");
    assert!(!text.contains(r#"mcporch_server_memory_bytes{server="idle"}"#) && !text.contains("# EOF"));
    drop(client);
    monitor.sample(&[sample("new", 0, None)]);
    let text = scrape(&monitor);
    assert!(text.contains(r#"mcporch_clients{surface="ws"} 0"#) && !text.contains(r#"mcporch_server_up{server="s"}"#));
}

#[test]
fn servers_beyond_the_two_hundredth_are_counted_together() {
    let monitor = Monitor::new(limits());
    let names: Vec<String> = (0..250).map(|number| format!("s{number}")).collect();
    for name in &names {
        monitor.ended(&ended(name, "t", CallOutcome::Done, 1));
    }
    let samples: Vec<ServerSample<'_>> = names.iter().map(|name| sample(name, 1, Some(1))).collect();
    monitor.sample(&samples);
    let text = scrape(&monitor);
    assert!(text.contains("mcporch_call_duration_seconds_count{server=\"other\"} 50\n"), "{text}");
    assert!(text.contains("mcporch_server_memory_bytes{server=\"other\"} 50\n"));
    assert_eq!(text.lines().filter(|line| line.starts_with("mcporch_server_up{")).count(), 201);
}

#[test]
fn a_name_with_quotes_stays_within_its_label() {
    let monitor = Monitor::new(limits());
    monitor.sample(&[sample("a\"} 1\\", 0, None)]);
    assert!(scrape(&monitor).contains("\nmcporch_server_up{server=\"a\\\"} 1\\\\\"} 0\n"));
}

#[test]
fn openmetrics_is_given_to_those_who_ask_for_it() {
    let check = |accept: &str, expected| assert_eq!(Exposition::accepted(accept), expected, "{accept}");
    check("", Exposition::Text);
    check("*/*", Exposition::Text);
    check("text/plain;version=0.0.4;q=0.5", Exposition::Text);
    check("application/openmetrics-text;version=1.0.0;q=0.8,text/plain;q=0.5", Exposition::OpenMetrics);
    let monitor = Monitor::new(limits());
    monitor.sample(&[sample("s", 1, None)]);
    let text = monitor.render(Exposition::OpenMetrics);
    assert!(text.contains("# TYPE mcporch_server_calls counter\n") && text.ends_with("# EOF\n"));
}

/// Every figure with all its labels, as a scraper finds it.
fn everything() -> String {
    let monitor = Monitor::new(limits());
    monitor.ended(&Ended { error_kind: Some("died"), ..ended("s", "t", CallOutcome::Failed, 3) });
    monitor.note_answered(Surface::Rest, 200);
    drop(monitor.client(Surface::Rest));
    monitor.sample(&[sample("s", 2, Some(4_096))]);
    scrape(&monitor)
}

#[test]
fn every_figure_is_in_the_table_with_its_labels_and_the_other_way_round() {
    let text = everything();
    let mut seen = std::collections::BTreeSet::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (name, rest) = line.split_once(['{', ' ']).unwrap();
        let base = ["_bucket", "_sum", "_count"].into_iter().find_map(|end| name.strip_suffix(end));
        let is_it = |figure: &&Figure| match figure.kind {
            FigureKind::Histogram => Some(figure.name) == base,
            FigureKind::Counter | FigureKind::Gauge => figure.name == name,
        };
        let figure = FIGURES.iter().find(is_it).unwrap_or_else(|| panic!("{name} is in no table"));
        seen.insert(figure.name);
        let labels = if line.contains('{') { rest.split_once('}').unwrap().0 } else { "" };
        let labels =
            labels.split("\",").filter_map(|label| Some(label.split_once('=')?.0)).filter(|label| *label != "le");
        assert_eq!(labels.collect::<Vec<_>>(), figure.labels, "{line}");
        assert!(text.contains(&format!("# TYPE {} {}\n", figure.name, figure.kind.word())), "{name}");
    }
    let has = |figure: &&Figure| {
        !seen.contains(figure.name) && (cfg!(target_os = "linux") || !figure.name.starts_with("process_"))
    };
    assert_eq!(FIGURES.iter().filter(has).map(|figure| figure.name).collect::<Vec<_>>(), Vec::<&str>::new());
}

/// The table of docs/metrics.md. `UPDATE=1 cargo test metrics_page` writes it.
#[test]
fn the_metrics_page_has_every_figure() {
    const BEGIN: &str = "<!-- figures: made from src/monitor/names.rs by `UPDATE=1 cargo test metrics_page` -->\n";
    const END: &str = "<!-- end of figures -->\n";
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/metrics.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = page.split_once(BEGIN).unwrap();
    let (_, behind) = rest.split_once(END).unwrap();
    let mut table = "\n| figure | kind | labels | what it says |\n| --- | --- | --- | --- |\n".to_owned();
    for Figure { name, kind, labels, help } in FIGURES {
        let labels = labels.iter().map(|label| format!("`{label}`")).collect::<Vec<_>>().join(" ");
        table.push_str(&["| `", name, "` | ", kind.word(), " | ", &labels, " | ", help, " |\n"].concat());
    }
    let expected = format!("{before}{BEGIN}{table}\n{END}{behind}");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &expected).unwrap();
    }
    assert_eq!(
        std::fs::read_to_string(&path).unwrap(),
        expected,
        "UPDATE=1 cargo test metrics_page brings it up to date"
    );
}

/// What one call pays for being counted and kept. `cargo test --release --lib monitor:: -- --ignored --nocapture`.
#[test]
#[ignore = "prints a time, checks nothing"]
fn what_a_call_pays() {
    const CALLS: u32 = 1_000_000;
    let monitor =
        Monitor::new(Limits { calls_max: 2_000, calls_bytes_max: 4_000_000, params_bytes_max: 4_096, ..limits() });
    for bytes in [20, 200, 2_000] {
        let params = format!(r#"{{"a":"{}"}}"#, "x".repeat(bytes));
        let one = Ended { params: CallParams::Raw(&params), ..ended("server", "tool", CallOutcome::Done, 1) };
        let began = tokio::time::Instant::now();
        for _ in 0..CALLS {
            monitor.passed(Stage::Check, Duration::from_micros(3));
            monitor.passed(Stage::Call, Duration::from_micros(300));
            monitor.ended(&one);
        }
        println!("{bytes} bytes of parameters: {:?} a call", began.elapsed() / CALLS);
    }
}
