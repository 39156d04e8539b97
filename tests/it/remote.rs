//! Servers that are reached over HTTP, through the whole program. The server here is a few lines on a thread of the test.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::harness::{Home, text, wait_for};

/// One request: its verb, its headers in lower case as one text, its body.
#[derive(Debug, Clone)]
struct Asked {
    verb: String,
    head: String,
    body: Value,
}

/// A server of 2025-11-25 with sessions: it forgets the first one when that calls `forget` for the first time.
struct Far {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Far {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let asked: Arc<Mutex<Vec<Asked>>> = Arc::default();
        let seen = asked.clone();
        std::thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                let seen = seen.clone();
                std::thread::spawn(move || {
                    let Some((asked, stream)) = read(stream) else { return };
                    let before = seen.lock().unwrap().clone();
                    seen.lock().unwrap().push(asked.clone());
                    answer(&asked, &before, stream);
                });
            }
        });
        Self { address, asked }
    }

    fn url(&self) -> String {
        format!("http://{}/mcp", self.address)
    }

    fn of(&self, method: &str) -> Vec<Asked> {
        self.asked.lock().unwrap().iter().filter(|asked| asked.body["method"] == method).cloned().collect()
    }

    fn verbs(&self, verb: &str) -> usize {
        self.asked.lock().unwrap().iter().filter(|asked| asked.verb == verb).count()
    }
}

fn read(stream: TcpStream) -> Option<(Asked, TcpStream)> {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") && reader.read_line(&mut head).ok()? > 0 {}
    let head = head.to_ascii_lowercase();
    let len = head.split("content-length: ").nth(1).and_then(|rest| rest.lines().next());
    let mut body = vec![0; len.map_or(0, |len| len.parse().unwrap())];
    reader.read_exact(&mut body).ok()?;
    let verb = head.split(' ').next()?.to_uppercase();
    let body = serde_json::from_slice(&body).unwrap_or_default();
    Some((Asked { verb, head, body }, reader.into_inner()))
}

fn answer(asked: &Asked, before: &[Asked], mut stream: TcpStream) {
    let count = |method: &str| before.iter().filter(|one| one.body["method"] == method).count();
    let result = |result: Value| json!({"jsonrpc": "2.0", "id": asked.body["id"], "result": result}).to_string();
    let tool = |name: &str, about: &str| json!({"name": name, "description": about, "inputSchema": {"type": "object"}});
    let (status, body) = match (asked.verb.as_str(), asked.body["method"].as_str().unwrap_or_default()) {
        ("POST", _) if !asked.head.contains("x-key: key-of-the-file") => ("401 Unauthorized", String::new()),
        ("POST", "initialize") => (
            "200 OK",
            result(
                json!({"protocolVersion": "2025-11-25", "capabilities": {"tools": {}}, "serverInfo": {"name": "far"}}),
            ),
        ),
        ("POST", "tools/list") => {
            let tools = [tool("greet", "Greets from far away"), tool("forget", "Forgets everything")];
            ("200 OK", result(json!({"tools": tools})))
        }
        ("POST", "tools/call") if asked.body["params"]["name"] == "forget" && count("tools/call") == 0 => {
            ("404 Not Found", String::new())
        }
        ("POST", "tools/call") => ("200 OK", result(json!({"content": [{"type": "text", "text": "greetings"}]}))),
        ("POST", "ping") => ("200 OK", result(json!({}))),
        ("POST", "server/discover") => ("400 Bad Request", String::new()),
        ("POST", _) => ("202 Accepted", String::new()),
        ("DELETE", _) => ("200 OK", String::new()),
        _ => ("405 Method Not Allowed", String::new()),
    };
    let kind = "Content-Type: application/json\r\nMcp-Session-Id: s\r\nConnection: close\r\n";
    let _gone = write!(stream, "HTTP/1.1 {status}\r\n{kind}Content-Length: {}\r\n\r\n{body}", body.len());
}

/// A home with that server, whose key is in a file.
fn home(far: &Far) -> Home {
    let home = Home::new();
    std::fs::write(home.file("key"), "key-of-the-file\n").unwrap();
    let key = format!("${{file:{}}}", home.file("key").display());
    home.with_entry("far", json!({"url": far.url(), "headers": {"X-Key": key}}))
}

#[test]
fn a_remote_server_is_listed_called_and_left() {
    let far = Far::start();
    let home = home(&far);
    let mut client = home.connect();
    assert_eq!(text(&client.execute("far.greet", &json!({})), 0), "greetings");
    let found = client.call("find_tool", &json!({"query": "greets from far away"}));
    assert!(text(&found, 0).contains("far.greet"), "{found}");
    assert_eq!(client.leave(), 0);
    let sessions = far.of("initialize").len();
    assert!(sessions > 0 && far.verbs("DELETE") == sessions, "{sessions} sessions, {} goodbyes", far.verbs("DELETE"));
    let checked = home.run(&["config", "check"]);
    assert!(checked.stdout.contains("connects to http://127.0.0.1"), "{}", checked.stdout);
}

#[test]
fn a_call_that_met_a_forgotten_session_is_made_again_in_a_new_one() {
    let far = Far::start();
    let home = home(&far).set("servers.restart_backoff_ms=1");
    let mut client = home.connect();
    assert_eq!(text(&client.execute("far.forget", &json!({})), 0), "greetings");
    let sessions = far.of("initialize").len();
    assert!(sessions >= 2 && far.of("tools/call").len() == 2, "{sessions} sessions");
    assert_eq!(client.leave(), 0);
}

#[test]
fn a_wrong_key_is_told_and_no_key_is_shown() {
    let far = Far::start();
    let home = home(&far);
    assert_eq!(home.run(&["index", "rebuild"]).code, 0);
    std::fs::write(home.file("key"), "another-key-of-the-file\n").unwrap();
    let mut client = home.connect();
    let failed = client.execute("far.greet", &json!({})).to_string();
    assert!(failed.contains("401") && failed.contains("headers") && !failed.contains("another-key"), "{failed}");
    // The next start reads the file anew.
    std::fs::write(home.file("key"), "key-of-the-file\n").unwrap();
    wait_for("the new key to be taken", || {
        let result = client.execute("far.greet", &json!({}));
        (result["content"][0]["text"] == "greetings").then_some(())
    });
}

#[cfg(target_os = "linux")]
#[test]
fn a_remote_server_has_no_process_and_a_restart_is_a_new_session() {
    use crate::daemon::Shared;
    use crate::supervision::wait_for_state;

    let far = Far::start();
    let shared = Shared::over(home(&far).set("servers.idle_timeout_s=1"));
    let mut client = shared.connect();
    assert_eq!(text(&client.execute("far.greet", &json!({})), 0), "greetings");
    let sessions = far.of("initialize").len();
    assert_eq!(shared.home.run_shared(&["restart", "--server", "far"]).code, 0);
    wait_for("a new session", || (far.of("initialize").len() > sessions).then_some(()));
    let seen = wait_for_state(&shared, "far", "dormant");
    assert_eq!(seen["pid"], Value::Null, "{seen}");
    wait_for("goodbyes", || (far.verbs("DELETE") == far.of("initialize").len()).then_some(()));
}
