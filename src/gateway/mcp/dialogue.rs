//! A request of a stateless client during which a server asks something. The client gets an `input_required` answer with a
//! sealed state; meanwhile the call goes on waiting. When the client sends the request again with what was wanted, the two are
//! brought together: the answers go to the server, and what comes next goes to the new request.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::domain::ServerName;
use crate::upstream::{ProgressSink, ServerAsk};
use crate::wire::{Members, notification_line};

use super::exchange::{Exchange, Said};
use super::hello;

/// How long a call waits for its client to come back. A person may be at lunch; a client that forgot must not hold a server's
/// call for ever. A guess.
const WAIT: Duration = Duration::from_secs(600);
/// How long further questions are waited for after the first, so that they go out together.
const GATHER: Duration = Duration::from_millis(2);
/// Sessions of one server that may wait with the calls of clients who cannot be told apart: fewer than there are, so that there
/// is always one for the next call. The call that waited longest is given up.
const HELD_UP_MAX: usize = 6;
/// Calls that wait for their clients, of all clients. A guess.
const WAITING_MAX: usize = 4096;

/// All calls that wait for their clients, and the key that their states are sealed with; it dies with the process, as they do.
pub(super) struct Dialogues {
    key: [u8; 32],
    /// How each state begins; that of no other mcporch does so.
    prefix: String,
    next_number: AtomicU64,
    waiting: Mutex<BTreeMap<u64, Waiting>>,
}

/// A call that waits for its client.
struct Waiting {
    dialogue: Weak<Dialogue>,
    /// The server one of whose few sessions waits with it.
    holds_up: Option<ServerName>,
    since: Instant,
}

/// One call and whoever it is answered to at the moment.
pub(super) struct Dialogue {
    number: u64,
    /// What a retry must be like: who asks, what for.
    subject: String,
    /// The client is one of many that cannot be told apart, so its call has a session to itself.
    is_anonymous: bool,
    all: Arc<Dialogues>,
    state: Mutex<State>,
    /// Ends the call.
    cancel: CancellationToken,
    /// Held while nobody else holds it: the client is expected back.
    kept: Mutex<Option<Arc<Dialogue>>>,
}

/// A call that waits, and the round that its client comes back to.
pub(super) struct Found {
    dialogue: Arc<Dialogue>,
    round: u64,
}

/// Said to who brings a state that is good for nothing.
const UNKNOWN: &str = "requestState is none that waits here: it was used before, has expired, or was changed";

#[derive(Default)]
struct State {
    /// Raw JSON; the request that waits wants progress under it.
    progress_token: Option<String>,
    /// `None` while the client is expected back.
    exchange: Option<Arc<dyn Exchange>>,
    /// Questions that were not answered, by the key that the client knows them by.
    asks: BTreeMap<String, ServerAsk>,
    next_key: u64,
    /// Grows with each `input_required`: a state is good for one return.
    round: u64,
    is_gathering: bool,
    /// How the call ended, when that was before the client came back.
    ended: Option<Ended>,
}

enum Ended {
    Result(String),
    Error(i64, String),
}

impl Dialogues {
    pub(super) fn new() -> Self {
        let prefix = format!("mcporch1.{}.", hex(&random_bytes()[..4]));
        Self { key: random_bytes(), prefix, next_number: AtomicU64::new(1), waiting: Mutex::default() }
    }

    fn waiting(&self) -> MutexGuard<'_, BTreeMap<u64, Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A call that answers to `exchange` for now.
    pub(super) fn begin(
        self: &Arc<Self>,
        subject: String,
        is_anonymous: bool,
        progress_token: Option<String>,
        exchange: Arc<dyn Exchange>,
        cancel: CancellationToken,
    ) -> Arc<Dialogue> {
        let number = self.next_number.fetch_add(1, Ordering::Relaxed);
        let state = State { progress_token, exchange: Some(exchange), ..State::default() };
        Arc::new(Dialogue {
            number,
            subject,
            is_anonymous,
            all: self.clone(),
            state: Mutex::new(state),
            cancel,
            kept: Mutex::default(),
        })
    }

    /// The call that a client means who came back: `state` is the raw JSON that he brought. `Err` says why that is none of our
    /// calls.
    pub(super) fn find(&self, state: &str, subject: &str) -> Result<Found, &'static str> {
        let state: String = serde_json::from_str(state).map_err(|_| UNKNOWN)?;
        let (number, round) = self.unseal(&state, subject).ok_or(UNKNOWN)?;
        let dialogue = self.waiting().get(&number).and_then(|one| one.dialogue.upgrade()).ok_or(UNKNOWN)?;
        Ok(Found { dialogue, round })
    }

    /// Whether a state, as raw JSON, is one of ours, be it spoiled.
    pub(super) fn is_ours(&self, state: &str) -> bool {
        state.strip_prefix('"').is_some_and(|state| state.starts_with(&self.prefix))
    }

    fn seal(&self, dialogue: &Dialogue, round: u64) -> String {
        let body = format!("{}{:016x}.{round}", self.prefix, dialogue.number);
        format!("{body}.{}", hex(&self.mac(&body, &dialogue.subject).finalize().into_bytes()))
    }

    fn unseal(&self, state: &str, subject: &str) -> Option<(u64, u64)> {
        let (body, seal) = state.rsplit_once('.')?;
        self.mac(body, subject).verify_slice(&unhex(seal)?).ok()?;
        let mut parts = body.strip_prefix(&self.prefix)?.split('.');
        let number = u64::from_str_radix(parts.next()?, 16).ok()?;
        Some((number, parts.next()?.parse().ok()?))
    }

    fn mac(&self, body: &str, subject: &str) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).expect("any length will do as a key");
        mac.update(body.as_bytes());
        mac.update(b"\0");
        mac.update(subject.as_bytes());
        mac
    }
}

impl Found {
    /// Ends the call.
    pub(super) fn cancel_token(&self) -> CancellationToken {
        self.dialogue.cancel.clone()
    }

    /// Brings the client together with his call: `responses` is the raw `inputResponses`; progress is told under this token from
    /// now on. `Err`: he was here before.
    pub(super) fn come_back(
        &self,
        responses: Option<&str>,
        progress_token: Option<String>,
        exchange: Arc<dyn Exchange>,
    ) -> Result<(), &'static str> {
        self.dialogue.come_back(self.round, responses, progress_token, exchange).map_err(|()| UNKNOWN)
    }
}

impl Dialogue {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A server asks. What it asks goes out with whatever else it asks in this moment.
    pub(super) fn ask(self: &Arc<Self>, ask: ServerAsk) {
        let mut state = self.state();
        state.next_key += 1;
        let key = format!("ask{}", state.next_key);
        state.asks.insert(key, ask);
        if std::mem::replace(&mut state.is_gathering, true) {
            return;
        }
        let dialogue = self.clone();
        // Ends by itself after its short wait.
        tokio::spawn(async move {
            tokio::time::sleep(GATHER).await;
            dialogue.state().is_gathering = false;
            dialogue.require_input();
        });
    }

    /// Passes a message on to whoever waits for the answer; while nobody does it is lost.
    pub(super) fn tell(&self, line: &[u8]) {
        let exchange = self.state().exchange.clone();
        if let Some(exchange) = exchange {
            exchange.tell(line);
        }
    }

    /// Tells progress under the token of the request that waits; while none waits, or it wants none, it is lost.
    pub(super) fn progress_sink(self: &Arc<Self>) -> ProgressSink {
        let dialogue = Arc::downgrade(self);
        Arc::new(move |params| {
            let Some(dialogue) = dialogue.upgrade() else { return };
            let (exchange, token) = {
                let state = dialogue.state();
                (state.exchange.clone(), state.progress_token.clone())
            };
            let (Some(exchange), Some(token), Ok(members)) = (exchange, token, Members::parse(params)) else { return };
            let params = members.with(&[("progressToken", Some(&token))]);
            exchange.tell(&notification_line("notifications/progress", &params));
        })
    }

    /// Answers the request that waits with what is wanted, and waits for the client.
    fn require_input(self: &Arc<Self>) {
        let mut state = self.state();
        state.asks.retain(|_, ask| !ask.withdrawn.is_cancelled());
        if state.asks.is_empty() {
            return;
        }
        let Some(exchange) = state.exchange.take() else { return };
        state.round += 1;
        let round = state.round;
        let mut requests = String::from("{");
        for (key, ask) in &state.asks {
            let comma = if requests.len() > 1 { "," } else { "" };
            let method = serde_json::Value::from(ask.method.as_str());
            requests.push_str(
                &format_args!("{comma}\"{key}\":{{\"method\":{method},\"params\":{}}}", ask.params).to_string(),
            );
        }
        requests.push('}');
        drop(state);
        if !self.wait(round) {
            let error = r#"{"code":-32603,"message":"too many calls wait for their clients"}"#;
            self.cancel.cancel();
            return exchange.answer(Said::Error(-32603, error));
        }
        let sealed = self.all.seal(self, round);
        let result = format!(
            "{{\"resultType\":\"input_required\",\"inputRequests\":{requests},\"requestState\":\"{sealed}\",\
             \"_meta\":{{\"{}\":{}}}}}",
            hello::META_SERVER,
            hello::server_info_text()
        );
        exchange.answer(Said::Result(result.into()));
    }

    /// Keeps the call for its client's return, for a while. False when there are too many.
    fn wait(self: &Arc<Self>, round: u64) -> bool {
        let holds_up = self.state().asks.values().find_map(|ask| ask.held_up.clone()).filter(|_| self.is_anonymous);
        let crowded_out = {
            let mut waiting = self.all.waiting();
            waiting.retain(|_, one| one.dialogue.strong_count() > 0);
            if waiting.len() >= WAITING_MAX {
                return false;
            }
            let is_beside = |one: &&Waiting| holds_up.is_some() && one.holds_up == holds_up;
            let beside = waiting.values().filter(is_beside).count();
            let first =
                waiting.values().filter(is_beside).min_by_key(|one| one.since).filter(|_| beside >= HELD_UP_MAX);
            let crowded_out = first.and_then(|one| one.dialogue.upgrade());
            waiting.insert(self.number, Waiting { dialogue: Arc::downgrade(self), holds_up, since: Instant::now() });
            crowded_out
        };
        if let Some(other) = crowded_out {
            // A client that forgets is the usual case; his state is good for nothing from now on.
            other.cancel.cancel();
        }
        *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = Some(self.clone());
        let (dialogue, cancel) = (Arc::downgrade(self), self.cancel.clone());
        // Ends with the call, or after the wait.
        tokio::spawn(async move {
            tokio::select! {
                () = tokio::time::sleep(WAIT) => {}
                () = cancel.cancelled() => {}
            }
            if let Some(dialogue) = dialogue.upgrade() {
                dialogue.expire(round);
            }
        });
        true
    }

    /// The client did not come back after that round.
    fn expire(&self, round: u64) {
        let is_over = {
            let state = self.state();
            state.round == round && state.exchange.is_none()
        };
        if is_over || self.cancel.is_cancelled() {
            self.cancel.cancel();
            self.all.waiting().remove(&self.number);
            let _last = self.kept.lock().unwrap_or_else(PoisonError::into_inner).take();
        }
    }

    fn come_back(
        self: &Arc<Self>,
        round: u64,
        responses: Option<&str>,
        progress_token: Option<String>,
        exchange: Arc<dyn Exchange>,
    ) -> Result<(), ()> {
        let mut answered = Vec::new();
        let ended = {
            let mut state = self.state();
            if state.round != round || state.exchange.is_some() {
                return Err(());
            }
            state.progress_token = progress_token;
            let responses = responses.map(Members::parse).and_then(Result::ok).unwrap_or_default();
            for (key, said) in &responses.0 {
                if let Some(ask) = state.asks.remove(key.as_ref()) {
                    answered.push((ask, said.get().to_owned()));
                }
            }
            let ended = state.ended.take();
            if ended.is_none() {
                state.exchange = Some(exchange.clone());
            }
            ended
        };
        let _kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner).take();
        // It waits no more, until it asks again.
        self.all.waiting().remove(&self.number);
        match ended {
            Some(Ended::Result(result)) => exchange.answer(Said::Result(result.into())),
            Some(Ended::Error(code, error)) => exchange.answer(Said::Error(code, &error)),
            None => {
                for (ask, said) in answered {
                    ask.answer(Ok(&said));
                }
                // What was left out is asked again.
                self.require_input();
            }
        }
        Ok(())
    }
}

impl Exchange for Dialogue {
    fn answer(&self, said: Said<'_>) {
        let mut state = self.state();
        let Some(exchange) = state.exchange.take() else {
            state.ended = Some(match said {
                Said::Result(result) => Ended::Result(result.into_owned()),
                Said::Error(code, error) => Ended::Error(code, error.to_owned()),
            });
            drop(state);
            // Its server's session is free.
            if let Some(waiting) = self.all.waiting().get_mut(&self.number) {
                waiting.holds_up = None;
            }
            return;
        };
        drop(state);
        self.all.waiting().remove(&self.number);
        exchange.answer(said);
    }

    fn tell(&self, line: &[u8]) {
        Self::tell(self, line);
    }

    fn leave(&self) {
        let exchange = self.state().exchange.take();
        if let Some(exchange) = exchange {
            exchange.leave();
        }
    }
}

fn random_bytes() -> [u8; 32] {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).expect("the system gives random bytes");
    bytes
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .map(|digit| char::from(b"0123456789abcdef"[usize::from(digit)]))
        .collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> =
        text.chars().map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok())).collect::<Option<_>>()?;
    digits.len().is_multiple_of(2).then(|| digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}
