//! The requests of one client that run: those with an id side by side, those without one after the other.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use hyper::body::Bytes;
use tokio::task::{Id, JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::gateway::mcp::Front;
use crate::gateway::verbs::{Caller, Fault, FaultKind, Verbs};

use super::message::{self, Request};
use super::outbox::Outbox;
use super::peer;

/// What runs, and what waits for its turn.
pub(super) struct Requests {
    front: Arc<Front>,
    verbs: Arc<Verbs>,
    outbox: Arc<Outbox>,
    in_flight_max: usize,
    tasks: JoinSet<Bytes>,
    running: HashMap<Id, Running>,
    /// Of those without an id.
    waiting: VecDeque<Waiting>,
    is_one_in_turn: bool,
}

struct Running {
    /// Raw; `None` for the one whose turn it is.
    id: Option<Box<str>>,
    cancel: CancellationToken,
}

enum Waiting {
    Request(Request, Arc<Caller>),
    /// It is known already.
    Answer(Bytes),
}

impl Requests {
    /// None yet, and at most that many at once.
    pub(super) fn new(front: Arc<Front>, verbs: Arc<Verbs>, outbox: Arc<Outbox>, in_flight_max: usize) -> Self {
        Self {
            front,
            verbs,
            outbox,
            in_flight_max,
            tasks: JoinSet::new(),
            running: HashMap::new(),
            waiting: VecDeque::new(),
            is_one_in_turn: false,
        }
    }

    /// Whether all that came is answered.
    pub(super) fn is_empty(&self) -> bool {
        self.running.is_empty() && self.waiting.is_empty()
    }

    /// Whether none runs.
    pub(super) fn is_idle(&self) -> bool {
        self.running.is_empty()
    }

    /// Whether so many wait for their turn that no more should be read.
    pub(super) fn is_behind(&self) -> bool {
        self.waiting.len() >= self.in_flight_max
    }

    /// Takes a request on, or refuses it.
    pub(super) fn begin(&mut self, request: Request, caller: &Arc<Caller>) {
        let Some(id) = &request.id else {
            self.waiting.push_back(Waiting::Request(request, caller.clone()));
            return self.next_in_turn();
        };
        if self.running.len() >= self.in_flight_max {
            let what = format!(
                "{} requests of this connection are in flight (websocket.in_flight_max); wait for some to end",
                self.in_flight_max
            );
            return self.refuse(Some(id), &Fault::new(FaultKind::TooManyRequests, what));
        }
        if self.running.values().any(|running| running.id.as_ref() == Some(id)) {
            let fault = Fault::invalid_at("/id", "a request with this id is in flight");
            return self.refuse(Some(id), &fault);
        }
        self.start(request, caller);
    }

    /// Answers what needs no time: at once when it has an id, else in its turn.
    pub(super) fn answer(&mut self, id: Option<&str>, frame: Bytes) {
        if id.is_some() || !self.is_one_in_turn {
            return self.outbox.answer(frame);
        }
        self.waiting.push_back(Waiting::Answer(frame));
    }

    /// Answers with a fault.
    pub(super) fn refuse(&mut self, id: Option<&str>, fault: &Fault) {
        self.answer(id, message::error(id, fault));
    }

    /// Takes one back. False when none with that id runs.
    pub(super) fn cancel(&self, id: &str) -> bool {
        let found = self.running.values().find(|running| running.id.as_deref() == Some(id));
        found.inspect(|running| running.cancel.cancel()).is_some()
    }

    /// Takes all back.
    pub(super) fn cancel_all(&mut self) {
        self.waiting.clear();
        for running in self.running.values() {
            running.cancel.cancel();
        }
    }

    /// Waits for the next that ends, and answers it. Never ends while none runs.
    ///
    /// Cancel safe.
    pub(super) async fn ended(&mut self) {
        let Some(ended) = self.tasks.join_next_with_id().await else { return std::future::pending().await };
        let running = |fault: &JoinError| fault.id();
        let task = ended.as_ref().map_or_else(running, |(task, _)| *task);
        let Some(running) = self.running.remove(&task) else { return };
        let frame = ended.map(|(_, frame)| frame).unwrap_or_else(|_| {
            let what = "a fault inside mcporch; please report it with the log";
            message::error(running.id.as_deref(), &Fault::new(FaultKind::Internal, what))
        });
        self.outbox.answer(frame);
        if running.id.is_none() {
            self.is_one_in_turn = false;
            self.next_in_turn();
        }
    }

    fn next_in_turn(&mut self) {
        while !self.is_one_in_turn {
            match self.waiting.pop_front() {
                Some(Waiting::Answer(frame)) => self.outbox.answer(frame),
                Some(Waiting::Request(request, caller)) => {
                    self.is_one_in_turn = true;
                    self.start(request, &caller);
                }
                None => return,
            }
        }
    }

    fn start(&mut self, request: Request, caller: &Arc<Caller>) {
        let cancel = CancellationToken::new();
        let running = Running { id: request.id.clone(), cancel: cancel.clone() };
        let (verbs, caller) = (self.verbs.clone(), caller.clone());
        let outbox = request.is_streamed.then(|| self.outbox.clone());
        let counted = self.front.count_running();
        // In a box, since a task is moved several times on its way to the runtime, and this one is large.
        let task = self.tasks.spawn(Box::pin(async move {
            let _counted = counted;
            let mut cx = caller.context(cancel.clone());
            if let (Some(outbox), Some(id)) = (&outbox, &request.id) {
                let (progress, behind) = peer::listening(cx.caller.0, id, outbox);
                cx.progress = Some(progress);
                cx.behind = behind;
            }
            let id = request.id.as_deref();
            let running = verbs.run_named(&cx, &caller, &request.method, request.params);
            tokio::select! {
                biased;
                () = cancel.cancelled() => message::cancelled(id),
                ended = running => match ended {
                    Ok(named) => message::named(id, named),
                    Err(fault) => message::error(id, &fault),
                },
            }
        }));
        self.running.insert(task.id(), running);
    }
}
