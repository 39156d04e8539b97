//! Logins, refreshes and refusals against an issuer and a server of our own on this machine.

mod issuer;

use std::cell::Cell;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::sync::mpsc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tempfile::TempDir;
use tokio_util::task::TaskTracker;
use url::Url;

use issuer::{Running, World};

use super::*;
use crate::domain::{ServerName, error_chain};
use crate::upstream::{AuthFault, Authorizer, Challenge};

thread_local! {
    /// The wall clock of one test, in milliseconds.
    static NOW_MS: Cell<i64> = const { Cell::new(1_800_000_000_000) };
}

fn now_ms() -> i64 {
    NOW_MS.get()
}

fn pass(seconds: i64) {
    NOW_MS.set(now_ms() + seconds * 1000);
}

/// A server, its issuer, and a home.
struct Stage {
    running: Running,
    folder: TempDir,
    target: Target,
}

impl Stage {
    fn with(change: impl FnOnce(&mut World)) -> Self {
        let running = Running::start();
        change(&mut running.world());
        let target = Target::new(ServerName::parse("far").unwrap(), running.url());
        Self { running, folder: tempfile::tempdir().unwrap(), target }
    }

    fn new() -> Self {
        Self::with(|_| {})
    }

    fn store(&self) -> Store {
        Store::at(self.folder.path().join("credentials"))
    }

    /// As after a restart: knows only what is on the disk.
    fn authorizer(&self) -> StoredAuthorizer {
        StoredAuthorizer::new(self.target.clone(), self.store(), Consent::Ask, now_ms)
    }

    async fn log_in(&self) -> Result<State, Error> {
        let callback = Callback::listen(None).await.unwrap();
        log_in(&self.target, &self.store(), &callback, Person::Nobody, now_ms).await
    }

    /// What a login that must fail is told, with all causes.
    async fn login_fault(&self) -> String {
        let fault = error_chain(&self.log_in().await.unwrap_err());
        assert_eq!(self.authorizer().authorization().await, Ok(None), "something was kept");
        fault
    }

    fn files(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.folder.path().join("credentials")).unwrap();
        entries.map(|entry| entry.unwrap().path()).collect()
    }

    fn sealed(&self) -> PathBuf {
        self.files().into_iter().find(|file| file.extension().is_some_and(|end| end == "sealed")).unwrap()
    }
}

fn token(number: u32) -> Result<Option<String>, AuthFault> {
    Ok(Some(format!("Bearer access-token-{number}")))
}

fn refusal(status: u16, challenge: &str, used: Option<u32>) -> Challenge {
    let used = used.map(|number| format!("Bearer access-token-{number}"));
    Challenge { status, www_authenticate: Some(challenge.to_owned()), used }
}

#[tokio::test]
async fn a_login_gives_a_token_for_this_server_alone() {
    let stage = Stage::new();
    assert_eq!(stage.authorizer().authorization().await, Ok(None));
    let made = stage.log_in().await.unwrap();
    assert!(made.logged_in && made.can_refresh && !made.wants_login, "{made:?}");
    assert_eq!(made.issuer, Some(stage.running.issuer()));
    assert_eq!(stage.authorizer().authorization().await, token(1));

    let resource = stage.running.url().to_string();
    let authorized = stage.running.world().authorized.clone();
    assert_eq!(authorized["resource"], resource);
    assert_eq!(authorized["code_challenge_method"], "S256");
    assert!(!authorized.contains_key("scope"), "rights were asked for that nobody named");
    assert_eq!(stage.running.world().token_forms[0]["resource"], resource);
    let asked = stage.running.world().asked.clone();
    assert_eq!(asked.iter().filter(|asked| *asked == "POST /register").count(), 1);

    let elsewhere = Url::parse(&format!("{}?account=2", stage.running.url())).unwrap();
    let other = Target::new(stage.target.server.clone(), elsewhere);
    assert_eq!(state(&other, &stage.store(), now_ms()).await.unwrap(), None);
}

#[tokio::test]
async fn what_is_kept_is_sealed_and_nobody_elses() {
    let stage = Stage::new();
    stage.log_in().await.unwrap();
    for file in stage.files() {
        let bytes = std::fs::read(&file).unwrap();
        assert!(!String::from_utf8_lossy(&bytes).contains("token-1"), "{}", file.display());
        #[cfg(unix)]
        if file.extension().is_none_or(|end| end != "lock") {
            let mode = std::os::unix::fs::PermissionsExt::mode(&file.metadata().unwrap().permissions());
            assert_eq!(mode & 0o077, 0, "{}", file.display());
        }
    }
    let authorizer = stage.authorizer();
    authorizer.authorization().await.unwrap();
    assert!(!format!("{authorizer:?} {:?}", refusal(401, "", Some(1))).contains("token-1"));
    assert_eq!(crate::secrets::redactor().redact("access-token-1 refresh-token-1"), "[hidden] [hidden]");
}

#[tokio::test]
async fn a_token_is_refreshed_before_it_expires_and_survives_a_restart() {
    let stage = Stage::new();
    stage.log_in().await.unwrap();
    let authorizer = stage.authorizer();
    pass(3500);
    assert_eq!(authorizer.authorization().await, token(1));
    pass(60);
    assert_eq!(authorizer.authorization().await, token(2));
    assert_eq!(authorizer.authorization().await, token(2));
    assert_eq!(stage.authorizer().authorization().await, token(2));
    // A laptop slept for a week.
    pass(7 * 24 * 3600);
    assert_eq!(stage.authorizer().authorization().await, token(3));
    // Its clock was set back by a day: nothing is known of the time that is left.
    pass(-24 * 3600);
    assert_eq!(stage.authorizer().authorization().await, token(4));
    let forms = stage.running.world().token_forms.clone();
    let refreshes: Vec<_> = forms.iter().filter(|form| form["grant_type"] == "refresh_token").collect();
    assert_eq!(refreshes.len(), 3);
    assert!(refreshes.iter().all(|form| form["resource"] == stage.running.url().as_str()));
    assert!(refreshes.iter().all(|form| form["client_id"] == "registered"));
}

#[tokio::test]
async fn many_who_need_a_token_refresh_it_once() {
    let stage = Stage::new();
    stage.log_in().await.unwrap();
    pass(3600);
    // Two of them share a process, the third has its own memory and only the lock in common.
    let (one, two) = (stage.authorizer(), stage.authorizer());
    let same = one.clone();
    let (first, second, third) = tokio::join!(one.authorization(), same.authorization(), two.authorization());
    assert_eq!((first, second, third), (token(2), token(2), token(2)));
    assert_eq!(stage.running.world().token_forms.len(), 2);
}

#[tokio::test]
async fn a_refresh_goes_on_when_its_caller_leaves() {
    let stage = Stage::new();
    stage.log_in().await.unwrap();
    pass(3600);
    let tasks = TaskTracker::new();
    let authorizer = StoredAuthorizer::new_among(&tasks, stage.target.clone(), stage.store(), Consent::Ask, now_ms);
    {
        let mut asking = authorizer.authorization();
        // Until the refresh is on its way, then never again.
        while stage.running.world().token_forms.len() < 2 {
            let turn = tokio::time::timeout(Duration::from_millis(1), &mut asking).await;
            if turn.is_ok() {
                break;
            }
        }
    }
    drop(authorizer);
    tasks.close();
    tasks.wait().await;
    assert_eq!(stage.authorizer().authorization().await, token(2));
    assert_eq!(stage.running.world().token_forms.len(), 2);
}

#[tokio::test]
async fn a_revoked_refresh_token_needs_a_login_and_is_tried_once() {
    let stage = Stage::new();
    stage.log_in().await.unwrap();
    stage.running.world().refresh_revoked = true;
    pass(3600);
    let authorizer = stage.authorizer();
    for _ in 0..3 {
        let fault = authorizer.authorization().await.unwrap_err();
        assert!(fault.needs_login && fault.message.contains("run `mcporch auth login far`"), "{fault:?}");
    }
    assert_eq!(stage.running.world().token_forms.len(), 2);
    let found = state(&stage.target, &stage.store(), now_ms()).await.unwrap().unwrap();
    assert!(!found.logged_in, "{found:?}");
    stage.running.world().refresh_revoked = false;
    stage.log_in().await.unwrap();
    assert_eq!(stage.authorizer().authorization().await, token(2));
}

#[tokio::test]
async fn an_issuer_that_is_down_costs_no_login() {
    let stage = Stage::new();
    stage.log_in().await.unwrap();
    stage.running.world().is_down = true;
    let authorizer = stage.authorizer();
    // Nearly expired: it will do for now.
    pass(3590);
    assert_eq!(authorizer.authorization().await, token(1));
    pass(60);
    let fault = authorizer.authorization().await.unwrap_err();
    assert!(!fault.needs_login && fault.message.contains("HTTP 503"), "{fault:?}");
    stage.running.world().is_down = false;
    pass(11);
    assert_eq!(authorizer.authorization().await, token(2));
}

#[tokio::test]
async fn an_issuer_that_is_down_is_asked_once_for_many_who_wait() {
    let stage = Stage::new();
    stage.log_in().await.unwrap();
    stage.running.world().is_down = true;
    let authorizer = stage.authorizer();
    let count = || stage.running.world().asked.iter().filter(|asked| *asked == "POST /token").count();
    let before = count();
    pass(3590);
    for _ in 0..5 {
        assert_eq!(authorizer.authorization().await, token(1));
    }
    assert_eq!(count(), before + 1);
    // A refusal is not cured by asking more often either, and no login is wanted for it.
    let refused = refusal(401, &stage.running.challenge(), Some(1));
    let fault = authorizer.refused(&refused).await.unwrap_err();
    assert!(!fault.needs_login && fault.message.contains("HTTP 503"), "{fault:?}");
    assert_eq!(count(), before + 1);
    pass(11);
    authorizer.refused(&refused).await.unwrap_err();
    assert_eq!(count(), before + 2);
    // What another process got is taken at once.
    stage.running.world().is_down = false;
    assert_eq!(stage.authorizer().authorization().await, token(2));
    assert_eq!(authorizer.refused(&refused).await, Ok(true));
}

#[tokio::test]
async fn faults_of_discovery_and_login_are_named_and_nothing_is_kept() {
    let check = async |change: &dyn Fn(&mut World), expected: &str, never_asked: &str| {
        let stage = Stage::with(change);
        let fault = stage.login_fault().await;
        assert!(fault.contains(expected), "{expected}: {fault}");
        assert!(!fault.contains("code-of-the-issuer"), "{fault}");
        let asked = stage.running.world().asked.clone();
        assert!(!asked.iter().any(|asked| asked == never_asked), "{expected}: {asked:?}");
    };
    let other = || Some("https://evil.example/mcp".to_owned());
    check(&|world| world.resource = other(), "mismatch", "POST /register").await;
    check(&|world| world.iss = other(), "issuer mismatch", "POST /token").await;
    check(&|world| world.issuer_named = Some("https://10.1.2.3".to_owned()), "10.1.2.3", "GET /authorize").await;
    let inside = || Some("https://169.254.169.254/token".to_owned());
    check(&|world| world.token_endpoint = inside(), "a link-local address", "POST /register").await;
    let clear = || Some("http://example.com/token".to_owned());
    check(&|world| world.token_endpoint = clear(), "in the clear", "POST /register").await;
    check(&|world| world.no_registration = true, "client_id", "GET /authorize").await;
    check(&|world| world.denies = true, "access_denied", "POST /token").await;
    check(&|world| world.token_redirect = other(), "getting a token failed", "GET /elsewhere").await;
}

#[tokio::test]
async fn a_refusal_without_a_login_says_what_to_do_and_the_login_starts_from_it() {
    let stage = Stage::with(|world| world.scopes_supported = vec!["offline_access".to_owned()]);
    let authorizer = stage.authorizer();
    stage.running.world().wanted_scope = Some("files:read".to_owned());
    let fault = authorizer.refused(&refusal(401, &stage.running.challenge(), None)).await.unwrap_err();
    assert!(fault.needs_login && fault.message.contains("run `mcporch auth login far`"), "{fault:?}");
    stage.running.world().wanted_scope = None;
    assert!(state(&stage.target, &stage.store(), now_ms()).await.unwrap().unwrap().wants_login);
    stage.log_in().await.unwrap();
    assert_eq!(stage.running.world().authorized["scope"], "files:read offline_access");
    assert!(!state(&stage.target, &stage.store(), now_ms()).await.unwrap().unwrap().wants_login);
}

#[tokio::test]
async fn a_token_that_is_refused_is_refreshed_once() {
    let stage = Stage::new();
    stage.log_in().await.unwrap();
    let authorizer = stage.authorizer();
    let challenge = stage.running.challenge();
    assert_eq!(authorizer.refused(&refusal(401, &challenge, Some(1))).await, Ok(true));
    assert_eq!(authorizer.authorization().await, token(2));
    // Somebody was slower, and tried with the old one.
    assert_eq!(authorizer.refused(&refusal(401, &challenge, Some(1))).await, Ok(true));
    assert_eq!(stage.running.world().token_forms.len(), 2);
    let fault = authorizer.refused(&refusal(401, &challenge, Some(2))).await.unwrap_err();
    assert!(fault.needs_login, "{fault:?}");
    assert_eq!(stage.running.world().token_forms.len(), 2);
    // A refusal that is about no token is the server's own affair.
    assert_eq!(authorizer.refused(&refusal(403, "", Some(2))).await, Ok(false));
}

#[tokio::test]
async fn more_rights_are_asked_for_once() {
    let stage = Stage::with(|world| world.wanted_scope = Some("read".to_owned()));
    stage.log_in().await.unwrap();
    let authorizer = stage.authorizer();
    let challenge = format!("{}, error=\"insufficient_scope\"", stage.running.challenge().replace("read", "write"));
    let fault = authorizer.refused(&refusal(403, &challenge, Some(1))).await.unwrap_err();
    assert!(fault.needs_login && fault.message.contains("`write`"), "{fault:?}");
    // What it has goes on working.
    assert_eq!(authorizer.authorization().await, token(1));
    stage.log_in().await.unwrap();
    assert_eq!(stage.running.world().authorized["scope"], "read write");
    let fault = stage.authorizer().refused(&refusal(403, &challenge, Some(2))).await.unwrap_err();
    assert!(fault.message.contains("which the last login asked for"), "{fault:?}");
}

#[tokio::test]
async fn with_an_issuer_that_asks_nobody_a_refusal_is_cured_a_few_times() {
    let stage = Stage::with(|world| world.no_refresh = true);
    let authorizer = StoredAuthorizer::new(stage.target.clone(), stage.store(), Consent::Follow, now_ms);
    let challenge = stage.running.challenge();
    assert_eq!(authorizer.refused(&refusal(401, &challenge, None)).await, Ok(true));
    assert_eq!(authorizer.authorization().await, token(1));
    for used in 1..3 {
        assert_eq!(authorizer.refused(&refusal(401, &challenge, Some(used))).await, Ok(true));
    }
    assert!(authorizer.refused(&refusal(401, &challenge, Some(3))).await.unwrap_err().needs_login);
}

#[tokio::test]
async fn an_identity_is_what_the_operator_wrote_else_our_document_else_registered() {
    let mut stage = Stage::with(|world| world.no_registration = true);
    stage.target.client_metadata_url = Some("https://mcporch.example/client.json".to_owned());
    stage.log_in().await.unwrap();
    assert_eq!(stage.running.world().authorized["client_id"], "https://mcporch.example/client.json");

    stage.target.client_id = Some("given".to_owned());
    stage.target.client_secret = Some("given-secret".to_owned());
    stage.log_in().await.unwrap();
    assert_eq!(stage.running.world().authorized["client_id"], "given");
    pass(3600);
    assert_eq!(stage.authorizer().authorization().await, token(3));
    let heads = stage.running.world().token_heads.clone();
    assert_eq!(heads[1..], [basic("given", "given-secret"), basic("given", "given-secret")]);

    let stage = Stage::with(|world| world.gives_secret = true);
    stage.log_in().await.unwrap();
    pass(3600);
    assert_eq!(stage.authorizer().authorization().await, token(2));
    let forms = stage.running.world().token_forms.clone();
    assert!(forms.iter().all(|form| form["client_secret"] == "secret-of-the-program"), "{forms:?}");
}

#[tokio::test]
async fn the_operators_secret_goes_to_the_issuer_of_the_last_login_alone() {
    let mut stage = Stage::new();
    stage.target.client_id = Some("given".to_owned());
    stage.target.client_secret = Some("given-secret".to_owned());
    stage.log_in().await.unwrap();
    let other = Running::start();
    stage.running.world().issuer_named = Some(other.issuer());
    let fault = stage.log_in().await.unwrap_err();
    assert!(matches!(fault, Error::OtherIssuer { .. }) && fault.to_string().contains(&other.issuer()), "{fault}");
    assert!(other.world().token_forms.is_empty());
    assert_eq!(log_out(&stage.target, &stage.store()).await.unwrap(), LoggedOut::Revoked);
    stage.log_in().await.unwrap();
    assert_eq!(other.world().token_forms.len(), 1);
}

#[tokio::test]
async fn a_damaged_file_is_named_and_a_login_mends_it() {
    let stage = Stage::new();
    stage.log_in().await.unwrap();
    let path = stage.sealed();
    let whole = std::fs::read(&path).unwrap();
    let mut flipped = whole.clone();
    *flipped.last_mut().unwrap() ^= 1;
    for damaged in [&flipped[..], &whole[..20], b"", b"something else"] {
        std::fs::write(&path, damaged).unwrap();
        let fault = stage.authorizer().authorization().await.unwrap_err();
        assert!(fault.needs_login && fault.message.contains("damaged"), "{fault:?}");
    }
    stage.log_in().await.unwrap();
    assert_eq!(stage.authorizer().authorization().await, token(2));
    // What was sealed for one server is nothing for another.
    let other = Target::new(ServerName::parse("other").unwrap(), stage.running.url());
    std::fs::copy(stage.sealed(), stage.store().file(&other)).unwrap();
    assert!(matches!(state(&other, &stage.store(), now_ms()).await, Err(Error::Damaged { .. })));
}

#[tokio::test]
async fn a_logout_is_told_to_the_issuer() {
    let stage = Stage::new();
    assert_eq!(log_out(&stage.target, &stage.store()).await.unwrap(), LoggedOut::WasNot);
    stage.log_in().await.unwrap();
    assert_eq!(log_out(&stage.target, &stage.store()).await.unwrap(), LoggedOut::Revoked);
    assert_eq!(stage.running.world().revoked, ["refresh-token-1", "access-token-1"]);
    assert_eq!(stage.authorizer().authorization().await, Ok(None));
    stage.log_in().await.unwrap();
    stage.running.world().is_down = true;
    let ended = log_out(&stage.target, &stage.store()).await.unwrap();
    assert!(matches!(&ended, LoggedOut::NotRevoked { why } if why.contains("503")), "{ended:?}");
    assert_eq!(stage.authorizer().authorization().await, Ok(None));
}

#[tokio::test]
async fn the_browser_comes_back_to_us_and_others_find_nothing() {
    let stage = Stage::new();
    let callback = Callback::listen(None).await.unwrap();
    let (sender, pages) = mpsc::channel();
    let redirect_uri = callback.redirect_uri().clone();
    let show = move |url: &Url| {
        let (url, sender, redirect_uri) = (url.clone(), sender.clone(), redirect_uri.clone());
        // A browser, and before it a page that guesses.
        std::thread::spawn(move || {
            let _silent = TcpStream::connect(address(&redirect_uri)).unwrap();
            sender.send(get(&Url::parse(&format!("{redirect_uri}?code=x&state=guessed")).unwrap())).unwrap();
            sender.send(get(&redirect_uri.join("/favicon.ico").unwrap())).unwrap();
            let answer = get(&url);
            let to = answer.lines().find_map(|line| line.strip_prefix("Location: ")).unwrap();
            sender.send(get(&Url::parse(to).unwrap())).unwrap();
        });
    };
    let person = Person::InBrowser { show: &show, deadline: Duration::from_secs(30) };
    log_in(&stage.target, &stage.store(), &callback, person, now_ms).await.unwrap();
    assert_eq!(stage.authorizer().authorization().await, token(1));
    assert!(pages.recv().unwrap().starts_with("HTTP/1.1 404"));
    assert!(pages.recv().unwrap().starts_with("HTTP/1.1 404"));
    assert!(pages.recv().unwrap().contains("You are back"));
}

#[tokio::test]
async fn nobody_is_waited_for_for_ever() {
    let stage = Stage::new();
    let callback = Callback::listen(None).await.unwrap();
    let person = Person::InBrowser { show: &|_| {}, deadline: Duration::from_millis(1) };
    let fault = log_in(&stage.target, &stage.store(), &callback, person, now_ms).await.unwrap_err();
    assert!(matches!(fault, Error::NobodyCame { .. }), "{fault}");
}

#[test]
fn parameters_of_a_refusal_are_read_as_they_are_written() {
    let check = |challenge: &str, name: &str, expected: Option<&str>| {
        assert_eq!(login::parameter(challenge, name).as_deref(), expected, "{challenge}");
    };
    check(r#"Bearer error="insufficient_scope", scope="a b""#, "scope", Some("a b"));
    check(r#"Bearer error="insufficient_scope", scope="a b""#, "error", Some("insufficient_scope"));
    check(r#"Bearer error_description="no error=x", error="y""#, "error", Some("y"));
    check(r#"Bearer SCOPE=plain,other="x""#, "scope", Some("plain"));
    check(r#"Bearer scope="with \" quote""#, "scope", Some("with \" quote"));
    check(r#"Bearer scope="cut off"#, "scope", None);
    check("Bearer", "scope", None);
}

/// Name and secret in the head.
fn basic(name: &str, secret: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{name}:{secret}")))
}

fn address(url: &Url) -> (String, u16) {
    (url.host_str().unwrap().to_owned(), url.port().unwrap())
}

/// The whole answer, as text.
fn get(url: &Url) -> String {
    let mut stream = TcpStream::connect(address(url)).unwrap();
    let path = &url[url::Position::BeforePath..];
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}
