//! Requests that wait for their answers.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{Error, Peer, ProgressSink};

/// An answer as it came: the whole line, and where in it the payload lies.
#[derive(Debug)]
pub struct Answer {
    line: String,
    payload: Range<usize>,
    is_error: bool,
}

impl Answer {
    /// `payload` must be a part of `line`.
    pub(super) fn new(line: String, payload: Range<usize>, is_error: bool) -> Self {
        debug_assert!(line.get(payload.clone()).is_some());
        Self { line, payload, is_error }
    }

    /// One that came on another way than a session: `result` is raw JSON.
    #[must_use]
    pub fn of_result(result: String) -> Self {
        let payload = 0..result.len();
        Self { line: result, payload, is_error: false }
    }

    /// One that came on another way than a session: `error` is a raw JSON-RPC error object.
    #[must_use]
    pub fn of_error(error: String) -> Self {
        let payload = 0..error.len();
        Self { line: error, payload, is_error: true }
    }

    /// The same, given away: what is large is moved and not copied.
    ///
    /// # Errors
    /// `Err` holds the raw JSON-RPC error object.
    pub fn into_payload(self) -> Result<String, String> {
        let Self { mut line, payload, is_error } = self;
        line.truncate(payload.end);
        line.drain(..payload.start);
        if is_error { Err(line) } else { Ok(line) }
    }

    /// The raw JSON of `result`, or of `error`.
    ///
    /// # Errors
    /// `Err` holds the raw JSON-RPC error object.
    pub fn payload(&self) -> Result<&str, &str> {
        let payload = &self.line[self.payload.clone()];
        if self.is_error { Err(payload) } else { Ok(payload) }
    }
}

/// All requests of one session that have no answer yet.
#[derive(Debug, Default)]
pub(super) struct PendingRequests {
    next_id: AtomicU64,
    waiting: Mutex<HashMap<u64, Pending>>,
}

struct Pending {
    answer: oneshot::Sender<Result<Answer, Error>>,
    progress: Option<ProgressSink>,
    peer: Option<Arc<dyn Peer>>,
    /// Questions of the server about this request that are not answered yet.
    asks_open: usize,
    /// Told when the request is over, if anybody waits for that.
    over: Option<DropGuard>,
    last_sign: Instant,
}

impl std::fmt::Debug for Pending {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pending").field("last_sign", &self.last_sign).finish_non_exhaustive()
    }
}

impl PendingRequests {
    /// Registers a request before it is written, so that no answer can come too early.
    pub(super) fn register(
        &self,
        progress: Option<ProgressSink>,
        peer: Option<Arc<dyn Peer>>,
    ) -> (u64, oneshot::Receiver<Result<Answer, Error>>) {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let (answer, receiver) = oneshot::channel();
        self.lock().insert(id, Pending { answer, progress, peer, asks_open: 0, over: None, last_sign: Instant::now() });
        (id, receiver)
    }

    /// Who is behind the request on whose stream something came, or, where that is not known, behind all requests that wait;
    /// with the id of one of them. `None` when that is nobody, or more than one client.
    pub(super) fn behind(&self, about: Option<u64>) -> Option<(u64, Arc<dyn Peer>)> {
        let waiting = self.lock();
        // What is known is not guessed: a request that is over, or is one of ours, is no client's.
        if let Some(id) = about {
            return waiting.get(&id).and_then(|pending| Some((id, pending.peer.clone()?)));
        }
        let mut found: Option<(u64, &Arc<dyn Peer>)> = None;
        for (id, pending) in waiting.iter() {
            // A request that nobody stands behind is one of ours: no server asks because of it.
            let Some(peer) = &pending.peer else { continue };
            match found {
                Some((_, other)) if other.client() != peer.client() => return None,
                Some((known, _)) if known > *id => {}
                _ => found = Some((*id, peer)),
            }
        }
        found.map(|(id, peer)| (id, peer.clone()))
    }

    /// The server asks something because of this request: until that is answered it is the other side that is waited for.
    /// Gives what is cancelled when the request is over. `None`: it is.
    pub(super) fn ask_opened(&self, id: u64) -> Option<CancellationToken> {
        let mut waiting = self.lock();
        let pending = waiting.get_mut(&id)?;
        pending.asks_open += 1;
        Some(pending.over.get_or_insert_with(|| CancellationToken::new().drop_guard()).token().clone())
    }

    /// A question was answered.
    pub(super) fn ask_closed(&self, id: u64) {
        if let Some(pending) = self.lock().get_mut(&id) {
            pending.asks_open = pending.asks_open.saturating_sub(1);
            pending.last_sign = Instant::now();
        }
    }

    /// Hands the answer over. False when nobody waits for that id: answered before, cancelled, or never asked.
    pub(super) fn answer(&self, id: u64, answer: Result<Answer, Error>) -> bool {
        let Some(pending) = self.lock().remove(&id) else { return false };
        // The caller may have left in this very moment; then the answer has no use.
        let _unwanted = pending.answer.send(answer);
        true
    }

    /// Forgets a request. True when it was still waiting.
    pub(super) fn forget(&self, id: u64) -> bool {
        self.lock().remove(&id).is_some()
    }

    /// Notes a sign of life, and passes the progress on.
    pub(super) fn progress(&self, id: u64, params: &str) {
        let sink = {
            let mut waiting = self.lock();
            let Some(pending) = waiting.get_mut(&id) else { return };
            pending.last_sign = Instant::now();
            pending.progress.clone()
        };
        if let Some(sink) = sink {
            sink(params);
        }
    }

    /// When the server last gave a sign of life about this request; now, while it waits for an answer itself.
    pub(super) fn last_sign(&self, id: u64) -> Option<Instant> {
        let waiting = self.lock();
        let pending = waiting.get(&id)?;
        Some(if pending.asks_open > 0 { Instant::now() } else { pending.last_sign })
    }

    /// Fails everything that waits.
    pub(super) fn fail_all(&self, error: impl Fn() -> Error) {
        let all: Vec<Pending> = self.lock().drain().map(|(_, pending)| pending).collect();
        for pending in all {
            let _unwanted = pending.answer.send(Err(error()));
        }
    }

    /// How many wait.
    pub(super) fn len(&self) -> usize {
        self.lock().len()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Pending>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
