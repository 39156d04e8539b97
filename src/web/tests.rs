//! The address table, the rules, and redirects between servers on this machine.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::mpsc;
use std::time::Duration;

use reqwest::header::AUTHORIZATION;
use reqwest::{Method, Request};
use url::Url;

use super::*;

const TIMEOUTS: Timeouts = Timeouts {
    connect: Duration::from_secs(10),
    answer: Duration::from_secs(20),
    silence: Some(Duration::from_secs(20)),
};

#[test]
fn every_address_that_is_not_public_is_known() {
    let check = |addresses: &[&str], expected: AddressKind| {
        for address in addresses {
            assert_eq!(kind_of(address.parse().unwrap()), expected, "{address}");
        }
    };
    check(
        &["1.1.1.1", "93.184.216.34", "172.15.0.1", "172.32.0.1", "100.128.0.1", "2606:4700::1111"],
        AddressKind::Public,
    );
    check(&["64:ff9b::101:101", "::ffff:1.1.1.1", "2002:101:101::1"], AddressKind::Public);
    check(&["127.0.0.1", "127.255.0.9", "0.0.0.0", "0.1.2.3", "::1", "::"], AddressKind::Loopback);
    check(
        &["::ffff:127.0.0.1", "::127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "::ffff:0:7f00:1"],
        AddressKind::Loopback,
    );
    check(&["10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1"], AddressKind::Private);
    check(
        &["100.64.0.1", "100.100.100.200", "fd00:ec2::254", "fc00::1", "fec0::1", "::ffff:10.0.0.1"],
        AddressKind::Private,
    );
    check(&["169.254.169.254", "fe80::1", "::ffff:169.254.169.254"], AddressKind::LinkLocal);
    check(
        &["224.0.0.1", "255.255.255.255", "240.0.0.1", "192.0.0.8", "192.0.2.1", "198.18.0.1"],
        AddressKind::Reserved,
    );
    check(
        &["203.0.113.9", "ff02::1", "2001:db8::1", "2001::1", "64:ff9b:1::1", "100::1", "5f00::1"],
        AddressKind::Reserved,
    );
}

#[test]
fn only_what_the_operator_named_may_be_inside() {
    let check = |server: &str, asked: &str, expected: bool| {
        let rules = Rules::for_server(&url(server), &[]);
        assert_eq!(rules.check(&url(asked)).is_ok(), expected, "{server} → {asked}");
    };
    check("https://mcp.example.com/mcp", "https://auth.example.com/", true);
    check("https://mcp.example.com/mcp", "https://10.0.0.1/", false);
    check("https://mcp.example.com/mcp", "https://[::ffff:169.254.169.254]/latest", false);
    // Other ways to write 127.0.0.1.
    check("https://mcp.example.com/mcp", "https://2130706433/", false);
    check("https://mcp.example.com/mcp", "https://0x7f.1/", false);
    check("https://mcp.example.com/mcp", "http://auth.example.com/", false);
    check("http://mcp.example.com/mcp", "http://mcp.example.com/mcp", false);
    check("https://10.0.0.1/mcp", "https://10.0.0.1:9000/token", true);
    check("https://10.0.0.1/mcp", "https://10.0.0.2/token", false);
    check("https://10.0.0.1/mcp", "http://10.0.0.1/token", false);
    check("http://10.0.0.1/mcp", "http://10.0.0.1/token", true);
    check("http://127.0.0.1:8000/mcp", "http://127.0.0.1:9000/token", true);
    check("http://localhost:8000/mcp", "http://127.0.0.1:9000/token", true);
    check("http://localhost:8000/mcp", "https://192.168.0.1/token", false);
    check("https://mcp.example.com/mcp", "https://user:word@auth.example.com/", false);
    check("https://mcp.example.com/mcp", "ftp://auth.example.com/", false);
}

#[test]
fn nothing_secret_of_an_address_is_shown() {
    assert_eq!(shown(&url("https://me:word@mcp.example.com:8443/a/b?token=x#y")), "https://mcp.example.com:8443/a/b");
}

#[tokio::test]
async fn a_name_that_leads_to_this_machine_is_refused() {
    let server = Server::start(vec![text("200 OK", "never asked")]);
    let asked = url(&format!("http://localhost:{}/", server.address.port()));
    let refused = Client::in_the_clear(&Rules::default(), TIMEOUTS).unwrap().send(get(&asked)).await.unwrap_err();
    let Error::Refused { problem: Problem::Address { kind, .. }, .. } = refused else { panic!("{refused:?}") };
    assert_eq!(kind, AddressKind::Loopback);
    assert!(server.requests.try_recv().is_err(), "a request went out");
}

#[tokio::test]
async fn redirects_stay_within_the_rules() {
    let other = Server::start(vec![text("200 OK", "other")]);
    let check = async |method: Method, status: &str, to: &str, expected: &str| {
        let server = Server::start(vec![redirect(status, to), text("200 OK", "same")]);
        let asked = url(&format!("http://{}/start", server.address));
        let client = Client::in_the_clear(&Rules::for_server(&asked, &[]), TIMEOUTS).unwrap();
        let mut request = Request::new(method.clone(), asked);
        if method == Method::POST {
            *request.body_mut() = Some("body".into());
        }
        let answer = match client.send_following(request, 3).await {
            Ok(response) => String::from_utf8(read_body(response, 100, TIMEOUTS.answer).await.unwrap()).unwrap(),
            Err(fault) => fault.to_string(),
        };
        assert!(answer.contains(expected), "{method} {status} {to}: {answer}");
    };
    let elsewhere = format!("http://{}/", other.address);
    check(Method::GET, "302 Found", "/next", "same").await;
    check(Method::POST, "307 Temporary Redirect", "/next/", "same").await;
    check(Method::POST, "302 Found", "/next/", "would drop the body").await;
    check(Method::POST, "308 Permanent Redirect", &elsewhere, "another origin").await;
    check(Method::GET, "302 Found", &elsewhere, "other").await;
    check(
        Method::GET,
        "302 Found",
        "https://10.1.2.3/inside?secret=1",
        "https://10.1.2.3/inside: 10.1.2.3 is a private address",
    )
    .await;
    check(Method::GET, "301 Moved Permanently", "https://169.254.169.254/latest", "link-local").await;
    check(Method::GET, "302 Found", "http://example.com/", "in the clear").await;
    check(Method::GET, "302 Found", "file:///etc/passwd", "not spoken").await;
    check(Method::GET, "302 Found", "http://[", "no address").await;
}

#[tokio::test]
async fn credentials_do_not_reach_another_origin() {
    let other = Server::start(vec![text("200 OK", "other")]);
    let server = Server::start(vec![redirect("302 Found", &format!("http://{}/", other.address))]);
    let asked = url(&format!("http://{}/", server.address));
    let mut request = get(&asked);
    request.headers_mut().insert(AUTHORIZATION, "Bearer of-the-first".parse().unwrap());
    request.headers_mut().insert("x-api-key", "key-of-the-first".parse().unwrap());
    request.headers_mut().insert("mcp-protocol-version", "2025-11-25".parse().unwrap());
    let client = Client::in_the_clear(&Rules::for_server(&asked, &[]), TIMEOUTS).unwrap();
    client.send_following(request, 3).await.unwrap();
    let (first, second) = (server.requests.recv().unwrap(), other.requests.recv().unwrap());
    assert!(first.contains("of-the-first") && !second.contains("of-the-first"), "{second}");
    assert!(second.contains("2025-11-25"), "{second}");
}

#[tokio::test]
async fn a_circle_of_redirects_ends() {
    let server = Server::start((0..5).map(|_| redirect("302 Found", "/again")).collect());
    let asked = url(&format!("http://{}/", server.address));
    let client = Client::in_the_clear(&Rules::for_server(&asked, &[]), TIMEOUTS).unwrap();
    let fault = client.send_following(get(&asked), 3).await.unwrap_err().to_string();
    assert!(fault.contains("more than 3 redirects"), "{fault}");
    assert_eq!(server.requests.try_iter().count(), 4);
}

#[test]
fn https_never_leads_to_http() {
    let client = Client::in_the_clear(&Rules { allow_private: true, ..Rules::default() }, TIMEOUTS).unwrap();
    let last = get(&url("https://127.0.0.1/"));
    let to = Ok(url("http://127.0.0.1/"));
    let fault = redirect::next(&client, last, reqwest::StatusCode::FOUND, to).unwrap_err();
    assert!(matches!(fault, Error::Redirect { problem: Problem::Downgrade, .. }), "{fault}");
}

#[tokio::test]
async fn a_body_has_a_limit() {
    let check = async |answer: String, bytes_max: usize, expected: Option<&str>| {
        let server = Server::start(vec![answer]);
        let asked = url(&format!("http://{}/", server.address));
        let client = Client::in_the_clear(&Rules::for_server(&asked, &[]), TIMEOUTS).unwrap();
        let response = client.send(get(&asked)).await.unwrap();
        let body = read_body(response, bytes_max, TIMEOUTS.answer).await;
        match expected {
            Some(text) => assert_eq!(body.unwrap(), text.as_bytes()),
            None => assert!(matches!(body, Err(Error::TooLong { .. })), "{body:?}"),
        }
    };
    let unannounced = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n12345".to_owned();
    check(text("200 OK", "12345"), 5, Some("12345")).await;
    check(text("200 OK", "12345"), 4, None).await;
    check(unannounced.clone(), 5, Some("12345")).await;
    check(unannounced, 4, None).await;
}

#[tokio::test]
async fn a_port_where_nobody_listens_is_named() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let asked = url(&format!("http://{}/mcp?key=secret", listener.local_addr().unwrap()));
    drop(listener);
    let client = Client::in_the_clear(&Rules::for_server(&asked, &[]), TIMEOUTS).unwrap();
    let fault = client.send(get(&asked)).await.unwrap_err();
    assert!(matches!(fault, Error::Unreachable { .. }), "{fault:?}");
    let whole = crate::domain::error_chain(&fault);
    assert!(whole.contains("/mcp;") && !whole.contains("secret"), "{whole}");
}

#[test]
fn clients_for_https_can_be_built() {
    client(&Rules::default(), TIMEOUTS).unwrap();
}

fn url(text: &str) -> Url {
    Url::parse(text).unwrap()
}

fn get(url: &Url) -> Request {
    Request::new(Method::GET, url.clone())
}

fn text(status: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len())
}

fn redirect(status: &str, to: &str) -> String {
    format!("HTTP/1.1 {status}\r\nLocation: {to}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
}

/// Answers one connection after the other with what it was given, then no more. Its requests come out of `requests`.
struct Server {
    address: SocketAddr,
    requests: mpsc::Receiver<String>,
}

impl Server {
    fn start(answers: Vec<String>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, requests) = mpsc::channel();
        std::thread::spawn(move || {
            for answer in answers {
                let Ok((stream, _)) = listener.accept() else { return };
                let mut reader = BufReader::new(stream);
                let mut head = String::new();
                while !head.ends_with("\r\n\r\n") && reader.read_line(&mut head).unwrap_or(0) > 0 {}
                let head = head.to_ascii_lowercase();
                let len = head.split("content-length: ").nth(1).and_then(|rest| rest.lines().next());
                let mut body = vec![0; len.map_or(0, |len| len.parse().unwrap())];
                if reader.read_exact(&mut body).is_err() || sender.send(head).is_err() {
                    return;
                }
                let _gone = reader.get_mut().write_all(answer.as_bytes());
            }
        });
        Self { address, requests }
    }
}
