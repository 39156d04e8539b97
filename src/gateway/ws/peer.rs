//! What is heard of a request while it runs: its progress, and what its server logs for it.

use std::sync::{Arc, Weak};

use crate::upstream::{Behind, Peer, ProgressSink, ServerAsk};
use crate::wire::Members;

use super::message;
use super::outbox::Outbox;

/// From which level on a server's messages are wanted, raw JSON: what a person wants to see of an operation that runs.
const LEVEL: &str = "\"info\"";

/// The client of one request, as its server reaches him. He is told things, and asked nothing: there is no message for it.
struct Listener {
    client: u64,
    /// Raw.
    id: Box<str>,
    outbox: Weak<Outbox>,
}

impl Peer for Listener {
    fn client(&self) -> u64 {
        self.client
    }

    fn outside(&self) -> Option<Arc<dyn Peer>> {
        None
    }

    fn ask(&self, ask: ServerAsk) {
        ask.refuse(-32601, "a client over WebSocket cannot be asked anything");
    }

    fn tell(&self, method: &str, params: &str) {
        let Some(outbox) = self.outbox.upgrade().filter(|_| method == "notifications/message") else { return };
        let Ok(members) = Members::parse(params) else { return };
        outbox.tell(message::meanwhile(&self.id, "log", &members.with(&[("_meta", None)])), 1);
    }
}

/// Lets the client hear of his request.
pub(super) fn listening(client: u64, id: &str, outbox: &Arc<Outbox>) -> (ProgressSink, Behind) {
    let listener = Listener { client, id: id.into(), outbox: Arc::downgrade(outbox) };
    let behind = Behind { peer: Some(Arc::new(listener)), log_level: Some(LEVEL.into()), ..Behind::default() };
    let (id, outbox): (Box<str>, _) = (id.into(), Arc::downgrade(outbox));
    let progress: ProgressSink = Arc::new(move |params| {
        let (Some(outbox), Ok(members)) = (outbox.upgrade(), Members::parse(params)) else { return };
        let told = members.with(&[("progressToken", None), ("_meta", None)]);
        outbox.tell(message::meanwhile(&id, "progress", &told), 1);
    });
    (progress, behind)
}
