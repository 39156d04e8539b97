//! One client: its lines in, its answers out.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::local_socket::Journal;
use crate::operations::{
    CallerId, ExecuteOutput, FeedbackOutput, FindInput, OpContext, Operations, OutcomeKind, StepsOutcome,
};
use crate::upstream::ProgressSink;
use crate::wire::{Envelope, EnvelopeKind, Line, LineWriter, Members, WriteWatch, error_line, result_line};

use super::arguments::Arguments;
use super::four_tools::{self, FourTools};
use super::{Streams, answer, hello, render};

/// Longest wait for the catalog before the tools are listed without it: a client that starts us waits for this answer.
const LIST_WAIT: Duration = Duration::from_millis(500);
/// How long calls in flight may take once the client has closed its side: scripts pipe requests in and read the answers,
/// but a client that was killed closes its side too, and reads no more.
const LAST_CALLS: Duration = Duration::from_secs(10);
/// How long cancelled calls may take to end, and the last answers to be read.
const LAST_ANSWERS: Duration = Duration::from_millis(500);

const PARSE_ERROR: i64 = -32700;
const INVALID_REQUEST: i64 = -32600;
const METHOD_NOT_FOUND: i64 = -32601;
const INVALID_PARAMS: i64 = -32602;
/// `UnsupportedProtocolVersionError` of 2026-07-28.
const UNSUPPORTED_VERSION: i64 = -32022;

/// Bounds of one client.
#[derive(Debug, Clone, Copy)]
pub struct ClientLimits {
    /// Calls in flight; more are refused.
    pub calls_in_flight_max: usize,
}

/// What a session is beside its streams. `Default` is the only session of a process, from its beginning.
#[derive(Debug, Default)]
pub struct Session {
    /// Which client, where there are several.
    pub caller: CallerId,
    /// Where open requests are noted, if they must outlive this process.
    pub journal: Option<Arc<Journal>>,
    /// The client has been through `initialize` with a process that is no more.
    pub is_resumed: bool,
    /// Counts the calls that run, of all sessions.
    pub calls: Arc<AtomicUsize>,
}

impl WriteWatch for Journal {
    fn mid_line(&self, is_mid_line: bool) {
        self.note_mid_line(is_mid_line);
    }

    fn written(&self, tokens: &[u64]) {
        for token in tokens {
            self.written(*token);
        }
    }
}

/// Shared by the tasks of one client.
struct Client {
    operations: Arc<Operations>,
    session: Session,
    writer: LineWriter,
    /// Calls that run, by the raw id of their request.
    in_flight: Mutex<HashMap<String, CancellationToken>>,
    /// Raw ids of open `subscriptions/listen` requests that want to hear of the tool list.
    listeners: Mutex<Vec<String>>,
    is_initialized: AtomicBool,
    slots: Arc<Semaphore>,
    stop: CancellationToken,
}

/// A request, taken apart as far as all methods need it.
struct Asked<'a> {
    id: &'a str,
    method: &'a str,
    params: Option<&'a RawValue>,
    /// The version in `_meta`; a request that has one is modern.
    version: Option<String>,
    progress_token: Option<String>,
}

/// Serves one client until it closes its side or `stop` is cancelled. Calls in flight are cancelled then.
///
/// Not cancel safe: use `stop`.
///
/// # Errors
/// When the client's stream fails.
pub async fn serve(
    operations: Arc<Operations>,
    streams: Streams,
    session: Session,
    limits: ClientLimits,
    stop: CancellationToken,
) -> std::io::Result<()> {
    let Streams { mut reader, mut writer } = streams;
    if let Some(journal) = &session.journal {
        writer = writer.watched(journal.clone());
        if session.is_resumed {
            journal.note_initialized();
        }
    }
    let client = Arc::new(Client {
        operations,
        writer,
        in_flight: Mutex::default(),
        listeners: Mutex::default(),
        is_initialized: AtomicBool::new(session.is_resumed),
        session,
        slots: Arc::new(Semaphore::new(limits.calls_in_flight_max)),
        stop: stop.clone(),
    });
    let tasks = TaskTracker::new();
    let hung_up = stop.child_token();
    tasks.spawn(tell_list_changes(client.clone(), hung_up.clone()));
    let ended = loop {
        let line = tokio::select! {
            line = reader.next() => line,
            () = stop.cancelled() => break Ok(()),
        };
        match line {
            Ok(Some(Line::Text(line))) => receive(&client, line, &tasks),
            Ok(Some(Line::NotUtf8(_))) => client.refuse("null", PARSE_ERROR, "the message is not valid UTF-8", None),
            Ok(Some(Line::TooLong { len, .. })) => {
                let what = format!("the message has {len} bytes, more than allowed (limits.client_line_bytes_max)");
                client.refuse("null", INVALID_REQUEST, &what, None);
            }
            Ok(None) => break Ok(()),
            Err(fault) => break Err(fault),
        }
    };
    // What the client wrote before it closed its side is answered: scripts pipe requests in and read the answers.
    let is_empty = || client.in_flight().is_empty();
    if ended.is_ok() && !stop.is_cancelled() && !is_empty() {
        let _cancelled_below = tokio::time::timeout(LAST_CALLS, client.drained(&stop)).await;
    }
    for call in client.in_flight().values() {
        call.cancel();
    }
    hung_up.cancel();
    tasks.close();
    let _left_over = tokio::time::timeout(LAST_ANSWERS, tasks.wait()).await;
    let _unread = tokio::time::timeout(LAST_ANSWERS, client.writer.flushed()).await;
    // A call that does not end must not keep the client's stream open.
    client.writer.close();
    ended
}

fn receive(client: &Arc<Client>, line: String, tasks: &TaskTracker) {
    let envelope = match Envelope::parse(&line) {
        Ok(envelope) => envelope,
        Err(fault) if fault.is_data() => return client.refuse("null", INVALID_REQUEST, &fault.to_string(), None),
        Err(fault) => return client.refuse("null", PARSE_ERROR, &format!("the message cannot be read: {fault}"), None),
    };
    match envelope.kind() {
        EnvelopeKind::Request => {}
        EnvelopeKind::Notification => return notified(client, &envelope),
        // We ask clients nothing, so an answer is one to somebody else's question.
        EnvelopeKind::Answer => return,
        EnvelopeKind::Other => {
            let id = envelope.id.map_or("null", RawValue::get);
            return client.refuse(id, INVALID_REQUEST, "this is no JSON-RPC 2.0 message", None);
        }
    }
    let id = envelope.id.map_or("null", RawValue::get);
    if let Some(journal) = &client.session.journal
        && journal.open(id).is_err()
    {
        let what = format!("too many requests are open, or the id has more than {} bytes", Journal::ID_BYTES_MAX);
        return client.refuse(id, INVALID_REQUEST, &what, None);
    }
    let method = envelope.method.as_deref().unwrap_or_default();
    let asked = match Asked::read(id, method, envelope.params) {
        Ok(asked) => asked,
        Err(what) => return client.refuse(id, INVALID_PARAMS, &what, None),
    };
    answer_request(client, &asked, tasks);
}

fn answer_request(client: &Arc<Client>, asked: &Asked<'_>, tasks: &TaskTracker) {
    match asked.method {
        "initialize" => return client.initialize(asked),
        "ping" => return client.answer(asked.id, "{}"),
        _ => {}
    }
    if let Some(version) = asked.version.as_deref().filter(|version| !hello::MODERN_VERSIONS.contains(version)) {
        let data = json!({"supported": hello::MODERN_VERSIONS, "requested": version});
        return client.refuse(asked.id, UNSUPPORTED_VERSION, "unsupported protocol version", Some(&data));
    }
    if asked.version.is_none() && asked.method == "server/discover" {
        let what = format!("_meta[\"{}\"] is missing", hello::META_VERSION);
        return client.refuse(asked.id, INVALID_PARAMS, &what, None);
    }
    if asked.version.is_none() && !client.is_initialized.load(Ordering::Relaxed) {
        let what = format!("send `initialize` first, or _meta[\"{}\"] with each request", hello::META_VERSION);
        return client.refuse(asked.id, INVALID_PARAMS, &what, None);
    }
    match asked.method {
        "server/discover" => client.answer(asked.id, &hello::discovered().to_string()),
        "tools/list" => {
            let (client, id, is_modern) = (client.clone(), asked.id.to_owned(), asked.is_modern());
            tasks.spawn(async move { client.list_tools(&id, is_modern).await });
        }
        "tools/call" => start_call(client, asked, tasks),
        "subscriptions/listen" if asked.is_modern() => client.listen(asked),
        method => {
            let what = format!("method {method:?} is not offered here");
            client.refuse(asked.id, METHOD_NOT_FOUND, &what, None);
        }
    }
}

fn start_call(client: &Arc<Client>, asked: &Asked<'_>, tasks: &TaskTracker) {
    #[derive(Deserialize)]
    struct CallParams<'a> {
        name: String,
        #[serde(borrow, default)]
        arguments: Option<&'a RawValue>,
    }
    let params = asked.params.map_or("{}", RawValue::get);
    let call: CallParams<'_> = match serde_json::from_str(params) {
        Ok(call) => call,
        Err(fault) => return client.refuse(asked.id, INVALID_PARAMS, &fault.to_string(), None),
    };
    let Some(tool) = FourTools::by_name(&call.name) else {
        let what = format!(
            "there is no tool {:?} here; the tools are find_tool, execute, list_capabilities, explain_tool. To run a tool of \
             a connected server call execute with \"tool\": \"server.tool\"",
            call.name.chars().take(100).collect::<String>()
        );
        return client.refuse(asked.id, INVALID_PARAMS, &what, None);
    };
    let is_modern = asked.is_modern();
    let Ok(slot) = client.slots.clone().try_acquire_owned() else {
        let text = "failed: too many calls are in flight (limits.calls_in_flight_max); wait for some to end";
        return client.answer(asked.id, &answer::own_failure(text, is_modern));
    };
    let arguments = match Arguments::parse(call.arguments) {
        Ok(arguments) => arguments,
        Err(what) => return client.answer(asked.id, &answer::own_failure(&what, is_modern)),
    };
    let cancel = CancellationToken::new();
    let id = asked.id.to_owned();
    client.in_flight().insert(id.clone(), cancel.clone());
    let progress = asked.progress_token.clone().map(|token| progress_sink(client.writer.clone(), token));
    let mut call = RunningCall { client: client.clone(), id, cancel: cancel.clone(), is_modern, is_done: false };
    client.session.calls.fetch_add(1, Ordering::Relaxed);
    tasks.spawn(async move {
        let _slot = slot;
        let cx = OpContext { cancel, progress, caller: call.client.session.caller, ..OpContext::default() };
        let result = run(&call.client.operations, &cx, tool, arguments, is_modern).await;
        call.end(&result);
    });
}

/// A call that was taken on. However its task ends, it is taken off the list, and a panic costs this call and no other.
struct RunningCall {
    client: Arc<Client>,
    id: String,
    cancel: CancellationToken,
    is_modern: bool,
    is_done: bool,
}

impl RunningCall {
    fn end(&mut self, result: &str) {
        self.is_done = true;
        self.client.in_flight().remove(&self.id);
        // A cancelled request gets no answer.
        if self.cancel.is_cancelled() {
            self.leave_unanswered();
        } else {
            self.client.answer(&self.id, result);
        }
    }

    /// A request that its client took back is owed nothing. One that was cut short since we stop is: nobody told the client.
    fn leave_unanswered(&self) {
        if let Some(journal) = self.client.session.journal.as_ref().filter(|_| !self.client.is_stopping()) {
            journal.close(&self.id);
        }
    }
}

impl Drop for RunningCall {
    fn drop(&mut self) {
        self.client.session.calls.fetch_sub(1, Ordering::Relaxed);
        if self.is_done {
            return;
        }
        if std::thread::panicking() {
            let text = "failed: a fault inside mcporch; please report it with the log";
            self.end(&answer::own_failure(text, self.is_modern));
        } else {
            self.client.in_flight().remove(&self.id);
            self.leave_unanswered();
        }
    }
}

/// Runs one of the four tools; gives the raw result.
async fn run(
    operations: &Operations,
    cx: &OpContext,
    tool: FourTools,
    mut arguments: Arguments,
    is_modern: bool,
) -> String {
    let done = match tool {
        FourTools::FindTool => match arguments.into_find() {
            Ok(input) => operations
                .find_tool(&FindInput { caller: cx.caller, ..input })
                .await
                .map(|out| answer::own(&render::found(&out), Some(&out), false, is_modern)),
            Err(what) => return answer::own_failure(&what, is_modern),
        },
        FourTools::Execute => match take_feedback(operations, &mut arguments).await {
            Err(what) => return answer::own_failure(&what, is_modern),
            Ok(Some(noted)) if arguments.are_empty() => {
                return answer::own(&format!("{}.", noted.message), Some(&noted), false, is_modern);
            }
            Ok(_) => match arguments.into_execute() {
                Ok(input) => operations.execute(cx, input).await.map(|out| executed(&out, is_modern)),
                Err(what) => return answer::own_failure(&what, is_modern),
            },
        },
        FourTools::ListCapabilities => match arguments.into_capabilities() {
            Ok(input) => operations
                .list_capabilities(&input)
                .await
                .map(|out| answer::own(&render::capabilities(&out), Some(&out), false, is_modern)),
            Err(what) => return answer::own_failure(&what, is_modern),
        },
        FourTools::ExplainTool => match arguments.into_explain() {
            Ok(input) => operations
                .explain_tool(&input)
                .await
                .map(|out| answer::own(&render::explained(&out), Some(&out), false, is_modern)),
            Err(what) => return answer::own_failure(&what, is_modern),
        },
    };
    done.unwrap_or_else(|fault| answer::own_failure(&fault.one_line(), is_modern))
}

/// Keeps the feedback that came with a request, before anything is done.
async fn take_feedback(operations: &Operations, arguments: &mut Arguments) -> Result<Option<FeedbackOutput>, String> {
    let Some(input) = arguments.take_feedback()? else { return Ok(None) };
    let noted = operations.feedback(&input).await;
    noted.map(Some).map_err(|fault| format!("the feedback was not taken, and nothing ran: {}", fault.one_line()))
}

fn executed(output: &ExecuteOutput, is_modern: bool) -> String {
    match output {
        ExecuteOutput::Done(child, route) => match child.payload() {
            Ok(result) => answer::passed_through(result, route, is_modern),
            Err(error) => answer::own_failure(error, is_modern),
        },
        ExecuteOutput::Steps(steps) => {
            let is_error = steps.outcome == StepsOutcome::Failed;
            answer::own(&render::steps_text(steps), Some(steps.as_ref()), is_error, is_modern)
        }
        ExecuteOutput::Advice(advice) => {
            // What is needed of the caller is no failure: clients that count errors must not count it.
            let is_error = advice.outcome == OutcomeKind::Failed;
            answer::own(&render::advice(advice), Some(advice.as_ref()), is_error, is_modern)
        }
    }
}

fn notified(client: &Client, envelope: &Envelope<'_>) {
    #[derive(Deserialize)]
    struct Cancelled<'a> {
        #[serde(borrow, rename = "requestId")]
        id: &'a RawValue,
    }
    if envelope.method.as_deref() != Some("notifications/cancelled") {
        return;
    }
    let params = envelope.params.map_or("{}", RawValue::get);
    let Ok(cancelled) = serde_json::from_str::<Cancelled<'_>>(params) else { return };
    let id = cancelled.id.get();
    if let Some(call) = client.in_flight().get(id) {
        call.cancel();
    }
    client.listeners().retain(|listener| {
        if let Some(journal) = client.session.journal.as_ref().filter(|_| listener == id) {
            journal.close(id);
        }
        listener != id
    });
}

/// Passes progress on under the client's own token.
fn progress_sink(writer: LineWriter, token: String) -> ProgressSink {
    Arc::new(move |params| {
        let Ok(members) = Members::parse(params) else { return };
        let params = members.with(&[("progressToken", Some(&token))]);
        let line = format!("{{\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\",\"params\":{params}}}\n");
        // Progress that a slow client cannot take is no loss.
        let _dropped = writer.send(line.as_bytes());
    })
}

/// Tells the client when the text of its tool list changes: when a server comes, goes, or says something else of itself.
async fn tell_list_changes(client: Arc<Client>, hung_up: CancellationToken) {
    let mut known = client.operations.follow_known();
    let mut told: Option<String> = None;
    // Who was served by another process before may know another list.
    let mut is_owed = client.session.is_resumed;
    loop {
        let text = {
            let known = known.borrow_and_update();
            known.has_servers.then(|| four_tools::list(&known).to_string())
        };
        if let Some(text) = text {
            if is_owed || told.as_ref().is_some_and(|told| *told != text) {
                client.tell_list_changed();
                is_owed = false;
            }
            told = Some(text);
        }
        tokio::select! {
            changed = known.changed() => if changed.is_err() { return },
            () = hung_up.cancelled() => return,
        }
    }
}

impl<'a> Asked<'a> {
    fn read(id: &'a str, method: &'a str, params: Option<&'a RawValue>) -> Result<Self, String> {
        let mut asked = Self { id, method, params, version: None, progress_token: None };
        let Some(params) = params else { return Ok(asked) };
        let members = Members::parse(params.get()).map_err(|_| "params must be an object".to_owned())?;
        let Some(meta) = members.member("_meta") else { return Ok(asked) };
        let meta = Members::parse(meta).map_err(|_| "params._meta must be an object".to_owned())?;
        if let Some(version) = meta.member(hello::META_VERSION) {
            let version = serde_json::from_str(version)
                .map_err(|_| format!("_meta[\"{}\"] must be a text", hello::META_VERSION))?;
            asked.version = Some(version);
        }
        asked.progress_token = meta.member("progressToken").filter(|token| *token != "null").map(str::to_owned);
        Ok(asked)
    }

    fn is_modern(&self) -> bool {
        self.version.is_some()
    }
}

impl Client {
    fn in_flight(&self) -> MutexGuard<'_, HashMap<String, CancellationToken>> {
        self.in_flight.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn listeners(&self) -> MutexGuard<'_, Vec<String>> {
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answer(&self, id: &str, result: &str) {
        self.write_answer(id, &result_line(id, result));
    }

    fn refuse(&self, id: &str, code: i64, message: &str, data: Option<&Value>) {
        self.write_answer(id, &error_line(id, code, message, data));
    }

    fn write_answer(&self, id: &str, line: &[u8]) {
        let Some(journal) = &self.session.journal else { return self.write(line) };
        let owed = journal.answering(id);
        if let Err(fault) = self.writer.send_with(line, owed) {
            tracing::warn!(error = %fault, "an answer could not be given to the client");
            if let Some(owed) = owed {
                journal.written(owed);
            }
        }
    }

    fn is_stopping(&self) -> bool {
        self.stop.is_cancelled()
    }

    fn write(&self, line: &[u8]) {
        if let Err(fault) = self.writer.send(line) {
            tracing::warn!(error = %fault, "an answer could not be given to the client");
        }
    }

    fn initialize(&self, asked: &Asked<'_>) {
        let params: Value = asked.params.and_then(|params| serde_json::from_str(params.get()).ok()).unwrap_or_default();
        let said = |path: &str| params.pointer(path).and_then(Value::as_str);
        tracing::info!(
            client.name = said("/clientInfo/name"),
            client.version = said("/clientInfo/version"),
            protocol.version = said("/protocolVersion"),
            "a client connected"
        );
        self.answer(asked.id, &hello::initialized(said("/protocolVersion")).to_string());
        self.is_initialized.store(true, Ordering::Relaxed);
        if let Some(journal) = &self.session.journal {
            journal.note_initialized();
        }
    }

    async fn list_tools(&self, id: &str, is_modern: bool) {
        let mut known = self.operations.follow_known();
        let known = match tokio::time::timeout(LIST_WAIT, known.wait_for(|known| known.has_servers)).await {
            Ok(Ok(known)) => known.clone(),
            _ => self.operations.known_now(),
        };
        let mut result = json!({"tools": four_tools::list(&known)});
        if is_modern {
            result["resultType"] = "complete".into();
            result["ttlMs"] = hello::LIST_TTL_MS.into();
            result["cacheScope"] = "private".into();
            result["_meta"] = json!({hello::META_SERVER: hello::server_info()});
        }
        self.answer(id, &result.to_string());
    }

    fn listen(&self, asked: &Asked<'_>) {
        let params: Value = asked.params.and_then(|params| serde_json::from_str(params.get()).ok()).unwrap_or_default();
        let wants_tools = params.pointer("/notifications/toolsListChanged").and_then(Value::as_bool).unwrap_or(false);
        let id: Value = serde_json::from_str(asked.id).unwrap_or_default();
        let honoured = if wants_tools { json!({"toolsListChanged": true}) } else { json!({}) };
        let acknowledged = json!({
            "jsonrpc": "2.0",
            "method": "notifications/subscriptions/acknowledged",
            "params": {"_meta": {hello::META_SUBSCRIPTION: id}, "notifications": honoured},
        });
        self.write(format!("{acknowledged}\n").as_bytes());
        if wants_tools {
            self.listeners().push(asked.id.to_owned());
        }
    }

    fn tell_list_changed(&self) {
        const METHOD: &str = "notifications/tools/list_changed";
        if self.is_initialized.load(Ordering::Relaxed) {
            self.write(format!("{{\"jsonrpc\":\"2.0\",\"method\":\"{METHOD}\"}}\n").as_bytes());
        }
        for listener in self.listeners().iter() {
            let meta = format!("{{\"_meta\":{{\"{}\":{listener}}}}}", hello::META_SUBSCRIPTION);
            self.write(format!("{{\"jsonrpc\":\"2.0\",\"method\":\"{METHOD}\",\"params\":{meta}}}\n").as_bytes());
        }
    }

    /// Waits until no call is in flight, or nobody is left to read the answers.
    async fn drained(&self, stop: &CancellationToken) {
        let mut look = tokio::time::interval(Duration::from_millis(10));
        while !self.in_flight().is_empty() && !self.writer.is_closed() {
            tokio::select! {
                _ = look.tick() => {}
                () = stop.cancelled() => return,
            }
        }
    }
}
