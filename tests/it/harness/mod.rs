//! Homes, registries and clients for the tests. The only code here that knows command lines and wire formats.

#[cfg(unix)]
pub(crate) mod http;

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use tokio::time::Instant;

use serde_json::{Map, Value, json};

/// Longest wait for anything in a test: far more than a busy machine needs, far less than a person waits.
pub(crate) const PATIENCE: Duration = Duration::from_secs(40);

pub(crate) fn program() -> &'static str {
    env!("CARGO_BIN_EXE_mcporch")
}

/// A fresh home with a registry of demo servers.
pub(crate) struct Home {
    folder: tempfile::TempDir,
    servers: Map<String, Value>,
    sets: Vec<String>,
}

impl Home {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), servers: Map::new(), sets: Vec::new() }
    }

    /// With a demo server of that name and these flags.
    pub(crate) fn with(mut self, name: &str, flags: &[&str]) -> Self {
        let mut args = vec!["demo-server"];
        args.extend(flags);
        self.servers.insert(name.to_owned(), json!({"command": program(), "args": args}));
        self
    }

    /// With any entry.
    pub(crate) fn with_entry(mut self, name: &str, entry: Value) -> Self {
        self.servers.insert(name.to_owned(), entry);
        self
    }

    /// With a setting.
    pub(crate) fn set(mut self, setting: &str) -> Self {
        self.sets.push(setting.to_owned());
        self
    }

    /// Another entry from the next [`Home::write_registry`] on; none takes the server out.
    pub(crate) fn change(&mut self, name: &str, entry: Option<Value>) {
        match entry {
            Some(entry) => drop(self.servers.insert(name.to_owned(), entry)),
            None => drop(self.servers.remove(name)),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    fn command(&self) -> Command {
        let mut command = self.shared_command();
        command.arg("--standalone");
        command
    }

    pub(crate) fn write_registry(&self) {
        let registry = self.file("registry.json");
        // Put in place whole: another process of the same test may be reading it.
        let fresh = self.file(&format!("registry.{:?}", std::thread::current().id()));
        std::fs::write(&fresh, json!({"mcpServers": self.servers}).to_string()).unwrap();
        std::fs::rename(&fresh, &registry).unwrap();
    }

    /// mcporch as users start it: it may start a daemon, which the test must end.
    pub(crate) fn shared_command(&self) -> Command {
        self.write_registry();
        self.command_as_it_is()
    }

    /// The same, over the registry as it stands on the disk.
    fn command_as_it_is(&self) -> Command {
        let registry = self.file("registry.json");
        let mut command = Command::new(program());
        // A test must not depend on who runs it: no variables but those that programs need to run at all.
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("HOME", self.path());
        command.arg("--home").arg(self.file("home")).arg("--registry").arg(registry);
        for setting in &self.sets {
            command.args(["--set", setting]);
        }
        command
    }

    /// The command that a client's configuration would have.
    pub(crate) fn client_command(&self) -> Command {
        self.command()
    }

    /// Runs a command to its end.
    pub(crate) fn run(&self, args: &[&str]) -> Ran {
        Ran::of(&self.command().args(args).stdin(Stdio::null()).output().unwrap())
    }

    /// The same as [`Home::run`], with the daemon where the command has to do with it.
    pub(crate) fn run_shared(&self, args: &[&str]) -> Ran {
        Ran::of(&self.shared_command().args(args).stdin(Stdio::null()).output().unwrap())
    }

    /// The same, over the registry as it stands on the disk.
    pub(crate) fn run_as_it_is(&self, args: &[&str]) -> Ran {
        Ran::of(&self.command_as_it_is().args(args).stdin(Stdio::null()).output().unwrap())
    }

    /// Starts mcporch as a client would.
    pub(crate) fn start(&self) -> Client {
        Client::start(self.command())
    }

    /// The same, after `initialize`.
    pub(crate) fn connect(&self) -> Client {
        self.start().past_hello()
    }
}

pub(crate) fn initialize_params(version: &str) -> Value {
    json!({"protocolVersion": version, "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}})
}

/// How a command ended.
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    pub(crate) fn of(output: &Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|fault| panic!("{fault}: {}\n{}", self.stdout, self.stderr))
    }
}

/// An MCP client that writes and reads lines.
pub(crate) struct Client {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<Value>,
    /// Messages that came while an answer was waited for.
    pub(crate) others: Vec<Value>,
    next_id: u64,
}

impl Client {
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let stdin = child.stdin.take();
        let stdout = child.stdout.take().unwrap();
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                // Anything but JSON on stdout is a fault that must not go unseen.
                let message = serde_json::from_str(&line).unwrap_or_else(|_| json!({"NOT JSON": line}));
                if sender.send(message).is_err() {
                    return;
                }
            }
        });
        Self { child, stdin, lines, others: Vec::new(), next_id: 1 }
    }

    /// This client, after `initialize`.
    pub(crate) fn past_hello(mut self) -> Self {
        let hello = self.ask("initialize", &initialize_params("2025-11-25"));
        assert_eq!(hello["result"]["serverInfo"]["name"], "mcporch", "{hello}");
        self.notify("notifications/initialized", &json!({}));
        self
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn send_raw(&mut self, line: &[u8]) {
        let stdin = self.stdin.as_mut().unwrap();
        stdin.write_all(line).unwrap();
        stdin.write_all(b"\n").unwrap();
        stdin.flush().unwrap();
    }

    pub(crate) fn notify(&mut self, method: &str, params: &Value) {
        self.send_raw(json!({"jsonrpc": "2.0", "method": method, "params": params}).to_string().as_bytes());
    }

    /// Sends a request without waiting; gives its id.
    pub(crate) fn send(&mut self, method: &str, params: &Value) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        self.send_raw(json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}).to_string().as_bytes());
        id
    }

    /// The next message of any kind.
    pub(crate) fn next(&mut self) -> Value {
        self.lines.recv_timeout(PATIENCE).expect("a message within the patience of a test")
    }

    /// The answer to this request.
    pub(crate) fn answer(&mut self, id: u64) -> Value {
        if let Some(at) = self.others.iter().position(|message| message["id"] == id && message.get("method").is_none())
        {
            return self.others.remove(at);
        }
        loop {
            let message = self.next();
            if message["id"] == id && message.get("method").is_none() {
                return message;
            }
            self.others.push(message);
        }
    }

    /// The next notification of this method.
    pub(crate) fn notification(&mut self, method: &str) -> Value {
        if let Some(at) = self.others.iter().position(|message| message["method"] == method) {
            return self.others.remove(at);
        }
        loop {
            let message = self.next();
            if message["method"] == method {
                return message;
            }
            self.others.push(message);
        }
    }

    pub(crate) fn ask(&mut self, method: &str, params: &Value) -> Value {
        let id = self.send(method, params);
        self.answer(id)
    }

    /// Calls one of the four tools; gives the result.
    pub(crate) fn call(&mut self, tool: &str, arguments: &Value) -> Value {
        let answer = self.ask("tools/call", &json!({"name": tool, "arguments": arguments}));
        assert!(answer.get("result").is_some(), "{answer}");
        answer["result"].clone()
    }

    /// Calls a tool of a server by name.
    pub(crate) fn execute(&mut self, tool: &str, params: &Value) -> Value {
        self.call("execute", &json!({"tool": tool, "params": params}))
    }

    /// Closes stdin and still reads the answer to this request.
    pub(crate) fn close_and_answer(mut self, id: u64) -> Value {
        self.stdin = None;
        self.answer(id)
    }

    /// Closes stdin and waits for the end; gives the exit code.
    pub(crate) fn leave(mut self) -> i32 {
        self.stdin = None;
        wait_for("mcporch to exit", || self.child.try_wait().unwrap()).code().unwrap_or(-1)
    }

    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.stdin = None;
        let _gone_already = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// Looks until there is something to see.
pub(crate) fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(started.elapsed() < PATIENCE, "waited too long for {what}");
        std::thread::yield_now();
        std::thread::park_timeout(Duration::from_millis(5));
    }
}

/// The text of a result's content at this place.
pub(crate) fn text(result: &Value, place: usize) -> &str {
    result["content"][place]["text"].as_str().unwrap_or_else(|| panic!("no text at {place}: {result}"))
}

/// Processes below this one, children and theirs, parents first, without our own shims between them. Linux only; empty
/// elsewhere.
pub(crate) fn servers(pid: u32) -> Vec<u32> {
    descendants(pid).into_iter().filter(|pid| !is_shim(*pid)).collect()
}

/// Whether the process is one of ours that stands between mcporch and a server.
pub(crate) fn is_shim(pid: u32) -> bool {
    let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    // While a process takes another program on, it has no arguments for a moment.
    line.is_empty() || line.split(|byte| *byte == 0).nth(1) == Some(b"__shim")
}

/// Processes below this one, children and theirs. Linux only; empty elsewhere.
pub(crate) fn descendants(pid: u32) -> Vec<u32> {
    let mut found = Vec::new();
    let mut unseen = vec![pid];
    while let Some(pid) = unseen.pop() {
        let Ok(tasks) = std::fs::read_dir(format!("/proc/{pid}/task")) else { continue };
        for task in tasks.flatten() {
            let children = std::fs::read_to_string(task.path().join("children")).unwrap_or_default();
            for child in children.split_whitespace().filter_map(|child| child.parse().ok()) {
                found.push(child);
                unseen.push(child);
            }
        }
    }
    found
}

/// Whether the process runs; one that only waits to be reaped does not.
pub(crate) fn is_running(pid: u32) -> bool {
    let Ok(stat) = std::fs::read_to_string(format!("/proc/{pid}/stat")) else { return false };
    !matches!(stat.rsplit(')').next().and_then(|rest| rest.trim_start().chars().next()), Some('Z' | 'X') | None)
}

/// Waits until none of them runs any more.
pub(crate) fn wait_until_gone(pids: &[u32]) {
    wait_for("processes to be gone", || pids.iter().all(|pid| !is_running(*pid)).then_some(()));
}
