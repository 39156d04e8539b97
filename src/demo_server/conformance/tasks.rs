//! Tasks (SEP-2663): calls that are answered with a promise, asked about, fed with input, and cancelled.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::{Map, Value, json};

use super::dialogue::{Dialogue, Next, Question, Step, requests};
use super::subscriptions::Subject;
use super::wire::Wire;
use crate::demo_server::dates::show_local;

/// How long a task is kept, in milliseconds. A guess: longer than any test.
const TTL_MS: u32 = 600_000;
/// How often to ask about a task, in milliseconds. A guess: often enough for tests that wait.
const POLL_MS: u32 = 100;
/// Most tasks; the oldest goes when there are more. A guess: more than any test makes.
const TASKS_MAX: usize = 1000;

/// The tasks of one process, by their number.
#[derive(Default)]
pub(super) struct Tasks {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    last_number: u64,
    by_number: BTreeMap<u64, Task>,
}

struct Task {
    id: String,
    created_s: i64,
    updated_s: i64,
    status: Status,
}

/// Where a task stands.
pub(super) enum Status {
    /// It runs.
    Working,
    /// It waits for answers.
    Asking(Waiting),
    /// It has a result.
    Completed(Value),
    /// It ended in an error of the protocol.
    Failed(Value),
    /// Its client no longer wants it.
    Cancelled,
}

/// What a task waits for.
pub(super) struct Waiting {
    /// How it goes on with all answers.
    pub(super) dialogue: Dialogue,
    /// The arguments of the call.
    pub(super) arguments: Map<String, Value>,
    /// What the client can do.
    pub(super) capabilities: Value,
    /// Still unanswered.
    pub(super) questions: Vec<Question>,
    /// Answered so far.
    pub(super) answers: Map<String, Value>,
}

impl Tasks {
    /// Adds a task that works; `name` makes an id of its number. Gives the id and what to answer.
    pub(super) fn create(&self, name: impl Fn(u64) -> String, now_s: i64) -> (String, Value) {
        let mut state = self.lock();
        state.last_number += 1;
        let number = state.last_number;
        let task = Task { id: name(number), created_s: now_s, updated_s: now_s, status: Status::Working };
        let (id, detail) = (task.id.clone(), task.detail());
        state.by_number.insert(number, task);
        if state.by_number.len() > TASKS_MAX {
            state.by_number.pop_first();
        }
        (id, detail)
    }

    /// All that there is to say about a task; none when there is no such one.
    pub(super) fn detail(&self, id: &str) -> Option<Value> {
        self.lock().by_number.values().find(|task| task.id == id).map(Task::detail)
    }

    /// Moves a task on, unless it is over, and tells whoever wants to know.
    pub(super) fn set(&self, wire: &Wire, id: &str, status: Status, now_s: i64) -> io::Result<()> {
        self.change(wire, id, now_s, |task| task.status = status)
    }

    /// Takes answers for a task. Those to questions that are not open are nobody's.
    pub(super) fn update(&self, wire: &Wire, id: &str, answers: Map<String, Value>, now_s: i64) -> io::Result<()> {
        self.change(wire, id, now_s, |task| {
            let Status::Asking(waiting) = &mut task.status else { return };
            for (key, answer) in answers {
                let open = waiting.questions.iter().position(|question| question.key == key);
                if let Some(at) = open.filter(|_| answer.is_object()) {
                    waiting.questions.remove(at);
                    waiting.answers.insert(key, answer);
                }
            }
            if waiting.questions.is_empty() {
                task.status = waiting.go_on();
            }
        })
    }

    fn change(&self, wire: &Wire, id: &str, now_s: i64, change: impl FnOnce(&mut Task)) -> io::Result<()> {
        let mut state = self.lock();
        let Some(task) = state.by_number.values_mut().find(|task| task.id == id) else { return Ok(()) };
        if matches!(task.status, Status::Completed(_) | Status::Failed(_) | Status::Cancelled) {
            return Ok(());
        }
        change(task);
        task.updated_s = now_s;
        // The lock is held, so that news of one task come in the order in which they happened.
        wire.tell(&Subject::Task(id, &task.detail()))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn go_on(&self) -> Status {
        let (arguments, answers, capabilities) = (&self.arguments, &self.answers, &self.capabilities);
        match (self.dialogue)(&Step { arguments, answers, state: None, capabilities }) {
            Next::Done(result) => Status::Completed(result),
            // No dialogue of a task has a second round.
            Next::Ask(..) => Status::Failed(json!({"code": -32603, "message": "the task asked twice"})),
        }
    }
}

impl Task {
    fn detail(&self) -> Value {
        let time = |seconds: i64| format!("{}Z", show_local(seconds).replace(' ', "T"));
        let (status, more) = match &self.status {
            Status::Working => ("working", None),
            Status::Asking(waiting) => ("input_required", Some(("inputRequests", requests(&waiting.questions)))),
            Status::Completed(result) => ("completed", Some(("result", result.clone()))),
            Status::Failed(error) => ("failed", Some(("error", error.clone()))),
            Status::Cancelled => ("cancelled", None),
        };
        let mut detail = json!({
            "taskId": self.id,
            "status": status,
            "createdAt": time(self.created_s),
            "lastUpdatedAt": time(self.updated_s),
            "ttlMs": TTL_MS,
            "pollIntervalMs": POLL_MS,
        });
        if let Some((name, value)) = more {
            detail[name] = value;
        }
        detail
    }
}
