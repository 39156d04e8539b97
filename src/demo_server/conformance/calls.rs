//! Which tool does what: at once, after questions, on a thread, or as a task.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::dialogue::{Next, Step, lacking, refuse};
use super::request::Request;
use super::subscriptions::Subject;
use super::tasks::Status;
use super::tools::{CHANGE_TOOLS, did};
use super::wire::Wire;
use super::{Fixture, contents, questions, resources, timed, waiting};
use crate::demo_server::message::INVALID_PARAMS;
use crate::demo_server::running::{Running, waits};

/// A page must be visited first (MCP 2025-11-25, client/elicitation).
const URL_REQUIRED: i32 = -32042;
/// How long a task takes that has nothing to do. A guess: long enough to be seen at work.
const TASK_TIME: Duration = Duration::from_millis(200);
/// Tools that give a modern client a task, or nothing.
const ONLY_TASKS: [&str; 3] = ["failing_job", "protocol_error_job", "test_tool_with_task"];

/// The name under which a task's thread is known: no request's id, since that is a number or a quoted text.
pub(super) fn task_key(id: &str) -> String {
    format!("task {id}")
}

impl Fixture {
    /// Calls a tool.
    pub(super) fn call_tool(&mut self, request: Request, running: &mut Running) -> io::Result<()> {
        let name = request.text("name");
        if request.is_modern && !request.takes_tasks() && ONLY_TASKS.contains(&name.as_str()) {
            return self.refuse_without_tasks(&request);
        }
        if let Some(result) = contents::of_tool(&name, &request) {
            return self.wire.raw_result(&request, &result, "complete");
        }
        if request.takes_tasks()
            && let Some(made) = self.make_task(&request, &name, running)
        {
            return made;
        }
        if name == "test_url_elicitation_required" {
            return self.require_url(request, running);
        }
        if let Some(dialogue) = questions::of_tool(&name) {
            return self.converse(request, &name, dialogue, running);
        }
        if let Some(work) = timed::of_tool(&name) {
            return self.spawn(request, running, work);
        }
        let result = match self.change(&request, &name)? {
            Some(result) => result,
            None => return self.wire.error(&request, INVALID_PARAMS, &format!("unknown tool {name:?}"), &Value::Null),
        };
        self.wire.result(&request, &result)
    }

    /// Tools that do something beside answering.
    fn change(&mut self, request: &Request, name: &str) -> io::Result<Option<Value>> {
        Ok(Some(match name {
            "test_logging_tool" => {
                for level in ["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"] {
                    self.wire.log(request, level, &format!("a message at level {level}"))?;
                }
                did("logged at each level")
            }
            CHANGE_TOOLS => {
                self.wire.tell(&Subject::Tools)?;
                did("the list of tools has changed")
            }
            "test_added_tool" => did("this tool was added while the server ran"),
            "test_trigger_prompt_change" => {
                self.has_added_prompt = !self.has_added_prompt;
                self.wire.tell(&Subject::Prompts)?;
                did("the list of prompts has changed")
            }
            "test_trigger_resource_change" => {
                self.has_added_resource = !self.has_added_resource;
                self.wire.tell(&Subject::Resources)?;
                did("the list of resources has changed")
            }
            "test_trigger_resource_update" => {
                let arguments = request.arguments();
                let uri = arguments.get("uri").and_then(Value::as_str).unwrap_or(resources::WATCHED);
                self.version += 1;
                self.wire.tell(&Subject::Resource(uri))?;
                did(&format!("{uri} has changed"))
            }
            "test_last_cancelled" => {
                let known = json!({"cancelled": self.cancelled, "last": self.last_cancelled});
                json!({"content": [{"type": "text", "text": known.to_string()}], "structuredContent": known})
            }
            _ => return Ok(None),
        }))
    }

    /// Refuses with the page to visit; modern clients are asked instead, since their revision has no such error.
    fn require_url(&self, request: Request, running: &mut Running) -> io::Result<()> {
        let Some(dialogue) = questions::of_tool("test_url_elicitation") else { return Ok(()) };
        if request.is_modern {
            return self.converse(request, "test_url_elicitation_required", dialogue, running);
        }
        let arguments = Map::new();
        let step =
            Step { arguments: &arguments, answers: &arguments, state: None, capabilities: &request.capabilities };
        let Next::Ask(questions, _) = dialogue(&step) else { return Ok(()) };
        if let Some(lacking) = lacking(&questions, &request.capabilities) {
            return refuse(&self.wire, &request, &lacking);
        }
        let with_id = |(number, question): (usize, &super::dialogue::Question)| {
            let mut params = question.params.clone();
            params["elicitationId"] = json!(format!("required-{number}"));
            params
        };
        let elicitations: Vec<Value> = questions.iter().enumerate().map(with_id).collect();
        let data = json!({"elicitations": elicitations});
        self.wire.error(&request, URL_REQUIRED, "a page must be visited first", &data)
    }

    /// Answers with a task; none when the tool gives none.
    fn make_task(&self, request: &Request, name: &str, running: &mut Running) -> Option<io::Result<()>> {
        let (after, end) = match name {
            "slow_compute" => (timed::seconds(request), Status::Completed(timed::computed(request))),
            "failing_job" => {
                let content = json!([{"type": "text", "text": timed::FAILED}]);
                (TASK_TIME, Status::Completed(json!({"content": content, "isError": true})))
            }
            "protocol_error_job" => (TASK_TIME, Status::Failed(timed::broken())),
            "test_tool_with_task" => {
                let dialogue = questions::of_tool(name)?;
                match self.round(request, name, dialogue) {
                    Ok(Some(result)) => (TASK_TIME, Status::Completed(result)),
                    Ok(None) => return Some(Ok(())),
                    Err(error) => return Some(Err(error)),
                }
            }
            "confirm_delete" | "multi_input" => {
                let dialogue = questions::of_tool(name)?;
                let (arguments, none) = (request.arguments(), Map::new());
                let capabilities = &request.capabilities;
                let step = Step { arguments: &arguments, answers: &none, state: None, capabilities };
                let Next::Ask(questions, _) = dialogue(&step) else { return None };
                if let Some(lacking) = lacking(&questions, capabilities) {
                    return Some(refuse(&self.wire, request, &lacking));
                }
                (Duration::ZERO, waiting(request, dialogue, questions))
            }
            _ => return None,
        };
        Some(self.start_task(request, running, after, end))
    }

    fn start_task(&self, request: &Request, running: &mut Running, after: Duration, end: Status) -> io::Result<()> {
        let (id, detail) = self.tasks.create(|number| self.seal.id(number), (self.now_s)());
        self.wire.raw_result(request, &detail.to_string(), "task")?;
        if after.is_zero() {
            return self.tasks.set(&self.wire, &id, end, (self.now_s)());
        }
        let (wire, tasks, now_s) = (Arc::clone(&self.wire), Arc::clone(&self.tasks), self.now_s);
        let key = task_key(&id);
        let task = id.clone();
        let started = running.start(&key, move |stop| {
            if waits(&stop, after) {
                // The reading thread notices a closed pipe by itself.
                tasks.set(&wire, &task, end, now_s()).ok();
            }
        });
        if started {
            return Ok(());
        }
        let error = json!({"code": -32603, "message": "too many slow tasks at once"});
        self.tasks.set(&self.wire, &id, Status::Failed(error), (self.now_s)())
    }

    /// Does the work on a thread of its own.
    pub(super) fn spawn(
        &self,
        request: Request,
        running: &mut Running,
        work: impl FnOnce(&Wire, &Request, &Receiver<()>) -> io::Result<()> + Send + 'static,
    ) -> io::Result<()> {
        let wire = Arc::clone(&self.wire);
        let id = request.id.clone();
        let started = running.start(&id, move |stop| {
            // The reading thread notices a closed pipe by itself.
            work(&wire, &request, &stop).ok();
        });
        if started {
            return Ok(());
        }
        let refused = Request::read((&id, "tools/call"), None, false, &Value::Null);
        self.wire.error(&refused, INVALID_PARAMS, "too many slow requests at once; wait for some", &Value::Null)
    }
}
