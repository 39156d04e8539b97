//! Streams of events: what is told waits in one bounded buffer, from which whoever is connected reads. In a session what was
//! read stays there for a while, so that a client that lost its connection can come back for the rest.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use hyper::body::Bytes;
use tokio::time::{Instant, Sleep};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use crate::gateway::mcp::Outlet;
use crate::gateway::watch::StillAllowed;

/// Events that one stream keeps. A guess: the bytes are the bound that counts, and small events cost more than their bytes.
const EVENTS_MAX: usize = 1000;
/// What a comment line looks like: it keeps the connection from being taken for dead, and tells us when it is.
const COMMENT: &[u8] = b": here\n\n";

/// Messages to one client, in their order. When there are too many the oldest are dropped, the last one never.
pub(super) struct EventStream {
    /// Which of its session's; `None` forgets what was read.
    number: Option<u64>,
    bytes_max: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    events: VecDeque<Bytes>,
    bytes: usize,
    /// The number of the first event that is kept.
    first: u64,
    /// The number of the next event that is sent.
    next: u64,
    is_finished: bool,
    /// Who reads; those before have been sent away.
    reader: u64,
    is_read: bool,
    waker: Option<Waker>,
}

impl EventStream {
    /// One that belongs to a request alone.
    pub(super) fn passing(bytes_max: usize) -> Arc<Self> {
        Arc::new(Self { number: None, bytes_max, state: Mutex::default() })
    }

    /// One that a client may come back to.
    pub(super) fn kept(number: u64, bytes_max: usize) -> Arc<Self> {
        Arc::new(Self { number: Some(number), bytes_max, state: Mutex::default() })
    }

    pub(super) fn number(&self) -> Option<u64> {
        self.number
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An event without a message: from now on the client knows where to come back to, and when.
    pub(super) fn prime(&self, retry: Duration) {
        let Some(number) = self.number else { return };
        let mut state = self.state();
        let seq = state.first + state.events.len() as u64;
        let event = format!("id: {number}.{seq}\nretry: {}\ndata: \n\n", retry.as_millis());
        self.add(&mut state, event.into_bytes());
    }

    /// A whole message, with or without its newline.
    pub(super) fn push(&self, line: &[u8]) {
        let mut state = self.state();
        if state.is_finished {
            return;
        }
        let seq = state.first + state.events.len() as u64;
        let event = event(line, self.number.map(|number| (number, seq)));
        self.add(&mut state, event);
    }

    fn add(&self, state: &mut State, event: Vec<u8>) {
        state.bytes += event.len();
        state.events.push_back(event.into());
        while state.bytes > self.bytes_max || state.events.len() > EVENTS_MAX {
            // The last one may be the answer that somebody comes back for; one that was sent need not be kept.
            if state.events.len() == 1 && state.next <= state.first {
                break;
            }
            let Some(dropped) = state.events.pop_front() else { break };
            state.bytes -= dropped.len();
            state.first += 1;
            state.next = state.next.max(state.first);
        }
        if let Some(waker) = state.waker.take() {
            waker.wake();
        }
    }

    /// Nothing more will come.
    pub(super) fn finish(&self) {
        let mut state = self.state();
        state.is_finished = true;
        if let Some(waker) = state.waker.take() {
            waker.wake();
        }
    }

    pub(super) fn is_finished(&self) -> bool {
        self.state().is_finished
    }

    pub(super) fn is_read(&self) -> bool {
        self.state().is_read
    }

    /// Somebody reads from now on, in place of who did: what comes after event `after`, or what nobody was sent.
    fn attach(&self, after: Option<u64>) -> u64 {
        let mut state = self.state();
        if let Some(after) = after {
            let end = state.first + state.events.len() as u64;
            state.next = after.saturating_add(1).clamp(state.first, end);
        }
        state.reader += 1;
        state.is_read = true;
        if let Some(waker) = state.waker.take() {
            waker.wake();
        }
        state.reader
    }

    fn detach(&self, reader: u64) {
        let mut state = self.state();
        if state.reader == reader {
            state.is_read = false;
            state.waker = None;
        }
    }

    fn poll_next(&self, reader: u64, cx: &Context<'_>) -> Poll<Option<Bytes>> {
        let mut state = self.state();
        if state.reader != reader {
            return Poll::Ready(None);
        }
        let at = usize::try_from(state.next - state.first).unwrap_or(usize::MAX);
        if let Some(event) = state.events.get(at).cloned() {
            state.next += 1;
            if self.number.is_none() || event.len() > self.bytes_max {
                while state.first < state.next {
                    let Some(sent) = state.events.pop_front() else { break };
                    state.bytes -= sent.len();
                    state.first += 1;
                }
            }
            return Poll::Ready(Some(event));
        }
        if state.is_finished {
            return Poll::Ready(None);
        }
        state.waker = Some(cx.waker().clone());
        Poll::Pending
    }
}

impl Outlet for EventStream {
    fn tell(&self, line: &[u8]) {
        self.push(line);
    }
}

/// A message as an event.
pub(super) fn event(line: &[u8], id: Option<(u64, u64)>) -> Vec<u8> {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let mut event = Vec::with_capacity(line.len() + 40);
    if let Some((stream, seq)) = id {
        event.extend_from_slice(format!("id: {stream}.{seq}\n").as_bytes());
    }
    event.extend_from_slice(b"data: ");
    if memchr::memchr2(b'\n', b'\r', line).is_none() {
        event.extend_from_slice(line);
    } else {
        // Line breaks between the words of a JSON text mean nothing; in an event they would end the data.
        event.extend(line.iter().map(|byte| if matches!(byte, b'\n' | b'\r') { b' ' } else { *byte }));
    }
    event.extend_from_slice(b"\n\n");
    event
}

/// Where a client stopped to read: stream and event.
pub(super) fn parse_id(text: &str) -> Option<(u64, u64)> {
    let (stream, seq) = text.trim().split_once('.')?;
    Some((stream.parse().ok()?, seq.parse().ok()?))
}

/// Something that lives as long as a stream is read.
pub(super) type Held = Box<dyn Send + Sync>;

/// A client who reads a stream; dropped when he hangs up, or has read all.
pub(in crate::gateway) struct Attached {
    stream: Arc<EventStream>,
    reader: u64,
    keep_alive: Duration,
    next_comment: Pin<Box<Sleep>>,
    over: Pin<Box<WaitForCancellationFutureOwned>>,
    /// Whether he may still read; `None`: as long as there is something to read.
    allowed: Option<StillAllowed>,
    _held: Vec<Held>,
}

impl Attached {
    /// Reads from the event after `after`, until all is read or `over` is cancelled.
    pub(super) fn new(
        stream: Arc<EventStream>,
        after: Option<u64>,
        keep_alive: Duration,
        over: &CancellationToken,
        held: Vec<Held>,
    ) -> Self {
        let reader = stream.attach(after);
        let next_comment = Box::pin(tokio::time::sleep(keep_alive));
        let over = Box::pin(over.clone().cancelled_owned());
        Self { stream, reader, keep_alive, next_comment, over, allowed: None, _held: held }
    }

    /// The same, only as long as he is `allowed`.
    pub(super) fn only(mut self, allowed: Option<StillAllowed>) -> Self {
        self.allowed = allowed;
        self
    }

    pub(super) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        if self.allowed.as_mut().is_some_and(|allowed| allowed.poll_ended(cx).is_ready()) {
            return Poll::Ready(None);
        }
        if let Poll::Ready(event) = self.stream.poll_next(self.reader, cx) {
            self.next_comment.as_mut().reset(Instant::now() + self.keep_alive);
            return Poll::Ready(event);
        }
        if self.over.as_mut().poll(cx).is_ready() {
            return Poll::Ready(None);
        }
        if self.next_comment.as_mut().poll(cx).is_ready() {
            self.next_comment.as_mut().reset(Instant::now() + self.keep_alive);
            // Polled once more, so that the next time wakes us.
            let _pending = self.next_comment.as_mut().poll(cx);
            return Poll::Ready(Some(Bytes::from_static(COMMENT)));
        }
        Poll::Pending
    }
}

impl Drop for Attached {
    fn drop(&mut self) {
        self.stream.detach(self.reader);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio_util::sync::CancellationToken;

    use super::{Attached, EventStream, event};

    /// What a client reads in this moment, each event as its data.
    fn read(stream: &std::sync::Arc<EventStream>, after: Option<u64>) -> Vec<String> {
        let over = CancellationToken::new();
        let mut attached = Attached::new(stream.clone(), after, Duration::from_secs(9), &over, Vec::new());
        let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
        let mut all = Vec::new();
        while let std::task::Poll::Ready(Some(event)) = attached.poll_next(&mut cx) {
            let text = String::from_utf8(event.to_vec()).unwrap();
            all.push(text.trim().lines().last().unwrap().trim_start_matches("data:").trim().to_owned());
        }
        all
    }

    #[tokio::test]
    async fn who_comes_back_gets_the_rest() {
        let stream = EventStream::kept(3, 1000);
        for word in ["a", "b", "c"] {
            stream.push(word.as_bytes());
        }
        assert_eq!(read(&stream, None), ["a", "b", "c"]);
        assert_eq!(read(&stream, None), [] as [&str; 0]);
        assert_eq!(read(&stream, Some(0)), ["b", "c"]);
        assert_eq!(read(&stream, Some(99)), [] as [&str; 0]);
        stream.push(b"d");
        assert_eq!(read(&stream, None), ["d"]);
    }

    #[tokio::test]
    async fn the_oldest_is_dropped_and_the_last_never() {
        let stream = EventStream::kept(0, 30);
        stream.push(b"first");
        stream.push(b"second");
        stream.push(&[b'x'; 100]);
        assert_eq!(read(&stream, None), ["x".repeat(100)]);
    }

    #[tokio::test]
    async fn what_was_read_of_a_passing_stream_is_gone() {
        let stream = EventStream::passing(1000);
        stream.push(b"a\n");
        assert_eq!(read(&stream, None), ["a"]);
        stream.finish();
        stream.push(b"late");
        assert_eq!(read(&stream, Some(0)), [] as [&str; 0]);
    }

    #[test]
    fn a_message_never_ends_its_event_before_its_time() {
        let check = |line: &str, id, expected: &str| assert_eq!(event(line.as_bytes(), id), expected.as_bytes());
        check("{}\n", None, "data: {}\n\n");
        check("{\n}\n", Some((1, 2)), "id: 1.2\ndata: { }\n\n");
    }
}
