//! The logs of servers while they are written: one look at each file for all who follow it, in a moment's distance, and not more lines
//! than a person could want.

use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::json;
use tokio::sync::mpsc::Sender;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::domain::{ServerName, error_chain};
use crate::server_logs::{Follower, LogLine};

/// From one look at a log to the next. A guess: it looks alive, and costs four reads a second.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// Looks in a second.
const LOOKS_PER_S: usize = 4;
/// Longest part of a line that is passed on, in characters. A guess: more than a screen is wide.
const LINE_CHARS_MAX: usize = 4000;

/// Lines of one server, and how many were left out before them.
#[derive(Debug)]
pub(in crate::gateway) struct Batch {
    pub(super) lost: u64,
    /// The data of a `log` event, as JSON.
    pub(in crate::gateway) json: Box<str>,
}

/// Who follows a log.
#[derive(Debug)]
struct Reader {
    number: u64,
    sender: Sender<Arc<Batch>>,
    /// Lines that he was too slow for.
    lost: Arc<AtomicU64>,
}

/// The logs that are followed.
pub struct LogFeeds {
    folder: PathBuf,
    lines_per_s_max: usize,
    tasks: TaskTracker,
    end: CancellationToken,
    next_reader: AtomicU64,
    feeds: Mutex<HashMap<ServerName, Vec<Reader>>>,
}

impl fmt::Debug for LogFeeds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogFeeds").field("folder", &self.folder).finish_non_exhaustive()
    }
}

impl LogFeeds {
    /// Over the logs below that folder; of each at most so many lines a second are passed on. What follows them runs in `tasks`, until
    /// nobody reads any more or `end`.
    #[must_use]
    pub fn new(folder: PathBuf, lines_per_s_max: usize, tasks: TaskTracker, end: CancellationToken) -> Arc<Self> {
        let (next_reader, feeds) = (AtomicU64::new(0), Mutex::default());
        Arc::new(Self { folder, lines_per_s_max, tasks, end, next_reader, feeds })
    }

    fn feeds(&self) -> MutexGuard<'_, HashMap<ServerName, Vec<Reader>>> {
        self.feeds.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Follows a log from now on: batches go to `sender`, lines for which that has no room are counted in `lost`.
    pub(super) fn follow(
        self: &Arc<Self>,
        server: &ServerName,
        sender: Sender<Arc<Batch>>,
        lost: Arc<AtomicU64>,
    ) -> Followed {
        let number = self.next_reader.fetch_add(1, Ordering::Relaxed);
        let mut feeds = self.feeds();
        let is_new = !feeds.contains_key(server);
        feeds.entry(server.clone()).or_default().push(Reader { number, sender, lost });
        drop(feeds);
        if is_new {
            self.tasks.spawn(feed(self.clone(), server.clone()));
        }
        Followed { feeds: self.clone(), server: server.clone(), number }
    }

    /// Gives a batch to all who follow; false when nobody does any more.
    fn pass(&self, server: &ServerName, batch: Option<(Batch, usize)>) -> bool {
        let mut feeds = self.feeds();
        let Some(readers) = feeds.get(server).filter(|readers| !readers.is_empty()) else {
            feeds.remove(server);
            return false;
        };
        if let Some((batch, lines)) = batch {
            let batch = Arc::new(batch);
            for reader in readers {
                if reader.sender.try_send(batch.clone()).is_err() {
                    reader.lost.fetch_add(batch.lost + lines as u64, Ordering::Relaxed);
                }
            }
        }
        true
    }
}

/// A log that somebody follows, until this is dropped.
#[derive(Debug)]
pub(super) struct Followed {
    feeds: Arc<LogFeeds>,
    pub(super) server: ServerName,
    number: u64,
}

impl Drop for Followed {
    fn drop(&mut self) {
        if let Some(readers) = self.feeds.feeds().get_mut(&self.server) {
            readers.retain(|reader| reader.number != self.number);
        }
    }
}

/// Looks at one log until nobody follows it.
async fn feed(feeds: Arc<LogFeeds>, server: ServerName) {
    let lines_max = (feeds.lines_per_s_max / LOOKS_PER_S).max(1);
    let (folder, of) = (feeds.folder.clone(), server.clone());
    let mut follower = match tokio::task::spawn_blocking(move || Follower::from_end(&folder, &of)).await {
        Ok(Ok(follower)) => Some(follower),
        Ok(Err(fault)) => {
            tracing::warn!(server.name = %server, error = error_chain(&fault), "a server's log cannot be followed");
            None
        }
        Err(_) => None,
    };
    let mut look = tokio::time::interval(LOOK_EVERY);
    look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = look.tick() => {}
            () = feeds.end.cancelled() => break,
        }
        let mut batch = None;
        if let Some(mut one) = follower.take() {
            let of = server.clone();
            // Reading, taking apart and writing out again happen beside the calls, not among them.
            let looked = tokio::task::spawn_blocking(move || {
                let lines = one.look().unwrap_or_default();
                (one, batch_of(&of, lines, lines_max))
            });
            let Ok((one, found)) = looked.await else { break };
            follower = Some(one);
            batch = found;
        }
        if !feeds.pass(&server, batch) {
            return;
        }
    }
    feeds.feeds().remove(&server);
}

/// The newest of these lines, as an event, and how many they are.
fn batch_of(server: &ServerName, mut lines: Vec<LogLine>, lines_max: usize) -> Option<(Batch, usize)> {
    if lines.is_empty() {
        return None;
    }
    let lost = lines.len().saturating_sub(lines_max);
    let kept: Vec<_> = lines
        .drain(lost..)
        .map(|line| {
            let text = match line.text.char_indices().nth(LINE_CHARS_MAX) {
                Some((end, _)) => &line.text[..end],
                None => &line.text,
            };
            json!({"at": line.at.0, "source": line.source.word(), "text": text})
        })
        .collect();
    let json = json!({"server": server.as_str(), "lines": kept}).to_string().into();
    Some((Batch { lost: lost as u64, json }, kept.len()))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use tokio::sync::mpsc::channel;
    use tokio_util::sync::CancellationToken;
    use tokio_util::task::TaskTracker;

    use crate::domain::ServerName;
    use crate::server_logs::file_name;

    use super::LogFeeds;

    fn write(folder: &std::path::Path, server: &ServerName, lines: std::ops::Range<usize>) {
        use std::io::Write;
        let path = folder.join(file_name(server));
        let mut file = std::fs::OpenOptions::new().create(true).append(true).open(path).unwrap();
        let text: String = lines.map(|n| format!("2026-11-21T14:23:58.123Z stderr line {n}\n")).collect();
        file.write_all(text.as_bytes()).unwrap();
    }

    #[tokio::test]
    async fn those_who_follow_share_a_look_and_a_flood_is_counted() {
        let folder = tempfile::tempdir().unwrap();
        let server = ServerName::parse("git").unwrap();
        let (tasks, end) = (TaskTracker::new(), CancellationToken::new());
        let feeds = LogFeeds::new(folder.path().to_owned(), 40, tasks.clone(), end.clone());
        let follow = || {
            let ((sender, receiver), lost) = (channel(1), Arc::new(AtomicU64::new(0)));
            (feeds.follow(&server, sender, lost.clone()), receiver, lost)
        };
        let ((one, mut first, _), (two, mut second, slow_lost)) = (follow(), follow());
        assert_eq!(tasks.len(), 1);
        // Whatever was read before the beginning was found is of the past; so it is written until something comes.
        let mut at = 0;
        let batch = loop {
            write(folder.path(), &server, at..at + 100);
            at += 100;
            if let Ok(Some(batch)) = tokio::time::timeout(std::time::Duration::from_millis(600), first.recv()).await {
                break batch;
            }
        };
        assert!(batch.lost >= 90, "{}", batch.lost);
        assert_eq!(batch.json.matches("\"stderr\"").count(), 10);
        assert!(
            batch.json.starts_with(r#"{"server":"git","lines":[{"at":1795271038123,"source":"stderr","text":"line "#)
        );
        // The second reads nothing: it has room for one, and the rest is counted.
        write(folder.path(), &server, at..at + 15);
        let next = first.recv().await.unwrap();
        assert!(next.lost + slow_lost.load(Ordering::Relaxed) > 0);
        assert!(second.recv().await.is_some());
        drop((one, two));
        tasks.close();
        tasks.wait().await;
        assert!(feeds.feeds().is_empty());
    }
}
