//! One client, whatever his messages travel on: what is known of him, what he has open, and which answer each of his messages
//! gets. A connection over pipes, a session over HTTP, and each request of the stateless revisions over HTTP is one.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::Duration;

use serde_json::value::RawValue;
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::domain::{Surface, Tool, ToolKey};
use crate::monitor::{Monitor, Present};
use crate::operations::{CallerId, OpContext, Operations};
use crate::traces;
use crate::upstream::{Behind, ProgressSink, ServerAsk};
use crate::wire::{Envelope, EnvelopeKind, Members, is_method};

use super::asked::Asked;
use super::asks::Asks;
use super::dialogue::Dialogues;
use super::exchange::{Exchange, Outlet, Said};
use super::peer::{LegacyPeer, ModernPeer};
use super::profile::{Profile, View};
use super::resources::{Followed, Followers};
use super::told::Listener;
use super::{calls, direct, hello, server_view, told, traced};

/// Longest wait for the catalog before the tools are listed without it: a client that starts us waits for this answer.
pub(super) const LIST_WAIT: Duration = Duration::from_millis(500);

pub(super) const PARSE_ERROR: i64 = -32700;
pub(super) const INVALID_REQUEST: i64 = -32600;
pub(super) const METHOD_NOT_FOUND: i64 = -32601;
pub(super) const INVALID_PARAMS: i64 = -32602;
pub(super) const INTERNAL_ERROR: i64 = -32603;
/// `UnsupportedProtocolVersionError` of 2026-07-28.
pub(super) const UNSUPPORTED_VERSION: i64 = -32022;

/// Why a request is not taken: what came beside it says something else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    /// The code of the error.
    pub code: i64,
    /// For people.
    pub message: String,
}

/// Bounds of one client.
#[derive(Debug, Clone, Copy)]
pub struct ClientLimits {
    /// Requests in flight; more are refused.
    pub calls_in_flight_max: usize,
}

/// What all conversations share.
pub struct Front {
    /// The verbs.
    pub operations: Arc<Operations>,
    limits: ClientLimits,
    /// Counts the calls that run, of all clients.
    calls: Arc<AtomicUsize>,
    pub(super) dialogues: Arc<Dialogues>,
    pub(super) direct: direct::Names,
    /// Who follows which resource.
    pub(super) followers: Followers<Followed>,
    pub(super) principals: told::Principals,
    next_caller: AtomicU64,
    /// Counts those who are there.
    monitor: OnceLock<Arc<Monitor>>,
}

impl std::fmt::Debug for Front {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Front").field("limits", &self.limits).finish_non_exhaustive()
    }
}

/// Who a conversation is with.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Which of all.
    pub id: CallerId,
    /// He cannot be told apart from others beyond one request.
    pub is_anonymous: bool,
    /// What a sealed state is bound to: the name of his key, or of the way he came.
    pub principal: Arc<str>,
    /// Which way he came.
    pub surface: Surface,
    /// From which address; `None` where he came by no network.
    pub from: Option<IpAddr>,
}

/// One client.
pub struct Conversation {
    pub(super) front: Arc<Front>,
    pub(super) profile: Arc<Profile>,
    pub(super) caller: Caller,
    outlet: Arc<dyn Outlet>,
    /// Requests that run, by their raw ids.
    in_flight: Mutex<HashMap<String, CancellationToken>>,
    /// Open `subscriptions/listen` requests.
    listeners: Mutex<Vec<Listener>>,
    /// Resources that a client of the older revisions hears of, as he calls them.
    pub(super) subscribed: Mutex<HashMap<String, Followed>>,
    asks: Asks,
    said: Mutex<SaidByClient>,
    is_initialized: AtomicBool,
    is_following: AtomicBool,
    slots: Arc<Semaphore>,
    pub(super) tasks: TaskTracker,
    /// Cancelled when the conversation is over.
    pub(super) over: CancellationToken,
    _present: Option<Present>,
}

/// What a client of the older revisions said of himself.
#[derive(Default)]
struct SaidByClient {
    capabilities: Option<Arc<str>>,
    log_level: Option<Arc<str>>,
}

impl Front {
    /// What conversations share, over these verbs. `calls` counts those that run.
    #[must_use]
    pub fn new(operations: Arc<Operations>, limits: ClientLimits, calls: Arc<AtomicUsize>) -> Arc<Self> {
        Arc::new(Self {
            operations,
            limits,
            calls,
            dialogues: Arc::new(Dialogues::new()),
            direct: direct::Names::default(),
            followers: Followers::default(),
            principals: told::Principals::default(),
            next_caller: AtomicU64::new(1),
            monitor: OnceLock::new(),
        })
    }

    /// Lets this monitor count the clients from now on. Only the first counts.
    pub fn count_with(&self, monitor: Arc<Monitor>) {
        let _set_before = self.monitor.set(monitor);
    }

    /// A client has come this way; he is there until what this gives is dropped.
    pub(in crate::gateway) fn present(&self, surface: Surface) -> Option<Present> {
        self.monitor.get().map(|monitor| monitor.client(surface))
    }

    /// A caller that nobody was before.
    pub fn next_caller(&self) -> CallerId {
        CallerId(self.next_caller.fetch_add(1, Ordering::Relaxed))
    }

    /// Counts one more call among those that run, for as long as what is given lives.
    pub(in crate::gateway) fn count_running(&self) -> CountedCall {
        self.calls.fetch_add(1, Ordering::Relaxed);
        CountedCall(self.calls.clone())
    }

    /// A conversation that nothing was said in. `outlet` takes what belongs to no request. It ends with `stop`, or with
    /// [`Conversation::end`].
    #[must_use]
    pub fn conversation(
        self: &Arc<Self>,
        profile: Arc<Profile>,
        caller: Caller,
        outlet: Arc<dyn Outlet>,
        stop: &CancellationToken,
    ) -> Arc<Conversation> {
        self.principals.note(&caller.principal);
        // One who cannot be told apart is there for one request only.
        let present = (!caller.is_anonymous).then(|| self.present(caller.surface)).flatten();
        Arc::new(Conversation {
            front: self.clone(),
            profile,
            caller,
            outlet,
            in_flight: Mutex::default(),
            listeners: Mutex::default(),
            subscribed: Mutex::default(),
            asks: Asks::default(),
            said: Mutex::default(),
            is_initialized: AtomicBool::new(false),
            is_following: AtomicBool::new(false),
            slots: Arc::new(Semaphore::new(self.limits.calls_in_flight_max)),
            tasks: TaskTracker::new(),
            over: stop.child_token(),
            _present: present,
        })
    }
}

/// A call that runs.
#[derive(Debug)]
pub(in crate::gateway) struct CountedCall(Arc<AtomicUsize>);

impl Drop for CountedCall {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl std::fmt::Debug for Conversation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Conversation")
            .field("profile", &self.profile)
            .field("caller", &self.caller)
            .finish_non_exhaustive()
    }
}

impl Conversation {
    /// Takes one message. What is a request is answered through `exchange`, now or later; for anything else it is not used.
    /// Must be called on a runtime; does not wait.
    pub fn receive(self: &Arc<Self>, message: &str, exchange: &Arc<dyn Exchange>) {
        let envelope = match Envelope::parse(message) {
            Ok(envelope) => envelope,
            Err(fault) if fault.is_data() => return refuse(exchange, INVALID_REQUEST, &fault.to_string(), None),
            Err(fault) => {
                return refuse(exchange, PARSE_ERROR, &format!("the message cannot be read: {fault}"), None);
            }
        };
        self.receive_envelope(&envelope, exchange);
    }

    /// The same for a message that was taken apart.
    pub fn receive_envelope(self: &Arc<Self>, envelope: &Envelope<'_>, exchange: &Arc<dyn Exchange>) {
        self.receive_checked(envelope, exchange, &|_| Ok(()));
    }

    /// The same, where something that came beside a request must agree with it: `check` says what does not.
    pub fn receive_checked(
        self: &Arc<Self>,
        envelope: &Envelope<'_>,
        exchange: &Arc<dyn Exchange>,
        check: &dyn Fn(&Asked<'_>) -> Result<(), Mismatch>,
    ) {
        match envelope.kind() {
            EnvelopeKind::Request => {}
            EnvelopeKind::Notification => return self.notified(envelope),
            EnvelopeKind::Answer => {
                let id = envelope.id.map_or("null", RawValue::get);
                let answer = match (envelope.error, envelope.result) {
                    (Some(error), _) => Err(error.get()),
                    (None, result) => Ok(result.map_or("null", RawValue::get)),
                };
                return self.asks.answered(id, answer);
            }
            EnvelopeKind::Other => return refuse(exchange, INVALID_REQUEST, "this is no JSON-RPC 2.0 message", None),
        }
        let id = envelope.id.map_or("null", RawValue::get);
        let method = envelope.method.as_deref().unwrap_or_default();
        match Asked::read(id, method, envelope.params) {
            Ok(asked) => match check(&asked) {
                Ok(()) => self.answer_request(&asked, exchange),
                Err(Mismatch { code, message }) => refuse(exchange, code, &message, None),
            },
            Err(what) => refuse(exchange, INVALID_PARAMS, &what, None),
        }
    }

    fn answer_request(self: &Arc<Self>, asked: &Asked<'_>, exchange: &Arc<dyn Exchange>) {
        if let Some(version) = asked.version.as_deref().filter(|version| !hello::MODERN_VERSIONS.contains(version)) {
            let data = json!({"supported": hello::MODERN_VERSIONS, "requested": version});
            return refuse(exchange, UNSUPPORTED_VERSION, "unsupported protocol version", Some(&data));
        }
        match asked.method {
            "initialize" if !asked.is_modern() => return self.initialize(asked, exchange),
            "ping" if !asked.is_modern() => return exchange.answer(Said::Result("{}".into())),
            _ => {}
        }
        if !asked.is_modern() && asked.method == "server/discover" {
            let what = format!("_meta[\"{}\"] is missing", hello::META_VERSION);
            return refuse(exchange, INVALID_PARAMS, &what, None);
        }
        if !asked.is_modern() && !self.is_initialized.load(Ordering::Relaxed) {
            let what = format!("send `initialize` first, or _meta[\"{}\"] with each request", hello::META_VERSION);
            return refuse(exchange, INVALID_PARAMS, &what, None);
        }
        if is_of_the_other_era(asked) {
            return not_offered(exchange, asked.method);
        }
        if !is_method(asked.method) {
            return not_offered(exchange, "(no method)");
        }
        if self.in_flight().contains_key(asked.id) {
            return refuse(exchange, INVALID_REQUEST, "a request with this id is open", None);
        }
        let traced = traced::begin(self, asked, exchange);
        let exchange = traced.as_ref().unwrap_or(exchange);
        match (asked.method, &self.profile.view) {
            ("subscriptions/listen", _) => told::listen(self, asked, exchange),
            ("server/discover", View::Routed) => exchange.answer(Said::Result(hello::discovered().to_string().into())),
            ("tools/list", View::Routed) => self.list_four_tools(asked, exchange),
            ("tools/call", View::Routed) => calls::start(self, asked, exchange),
            (_, View::Routed) => not_offered(exchange, asked.method),
            (_, View::Direct(selection)) => direct::answer(self, selection, asked, exchange),
            (_, View::Server(server)) => server_view::answer(self, server, asked, exchange),
        }
    }

    fn initialize(self: &Arc<Self>, asked: &Asked<'_>, exchange: &Arc<dyn Exchange>) {
        let params: Value = asked.params.and_then(|params| serde_json::from_str(params.get()).ok()).unwrap_or_default();
        let said = |path: &str| params.pointer(path).and_then(Value::as_str);
        tracing::info!(
            client.name = said("/clientInfo/name"),
            client.version = said("/clientInfo/version"),
            protocol.version = said("/protocolVersion"),
            "a client connected"
        );
        let members = asked.params.and_then(|params| Members::parse(params.get()).ok()).unwrap_or_default();
        let capabilities = members.member("capabilities").filter(|raw| raw.starts_with('{')).map(Arc::from);
        self.said().capabilities = capabilities;
        let version = said("/protocolVersion").map(str::to_owned);
        match &self.profile.view {
            View::Routed => {
                exchange.answer(Said::Result(hello::initialized(version.as_deref()).to_string().into()));
                self.set_initialized();
            }
            View::Direct(_) => {
                exchange.answer(Said::Result(direct::initialized(version.as_deref()).to_string().into()));
                self.set_initialized();
            }
            View::Server(server) => server_view::initialize(self, server, version, asked, exchange),
        }
    }

    /// From now on it may ask for anything, and hears of changes.
    pub(super) fn set_initialized(self: &Arc<Self>) {
        self.is_initialized.store(true, Ordering::Relaxed);
        self.follow(false);
    }

    /// The client has been through `initialize` with a process that is no more.
    pub fn resume(self: &Arc<Self>) {
        self.is_initialized.store(true, Ordering::Relaxed);
        self.follow(true);
    }

    /// Whether it was through `initialize`.
    #[must_use]
    pub fn is_initialized(&self) -> bool {
        self.is_initialized.load(Ordering::Relaxed)
    }

    /// Begins to tell of changes. `is_owed`: who was served by another process before may know another list.
    pub(super) fn follow(self: &Arc<Self>, is_owed: bool) {
        if !self.is_following.swap(true, Ordering::Relaxed) {
            self.tasks.spawn(told::follow(self.clone(), is_owed));
        }
    }

    fn notified(self: &Arc<Self>, envelope: &Envelope<'_>) {
        let params = envelope.params.map_or("{}", RawValue::get);
        match envelope.method.as_deref() {
            Some("notifications/cancelled") => {
                let members = Members::parse(params).unwrap_or_default();
                if let Some(id) = members.member("requestId") {
                    self.cancel(id);
                }
            }
            Some("notifications/progress") => self.asks.progress(params),
            Some("notifications/roots/list_changed") => {
                let cx = OpContext { caller: self.caller.id, ..OpContext::default() };
                self.front.operations.tell_servers(&cx, "notifications/roots/list_changed", None);
            }
            _ => {}
        }
    }

    /// The client no longer wants the answer to this request: its raw id.
    pub fn cancel(&self, id: &str) {
        if let Some(call) = self.in_flight().get(id) {
            call.cancel();
        }
        let mut gone = Vec::new();
        self.listeners().retain_mut(|listener| {
            if listener.id == id {
                gone.push(listener.take());
            }
            listener.id != id
        });
        for listener in gone {
            listener.exchange.leave();
            told::unsubscribe_all(self, listener);
        }
    }

    /// Ends everything that is open, and waits for that, for a moment.
    pub async fn end(&self) {
        for call in self.in_flight().values() {
            call.cancel();
        }
        self.over.cancel();
        self.asks.drop_all();
        let listeners: Vec<Listener> = self.listeners().drain(..).collect();
        listeners.into_iter().for_each(|listener| told::unsubscribe_all(self, listener));
        told::forget(self);
        self.tasks.close();
        let _left_over = tokio::time::timeout(super::client::LAST_ANSWERS, self.tasks.wait()).await;
    }

    /// Whether requests are open.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        !self.in_flight().is_empty()
    }

    /// Asks the client something, beside a request of his if there is one it is because of.
    pub(super) fn ask_client(self: &Arc<Self>, ask: ServerAsk, exchange: Option<Arc<dyn Exchange>>) {
        let Some((line, id, withdrawn)) = self.asks.take(ask) else { return };
        match &exchange {
            Some(exchange) => exchange.tell(&line),
            None => self.outlet.tell(&line),
        }
        let (conversation, over) = (Arc::downgrade(self), self.over.clone());
        self.tasks.spawn(async move {
            tokio::select! {
                () = withdrawn.cancelled() => {}
                () = over.cancelled() => return,
            }
            let Some(conversation) = conversation.upgrade() else { return };
            if conversation.asks.forget(id) {
                let line = format!(
                    "{{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\",\"params\":{{\"requestId\":{id}}}}}\n"
                );
                match &exchange {
                    Some(exchange) => exchange.tell(line.as_bytes()),
                    None => conversation.outlet.tell(line.as_bytes()),
                }
            }
        });
    }

    fn list_four_tools(self: &Arc<Self>, asked: &Asked<'_>, exchange: &Arc<dyn Exchange>) {
        let (conversation, exchange, is_modern) = (self.clone(), exchange.clone(), asked.is_modern());
        self.tasks.spawn(async move {
            let known = conversation.listed().await;
            let mut result = json!({"tools": super::four_tools::list(&known, conversation.inline_bytes_max() > 0)});
            if is_modern {
                hello::complete(&mut result);
            }
            exchange.answer(Said::Result(result.to_string().into()));
        });
    }

    /// The text of a result that this client is handed at once, in bytes; 0 is all.
    pub(super) fn inline_bytes_max(&self) -> usize {
        self.profile.inline_bytes_max.unwrap_or_else(|| self.front.operations.inline_bytes_max())
    }

    /// A tool by the name that it has in this view, if it is known.
    #[must_use]
    pub fn find_tool(&self, name: &str) -> Option<Arc<Tool>> {
        match &self.profile.view {
            View::Routed => None,
            View::Direct(selection) => direct::find_tool(&self.front, selection, name),
            View::Server(server) => {
                let known = self.front.operations.known_now();
                let key = ToolKey { server: server.clone(), tool: name.to_owned() };
                known.snapshot.find(&key).map(|row| known.snapshot.entries()[row].tool.clone())
            }
        }
    }

    /// What is known once the catalog was read, or what there is.
    pub(super) async fn listed(&self) -> Arc<crate::reconcile::Known> {
        let operations = &self.front.operations;
        let mut known = operations.follow_known();
        match tokio::time::timeout(LIST_WAIT, known.wait_for(|known| known.has_servers)).await {
            Ok(Ok(known)) => known.clone(),
            _ => operations.known_now(),
        }
    }

    /// The circumstances of a request, with a way to ask its client. `exchange` is where it is answered from now on.
    pub(super) fn circumstances(
        self: &Arc<Self>,
        asked: &Asked<'_>,
        exchange: &Arc<dyn Exchange>,
        cancel: CancellationToken,
    ) -> (OpContext, Arc<dyn Exchange>) {
        let meta = traces::with_carried(asked.meta.as_ref(), exchange.carried().as_ref());
        let trace = exchange.trace();
        let mut behind = Behind { meta, ..Behind::default() };
        let mut exchange = exchange.clone();
        let mut progress = None;
        if asked.is_modern() {
            behind.capabilities = asked.capabilities.clone().filter(|raw| raw.trim() != "{}");
            behind.log_level.clone_from(&asked.log_level);
            behind.is_modern = true;
            behind.takes_input_required = self.profile.view != View::Routed;
            let dialogue = self.front.dialogues.begin(
                self.subject(asked),
                self.caller.is_anonymous,
                asked.progress_token.clone(),
                exchange.clone(),
                cancel.clone(),
            );
            progress = Some(dialogue.progress_sink());
            behind.peer = Some(Arc::new(ModernPeer {
                client: self.caller.id.0,
                dialogue: dialogue.clone(),
                capabilities: behind.capabilities.clone(),
                log_level: behind.log_level.clone(),
            }));
            exchange = dialogue;
        } else {
            let said = self.said();
            behind.capabilities = said.capabilities.clone().filter(|raw| raw.trim() != "{}");
            behind.log_level.clone_from(&said.log_level);
            behind.peer = Some(Arc::new(LegacyPeer {
                conversation: Arc::downgrade(self),
                client: self.caller.id.0,
                exchange: Some(exchange.clone()),
            }));
        }
        let progress = progress.or_else(|| {
            let token = asked.progress_token.clone()?;
            Some(progress_sink(exchange.clone(), token))
        });
        let (caller, is_anonymous) = (self.caller.id, self.caller.is_anonymous);
        let inline_bytes_max = Some(self.inline_bytes_max());
        let principal = principal_number(&self.caller.principal);
        let (who, surface, from) = (Some(self.caller.principal.clone()), self.caller.surface, self.caller.from);
        let cx = OpContext {
            cancel,
            progress,
            caller,
            who,
            surface,
            from,
            is_anonymous,
            principal,
            behind,
            trace,
            inline_bytes_max,
        };
        (cx, exchange)
    }

    /// What a client who comes back must ask for.
    fn subject(&self, asked: &Asked<'_>) -> String {
        // Who cannot be asked for anything never comes back.
        if asked.capabilities.as_deref().is_none_or(|raw| raw.trim() == "{}") {
            return String::new();
        }
        let name = asked.text("name").or_else(|| asked.text("uri")).unwrap_or_default();
        let digest = asked.digest();
        format!("{}\n{}\n{name}\n{:?}\n{digest}", self.caller.principal, asked.method, self.profile.view)
    }

    /// Whether this is a client who comes back with what a server asked; then he was brought together with his call, or refused.
    pub(super) fn came_back(self: &Arc<Self>, asked: &Asked<'_>, exchange: &Arc<dyn Exchange>) -> bool {
        let Some(state) = asked.member("requestState").filter(|_| asked.is_modern()) else { return false };
        // Another mcporch may be the server that sealed it.
        if !self.front.dialogues.is_ours(state) && self.profile.view != View::Routed {
            return false;
        }
        let (responses, subject) = (asked.member("inputResponses"), self.subject(asked));
        let found = match self.front.dialogues.find(state, &subject) {
            Ok(found) => found,
            Err(what) => {
                refuse(exchange, INVALID_PARAMS, what, None);
                return true;
            }
        };
        let held: Arc<dyn Exchange> =
            Arc::new(Held { id: asked.id.to_owned(), inner: exchange.clone(), conversation: Arc::downgrade(self) });
        self.in_flight().insert(asked.id.to_owned(), found.cancel_token());
        if let Err(what) = found.come_back(responses, asked.progress_token.clone(), held) {
            self.in_flight().remove(asked.id);
            refuse(exchange, INVALID_PARAMS, what, None);
        }
        true
    }

    /// Takes a request on: a slot for it, and its token. `None`: too many are in flight.
    pub(super) fn take_on(&self, id: &str) -> Option<(tokio::sync::OwnedSemaphorePermit, CancellationToken)> {
        let slot = self.slots.clone().try_acquire_owned().ok()?;
        let cancel = CancellationToken::new();
        self.in_flight().insert(id.to_owned(), cancel.clone());
        self.front.calls.fetch_add(1, Ordering::Relaxed);
        Some((slot, cancel))
    }

    /// The opposite of [`Self::take_on`].
    pub(super) fn let_go(&self, id: &str) {
        self.in_flight().remove(id);
        self.front.calls.fetch_sub(1, Ordering::Relaxed);
    }

    pub(super) fn in_flight(&self) -> MutexGuard<'_, HashMap<String, CancellationToken>> {
        self.in_flight.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn listeners(&self) -> MutexGuard<'_, Vec<Listener>> {
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn said(&self) -> MutexGuard<'_, SaidByClient> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn capabilities(&self) -> Option<Arc<str>> {
        self.said().capabilities.clone()
    }

    pub(super) fn log_level(&self) -> Option<Arc<str>> {
        self.said().log_level.clone()
    }

    pub(super) fn set_log_level(&self, level: &str) {
        self.said().log_level = Some(level.into());
    }

    pub(super) fn outlet(&self) -> &dyn Outlet {
        &*self.outlet
    }
}

/// A request of a client who came back: it can be cancelled until it is answered.
struct Held {
    id: String,
    inner: Arc<dyn Exchange>,
    conversation: Weak<Conversation>,
}

impl Held {
    fn let_go(&self) {
        if let Some(conversation) = self.conversation.upgrade() {
            conversation.in_flight().remove(&self.id);
        }
    }
}

impl Exchange for Held {
    fn answer(&self, said: Said<'_>) {
        self.let_go();
        self.inner.answer(said);
    }

    fn tell(&self, line: &[u8]) {
        self.inner.tell(line);
    }

    fn leave(&self) {
        self.let_go();
        self.inner.leave();
    }
}

/// A number for a principal that is no caller's.
pub(in crate::gateway) fn principal_number(principal: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    principal.hash(&mut hasher);
    hasher.finish() | 1 << 63
}

/// Methods that the revision of the request does not have.
fn is_of_the_other_era(asked: &Asked<'_>) -> bool {
    const LEGACY: &[&str] =
        &["initialize", "ping", "logging/setLevel", "resources/subscribe", "resources/unsubscribe", "roots/list"];
    const MODERN: &[&str] = &["subscriptions/listen", "server/discover"];
    if asked.is_modern() { LEGACY.contains(&asked.method) } else { MODERN.contains(&asked.method) }
}

pub(super) fn not_offered(exchange: &Arc<dyn Exchange>, method: &str) {
    let shown: String = method.chars().take(100).collect();
    refuse(exchange, METHOD_NOT_FOUND, &format!("method {shown:?} is not offered here"), None);
}

/// Answers with an error of our own.
pub(super) fn refuse(exchange: &Arc<dyn Exchange>, code: i64, message: &str, data: Option<&Value>) {
    let mut error = json!({"code": code, "message": message});
    if let Some(data) = data {
        error["data"] = data.clone();
    }
    exchange.answer(Said::Error(code, &error.to_string()));
}

/// Passes progress on under the client's own token.
fn progress_sink(exchange: Arc<dyn Exchange>, token: String) -> ProgressSink {
    Arc::new(move |params| {
        let Ok(members) = Members::parse(params) else { return };
        let params = members.with(&[("progressToken", Some(&token))]);
        let line = format!("{{\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\",\"params\":{params}}}\n");
        exchange.tell(line.as_bytes());
    })
}
