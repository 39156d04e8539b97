//! A modern server may answer that it needs something of the client first. Where the client cannot take that answer himself,
//! he is asked here, and the request is sent again with what he said.

use std::sync::Arc;

use serde_json::value::RawValue;
use tokio::sync::oneshot;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::wire::Members;

use super::{Answer, CallOptions, Era, Error, Peer, Phase, ServerAsk, Session};

/// How often one request may be sent again with answers: far more than any sane dialogue, and an end for those in circles.
/// A guess.
const ROUNDS_MAX: usize = 32;
/// `URLElicitationRequiredError` of 2025-11-25.
const URL_ELICITATION_REQUIRED: i64 = -32042;
/// `MissingRequiredClientCapabilityError` of 2026-07-28, for a client who cannot send his user to an address.
const MISSING_URL_ELICITATION: &str = r#"{"code":-32021,"message":"the server sends the user to an address, which this client cannot","data":{"requiredCapabilities":{"elicitation":{"url":{}}}}}"#;
/// Questions in one answer at most. A guess.
const ASKS_MAX: usize = 32;

impl Session {
    /// Any request. `members` are the raw members of `params`, without the braces and without `_meta`. A JSON-RPC error of the
    /// server is an answer too.
    ///
    /// Cancel safe: dropping it tells the server that the answer is no longer wanted.
    ///
    /// # Errors
    /// [`Error`]: no answer came.
    pub async fn forward(&self, method: &str, members: &str, options: &CallOptions) -> Result<Answer, Error> {
        let era = Some(self.hello().era);
        if options.behind.log_level.is_some() {
            // In a box, as all that is rare here: every request would carry it along.
            Box::pin(self.set_level(method, options)).await;
        }
        let mut answer = self.exchange(method, members, era, Phase::Call, options).await?;
        let is_legacy = self.hello().era == Era::Legacy;
        if (is_legacy && !options.behind.is_modern) || (!is_legacy && options.behind.takes_input_required) {
            return Ok(answer);
        }
        let Some(peer) = options.behind.peer.clone() else { return Ok(answer) };
        let until = Instant::now() + options.ceiling;
        for _ in 0..ROUNDS_MAX {
            let wanted = if is_legacy { wanted_visits(&answer) } else { wanted(&answer) };
            let Some(wanted) = wanted else { return Ok(answer) };
            let wanted = wanted.map_err(|what| self.bad_answer(method, what))?;
            let said = tokio::select! {
                said = Box::pin(ask(&peer, wanted.asks)) => said,
                () = options.cancel.cancelled() => return Err(Error::Cancelled { server: self.server().clone() }),
                () = tokio::time::sleep_until(until) => {
                    let (server, after) = (self.server().clone(), options.ceiling);
                    return Err(Error::TimedOut { server, phase: Phase::Call, after, stderr: String::new() });
                }
            };
            let said = match said {
                Ok(said) => said,
                Err(_) if is_legacy => return Ok(Answer::of_error(MISSING_URL_ELICITATION.to_owned())),
                // What the client cannot do ends the request: the server has no way to hear of it.
                Err(error) => return Ok(Answer::of_error(error)),
            };
            let members = match is_legacy {
                // The server sees by itself that the user was there.
                true if said.matches("\"accept\"").count() < wanted.visits => return Ok(answer),
                true => members.to_owned(),
                false => again(members, &said, wanted.state.as_deref()),
            };
            let ceiling = until.saturating_duration_since(Instant::now());
            let options = CallOptions { ceiling, ..options.clone() };
            answer = self.exchange(method, &members, era, Phase::Call, &options).await?;
        }
        Err(self.bad_answer(method, format!("more than {ROUNDS_MAX} rounds of questions")))
    }
}

impl Session {
    /// Tells a legacy server from which level on the client wants its log messages, when that is another one than before.
    /// Modern servers are told with each request. One that does not take it goes on as it was.
    async fn set_level(&self, method: &str, options: &CallOptions) {
        let Some(level) = options.behind.log_level.as_ref().filter(|_| self.hello().era == Era::Legacy) else { return };
        let has_logging = memchr::memmem::find(self.hello().capabilities.as_bytes(), b"\"logging\"").is_some();
        if !has_logging || method == "logging/setLevel" || !self.shared().is_lower_level(level) {
            return;
        }
        let options = CallOptions { cancel: options.cancel.clone(), ..CallOptions::own(options.timeout) };
        let members = format!("\"level\":{level}");
        let _left_as_it_was =
            self.exchange("logging/setLevel", &members, Some(Era::Legacy), Phase::Call, &options).await;
    }
}

/// What a server wants to know before it goes on.
struct Wanted {
    /// Key, method and raw params of each question.
    asks: Vec<(String, String, String)>,
    /// Raw JSON text that it wants back.
    state: Option<String>,
    /// How many addresses the user must have been to.
    visits: usize,
}

/// What an older server wants that answers with the error "the user must visit these addresses first" (-32042 of 2025-11-25),
/// which the stateless revisions do not know. `None`: it is an answer like others.
fn wanted_visits(answer: &Answer) -> Option<Result<Wanted, String>> {
    let error = answer.payload().err()?;
    let error: serde_json::Value = serde_json::from_str(error).ok()?;
    if error.get("code").and_then(serde_json::Value::as_i64) != Some(URL_ELICITATION_REQUIRED) {
        return None;
    }
    let elicitations = error.pointer("/data/elicitations").and_then(serde_json::Value::as_array)?;
    if elicitations.is_empty() || elicitations.len() > ASKS_MAX {
        return None;
    }
    let ask = |(place, one): (usize, &serde_json::Value)| {
        (format!("visit{place}"), "elicitation/create".to_owned(), one.to_string())
    };
    let asks: Vec<_> = elicitations.iter().enumerate().map(ask).collect();
    Some(Ok(Wanted { visits: asks.len(), asks, state: None }))
}

/// `None`: it is an answer like others.
fn wanted(answer: &Answer) -> Option<Result<Wanted, String>> {
    let result = answer.payload().ok()?;
    // Most results are large and are none of these: they are searched and not parsed.
    memchr::memmem::find(result.as_bytes(), b"input_required")?;
    let members = Members::parse(result).ok()?;
    (members.member("resultType") == Some("\"input_required\"")).then(|| read(&members))
}

fn read(members: &Members<'_>) -> Result<Wanted, String> {
    #[derive(serde::Deserialize)]
    struct Question<'a> {
        method: String,
        #[serde(borrow, default)]
        params: Option<&'a RawValue>,
    }
    let state = members.member("requestState").map(str::to_owned);
    let Some(requests) = members.member("inputRequests") else {
        return Ok(Wanted { asks: Vec::new(), state, visits: 0 });
    };
    let requests = Members::parse(requests).map_err(|_| "inputRequests that are no object".to_owned())?;
    if requests.0.len() > ASKS_MAX {
        return Err(format!("{} inputRequests, more than {ASKS_MAX}", requests.0.len()));
    }
    let mut asks = Vec::new();
    for (key, raw) in &requests.0 {
        let question: Question<'_> =
            serde_json::from_str(raw.get()).map_err(|fault| format!("an input request that is none: {fault}"))?;
        let params = question.params.map_or("{}", RawValue::get).to_owned();
        asks.push((key.clone().into_owned(), question.method, params));
    }
    Ok(Wanted { asks, state, visits: 0 })
}

/// Asks all at once; gives the raw `inputResponses`, or the first error.
async fn ask(peer: &Arc<dyn Peer>, asks: Vec<(String, String, String)>) -> Result<String, String> {
    // Nobody waits for answers any more when this is dropped.
    let withdrawn = CancellationToken::new();
    let _withdraw = withdrawn.clone().drop_guard();
    let mut waits = Vec::new();
    for (key, method, params) in asks {
        let (said, wait) = oneshot::channel();
        let reply = move |answer: Result<&str, &str>| {
            let _nobody_waits = said.send(answer.map(str::to_owned).map_err(str::to_owned));
        };
        peer.ask(ServerAsk::new(method, params, withdrawn.clone(), reply));
        waits.push((key, wait));
    }
    let mut responses = String::from("{");
    for (key, wait) in waits {
        let said = wait.await.unwrap_or_else(|_| Err("{\"code\":-32603,\"message\":\"no answer\"}".to_owned()))?;
        if responses.len() > 1 {
            responses.push(',');
        }
        responses.push_str(&serde_json::to_string(&key).expect("a string serialises"));
        responses.push(':');
        responses.push_str(&said);
    }
    responses.push('}');
    Ok(responses)
}

/// The members of the request again, with what was said.
fn again(members: &str, responses: &str, state: Option<&str>) -> String {
    let object = format!("{{{members}}}");
    let before = Members::parse(&object).unwrap_or_default();
    let object = before.with(&[("inputResponses", Some(responses)), ("requestState", state)]);
    object.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).unwrap_or_default().to_owned()
}
