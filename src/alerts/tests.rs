//! Behaviour through the room's door, against servers that the tests write: delivery, retries, signatures, templates, mail,
//! repetition, and that nothing waits.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::mpsc::{Receiver, channel};

use super::*;

const PATIENCE: Duration = Duration::from_secs(40);

fn now() -> i64 {
    1_700_000_000
}

fn no_variables(_: &str) -> Option<String> {
    None
}

fn alert(server: &str, occasion: Occasion, text: &str) -> Alert {
    Alert {
        server: ServerName::parse(server).unwrap(),
        occasion,
        text: text.to_owned(),
        at: now(),
        details: BTreeMap::from([("restarts".to_owned(), "3".to_owned())]),
    }
}

fn settings(urls: &[String]) -> Settings {
    let hook = |url: &String| WebhookSettings {
        url: url.clone(),
        body: String::new(),
        content_type: "application/json".to_owned(),
        headers: Vec::new(),
        secret: String::new(),
        allows_http: false,
    };
    Settings {
        webhooks: urls.iter().map(hook).collect(),
        mail: None,
        occasions: vec![Occasion::Crashed, Occasion::Recovered],
        repeat_after: Duration::from_secs(600),
        attempts_max: 3,
        retry_first: Duration::from_millis(2),
        retry_max: Duration::from_millis(10),
        timeout: Duration::from_secs(10),
        queue_len: 16,
        now,
    }
}

/// What a web hook got.
#[derive(Debug)]
struct Got {
    head: String,
    body: String,
}

impl Got {
    fn header(&self, name: &str) -> Option<&str> {
        let of_name = |line: &&str| line.split(':').next().is_some_and(|found| found.eq_ignore_ascii_case(name));
        self.head.lines().find(of_name).and_then(|line| line.split_once(':')).map(|(_, value)| value.trim())
    }
}

/// A web server that gives these answers, one per connection, and then ends.
fn web_server(statuses: &'static [&'static str]) -> (String, Receiver<Got>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        for status in statuses {
            let (stream, _) = listener.accept().unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let mut head = String::new();
            while !head.ends_with("\r\n\r\n") {
                assert!(reader.read_line(&mut head).unwrap() > 0, "{head}");
            }
            let mut got = Got { head, body: String::new() };
            let length: u64 = got.header("content-length").unwrap().parse().unwrap();
            let mut body = Vec::new();
            reader.take(length).read_to_end(&mut body).unwrap();
            got.body = String::from_utf8(body).unwrap();
            let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            (&stream).write_all(answer.as_bytes()).unwrap();
            sender.send(got).unwrap();
        }
    });
    (format!("http://{address}/hook"), receiver)
}

#[tokio::test]
async fn an_alert_arrives_as_json() {
    let (url, got) = web_server(&["204 No Content"]);
    let alerts = Alerts::new(settings(&[url]), &no_variables);
    alerts.raise(alert("git", Occasion::Crashed, "it \"died\"\n3 times"));
    alerts.stop().await;
    let got = got.recv_timeout(PATIENCE).unwrap();
    assert!(got.head.starts_with("POST /hook HTTP/1.1\r\n"), "{}", got.head);
    assert_eq!(got.header("content-type"), Some("application/json"));
    assert_eq!(got.header("x-mcporch-signature"), None);
    let body: serde_json::Value = serde_json::from_str(&got.body).unwrap();
    let expected = serde_json::json!({
        "server": "git", "occasion": "crashed", "text": "it \"died\"\n3 times",
        "time": "2023-11-14T22:13:20.000Z", "at": 1_700_000_000, "details": {"restarts": "3"},
    });
    assert_eq!(body, expected);
}

#[test]
fn a_failed_delivery_is_tried_again_until_it_is_taken_or_refused() {
    let check = |statuses: &'static [&'static str], attempts: usize| {
        let (url, got) = web_server(statuses);
        let alerts = Alerts::new(settings(&[url]), &no_variables);
        alerts.raise(alert("git", Occasion::Crashed, "x"));
        for _ in 0..attempts {
            got.recv_timeout(PATIENCE).unwrap();
        }
        // The thread sends one after the other: had it another attempt at this one, it would come before the next alert's.
        alerts.raise(alert("other", Occasion::Crashed, "x"));
        assert!(got.recv_timeout(PATIENCE).unwrap().body.contains("other"), "{statuses:?}");
    };
    check(&["500 No", "503 No", "200 OK", "200 OK"], 3);
    check(&["429 No", "200 OK", "200 OK"], 2);
    check(&["404 No", "200 OK"], 1);
    check(&["302 Found\r\nlocation: http://127.0.0.1:9/", "200 OK"], 1);
    check(&["500 No", "500 No", "500 No", "200 OK"], 3);
}

#[test]
fn the_signature_is_hmac_sha256_of_time_and_body() {
    // The second test case of RFC 4231.
    let text = "what do ya want for nothing?";
    assert_eq!(by_hand(b"Jefe", text.as_bytes()), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    let long = "k".repeat(100);
    let check = |secret: &str, body: &str| {
        let expected = format!("t=17,v1={}", by_hand(secret.as_bytes(), format!("17.{body}").as_bytes()));
        assert_eq!(signature(secret, 17, body.as_bytes()), expected);
    };
    check("s", "");
    check("Jefe", text);
    check(&long, "{\"a\": 1}");
}

/// HMAC as RFC 2104 says it, by hand.
fn by_hand(key: &[u8], text: &[u8]) -> String {
    use sha2::{Digest, Sha256};
    let mut block = [0_u8; 64];
    if key.len() > 64 {
        block[..32].copy_from_slice(&Sha256::digest(key));
    } else {
        block[..key.len()].copy_from_slice(key);
    }
    let pad = |with: u8| block.map(|byte| byte ^ with).to_vec();
    let inner = Sha256::digest([pad(0x36), text.to_vec()].concat());
    let outer = Sha256::digest([pad(0x5c), inner.to_vec()].concat());
    outer.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test]
async fn what_is_sent_is_signed_and_carries_the_headers() {
    let (url, got) = web_server(&["200 OK"]);
    let mut settings = settings(&["${HOOK}".to_owned()]);
    settings.webhooks[0].secret = "${SECRET}".to_owned();
    settings.webhooks[0].headers = vec!["Authorization: Bearer ${TOKEN}".to_owned()];
    let lookup = |name: &str| match name {
        "HOOK" => Some(url.clone()),
        "SECRET" => Some("wonder".to_owned()),
        "TOKEN" => Some("t-7".to_owned()),
        _ => None,
    };
    let alerts = Alerts::new(settings, &lookup);
    assert_eq!(alerts.faults(), []);
    alerts.raise(alert("git", Occasion::Crashed, "x"));
    alerts.stop().await;
    let got = got.recv_timeout(PATIENCE).unwrap();
    let expected = format!("t={},v1={}", now(), by_hand(b"wonder", format!("{}.{}", now(), got.body).as_bytes()));
    assert_eq!(got.header("X-Mcporch-Signature"), Some(expected.as_str()));
    assert_eq!(got.header("authorization"), Some("Bearer t-7"));
}

#[test]
fn templates_are_filled_and_escaped() {
    let check = |body: &str, content_type: &str, expected: &str| {
        let template = template::Template::parse(body, content_type).unwrap();
        let filled = template.fill(&alert("a\"b", Occasion::Crashed, "one\\two\nthree \u{1}é"));
        assert_eq!(filled, expected);
        if content_type.contains("json") {
            serde_json::from_str::<serde_json::Value>(&filled).unwrap();
        }
    };
    check(r#"{"text": "{{server}}: {{text}}"}"#, "application/json", r#"{"text": "a\"b: one\\two\nthree \u0001é"}"#);
    check(
        r#"{"at":{{at}},"n":"{{details.restarts}}{{details.none}}"}"#,
        "Application/JSON",
        r#"{"at":1700000000,"n":"3"}"#,
    );
    check(
        "{{ occasion }} {{time}} {{details}} {{text",
        "text/plain",
        "crashed 2023-11-14T22:13:20.000Z restarts=3 {{text",
    );
    check("{{server}}", "text/plain", "a\"b");
}

#[test]
fn targets_that_cannot_be_used_are_named_and_left_out() {
    let told = |change: &dyn Fn(&mut Settings)| {
        let mut settings = settings(&["https://alerts.invalid/key".to_owned()]);
        change(&mut settings);
        let alerts = Alerts::new(settings, &no_variables);
        alerts.faults().iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
    };
    let check = |change: &dyn Fn(&mut Settings), expected: &str| {
        let told = told(change);
        assert!(told.contains(expected) && told.is_empty() == expected.is_empty(), "{told}");
        assert!(!told.contains("/key"), "{told}");
    };
    check(&|_| {}, "");
    check(
        &|s| s.webhooks[0].url = "http://alerts.invalid/key".to_owned(),
        "alerts.invalid would be reached without encryption",
    );
    check(&|s| s.webhooks[0].url = "http://localhost.invalid/key".to_owned(), "without encryption");
    check(&|s| s.webhooks[0].url = "http://127.0.0.1@alerts.invalid/key".to_owned(), "without encryption");
    check(&|s| s.webhooks[0].url = "http://[::1]:7/key".to_owned(), "");
    check(&|s| s.webhooks[0].url = "file:///key".to_owned(), "no address");
    check(&|s| s.webhooks[0].url = "/key".to_owned(), "no address");
    check(&|s| s.webhooks[0].url = "https://${HOST}/key".to_owned(), "the variable HOST is not set");
    check(&|s| s.webhooks[0].secret = "plain".to_owned(), "must not stand in the settings");
    check(&|s| s.webhooks[0].headers = vec!["a: b\nc: d".to_owned()], "not of the form");
    check(&|s| s.webhooks[0].body = "{{sever}}".to_owned(), "did you mean `server`?");
    check(&|s| s.webhooks[0].body = "{\"a\": {{text}}\"}".to_owned(), "no JSON");
    let mail = |server: &str, encryption: Encryption| MailSettings {
        server: server.to_owned(),
        encryption,
        user: String::new(),
        password: String::new(),
        from: "mcporch <a@example.org>".to_owned(),
        to: vec!["b@example.org".to_owned()],
    };
    check(&|s| s.mail = Some(mail("mail.invalid", Encryption::StartTls)), "");
    check(&|s| s.mail = Some(mail("mail.invalid", Encryption::None)), "must be encrypted");
    check(&|s| s.mail = Some(mail("mail.invalid:x", Encryption::Tls)), "HOST:PORT");
    check(
        &|s| s.mail = Some(MailSettings { to: vec!["b".to_owned()], ..mail("[::1]:25", Encryption::None) }),
        "no mail address",
    );
}

/// Speaks SMTP with one client; gives what the client said.
fn mail_server() -> (SocketAddr, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        let say = |text: &str| (&stream).write_all(format!("{text}\r\n").as_bytes()).unwrap();
        let mut said = String::new();
        let mut is_data = false;
        say("220 here");
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).unwrap_or(0) == 0 {
                break;
            }
            said.push_str(&line);
            match line.trim_end() {
                "." => {
                    is_data = false;
                    say("250 kept");
                    sender.send(said.clone()).unwrap();
                }
                _ if is_data => {}
                "DATA" => {
                    is_data = true;
                    say("354 go on");
                }
                _ => say("250 fine"),
            }
        }
    });
    (address, receiver)
}

#[tokio::test]
async fn mail_is_handed_to_the_mail_server() {
    let (address, said) = mail_server();
    let mut settings = settings(&[]);
    settings.mail = Some(MailSettings {
        server: address.to_string(),
        encryption: Encryption::None,
        user: String::new(),
        password: String::new(),
        from: "mcporch <router@example.org>".to_owned(),
        to: vec!["one@example.org".to_owned(), "Two <two@example.org>".to_owned()],
    });
    let alerts = Alerts::new(settings, &no_variables);
    assert_eq!(alerts.faults(), []);
    alerts.raise(alert("git", Occasion::Crashed, "it died\r\n.\r\nRCPT TO:<evil@example.org>"));
    alerts.stop().await;
    let said = said.recv_timeout(PATIENCE).unwrap();
    for line in ["MAIL FROM:<router@example.org>", "RCPT TO:<one@example.org>", "RCPT TO:<two@example.org>", "DATA"] {
        assert!(said.contains(&format!("{line}\r\n")), "{line} is missing in {said}");
    }
    assert!(said.contains("Subject: [mcporch] git crashed\r\n") && said.contains("restarts=3"), "{said}");
    // The dot of the text did not end it.
    assert!(said.contains("\r\n..\r\n") && said.ends_with("\r\n.\r\n"), "{said}");
}

#[tokio::test]
async fn an_unreachable_target_keeps_nobody_waiting() {
    // Bound and never accepted: connections hang in the backlog and no answer ever comes.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let (url, got) = web_server(&["200 OK"]);
    let mut settings = settings(&[format!("http://{}/", silent.local_addr().unwrap()), url]);
    settings.timeout = Duration::from_millis(50);
    settings.queue_len = 2;
    let alerts = Alerts::new(settings, &no_variables);
    for number in 0..100 {
        alerts.raise(alert(&format!("server{number}"), Occasion::Crashed, "x"));
    }
    assert!(alerts.dropped() > 0, "two may wait, and a hundred came at once");
    assert!(got.recv_timeout(PATIENCE).unwrap().body.contains("server"));
    alerts.stop().await;
}

#[tokio::test]
async fn a_test_tries_every_target_and_says_what_happened() {
    let (url, got) = web_server(&["200 OK"]);
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (refusing, _refused) = web_server(&["403 No"]);
    let alerts = Alerts::new(settings(&[url, format!("http://{closed}/key"), refusing]), &no_variables);
    let attempts = tokio::task::spawn_blocking(move || alerts.test(&alert("git", Occasion::Test, "x"))).await.unwrap();
    let told: Vec<Option<&str>> = attempts.iter().map(|attempt| attempt.fault.as_deref()).collect();
    assert_eq!(told, [None, Some("it could not be connected to"), Some("it answered 403")]);
    assert!(attempts.iter().all(|attempt| attempt.target == "web hook at 127.0.0.1"), "{attempts:?}");
    assert!(got.recv_timeout(PATIENCE).unwrap().body.contains("test"));
}

#[tokio::test]
async fn what_is_not_asked_for_is_not_sent() {
    let (url, got) = web_server(&["200 OK"]);
    let alerts = Alerts::new(settings(&[url]), &no_variables);
    alerts.raise(alert("git", Occasion::OverLimit, "x"));
    alerts.raise(alert("git", Occasion::Recovered, "x"));
    alerts.stop().await;
    assert!(got.recv_timeout(PATIENCE).unwrap().body.contains("recovered"));
}

#[tokio::test]
async fn the_same_again_is_held_and_told_at_the_end() {
    static NOW: AtomicI64 = AtomicI64::new(1000);
    let (url, got) = web_server(&["200 OK"; 5]);
    let mut settings = settings(&[url]);
    settings.now = || NOW.load(Ordering::Relaxed);
    let alerts = Alerts::new(settings, &no_variables);
    let next = || serde_json::from_str::<serde_json::Value>(&got.recv_timeout(PATIENCE).unwrap().body).unwrap();
    let raise = |occasion| alerts.raise(alert("git", occasion, "exit 1"));
    raise(Occasion::Crashed);
    raise(Occasion::Recovered);
    assert_eq!((next()["occasion"].clone(), next()["occasion"].clone()), ("crashed".into(), "recovered".into()));
    for _ in 0..3 {
        raise(Occasion::Crashed);
        raise(Occasion::Recovered);
    }
    raise(Occasion::Crashed);
    // What comes next was held, so another server's news comes first.
    alerts.raise(alert("other", Occasion::Crashed, "x"));
    assert_eq!(next()["server"], "other");
    NOW.store(1600, Ordering::Relaxed);
    alerts.raise(alert("third", Occasion::Crashed, "x"));
    let summary = next();
    assert_eq!(summary["text"], "again within 600 s: crashed 4 times, recovered 3 times; last: exit 1");
    assert_eq!((&summary["occasion"], &summary["details"]["crashed_again"]), (&"crashed".into(), &"4".into()));
    assert_eq!(next()["server"], "third");
    alerts.stop().await;
}
