//! What is noted comes back, without secrets, within its bounds, whoever else writes.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use super::open::Store;
use super::{
    Acknowledged, Error, Feedback, History, Keeps, Limits, NewLesson, Route, RouteId, RoutedTool, Source, Teacher,
    Teaching, Verdict, redact,
};
use crate::domain::{ServerName, ToolKey};

fn limits() -> Limits {
    Limits {
        routes_max: 100,
        keep_days: 90,
        lessons_max: 5,
        redact: true,
        queue_len: 64,
        busy_timeout: Duration::from_secs(10),
        now: || 1_000_000_000,
    }
}

fn open(path: &Path) -> History {
    History::new(path.to_owned(), limits())
}

fn file() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("home/history.db");
    (folder, path)
}

fn key(text: &str) -> ToolKey {
    let (server, tool) = text.split_once('.').unwrap();
    ToolKey { server: ServerName::parse(server).unwrap(), tool: tool.to_owned() }
}

fn tool(text: &str) -> RoutedTool {
    RoutedTool { key: key(text), fingerprint: "f".to_owned(), about: "a".to_owned() }
}

fn route(request: &str) -> Route {
    Route {
        id: RouteId::random(),
        verb: "execute".to_owned(),
        request: request.to_owned(),
        params: vec!["path".to_owned()],
        model: "m".to_owned(),
        candidates: vec![key("a.x"), key("b.y")],
        confidence: 0.5,
        any_confidence: 0.75,
        outcome: "needs_choice".to_owned(),
        effect: "read".to_owned(),
        tool: Some(tool("a.x")),
        has_run: false,
    }
}

fn wrong(told: &str) -> Teaching {
    Teaching {
        feedback: Feedback { verdict: Verdict::Wrong, tool: Some(key(told)) },
        teacher: Teacher::Person,
        lessons: vec![NewLesson { tool: tool(told), weight: 0.04 }, NewLesson { tool: tool("a.x"), weight: -0.04 }],
        keeps: Keeps::Nothing,
    }
}

#[tokio::test]
async fn a_route_comes_back_as_it_was_noted() {
    let (_folder, path) = file();
    let noted = route("read the file");
    let history = open(&path);
    history.record(noted.clone());
    history.stop().await;
    let found = open(&path).route(noted.id.clone()).await.unwrap();
    assert_eq!((found.route, found.at, found.chosen, found.feedback), (noted, 1_000_000_000, None, None));
}

#[tokio::test]
async fn feedback_replaces_what_was_said_and_learned_before() {
    let (_folder, path) = file();
    let history = open(&path);
    let noted = route("read the file");
    history.record(noted.clone());
    history.note_outcome(
        noted.id.clone(),
        Some(key("b.y")),
        Source::Choice,
        vec![NewLesson { tool: tool("b.y"), weight: 0.02 }],
    );
    let weights = async || -> Vec<(f32, &'static str)> {
        let lessons = history.lessons("m".to_owned()).await.unwrap().1;
        lessons.iter().map(|lesson| (lesson.weight, lesson.source.word())).collect()
    };
    assert_eq!(weights().await, [(0.02, "choice")]);
    assert_eq!(history.teach(noted.id.clone(), wrong("b.y")).await.unwrap(), Acknowledged::Kept);
    history.teach(noted.id.clone(), wrong("b.z")).await.unwrap();
    assert_eq!(weights().await, [(-0.04, "feedback"), (0.04, "feedback")]);
    // What merely happens afterwards does not undo what somebody said.
    history.note_outcome(noted.id.clone(), None, Source::Failure, vec![NewLesson { tool: tool("a.x"), weight: -0.01 }]);
    assert_eq!(weights().await.len(), 2);
    let stored = history.route(noted.id).await.unwrap();
    assert_eq!(stored.feedback, Some(Feedback { verdict: Verdict::Wrong, tool: Some(key("b.z")) }));
    assert_eq!(stored.chosen, Some(key("b.y")));
}

#[tokio::test]
async fn new_lessons_leave_what_is_to_be_kept() {
    let (_folder, path) = file();
    let history = open(&path);
    let check = async |keeps: Keeps, new: &[(&str, f32)], expected: &[(&str, f32)]| {
        let noted = route("read the file");
        history.record(noted.clone());
        let of = |lessons: &[(&str, f32)]| -> Vec<NewLesson> {
            lessons.iter().map(|(name, weight)| NewLesson { tool: tool(name), weight: *weight }).collect()
        };
        let say = |lessons, keeps| Teaching {
            feedback: Feedback { verdict: Verdict::Right, tool: None },
            teacher: Teacher::Client,
            lessons,
            keeps,
        };
        let before = say(of(&[("a.x", -0.04), ("b.y", 0.04), ("c.z", -0.01)]), Keeps::Nothing);
        history.teach(noted.id.clone(), before).await.unwrap();
        history.teach(noted.id.clone(), say(of(new), keeps.clone())).await.unwrap();
        let mut left: Vec<(String, f32)> = history
            .lessons("m".to_owned())
            .await
            .unwrap()
            .1
            .into_iter()
            .map(|lesson| (lesson.tool.key.to_string(), lesson.weight))
            .collect();
        left.sort_by(|a, b| a.0.cmp(&b.0));
        let expected: Vec<(String, f32)> =
            expected.iter().map(|(name, weight)| ((*name).to_owned(), *weight)).collect();
        assert_eq!(left, expected, "{keeps:?}");
        history.forget(None).await.unwrap();
    };
    let against = |server: &str| Keeps::Against(vec![ServerName::parse(server).unwrap()]);
    check(Keeps::Nothing, &[("b.w", 0.04)], &[("b.w", 0.04)]).await;
    check(Keeps::All, &[], &[("a.x", -0.04), ("b.y", 0.04), ("c.z", -0.01)]).await;
    check(Keeps::All, &[("c.z", -0.04)], &[("a.x", -0.04), ("b.y", 0.04), ("c.z", -0.04)]).await;
    check(against("a"), &[("b.w", 0.04)], &[("a.x", -0.04), ("b.w", 0.04)]).await;
    check(against("b"), &[], &[]).await;
}

#[tokio::test]
async fn a_client_does_not_replace_what_a_person_said() {
    let (_folder, path) = file();
    let history = open(&path);
    let noted = route("read the file");
    history.record(noted.clone());
    history.teach(noted.id.clone(), wrong("b.y")).await.unwrap();
    let of_client = || Teaching { teacher: Teacher::Client, ..wrong("b.z") };
    assert_eq!(history.teach(noted.id.clone(), of_client()).await.unwrap(), Acknowledged::PersonsWordStays);
    let told = async || history.route(noted.id.clone()).await.unwrap().feedback.and_then(|said| said.tool);
    assert_eq!(told().await, Some(key("b.y")));
    let lessons = history.lessons("m".to_owned()).await.unwrap().1;
    assert!(lessons.len() == 2 && lessons.iter().all(|lesson| lesson.tool.key != key("b.z")), "{lessons:?}");
    assert_eq!(history.teach(noted.id.clone(), wrong("b.z")).await.unwrap(), Acknowledged::Kept);
    assert_eq!(told().await, Some(key("b.z")));
}

#[tokio::test]
async fn unknown_routes_are_named() {
    let (_folder, path) = file();
    let history = open(&path);
    let id = RouteId::random();
    assert!(matches!(history.route(id.clone()).await, Err(Error::UnknownRoute { .. })));
    let fault = history.teach(id.clone(), wrong("b.y")).await.unwrap_err();
    assert!(fault.to_string().contains(id.as_str()), "{fault}");
}

#[tokio::test]
async fn what_was_acknowledged_is_there_when_the_process_ends_without_a_word() {
    let (_folder, path) = file();
    let history = open(&path);
    let noted = route("read the file");
    history.record(noted.clone());
    history.teach(noted.id.clone(), wrong("b.y")).await.unwrap();
    // Copied as a crash would leave it: nothing was closed.
    let copy = path.with_file_name("copy.db");
    fs::copy(&path, &copy).unwrap();
    fs::copy(path.with_file_name("history.db-wal"), path.with_file_name("copy.db-wal")).unwrap();
    assert!(open(&copy).route(noted.id).await.unwrap().feedback.is_some());
}

#[tokio::test]
async fn routes_and_lessons_are_bounded_by_number() {
    let (_folder, path) = file();
    let history = open(&path);
    let mut last = None;
    for number in 0..120 {
        let noted = route(&format!("request {number}"));
        last = Some(noted.id.clone());
        history.record(noted);
        // So that the queue is never full.
        history.routes().await.unwrap();
    }
    let kept = history.routes().await.unwrap();
    assert!((100..=101).contains(&kept.len()), "{}", kept.len());
    assert_eq!(Some(&kept.last().unwrap().route.id), last.as_ref());
    for kept in kept.iter().rev().take(4) {
        history.teach(kept.route.id.clone(), wrong("b.y")).await.unwrap();
    }
    assert_eq!(history.lessons("m".to_owned()).await.unwrap().1.len(), 5);
}

#[tokio::test]
async fn old_routes_are_forgotten_and_their_lessons_stay_until_they_are_too() {
    static NOW: AtomicI64 = AtomicI64::new(0);
    let (_folder, path) = file();
    let history = History::new(path.clone(), Limits { now: || NOW.load(Ordering::Relaxed), ..limits() });
    let old = route("the xylophone of my aunt");
    history.record(old.clone());
    history.teach(old.id.clone(), wrong("b.y")).await.unwrap();
    NOW.store(91 * 86_400, Ordering::Relaxed);
    for _ in 0..3 {
        history.record(route("new"));
    }
    assert!(history.route(old.id).await.is_err());
    assert_eq!(history.forget(None).await.unwrap(), 2);
    history.stop().await;
    // Nor is the text left in a free page.
    let whole = fs::read(&path).unwrap();
    assert!(!whole.windows(9).any(|window| window == b"xylophone"));
}

#[tokio::test]
async fn vectors_belong_to_a_model() {
    let (_folder, path) = file();
    let history = open(&path);
    let noted = route("read the file");
    history.record(noted.clone());
    history.teach(noted.id, wrong("b.y")).await.unwrap();
    let lessons = history.lessons("m".to_owned()).await.unwrap().1;
    assert!(lessons.iter().all(|lesson| lesson.vector.is_none()));
    history.put_vectors("m".to_owned(), lessons.iter().map(|lesson| (lesson.id, vec![0.5, -2.0])).collect());
    let vectors = async |model: &str| {
        let lessons = history.lessons(model.to_owned()).await.unwrap().1;
        lessons.into_iter().map(|lesson| lesson.vector).collect::<Vec<_>>()
    };
    assert_eq!(vectors("m").await, [Some(vec![0.5, -2.0]), Some(vec![0.5, -2.0])]);
    assert_eq!(vectors("other").await, [None, None]);
}

#[tokio::test]
async fn changes_of_the_lessons_are_noticed_and_nothing_else_is() {
    let (_folder, path) = file();
    let history = open(&path);
    let noted = route("read the file");
    history.record(noted.clone());
    let (read, _) = history.lessons("m".to_owned()).await.unwrap();
    history.record(route("another"));
    history.routes().await.unwrap();
    assert!(!history.is_outdated(read));
    // By another process: seen with the next write here.
    open(&path).teach(noted.id.clone(), wrong("b.y")).await.unwrap();
    history.record(route("a third"));
    history.routes().await.unwrap();
    history.routes().await.unwrap();
    assert!(history.is_outdated(read));
    let (read, _) = history.lessons("m".to_owned()).await.unwrap();
    assert_eq!(history.forget(None).await.unwrap(), 2);
    assert!(history.is_outdated(read));
}

#[tokio::test]
async fn several_processes_write_one_file_without_loss() {
    let (_folder, path) = file();
    let writers: Vec<_> = (0..4)
        .map(|_| {
            let path = path.clone();
            tokio::spawn(async move {
                let history = History::new(path, Limits { routes_max: 10_000, lessons_max: 10_000, ..limits() });
                for number in 0..25 {
                    let noted = route(&format!("request {number}"));
                    history.record(noted.clone());
                    history.teach(noted.id, wrong("b.y")).await.unwrap();
                }
                history.stop().await;
                history.dropped()
            })
        })
        .collect();
    for writer in writers {
        assert_eq!(writer.await.unwrap(), 0);
    }
    let history = History::new(path, Limits { lessons_max: 10_000, ..limits() });
    let routes = history.routes().await.unwrap();
    assert!(routes.len() == 100 && routes.iter().all(|stored| stored.feedback.is_some()), "{}", routes.len());
    assert_eq!(history.lessons("m".to_owned()).await.unwrap().1.len(), 200);
}

#[tokio::test]
async fn a_full_queue_drops_the_newest_and_counts_it() {
    let (_folder, path) = file();
    // Another process holds the file, so nothing can be written.
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    open(&path).routes().await.unwrap();
    let blocker = rusqlite::Connection::open(&path).unwrap();
    blocker.execute_batch("BEGIN IMMEDIATE").unwrap();
    let history = History::new(path, Limits { queue_len: 2, ..limits() });
    for _ in 0..20 {
        history.record(route("request"));
    }
    assert!(history.dropped() >= 16, "{}", history.dropped());
    blocker.execute_batch("ROLLBACK").unwrap();
    history.stop().await;
    assert!(matches!(history.routes().await, Err(Error::Closed)));
}

#[cfg(unix)]
#[tokio::test]
async fn the_file_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let (_folder, path) = file();
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, "").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let history = open(&path);
    history.record(route("request"));
    history.routes().await.unwrap();
    for name in ["history.db", "history.db-wal"] {
        let mode = fs::metadata(path.with_file_name(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

#[tokio::test]
async fn a_damaged_file_is_set_aside_and_a_newer_one_left_alone() {
    let (_folder, path) = file();
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, [0x5a; 20_000]).unwrap();
    let noted = route("request");
    let history = open(&path);
    history.record(noted.clone());
    assert_eq!(history.teach(noted.id, wrong("b.y")).await.unwrap(), Acknowledged::Kept);
    assert!(path.with_file_name("history.db.damaged-1").exists());
    history.stop().await;

    rusqlite::Connection::open(&path).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let noted = route("request");
    let history = open(&path);
    history.record(noted.clone());
    assert_eq!(history.teach(noted.id, wrong("b.y")).await.unwrap(), Acknowledged::InMemory);
    assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().flatten().filter(is_set_aside).count(), 1);
}

fn is_set_aside(entry: &fs::DirEntry) -> bool {
    entry.file_name().to_string_lossy().ends_with("damaged-1")
}

#[tokio::test]
async fn a_file_that_is_busy_at_first_is_kept_all_the_same() {
    let (_folder, path) = file();
    open(&path).routes().await.unwrap();
    let blocker = rusqlite::Connection::open(&path).unwrap();
    blocker.execute_batch("BEGIN EXCLUSIVE").unwrap();
    assert!(Store::open(&path, Duration::ZERO).is_err_and(|fault| fault.is_busy()));
    let history = History::new(path.clone(), Limits { busy_timeout: Duration::ZERO, ..limits() });
    let noted = route("request");
    history.record(noted.clone());
    let taught = history.teach(noted.id, wrong("b.y"));
    blocker.execute_batch("ROLLBACK").unwrap();
    assert_eq!(taught.await.unwrap(), Acknowledged::Kept);
}

#[tokio::test]
async fn a_thread_that_is_stuck_holds_up_neither_questions_nor_the_end() {
    let (_folder, path) = file();
    open(&path).routes().await.unwrap();
    let blocker = rusqlite::Connection::open(&path).unwrap();
    blocker.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let history = History::new(path, Limits { queue_len: 1, ..limits() });
    // From here on the clock jumps to the deadlines, while the thread waits for the file.
    tokio::time::pause();
    assert!(matches!(history.routes().await, Err(Error::Late { .. })));
    history.stop().await;
    blocker.execute_batch("ROLLBACK").unwrap();
}

#[test]
fn a_file_that_another_process_is_opening_is_busy_not_unusable() {
    let (_folder, path) = file();
    drop(Store::open(&path, Duration::ZERO).unwrap());
    let lock = fs::File::open(path.with_file_name("history.db.lock")).unwrap();
    lock.lock().unwrap();
    assert!(Store::open(&path, Duration::ZERO).is_err_and(|fault| fault.is_busy()));
    drop(lock);
    assert!(Store::open(&path, Duration::ZERO).unwrap().is_kept);
}

#[tokio::test]
async fn what_is_forgotten_does_not_stay_in_the_log() {
    let (_folder, path) = file();
    let history = open(&path);
    let noted = route("read the file");
    history.record(noted.clone());
    history.teach(noted.id, wrong("b.y")).await.unwrap();
    let log = path.with_file_name("history.db-wal");
    assert!(fs::metadata(&log).unwrap().len() > 0);
    assert_eq!(history.forget(None).await.unwrap(), 2);
    assert_eq!(fs::metadata(&log).unwrap().len(), 0);
}

#[tokio::test]
async fn secrets_are_not_written() {
    let (_folder, path) = file();
    let history = open(&path);
    history.record(route("log in with password: hunter2xyz and read the mail"));
    history.stop().await;
    let whole = fs::read(&path).unwrap();
    let holds = |text: &str| whole.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(holds("read the mail") && !holds("hunter2xyz"));
}

#[test]
fn route_ids_are_read_as_models_write_them_and_never_repeat() {
    let ids: std::collections::BTreeSet<RouteId> = (0..10_000).map(|_| RouteId::random()).collect();
    assert_eq!(ids.len(), 10_000);
    let id = ids.first().unwrap();
    assert_eq!(RouteId::parse(&format!(" {} ", id.as_str().to_uppercase())).as_ref(), Some(id));
    for text in ["", "r", "r1234567", "x2345678", "r23456789", "reset"] {
        assert_eq!(RouteId::parse(text), None, "{text}");
    }
}

#[test]
fn what_looks_like_a_secret_is_taken_out() {
    let check = |text: &str, expected: &str| assert_eq!(redact(text), expected);
    check("my password is hunter2, log in", "my password is ‹secret› log in");
    check("password=hunter2 user=anna", "password=‹secret› user=anna");
    check("use the token tk9-x1 for it", "use the token ‹secret› for it");
    check("Authorization: Bearer abc.def-1", "Authorization: Bearer ‹secret›");
    check("clone https://anna:pw@example.org/repo.git", "clone https://‹secret›@example.org/repo.git");
    check("fetch https://example.org/a?api_key=abc123&page=2", "fetch https://example.org/a?api_key=‹secret›&page=2");
    check("{\"apiKey\":\"abc123\",\"page\":2}", "{\"apiKey\":‹secret›,\"page\":2}");
    check("with sk-proj-abcdefgh12345678ij now", "with ‹secret› now");
    check("key AKIAIOSFODNN7EXAMPLE2 please", "key ‹secret› please");
    check("hash 9e107d9d372bb6826bd81d3542a419d6 of", "hash ‹secret› of");
    check("send q8Zr3LmX2vT9bNc7KsQw4Y to Bob", "send ‹secret› to Bob");
    check("use wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY for it", "use ‹secret› for it");
    check("decode q8Zr3LmX2vT9/bNc7KsQw4Y== now", "decode ‹secret› now");
    check("the id k3v9x2m7q4w8z1n5p6t0r2y4 of", "the id ‹secret› of");
    check("a=sk-proj-abcdefgh12345678ij,password= hunter2", "a=‹secret›,password= ‹secret›");
    check("keep -----BEGIN RSA PRIVATE KEY-----\nabc\n-----END RSA PRIVATE KEY----- safe", "keep ‹secret› safe");
    check("begins -----BEGIN RSA PRIVATE KEY-----\nabc", "begins ‹secret›");
}

#[test]
fn a_word_of_a_million_signs_is_read_once() {
    // Read from its beginning for each sign, these would take a quarter of an hour.
    for text in ["a=".repeat(500_000), "token=x&".repeat(250_000), "password:x,".repeat(250_000)] {
        assert!(!redact(&text).contains('x'));
    }
}

#[test]
fn plain_requests_stay_as_they_are() {
    for text in [
        "reset the password for anna@example.org",
        "what is the token limit of this model",
        "read src/history/redact.rs and count the words",
        "convert 3pm from New York to Berlin, please: it is urgent",
        "open https://example.org/ReportForAllTeams2024.pdf?page=2#top",
        "open src/main/java/com/ExampleApp/MyController2 and docs/2024/Q3/Report_v2.pdf",
        "delete meetingnotesofjanuary2024 and averylongfilenameforall2024teams",
        "x=1&y=2;z:3 https://example.org/?a=b=c&d",
        "install scikit-learn and sk-learn-extra",
        "show issue 123e4567-e89b-12d3-a456-426614174000",
        "Schlüssel der Tür: wo?",
        "the secret garden, chapter 2",
        "",
        " \n\t ",
    ] {
        assert_eq!(redact(text), text);
    }
}
