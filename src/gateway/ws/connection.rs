//! One client over a WebSocket, from the handshake to the goodbye. One task reads, writes, pings and passes events on; each request
//! has one of its own. A client who does not read slows himself alone: while what waits for him is full, nobody reads what he sends.

use std::future::poll_fn;
use std::net::IpAddr;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;

use crate::domain::{Scope, Surface};
use crate::gateway::http::{Counted, Refusal, Service, Visitor};
use crate::gateway::verbs::{Caller, Fault};
use crate::gateway::watch::{Told, Topics, Watcher};
use crate::monitor::{Form, Present, Topic};
use crate::operations::CallerId;

use super::message::{self, Request};
use super::outbox::Outbox;
use super::requests::Requests;
use super::socket::{Read, Socket};
use super::{frames, words};

/// For the last frames to be written.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// Longest message of one who has shown no key: there is nothing for him to say but that.
const UNKNOWN_BYTES_MAX: usize = 4 * 1024;
/// From one look whether the key of somebody who hears of events is still good to the next.
const KEY_LOOK_EVERY: Duration = Duration::from_secs(1);
/// Pings without a sign of life after which nobody is taken to be there.
const MISSED_MAX: u32 = 2;

/// A client.
pub(super) struct Connection<S> {
    pub(super) service: Arc<Service>,
    socket: Socket<S>,
    pub(super) outbox: Arc<Outbox>,
    pub(super) requests: Requests,
    pub(super) watcher: Option<Box<Watcher>>,
    /// Who he is; `None` until he has shown a key where one is needed.
    pub(super) caller: Option<Arc<Caller>>,
    pub(super) visitor: Option<Visitor>,
    /// What he showed, looked at again with each request: keys are revoked.
    pub(super) key: Option<Box<str>>,
    pub(super) id: CallerId,
    pub(super) from: IpAddr,
    began: Instant,
    next_ping: Instant,
    next_key_look: Instant,
    missed: u32,
    /// Something he was to be told was left out, and he has not been told how all servers are since.
    owes_servers: bool,
    is_draining: bool,
    goodbye_since: Option<Instant>,
    /// The goodbye was written.
    is_over: bool,
    /// His place among the streams of one client.
    counted: Option<Counted>,
    _present: Option<Present>,
}

enum Happened {
    Read(Read),
    /// All that waited was written.
    Written,
    /// The connection is gone.
    Gone,
    Told(Told),
    /// A request ended, and is answered.
    Ended,
    /// The time has come for something.
    Late,
    Stop,
    End,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    /// Over a stream whose handshake is done.
    pub(super) fn new(
        service: Arc<Service>,
        stream: S,
        (visitor, key, counted): (Option<Visitor>, Option<Box<str>>, Option<Counted>),
        from: IpAddr,
    ) -> Self {
        let settings = &service.limits.sockets;
        let socket = Socket::new(stream, UNKNOWN_BYTES_MAX);
        let outbox = Arc::new(Outbox::new(settings.queue_bytes_max));
        let (front, verbs) = (service.front.clone(), service.verbs.clone());
        let requests = Requests::new(front, verbs, outbox.clone(), settings.in_flight_max);
        let (now, id) = (Instant::now(), service.front.next_caller());
        let mut connection = Self {
            next_ping: now + settings.ping_every,
            next_key_look: now + KEY_LOOK_EVERY,
            socket,
            outbox,
            requests,
            watcher: None,
            caller: None,
            visitor: None,
            key,
            id,
            from,
            began: now,
            missed: 0,
            owes_servers: false,
            is_draining: false,
            goodbye_since: None,
            is_over: false,
            counted: None,
            _present: service.front.present(Surface::Ws),
            service,
        };
        if let Some(visitor) = visitor {
            connection.let_in(visitor, counted);
        }
        connection
    }

    /// From now on he may what this visitor may.
    pub(super) fn let_in(&mut self, visitor: Visitor, counted: Option<Counted>) {
        self.counted = counted;
        self.caller = Some(Arc::new(Caller {
            principal: visitor.who.clone(),
            scope: visitor.scope,
            surface: Surface::Ws,
            from: Some(self.from),
            id: self.id,
            is_anonymous: false,
        }));
        self.visitor = Some(visitor);
        self.socket.take_up_to(self.service.limits.body_bytes_max);
    }

    /// Serves him until one of both is gone.
    pub(super) async fn run(mut self) {
        loop {
            // What was read before is at hand without waiting, and a flood of it must let others have their turn.
            tokio::task::coop::consume_budget().await;
            match self.next().await {
                Happened::Read(Read::Message(incoming)) => self.take(incoming),
                Happened::Read(Read::Begun) => {}
                Happened::Read(Read::Fault(fault)) => self.leave(fault.code, fault.what),
                Happened::Read(Read::Gone) | Happened::Gone => break,
                Happened::Written if self.goodbye_since.is_some() => self.is_over = true,
                Happened::Written if std::mem::take(&mut self.owes_servers) => {
                    if let Some(watcher) = &mut self.watcher {
                        watcher.catch_up();
                    }
                }
                Happened::Written => {}
                Happened::Told(told) => self.tell(told),
                Happened::Ended => {}
                Happened::Late if self.look() => break,
                Happened::Late => {}
                Happened::Stop => self.is_draining = true,
                Happened::End => self.leave(frames::GOING_AWAY, "mcporch stops"),
            }
            if self.is_draining && self.requests.is_empty() {
                self.leave(frames::GOING_AWAY, "mcporch stops");
            }
        }
        self.requests.cancel_all();
        self.service.front.operations.forget_caller(self.id);
    }

    /// Passes events on.
    fn tell(&mut self, told: Told) {
        let (frames, events) = match told {
            Told::Lost(count) => return self.outbox.note_lost(count),
            Told::Log(batch) => (message::event("log", &batch.json), 1),
            Told::Servers(json) => (message::event(Topic::Servers.word(), &json), 1),
            Told::Events(batch) => {
                let frames = batch.text(Form::WebSocket, |events| {
                    let frames: Vec<_> =
                        events.iter().map(|event| message::event(event.topic.word(), &event.json)).collect();
                    frames.concat().into()
                });
                (frames, batch.events().len() as u64)
            }
        };
        if !self.outbox.tell(frames, events) {
            self.owes_servers = true;
            if let Some(monitor) = &self.service.events.monitor {
                monitor.note_lost(events);
            }
        }
    }

    async fn next(&mut self) -> Happened {
        let is_behind = self.outbox.is_full();
        let is_leaving = self.goodbye_since.is_some();
        let (reads, is_over) = (self.reads(), self.is_over);
        if !reads {
            self.socket.is_not_read();
        }
        let deadline = self.deadline();
        let Self { service, socket, outbox, requests, watcher, .. } = self;
        let told = async {
            match watcher {
                Some(watcher) => watcher.next().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            happened = poll_fn(|cx| match is_over {
                true => socket.poll_end(cx).map(|()| Happened::Gone),
                false => step(socket, outbox, reads, cx),
            }) => happened,
            told = told, if !is_behind && !is_leaving => Happened::Told(told),
            () = requests.ended(), if !requests.is_idle() => Happened::Ended,
            () = tokio::time::sleep_until(deadline) => Happened::Late,
            () = service.stop.cancelled(), if !self.is_draining => Happened::Stop,
            () = service.end.cancelled(), if !is_leaving => Happened::End,
        }
    }

    /// Whether what he sends is read: not while he has enough to take, or to wait for.
    fn reads(&self) -> bool {
        self.goodbye_since.is_none() && !self.outbox.is_full() && !self.requests.is_behind()
    }

    /// Until when something must have happened.
    fn deadline(&self) -> Instant {
        let settings = &self.service.limits.sockets;
        let stuck = self.socket.stuck_since().map(|since| since + settings.write_timeout);
        let leaving = self.goodbye_since.map(|since| since + LAST_WORDS);
        let unknown = self.caller.is_none().then(|| self.began + settings.auth_timeout);
        let begun = self.socket.begun_at().filter(|_| self.reads()).map(|at| at + self.service.limits.body_timeout);
        let key = self.looks_at_key().then_some(self.next_key_look);
        [stuck, leaving, unknown, begun, key].into_iter().flatten().fold(self.next_ping, Instant::min)
    }

    /// Whether he hears of things without asking, so that nothing else makes us look whether he still may.
    fn looks_at_key(&self) -> bool {
        self.key.is_some() && self.watcher.is_some()
    }

    /// Does what time demands. True: nobody is there.
    fn look(&mut self) -> bool {
        let (settings, now) = (self.service.limits.sockets, Instant::now());
        if self.goodbye_since.is_some_and(|since| now >= since + LAST_WORDS) {
            return true;
        }
        if self.socket.stuck_since().is_some_and(|since| now >= since + settings.write_timeout) {
            tracing::debug!("a WebSocket client takes nothing any more");
            return true;
        }
        if self.caller.is_none() && now >= self.began + settings.auth_timeout {
            self.leave(frames::POLICY, "no key came in time (websocket.auth_timeout_s)");
        }
        if self.reads() && self.socket.begun_at().is_some_and(|at| now >= at + self.service.limits.body_timeout) {
            self.leave(frames::POLICY, "the rest of a message did not come in time (http.body_timeout_s)");
        }
        if self.looks_at_key() && now >= self.next_key_look {
            self.next_key_look = now + KEY_LOOK_EVERY;
            self.leave_if_unknown();
        }
        if now >= self.next_ping {
            self.next_ping = now + settings.ping_every;
            self.ping();
        }
        false
    }

    fn ping(&mut self) {
        self.leave_if_unknown();
        // Of one whose messages nobody reads no answer can come; a deadline for writing is enough for him.
        if !self.reads() || self.socket.stuck_since().is_some() {
            return;
        }
        if self.missed >= MISSED_MAX {
            return self.leave(frames::GOING_AWAY, "no answer to two pings");
        }
        self.missed += 1;
        self.outbox.answer(frames::ping());
    }

    /// Says goodbye, once; nothing that runs is waited for.
    pub(super) fn leave(&mut self, code: u16, why: &str) {
        if self.goodbye_since.is_none() {
            self.goodbye_since = Some(Instant::now());
            self.requests.cancel_all();
            self.watcher = None;
            self.outbox.close(frames::close(code, why));
        }
    }

    fn take(&mut self, incoming: frames::Incoming) {
        self.missed = 0;
        match incoming {
            frames::Incoming::Text(text) => match Request::read(&text) {
                Ok(request) => self.serve(request),
                Err(unread) => self.requests.refuse(unread.id.as_deref(), &unread.fault),
            },
            frames::Incoming::Ping(payload) => self.outbox.answer(frames::pong(&payload)),
            frames::Incoming::Pong => {}
            frames::Incoming::Close => self.leave(frames::NORMAL, ""),
        }
    }

    fn serve(&mut self, request: Request) {
        let answered = match request.method.as_str() {
            "auth" => words::auth(self, &request.params),
            "ping" => Ok(json!({})),
            _ => match self.admitted() {
                Err(fault) => Err(fault),
                Ok(caller) => match request.method.as_str() {
                    "cancel" => words::cancel(self, &request.params),
                    "subscribe" => words::subscribe(self, &request.params),
                    "unsubscribe" => words::unsubscribe(self, &request.params),
                    _ => return self.requests.begin(request, &caller),
                },
            },
        };
        let id = request.id.as_deref();
        match answered {
            Ok(result) => self.requests.answer(id, message::result(id, &result)),
            Err(fault) => self.requests.refuse(id, &fault),
        }
        self.leave_if_unknown();
    }

    fn leave_if_unknown(&mut self) {
        if self.known_still().is_err() {
            self.leave(frames::POLICY, "the key is no longer good");
        }
    }

    /// Who asks, if he may ask now.
    fn admitted(&self) -> Result<Arc<Caller>, Fault> {
        if self.is_draining {
            return Err(words::stopping());
        }
        let (Some(caller), Some(visitor)) = (&self.caller, &self.visitor) else {
            return Err(words::fault(Refusal::NoKey));
        };
        let caller = caller.clone();
        self.service.access.count(visitor).map_err(words::fault)?;
        self.known_still().map_err(words::fault)?;
        Ok(caller)
    }

    /// Whether the key that he showed is still good.
    fn known_still(&self) -> Result<(), Refusal> {
        self.key.as_deref().map_or(Ok(()), |key| self.service.access.still_holds(key, self.from))
    }

    /// What he may do.
    pub(super) fn scope(&self) -> Scope {
        self.caller.as_ref().map(|caller| caller.scope).unwrap_or_default()
    }

    /// Follows these topics from now on.
    pub(super) fn watch(&mut self, topics: Topics) -> Vec<String> {
        if topics.is_empty() {
            self.watcher = None;
            return Vec::new();
        }
        let words = topics.words();
        let events = &self.service.events;
        self.watcher.get_or_insert_with(|| Box::new(Watcher::new(events.clone()))).follow(topics);
        words
    }

    /// What is followed.
    pub(super) fn watched(&self) -> Topics {
        self.watcher.as_ref().map(|watcher| watcher.topics().clone()).unwrap_or_default()
    }
}

/// Writes what can be written, then reads, if that is wanted.
fn step<S: AsyncRead + AsyncWrite + Unpin>(
    socket: &mut Socket<S>,
    outbox: &Outbox,
    reads: bool,
    cx: &mut Context<'_>,
) -> Poll<Happened> {
    let had_something = socket.is_writing() || !outbox.is_empty();
    match socket.poll_write(cx, outbox) {
        Poll::Ready(Err(_)) => return Poll::Ready(Happened::Gone),
        Poll::Ready(Ok(())) if had_something => return Poll::Ready(Happened::Written),
        Poll::Ready(Ok(())) | Poll::Pending => {}
    }
    if reads { socket.poll_read(cx).map(Happened::Read) } else { Poll::Pending }
}
