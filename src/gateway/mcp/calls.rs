//! `tools/call` of the four tools.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::operations::{ExecuteOutput, FeedbackOutput, FindInput, OpContext, Operations, OutcomeKind, StepsOutcome};

use super::answer;
use super::arguments::Arguments;
use super::asked::Asked;
use super::conversation::{Conversation, INTERNAL_ERROR, INVALID_PARAMS, refuse};
use super::exchange::{Exchange, Said};
use super::four_tools::FourTools;
use super::render;

/// Said when as many requests run as may.
pub(super) const TOO_MANY: &str =
    "failed: too many calls are in flight (limits.calls_in_flight_max); wait for some to end";

pub(super) fn start(conversation: &Arc<Conversation>, asked: &Asked<'_>, exchange: &Arc<dyn Exchange>) {
    #[derive(Deserialize)]
    struct CallParams<'a> {
        name: String,
        #[serde(borrow, default)]
        arguments: Option<&'a RawValue>,
    }
    if conversation.came_back(asked, exchange) {
        return;
    }
    let params = asked.params.map_or("{}", RawValue::get);
    let call: CallParams<'_> = match serde_json::from_str(params) {
        Ok(call) => call,
        Err(fault) => return refuse(exchange, INVALID_PARAMS, &fault.to_string(), None),
    };
    let Some(tool) = FourTools::by_name(&call.name) else {
        let what = format!(
            "there is no tool {:?} here; the tools are find_tool, execute, list_capabilities, explain_tool, fetch_result. To run a \
             tool of a connected server call execute with \"tool\": \"server.tool\"",
            call.name.chars().take(100).collect::<String>()
        );
        return refuse(exchange, INVALID_PARAMS, &what, None);
    };
    let is_modern = asked.is_modern();
    let arguments = match Arguments::parse(call.arguments) {
        Ok(arguments) => arguments,
        Err(what) => return exchange.answer(Said::Result(answer::own_failure(&what, is_modern).into())),
    };
    let Some(running) = Running::begin(conversation, asked, exchange) else {
        return exchange.answer(Said::Result(answer::own_failure(TOO_MANY, is_modern).into()));
    };
    // In a box, since a task is moved several times on its way to the runtime, and this one is large.
    conversation.tasks.clone().spawn(Box::pin(async move {
        let mut running = running;
        let operations = running.conversation.front.operations.clone();
        let result = run(&operations, &running.cx, tool, arguments, is_modern).await;
        running.end(Said::Result(result.into()));
    }));
}

/// A request that was taken on. However its task ends, it is taken off the list, and a panic costs this request and no other.
pub(super) struct Running {
    pub(super) conversation: Arc<Conversation>,
    pub(super) cx: OpContext,
    id: String,
    exchange: Arc<dyn Exchange>,
    is_done: bool,
    _slot: tokio::sync::OwnedSemaphorePermit,
}

impl Running {
    /// `None`: too many run.
    pub(super) fn begin(
        conversation: &Arc<Conversation>,
        asked: &Asked<'_>,
        exchange: &Arc<dyn Exchange>,
    ) -> Option<Self> {
        let (slot, cancel) = conversation.take_on(asked.id)?;
        let (cx, exchange) = conversation.circumstances(asked, exchange, cancel);
        let conversation = conversation.clone();
        Some(Self { conversation, cx, id: asked.id.to_owned(), exchange, is_done: false, _slot: slot })
    }

    /// Gives the answer, unless the client took the request back.
    pub(super) fn end(&mut self, said: Said<'_>) {
        self.is_done = true;
        self.conversation.let_go(&self.id);
        // A cancelled request gets no answer.
        if self.cx.cancel.is_cancelled() { self.exchange.leave() } else { self.exchange.answer(said) }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.is_done {
            return;
        }
        if std::thread::panicking() {
            let error = r#"{"code":-32603,"message":"a fault inside mcporch; please report it with the log"}"#;
            self.end(Said::Error(INTERNAL_ERROR, error));
        } else {
            self.conversation.let_go(&self.id);
            self.exchange.leave();
        }
    }
}

/// Runs one of the four tools; gives the raw result. What is not `execute` is in boxes, so that `execute` does not carry it along.
async fn run(
    operations: &Operations,
    cx: &OpContext,
    tool: FourTools,
    mut arguments: Arguments,
    is_modern: bool,
) -> String {
    let done = match tool {
        FourTools::FindTool => match arguments.into_find() {
            Ok(input) => {
                let input = FindInput { caller: cx.caller, who: cx.who.clone(), surface: cx.surface, ..input };
                let found = cx.trace.during("route", Box::pin(operations.find_tool(&input))).await;
                found.map(|out| answer::own(&render::found(&out), Some(&out), false, is_modern))
            }
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
            Ok(input) => Box::pin(operations.list_capabilities(&input))
                .await
                .map(|out| answer::own(&render::capabilities(&out), Some(&out), false, is_modern)),
            Err(what) => return answer::own_failure(&what, is_modern),
        },
        FourTools::FetchResult => match arguments.into_fetch() {
            Ok(input) => Box::pin(operations.fetch_result(cx, input)).await.map(|out| answer::fetched(&out, is_modern)),
            Err(what) => return answer::own_failure(&what, is_modern),
        },
        FourTools::ExplainTool => match arguments.into_explain() {
            Ok(input) => Box::pin(operations.explain_tool(&input))
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
    let noted = Box::pin(operations.feedback(&input)).await;
    noted.map(Some).map_err(|fault| format!("the feedback was not taken, and nothing ran: {}", fault.one_line()))
}

fn executed(output: &ExecuteOutput, is_modern: bool) -> String {
    match output {
        ExecuteOutput::Done(child, route) => match child.payload() {
            Ok(result) => answer::passed_through(result, route, is_modern),
            Err(error) => answer::own_failure(error, is_modern),
        },
        ExecuteOutput::Large(large, route) => answer::kept(large, route, is_modern),
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
