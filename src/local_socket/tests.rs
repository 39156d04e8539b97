//! Where the socket lies, who may have it, and both sides speaking over it.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::*;

fn around(asked: Option<&Path>, runtime: Option<&Path>, temporary: &Path) -> Surroundings {
    Surroundings {
        asked: asked.map(Path::to_owned),
        runtime: runtime.map(Path::to_owned),
        temporary: temporary.to_owned(),
    }
}

#[test]
fn what_is_asked_for_makes_the_name() {
    let name = |parts: &[&str]| name_of(parts.iter().map(|part| part.as_bytes()));
    assert_eq!(name(&["a", "b"]), name(&["a", "b"]));
    assert_ne!(name(&["a", "b"]), name(&["ab"]));
    assert_ne!(name(&["a", "b"]), name(&["b", "a"]));
    assert_eq!(name(&[]).len(), 16);
}

#[test]
fn the_folder_asked_for_wins_and_a_long_one_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let asked = folder.path().join("run");
    let place = Place::find(&around(Some(&asked), Some(folder.path()), folder.path()), "n").unwrap();
    assert_eq!(place.socket(), asked.join("n.sock"));
    let place = Place::find(&around(None, Some(folder.path()), Path::new("/nowhere")), "n").unwrap();
    assert_eq!(place.socket(), folder.path().join("mcporch/n.sock"));
    let long = folder.path().join("x".repeat(120));
    let fault = Place::find(&around(Some(&long), None, folder.path()), "n").unwrap_err().to_string();
    assert!(fault.contains("daemon.run_folder") && fault.contains(&"x".repeat(120)), "{fault}");
    // What nobody asked for gives way to a shorter one.
    fs::create_dir_all(&long).unwrap();
    let place = Place::find(&around(None, Some(&long), &long), "n").unwrap();
    assert!(place.socket().as_os_str().len() < 100, "{}", place.socket().display());
}

#[test]
fn the_folder_is_made_for_us_alone_and_an_open_one_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let place = Place::find(&around(None, Some(folder.path()), folder.path()), "n").unwrap();
    place.prepare().unwrap();
    assert_eq!(mode(place.folder()), 0o700);
    fs::set_permissions(place.folder(), Permissions::from_mode(0o777)).unwrap();
    place.prepare().unwrap();
    assert_eq!(mode(place.folder()), 0o700);

    let asked: PathBuf = folder.path().join("asked");
    let place = Place::find(&around(Some(&asked), None, folder.path()), "n").unwrap();
    place.prepare().unwrap();
    fs::set_permissions(&asked, Permissions::from_mode(0o777)).unwrap();
    assert!(matches!(place.prepare(), Err(Error::FolderOpen { mode: 0o777, .. })));
    fs::remove_dir(&asked).unwrap();
    fs::write(&asked, "").unwrap();
    assert!(matches!(place.prepare(), Err(Error::Folder { .. })));
}

#[test]
fn a_folder_of_another_user_is_refused_by_name() {
    if !rustix::process::geteuid().is_root() {
        return println!("skipped: only root can make a folder somebody else's");
    }
    let folder = tempfile::tempdir().unwrap();
    let asked = folder.path().join("run");
    let place = Place::find(&around(Some(&asked), None, folder.path()), "n").unwrap();
    place.prepare().unwrap();
    std::os::unix::fs::chown(&asked, Some(65_534), None).unwrap();
    let fault = place.prepare().unwrap_err().to_string();
    assert!(fault.contains("user 65534") && fault.contains("daemon.run_folder"), "{fault}");
}

#[test]
fn one_holds_the_lock_and_takes_its_socket_along() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::find(&around(Some(folder.path()), None, folder.path()), "n").unwrap();
    // Left behind by the dead: a lock file, and a socket that nobody listens on.
    fs::write(place.lock_file(), "1").unwrap();
    drop(UnixListener::bind(place.socket()).unwrap());
    assert!(matches!(Connection::open(&place.socket()), Err(Error::NoDaemon { .. })));

    let lock = Lock::try_take(&place).unwrap().unwrap();
    assert!(Lock::try_take(&place).unwrap().is_none());
    assert_eq!(Lock::holder(&place), Some(std::process::id()));
    let listener = bind(&place, &lock).unwrap();
    Connection::open(&place.socket()).unwrap();
    drop(listener);
    drop(lock);
    assert!(!place.socket().exists());
    assert!(Lock::try_take(&place).unwrap().is_some());
}

#[test]
fn a_daemon_that_says_nothing_or_nonsense_is_given_up() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::find(&around(Some(folder.path()), None, folder.path()), "n").unwrap();
    let lock = Lock::try_take(&place).unwrap().unwrap();
    let listener = bind(&place, &lock).unwrap();
    let ask = || request(&place.socket(), "ping", serde_json::Value::Null, Duration::from_millis(50));
    assert!(matches!(ask(), Err(Error::TimedOut { .. })));
    let _silent = listener.accept().unwrap();
    let answering = std::thread::spawn(move || {
        use std::io::Write;
        for answer in ["nonsense\n", ""] {
            let (mut stream, _) = listener.accept().unwrap();
            stream.write_all(answer.as_bytes()).unwrap();
        }
    });
    assert!(matches!(ask(), Err(Error::Malformed { .. } | Error::Closed { .. } | Error::Io { .. })));
    let gone = ask().unwrap_err();
    assert!(gone.is_absence(), "{gone}");
    answering.join().unwrap();
}

#[test]
fn values_of_variables_are_not_shown() {
    let environment = Environment([("KEY".to_owned(), "hunter2".to_owned())].into());
    let shown = format!("{environment:?}");
    assert!(shown.contains("KEY") && !shown.contains("hunter2"), "{shown}");
}
