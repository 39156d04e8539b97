//! Small HTTP servers for the tests, on threads and on this machine alone.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

/// A request as the server saw it.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) verb: String,
    pub(super) path: String,
    headers: BTreeMap<String, String>,
    pub(super) body: Value,
}

impl Asked {
    /// The header of that name, or nothing.
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    pub(super) fn method(&self) -> &str {
        self.body["method"].as_str().unwrap_or_default()
    }

    pub(super) fn result(&self, result: Value) -> Value {
        json!({"jsonrpc": "2.0", "id": self.body["id"], "result": result})
    }

    pub(super) fn error(&self, code: i64, message: &str) -> Value {
        json!({"jsonrpc": "2.0", "id": self.body["id"], "error": {"code": code, "message": message}})
    }
}

/// The rest of a connection on which a request has come.
pub(super) struct Line(TcpStream);

impl Line {
    pub(super) fn raw(&mut self, text: &str) {
        let _gone = self.0.write_all(text.as_bytes());
    }

    /// A whole answer.
    pub(super) fn answer(&mut self, status: &str, headers: &str, body: &str) {
        let len = body.len();
        self.raw(&format!("HTTP/1.1 {status}\r\nContent-Length: {len}\r\nConnection: close\r\n{headers}\r\n{body}"));
    }

    pub(super) fn json(&mut self, body: &Value) {
        self.answer("200 OK", "Content-Type: application/json\r\n", &body.to_string());
    }

    pub(super) fn status(&mut self, status: &str) {
        self.answer(status, "", "");
    }

    /// The head of a stream that lasts until the line is dropped.
    pub(super) fn stream(&mut self) {
        self.raw("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n");
    }

    pub(super) fn event(&mut self, data: &Value) {
        self.raw(&format!("data: {data}\n\n"));
    }

    /// Waits until the other side has closed the connection.
    pub(super) fn wait_for_close(&mut self) {
        let mut rest = [0; 64];
        while matches!(self.0.read(&mut rest), Ok(len) if len > 0) {}
    }
}

/// Answers each request on a thread of its own.
pub(super) struct Server {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Server {
    pub(super) fn start(answer: impl Fn(&Asked, Line) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let asked: Arc<Mutex<Vec<Asked>>> = Arc::default();
        let (seen, answer) = (asked.clone(), Arc::new(answer));
        std::thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                let (seen, answer) = (seen.clone(), answer.clone());
                std::thread::spawn(move || {
                    let Some((asked, line)) = read(stream) else { return };
                    seen.lock().unwrap().push(asked.clone());
                    answer(&asked, line);
                });
            }
        });
        Self { address, asked }
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// What it was asked so far.
    pub(super) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// The requests of that method.
    pub(super) fn of(&self, method: &str) -> Vec<Asked> {
        self.asked().into_iter().filter(|asked| asked.method() == method).collect()
    }
}

fn read(stream: TcpStream) -> Option<(Asked, Line)> {
    let mut reader = BufReader::new(stream);
    let mut first = String::new();
    reader.read_line(&mut first).ok().filter(|len| *len > 0)?;
    let mut words = first.split(' ').map(str::to_owned);
    let (verb, path) = (words.next()?, words.next()?);
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end_matches(['\r', '\n']).split_once(": ") else { break };
        headers.insert(name.to_ascii_lowercase(), value.to_owned());
    }
    let len = headers.get("content-length").map_or(0, |len| len.parse().unwrap());
    let mut body = vec![0; len];
    reader.read_exact(&mut body).ok()?;
    let body = serde_json::from_slice(&body).unwrap_or_default();
    Some((Asked { verb, path, headers, body }, Line(reader.into_inner())))
}

/// A server of 2025-11-25 with a session and without a stream of its own; `call` answers `tools/call`.
pub(super) fn legacy(call: impl Fn(&Asked, Line) + Send + Sync + 'static) -> Server {
    Server::start(move |asked, mut line| match (asked.verb.as_str(), asked.method()) {
        ("POST", "initialize") => {
            let hello =
                json!({"protocolVersion": "2025-11-25", "capabilities": {"tools": {}}, "serverInfo": {"name": "l"}});
            let body = asked.result(hello).to_string();
            line.answer("200 OK", "Content-Type: application/json\r\nMcp-Session-Id: s-1\r\n", &body);
        }
        ("POST", "server/discover") => {
            let body = json!({"jsonrpc": "2.0", "id": null, "error": {"code": -32000, "message": "no session"}});
            line.answer("400 Bad Request", "Content-Type: application/json\r\n", &body.to_string());
        }
        ("POST", "tools/call") => call(asked, line),
        ("POST", "ping") => line.json(&asked.result(json!({}))),
        ("POST", _) => line.status("202 Accepted"),
        ("DELETE", _) => line.status("200 OK"),
        _ => line.status("405 Method Not Allowed"),
    })
}

/// A server of 2026-07-28; `call` answers everything but `server/discover`.
pub(super) fn modern(call: impl Fn(&Asked, Line) + Send + Sync + 'static) -> Server {
    Server::start(move |asked, mut line| match asked.method() {
        "server/discover" => line.json(&asked.result(json!({
            "resultType": "complete", "supportedVersions": ["2026-07-28"], "capabilities": {"tools": {}},
        }))),
        _ => call(asked, line),
    })
}
