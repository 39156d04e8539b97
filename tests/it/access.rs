//! Who may come over the network and what he may do, by keys that are made, revoked and over; TLS; and what is noted of it.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;

use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::{Value, json};

use crate::harness::http::{Http, Served};
use crate::harness::{Home, wait_for};

fn home() -> Home {
    Home::new().with("bench", &["--kind", "bench"])
}

fn make_key(home: &Home, name: &str, scope: &str) -> String {
    let made = home.run(&["keys", "create", name, "--scope", scope]);
    assert_eq!(made.code, 0, "{}", made.stderr);
    made.stdout.trim().to_owned()
}

fn status(client: &Http, key: &str) -> u16 {
    client.clone().with("Authorization", &format!("Bearer {key}")).ask_modern("tools/list", &json!({})).status
}

fn audit(home: &Home, args: &[&str]) -> Vec<Value> {
    let shown = home.run(&[&["--json", "audit"], args].concat());
    assert_eq!(shown.code, 0, "{}", shown.stderr);
    shown.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn keys_are_made_and_revoked_while_clients_use_them() {
    let home = home().set("http.require_key=always");
    let refused = home.run_shared(&["serve", "--http", "127.0.0.1:0"]);
    assert!(refused.code == 1 && refused.stderr.contains("mcporch keys create"), "{}", refused.stderr);
    let (ann, viewer) = (make_key(&home, "ann", "caller"), make_key(&home, "viewer", "viewer"));
    let old = make_key(&home, "old", "admin");
    let taken = home.run(&["keys", "create", "ann", "--scope", "admin"]);
    assert!(taken.code == 1 && taken.stdout.is_empty() && taken.stderr.contains("already"), "{}", taken.stderr);
    let mut served = Served::start(&home, &[]);
    let client = served.modern("/mcp");
    let unasked = client.clone().ask_modern("tools/list", &json!({}));
    assert_eq!((unasked.status, unasked.header("www-authenticate")), (401, Some("Bearer realm=\"mcporch\"")));
    assert_eq!(status(&client, &ann), 200);
    assert_eq!(status(&client, &old), 200);
    assert_eq!(status(&client, &format!("{ann}x")), 401);
    let mut small = client.clone().with("Authorization", &format!("Bearer {viewer}"));
    let small = small.ask_modern("tools/list", &json!({}));
    assert_eq!(small.status, 403);
    assert!(small.header("www-authenticate").unwrap().contains("insufficient_scope"));
    // What is made, revoked and over is seen while it runs. First what is over: of refusals in a flood not each is noted.
    let file = home.file("home").join("keys.json");
    // Under its lock: the server notes in it which keys were used, and would put back what it read before.
    let lock = std::fs::File::create(file.with_extension("lock")).unwrap();
    lock.lock().unwrap();
    let mut text: Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
    let lines = text["keys"].as_array_mut().unwrap();
    lines.iter_mut().find(|line| line["name"] == "old").unwrap()["expires_ms"] = json!(1);
    std::fs::write(&file, text.to_string()).unwrap();
    drop(lock);
    wait_for("the old key to be over", || (status(&client, &old) == 401).then_some(()));
    let bob = make_key(&home, "bob", "operator");
    wait_for("the new key to be known", || (status(&client, &bob) == 200).then_some(()));
    assert_eq!(home.run(&["keys", "revoke", "ann"]).code, 0);
    wait_for("the revoked key to be refused", || (status(&client, &ann) == 401).then_some(()));
    let over = client.with("Authorization", &format!("Bearer {old}")).ask_modern("tools/list", &json!({}));
    assert!(over.text().contains("expired"));
    served.terminate();
    assert_eq!(served.ended(), Some(0));
    let listed = home.run(&["--json", "keys", "list"]).json();
    let of = |name: &str| listed.as_array().unwrap().iter().find(|key| key["name"] == name).cloned();
    assert!(of("ann").is_none());
    assert!(of("bob").unwrap()["last_used"].is_string() && of("viewer").unwrap()["scope"] == "viewer");
    assert_eq!(of("old").unwrap()["is_expired"], true);
    assert!(!listed.to_string().contains(&bob[12..]));
    // And all of it is noted.
    let made = audit(&home, &["--action", "keys."]);
    let made: Vec<&str> = made.iter().map(|entry| entry["action"].as_str().unwrap()).collect();
    assert_eq!(made, ["keys.create", "keys.create", "keys.create", "keys.create", "keys.revoke"]);
    let refused = audit(&home, &["--action", "access.refused", "--lines", "5000"]);
    let outcomes: Vec<&str> = refused.iter().map(|entry| entry["outcome"].as_str().unwrap()).collect();
    for expected in ["key-unknown", "scope-too-small", "key-expired"] {
        assert!(outcomes.contains(&expected), "{expected} in {outcomes:?}");
    }
    assert!(refused.iter().all(|entry| entry["from"] == "127.0.0.1"));
}

#[test]
fn an_address_for_others_asks_everybody_for_a_key() {
    let home = home();
    let refused = home.run_shared(&["serve", "--http", "0.0.0.0:0"]);
    assert!(refused.code == 1 && refused.stderr.contains("mcporch keys create"), "{}", refused.stderr);
    let ann = make_key(&home, "ann", "caller");
    let served = Served::start(&home, &["--http", "0.0.0.0:0"]);
    let open = served.at(&served.addresses[1], "/mcp").with("Host", "127.0.0.1");
    assert_eq!(open.clone().ask_modern("tools/list", &json!({})).status, 401);
    assert_eq!(status(&open, &ann), 200);
    // The listener for this machine alone goes on without, but for who shows one.
    let local = served.modern("/mcp");
    assert_eq!(local.clone().ask_modern("tools/list", &json!({})).status, 200);
    assert_eq!(status(&local, "mo_none_none"), 401);
    assert_eq!(status(&local, "none"), 401);
}

#[test]
fn pages_of_other_sites_only_look() {
    let served = Served::start(&home(), &[]);
    let cross = served.modern("/mcp").with("Sec-Fetch-Site", "cross-site");
    assert_eq!(cross.clone().ask_modern("tools/list", &json!({})).status, 403);
    assert_eq!(cross.send("GET", "").status, 403);
    let page = served.at(&served.address, "/nothing").with("Sec-Fetch-Site", "cross-site");
    assert_eq!(page.clone().with("Sec-Fetch-Mode", "navigate").send("GET", "").status, 404);
    assert_eq!(page.with("Sec-Fetch-Mode", "no-cors").send("GET", "").status, 403);
}

#[test]
fn who_comes_too_often_is_told_when_to_come_again() {
    let home = home().set("http.requests_per_s=1").set("http.requests_burst=3");
    let (ann, bob) = (make_key(&home, "ann", "caller"), make_key(&home, "bob", "caller"));
    let served = Served::start(&home, &[]);
    let client = served.modern("/mcp");
    let with_key = client.clone().with("Authorization", &format!("Bearer {ann}"));
    let refused = wait_for("the fourth of a second", || {
        let answer = with_key.clone().ask_modern("tools/list", &json!({}));
        (answer.status == 429).then_some(answer)
    });
    assert!(refused.header("retry-after").unwrap().parse::<u64>().unwrap() >= 1);
    assert!(refused.text().contains("http.requests_per_s"));
    assert_eq!(status(&client, &bob), 200);
    for _ in 0..10 {
        assert_eq!(client.clone().ask_modern("tools/list", &json!({})).status, 200);
    }
    wait_for("ann to be let in again", || (status(&client, &ann) == 200).then_some(()));
}

/// A certificate for this machine with its key, and the two files.
struct Certificate {
    der: CertificateDer<'static>,
    files: [PathBuf; 2],
}

impl Certificate {
    fn write(home: &Home) -> Self {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let files = [home.file("cert.pem"), home.file("key.pem")];
        for (file, text) in files.iter().zip([made.cert.pem(), made.signing_key.serialize_pem()]) {
            let fresh = file.with_extension("new");
            std::fs::write(&fresh, text).unwrap();
            std::fs::set_permissions(&fresh, std::fs::Permissions::from_mode(0o600)).unwrap();
            std::fs::rename(&fresh, file).unwrap();
        }
        Self { der: made.cert.der().clone(), files }
    }

    /// What the server answers to a client that trusts this certificate alone.
    fn get(&self, address: &str, path: &str) -> std::io::Result<String> {
        let mut roots = RootCertStore::empty();
        roots.add(self.der.clone()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let mut config = config.with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let name = ServerName::try_from("localhost").unwrap();
        let connection = ClientConnection::new(Arc::new(config), name).unwrap();
        let mut stream = StreamOwned::new(connection, TcpStream::connect(address)?);
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes())?;
        assert_eq!(stream.conn.alpn_protocol(), Some(&b"http/1.1"[..]));
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer.to_lowercase())
    }
}

#[test]
fn all_is_served_by_tls_with_a_certificate_that_may_change() {
    let home = home();
    let first = Certificate::write(&home);
    let [certificate, key] = first.files.clone().map(|file| file.to_str().unwrap().to_owned());
    let half = home.run_shared(&["--set", &format!("http.tls_cert={certificate}"), "serve", "--http", "127.0.0.1:0"]);
    assert!(half.code == 1 && half.stderr.contains("go together"), "{}", half.stderr);
    let swapped = home.run_shared(&["serve", "--http", "127.0.0.1:0", "--tls-cert", &key, "--tls-key", &certificate]);
    assert!(swapped.code == 1 && swapped.stderr.contains("PEM"), "{}", swapped.stderr);
    let served = Served::start(&home, &["--tls-cert", &certificate, "--tls-key", &key]);
    let answer = first.get(&served.address, "/nothing").unwrap();
    assert!(answer.starts_with("http/1.1 404"), "{answer}");
    for header in ["strict-transport-security: max-age=", "x-content-type-options: nosniff", "frame-ancestors 'none'"] {
        assert!(answer.contains(header), "{header} in {answer}");
    }
    let mut plain = TcpStream::connect(&served.address).unwrap();
    plain.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let mut said = Vec::new();
    let _closed = plain.read_to_end(&mut said);
    assert!(!said.starts_with(b"HTTP"), "{said:?}");
    let second = Certificate::write(&home);
    wait_for("the new certificate", || second.get(&served.address, "/nothing").ok());
    assert!(first.get(&served.address, "/nothing").is_err());
    // A broken one leaves the last.
    std::fs::write(&certificate, "nothing").unwrap();
    assert!(second.get(&served.address, "/nothing").is_ok());
}

#[test]
fn what_ran_is_noted_without_what_was_said_and_changes_show() {
    let home = home();
    let served = Served::start(&home, &[]);
    let mut client = served.modern("/mcp/direct");
    let secret = "tell nobody of the surprise";
    let tools = client.ask_modern("tools/list", &json!({})).answer();
    let tool = tools["result"]["tools"][0]["name"].as_str().unwrap().to_owned();
    client.call_modern(&tool, &json!({"text": secret})).answer();
    let stopped = home.run_shared(&["stop", "bench"]);
    assert_eq!(stopped.code, 0, "{}", stopped.stderr);
    let entries = wait_for("both to be noted", || {
        let entries = audit(&home, &[]);
        (entries.len() >= 2).then_some(entries)
    });
    let call = entries.iter().find(|entry| entry["action"] == "forward").unwrap_or_else(|| panic!("{entries:?}"));
    assert!(call["target"].as_str().unwrap().starts_with("bench."), "{call}");
    assert_eq!(
        (&call["surface"], &call["from"], &call["who"]),
        (&json!("mcp-http"), &json!("127.0.0.1"), &json!("http"))
    );
    assert_eq!(call["details"]["params_sha256"].as_str().unwrap().len(), 64);
    let stop = entries.iter().find(|entry| entry["action"] == "server.stop").unwrap();
    assert_eq!((&stop["target"], &stop["who"], &stop["outcome"]), (&json!("bench"), &json!("cli"), &json!("done")));
    assert_eq!(home.run(&["audit", "verify"]).code, 0);
    let folder = home.file("home").join("audit");
    let file = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
    let file = file.filter(|path| path.extension().is_some_and(|end| end == "jsonl")).min().unwrap();
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(!text.contains(secret));
    std::fs::write(&file, text.replacen("server.stop", "server.start", 1)).unwrap();
    let verified = home.run(&["--json", "audit", "verify"]);
    assert_eq!(verified.code, 1);
    let broken = verified.json();
    assert_eq!(broken["broken"]["line"], stop["seq"]);
    assert!(broken["broken"]["what"].as_str().unwrap().contains("was changed"), "{broken}");
}

#[test]
fn nothing_runs_while_a_required_log_cannot_be_written() {
    let home = home().set("audit.required=true");
    std::fs::create_dir_all(home.file("home")).unwrap();
    std::fs::write(home.file("home").join("audit"), "").unwrap();
    let served = Served::start(&home, &[]);
    let mut client = served.modern("/mcp/direct");
    let tools = wait_for("the tools", || {
        let tools = client.ask_modern("tools/list", &json!({})).answer();
        tools["result"]["tools"][0]["name"].as_str().map(str::to_owned)
    });
    let refused = client.call_modern(&tools, &json!({"text": "hello"})).answer();
    assert!(refused.to_string().contains("audit.required"), "{refused}");
}

#[test]
fn a_key_may_over_rest_what_its_scope_allows_and_that_is_noted() {
    let home = home();
    let (viewer, operator) = (make_key(&home, "vic", "viewer"), make_key(&home, "op", "operator"));
    let served = Served::start(&home, &[]);
    let ask = |key: &str, method: &str, path: &str| {
        let client = served.at(&served.address, path).with("Authorization", &format!("Bearer {key}"));
        client.send(method, "")
    };
    let check = |key: &str, method: &str, path: &str, expected: u16| {
        assert_eq!(ask(key, method, path).status, expected, "{method} {path}");
    };
    check(&viewer, "GET", "/api/v1/status", 200);
    check(&viewer, "POST", "/api/v1/servers/bench/start", 403);
    check(&viewer, "GET", "/api/v1/audit", 403);
    check(&operator, "POST", "/api/v1/servers/bench/start", 200);
    let noted = wait_for("the order to be noted", || {
        let entries = ask(&operator, "GET", "/api/v1/audit?action=server.start").json()["entries"].clone();
        entries.as_array().filter(|entries| !entries.is_empty()).cloned()
    });
    let order = &noted[0];
    assert_eq!((&order["who"], &order["target"], &order["surface"]), (&json!("op"), &json!("bench"), &json!("rest")));
    let refused = audit(&home, &["--who", "vic", "--action", "access.refused"]);
    let what: Vec<&str> = refused.iter().filter_map(|entry| entry["target"].as_str()).collect();
    assert_eq!(what, ["start", "audit"]);
}
