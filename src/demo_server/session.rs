//! One connection: reads messages, answers them, and misbehaves where a flag says so.

use std::fs::File;
use std::io::{self, BufRead, Read, Write};
use std::sync::Arc;
use std::time::Duration;

use serde_json::value::RawValue;

use super::answer::Answer;
use super::conformance::{self, Fixture};
use super::echo::{self, Echo};
use super::error::Error;
use super::flags::{Era, Flags, Moment};
use super::kind::Kind;
use super::listing::{Listing, Runner};
use super::message::{
    INVALID_PARAMS, INVALID_REQUEST, Incoming, LEGACY_VERSIONS, METHOD_NOT_FOUND, MODERN_VERSION, Meta, PARSE_ERROR,
    Params, UNSUPPORTED_VERSION,
};
use super::output::Output;
use super::process;
use super::running::{Running, waits};
use super::world::World;

/// Longest line taken from a client. A guess: far more than any sane request, far less than the machine's memory.
const LINE_BYTES_MAX: usize = 64 << 20;
/// How long `--ignore-eof` runs on. Longer than any stop sequence, and short enough that a failed test leaves nothing.
const AFTER_EOF: Duration = Duration::from_secs(120);
/// How long a client may keep a list. The lists are constant, but for a flag that changes them.
const TTL_MS: u32 = 60_000;
/// What a server of any kind can do for a legacy client, as JSON text.
const LEGACY_CAPABILITIES: &str = r#"{"tools":{"listChanged":true},"logging":{}}"#;
/// The same for a modern one.
const MODERN_CAPABILITIES: &str = r#"{"tools":{"listChanged":true}}"#;

/// Serves this process's standard input and output.
pub(super) fn run_process(flags: &Flags) -> Result<(), Error> {
    if flags.kind == Kind::Sleeper {
        return process::sleep(flags).map_err(|source| Error::Setup { flag: "kind", source });
    }
    if flags.ignore_term {
        process::survive_term().map_err(|source| Error::Setup { flag: "ignore-term", source })?;
    }
    if flags.fork_child {
        process::start_sleeper().map_err(|source| Error::Setup { flag: "fork-child", source })?;
    }
    if flags.fork_family {
        process::start_family().map_err(|source| Error::Setup { flag: "fork-family", source })?;
    }
    for number in 1..=flags.stderr_lines {
        eprintln!("demo-server: line {number} of {} on stderr", flags.stderr_lines);
    }
    serve(io::stdin().lock(), Box::new(process::Stdout), flags, World::new(flags))
}

/// Serves any pair of pipes until end of file.
pub(super) fn serve(
    mut input: impl BufRead,
    writer: Box<dyn Write + Send>,
    flags: &Flags,
    world: World,
) -> Result<(), Error> {
    let mut session = Session::new(writer, flags, world)?;
    pause(Duration::from_millis(flags.slow_start));
    if flags.exit_at == Some(Moment::Start) {
        return Err(session.asked_to_exit(Moment::Start));
    }
    session.output.start().map_err(Error::Write)?;
    let mut line = Vec::new();
    loop {
        line.clear();
        let bytes_max = LINE_BYTES_MAX as u64 + 1;
        let count = input.by_ref().take(bytes_max).read_until(b'\n', &mut line).map_err(Error::Read)?;
        if count == 0 {
            break;
        }
        if line.last() == Some(&b'\n') {
            line.pop();
        } else if line.len() > LINE_BYTES_MAX {
            return Err(Error::LineTooLong { max: LINE_BYTES_MAX });
        }
        session.take_line(&line)?;
        if flags.close_stdin_after.is_some_and(|after| session.calls >= after) {
            process::close_stdin().map_err(|source| Error::Setup { flag: "close-stdin-after", source })?;
            pause(AFTER_EOF);
            break;
        }
    }
    if flags.ignore_eof {
        pause(AFTER_EOF);
    }
    session.close();
    Ok(())
}

struct Session<'f> {
    flags: &'f Flags,
    world: World,
    output: Arc<Output>,
    listing: Listing,
    echo: Echo,
    running: Running,
    record: Option<File>,
    server_info: String,
    /// Ends a result: `}`, or more for modern clients.
    modern_tail: Arc<str>,
    is_first: bool,
    is_initialized: bool,
    calls: u64,
    leaked: Vec<Vec<u8>>,
    /// Ids of open subscriptions to list changes, as JSON text.
    subscriptions: Vec<String>,
    /// What `--conformance` adds.
    fixture: Option<Fixture>,
}

impl<'f> Session<'f> {
    fn new(writer: Box<dyn Write + Send>, flags: &'f Flags, world: World) -> Result<Self, Error> {
        let own_name = if flags.conformance { conformance::SERVER_NAME } else { flags.kind.server_name() };
        let name = serde_json::Value::from(flags.name.as_deref().unwrap_or(own_name));
        let server_info = format!(r#"{{"name":{name},"version":"{}"}}"#, env!("CARGO_PKG_VERSION"));
        let modern_tail =
            format!(r#","resultType":"complete","_meta":{{"io.modelcontextprotocol/serverInfo":{server_info}}}}}"#);
        let open = |path: &std::path::PathBuf| {
            let opened = File::options().append(true).create(true).open(path);
            opened.map_err(|source| Error::File { flag: "record", path: path.clone(), source })
        };
        let output = Arc::new(Output::new(writer, flags));
        let fixture = flags.conformance.then(|| Fixture::new(Arc::clone(&output), server_info.clone(), world.now_s));
        Ok(Self {
            flags,
            world,
            output,
            listing: Listing::new(flags)?,
            echo: Echo::new(),
            running: Running::default(),
            record: flags.record.as_ref().map(open).transpose()?,
            server_info,
            modern_tail: modern_tail.into(),
            is_first: true,
            is_initialized: false,
            calls: 0,
            leaked: Vec::new(),
            subscriptions: Vec::new(),
            fixture,
        })
    }

    fn take_line(&mut self, line: &[u8]) -> Result<(), Error> {
        if line.trim_ascii().is_empty() {
            return Ok(());
        }
        if let Some(file) = &mut self.record {
            let mut whole = line.to_vec();
            whole.push(b'\n');
            file.write_all(&whole).map_err(Error::Write)?;
        }
        let incoming: Incoming<'_> = match serde_json::from_slice(line) {
            // serde reads lists as structs, too; a batch of messages is none of ours.
            Ok(_) if line.trim_ascii_start().starts_with(b"[") => {
                return self.error("null", INVALID_REQUEST, "batches are not served; send one message per line");
            }
            Ok(incoming) => incoming,
            Err(_) if self.flags.hang_at == Some(Moment::Start) => return Ok(()),
            Err(error) if error.is_data() => return self.error("null", INVALID_REQUEST, "not a JSON-RPC 2.0 request"),
            Err(error) => return self.error("null", PARSE_ERROR, &format!("not JSON: {error}")),
        };
        if std::mem::take(&mut self.is_first) && self.flags.exit_on_unknown_first && incoming.method != "initialize" {
            return Err(Error::UnknownFirst { method: incoming.method.into_owned(), code: self.flags.exit_code });
        }
        let moment = Moment::of(&incoming.method);
        if moment.is_some() && self.flags.exit_at == moment {
            return Err(self.asked_to_exit(moment.unwrap_or(Moment::Start)));
        }
        let is_silent = self.flags.silent_discover && moment == Some(Moment::Discover);
        let hangs = self.flags.hang_at.is_some_and(|at| at == Moment::Start || Some(at) == moment);
        if is_silent || hangs {
            return Ok(());
        }
        if incoming.method.is_empty() {
            if let (Some(fixture), Some(id)) = (&self.fixture, incoming.id_text()) {
                fixture.take_reply(id, incoming.result.map(RawValue::get), incoming.error.map(RawValue::get));
            }
            return Ok(());
        }
        let params = match incoming.params.map(RawValue::get) {
            None => Ok(Params::default()),
            Some(raw) if !raw.starts_with('{') => Err(serde::de::Error::custom("they must be an object")),
            Some(raw) => serde_json::from_str(raw).map(|params| Params { raw: Some(raw), ..params }),
        };
        match (incoming.id, incoming.id_text(), params) {
            (None, _, params) => {
                self.take_notification(&incoming.method, &params.unwrap_or_default());
                Ok(())
            }
            (Some(_), None, _) => self.error("null", INVALID_REQUEST, "a request id must be a string or a number"),
            (_, Some(id), Err(error)) => self.error(id, INVALID_PARAMS, &format!("params do not fit: {error}")),
            (_, Some(id), Ok(params)) => self.take_request(id, &incoming.method, &params),
        }
    }

    fn take_notification(&mut self, method: &str, params: &Params<'_>) {
        if let ("notifications/cancelled", Some(id)) = (method, params.request_id) {
            let was_running = self.running.cancel(id.get());
            if let Some(fixture) = &mut self.fixture {
                fixture.cancelled(id.get(), params.raw, was_running);
            }
            self.subscriptions.retain(|open| open != id.get());
        }
    }

    fn take_request(&mut self, id: &str, method: &str, params: &Params<'_>) -> Result<(), Error> {
        let is_legacy = match self.flags.era {
            Era::Legacy => true,
            Era::Modern => false,
            Era::Both => {
                let version = params.meta.as_ref().map_or("", |meta| &meta.protocol_version);
                version.is_empty() && (self.is_initialized || matches!(method, "ping" | "initialize"))
            }
        };
        if is_legacy {
            return self.take_legacy(id, method, params);
        }
        let is_handshake = method == "initialize" && params.meta.as_ref().is_none_or(|m| m.protocol_version.is_empty());
        if is_handshake {
            return self.refuse_version(id, &params.protocol_version);
        }
        let Some(meta) = params.meta.as_ref().filter(|meta| !meta.protocol_version.is_empty()) else {
            return self.error(id, INVALID_PARAMS, "_meta lacks \"io.modelcontextprotocol/protocolVersion\"");
        };
        if meta.protocol_version != MODERN_VERSION {
            return self.refuse_version(id, &meta.protocol_version);
        }
        if meta.client_capabilities.is_none() {
            return self.error(id, INVALID_PARAMS, "_meta lacks \"io.modelcontextprotocol/clientCapabilities\"");
        }
        match method {
            "server/discover" => {
                let has_fixture = self.fixture.is_some();
                let capabilities = if has_fixture { conformance::MODERN_CAPABILITIES } else { MODERN_CAPABILITIES };
                let instructions = self.instructions();
                let result = format!(
                    r#"{{"supportedVersions":["{MODERN_VERSION}"],"capabilities":{capabilities}{instructions},"ttlMs":{TTL_MS},"cacheScope":"public""#,
                );
                self.result(id, &[result.as_bytes(), self.modern_tail.as_bytes()])
            }
            "tools/list" => self.list(id, params, true),
            "tools/call" => self.call(id, params, true),
            "subscriptions/listen" if self.fixture.is_none() => self.listen(id, params),
            _ if self.serve_fixture(id, method, params, true)? => Ok(()),
            _ => self.error(id, METHOD_NOT_FOUND, &format!("unknown method {method:?}")),
        }
    }

    fn take_legacy(&mut self, id: &str, method: &str, params: &Params<'_>) -> Result<(), Error> {
        match method {
            "initialize" => {
                self.is_initialized = true;
                if let Some(fixture) = &self.fixture {
                    fixture.shake_hands(params.raw);
                }
                let asked = &params.protocol_version;
                let version = LEGACY_VERSIONS.into_iter().find(|known| known == asked).unwrap_or(LEGACY_VERSIONS[0]);
                let has_fixture = self.fixture.is_some();
                let capabilities = if has_fixture { conformance::LEGACY_CAPABILITIES } else { LEGACY_CAPABILITIES };
                let (info, instructions) = (&self.server_info, self.instructions());
                let result = format!(
                    r#"{{"protocolVersion":"{version}","capabilities":{capabilities},"serverInfo":{info}{instructions}}}"#,
                );
                self.result(id, &[result.as_bytes()])
            }
            "ping" => self.result(id, &[b"{}"]),
            "logging/setLevel" if self.fixture.is_none() => self.result(id, &[b"{}"]),
            "tools/list" => self.list(id, params, false),
            "tools/call" => self.call(id, params, false),
            _ if self.serve_fixture(id, method, params, false)? => Ok(()),
            _ => self.error(id, METHOD_NOT_FOUND, &format!("unknown method {method:?}")),
        }
    }

    /// Lets the fixture serve the request, if there is one and it knows the method.
    fn serve_fixture(&mut self, id: &str, method: &str, params: &Params<'_>, is_modern: bool) -> Result<bool, Error> {
        match &mut self.fixture {
            Some(fixture) => fixture.serve((id, method), params.raw, is_modern, &mut self.running),
            None => Ok(false),
        }
    }

    /// A further field of the server's introduction, if it has something to say.
    fn instructions(&self) -> String {
        let text = || format!(",\"instructions\":{}", serde_json::Value::from(conformance::INSTRUCTIONS));
        self.fixture.as_ref().map_or_else(String::new, |_| text())
    }

    fn list(&mut self, id: &str, params: &Params<'_>, is_modern: bool) -> Result<(), Error> {
        let Some(page) = self.listing.page(params.cursor.as_deref(), self.flags) else {
            return self.error(id, INVALID_PARAMS, "unknown cursor");
        };
        let mut result = page;
        if is_modern {
            result.push_str(&format_tail(&self.modern_tail));
        } else {
            result.push('}');
        }
        if self.flags.slow_list == 0 {
            return self.result(id, &[result.as_bytes()]);
        }
        let (output, wait, own_id) = (Arc::clone(&self.output), self.flags.slow_list, id.to_owned());
        let started = self.running.start(id, move |stop| {
            if waits(&stop, Duration::from_millis(wait)) {
                // The reading thread notices a closed pipe by itself.
                output.result(&own_id, &[result.as_bytes()]).ok();
            }
        });
        if started { Ok(()) } else { self.error(id, INVALID_REQUEST, "too many slow requests") }
    }

    fn listen(&mut self, id: &str, params: &Params<'_>) -> Result<(), Error> {
        let wanted = params.notifications.tools_list_changed;
        if wanted {
            self.subscriptions.push(id.to_owned());
        }
        let agreed = if wanted { r#"{"toolsListChanged":true}"# } else { "{}" };
        let params =
            format!(r#"{{"_meta":{{"io.modelcontextprotocol/subscriptionId":{id}}},"notifications":{agreed}}}"#);
        self.output.notify("notifications/subscriptions/acknowledged", &params).map_err(Error::Write)
    }

    fn call(&mut self, id: &str, params: &Params<'_>, is_modern: bool) -> Result<(), Error> {
        if self.flags.crash_after_calls.is_some_and(|answered| self.calls >= answered) {
            return Err(self.asked_to_exit(Moment::Call));
        }
        let Some(runner) = self.listing.runner(&params.name) else {
            return self.error(id, INVALID_PARAMS, &format!("unknown tool {:?}", params.name));
        };
        self.calls += 1;
        self.misbehave_before_the_answer()?;
        if let Some(bytes) = self.flags.giant_line {
            return self.output.unended_line(bytes).map_err(Error::Write);
        }
        if self.flags.half_json {
            let half = format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"result\":{{\"content\":[{{\"ty");
            return self.output.line(half.as_bytes()).map_err(Error::Write);
        }
        let wrong_id;
        let id = if self.flags.answer_wrong_id {
            wrong_id = wrong_id_for(id);
            &wrong_id
        } else {
            id
        };
        let tail = if is_modern { Arc::clone(&self.modern_tail) } else { Arc::from("}") };
        let arguments = params.arguments.map(RawValue::get);
        if !self.answer_wrongly(id, &tail)? {
            match runner {
                Runner::Echo => {
                    let output = &self.output;
                    self.echo.answer(output, id, arguments, &tail).map_err(Error::Write)?;
                }
                Runner::Demo(tool) => self.answer_call(id, tool.call(arguments, &self.world).as_ref(), &tail)?,
                Runner::Arguments => {
                    let text = arguments.unwrap_or("{}").to_owned();
                    self.answer_call(id, Ok::<_, &Error>(&Answer::text(text)), &tail)?;
                }
                Runner::Fail => {
                    let reason = "this tool always fails; that is what it is for";
                    self.answer_call(id, Err::<&Answer, _>(&reason), &tail)?;
                }
                Runner::Crash => return Err(self.asked_to_exit(Moment::Call)),
                Runner::Fixture => self.call_fixture(id, params, is_modern)?,
                Runner::Slow => self.start_slow_task(id, params.meta.as_ref(), arguments, tail)?,
            }
        }
        self.change_tools_when_due()
    }

    fn call_fixture(&mut self, id: &str, params: &Params<'_>, is_modern: bool) -> Result<(), Error> {
        if params.name == conformance::tools::CHANGE_TOOLS {
            let (name, json) = conformance::tools::added();
            self.listing.toggle(name, json);
        }
        match &mut self.fixture {
            Some(fixture) => fixture.call(id, params.raw, is_modern, &mut self.running),
            None => Ok(()),
        }
    }

    fn misbehave_before_the_answer(&mut self) -> Result<(), Error> {
        // Not zero, so that the memory is really taken.
        self.leaked.extend(self.flags.leak.map(|bytes| vec![1; bytes]));
        for number in 0..self.flags.notifications {
            let method = if number % 2 == 0 { "notifications/message" } else { "notifications/unheard_of" };
            self.output.notify(method, r#"{"level":"info","data":"again"}"#).map_err(Error::Write)?;
        }
        Ok(())
    }

    /// Answers a call as a misbehaving server, if a flag says so.
    fn answer_wrongly(&self, id: &str, tail: &str) -> Result<bool, Error> {
        let flags = self.flags;
        let tail = tail.as_bytes();
        if flags.answer_wrong_types {
            self.result(id, &[br#"{"content":"a string in place of a list","isError":"no""#, tail])?;
        } else if flags.invalid_utf8 {
            self.result(id, &[b"{\"content\":[{\"type\":\"text\",\"text\":\"bytes \xff\xfe\xc0 here\"}]", tail])?;
        } else if let Some(bytes) = flags.giant_result {
            let text = vec![b'g'; bytes];
            self.result(id, &[echo::HEAD, b"\"", &text, b"\"}]", tail])?;
        } else if flags.error_every.is_some_and(|every| every > 0 && self.calls.is_multiple_of(every)) {
            let text = format!("call {} fails, as --error-every says", self.calls);
            self.answer_call(id, Err::<&Answer, _>(&text), std::str::from_utf8(tail).unwrap_or("}"))?;
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    fn answer_call(
        &self,
        id: &str,
        outcome: Result<&Answer, &impl std::fmt::Display>,
        tail: &str,
    ) -> Result<(), Error> {
        let quote = |text: &str| serde_json::Value::from(text).to_string();
        match outcome {
            Ok(Answer { text, structured }) => {
                let structured =
                    structured.as_ref().map_or_else(String::new, |value| format!(",\"structuredContent\":{value}"));
                let text = quote(text);
                self.result(id, &[echo::HEAD, text.as_bytes(), b"}]", structured.as_bytes(), tail.as_bytes()])
            }
            Err(fault) => {
                let text = quote(&fault.to_string());
                self.result(id, &[echo::HEAD, text.as_bytes(), b"}],\"isError\":true", tail.as_bytes()])
            }
        }
    }

    fn start_slow_task(
        &mut self,
        id: &str,
        meta: Option<&Meta<'_>>,
        arguments: Option<&str>,
        tail: Arc<str>,
    ) -> Result<(), Error> {
        let task = match echo::SlowTask::read(arguments) {
            Ok(task) => task,
            Err(fault) => return self.answer_call(id, Err::<&Answer, _>(&fault), &tail),
        };
        let token = meta.and_then(|meta| meta.progress_token).map(|token| token.get().to_owned());
        let (output, own_id, own_tail) = (Arc::clone(&self.output), id.to_owned(), Arc::clone(&tail));
        let started = self.running.start(id, move |stop| {
            // The reading thread notices a closed pipe by itself.
            task.run(&output, &own_id, token.as_deref(), &own_tail, &stop).ok();
        });
        if started { Ok(()) } else { self.answer_call(id, Err::<&Answer, _>(&"too many slow tasks at once"), &tail) }
    }

    fn change_tools_when_due(&mut self) -> Result<(), Error> {
        let is_due = self.flags.change_tools_after_calls.is_some_and(|after| self.calls >= after);
        if !is_due || !self.listing.change() {
            return Ok(());
        }
        if let Some(fixture) = &self.fixture {
            return fixture.tools_changed();
        }
        let method = "notifications/tools/list_changed";
        if self.is_initialized {
            self.output.notify(method, "").map_err(Error::Write)?;
        }
        for id in &self.subscriptions {
            let params = format!(r#"{{"_meta":{{"io.modelcontextprotocol/subscriptionId":{id}}}}}"#);
            self.output.notify(method, &params).map_err(Error::Write)?;
        }
        Ok(())
    }

    /// Ends what is still open. The client is leaving, so that failures to write no longer matter.
    fn close(mut self) {
        if let Some(fixture) = &self.fixture {
            fixture.close();
        }
        self.running.stop_all();
        for id in &self.subscriptions {
            let result = format!(
                r#"{{"resultType":"complete","_meta":{{"io.modelcontextprotocol/subscriptionId":{id},"io.modelcontextprotocol/serverInfo":{}}}}}"#,
                self.server_info
            );
            self.output.result(id, &[result.as_bytes()]).ok();
        }
    }

    fn refuse_version(&self, id: &str, asked: &str) -> Result<(), Error> {
        let data = format!(r#"{{"supported":["{MODERN_VERSION}"],"requested":{}}}"#, serde_json::Value::from(asked));
        let message = format!("unsupported protocol version {asked:?}; this server speaks {MODERN_VERSION} only");
        self.output.error(id, UNSUPPORTED_VERSION, &message, &data).map_err(Error::Write)
    }

    fn result(&self, id: &str, pieces: &[&[u8]]) -> Result<(), Error> {
        self.output.result(id, pieces).map_err(Error::Write)
    }

    fn error(&self, id: &str, code: i32, message: &str) -> Result<(), Error> {
        self.output.error(id, code, message, "").map_err(Error::Write)
    }

    fn asked_to_exit(&self, moment: Moment) -> Error {
        Error::AskedToExit { moment, code: self.flags.exit_code }
    }
}

/// The end of a list for modern clients: caching fields, then the usual tail.
fn format_tail(modern_tail: &str) -> String {
    format!(r#","ttlMs":{TTL_MS},"cacheScope":"public"{modern_tail}"#)
}

/// Another id of the same type, that no client of ours counts up to.
fn wrong_id_for(id: &str) -> String {
    if id.starts_with('"') { r#""nobody asked with this""#.to_owned() } else { "987654321".to_owned() }
}

#[expect(
    clippy::disallowed_methods,
    reason = "this process has no runtime; its reading thread is meant to stand still"
)]
pub(super) fn pause(time: Duration) {
    if !time.is_zero() {
        std::thread::sleep(time);
    }
}
