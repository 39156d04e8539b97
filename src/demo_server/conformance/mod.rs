//! The server that the official conformance suite wants to find behind an implementation under test: all its tools,
//! resources and prompts by name, in both protocol eras on one pipe, and a few of our own for what the suite leaves out.
//!
//! It is a part of a demo server's connection, which reads the messages, checks the era and misbehaves where flags say so.
//! It must never answer a request of one era in the manner of the other.

mod asking;
mod calls;
mod contents;
mod dialogue;
mod forms;
mod prompts;
mod questions;
mod request;
mod resources;
mod seal;
mod subscriptions;
mod tasks;
mod timed;
pub(super) mod tools;
mod wire;

use std::io;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use self::dialogue::{Dialogue, MISSING_CAPABILITY, Question, legacy_rounds, modern_round};
use self::request::{Request, TASKS};
use self::seal::Seal;
use self::subscriptions::{Subject, Subscription};
use self::tasks::{Status, Tasks};
use self::wire::{Wire, is_level};
use super::error::Error;
use super::message::INVALID_PARAMS;
use super::output::Output;
use super::running::Running;

/// What it is for, as clients are told.
pub(super) const INSTRUCTIONS: &str = "A server for tests: it has every tool, resource and prompt that the official MCP conformance suite looks for. It does nothing outside its own process.";
/// The name that it gives as `serverInfo.name`.
pub(super) const SERVER_NAME: &str = "mcporch-demo-conformance";
/// What it can do for a legacy client, as JSON text.
pub(super) const LEGACY_CAPABILITIES: &str = r#"{"tools":{"listChanged":true},"prompts":{"listChanged":true},"resources":{"subscribe":true,"listChanged":true},"logging":{},"completions":{}}"#;
/// The same for a modern one.
pub(super) const MODERN_CAPABILITIES: &str = r#"{"tools":{"listChanged":true},"prompts":{"listChanged":true},"resources":{"subscribe":true,"listChanged":true},"logging":{},"completions":{},"extensions":{"io.modelcontextprotocol/tasks":{}}}"#;
/// Resource not found, for legacy clients (MCP 2025-11-25, server/resources).
const NOT_FOUND: i32 = -32002;
/// Most subscriptions at once. A guess: more than any client opens.
const SUBSCRIPTIONS_MAX: usize = 1000;

/// The state of one connection.
pub(super) struct Fixture {
    wire: Arc<Wire>,
    tasks: Arc<Tasks>,
    seal: Seal,
    now_s: fn() -> i64,
    has_added_prompt: bool,
    has_added_resource: bool,
    /// How often the watched resource was changed.
    version: u64,
    cancelled: u64,
    last_cancelled: Value,
}

impl Fixture {
    /// Nobody is connected yet. `server_info` is JSON text; `now_s` tells seconds since 1970.
    pub(super) fn new(output: Arc<Output>, server_info: String, now_s: fn() -> i64) -> Self {
        Self {
            wire: Arc::new(Wire::new(output, server_info)),
            tasks: Arc::default(),
            seal: Seal::new(),
            now_s,
            has_added_prompt: false,
            has_added_resource: false,
            version: 0,
            cancelled: 0,
            last_cancelled: Value::Null,
        }
    }

    /// A legacy client introduces itself; `params` are those of its request, as JSON text.
    pub(super) fn shake_hands(&self, params: Option<&str>) {
        let request = Request::read(("", "initialize"), params, false, &Value::Null);
        self.wire.shake_hands(request.field("capabilities").unwrap_or_default());
    }

    /// A client answers a request of ours; `result` and `error` are JSON text.
    pub(super) fn take_reply(&self, id: &str, result: Option<&str>, error: Option<&str>) {
        let value = |text: &str| serde_json::from_str(text).unwrap_or_default();
        let reply = match (result, error) {
            (Some(result), None) => Ok(value(result)),
            (_, error) => Err(error.map_or(Value::Null, value)),
        };
        self.wire.asking.answer(id, reply);
    }

    /// A client wants no answer any more; `was_running` when the request was still worked on.
    pub(super) fn cancelled(&mut self, id: &str, params: Option<&str>, was_running: bool) {
        self.wire.asking.forget_all_of(id);
        self.wire.unsubscribe(id);
        if was_running {
            let reason = Request::read((id, "notifications/cancelled"), params, false, &Value::Null).text("reason");
            self.cancelled += 1;
            self.last_cancelled = json!({"requestId": id, "reason": reason});
            eprintln!("demo-server: request {id} was cancelled: {reason}");
        }
    }

    /// The list of tools has changed.
    pub(super) fn tools_changed(&self) -> Result<(), Error> {
        self.wire.tell(&Subject::Tools).map_err(Error::Write)
    }

    /// Nothing is waited for any more; open subscriptions are ended properly.
    pub(super) fn close(&self) {
        self.wire.close();
    }

    /// Calls a tool of [`tools`].
    pub(super) fn call(
        &mut self,
        id: &str,
        params: Option<&str>,
        is_modern: bool,
        running: &mut Running,
    ) -> Result<(), Error> {
        let request = self.read((id, "tools/call"), params, is_modern);
        match self.refuse_log_level(&request) {
            Some(refused) => refused,
            None => self.call_tool(request, running),
        }
        .map_err(Error::Write)
    }

    /// Serves any other request of a version that was checked; false when there is no such method.
    pub(super) fn serve(
        &mut self,
        (id, method): (&str, &str),
        params: Option<&str>,
        is_modern: bool,
        running: &mut Running,
    ) -> Result<bool, Error> {
        let request = self.read((id, method), params, is_modern);
        if let Some(refused) = self.refuse_log_level(&request) {
            return refused.map(|()| true).map_err(Error::Write);
        }
        let served = match method {
            "prompts/list" => self.list(&request, prompts::list(self.has_added_prompt)),
            "resources/list" => self.list(&request, resources::list(self.has_added_resource)),
            "resources/templates/list" => self.list(&request, resources::templates()),
            "prompts/get" => self.prompt(request, running),
            "resources/read" => self.resource(request, running),
            "completion/complete" => {
                let field = |name: &str| request.field(name).unwrap_or_default();
                self.answer(&request, prompts::complete(&field("ref"), &field("argument")))
            }
            _ if is_modern => return self.serve_modern(&request, running),
            _ => return self.serve_legacy(&request),
        };
        served.map(|()| true).map_err(Error::Write)
    }

    fn serve_legacy(&self, request: &Request) -> Result<bool, Error> {
        let uri = request.text("uri");
        let served = match request.method.as_str() {
            "logging/setLevel" => {
                let level = request.text("level");
                let outcome = if self.wire.set_level(&level) { Ok(json!({})) } else { Err(no_level(&level)) };
                self.answer(request, outcome)
            }
            "resources/subscribe" | "resources/unsubscribe" if !self.has_resource(&uri) => {
                self.no_resource(request, &uri)
            }
            "resources/subscribe" | "resources/unsubscribe" => {
                self.wire.watch(&uri, request.method == "resources/subscribe");
                self.wire.result(request, &json!({}))
            }
            _ => return Ok(false),
        };
        served.map(|()| true).map_err(Error::Write)
    }

    fn serve_modern(&self, request: &Request, running: &mut Running) -> Result<bool, Error> {
        let id = request.text("taskId");
        let served = match request.method.as_str() {
            "subscriptions/listen" => self.listen(request),
            "tasks/get" | "tasks/update" | "tasks/cancel" if !request.takes_tasks() => {
                self.refuse_without_tasks(request)
            }
            "tasks/get" => {
                let detail = self.tasks.detail(&id).ok_or_else(|| no_task(&id));
                self.answer(request, detail)
            }
            "tasks/update" | "tasks/cancel" if self.tasks.detail(&id).is_none() => {
                self.answer(request, Err(no_task(&id)))
            }
            "tasks/update" => match request.field("inputResponses") {
                Some(Value::Object(answers)) => {
                    let updated = self.tasks.update(&self.wire, &id, answers, (self.now_s)());
                    updated.and_then(|()| self.wire.result(request, &json!({})))
                }
                _ => self.answer(request, Err("inputResponses must be an object".to_owned())),
            },
            "tasks/cancel" => {
                running.cancel(&calls::task_key(&id));
                let set = self.tasks.set(&self.wire, &id, Status::Cancelled, (self.now_s)());
                set.and_then(|()| self.wire.result(request, &json!({})))
            }
            _ => return Ok(false),
        };
        served.map(|()| true).map_err(Error::Write)
    }

    fn read(&self, (id, method): (&str, &str), params: Option<&str>, is_modern: bool) -> Request {
        Request::read((id, method), params, is_modern, &self.wire.legacy_capabilities())
    }

    fn refuse_log_level(&self, request: &Request) -> Option<io::Result<()>> {
        let level = request.log_level().filter(|level| request.is_modern && !is_level(level))?;
        Some(self.wire.error(request, INVALID_PARAMS, &no_level(level), &Value::Null))
    }

    fn list(&self, request: &Request, list: Value) -> io::Result<()> {
        match request.field("cursor") {
            None | Some(Value::Null) => self.wire.list(request, list),
            Some(_) => self.wire.error(request, INVALID_PARAMS, "unknown cursor", &Value::Null),
        }
    }

    fn listen(&self, request: &Request) -> io::Result<()> {
        let filter = request.field("notifications").unwrap_or_default();
        if !filter["taskIds"].is_null() && !request.takes_tasks() {
            return self.refuse_without_tasks(request);
        }
        if self.wire.subscription_count() >= SUBSCRIPTIONS_MAX {
            let message = format!("there are {SUBSCRIPTIONS_MAX} subscriptions already; end one first");
            return self.wire.error(request, INVALID_PARAMS, &message, &Value::Null);
        }
        let knows_task = |id: &str| self.tasks.detail(id).is_some();
        let subscription = Subscription::read(&request.id, &filter, knows_task);
        let (tasks, tag) = (subscription.tasks(), subscription.tagged(json!({})));
        self.wire.subscribe(subscription)?;
        // A task that was over before could not be told of any more.
        for mut detail in tasks.iter().filter_map(|id| self.tasks.detail(id)) {
            if ["completed", "failed", "cancelled"].iter().any(|over| detail["status"] == *over) {
                detail["_meta"] = tag["_meta"].clone();
                self.wire.notify("notifications/tasks", &detail)?;
            }
        }
        Ok(())
    }

    fn prompt(&self, request: Request, running: &mut Running) -> io::Result<()> {
        let name = request.text("name");
        if name == prompts::ASKING {
            return self.converse(request, &name, questions::prompt, running);
        }
        let outcome = if name == "test_added_prompt" && !self.has_added_prompt {
            Err(format!("unknown prompt {name:?}"))
        } else {
            prompts::get(&name, &request.arguments())
        };
        self.answer(&request, outcome)
    }

    fn resource(&self, request: Request, running: &mut Running) -> io::Result<()> {
        let uri = request.text("uri");
        if uri == resources::ASKING {
            return self.converse(request, &uri, questions::resource, running);
        }
        match resources::read(&uri, self.version).filter(|_| self.has_resource(&uri)) {
            Some(contents) => self.wire.resource(&request, contents),
            None => self.no_resource(&request, &uri),
        }
    }

    fn has_resource(&self, uri: &str) -> bool {
        let is_there = uri == resources::ASKING || resources::read(uri, 0).is_some();
        is_there && (uri != resources::ADDED || self.has_added_resource)
    }

    fn no_resource(&self, request: &Request, uri: &str) -> io::Result<()> {
        let code = if request.is_modern { INVALID_PARAMS } else { NOT_FOUND };
        self.wire.error(request, code, "there is no such resource", &json!({"uri": uri}))
    }

    fn refuse_without_tasks(&self, request: &Request) -> io::Result<()> {
        let message = format!("the client does not declare the extension {TASKS}");
        let data = json!({"requiredCapabilities": {"extensions": {TASKS: {}}}});
        self.wire.error(request, MISSING_CAPABILITY, &message, &data)
    }

    /// Asks the client, in the manner of its era, and answers in the end.
    fn converse(&self, request: Request, name: &str, dialogue: Dialogue, running: &mut Running) -> io::Result<()> {
        if request.is_modern {
            return match self.round(&request, name, dialogue)? {
                Some(result) => finish(&self.wire, &request, result),
                None => Ok(()),
            };
        }
        self.spawn(request, running, move |wire, request, stop| match legacy_rounds(wire, request, dialogue, stop)? {
            Some(result) => finish(wire, request, result),
            None => Ok(()),
        })
    }

    /// One round with a modern client: the result, when there is one; else the request is answered.
    fn round(&self, request: &Request, name: &str, dialogue: Dialogue) -> io::Result<Option<Value>> {
        let subject = format!("{} {name} {}", request.method, request.raw_arguments());
        modern_round(&self.wire, (&self.seal, (self.now_s)()), &subject, request, dialogue)
    }

    fn answer(&self, request: &Request, outcome: Result<Value, String>) -> io::Result<()> {
        match outcome {
            Ok(result) => self.wire.result(request, &result),
            Err(message) => self.wire.error(request, INVALID_PARAMS, &message, &Value::Null),
        }
    }
}

fn finish(wire: &Wire, request: &Request, result: Value) -> io::Result<()> {
    if request.method == "resources/read" { wire.resource(request, result) } else { wire.result(request, &result) }
}

fn no_level(level: &str) -> String {
    format!("unknown log level {level:?}; give one from \"debug\" to \"emergency\"")
}

fn no_task(id: &str) -> String {
    format!("there is no task {id:?}")
}

/// What a task that only asks starts with.
fn waiting(request: &Request, dialogue: Dialogue, questions: Vec<Question>) -> Status {
    let (arguments, capabilities) = (request.arguments(), request.capabilities.clone());
    Status::Asking(tasks::Waiting { dialogue, arguments, capabilities, questions, answers: Map::new() })
}
