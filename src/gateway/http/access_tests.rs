//! Who is let in, and as whom.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::header::{AUTHORIZATION, HOST, HeaderName, ORIGIN};
use hyper::{HeaderMap, Method};
use tempfile::TempDir;

use crate::domain::{Moment, Scope};
use crate::gateway::http::request::Ends;
use crate::gateway::http::{ListedKeys, Rate};
use crate::keys::{KeyFile, KeyRing, NewKey};

use super::{Access, Refusal, ends_of};

const NOW: i64 = 1_000_000;

fn headers(said: &[(HeaderName, &str)]) -> HeaderMap {
    said.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect()
}

struct Doors {
    folder: TempDir,
    access: Access,
}

impl Doors {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let ring = KeyRing::open(KeyFile::at(folder.path().join("keys.json"))).unwrap();
        Self { folder, access: Access::new(Arc::new(ring), || NOW) }
    }

    fn key(&mut self, name: &str, scope: Scope, expires: Option<i64>) -> String {
        let file = KeyFile::at(self.folder.path().join("keys.json"));
        let new = NewKey { name: name.to_owned(), scope, expires: expires.map(Moment) };
        let made = file.create(new, Moment(0)).unwrap();
        self.access.ring = Arc::new(KeyRing::open(file).unwrap());
        made.key
    }

    #[cfg(unix)]
    fn list(&mut self, text: &str) {
        let file = self.folder.path().join("listed");
        std::fs::write(&file, text).unwrap();
        std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        self.access.listed = Some(ListedKeys::read(&file).unwrap());
    }

    /// As `NAME SCOPE`, or the slug of the refusal.
    fn visitor(&self, shown: Option<&str>, is_local: bool, from: &str) -> String {
        let from: IpAddr = from.parse().unwrap();
        let headers = shown.map(|shown| headers(&[(AUTHORIZATION, shown)])).unwrap_or_default();
        match self.access.visitor(&headers, Ends { here: from, from, is_local }) {
            Ok(visitor) => format!("{} {}", visitor.who, visitor.scope),
            Err(refusal) => refusal.slug().to_owned(),
        }
    }
}

fn check_request(method: &Method, host: &str, more: &[(HeaderName, &str)], expected: Result<(), Refusal>) {
    let mut access = Doors::new().access;
    access.allowed_hosts = vec!["mcp.example".to_owned(), "ported.example:81".to_owned()];
    access.allowed_origins = vec!["https://app.example".to_owned()];
    let mut headers = headers(more);
    headers.insert(HOST, host.parse().unwrap());
    let here = "192.0.2.7".parse().unwrap();
    let ends = Ends { here, from: here, is_local: false };
    assert_eq!(access.check(method, &headers, None, ends), expected, "{method} {host} {more:?}");
}

#[tokio::test]
async fn only_names_that_no_page_can_take_are_answered() {
    let check = |host, expected| check_request(&Method::POST, host, &[], expected);
    check("localhost:8080", Ok(()));
    check("127.0.0.1", Ok(()));
    check("[::1]:80", Ok(()));
    check("192.0.2.7:80", Ok(()));
    check("MCP.example:9", Ok(()));
    check("ported.example:81", Ok(()));
    check("ported.example:82", Err(Refusal::Host));
    check("evil.example", Err(Refusal::Host));
    check("localhost.evil.example", Err(Refusal::Host));
    check("[::1].evil.example", Err(Refusal::Host));
    check("192.0.2.8", Err(Refusal::Host));
}

#[test]
fn what_a_proxy_passes_on_does_not_come_from_this_machine() {
    let here: IpAddr = "127.0.0.1".parse().unwrap();
    let check = |said: &[(&'static str, &str)], expected: bool| {
        let said: Vec<_> = said.iter().map(|(name, value)| (HeaderName::from_static(name), *value)).collect();
        let ends = ends_of(&headers(&said), None, Ends { here, from: here, is_local: true });
        assert_eq!(ends.is_local, expected, "{said:?}");
    };
    check(&[("host", "localhost:8080")], true);
    check(&[("host", "[::1]:8080")], true);
    check(&[("host", "127.0.0.1")], true);
    check(&[("host", "mcp.example")], false);
    check(&[], false);
    for name in ["forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip"] {
        check(&[("host", "127.0.0.1:8080"), (name, "192.0.2.1")], false);
    }
    let far = Ends { here, from: here, is_local: false };
    assert!(!ends_of(&headers(&[(HOST, "localhost")]), None, far).is_local);
}

#[tokio::test]
async fn only_pages_of_this_machine_and_listed_ones_may_call() {
    let check = |origin, expected| check_request(&Method::POST, "localhost", &[(ORIGIN, origin)], expected);
    check("http://localhost:3000", Ok(()));
    check("https://app.example", Ok(()));
    check("http://app.example", Err(Refusal::Origin));
    check("https://evil.example", Err(Refusal::Origin));
    check("null", Err(Refusal::Origin));
    check("file://localhost", Err(Refusal::Origin));
}

#[tokio::test]
async fn what_pages_of_others_send_is_refused_but_for_looking_at_ours() {
    let (site, mode) = (super::FETCH_SITE, super::FETCH_MODE);
    let check =
        |method: Method, said: &[(HeaderName, &str)], expected| check_request(&method, "localhost", said, expected);
    check(Method::GET, &[(site.clone(), "none"), (mode.clone(), "navigate")], Ok(()));
    check(Method::GET, &[(site.clone(), "same-origin")], Ok(()));
    check(Method::GET, &[(site.clone(), "cross-site"), (mode.clone(), "navigate")], Ok(()));
    check(Method::GET, &[(site.clone(), "cross-site"), (mode.clone(), "no-cors")], Err(Refusal::CrossSite));
    check(Method::GET, &[(site.clone(), "cross-site")], Err(Refusal::CrossSite));
    check(Method::POST, &[(site.clone(), "cross-site"), (mode, "navigate")], Err(Refusal::CrossSite));
    check(Method::POST, &[(site, "cross-site"), (ORIGIN, "https://app.example")], Ok(()));
}

#[tokio::test]
async fn a_key_is_needed_from_other_machines_and_where_it_is_asked_for() {
    let mut doors = Doors::new();
    let ann = format!("Bearer {}", doors.key("ann", Scope::Viewer, None));
    let old = format!("Bearer {}", doors.key("old", Scope::Admin, Some(NOW)));
    let check = |doors: &Doors, shown: Option<&str>, is_local: bool, expected: &str| {
        assert_eq!(doors.visitor(shown, is_local, "127.0.0.1"), expected, "{shown:?} {is_local}");
    };
    check(&doors, None, true, "http admin");
    check(&doors, None, false, "key-needed");
    check(&doors, Some("Basic abc"), true, "http admin");
    check(&doors, Some("Basic abc"), false, "key-needed");
    check(&doors, Some("Bearer"), true, "key-unknown");
    check(&doors, Some("Bearer mo_no_no"), true, "key-unknown");
    // Who shows a key is its holder, and not everybody.
    check(&doors, Some(&ann), true, "ann viewer");
    check(&doors, Some(&ann), false, "ann viewer");
    check(&doors, Some(&ann.replace("Bearer", "bearer")), false, "ann viewer");
    // Who shows a key in another way is not taken for somebody without one.
    check(&doors, Some(&ann.replace("Bearer ", "")), true, "ann viewer");
    check(&doors, Some(&ann.replace("Bearer", "Basic")), true, "ann viewer");
    check(&doors, Some(&old.replace("Bearer ", "")), true, "key-expired");
    check(&doors, Some("mo_no_no"), true, "key-unknown");
    check(&doors, Some(" "), true, "http admin");
    check(&doors, Some(&old), false, "key-expired");
    doors.access.asks_always = true;
    check(&doors, None, true, "key-needed");
    check(&doors, Some(&ann), true, "ann viewer");
}

#[cfg(unix)]
#[tokio::test(start_paused = true)]
async fn who_guesses_waits_and_keeps_no_holder_of_a_made_key_out() {
    let mut doors = Doors::new();
    let ann = format!("Bearer {}", doors.key("ann", Scope::Admin, None));
    doors.list("bob:0123456789abcdef\n");
    let bob = "Bearer 0123456789abcdef";
    let check = |shown: &str, from: &str, expected: &str| {
        assert_eq!(doors.visitor(Some(shown), false, from), expected, "{shown} from {from}");
    };
    check(bob, "2001:db8::1", "bob caller");
    for _ in 0..super::WRONG_KEYS_BURST {
        check("Bearer 0000000000000000", "2001:db8::1", "key-unknown");
    }
    check("Bearer 0000000000000000", "2001:db8::1", "too-many-requests");
    check(bob, "2001:db8::2", "too-many-requests");
    check(bob, "2001:db8:0:1::1", "bob caller");
    check(&ann, "2001:db8::1", "ann admin");
    tokio::time::advance(Duration::from_secs(5)).await;
    check(bob, "2001:db8::1", "bob caller");
}

#[tokio::test]
async fn a_key_that_was_taken_back_is_no_longer_good_whatever_else_is_tried() {
    let mut doors = Doors::new();
    let ann = doors.key("ann", Scope::Admin, None);
    let from: IpAddr = "192.0.2.1".parse().unwrap();
    let file = KeyFile::at(doors.folder.path().join("keys.json"));
    for _ in 0..super::WRONG_KEYS_BURST + 5 {
        let _refused = doors.access.holder("mo_no_no", from);
    }
    assert!(matches!(doors.access.holder("mo_no_no", from), Err(Refusal::Guessing(_))));
    assert_eq!(doors.access.still_holds(&ann, from), Ok(()));
    file.revoke("ann").unwrap();
    doors.access.ring = Arc::new(KeyRing::open(file).unwrap());
    assert_eq!(doors.access.still_holds(&ann, from), Err(Refusal::Key));
}

#[tokio::test(start_paused = true)]
async fn each_key_and_each_address_may_come_so_often() {
    let mut doors = Doors::new();
    let ann = format!("Bearer {}", doors.key("ann", Scope::Admin, None));
    let bob = format!("Bearer {}", doors.key("bob", Scope::Admin, None));
    doors.access.rate = Some(Rate::new(2, 1));
    let check = |shown: Option<&str>, is_local: bool, from: &str, expected: &str| {
        assert_eq!(doors.visitor(shown, is_local, from), expected, "{shown:?} from {from}");
    };
    check(Some(&ann), false, "192.0.2.1", "ann admin");
    check(Some(&ann), false, "192.0.2.2", "ann admin");
    check(Some(&ann), false, "192.0.2.3", "too-many-requests");
    check(Some(&bob), false, "192.0.2.3", "bob admin");
    check(None, false, "192.0.2.4", "key-needed");
    check(None, false, "192.0.2.4", "key-needed");
    check(None, false, "192.0.2.4", "too-many-requests");
    check(None, false, "192.0.2.5", "key-needed");
    for _ in 0..5 {
        check(None, true, "127.0.0.1", "http admin");
    }
    tokio::time::advance(Duration::from_secs(1)).await;
    check(Some(&ann), false, "192.0.2.1", "ann admin");
}

#[tokio::test]
async fn a_scope_that_is_too_small_is_told() {
    let mut doors = Doors::new();
    let ann = doors.key("ann", Scope::Caller, None);
    let visitor = doors.access.holder(&ann, "192.0.2.1".parse().unwrap()).unwrap();
    let check =
        |needed: Scope, expected: bool| assert_eq!(doors.access.needs(&visitor, needed).is_ok(), expected, "{needed}");
    check(Scope::Viewer, true);
    check(Scope::Caller, true);
    check(Scope::Operator, false);
    let refusal = doors.access.needs(&visitor, Scope::Admin).unwrap_err();
    assert_eq!((refusal.status().as_u16(), refusal.slug()), (403, "scope-too-small"));
    assert!(refusal.message().contains("admin") && refusal.message().contains("caller"), "{}", refusal.message());
}
