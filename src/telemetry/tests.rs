//! Behaviour through the room's door: whole lines, rotation, several processes on one file, loss that is told.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;

use super::*;

const LONG: Duration = Duration::from_secs(30);

fn file(folder: &Path, bytes_max: u64, files_max: u32) -> LogFile {
    LogFile { path: folder.join("logs/a.log"), bytes_max, files_max, is_stderr_too: false }
}

fn writer(file: LogFile) -> LogWriter {
    LogWriter::new(Destination::File(file), LogFormat::Json)
}

fn write(file: LogFile, lines: &[&str]) -> LogWriter {
    let writer = writer(file);
    lines.iter().for_each(|line| writer.line(format!("{line}\n").as_bytes()));
    writer.finish(LONG);
    writer
}

/// The lines of each file, the newest file first.
fn kept(folder: &Path) -> Vec<Vec<String>> {
    let names = ["a.log", "a.log.1", "a.log.2", "a.log.3", "a.log.4"];
    let texts = names.iter().map_while(|name| fs::read_to_string(folder.join("logs").join(name)).ok());
    texts.map(|text| text.lines().map(str::to_owned).collect()).collect()
}

#[test]
fn a_new_file_is_begun_before_one_is_too_long_and_the_oldest_goes() {
    let check = |bytes_max: u64, files_max: u32, expected: &[&[&str]]| {
        let folder = TempDir::new().unwrap();
        let writer = write(file(folder.path(), bytes_max, files_max), &["one", "two", "three", "four", "five"]);
        assert_eq!(kept(folder.path()), expected, "{bytes_max} {files_max}");
        assert_eq!(writer.lost(), 0);
    };
    check(1000, 3, &[&["one", "two", "three", "four", "five"]]);
    check(10, 3, &[&["four", "five"], &["three"], &["one", "two"]]);
    check(10, 2, &[&["four", "five"], &["three"]]);
    check(10, 1, &[&["four", "five"]]);
    // A line that is longer than a file has one for itself.
    check(2, 5, &[&["five"], &["four"], &["three"], &["two"], &["one"]]);
}

#[test]
fn lines_of_a_former_process_stay() {
    let folder = TempDir::new().unwrap();
    write(file(folder.path(), 10, 3), &["one"]);
    write(file(folder.path(), 10, 3), &["two", "three"]);
    assert_eq!(kept(folder.path()), [vec!["three"], vec!["one", "two"]]);
}

/// Each writer stands for a process: they share nothing but the folder.
#[test]
fn writers_that_share_a_file_lose_and_mix_no_line() {
    const WRITERS: usize = 4;
    const LINES: usize = 2_000;
    let folder = TempDir::new().unwrap();
    std::thread::scope(|scope| {
        for number in 0..WRITERS {
            let writer = writer(file(folder.path(), 20_000, 100));
            scope.spawn(move || {
                for line in 0..LINES {
                    writer.line(format!("{{\"writer\":{number},\"line\":{line}}}\n").as_bytes());
                    if line % 50 == 0 {
                        writer.finish(LONG);
                    }
                }
                writer.finish(LONG);
                assert_eq!(writer.lost(), 0);
            });
        }
    });
    let mut seen = BTreeSet::new();
    let mut files = 0;
    for entry in fs::read_dir(folder.path().join("logs")).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        files += usize::from(!text.is_empty());
        for line in text.lines() {
            let parsed: serde_json::Value = serde_json::from_str(line).expect(line);
            assert!(seen.insert((parsed["writer"].as_u64(), parsed["line"].as_u64())), "twice: {line}");
        }
    }
    assert_eq!(seen.len(), WRITERS * LINES);
    assert!(files > 5 && files < 20, "{files}");
}

#[test]
fn what_could_not_be_written_is_counted_and_told_once_it_can_be() {
    let folder = TempDir::new().unwrap();
    // A file where the folder should be.
    fs::write(folder.path().join("logs"), "").unwrap();
    let writer = write(file(folder.path(), 1000, 3), &["one", "two"]);
    writer.line(b"three\n");
    writer.finish(LONG);
    assert_eq!(writer.lost(), 3);
    fs::remove_file(folder.path().join("logs")).unwrap();
    // Has it tried again, which a line alone does after a while.
    writer.finish(LONG);
    writer.line(b"four\n");
    writer.finish(LONG);
    let lines = kept(folder.path()).remove(0);
    let told: serde_json::Value = serde_json::from_str(&lines[0]).unwrap();
    assert_eq!((&told["level"], &told["log.lost"]), (&"WARN".into(), &3.into()), "{told}");
    assert!(told["timestamp"].as_str().is_some_and(|time| time.starts_with("20")), "{told}");
    assert_eq!(lines[1..], ["four"]);
}

#[cfg(target_os = "linux")]
#[test]
fn a_writer_that_nobody_reads_holds_nobody_up_for_long() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("logs/a.log");
    fs::create_dir(folder.path().join("logs")).unwrap();
    // A pipe without a reader: its opening blocks, as a disk may that does not answer.
    rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, rustix::fs::Mode::RWXU, 0).unwrap();
    let writer = writer(file(folder.path(), 1000, 3));
    for _ in 0..10_000 {
        writer.line(b"one\n");
    }
    // Those that were waiting are not lost yet; had each waited for its turn, this would not end.
    assert!(writer.lost() > 10_000 - 3 * 1024 && writer.lost() < 10_000, "{}", writer.lost());
    let reader = std::thread::spawn(move || {
        use std::io::Read;
        let mut pipe = fs::File::open(path).unwrap();
        let mut text = vec![0; 4096];
        pipe.read(&mut text).unwrap()
    });
    assert!(reader.join().unwrap() > 0, "it goes on when it can");
}

#[test]
fn secrets_are_hidden() {
    let folder = TempDir::new().unwrap();
    let secret = "s3cr3t-of-the-log-test";
    crate::secrets::redactor().learn_variables([("LOG_TEST_API_KEY", secret)]);
    write(file(folder.path(), 1000, 3), &[&format!("the key is {secret}")]);
    let line = &kept(folder.path())[0][0];
    assert!(line.starts_with("the key is ") && !line.contains(secret), "{line}");
}
