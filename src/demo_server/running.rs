//! Requests that take their time, each on a thread of its own, so that they block nobody and can be cancelled.

use std::collections::HashMap;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::Duration;

/// Most slow requests at once. A guess: more than any test asks for, fewer than the system's threads.
const RUNNING_MAX: usize = 1000;

/// The slow requests of one connection.
#[derive(Default)]
pub(super) struct Running {
    by_id: HashMap<String, Task>,
    /// Told to stop, and not yet joined.
    stopping: Vec<JoinHandle<()>>,
}

struct Task {
    /// Dropping it tells the thread to stop.
    stop: Sender<()>,
    thread: JoinHandle<()>,
}

impl Running {
    /// Starts a thread for the request; false when there are too many.
    pub(super) fn start(&mut self, id: &str, work: impl FnOnce(Receiver<()>) + Send + 'static) -> bool {
        self.by_id.retain(|_, task| !task.thread.is_finished());
        self.stopping.retain(|thread| !thread.is_finished());
        if self.by_id.len() + self.stopping.len() >= RUNNING_MAX {
            return false;
        }
        let (stop, stopped) = mpsc::channel();
        let spawned = std::thread::Builder::new().name("slow request".to_owned()).spawn(move || work(stopped));
        let Ok(thread) = spawned else { return false };
        if let Some(older) = self.by_id.insert(id.to_owned(), Task { stop, thread }) {
            self.stopping.push(older.thread);
        }
        true
    }

    /// Stops the request of this id, if it still runs; false when it does not.
    pub(super) fn cancel(&mut self, id: &str) -> bool {
        let Some(Task { stop, thread }) = self.by_id.remove(id) else { return false };
        let was_running = !thread.is_finished();
        drop(stop);
        self.stopping.push(thread);
        was_running
    }

    /// Stops all, and waits for them.
    pub(super) fn stop_all(&mut self) {
        for (_, Task { stop, thread }) in self.by_id.drain() {
            drop(stop);
            self.stopping.push(thread);
        }
        for thread in self.stopping.drain(..) {
            // A panic was already printed by the thread itself.
            thread.join().ok();
        }
    }
}

/// Waits for that long; false when told to stop before.
pub(super) fn waits(stop: &Receiver<()>, time: Duration) -> bool {
    stop.recv_timeout(time) == Err(RecvTimeoutError::Timeout)
}
