//! The log through the door of the room.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use serde_json::json;
use tempfile::TempDir;

use super::{Entry, Event, Filter, Log, Options, ParamsDigest, append, page, verify};

const DAY_MS: i64 = 86_400_000;
const NOW: i64 = 20_000 * DAY_MS;

fn now() -> i64 {
    NOW
}

struct Logged {
    folder: TempDir,
    options: Options,
}

impl Logged {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let options = Options {
            folder: folder.path().join("audit"),
            file_bytes_max: 1 << 20,
            keep_days: 90,
            queue_len: 1000,
            is_required: false,
        };
        Self { folder, options }
    }

    fn folder(&self) -> &Path {
        &self.options.folder
    }

    fn add(&self, at: i64, action: &'static str, who: &str) {
        append(&self.options, &event(at, action, who)).unwrap();
    }

    /// Three records of ann and bob.
    fn with_three() -> Self {
        let logged = Self::new();
        logged.add(NOW, "call", "ann");
        logged.add(NOW + 1, "server.stop", "bob");
        logged.add(NOW + 2, "server.start", "bob");
        logged
    }

    fn files(&self) -> Vec<PathBuf> {
        let files = fs::read_dir(self.folder()).unwrap().map(|entry| entry.unwrap().path());
        let mut files: Vec<PathBuf> = files.filter(|path| path.extension().is_some_and(|end| end == "jsonl")).collect();
        files.sort();
        files
    }

    fn change(&self, change: impl FnOnce(String) -> String) {
        let file = &self.files()[0];
        fs::write(file, change(fs::read_to_string(file).unwrap())).unwrap();
    }

    fn all(&self) -> Vec<Entry> {
        page(self.folder(), &Filter::default(), None, 10_000).unwrap().entries
    }

    fn actions(&self) -> Vec<String> {
        self.all().into_iter().rev().map(|entry| entry.action).collect()
    }

    /// `OK LAST` or `LINE: WHAT`.
    fn verified(&self) -> String {
        let chain = verify(self.folder()).unwrap();
        match chain.broken {
            Some(broken) => format!("{}: {}", broken.line, broken.what),
            None => format!("OK {}", chain.last),
        }
    }
}

fn event(at: i64, action: &'static str, who: &str) -> Event {
    Event { at, action, who: Some(who.into()), target: "mail.send".to_owned(), outcome: "done", ..Event::default() }
}

#[test]
fn a_record_says_who_did_what_and_holds_the_one_before() {
    let logged = Logged::with_three();
    let params = Some(ParamsDigest::of("{}"));
    let told =
        Event { params, ms: Some(1.23456), details: vec![("confidence", json!(0.9))], ..event(NOW, "execute", "ann") };
    append(&logged.options, &told).unwrap();
    let all = logged.all();
    assert_eq!(all.iter().map(|entry| entry.seq).collect::<Vec<_>>(), [4, 3, 2, 1]);
    assert!(all.windows(2).all(|pair| pair[0].prev == pair[1].hash));
    let newest = &all[0];
    assert_eq!((newest.who.as_deref(), newest.ms), (Some("ann"), Some(1.235)));
    assert_eq!(newest.details["confidence"], 0.9);
    let empty_object = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
    assert_eq!(newest.details["params_sha256"], empty_object);
    assert_eq!(logged.verified(), "OK 4");
    #[cfg(unix)]
    for (path, mode) in [(logged.folder().to_owned(), 0o700), (logged.files()[0].clone(), 0o600)] {
        let permissions = fs::metadata(&path).unwrap().permissions();
        assert_eq!(std::os::unix::fs::PermissionsExt::mode(&permissions) & 0o777, mode, "{}", path.display());
    }
}

#[test]
fn whatever_is_changed_shows_where() {
    let check = |change: fn(String) -> String, expected: &str| {
        let logged = Logged::with_three();
        logged.change(change);
        let found = logged.verified();
        assert!(found.starts_with(expected), "{found} instead of {expected}");
    };
    check(|text| text, "OK 3");
    check(|text| text.replacen("\"bob\"", "\"ann\"", 1), "2: record 2 was changed");
    check(|text| text.replacen("mail.send", "mail.read", 1), "1: record 1 was changed");
    check(
        |text| text.lines().filter(|line| !line.contains("stop")).map(|line| format!("{line}\n")).collect(),
        "2: record 3 follows record 1",
    );
    check(|text| text.lines().skip(1).map(|line| format!("{line}\n")).collect(), "1: records up to 1 are missing");
    check(
        |text| {
            let lines: Vec<&str> = text.lines().collect();
            format!("{}\n{}\n{}\n", lines[1], lines[0], lines[2])
        },
        "2: record 1 follows record 2",
    );
    check(|text| text.replacen("\"seq\":2", "\"seq\":3", 1), "2: record 3 follows record 1");
    check(|text| text + "hello\n", "4: it is no record");
    check(|text| text.trim_end().to_owned(), "3: the line is not whole");
    // Somebody who knows how and writes one line anew breaks the next.
    check(
        |text| {
            let lines: Vec<&str> = text.lines().collect();
            let mut entry: Entry = serde_json::from_str(lines[1]).unwrap();
            (entry.who, entry.hash) = (Some("ann".to_owned()), String::new());
            format!("{}\n{}\n{}\n", lines[0], super::chain::sealed(&entry).0, lines[2])
        },
        "3: record 3 does not follow",
    );
}

#[test]
fn a_torn_end_is_kept_aside_and_the_chain_goes_on() {
    let check = |torn: &[u8], expected: &[&str]| {
        let logged = Logged::with_three();
        let mut bytes = fs::read(&logged.files()[0]).unwrap();
        bytes.extend_from_slice(torn);
        fs::write(&logged.files()[0], bytes).unwrap();
        logged.add(NOW + 3, "call", "ann");
        assert_eq!(logged.actions(), expected, "{torn:?}");
        assert_eq!(logged.verified(), format!("OK {}", expected.len()));
        let aside = fs::read_dir(logged.folder()).unwrap().map(|entry| entry.unwrap().path());
        let aside: Vec<Vec<u8>> = aside
            .filter(|path| path.to_string_lossy().contains(".torn-"))
            .map(|path| fs::read(path).unwrap())
            .collect();
        assert_eq!(aside, if torn.is_empty() { vec![] } else { vec![torn.to_vec()] });
    };
    check(b"", &["call", "server.stop", "server.start", "call"]);
    check(b"{\"seq\":4,\"at\":17", &["call", "server.stop", "server.start", "audit.torn", "call"]);
    check(&[0; 300], &["call", "server.stop", "server.start", "audit.torn", "call"]);
    check(b"half\nof it\n", &["call", "server.stop", "server.start", "audit.torn", "call"]);
}

#[test]
fn a_file_that_was_torn_in_its_first_line_goes_on_from_the_one_before() {
    let logged = Logged::with_three();
    fs::write(logged.folder().join(format!("{:020}.jsonl", 4)), "{\"seq\"").unwrap();
    logged.add(NOW + 3, "call", "ann");
    assert_eq!(logged.actions(), ["call", "server.stop", "server.start", "audit.torn", "call"]);
    assert_eq!(logged.verified(), "OK 5");
}

#[test]
fn each_day_begins_a_file_and_old_ones_go_as_the_chain_says() {
    let mut logged = Logged::new();
    logged.options.keep_days = 3;
    for day in 0..6 {
        logged.add(NOW + day * DAY_MS, "call", "ann");
        logged.add(NOW + day * DAY_MS + 1, "call", "ann");
    }
    assert_eq!(logged.files().len(), 4);
    let removed: Vec<String> =
        logged.all().into_iter().filter(|entry| entry.action == "audit.removed").map(|entry| entry.target).collect();
    assert_eq!(removed, ["3-4", "1-2"]);
    assert_eq!(logged.verified(), "OK 14");
    // What somebody else removes, the log does not say.
    fs::remove_file(&logged.files()[0]).unwrap();
    assert!(logged.verified().contains("are missing"), "{}", logged.verified());
}

#[test]
fn what_is_to_go_and_is_still_there_breaks_nothing() {
    let mut logged = Logged::new();
    logged.options.keep_days = 3;
    logged.add(NOW, "call", "ann");
    let oldest = logged.files().remove(0);
    let text = fs::read_to_string(&oldest).unwrap();
    for day in 1..5 {
        logged.add(NOW + day * DAY_MS, "call", "ann");
    }
    assert!(!oldest.exists() && logged.actions().contains(&"audit.removed".to_owned()));
    // As after a crash between the record and the removal.
    fs::write(&oldest, text).unwrap();
    assert_eq!(logged.verified(), "OK 6");
}

#[test]
fn a_file_whose_end_cannot_be_read_stays() {
    let mut logged = Logged::new();
    logged.options.keep_days = 3;
    for day in 0..2 {
        logged.add(NOW + day * DAY_MS, "call", "ann");
    }
    let oldest = logged.files().remove(0);
    fs::write(&oldest, "no record\n").unwrap();
    for day in 2..9 {
        logged.add(NOW + day * DAY_MS, "call", "ann");
    }
    assert!(oldest.exists());
    assert!(logged.verified().contains("it is no record"), "{}", logged.verified());
}

#[test]
fn a_clock_that_jumps_ahead_removes_nothing_at_once() {
    let mut logged = Logged::new();
    logged.options.keep_days = 3;
    for day in [0, 1, 2, 5000] {
        logged.add(NOW + day * DAY_MS, "call", "ann");
    }
    assert_eq!((logged.files().len(), logged.verified()), (4, "OK 4".to_owned()));
}

#[test]
fn a_full_file_is_followed_by_the_next() {
    let mut logged = Logged::new();
    logged.options.file_bytes_max = 1000;
    for at in 0..20 {
        logged.add(NOW + at, "call", "ann");
    }
    assert!(logged.files().len() > 3, "{:?}", logged.files());
    assert_eq!(logged.verified(), "OK 20");
    assert_eq!(logged.all().len(), 20);
}

#[test]
fn pages_are_the_newest_first_and_go_on_where_they_ended() {
    let mut logged = Logged::new();
    logged.options.file_bytes_max = 400_000;
    let log = Log::start(logged.options.clone(), now, None).unwrap();
    for number in 0..1000 {
        log.record(event(NOW + number, if number % 2 == 0 { "call" } else { "server.stop" }, "ann"));
    }
    log.close();
    let check = |action: Option<&str>, before: Option<u64>, limit: usize, expected: (Vec<u64>, Option<u64>)| {
        let filter = Filter { who: None, action: action.map(str::to_owned) };
        let page = page(logged.folder(), &filter, before, limit).unwrap();
        let numbers: Vec<u64> = page.entries.iter().map(|entry| entry.seq).collect();
        assert_eq!((numbers, page.next), expected, "{action:?} {before:?} {limit}");
    };
    check(None, None, 3, (vec![1000, 999, 998], Some(998)));
    check(None, Some(998), 2, (vec![997, 996], Some(996)));
    check(Some("call"), None, 2, (vec![999, 997], Some(997)));
    check(Some("server."), Some(4), 5, (vec![2], None));
    check(None, Some(1), 5, (vec![], None));
    check(None, Some(500), 1, (vec![499], Some(499)));
    for before in 2..=1001 {
        check(None, Some(before), 1, (vec![before - 1], (before > 2).then_some(before - 1)));
    }
    let nobody = Filter { who: Some("bob".to_owned()), action: None };
    assert_eq!(page(logged.folder(), &nobody, None, 5).unwrap().entries, []);
    assert_eq!(logged.verified(), "OK 1000");
}

#[test]
fn what_does_not_fit_is_counted_and_who_watches_is_told() {
    let mut logged = Logged::new();
    logged.options.queue_len = 5;
    let told = Arc::new(Mutex::new(Vec::new()));
    let for_log = told.clone();
    let watch = Box::new(move |entries: &[Entry]| {
        for_log.lock().unwrap().extend(entries.iter().map(|entry| entry.action.clone()));
    });
    let log = Log::start(logged.options.clone(), now, Some(watch)).unwrap();
    for _ in 0..100 {
        log.record(event(NOW, "call", "ann"));
    }
    log.close();
    log.record(event(NOW, "call", "ann"));
    let actions = logged.actions();
    let calls = actions.iter().filter(|action| *action == "call").count();
    let lost: u64 = logged.all().iter().filter_map(|entry| entry.details.get("count")?.as_u64()).sum();
    assert_eq!(calls as u64 + lost, 100);
    assert!(lost > 0);
    assert_eq!(*told.lock().unwrap(), actions);
    assert_eq!(logged.verified(), format!("OK {}", actions.len()));
}

#[test]
fn a_flood_of_refusals_fills_no_disk() {
    let logged = Logged::new();
    let log = Log::start(logged.options.clone(), now, None).unwrap();
    for number in 0..10_000 {
        log.refused(event(NOW + number, "access.refused", "?"));
    }
    log.refused(event(NOW + 60_000, "access.refused", "?"));
    log.close();
    let all = logged.all();
    assert_eq!(all.len(), 61);
    assert_eq!(all[0].details["left_out_before"], 9_940);
}

#[test]
fn several_processes_write_one_chain() {
    let logged = Logged::with_three();
    let log = Log::start(logged.options.clone(), now, None).unwrap();
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let options = logged.options.clone();
            std::thread::spawn(move || {
                for number in 0..20 {
                    append(&options, &event(NOW + number, "keys.create", "cli")).unwrap();
                }
            })
        })
        .collect();
    for number in 0..100 {
        log.record(event(NOW + number, "call", "ann"));
    }
    for thread in threads {
        thread.join().unwrap();
    }
    log.close();
    assert_eq!(logged.verified(), "OK 183");
}

#[cfg(unix)]
#[test]
fn a_log_that_cannot_be_written_says_so_and_catches_up() {
    let mut logged = Logged::new();
    logged.options.is_required = true;
    let log = Log::start(logged.options.clone(), now, None).unwrap();
    // The folder is gone, and a file in its place: nobody can write there, not even root.
    fs::remove_dir_all(logged.folder()).unwrap();
    fs::write(logged.folder(), "").unwrap();
    log.record(event(NOW, "call", "ann"));
    wait_until(|| !log.is_able());
    assert!(!crate::domain::Observer::may_begin(&log));
    fs::remove_file(logged.folder()).unwrap();
    fs::create_dir(logged.folder()).unwrap();
    log.record(event(NOW, "call", "bob"));
    wait_until(|| log.is_able());
    log.close();
    assert_eq!(logged.actions(), ["call", "call"]);
    drop(logged.folder);
}

#[cfg(unix)]
fn wait_until(is_so: impl Fn() -> bool) {
    let (sender, receiver) = std::sync::mpsc::channel::<()>();
    for _ in 0..1000 {
        if is_so() {
            return;
        }
        let _nobody_sends = receiver.recv_timeout(std::time::Duration::from_millis(10));
    }
    drop(sender);
    panic!("it did not come to that");
}

#[test]
#[ignore = "measures"]
fn what_a_call_pays() {
    let mut logged = Logged::new();
    logged.options.queue_len = 10_000;
    let log = Log::start(logged.options, now, None).unwrap();
    let params = json!({"to": "somebody@example.com", "subject": "hello", "text": "x".repeat(200)}).to_string();
    let who: Arc<str> = "ann".into();
    let begun = tokio::time::Instant::now();
    for number in 0..10_000_u32 {
        let mut ended = crate::domain::Ended::new(
            crate::domain::Verb::Execute,
            crate::domain::Surface::Rest,
            crate::domain::CallOutcome::Done,
            std::time::Duration::from_micros(u64::from(number)),
        );
        (ended.who, ended.server, ended.tool) = (Some(&who), Some("mail"), Some("send"));
        (ended.confidence, ended.decision) = (Some(0.93), Some("run"));
        ended.params = crate::domain::CallParams::Raw(&params);
        crate::domain::Observer::ended(&log, &ended);
    }
    println!("{} ns each", begun.elapsed().as_nanos() / 10_000);
    log.close();
    println!("{} ns each until on the disk", begun.elapsed().as_nanos() / 10_000);
}
