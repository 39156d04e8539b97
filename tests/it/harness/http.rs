//! `mcporch serve`, and a small HTTP client: just what the tests need, so that it can also do what no client should.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Stdio};

use serde_json::{Value, json};

use super::{Home, PATIENCE, wait_for};

pub(crate) const MODERN: &str = "2026-07-28";
const META: &str = "io.modelcontextprotocol/";

/// A running `mcporch serve`, on a port that the system picked.
pub(crate) struct Served {
    child: Child,
    /// `ADDRESS:PORT`, of the first listener.
    pub(crate) address: String,
    /// Those of all.
    pub(crate) addresses: Vec<String>,
}

impl Served {
    pub(crate) fn start(home: &Home, args: &[&str]) -> Self {
        let (child, told) = spawn(home, &["serve", "--http", "127.0.0.1:0"], args);
        assert_eq!(told["pid"], child.id());
        let address = |url: &Value| {
            let (_scheme, rest) = url.as_str().unwrap().split_once("://").unwrap();
            rest.strip_suffix("/mcp").unwrap().to_owned()
        };
        let addresses = told["urls"].as_array().unwrap().iter().map(address).collect();
        Self { address: address(&told["url"]), addresses, child }
    }

    /// `mcporch dashboard`, which serves the same and says only where its page is.
    pub(crate) fn dashboard(home: &Home, args: &[&str]) -> Self {
        let (child, told) = spawn(home, &["dashboard", "--no-open", "--port", "0"], args);
        let address = told["url"].as_str().unwrap().trim_start_matches("http://").trim_end_matches('/').to_owned();
        Self { addresses: vec![address.clone()], address, child }
    }

    /// A client of another listener.
    pub(crate) fn at(&self, address: &str, path: &str) -> Http {
        Http { address: address.to_owned(), path: path.to_owned(), headers: Vec::new(), next_id: 0 }
    }

    /// A client of the stateless revision.
    pub(crate) fn modern(&self, path: &str) -> Http {
        Http { address: self.address.clone(), path: path.to_owned(), headers: Vec::new(), next_id: 0 }
    }

    /// A client with a session.
    pub(crate) fn session(&self, path: &str, version: &str) -> Http {
        let mut client = self.modern(path);
        client.headers.push(("MCP-Protocol-Version".to_owned(), version.to_owned()));
        client.begin(version);
        client
    }

    /// Tells it to stop.
    pub(crate) fn terminate(&self) {
        let pid = rustix::process::Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    }

    /// Its exit code, once it has ended.
    pub(crate) fn ended(&mut self) -> Option<i32> {
        wait_for("mcporch to end", || self.child.try_wait().unwrap()).code()
    }
}

/// Starts it, and gives what it says once clients can come.
fn spawn(home: &Home, how: &[&str], args: &[&str]) -> (Child, Value) {
    let mut command = home.shared_command();
    command.arg("--json").args(how).args(args);
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let told = serde_json::from_str(&line).unwrap_or_else(|_| panic!("it does not serve: {line}"));
    (child, told)
}

impl Drop for Served {
    fn drop(&mut self) {
        let _gone_already = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// A client of one address.
#[derive(Clone)]
pub(crate) struct Http {
    address: String,
    path: String,
    pub(crate) headers: Vec<(String, String)>,
    next_id: u64,
}

impl Http {
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        self
    }

    fn begin(&mut self, version: &str) {
        let answer = self.post(&json!({"jsonrpc": "2.0", "id": 0, "method": "initialize",
            "params": {"protocolVersion": version, "clientInfo": {"name": "test", "version": "1"},
                "capabilities": {"elicitation": {}, "sampling": {}, "roots": {}}}}));
        let id = answer.header("mcp-session-id").unwrap().to_owned();
        self.headers.push(("Mcp-Session-Id".to_owned(), id));
        assert_eq!(answer.json()["result"]["protocolVersion"], version);
        assert_eq!(self.post(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"})).status, 202);
    }

    /// Sends any request; the usual headers are those that are not given.
    pub(crate) fn send(&self, method: &str, body: &str) -> Response {
        let mut head = format!("{method} {} HTTP/1.1\r\n", self.path);
        let usual = [
            ("Host", self.address.as_str()),
            ("Accept", "application/json, text/event-stream"),
            ("Content-Type", "application/json"),
        ];
        let own = self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let is_given = |name: &str| self.headers.iter().any(|(own, _)| own.eq_ignore_ascii_case(name));
        for (name, value) in usual.into_iter().filter(|(name, _)| !is_given(name)).chain(own) {
            head.extend([name, ": ", value, "\r\n"]);
        }
        head.extend(["Content-Length: ", &body.len().to_string(), "\r\n\r\n"]);
        let mut stream = self.connect();
        // Who is refused before he has said all may find the connection closed.
        let _refused = stream.write_all(format!("{head}{body}").as_bytes());
        Response::read(stream)
    }

    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    pub(crate) fn post(&self, message: &Value) -> Response {
        self.send("POST", &message.to_string())
    }

    /// Sends a request with an id of its own; the answer may be JSON or a stream.
    pub(crate) fn request(&mut self, method: &str, params: &Value) -> Response {
        self.next_id += 1;
        self.post(&json!({"jsonrpc": "2.0", "id": self.next_id, "method": method, "params": params}))
    }

    /// The same as a request of the stateless revision, with the headers that belong to it.
    pub(crate) fn ask_modern(&mut self, method: &str, params: &Value) -> Response {
        let mut params = params.clone();
        for (key, value) in [
            ("protocolVersion", json!(MODERN)),
            ("clientCapabilities", json!({"elicitation": {}})),
            ("clientInfo", json!({"name": "test", "version": "1"})),
        ] {
            params["_meta"][format!("{META}{key}")] = value;
        }
        let mut client = self.clone().with("MCP-Protocol-Version", MODERN).with("Mcp-Method", method);
        if let Some(name) = params["name"].as_str().or_else(|| params["uri"].as_str()) {
            client = client.with("Mcp-Name", name);
        }
        // What a test says of the headers wins.
        for (name, value) in &self.headers {
            client = client.with(name, value);
        }
        let answer = client.request(method, &params);
        self.next_id = client.next_id;
        answer
    }

    /// Calls a tool; gives the answer's first word, which may be JSON or a stream.
    pub(crate) fn call_modern(&mut self, tool: &str, arguments: &Value) -> Response {
        self.ask_modern("tools/call", &json!({"name": tool, "arguments": arguments}))
    }
}

/// A response, read as far as its head.
pub(crate) struct Response {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    body: BufReader<Body>,
}

impl Response {
    pub(crate) fn read(stream: TcpStream) -> Self {
        let mut reader = BufReader::new(stream);
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        let status = line.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status = status.unwrap_or_else(|| panic!("no status: {line:?}"));
        let mut headers = Vec::new();
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).unwrap();
            let Some((name, value)) = line.trim_end().split_once(": ") else { break };
            headers.push((name.to_lowercase(), value.to_owned()));
        }
        let length = headers.iter().find(|(name, _)| name == "content-length").map(|(_, value)| value.parse().unwrap());
        let is_chunked = length.is_none();
        let left = length.unwrap_or(0);
        Self { status, headers, body: BufReader::new(Body { reader, left, is_chunked, is_over: false }) }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The lines of the body, as they come.
    pub(crate) fn lines(self) -> impl Iterator<Item = std::io::Result<String>> {
        self.body.lines()
    }

    pub(crate) fn text(mut self) -> String {
        let mut text = String::new();
        self.body.read_to_string(&mut text).unwrap();
        text
    }

    pub(crate) fn json(self) -> Value {
        let text = self.text();
        serde_json::from_str(&text).unwrap_or_else(|_| panic!("no JSON: {text}"))
    }

    /// The answer, be it JSON or the last event of a stream.
    pub(crate) fn answer(mut self) -> Value {
        if self.header("content-type") == Some("application/json") {
            return self.json();
        }
        let mut last = None;
        while let Some((_, event)) = self.event() {
            last = Some(event);
        }
        last.unwrap()
    }

    /// The next event with its id, `null` for one without a message; `None` at the end.
    pub(crate) fn event(&mut self) -> Option<(Option<String>, Value)> {
        let (mut id, mut data) = (None, None);
        loop {
            let mut line = String::new();
            if self.body.read_line(&mut line).unwrap() == 0 {
                return None;
            }
            let line = line.trim_end();
            if let Some(text) = line.strip_prefix("data:") {
                data = Some(text.trim().to_owned());
            } else if let Some(text) = line.strip_prefix("id:") {
                id = Some(text.trim().to_owned());
            } else if let (true, Some(data)) = (line.is_empty(), data.take()) {
                let value = if data.is_empty() { Value::Null } else { serde_json::from_str(&data).unwrap() };
                return Some((id, value));
            }
        }
    }
}

/// What is behind the head: of a known length, or in chunks.
struct Body {
    reader: BufReader<TcpStream>,
    left: usize,
    is_chunked: bool,
    is_over: bool,
}

impl Read for Body {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.left == 0 && self.is_chunked && !self.is_over {
            let mut line = String::new();
            self.reader.read_line(&mut line)?;
            if line.trim().is_empty() {
                line.clear();
                self.reader.read_line(&mut line)?;
            }
            self.left = usize::from_str_radix(line.trim(), 16).unwrap_or(0);
            self.is_over = self.left == 0;
        }
        let wanted = buffer.len().min(self.left);
        if wanted == 0 {
            return Ok(0);
        }
        let read = self.reader.read(&mut buffer[..wanted])?;
        self.left -= read;
        Ok(read)
    }
}
