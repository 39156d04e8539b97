//! Events as a body of `text/event-stream`: for browsers, which come back by themselves when it breaks off.

use std::convert::Infallible;
use std::fmt::{self, Write as _};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::body::{Body, Bytes, Frame};
use tokio::time::{Instant, Sleep};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use crate::gateway::http::Counted;

use super::{Events, GATHERED_FOR, StillAllowed, Told, Topics, Watcher};

/// What is said first: how long a browser waits before it comes back, in milliseconds. A guess: a restart of ours takes as long.
const BEGINNING: &str = "retry: 2000\n\n";
/// Keeps the connection from being taken for dead, and tells us when it is.
const COMMENT: &str = ": \n\n";
/// Events that have come already are written together, up to that many bytes.
const TOGETHER_BYTES: usize = 16 * 1024;

type Next = Pin<Box<dyn Future<Output = (Box<Watcher>, Told)> + Send + Sync>>;

/// The events of some topics, until the reader leaves or we stop.
pub(in crate::gateway) struct EventBody {
    next: Option<Next>,
    /// Of the last event that had one.
    last_id: u64,
    keep_alive: Duration,
    next_comment: Pin<Box<Sleep>>,
    /// Over when the next events may be written.
    quiet: Pin<Box<Sleep>>,
    over: Pin<Box<WaitForCancellationFutureOwned>>,
    /// Whether the reader may still hear it; `None` where he needs no key.
    allowed: Option<StillAllowed>,
    /// Its place among the streams of its reader.
    held_place: Option<Counted>,
    waiting: String,
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
            quiet: Box::pin(tokio::time::sleep(Duration::ZERO)),
            over: Box::pin(over.clone().cancelled_owned()),
            allowed,
            held_place: None,
            waiting: BEGINNING.to_owned(),
        }
    }

    /// The same, as one of the reader's streams.
    pub(in crate::gateway) fn counted(mut self, counted: Option<Counted>) -> Self {
        self.held_place = counted;
        self
    }

    fn write(&mut self, told: &Told) {
        if let Told::Event(event) = told {
            self.last_id = event.id;
        }
        let (id, topic, data) = (self.last_id, told.topic(), told.data());
        self.waiting.reserve(data.len() + 60);
        // Writing into a text does not fail.
        let _written = write!(self.waiting, "id: {id}\nevent: {topic}\ndata: {data}\n\n");
    }

    /// Gathers what has come; true when there is no more.
    fn poll_gather(&mut self, cx: &mut Context<'_>) -> bool {
        let is_lost = self.allowed.as_mut().is_some_and(|allowed| allowed.poll_ended(cx).is_ready());
        if is_lost || self.over.as_mut().poll(cx).is_ready() {
            return true;
        }
        // While it is quiet nobody asks for events, so that none wakes us.
        let is_quiet = self.quiet.as_mut().poll(cx).is_pending();
        while !is_quiet && self.waiting.len() < TOGETHER_BYTES {
            let Some(waiting) = &mut self.next else { return true };
            let Poll::Ready((watcher, told)) = waiting.as_mut().poll(cx) else {
                if !self.waiting.is_empty() {
                    self.quiet.as_mut().reset(Instant::now() + GATHERED_FOR);
                }
                break;
            };
            self.write(&told);
            self.next = Some(next(watcher));
        }
        if self.next_comment.as_mut().poll(cx).is_ready() {
            self.waiting.push_str(COMMENT);
            self.next_comment.as_mut().reset(Instant::now() + self.keep_alive);
            // Polled once more, so that the next time wakes us.
            let _pending = self.next_comment.as_mut().poll(cx);
        }
        false
    }
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
        if self.next.is_none() {
            return Poll::Ready(None);
        }
        if self.poll_gather(cx) {
            self.next = None;
        }
        if !self.waiting.is_empty() {
            return Poll::Ready(Some(Ok(Frame::data(std::mem::take(&mut self.waiting).into()))));
        }
        if self.next.is_none() { Poll::Ready(None) } else { Poll::Pending }
    }
}
