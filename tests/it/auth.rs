//! Logins at remote servers from the command line: with a browser, without one, refreshed, ended.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::Stdio;

use serde_json::{Value, json};
use url::Url;

use crate::harness::{Home, Ran};

/// The issuer of the room's own tests.
#[path = "../../src/oauth/tests/issuer.rs"]
mod issuer;

fn home(running: &issuer::Running) -> Home {
    let far = json!({"url": running.url().as_str(), "oauth": {"scopes": ["files:read"]}});
    Home::new().with_entry("far", far).with("near", &["--kind", "clock"])
}

fn state(ran: &Ran) -> Value {
    ran.json()["servers"][0].clone()
}

#[test]
fn a_login_is_made_shown_and_ended_and_no_token_is_told() {
    let running = issuer::Running::start();
    let home = home(&running);
    let before = home.run(&["auth", "status", "far", "--json"]);
    assert_eq!((before.code, state(&before)["logged_in"].clone()), (3, json!(false)), "{}", before.stdout);

    let login = home.run(&["--verbose", "--set", "log.level=trace", "auth", "login", "--follow", "far"]);
    assert_eq!(login.code, 0, "{}", login.stderr);
    let status = home.run(&["--verbose", "--set", "log.level=trace", "auth", "status", "far", "--json"]);
    assert_eq!(status.code, 0, "{}", status.stdout);
    let told = state(&status);
    assert_eq!(told["issuer"], json!(running.issuer()));
    assert_eq!((&told["scopes"], &told["can_refresh"]), (&json!(["files:read"]), &json!(true)));
    let table = home.run(&["auth", "status"]);
    assert!(table.stdout.contains("logged in") && !table.stdout.contains("near"), "{}", table.stdout);
    for ran in [&login, &status, &table] {
        let all = format!("{}{}", ran.stdout, ran.stderr);
        assert!(!all.contains("access-token-1") && !all.contains("refresh-token-1"), "{all}");
        assert!(!all.contains("code-of-the-issuer"), "{all}");
    }

    let logout = home.run(&["auth", "logout", "far", "--json"]);
    assert_eq!((logout.code, &logout.json()["outcome"]), (0, &json!("revoked")), "{}", logout.stderr);
    assert_eq!(running.world().revoked, ["refresh-token-1", "access-token-1"]);
    assert_eq!(home.run(&["auth", "status", "far"]).code, 3);
    assert_eq!(home.run(&["auth", "logout", "far", "--json"]).json()["outcome"], json!("was_not"));
}

#[test]
fn without_a_browser_the_address_is_printed_and_waited_for() {
    let running = issuer::Running::start();
    let home = home(&running);
    let mut command = home.client_command();
    command.args(["auth", "login", "--no-browser", "far"]);
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    let mut addresses = lines.filter_map(|line| Url::parse(line.trim()).ok()).filter(Url::has_host);
    let address = addresses.next().expect("the address to log in at is on stderr");
    assert_eq!(address.path(), "/authorize");
    let answer = get(&address);
    let back = answer.lines().find_map(|line| line.strip_prefix("Location: ")).unwrap();
    assert!(get(&Url::parse(back).unwrap()).contains("You are back"));
    drop(addresses);
    let ended = Ran::of(&child.wait_with_output().unwrap());
    assert!(ended.code == 0 && ended.stdout.contains("logged in"), "{}", ended.stdout);
}

#[test]
fn what_cannot_be_logged_in_at_is_said() {
    let check = |running: &issuer::Running, args: &[&str], expected: &str| {
        let ran = home(running).run(args);
        assert!(ran.code == 1 && ran.stderr.contains(expected), "{}: {}", ran.code, ran.stderr);
    };
    let running = issuer::Running::start();
    check(&running, &["auth", "login", "near"], "started as a program");
    check(&running, &["auth", "login", "fra"], "did you mean `far`");
    check(&running, &["auth", "login", "--no-browser", "--timeout", "1", "far"], "nobody came back from the browser");
    running.world().denies = true;
    check(&running, &["auth", "login", "--follow", "far"], "refuses with `access_denied`");
    running.world().resource = Some("https://evil.example/mcp".to_owned());
    check(&running, &["auth", "login", "--follow", "far"], "mismatch");
}

/// The whole answer, as text.
fn get(url: &Url) -> String {
    let mut stream = TcpStream::connect((url.host_str().unwrap(), url.port().unwrap())).unwrap();
    let path = &url[url::Position::BeforePath..];
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}
