//! What the room's door promises, with several openers and damaged files.

use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fs, thread};

use rusqlite::Connection;

use super::{Error, Kind, Opened};

const KIND: Kind = Kind {
    name: "notes",
    layouts: &["CREATE TABLE note (text TEXT)", "CREATE TABLE tag (text TEXT)"],
    pragmas: "PRAGMA cache_size = -64;",
    is_private: true,
};
const PATIENCE: Duration = Duration::from_secs(10);
static NO_DATABASE: [u8; 20_000] = [0x5a; 20_000];

fn file() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("inner/notes.db");
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    (folder, path)
}

fn open(path: &Path) -> Connection {
    let opened = KIND.open(path, PATIENCE).unwrap();
    assert!(opened.set_aside.is_none(), "{:?}", opened.set_aside);
    opened.connection
}

fn note(connection: &Connection, text: &str) {
    connection.execute("INSERT INTO note (text) VALUES (?1)", [text]).unwrap();
}

fn notes(connection: &Connection) -> i64 {
    connection.query_row("SELECT count(*) FROM note", [], |row| row.get(0)).unwrap()
}

/// How many damaged files lie there.
fn set_aside(path: &Path) -> usize {
    let is_one =
        |name: String| name.starts_with("notes.db.damaged-") && !name.ends_with("-wal") && !name.ends_with("-shm");
    let names = fs::read_dir(path.parent().unwrap()).unwrap().flatten();
    names.filter(|entry| is_one(entry.file_name().to_string_lossy().into_owned())).count()
}

#[test]
fn an_older_layout_is_brought_up_and_a_newer_one_left_alone() {
    let (_folder, path) = file();
    let older = Connection::open(&path).unwrap();
    older
        .execute_batch("CREATE TABLE note (text TEXT); INSERT INTO note VALUES ('old'); PRAGMA user_version = 1")
        .unwrap();
    drop(older);
    let connection = open(&path);
    assert_eq!(notes(&connection), 1);
    connection.execute("INSERT INTO tag (text) VALUES ('new')", []).unwrap();
    connection.pragma_update(None, "user_version", 99).unwrap();
    drop(connection);
    let before = fs::read(&path).unwrap();
    let fault = KIND.open(&path, PATIENCE).unwrap_err();
    assert!(matches!(fault, Error::Newer { found: 99, known: 2, .. }), "{fault}");
    assert_eq!((fs::read(&path).unwrap(), set_aside(&path)), (before, 0));
}

#[test]
fn of_many_that_find_it_damaged_one_sets_it_aside_and_all_keep_what_they_write() {
    for _ in 0..40 {
        let (_folder, path) = file();
        fs::write(&path, NO_DATABASE).unwrap();
        let start = std::sync::Barrier::new(4);
        let kept: usize = thread::scope(|scope| {
            let openers: Vec<_> = (0..4)
                .map(|_| {
                    scope.spawn(|| {
                        start.wait();
                        let Opened { connection, set_aside } = KIND.open(&path, PATIENCE).unwrap();
                        note(&connection, "kept");
                        usize::from(set_aside.is_some())
                    })
                })
                .collect();
            openers.into_iter().map(|opener| opener.join().unwrap()).sum()
        });
        assert_eq!((kept, set_aside(&path), notes(&open(&path))), (1, 1, 4));
        assert_eq!(fs::read(path.with_file_name("notes.db.damaged-1")).unwrap(), NO_DATABASE);
    }
}

#[test]
fn who_finds_it_damaged_while_using_it_takes_the_new_one_of_another() {
    let (_folder, path) = file();
    fs::write(&path, NO_DATABASE).unwrap();
    let first = KIND.open_after_damage(&path, PATIENCE).unwrap();
    assert!(first.set_aside.is_some_and(|old| old.fault.is_damage()));
    note(&first.connection, "first");
    let second = KIND.open_after_damage(&path, PATIENCE).unwrap();
    assert!(second.set_aside.is_none());
    assert_eq!((notes(&second.connection), set_aside(&path)), (1, 1));
}

#[test]
fn damage_that_opening_does_not_meet_is_found_after_it_was_met() {
    let (_folder, path) = file();
    let connection = open(&path);
    for _ in 0..2_000 {
        note(&connection, "a line that fills pages");
    }
    drop(connection);
    // The pages of the notes; the first, with the layout, stays whole.
    let mut torn = fs::read(&path).unwrap();
    torn[3 * 4096..].fill(0xff);
    fs::write(&path, &torn).unwrap();
    drop(open(&path));
    let opened = KIND.open_after_damage(&path, PATIENCE).unwrap();
    assert!(opened.set_aside.is_some());
    assert_eq!((notes(&opened.connection), set_aside(&path)), (0, 1));
    assert_eq!(fs::read(path.with_file_name("notes.db.damaged-1")).unwrap(), torn);
}

#[test]
fn while_another_opens_it_it_is_busy() {
    let (_folder, path) = file();
    drop(open(&path));
    let lock = fs::File::open(path.with_file_name("notes.db.lock")).unwrap();
    lock.lock().unwrap();
    let fault = KIND.open(&path, Duration::ZERO).unwrap_err();
    assert!(fault.is_busy() && !fault.is_damage(), "{fault}");
    drop(lock);
    note(&open(&path), "kept");
}

#[test]
fn a_folder_in_its_place_is_no_damage() {
    let (_folder, path) = file();
    fs::create_dir_all(&path).unwrap();
    let fault = KIND.open(&path, Duration::ZERO).unwrap_err();
    assert!(!fault.is_damage() && !fault.is_busy() && fault.to_string().contains("notes.db"), "{fault}");
    assert_eq!(set_aside(&path), 0);
}
