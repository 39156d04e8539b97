//! Behaviour through the room's door: files, rotation, loss that is told, reading, following.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};

use tempfile::TempDir;

use super::*;
use crate::domain::{Moment, ServerName};

/// Each line a millisecond after the one before.
fn clock() -> i64 {
    static NOW: AtomicI64 = AtomicI64::new(1_700_000_000_000);
    NOW.fetch_add(1, Ordering::Relaxed)
}

fn name(text: &str) -> ServerName {
    ServerName::parse(text).unwrap()
}

fn limits(bytes_max: u64, files_max: u32) -> Limits {
    Limits { bytes_max, files_max, now_ms: clock }
}

/// Writes the lines and waits until they are on the disk.
async fn write(folder: &Path, limits: Limits, lines: &[&str]) {
    let logs = ServerLogs::new(folder.to_owned(), limits);
    let log = logs.of(&name("git"));
    lines.iter().for_each(|line| log.stderr(line));
    logs.stop().await;
}

fn texts(folder: &Path, lines_max: usize) -> Vec<String> {
    tail(folder, &name("git"), lines_max, None).unwrap().into_iter().map(|line| line.text).collect()
}

#[test]
fn file_names_are_safe_and_never_shared() {
    let check = |server: &str, expected: &str| assert_eq!(file_name(&name(server)), expected);
    check("git", "git.log");
    check("my-server_2.1", "my-server_2.1.log");
    check("../../etc/passwd", "______etc_passwd~3754d6cb3a38.log");
    let names = [
        "git", "Git", "gIt", "g t", "g/t", "g\\t", ".", "..", "con", "CON", "con.x", "lpt1", "a.", ".a", "ü", "Ü",
        "g:t", "*",
    ];
    let files: BTreeSet<String> = names.iter().map(|server| file_name(&name(server)).to_lowercase()).collect();
    assert_eq!(files.len(), names.len(), "{files:?}");
    let long = file_name(&name(&"ä".repeat(64)));
    for file in files.iter().chain([&long]) {
        assert!(file.len() <= 128 && !file.starts_with('.') && !file.contains(['/', '\\', ':', '*']), "{file}");
        assert!(!file.starts_with("con.") && !file.starts_with("con~"), "{file}");
    }
}

#[tokio::test]
async fn lines_are_kept_with_time_and_source() {
    let folder = TempDir::new().unwrap();
    let logs = ServerLogs::new(folder.path().join("servers"), limits(1 << 20, 3));
    let log = logs.of(&name("git"));
    log.tell("started, pid 7");
    log.sink()("one\ntwo\u{1b}");
    logs.stop().await;
    let lines = tail(&folder.path().join("servers"), &name("git"), 10, None).unwrap();
    let told: Vec<(Source, &str)> = lines.iter().map(|line| (line.source, line.text.as_str())).collect();
    assert_eq!(told, [(Source::Mcporch, "started, pid 7"), (Source::Stderr, "one two ")]);
    assert!(lines[0].at < lines[1].at && lines[0].at > Moment(1_600_000_000_000));
    let text = fs::read_to_string(folder.path().join("servers/git.log")).unwrap();
    assert!(text.starts_with("2023-11-14T22:1") && text.contains("Z mcporch started, pid 7\n"), "{text}");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(folder.path().join("servers/git.log")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}

#[tokio::test]
async fn files_are_rotated_and_read_as_one() {
    let folder = TempDir::new().unwrap();
    let lines: Vec<String> = (0..40).map(|number| format!("line {number:02}")).collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    // A line has 40 bytes with its line feed, so ten fit.
    write(folder.path(), limits(400, 3), &lines).await;
    let mut files: Vec<String> =
        fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    files.sort();
    assert_eq!(files, ["git.log", "git.log.1", "git.log.2"]);
    for file in files {
        assert!(fs::metadata(folder.path().join(file)).unwrap().len() <= 400);
    }
    assert_eq!(texts(folder.path(), 100).first().unwrap(), "line 10");
    assert_eq!(texts(folder.path(), 12), lines[28..]);
    assert_eq!(texts(folder.path(), 0), [""; 0]);
    let all = tail(folder.path(), &name("git"), 100, None).unwrap();
    let since = tail(folder.path(), &name("git"), 100, Some(all[25].at)).unwrap();
    assert_eq!(since, all[25..]);
}

#[tokio::test]
async fn one_file_may_be_enough() {
    let folder = TempDir::new().unwrap();
    write(folder.path(), limits(100, 1), &["one", "two", "three", "four"]).await;
    assert_eq!(texts(folder.path(), 9), ["three", "four"]);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[tokio::test]
async fn a_line_that_is_too_long_is_cut_and_never_lost() {
    let folder = TempDir::new().unwrap();
    write(folder.path(), limits(100, 2), &["short", &"x".repeat(1_000_000), "after"]).await;
    let lengths: Vec<usize> = texts(folder.path(), 9).iter().map(String::len).collect();
    assert_eq!(lengths, [2000, 5]);
}

#[tokio::test]
async fn a_folder_that_cannot_be_made_costs_lines_and_nothing_else() {
    let folder = TempDir::new().unwrap();
    let inside = folder.path().join("file/servers");
    fs::write(folder.path().join("file"), "in the way").unwrap();
    write(&inside, limits(1000, 3), &["lost"]).await;
    fs::remove_file(folder.path().join("file")).unwrap();
    write(&inside, limits(1000, 3), &["kept"]).await;
    assert_eq!(texts(&inside, 9), ["kept"]);
}

#[tokio::test]
async fn a_flood_never_waits_and_what_is_lost_is_counted() {
    let folder = TempDir::new().unwrap();
    let logs = ServerLogs::new(folder.path().to_owned(), limits(1 << 20, 3));
    let log = logs.of(&name("git"));
    let sent = 200_000_u64;
    (0..sent).for_each(|number| log.stderr(&format!("{number}")));
    logs.stop().await;
    let (mut kept, mut missing) = (0, 0);
    for age in 0..30 {
        let path = folder.path().join(if age == 0 { "git.log".to_owned() } else { format!("git.log.{age}") });
        for line in fs::read_to_string(path).unwrap_or_default().lines() {
            let line = LogLine::parse(line, Moment(0));
            match line.source {
                Source::Stderr => kept += 1,
                Source::Mcporch => missing += line.text.split(' ').next().unwrap().parse::<u64>().unwrap(),
            }
        }
    }
    // Three files of a megabyte hold 75,000 such lines; if more came through, the oldest were rotated away.
    assert!(kept + missing == sent || kept >= 50_000, "{kept} kept, {missing} missing");
    assert!(kept > 0);
}

#[tokio::test]
async fn following_goes_on_over_a_rotation() {
    let folder = TempDir::new().unwrap();
    let mut follower = Follower::from_end(folder.path(), &name("git")).unwrap();
    let mut seen = Vec::new();
    let mut look = |follower: &mut Follower| seen.extend(follower.look().unwrap().into_iter().map(|line| line.text));
    look(&mut follower);
    let lines: Vec<String> = (0..30).map(|number| format!("line {number:02}")).collect();
    for line in &lines {
        write(folder.path(), limits(120, 2), &[line]).await;
        look(&mut follower);
    }
    assert_eq!(seen, lines);
    assert_eq!(Follower::from_end(folder.path(), &name("git")).unwrap().look().unwrap(), []);
}

#[test]
fn half_a_line_waits_for_its_end() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("git.log");
    let add = |text: &str| {
        let old = fs::read_to_string(&path).unwrap_or_default();
        // Written in place: another file of that name would be a rotation.
        use std::io::Write;
        fs::OpenOptions::new().create(true).append(true).open(&path).unwrap().write_all(text.as_bytes()).unwrap();
        old
    };
    let mut follower = Follower::from_end(folder.path(), &name("git")).unwrap();
    let mut check = |more: &str, expected: &[&str]| {
        add(more);
        let texts: Vec<String> = follower.look().unwrap().into_iter().map(|line| line.text).collect();
        assert_eq!(texts, expected, "{more}");
    };
    check("2026-01-01T00:00:00.000Z stderr a", &[]);
    check("bc\n2026-01-01T00:00:0", &["abc"]);
    check("0.000Z stderr d\nnot ours\n", &["d", "not ours"]);
}
