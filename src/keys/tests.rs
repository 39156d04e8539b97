//! Keys through the door of the room.

use std::path::PathBuf;
use std::time::Duration;

use tempfile::TempDir;

use crate::domain::{Moment, Scope};

use super::{Error, KeyFile, KeyRing, NewKey, Verdict};

const NOW: Moment = Moment(1_000_000);

struct Keys {
    folder: TempDir,
}

impl Keys {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("home").join("keys.json")
    }

    fn file(&self) -> KeyFile {
        KeyFile::at(self.path())
    }

    fn make(&self, name: &str, scope: Scope, expires: Option<i64>) -> Result<String, Error> {
        let new = NewKey { name: name.to_owned(), scope, expires: expires.map(Moment) };
        self.file().create(new, NOW).map(|made| made.key)
    }
}

fn check(ring: &KeyRing, key: &str, at: i64, expected: &str) {
    let told = match ring.check(key, Moment(at)) {
        Verdict::Known(holder) => format!("{} {}", holder.name, holder.scope),
        Verdict::Expired => "expired".to_owned(),
        Verdict::Unknown => "unknown".to_owned(),
    };
    assert_eq!(told, expected, "{key} at {at}");
}

#[tokio::test]
async fn a_key_opens_for_its_holder_alone_and_until_its_end() {
    let keys = Keys::new();
    let ann = keys.make("ann", Scope::Operator, None).unwrap();
    let bob = keys.make("bob at home", Scope::Viewer, Some(2_000_000)).unwrap();
    let ring = KeyRing::open(keys.file()).unwrap();
    check(&ring, &ann, 1_000_000, "ann operator");
    check(&ring, &bob, 1_999_999, "bob at home viewer");
    check(&ring, &bob, 2_000_000, "expired");
    check(&ring, &ann[..ann.len() - 1], 1_000_000, "unknown");
    check(&ring, &format!("{}x", &ann[..ann.len() - 1]), 1_000_000, "unknown");
    // The secret of one with the id of another.
    check(&ring, &format!("{}{}", &ann[..12], &bob[12..]), 1_000_000, "unknown");
    check(&ring, "mo_", 1_000_000, "unknown");
    check(&ring, "", 1_000_000, "unknown");
    check(&ring, &"mo_a_".repeat(1000), 1_000_000, "unknown");
}

#[test]
fn a_key_looks_like_one_and_its_secret_is_nowhere() {
    let keys = Keys::new();
    let (first, second) = (keys.make("a", Scope::Admin, None).unwrap(), keys.make("b", Scope::Admin, None).unwrap());
    let parts: Vec<&str> = first.splitn(3, '_').collect();
    assert_eq!((parts[0], parts[1].len(), parts[2].len()), ("mo", 8, 43));
    assert_ne!(first[12..], second[12..]);
    let text = std::fs::read_to_string(keys.path()).unwrap();
    assert!(text.contains(parts[1]) && !text.contains(parts[2]), "{text}");
    #[cfg(unix)]
    assert_eq!(
        std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(keys.path()).unwrap().permissions()) & 0o777,
        0o600
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_made_and_revoked_meanwhile_is_seen() {
    let keys = Keys::new();
    let ring = KeyRing::open(keys.file()).unwrap();
    assert!(ring.is_empty(NOW));
    let ann = keys.make("ann", Scope::Caller, None).unwrap();
    tokio::time::advance(Duration::from_secs(1)).await;
    check(&ring, &ann, 1_000_000, "ann caller");
    assert!(!ring.is_empty(NOW));
    assert_eq!(keys.file().revoke("ann").unwrap().scope, Scope::Caller);
    tokio::time::advance(Duration::from_secs(1)).await;
    check(&ring, &ann, 1_000_000, "unknown");
    // A file that cannot be read lets nobody in.
    let bob = keys.make("bob", Scope::Caller, None).unwrap();
    tokio::time::advance(Duration::from_secs(1)).await;
    check(&ring, &bob, 1_000_000, "bob caller");
    std::fs::write(keys.path(), "{").unwrap();
    tokio::time::advance(Duration::from_secs(1)).await;
    check(&ring, &bob, 1_000_000, "unknown");
}

#[tokio::test]
async fn the_last_use_is_written_at_most_once_a_minute_and_brings_nothing_back() {
    let keys = Keys::new();
    let ann = keys.make("ann", Scope::Caller, None).unwrap();
    keys.make("bob", Scope::Caller, None).unwrap();
    let ring = KeyRing::open(keys.file()).unwrap();
    let used = || -> Vec<Option<i64>> {
        keys.file().list().unwrap().iter().map(|key| key.last_used.map(|moment| moment.0)).collect()
    };
    ring.write_used().unwrap();
    assert_eq!(used(), [None, None]);
    check(&ring, &ann, 1_000_000, "ann caller");
    ring.write_used().unwrap();
    assert_eq!(used(), [Some(1_000_000), None]);
    check(&ring, &ann, 1_059_999, "ann caller");
    ring.write_used().unwrap();
    assert_eq!(used(), [Some(1_000_000), None]);
    check(&ring, &ann, 1_060_000, "ann caller");
    keys.file().revoke("bob").unwrap();
    ring.write_used().unwrap();
    assert_eq!(used(), [Some(1_060_000)]);
}

#[test]
fn what_cannot_be_is_refused_with_what_to_do() {
    let keys = Keys::new();
    keys.make("ann", Scope::Caller, None).unwrap();
    let id = keys.file().list().unwrap()[0].id.clone();
    let check = |name: &str, expected: &str| {
        let fault = keys.make(name, Scope::Caller, None).unwrap_err().to_string();
        assert!(fault.contains(expected), "{name:?}: {fault}");
    };
    check("ann", "already");
    check(&id, "already");
    check("", "no name of a key");
    check(" ann", "no name of a key");
    check("a\nb", "no name of a key");
    check("<b>", "no name of a key");
    check(&"a".repeat(65), "no name of a key");
    assert!(matches!(keys.file().revoke("nobody"), Err(Error::Unknown(_))));
    keys.file().revoke(&id).unwrap();
    assert_eq!(keys.file().list().unwrap(), []);
    std::fs::write(keys.path(), r#"{"version": 2, "keys": []}"#).unwrap();
    assert!(keys.make("ann", Scope::Caller, None).unwrap_err().to_string().contains("newer mcporch"));
}

#[cfg(unix)]
#[test]
fn a_file_that_others_can_read_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let keys = Keys::new();
    keys.make("ann", Scope::Caller, None).unwrap();
    std::fs::set_permissions(keys.path(), std::fs::Permissions::from_mode(0o640)).unwrap();
    assert!(matches!(keys.file().list(), Err(Error::Mode(_))));
}

#[cfg(unix)]
#[tokio::test(start_paused = true)]
async fn a_file_that_can_be_read_again_opens_again() {
    use std::os::unix::fs::PermissionsExt;
    let keys = Keys::new();
    let ann = keys.make("ann", Scope::Caller, None).unwrap();
    let ring = KeyRing::open(keys.file()).unwrap();
    let is_known = || matches!(ring.check(&ann, Moment(0)), Verdict::Known(_));
    let mode = |mode| std::fs::set_permissions(keys.path(), std::fs::Permissions::from_mode(mode)).unwrap();
    assert!(is_known());
    mode(0o644);
    keys.make("bob", Scope::Caller, None).unwrap_err();
    // Another file of the same mode: the stamp is a new one, and stays so while the mode is mended.
    std::fs::copy(keys.path(), keys.path().with_extension("copy")).unwrap();
    std::fs::rename(keys.path().with_extension("copy"), keys.path()).unwrap();
    tokio::time::advance(Duration::from_secs(1)).await;
    assert!(!is_known());
    mode(0o600);
    tokio::time::advance(Duration::from_secs(1)).await;
    assert!(is_known());
}
