//! Events as a body of `text/event-stream`: for browsers, which come back by themselves when it breaks off.

use std::convert::Infallible;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::body::{Body, Bytes, Frame};
use tokio::time::{Instant, Sleep};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use crate::gateway::http::Counted;
use crate::monitor::{Form, Topic};

use super::{Events, StillAllowed, Told, Topics, Watcher};

/// What is said first: how long a browser waits before it comes back, in milliseconds. A guess: a restart of ours takes as long.
const BEGINNING: &str = "retry: 2000\n\n";
/// Keeps the connection from being taken for dead, and tells us when it is.
const COMMENT: &str = ": \n\n";

type Next = Pin<Box<dyn Future<Output = (Box<Watcher>, Told)> + Send + Sync>>;

/// The events of some topics, until the reader leaves or we stop.
pub(in crate::gateway) struct EventBody {
    next: Option<Next>,
    /// Of the last event that had one.
    last_id: u64,
    keep_alive: Duration,
    next_comment: Pin<Box<Sleep>>,
    over: Pin<Box<WaitForCancellationFutureOwned>>,
    /// Whether the reader may still hear it; `None` where he needs no key.
    allowed: Option<StillAllowed>,
    /// Its place among the streams of its reader.
    held_place: Option<Counted>,
    /// The beginning, until it is said.
    beginning: &'static str,
}

impl fmt::Debug for EventBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventBody").field("last_id", &self.last_id).finish_non_exhaustive()
    }
}

impl EventBody {
    /// Of these topics from now on, until `over`. A comment comes after each `keep_alive` of silence or not. It ends when the reader
    /// is `allowed` to hear no more.
    pub(in crate::gateway) fn new(
        events: Events,
        topics: Topics,
        keep_alive: Duration,
        over: &CancellationToken,
        allowed: Option<StillAllowed>,
    ) -> Self {
        let mut watcher = Box::new(Watcher::new(events));
        watcher.follow(topics);
        Self {
            next: Some(next(watcher)),
            last_id: 0,
            keep_alive,
            next_comment: Box::pin(tokio::time::sleep(keep_alive)),
            over: Box::pin(over.clone().cancelled_owned()),
            allowed,
            held_place: None,
            beginning: BEGINNING,
        }
    }

    /// The same, as one of the reader's streams.
    pub(in crate::gateway) fn counted(mut self, counted: Option<Counted>) -> Self {
        self.held_place = counted;
        self
    }

    fn written(&mut self, told: Told) -> Bytes {
        let last_id = self.last_id;
        match told {
            Told::Events(batch) => {
                self.last_id = batch.events().last().map_or(last_id, |event| event.id);
                batch.text(Form::ServerSent, |events| {
                    events.iter().map(|event| one(event.id, event.topic.word(), &event.json)).collect::<String>().into()
                })
            }
            Told::Log(batch) => one(last_id, "log", &batch.json).into(),
            Told::Servers(json) => one(last_id, Topic::Servers.word(), &json).into(),
            Told::Lost(count) => one(last_id, "lost", &format!("{{\"count\":{count}}}")).into(),
        }
    }

    /// What is written next; `None`: it is over.
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let is_lost = self.allowed.as_mut().is_some_and(|allowed| allowed.poll_ended(cx).is_ready());
        if is_lost || self.over.as_mut().poll(cx).is_ready() {
            self.next = None;
        }
        if !self.beginning.is_empty() {
            return Poll::Ready(Some(Bytes::from_static(std::mem::take(&mut self.beginning).as_bytes())));
        }
        let Some(waiting) = &mut self.next else { return Poll::Ready(None) };
        if let Poll::Ready((watcher, told)) = waiting.as_mut().poll(cx) {
            self.next = Some(next(watcher));
            return Poll::Ready(Some(self.written(told)));
        }
        if self.next_comment.as_mut().poll(cx).is_ready() {
            self.next_comment.as_mut().reset(Instant::now() + self.keep_alive);
            return Poll::Ready(Some(Bytes::from_static(COMMENT.as_bytes())));
        }
        Poll::Pending
    }
}

/// One event.
fn one(id: u64, topic: &str, data: &str) -> String {
    format!("id: {id}\nevent: {topic}\ndata: {data}\n\n")
}

fn next(mut watcher: Box<Watcher>) -> Next {
    Box::pin(async move {
        let told = watcher.next().await;
        (watcher, told)
    })
}

impl Body for EventBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.poll_next(cx).map(|written| written.map(|bytes| Ok(Frame::data(bytes))))
    }
}
