//! The client behind one request, as servers reach him.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use crate::upstream::{Peer, ServerAsk};
use crate::wire::{Members, notification_line};

use super::asks::can_be_asked;
use super::conversation::Conversation;
use super::dialogue::Dialogue;
use super::exchange::Exchange;

/// Levels of log messages, from the least on (RFC 5424).
const LEVELS: &[&str] = &["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"];

/// A client of the older revisions: he is asked on the way back of his request.
pub(super) struct LegacyPeer {
    pub(super) conversation: Weak<Conversation>,
    pub(super) client: u64,
    /// The request; `None` for what belongs to none.
    pub(super) exchange: Option<Arc<dyn Exchange>>,
}

impl Peer for LegacyPeer {
    fn client(&self) -> u64 {
        self.client
    }

    fn outside(&self) -> Option<Arc<dyn Peer>> {
        let conversation = self.conversation.clone();
        Some(Arc::new(Self { conversation, client: self.client, exchange: None }))
    }

    fn ask(&self, ask: ServerAsk) {
        let Some(conversation) = self.conversation.upgrade() else { return ask.refuse(-32603, "the client is gone") };
        if !can_be_asked(conversation.capabilities().as_ref(), &ask.method) {
            let what = format!("the client cannot be asked for {}", ask.method);
            return ask.refuse(-32601, &what);
        }
        conversation.ask_client(with_elicitation_id(ask), self.exchange.clone());
    }

    fn tell(&self, method: &str, params: &str) {
        let Some(conversation) = self.conversation.upgrade() else { return };
        if method == "notifications/message" && !passes(params, conversation.log_level().as_deref()) {
            return;
        }
        let line = notification(method, params);
        match &self.exchange {
            Some(exchange) => exchange.tell(&line),
            None => conversation.outlet().tell(&line),
        }
    }
}

/// A client of the stateless revisions: he is told what is wanted with the answer to his request, and asks again.
pub(super) struct ModernPeer {
    pub(super) client: u64,
    pub(super) dialogue: Arc<Dialogue>,
    pub(super) capabilities: Option<Arc<str>>,
    pub(super) log_level: Option<Arc<str>>,
}

impl Peer for ModernPeer {
    fn client(&self) -> u64 {
        self.client
    }

    fn outside(&self) -> Option<Arc<dyn Peer>> {
        None
    }

    fn ask(&self, ask: ServerAsk) {
        if !can_be_asked(self.capabilities.as_ref(), &ask.method) {
            let what = format!("the client cannot be asked for {}", ask.method);
            return ask.refuse(-32601, &what);
        }
        self.dialogue.ask(without_elicitation_id(ask));
    }

    fn tell(&self, method: &str, params: &str) {
        // His revision does not know it.
        if method == "notifications/elicitation/complete" {
            return;
        }
        // Without a level he wants none.
        let is_wanted = method != "notifications/message"
            || self.log_level.as_deref().is_some_and(|level| passes(params, Some(level)));
        if is_wanted {
            self.dialogue.tell(&notification(method, params));
        }
    }
}

/// A question that sends the user to an address has an id in the older revisions, and must have one there.
fn with_elicitation_id(mut ask: ServerAsk) -> ServerAsk {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    if let Some(members) = url_elicitation(&ask)
        && members.member("elicitationId").is_none()
    {
        let id = format!("\"mcporch-{}\"", NEXT.fetch_add(1, Ordering::Relaxed));
        ask.params = members.with(&[("elicitationId", Some(&id))]);
    }
    ask
}

/// The stateless revisions do not know that id.
fn without_elicitation_id(mut ask: ServerAsk) -> ServerAsk {
    if let Some(members) = url_elicitation(&ask) {
        ask.params = members.with(&[("elicitationId", None)]);
    }
    ask
}

fn url_elicitation(ask: &ServerAsk) -> Option<Members<'_>> {
    let members = (ask.method == "elicitation/create").then(|| Members::parse(&ask.params).ok()).flatten()?;
    (members.member("mode") == Some("\"url\"")).then_some(members)
}

/// Whether a log message is at least of the level, both raw JSON; without one every message is.
pub(super) fn passes(params: &str, level: Option<&str>) -> bool {
    let rank = |raw: &str| LEVELS.iter().position(|level| *level == raw.trim_matches('"'));
    let Some(wanted) = level.and_then(rank) else { return true };
    let said = Members::parse(params).ok().and_then(|members| members.member("level").and_then(rank));
    said.is_none_or(|said| said >= wanted)
}

/// A notification as a line; `params` is raw JSON.
pub(super) fn notification(method: &str, params: &str) -> Vec<u8> {
    notification_line(method, params)
}
