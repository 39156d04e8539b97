//! Questions of servers on their way to a client of the older revisions, as real requests with ids of our own.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;

use crate::upstream::ServerAsk;
use crate::wire::{Members, request_line};

/// Questions to one client that may be open at once. A guess: a person answers one at a time.
const OPEN_MAX: usize = 64;

/// The open questions of one client.
#[derive(Default)]
pub(super) struct Asks {
    next_id: AtomicU64,
    open: Mutex<HashMap<u64, ServerAsk>>,
}

impl Asks {
    fn open(&self) -> MutexGuard<'_, HashMap<u64, ServerAsk>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a question; gives the request's line, its id, and the token that is cancelled when it is taken back. `None`: there
    /// are too many, and it was refused.
    pub(super) fn take(&self, ask: ServerAsk) -> Option<(Vec<u8>, u64, CancellationToken)> {
        let mut open = self.open();
        if open.len() >= OPEN_MAX {
            drop(open);
            ask.refuse(-32603, "too many questions to this client are open");
            return None;
        }
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let line = request_line(id, &ask.method, &ask.params);
        let withdrawn = ask.withdrawn.clone();
        open.insert(id, ask);
        Some((line, id, withdrawn))
    }

    /// Hands the client's answer over: its raw id, and raw JSON of the result or the error.
    pub(super) fn answered(&self, id: &str, answer: Result<&str, &str>) {
        let Some(id) = own_id(id) else { return };
        let ask = self.open().remove(&id);
        if let Some(ask) = ask {
            ask.answer(answer);
        }
    }

    /// The server does not want to know any more. True when the client had not answered.
    pub(super) fn forget(&self, id: u64) -> bool {
        self.open().remove(&id).is_some()
    }

    /// Passes the client's progress on a question to the server that asked it. The token is the server's own.
    pub(super) fn progress(&self, params: &str) {
        let Ok(members) = Members::parse(params) else { return };
        let Some(token) = members.member("progressToken") else { return };
        for ask in self.open().values() {
            if ask.progress_token().as_deref() == Some(token) {
                ask.tell("notifications/progress", params);
                return;
            }
        }
    }

    /// Nobody will answer any more.
    pub(super) fn drop_all(&self) {
        let all = std::mem::take(&mut *self.open());
        drop(all);
    }
}

/// Our ids are plain numbers; some clients send them back as text.
fn own_id(raw: &str) -> Option<u64> {
    raw.trim_matches('"').parse().ok()
}

/// The capability that a client must have declared to be asked this; `None` for what is no question of the protocol.
pub(super) fn capability_for(method: &str) -> Option<&'static str> {
    match method {
        "sampling/createMessage" => Some("sampling"),
        "elicitation/create" => Some("elicitation"),
        "roots/list" => Some("roots"),
        _ => None,
    }
}

/// Whether somebody with these capabilities can be asked this. What the protocol does not know is his matter.
pub(super) fn can_be_asked(capabilities: Option<&Arc<str>>, method: &str) -> bool {
    let Some(needed) = capability_for(method) else { return true };
    let Some(capabilities) = capabilities else { return false };
    Members::parse(capabilities).is_ok_and(|members| members.member(needed).is_some_and(|one| one != "null"))
}
