//! What waits to be written to one client: answers, which are never dropped, and what is told beside them, which is dropped and
//! counted when he is too slow for it.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use hyper::body::Bytes;

use super::frames;

/// What is told waits in so many messages at most. A guess: the bytes are the bound that counts, and small messages cost more than
/// their bytes.
const TOLD_MAX: usize = 1000;
/// Short messages are written together, up to that many bytes.
const TOGETHER_BYTES: usize = 16 * 1024;

/// Messages to one client as frames, in their order.
#[derive(Debug)]
pub(super) struct Outbox {
    bytes_max: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    frames: VecDeque<Bytes>,
    bytes: usize,
    lost: u64,
    is_closed: bool,
    waker: Option<Waker>,
}

impl State {
    fn push(&mut self, frame: Bytes) {
        self.bytes += frame.len();
        self.frames.push_back(frame);
        self.wake();
    }

    fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

impl Outbox {
    /// One that is full with that many bytes.
    pub(super) fn new(bytes_max: usize) -> Self {
        Self { bytes_max, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes what must arrive. How much of it there is at once is the business of who asks: nobody reads requests of a client whose
    /// outbox is full.
    pub(super) fn answer(&self, frame: Bytes) {
        let mut state = self.state();
        if !state.is_closed {
            state.push(frame);
        }
    }

    /// Takes what may get lost: frames of so many events, all or none. One may be longer than there is room when nothing else waits.
    /// False when it was left out.
    pub(super) fn tell(&self, frame: Bytes, events: u64) -> bool {
        let mut state = self.state();
        if state.is_closed {
            return true;
        }
        let has_room =
            state.frames.is_empty() || (state.bytes + frame.len() <= self.bytes_max && state.frames.len() < TOLD_MAX);
        // Once something got lost, nothing comes before the word that it did.
        if state.lost == 0 && has_room {
            state.push(frame);
            return true;
        }
        state.lost += events;
        state.wake();
        false
    }

    /// So many events were left out before they came here: said before what comes next, which is not lost for that.
    pub(super) fn note_lost(&self, count: u64) {
        let mut state = self.state();
        if state.is_closed {
            return;
        }
        if state.lost > 0 || state.bytes >= self.bytes_max || state.frames.len() >= TOLD_MAX {
            state.lost += count;
        } else {
            state.push(lost_event(count));
        }
    }

    /// Takes a goodbye; nothing comes after it.
    pub(super) fn close(&self, frame: Bytes) {
        let mut state = self.state();
        if !state.is_closed {
            state.push(frame);
            state.is_closed = true;
        }
    }

    /// Whether he is behind.
    pub(super) fn is_full(&self) -> bool {
        self.state().bytes >= self.bytes_max
    }

    /// Whether nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        let state = self.state();
        state.frames.is_empty() && state.lost == 0
    }

    /// What is to be written next: a frame, or several short ones.
    pub(super) fn poll_take(&self, cx: &Context<'_>) -> Poll<Bytes> {
        let mut state = self.state();
        let Some(first) = state.frames.pop_front() else {
            if state.lost > 0 {
                let lost = std::mem::take(&mut state.lost);
                return Poll::Ready(lost_event(lost));
            }
            state.waker = Some(cx.waker().clone());
            return Poll::Pending;
        };
        state.bytes -= first.len();
        let fits = |next: Option<&Bytes>, len: usize| next.is_some_and(|next| len + next.len() <= TOGETHER_BYTES);
        if !fits(state.frames.front(), first.len()) {
            return Poll::Ready(first);
        }
        let mut together = Vec::with_capacity(TOGETHER_BYTES.min(first.len() + state.bytes));
        together.extend_from_slice(&first);
        while fits(state.frames.front(), together.len()) {
            let Some(next) = state.frames.pop_front() else { break };
            state.bytes -= next.len();
            together.extend_from_slice(&next);
        }
        Poll::Ready(together.into())
    }
}

/// Says that so many messages were left out.
fn lost_event(count: u64) -> Bytes {
    let count = count.to_string();
    frames::text(&[r#"{"method":"event","params":{"topic":"lost","data":{"count":"#, &count, "}}}"])
}

#[cfg(test)]
mod tests {
    use std::task::{Context, Poll, Waker};

    use super::{Outbox, TOLD_MAX, frames};

    /// All that would be written now, as texts; heads of frames are cut off.
    fn taken(outbox: &Outbox) -> Vec<String> {
        let cx = Context::from_waker(Waker::noop());
        let mut all = Vec::new();
        while let Poll::Ready(bytes) = outbox.poll_take(&cx) {
            let text = String::from_utf8_lossy(&bytes).into_owned();
            all.extend(text.split('\u{fffd}').filter(|part| !part.is_empty()).map(|part| part[1..].to_owned()));
        }
        all
    }

    #[test]
    fn answers_are_never_dropped_and_what_is_told_is_counted() {
        let outbox = Outbox::new(30);
        for word in ["first", "second", "third"] {
            outbox.answer(frames::text(&[word]));
        }
        assert!(!outbox.is_full());
        outbox.tell(frames::text(&["told: too long for it"]), 1);
        outbox.answer(frames::text(&["fourth answer"]));
        assert!(outbox.is_full());
        outbox.tell(frames::text(&["x"]), 1);
        let lost = r#"{"method":"event","params":{"topic":"lost","data":{"count":2}}}"#;
        assert_eq!(taken(&outbox), ["first", "second", "third", "fourth answer", lost]);
        outbox.tell(frames::text(&["told"]), 1);
        assert_eq!(taken(&outbox), ["told"]);
        assert!(outbox.is_empty());
    }

    #[test]
    fn what_got_lost_elsewhere_is_said_in_its_place() {
        let outbox = Outbox::new(1000);
        outbox.tell(frames::text(&["before"]), 1);
        outbox.note_lost(990);
        outbox.tell(frames::text(&["after"]), 1);
        let lost = r#"{"method":"event","params":{"topic":"lost","data":{"count":990}}}"#;
        assert_eq!(taken(&outbox), ["before", lost, "after"]);
        assert!(outbox.is_empty());
    }

    #[test]
    fn what_is_told_has_an_end_however_small_it_is() {
        let outbox = Outbox::new(1 << 20);
        for _ in 0..TOLD_MAX + 7 {
            outbox.tell(frames::text(&["{}"]), 1);
        }
        let all = taken(&outbox);
        assert_eq!(all.len(), TOLD_MAX + 1);
        assert!(all[TOLD_MAX].contains("\"count\":7"), "{}", all[TOLD_MAX]);
    }

    #[test]
    fn nothing_follows_a_goodbye() {
        let outbox = Outbox::new(100);
        outbox.close(frames::text(&["bye"]));
        outbox.answer(frames::text(&["late"]));
        outbox.close(frames::text(&["bye again"]));
        assert_eq!(taken(&outbox), ["bye"]);
    }
}
