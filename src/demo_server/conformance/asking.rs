//! Requests of ours to a legacy client: sent on the same pipe, under ids of our own, and waited for on a thread.

use std::collections::HashMap;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::Value;

/// What a client answered: a result, or an error object.
pub(super) type Reply = Result<Value, Value>;

/// The questions that are open.
#[derive(Default)]
pub(super) struct Asking {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    last_id: u64,
    is_closed: bool,
    open: HashMap<u64, Open>,
}

struct Open {
    /// The client's request that made us ask, by its id (JSON text).
    on_behalf_of: String,
    reply: Sender<Reply>,
}

impl Asking {
    /// Takes an id for a question. Nothing can be asked any more when the connection is closing.
    pub(super) fn open(&self, on_behalf_of: &str) -> Option<(u64, Receiver<Reply>)> {
        let mut state = self.lock();
        if state.is_closed {
            return None;
        }
        state.last_id += 1;
        let id = state.last_id;
        let (reply, receiver) = mpsc::channel();
        state.open.insert(id, Open { on_behalf_of: on_behalf_of.to_owned(), reply });
        Some((id, receiver))
    }

    /// Hands an answer over; one to a question that is not open is nobody's.
    pub(super) fn answer(&self, id: &str, reply: Reply) {
        let open = id.parse().ok().and_then(|id: u64| self.lock().open.remove(&id));
        if let Some(open) = open {
            // Who asked may have stopped waiting.
            open.reply.send(reply).ok();
        }
    }

    /// Stops waiting for one answer.
    pub(super) fn forget(&self, id: u64) {
        self.lock().open.remove(&id);
    }

    /// Stops waiting for whatever was asked on behalf of that request.
    pub(super) fn forget_all_of(&self, request: &str) {
        self.lock().open.retain(|_, open| open.on_behalf_of != request);
    }

    /// Stops waiting for anything, for good.
    pub(super) fn close(&self) {
        let mut state = self.lock();
        state.is_closed = true;
        state.open.clear();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
