//! Asks the user, through his client, for parameters that a call lacks.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use crate::domain::Tool;
use crate::upstream::ServerAsk;
use crate::wire::Members;

use super::OpContext;
use super::ask_params::{self, Reply};

/// How long a user may take. A person may be at lunch; nothing is held meanwhile but this call. A guess.
const PATIENCE: Duration = Duration::from_secs(600);

/// What came of asking.
pub(super) enum Asked {
    /// The parameters with what he said, as the tool wants them.
    Filled(Value),
    /// He said no.
    Declined,
    /// He was not asked, or gave nothing that can be used.
    Nothing,
}

/// Asks for the required parameters that are not there, if the client can show a form and they can be asked for in one.
///
/// Cancel safe: the question is taken back.
pub(super) async fn ask_for_missing(cx: &OpContext, tool: &Tool, params: &Value) -> Asked {
    let Some(peer) = cx.behind.peer.as_ref().filter(|_| can_show_forms(cx.behind.capabilities.as_deref())) else {
        return Asked::Nothing;
    };
    let missing = ask_params::missing(tool, params);
    let Some(form) = ask_params::form(tool, params, &missing) else { return Asked::Nothing };
    let asked = json!({"message": form.message, "requestedSchema": form.requested_schema}).to_string();
    let withdrawn = CancellationToken::new();
    let _withdraw = withdrawn.clone().drop_guard();
    let (said, answer) = oneshot::channel();
    let reply = move |answer: Result<&str, &str>| {
        let _nobody_waits = said.send(answer.ok().and_then(|result| serde_json::from_str::<Value>(result).ok()));
    };
    peer.ask(ServerAsk::new("elicitation/create".to_owned(), asked, withdrawn, reply));
    let answer = tokio::select! {
        answer = answer => answer.ok().flatten(),
        () = cx.cancel.cancelled() => None,
        () = tokio::time::sleep(PATIENCE) => None,
    };
    match answer.as_ref().map(ask_params::reply) {
        Some(Reply::Accepted(content)) => {
            ask_params::accept(tool, params, &content).map_or(Asked::Nothing, Asked::Filled)
        }
        Some(Reply::Declined) => Asked::Declined,
        Some(Reply::Cancelled) | None => Asked::Nothing,
    }
}

/// A client that says `elicitation` and no more can show forms; so can one that names them.
fn can_show_forms(capabilities: Option<&str>) -> bool {
    let elicitation = |raw: &str| Members::parse(raw).ok()?.member("elicitation").map(str::to_owned);
    let Some(elicitation) = capabilities.and_then(elicitation) else { return false };
    Members::parse(&elicitation).is_ok_and(|modes| modes.0.is_empty() || modes.member("form").is_some())
}
