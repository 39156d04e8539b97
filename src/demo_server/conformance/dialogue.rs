//! Requests that need something of the client before they can be answered. What is asked is the same in both eras; how it
//! is asked is not: a modern client gets the questions as a result and comes back with the answers, a legacy client gets
//! requests of ours on the same pipe while its own is open.

use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError};
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::request::Request;
use super::seal::Seal;
use super::wire::Wire;
use crate::demo_server::message::INVALID_PARAMS;

/// A client that lacks a capability (MCP 2026-07-28, basic).
pub(super) const MISSING_CAPABILITY: i32 = -32021;
/// How long a legacy client may take for one answer. A guess: longer than a person takes.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(600);
/// Most rounds of questions to a legacy client. A guess: more than any of ours takes.
const ROUNDS_MAX: u32 = 10;

/// Something to ask the client.
#[derive(Clone)]
pub(super) struct Question {
    /// The name under which a modern client answers.
    pub(super) key: &'static str,
    /// `elicitation/create`, `sampling/createMessage` or `roots/list`.
    pub(super) method: &'static str,
    pub(super) params: Value,
}

/// What is known in one round.
pub(super) struct Step<'a> {
    /// The arguments of the tool or prompt.
    pub(super) arguments: &'a Map<String, Value>,
    /// What the client answered in this round, by key.
    pub(super) answers: &'a Map<String, Value>,
    /// What the round before left.
    pub(super) state: Option<&'a Value>,
    /// What the client can do.
    pub(super) capabilities: &'a Value,
}

/// What comes next.
pub(super) enum Next {
    /// These questions, and what to remember until they are answered.
    Ask(Vec<Question>, Option<Value>),
    /// The end: a result.
    Done(Value),
}

/// One dialogue: a pure function, so that it runs the same in both eras.
pub(super) type Dialogue = fn(&Step<'_>) -> Next;

impl Question {
    /// What a client must have declared to be asked this, in the form of its capabilities.
    fn needs(&self) -> Value {
        match self.method {
            "elicitation/create" if self.params["mode"] == "url" => json!({"elicitation": {"url": {}}}),
            "elicitation/create" => json!({"elicitation": {}}),
            "sampling/createMessage" => json!({"sampling": {}}),
            _ => json!({"roots": {}}),
        }
    }

    /// The client can be asked this.
    pub(super) fn fits(&self, capabilities: &Value) -> bool {
        let elicitation = &capabilities["elicitation"];
        match self.method {
            "elicitation/create" if self.params["mode"] == "url" => elicitation["url"].is_object(),
            // A client that names no mode means forms.
            "elicitation/create" => {
                elicitation.is_object() && (elicitation["form"].is_object() || !elicitation["url"].is_object())
            }
            "sampling/createMessage" => capabilities["sampling"].is_object(),
            _ => capabilities["roots"].is_object(),
        }
    }
}

/// What the client lacks for these questions, in the form of its capabilities.
pub(super) fn lacking(questions: &[Question], capabilities: &Value) -> Option<Value> {
    let mut lacking = Map::new();
    for question in questions.iter().filter(|question| !question.fits(capabilities)) {
        if let Value::Object(needed) = question.needs() {
            lacking.extend(needed);
        }
    }
    (!lacking.is_empty()).then_some(Value::Object(lacking))
}

/// Refuses a request for want of a capability, as its era does.
pub(super) fn refuse(wire: &Wire, request: &Request, lacking: &Value) -> io::Result<()> {
    let names = lacking.as_object().map(|map| map.keys().cloned().collect::<Vec<_>>().join(", ")).unwrap_or_default();
    let message = format!("the client does not declare the capability that this needs: {names}");
    if request.is_modern {
        return wire.error(request, MISSING_CAPABILITY, &message, &json!({"requiredCapabilities": lacking}));
    }
    fail(wire, request, &message)
}

/// Says that a request failed: as a tool's result where it was a call, else as an error.
pub(super) fn fail(wire: &Wire, request: &Request, message: &str) -> io::Result<()> {
    if request.method == "tools/call" {
        return wire.result(request, &json!({"content": [{"type": "text", "text": message}], "isError": true}));
    }
    wire.error(request, INVALID_PARAMS, message, &Value::Null)
}

/// One round with a modern client: the result, when there is one; else the request is answered.
pub(super) fn modern_round(
    wire: &Wire,
    (seal, now_s): (&Seal, i64),
    subject: &str,
    request: &Request,
    dialogue: Dialogue,
) -> io::Result<Option<Value>> {
    let wrong = |what: &str| wire.error(request, INVALID_PARAMS, what, &Value::Null).map(|()| None);
    let answers = match request.field("inputResponses") {
        None => Map::new(),
        Some(Value::Object(answers)) if answers.values().all(Value::is_object) => answers,
        Some(_) => return wrong("inputResponses must be an object of objects"),
    };
    let state = match request.field("requestState") {
        None => None,
        Some(sealed) => match seal.open(subject, sealed.as_str().unwrap_or_default(), now_s) {
            None => return wrong("requestState was not given out for this request, was changed, or is too old"),
            opened => opened,
        },
    };
    let arguments = request.arguments();
    let capabilities = &request.capabilities;
    let step = Step { arguments: &arguments, answers: &answers, state: state.as_ref(), capabilities };
    let (questions, state) = match dialogue(&step) {
        Next::Done(result) => return Ok(Some(result)),
        Next::Ask(questions, state) => (questions, state),
    };
    if let Some(lacking) = lacking(&questions, capabilities) {
        return refuse(wire, request, &lacking).map(|()| None);
    }
    wire.progress(request, 0, 1, "input is needed")?;
    let mut result = json!({"inputRequests": requests(&questions)});
    if let Some(state) = state {
        result["requestState"] = json!(seal.close(subject, &state, now_s));
    }
    wire.raw_result(request, &result.to_string(), "input_required").map(|()| None)
}

/// Questions in the form of `inputRequests`.
pub(super) fn requests(questions: &[Question]) -> Value {
    let of =
        |question: &Question| (question.key.to_owned(), json!({"method": question.method, "params": question.params}));
    Value::Object(questions.iter().map(of).collect())
}

/// The whole dialogue with a legacy client, on a thread of its own: the result, when there is one; else the request is
/// answered, or was cancelled.
pub(super) fn legacy_rounds(
    wire: &Wire,
    request: &Request,
    dialogue: Dialogue,
    stop: &Receiver<()>,
) -> io::Result<Option<Value>> {
    let arguments = request.arguments();
    let (mut answers, mut state) = (Map::new(), None);
    for round in 1..=ROUNDS_MAX {
        let capabilities = &request.capabilities;
        let step = Step { arguments: &arguments, answers: &answers, state: state.as_ref(), capabilities };
        let (questions, next_state) = match dialogue(&step) {
            Next::Done(result) => return Ok(Some(result)),
            Next::Ask(questions, state) => (questions, state),
        };
        if let Some(lacking) = lacking(&questions, capabilities) {
            return refuse(wire, request, &lacking).map(|()| None);
        }
        wire.progress(request, round - 1, round, "input is needed")?;
        match ask_all(wire, request, questions, stop)? {
            Some(Ok(given)) => answers = given,
            Some(Err(why)) => return fail(wire, request, &why).map(|()| None),
            None => return Ok(None),
        }
        state = next_state;
    }
    fail(wire, request, "the client never answered what was asked").map(|()| None)
}

/// Asks everything at once, and waits for all answers: none when told to stop, an error when one was refused.
fn ask_all(
    wire: &Wire,
    request: &Request,
    questions: Vec<Question>,
    stop: &Receiver<()>,
) -> io::Result<Option<Result<Map<String, Value>, String>>> {
    let mut open = Vec::new();
    for mut question in questions {
        let Some((id, reply)) = wire.asking.open(&request.id) else { return Ok(None) };
        if question.params["mode"] == "url" {
            // Only legacy revisions have it.
            question.params["elicitationId"] = json!(format!("url-{id}"));
        }
        // Looked at after the question was opened: who cancels does it in the other order.
        if stop.try_recv() == Err(TryRecvError::Disconnected) {
            wire.asking.forget(id);
            return Ok(None);
        }
        wire.ask(id, question.method, &question.params)?;
        open.push((id, question, reply));
    }
    let mut answers = Map::new();
    for (at, (id, question, reply)) in open.iter().enumerate() {
        match reply.recv_timeout(ANSWER_TIME_MAX) {
            Ok(Ok(answer)) => {
                if question.params["mode"] == "url" && answer["action"] == "accept" {
                    let params = json!({"elicitationId": question.params["elicitationId"]});
                    wire.notify("notifications/elicitation/complete", &params)?;
                }
                answers.insert(question.key.to_owned(), answer);
            }
            Ok(Err(error)) => return Ok(Some(Err(format!("the client refused {}: {error}", question.method)))),
            Err(why) => {
                for (id, ..) in &open[at..] {
                    wire.asking.forget(*id);
                    let params = json!({"requestId": id, "reason": "nobody waits for it any more"});
                    wire.notify("notifications/cancelled", &params)?;
                }
                let late = format!("the client did not answer {} ({id}) in time", question.method);
                return Ok((why == RecvTimeoutError::Timeout).then_some(Err(late)));
            }
        }
    }
    Ok(Some(Ok(answers)))
}
