//! What a client hears without asking: changes of lists, of resources, and what servers log outside of any request.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, PoisonError};

use serde_json::{Value, json};
use tokio::sync::broadcast::error::RecvError;

use crate::domain::ServerName;
use crate::operations::{OpContext, Told};
use crate::wire::Members;

use super::asked::Asked;
use super::conversation::{Conversation, INVALID_PARAMS, refuse};
use super::exchange::Exchange;
use super::peer::{notification, passes};
use super::profile::View;
use super::resources::{self, Followed, RESOURCES_MAX};
use super::{direct, hello};

/// An open `subscriptions/listen` request.
pub(super) struct Listener {
    /// Its raw id.
    pub(super) id: String,
    pub(super) exchange: Arc<dyn Exchange>,
    tools: bool,
    prompts: bool,
    resources: bool,
    /// Resources that it follows, as the client calls them.
    uris: HashMap<String, Followed>,
}

impl Listener {
    /// Itself, with an empty shell left behind.
    pub(super) fn take(&mut self) -> Self {
        let (id, exchange) = (self.id.clone(), self.exchange.clone());
        let uris = std::mem::take(&mut self.uris);
        Self { id, exchange, tools: self.tools, prompts: self.prompts, resources: self.resources, uris }
    }

    /// How many resources it follows.
    pub(super) fn resources(&self) -> usize {
        self.uris.len()
    }

    fn wants(&self, method: &str) -> bool {
        match method {
            "notifications/tools/list_changed" => self.tools,
            "notifications/prompts/list_changed" => self.prompts,
            "notifications/resources/list_changed" => self.resources,
            _ => false,
        }
    }
}

/// Who has been here since the process began. What cannot be told to belong to one client is told to all who see its server
/// while all are one principal, and to nobody from then on: what was begun for one who left may still be told of.
#[derive(Default)]
pub(super) struct Principals {
    first: OnceLock<Arc<str>>,
    are_several: AtomicBool,
}

impl Principals {
    /// One is here.
    pub(super) fn note(&self, principal: &Arc<str>) {
        if self.first.get_or_init(|| principal.clone()) != principal {
            self.are_several.store(true, Ordering::Relaxed);
        }
    }

    /// Whether there was more than one.
    pub(super) fn are_several(&self) -> bool {
        self.are_several.load(Ordering::Relaxed)
    }
}

/// Opens a stream of changes.
pub(super) fn listen(conversation: &Arc<Conversation>, asked: &Asked<'_>, exchange: &Arc<dyn Exchange>) {
    let params: Value = asked.params.and_then(|params| serde_json::from_str(params.get()).ok()).unwrap_or_default();
    let wanted = |name: &str| params.pointer(&format!("/notifications/{name}"));
    let is_wanted = |name: &str| wanted(name).and_then(Value::as_bool).unwrap_or(false);
    let has_more = conversation.profile.view != View::Routed;
    let uris: HashSet<String> = match wanted("resourceSubscriptions").filter(|_| has_more) {
        None => HashSet::new(),
        Some(uris) => match serde_json::from_value::<Vec<String>>(uris.clone()) {
            Ok(uris) if uris.len() + resources::count(conversation) <= RESOURCES_MAX => uris.into_iter().collect(),
            Ok(_) => {
                let what = format!("more than {RESOURCES_MAX} resourceSubscriptions of one client");
                return refuse(exchange, INVALID_PARAMS, &what, None);
            }
            Err(_) => {
                return refuse(exchange, INVALID_PARAMS, "resourceSubscriptions must be a list of texts", None);
            }
        },
    };
    let listener = Listener {
        id: asked.id.to_owned(),
        exchange: exchange.clone(),
        tools: is_wanted("toolsListChanged"),
        prompts: is_wanted("promptsListChanged") && has_more,
        resources: is_wanted("resourcesListChanged") && has_more,
        uris: HashMap::new(),
    };
    let mut honoured = serde_json::Map::new();
    for (name, is_wanted) in [
        ("toolsListChanged", listener.tools),
        ("promptsListChanged", listener.prompts),
        ("resourcesListChanged", listener.resources),
    ] {
        if is_wanted {
            honoured.insert(name.to_owned(), true.into());
        }
    }
    let id: Value = serde_json::from_str(asked.id).unwrap_or_default();
    let (conversation, exchange) = (conversation.clone(), exchange.clone());
    let cancel = conversation.over.child_token();
    let (cx, _) = conversation.circumstances(asked, &exchange, cancel.clone());
    // Until it is open it is a request like others.
    conversation.in_flight().insert(asked.id.to_owned(), cancel.clone());
    let tasks = conversation.tasks.clone();
    tasks.spawn(async move {
        let mut listener = listener;
        for uri in uris {
            if cancel.is_cancelled() {
                break;
            }
            if let Some(followed) = subscribe(&conversation, &cx, &uri).await {
                listener.uris.insert(uri, followed);
            }
        }
        if !listener.uris.is_empty() {
            let mut kept: Vec<&String> = listener.uris.keys().collect();
            kept.sort();
            honoured.insert("resourceSubscriptions".to_owned(), json!(kept));
        }
        let acknowledged = json!({"_meta": {hello::META_SUBSCRIPTION: id}, "notifications": honoured});
        conversation.in_flight().remove(&listener.id);
        if cancel.is_cancelled() {
            listener.exchange.leave();
            return unsubscribe_all(&conversation, listener);
        }
        // Before the word goes out: what changes from then on must be told.
        conversation.listeners().push(listener);
        conversation.follow(false);
        exchange.tell(&notification("notifications/subscriptions/acknowledged", &acknowledged.to_string()));
    });
}

/// Asks whoever has the resource to tell of its changes. `None`: nobody does.
async fn subscribe(conversation: &Arc<Conversation>, cx: &OpContext, name: &str) -> Option<Followed> {
    let (server, uri) = direct::owner(conversation, cx, name).await?;
    let mut kept = None;
    let _said = resources::begin(&conversation.front, cx, &server, uri, |followed| {
        kept = Some(followed);
        true
    })
    .await;
    kept
}

/// Nobody listens on this stream any more.
pub(super) fn unsubscribe_all(conversation: &Conversation, listener: Listener) {
    resources::end_later(&conversation.front, listener.uris.into_values());
}

/// The client has left.
pub(super) fn forget(conversation: &Conversation) {
    let left = std::mem::take(&mut *conversation.subscribed.lock().unwrap_or_else(PoisonError::into_inner));
    resources::end_later(&conversation.front, left.into_values());
}

/// Tells the client what changes, until the conversation is over.
pub(super) async fn follow(conversation: Arc<Conversation>, mut is_owed: bool) {
    let operations = &conversation.front.operations;
    let mut known = operations.follow_known();
    let mut servers = operations.follow_told();
    let mut told: Option<Arc<str>> = None;
    let is_routed = conversation.profile.view == View::Routed;
    let is_one_server = matches!(conversation.profile.view, View::Server(_));
    loop {
        if !is_one_server {
            let text = {
                let known = known.borrow_and_update();
                let text = || match &conversation.profile.view {
                    View::Direct(selection) => direct::list_text(&conversation.front, &known, selection),
                    View::Routed | View::Server(_) => {
                        conversation.front.direct.routed(&known, conversation.inline_bytes_max() > 0)
                    }
                };
                known.has_servers.then(text)
            };
            if let Some(text) = text {
                if is_owed || told.as_ref().is_some_and(|told| !Arc::ptr_eq(told, &text) && *told != text) {
                    changed(&conversation, "notifications/tools/list_changed");
                    is_owed = false;
                }
                told = Some(text);
            }
        }
        tokio::select! {
            changed = known.changed(), if !is_one_server => if changed.is_err() { return },
            said = servers.recv(), if !is_routed => match said {
                Ok(said) => pass_on(&conversation, &said),
                // What was missed may have been any change.
                Err(RecvError::Lagged(_)) => {
                    for what in ["tools", "prompts", "resources"] {
                        changed(&conversation, &format!("notifications/{what}/list_changed"));
                    }
                }
                Err(RecvError::Closed) => return,
            },
            () = conversation.over.cancelled() => return,
        }
    }
}

/// Passes on what a server of this view told.
fn pass_on(conversation: &Conversation, said: &Told) {
    let is_seen = match &conversation.profile.view {
        View::Routed => false,
        View::Direct(selection) => selection.has_server(&said.server),
        View::Server(server) => *server == said.server,
    };
    if !is_seen || said.client.is_some_and(|client| client != conversation.caller.id.0) {
        return;
    }
    let is_one_server = matches!(conversation.profile.view, View::Server(_));
    // What belongs to one client, without a word on which: logs tell of arguments, and tasks are some client's own.
    let is_his = said.client.is_some() || !conversation.front.principals.are_several();
    match &*said.method {
        // In a view of several servers the catalog knows first what is to be told.
        "notifications/tools/list_changed" if !is_one_server => {}
        "notifications/tools/list_changed"
        | "notifications/prompts/list_changed"
        | "notifications/resources/list_changed" => {
            conversation.front.direct.forget(&said.server);
            changed(conversation, &said.method);
        }
        "notifications/resources/updated" => updated(conversation, &said.server, &said.params),
        "notifications/message" => {
            if is_his && conversation.is_initialized() && passes(&said.params, conversation.log_level().as_deref()) {
                conversation.outlet().tell(&notification(&said.method, &said.params));
            }
        }
        _ => {
            if is_his && is_one_server && conversation.is_initialized() {
                conversation.outlet().tell(&notification(&said.method, &said.params));
            }
        }
    }
}

fn changed(conversation: &Conversation, method: &str) {
    if conversation.is_initialized() {
        let line = format!("{{\"jsonrpc\":\"2.0\",\"method\":\"{method}\"}}\n");
        conversation.outlet().tell(line.as_bytes());
    }
    for listener in conversation.listeners().iter().filter(|listener| listener.wants(method)) {
        let params = format!("{{\"_meta\":{{\"{}\":{}}}}}", hello::META_SUBSCRIPTION, listener.id);
        listener.exchange.tell(&notification(method, &params));
    }
}

/// A resource changed: whoever follows it hears of it under the name that he used.
fn updated(conversation: &Conversation, server: &ServerName, params: &str) {
    const METHOD: &str = "notifications/resources/updated";
    let Ok(members) = Members::parse(params) else { return };
    let Some(uri) = members.member("uri").and_then(|raw| serde_json::from_str::<String>(raw).ok()) else { return };
    let is_it = |followed: Option<&Followed>| followed.is_some_and(|followed| followed.is(server, &uri));
    for name in &[uri.clone(), direct::with_server(server, &uri)] {
        let raw = Value::from(name.as_str()).to_string();
        let is_followed = is_it(conversation.subscribed.lock().unwrap_or_else(PoisonError::into_inner).get(name));
        if is_followed && conversation.is_initialized() {
            let params = members.with(&[("uri", Some(&raw)), ("_meta", None)]);
            conversation.outlet().tell(&notification(METHOD, &params));
        }
        for listener in conversation.listeners().iter().filter(|listener| is_it(listener.uris.get(name))) {
            let meta = format!("{{\"{}\":{}}}", hello::META_SUBSCRIPTION, listener.id);
            let params = members.with(&[("uri", Some(&raw)), ("_meta", Some(&meta))]);
            listener.exchange.tell(&notification(METHOD, &params));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Principals;

    #[test]
    fn several_principals_are_noticed_and_not_forgotten() {
        let check = |came: &[&str], expected: bool| {
            let principals = Principals::default();
            came.iter().for_each(|one| principals.note(&(*one).into()));
            assert_eq!(principals.are_several(), expected, "{came:?}");
        };
        check(&[], false);
        check(&["a"], false);
        check(&["a", "a"], false);
        check(&["a", "b"], true);
        check(&["a", "b", "a"], true);
    }
}
