//! Checks of the demo server through pipes in memory: no process, no network, no waiting.

mod conformance;
mod conformance_dialogues;
mod misbehaviour;
mod protocol;
mod time_rules;
mod tools;
mod tools_with_folder;

use std::io::{self, BufRead, BufReader, PipeReader, PipeWriter, Write};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use clap::Parser;
use serde_json::{Value, json};

use super::demo_tool::DemoTool;
use super::kind::{Kind, catalogue};
use super::session::serve;
use super::world::World;
use super::{Error, Flags};

/// 2026-11-21 12:34:56 UTC, a Saturday.
const NOW_S: i64 = 1_795_264_496;

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    flags: Flags,
}

/// Flags from a command line, split at spaces.
fn flags(line: &str) -> Flags {
    Cli::parse_from(std::iter::once("demo-server").chain(line.split_whitespace())).flags
}

fn world(folder: Option<&Path>) -> World {
    World { folder: folder.map(Path::to_path_buf), now_s: || NOW_S }
}

#[derive(Clone, Default)]
struct Bytes(Arc<Mutex<Vec<u8>>>);

impl Write for Bytes {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Sends all lines at once and then end of file: what came out, and how it ended.
fn raw_session(flags: &Flags, input: &[u8]) -> (Vec<u8>, Result<(), Error>) {
    let bytes = Bytes::default();
    let ended = serve(input, Box::new(bytes.clone()), flags, world(flags.folder.as_deref()));
    let out = bytes.0.lock().unwrap().clone();
    (out, ended)
}

/// The same, with messages; what came out must be messages, too.
fn session(line: &str, messages: &[Value]) -> Vec<Value> {
    let (out, ended) = raw_session(&flags(line), &to_lines(messages));
    ended.unwrap();
    out.split(|b| *b == b'\n').filter(|l| !l.is_empty()).map(|l| serde_json::from_slice(l).unwrap()).collect()
}

fn to_lines(messages: &[Value]) -> Vec<u8> {
    messages.iter().flat_map(|message| format!("{message}\n").into_bytes()).collect()
}

fn legacy(id: u32, method: &str, params: Value) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params})
}

fn modern(id: u32, method: &str, mut params: Value) -> Value {
    params["_meta"]["io.modelcontextprotocol/protocolVersion"] = json!("2026-07-28");
    params["_meta"]["io.modelcontextprotocol/clientCapabilities"] = json!({});
    legacy(id, method, params)
}

fn initialize() -> Value {
    legacy(0, "initialize", json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t"}}))
}

fn call(id: u32, tool: &str, arguments: Value) -> Value {
    modern(id, "tools/call", json!({"name": tool, "arguments": arguments}))
}

/// A server on its own thread, asked and read step by step.
struct Live {
    input: PipeWriter,
    output: BufReader<PipeReader>,
    thread: JoinHandle<Result<(), Error>>,
}

impl Live {
    fn start(line: &str) -> Self {
        Self::start_at(line, || NOW_S)
    }

    /// With a clock of its own.
    fn start_at(line: &str, now_s: fn() -> i64) -> Self {
        let (server_input, input) = io::pipe().unwrap();
        let (output, server_output) = io::pipe().unwrap();
        let flags = flags(line);
        let thread = std::thread::spawn(move || {
            let world = World { now_s, ..world(flags.folder.as_deref()) };
            serve(BufReader::new(server_input), Box::new(server_output), &flags, world)
        });
        Self { input, output: BufReader::new(output), thread }
    }

    fn send(&mut self, message: &Value) {
        self.input.write_all(format!("{message}\n").as_bytes()).unwrap();
    }

    fn receive(&mut self) -> Value {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap()
    }

    /// Closes the input; what was still written, and how it ended.
    fn end(mut self) -> (String, Result<(), Error>) {
        drop(self.input);
        let mut rest = String::new();
        io::Read::read_to_string(&mut self.output, &mut rest).unwrap();
        (rest, self.thread.join().unwrap())
    }
}

/// The tool of that name, and the kind that has it.
fn tool(name: &str) -> &'static DemoTool {
    let all = catalogue().iter().flat_map(|server| server.kind.demo_tools());
    all.into_iter().find(|tool| tool.name == name).unwrap()
}

/// Runs a tool as a client would: the arguments must fit the input schema, the answer the output schema.
fn run(folder: Option<&Path>, name: &str, arguments: &Value) -> Result<(String, Option<Value>), String> {
    let tool = tool(name);
    let object: Value = serde_json::from_str(&tool.to_json()).unwrap();
    let answer = tool.call(Some(&arguments.to_string()), &world(folder)).map_err(|fault| fault.to_string())?;
    let fits = jsonschema::validator_for(&object["inputSchema"]).unwrap().is_valid(arguments);
    assert!(fits, "{name}: {arguments} worked but does not fit the input schema");
    match (object.get("outputSchema"), &answer.structured) {
        (Some(schema), Some(structured)) => {
            let checked = jsonschema::validate(schema, structured);
            assert!(checked.is_ok(), "{name}: {structured} does not fit the output schema: {checked:?}");
        }
        (None, None) => {}
        (schema, structured) => panic!("{name}: schema {schema:?}, structured {structured:?}"),
    }
    Ok((answer.text, answer.structured))
}

/// The answer contains the text, or is a fault that does.
fn check(name: &str, arguments: &Value, expected: &str) {
    check_in(None, name, arguments, expected);
}

fn check_in(folder: Option<&Path>, name: &str, arguments: &Value, expected: &str) {
    let outcome = run(folder, name, arguments);
    let text = match &outcome {
        Ok((text, _)) => text.clone(),
        Err(fault) => format!("fault: {fault}"),
    };
    assert!(text.contains(expected), "{name} {arguments}\n gave     {text}\n expected {expected}");
    assert_eq!(outcome.is_err(), expected.starts_with("fault: "), "{name} {arguments} gave {text}");
}
