//! Behaviour through the room's door: what is kept, what is checked, what a crash leaves.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use tempfile::TempDir;

use super::swap::{Journal, Place};
use super::*;

const LAYOUTS: &[(&str, i64)] = &[("history.db", 1)];

/// A home with a database that somebody still writes to, a settings file and things that are not kept.
struct Home {
    folder: TempDir,
    open: Option<Connection>,
}

impl Home {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let home = folder.path().join("home");
        for inside in ["config/more", "index", "models", "logs/servers"] {
            fs::create_dir_all(home.join(inside)).unwrap();
        }
        fs::write(home.join("config/mcporch.toml"), "[log]\nlevel = \"warn\"\n").unwrap();
        fs::write(home.join("config/more/registry.json"), "{}").unwrap();
        fs::write(home.join("models/big"), "can be had again").unwrap();
        fs::write(home.join("index/other"), "can be made again").unwrap();
        fs::write(home.join("logs/servers/git.log"), "no state").unwrap();
        let history = Connection::open(home.join("history.db")).unwrap();
        let made =
            "PRAGMA journal_mode = WAL; CREATE TABLE t (v); INSERT INTO t VALUES ('old'); PRAGMA user_version = 1;";
        history.execute_batch(made).unwrap();
        Self { folder, open: Some(history) }
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    fn archive(&self) -> PathBuf {
        self.folder.path().join("mine.backup")
    }

    fn back_up(&self) -> Result<Made, Error> {
        let (home, to) = (self.root(), self.archive());
        backup(&Request { home: &home, to: &to, is_forced: false, now: "2026-01-02T03:04:05.000Z".to_owned() })
    }

    fn restore(&self, is_forced: bool) -> Result<Restored, Error> {
        let (home, from) = (self.root(), self.archive());
        restore(&Restore { home: &home, from: &from, is_forced, used_by: None, layouts: LAYOUTS })
    }

    fn close(&mut self) {
        self.open = None;
    }

    /// Changes everything that a backup keeps.
    fn change(&mut self) {
        let history =
            self.open.get_or_insert_with(|| Connection::open(self.folder.path().join("home/history.db")).unwrap());
        history.execute_batch("UPDATE t SET v = 'new'").unwrap();
        fs::write(self.root().join("config/mcporch.toml"), "changed").unwrap();
        fs::write(self.root().join("config/later.json"), "came later").unwrap();
        fs::remove_file(self.root().join("config/more/registry.json")).unwrap();
    }

    /// What the home says, databases by their rows.
    fn state(&self) -> BTreeMap<String, String> {
        let contents = contents::of(&self.root()).unwrap();
        let told = |found: &contents::Found| {
            if found.is_database {
                let rows = Connection::open(&found.path).unwrap();
                return rows.query_row("SELECT v FROM t", [], |row| row.get(0)).unwrap();
            }
            fs::read_to_string(&found.path).unwrap()
        };
        contents.files.iter().map(|found| (found.name.clone(), told(found))).collect()
    }

    fn hidden(&self) -> Vec<String> {
        let names = fs::read_dir(self.root()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name.starts_with('.') && name != ".restore.lock").collect()
    }
}

#[test]
fn what_cannot_be_had_again_is_kept_while_the_home_is_used() {
    let home = Home::new();
    let made = home.back_up().unwrap();
    assert_eq!(made.parts, ["config/mcporch.toml", "config/more/registry.json", "history.db"]);
    assert_eq!((made.left_out, made.bytes), (Vec::<String>::new(), fs::metadata(home.archive()).unwrap().len()));
    assert_eq!(fs::read_dir(home.folder.path()).unwrap().count(), 2, "nothing else lies there");
    assert!(matches!(home.back_up(), Err(Error::Exists { .. })));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(fs::metadata(home.archive()).unwrap().permissions().mode() & 0o777, 0o600);
    }
}

#[test]
fn a_restored_home_is_as_it_was() {
    let mut home = Home::new();
    let before = home.state();
    home.back_up().unwrap();
    home.change();
    assert_ne!(home.state(), before);
    home.close();
    let restored = home.restore(false).unwrap();
    assert_eq!(home.state(), before);
    assert_eq!(restored.removed, ["config/later.json"]);
    assert_eq!(
        (restored.made_at.as_str(), restored.version.as_str()),
        ("2026-01-02T03:04:05.000Z", env!("CARGO_PKG_VERSION"))
    );
    assert_eq!(fs::read_to_string(home.root().join("models/big")).unwrap(), "can be had again");
    assert_eq!(fs::read_to_string(home.root().join("logs/servers/git.log")).unwrap(), "no state");
    assert_eq!(home.hidden(), [""; 0]);
}

#[test]
fn a_backup_can_be_restored_into_nothing() {
    let home = Home::new();
    let before = home.state();
    home.back_up().unwrap();
    let other = home.folder.path().join("other/home");
    let request = Restore { home: &other, from: &home.archive(), is_forced: false, used_by: None, layouts: LAYOUTS };
    restore(&request).unwrap();
    fs::remove_dir_all(home.root()).unwrap();
    fs::rename(&other, home.root()).unwrap();
    assert_eq!(home.state(), before);
}

#[cfg(unix)]
#[test]
fn programs_stay_programs_and_links_are_not_followed() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let home = Home::new();
    let program = home.root().join("config/start.sh");
    fs::write(&program, "#!/bin/sh").unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let elsewhere = home.folder.path().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    symlink(&elsewhere, home.root().join("config/linked")).unwrap();
    let made = home.back_up().unwrap();
    assert!(made.left_out.len() == 1 && made.left_out[0].contains("config/linked"), "{:?}", made.left_out);
    home.restore(true).unwrap();
    assert_eq!(fs::metadata(&program).unwrap().permissions().mode() & 0o777, 0o700);
    // A folder that became a link leads elsewhere, and nothing is written there.
    fs::rename(home.root().join("config"), home.folder.path().join("moved")).unwrap();
    symlink(home.folder.path().join("elsewhere"), home.root().join("config")).unwrap();
    assert!(matches!(home.restore(true), Err(Error::Link { .. })));
    assert_eq!(fs::read_dir(&elsewhere).unwrap().count(), 0);
}

#[test]
fn a_home_in_use_is_left_alone_unless_forced() {
    let home = Home::new();
    home.back_up().unwrap();
    let told = home.restore(false);
    let (root, from) = (home.root(), home.archive());
    let request =
        Restore { home: &root, from: &from, is_forced: false, used_by: Some("a daemon".to_owned()), layouts: LAYOUTS };
    assert!(matches!(restore(&request), Err(Error::InUse { by }) if by == "a daemon"));
    assert!(matches!(told, Err(Error::InUse { .. })), "{told:?}");
    let lock = Place::lock(&root).unwrap().unwrap();
    assert!(matches!(home.restore(true), Err(Error::InUse { .. })));
    drop(lock);
    home.restore(true).unwrap();
}

/// A crash after each single move, and before the first.
#[test]
fn a_crash_at_any_move_leaves_the_old_state_or_the_new_one() {
    let mut moves = 0;
    loop {
        let mut home = Home::new();
        let kept = home.state();
        home.back_up().unwrap();
        home.change();
        let changed = home.state();
        home.close();
        let staged = {
            // The same as a restore does, up to the journal.
            let place = Place::lock(&home.root()).unwrap().unwrap();
            place.start_afresh().unwrap();
            let bytes = unpacked(&home.archive());
            for (name, content) in &bytes {
                let to = place.staged(name);
                fs::create_dir_all(to.parent().unwrap()).unwrap();
                fs::write(to, content).unwrap();
            }
            let journal =
                Journal { replace: bytes.into_keys().collect(), remove: vec!["config/later.json".to_owned()] };
            if moves == 0 {
                assert_eq!(home.state(), changed, "before the journal the old state counts");
            }
            place.write(&journal).unwrap();
            let steps = place.steps(&journal).unwrap();
            let count = steps.len();
            steps.iter().take(moves).for_each(|step| step.go().unwrap());
            count
        };
        assert!(finish_interrupted(&home.root()).unwrap());
        assert_eq!(home.state(), kept, "after {moves} of {staged} moves");
        assert_eq!(home.hidden(), [""; 0]);
        assert!(!finish_interrupted(&home.root()).unwrap());
        if moves == staged {
            break;
        }
        moves += 1;
    }
    assert!(moves > 5);
}

#[test]
fn a_crash_before_the_journal_leaves_the_old_state() {
    let home = Home::new();
    let before = home.state();
    {
        let place = Place::lock(&home.root()).unwrap().unwrap();
        place.start_afresh().unwrap();
        let to = place.staged("config/mcporch.toml");
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::write(to, "half").unwrap();
    }
    assert!(!finish_interrupted(&home.root()).unwrap());
    assert_eq!((home.state(), home.hidden()), (before, Vec::new()));
}

#[test]
fn a_file_that_cannot_be_moved_gives_the_old_state_back() {
    let mut home = Home::new();
    home.back_up().unwrap();
    home.change();
    home.close();
    // A folder with something in it stands where a file should go.
    let in_the_way = home.root().join("config/more/registry.json/full");
    fs::create_dir_all(&in_the_way).unwrap();
    fs::write(home.root().join("config/more/registry.json-wal"), "x").unwrap();
    let before = (home.state(), in_the_way.is_dir());
    match home.restore(false) {
        // Where it could be moved aside, the restore went through.
        Ok(_) => assert!(home.root().join("config/more/registry.json").is_file()),
        Err(_) => assert_eq!((home.state(), in_the_way.is_dir()), before),
    }
}

/// Names and contents of the parts.
fn unpacked(archive: &Path) -> BTreeMap<String, Vec<u8>> {
    let file = fs::File::open(archive).unwrap();
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(file));
    let mut parts = BTreeMap::new();
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let name = entry.path().unwrap().to_str().unwrap().to_owned();
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        parts.insert(name, content);
    }
    parts.remove(manifest::NAME);
    parts
}

/// An archive of these parts with a manifest that fits, changed at will.
fn forged(to: &Path, parts: &[(&str, &[u8])], change: impl Fn(&mut serde_json::Value)) {
    let part = |(name, content): &(&str, &[u8])| {
        let (bytes, sha256) = pack::hash(*content).unwrap();
        let layout = name.ends_with(".db").then_some(1);
        manifest::Part { path: (*name).to_owned(), bytes, sha256, layout, is_program: false }
    };
    let manifest = manifest::Manifest {
        format: 1,
        mcporch: "9.9.9".to_owned(),
        made_at: String::new(),
        parts: parts.iter().map(part).collect(),
    };
    let mut manifest = serde_json::to_value(manifest).unwrap();
    change(&mut manifest);
    let mut archive =
        tar::Builder::new(flate2::write::GzEncoder::new(fs::File::create(to).unwrap(), flate2::Compression::fast()));
    let manifest = manifest.to_string().into_bytes();
    for (name, content) in [(manifest::NAME, manifest.as_slice())].iter().chain(parts) {
        let mut header = tar::Header::new_ustar();
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_size(content.len() as u64);
        header.set_mode(0o600);
        header.set_cksum();
        archive.append(&header, *content).unwrap();
    }
    archive.into_inner().unwrap().finish().unwrap();
}

#[test]
fn a_backup_that_is_not_as_it_was_made_changes_nothing() {
    let mut home = Home::new();
    home.back_up().unwrap();
    home.close();
    let before = home.state();
    let whole = fs::read(home.archive()).unwrap();
    let check = |what: &str, archive: &[u8]| {
        fs::write(home.archive(), archive).unwrap();
        let told = home.restore(false);
        assert!(matches!(told, Err(Error::Damaged { .. } | Error::Foreign { .. })), "{what}: {told:?}");
        assert_eq!((home.state(), home.hidden()), (before.clone(), Vec::new()), "{what}");
    };
    check("empty", b"");
    check("no archive", b"hello");
    check("a text", &[b'x'; 5000]);
    for length in (0..whole.len()).step_by(whole.len() / 40) {
        check(&format!("cut at {length}"), &whole[..length]);
    }
    for place in (0..whole.len() - 8).step_by(whole.len() / 40) {
        let mut damaged = whole.clone();
        damaged[place] ^= 0x55;
        fs::write(home.archive(), &damaged).unwrap();
        // A few bytes of the head say nothing of the content (the time, the system).
        match home.restore(false) {
            Ok(_) => assert!(place < 10, "byte {place} was changed and nobody saw it"),
            Err(_) => assert_eq!((home.state(), home.hidden()), (before.clone(), Vec::new()), "byte {place}"),
        }
    }
}

#[test]
fn forged_backups_are_refused() {
    let mut home = Home::new();
    home.close();
    let before = home.state();
    let outside = home.folder.path().join("evil");
    let check = |parts: &[(&str, &[u8])], change: &dyn Fn(&mut serde_json::Value), expected: &str| {
        forged(&home.archive(), parts, change);
        let told = home.restore(false).map(|restored| restored.parts).map_err(|fault| fault.to_string());
        assert!(told.as_ref().is_err_and(|told| told.contains(expected)), "{expected}: {told:?}");
        assert_eq!((home.state(), home.hidden()), (before.clone(), Vec::new()), "{expected}");
        assert!(!outside.exists());
    };
    let same = |_: &mut serde_json::Value| {};
    for name in [
        "../evil",
        "/evil",
        "config/../../evil",
        "./evil",
        "a//b",
        "c:evil",
        "..\\evil",
        "a\u{1}",
        "",
        ".restore/x",
        ".Restore.lock",
        "models/x",
        "index/x",
        "history.db-wal",
    ] {
        check(&[(name, b"x")], &same, "no name inside of a home");
    }
    check(&[("config/a", b"x"), ("config/A", b"y")], &same, "no name");
    check(&[("config", b"x"), ("config/a", b"y")], &same, "no name");
    check(
        &[("config/a", b"x")],
        &|manifest| manifest["parts"][0]["path"] = "config/b".into(),
        "is not where it belongs",
    );
    check(&[("config/a", b"x")], &|manifest| manifest["parts"][0]["bytes"] = 2.into(), "is not where it belongs");
    check(&[("config/a", b"x")], &|manifest| manifest["parts"][0]["sha256"] = "00".into(), "other content");
    check(
        &[("config/a", b"x"), ("config/b", b"y")],
        &|manifest| drop(manifest["parts"].as_array_mut().unwrap().pop()),
        "its end",
    );
    check(&[("config/a", b"x")], &|manifest| manifest["format"] = 2.into(), "newer mcporch (9.9.9)");
    check(&[("config/a", b"x")], &|manifest| *manifest = 7.into(), "no backup of mcporch");
    check(&[("history.db", b"x")], &same, "it is no database");
    let mut database = fs::read(home.root().join("history.db")).unwrap();
    database[60..64].copy_from_slice(&99_u32.to_be_bytes());
    check(&[("history.db", &database)], &same, "layout 99");
    let length = database.len();
    database[60..64].copy_from_slice(&1_u32.to_be_bytes());
    database[4096..length].fill(0x41);
    check(&[("history.db", &database)], &same, "history.db: ");
}

#[test]
fn a_backup_into_a_folder_that_cannot_be_written_says_so() {
    let home = Home::new();
    let to = home.folder.path().join("none/mine.backup");
    let told = backup(&Request { home: &home.root(), to: &to, is_forced: false, now: String::new() });
    assert!(matches!(told, Err(Error::File { .. })), "{told:?}");
    let mut other = fs::File::create(home.root().join("damaged.db")).unwrap();
    other.write_all(b"SQLite format 3\0 and then nonsense").unwrap();
    assert!(matches!(home.back_up(), Err(Error::Copy { .. })));
    assert!(!home.archive().exists());
    assert_eq!(fs::read_dir(home.folder.path()).unwrap().count(), 1);
}
