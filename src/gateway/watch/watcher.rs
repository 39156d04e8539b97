//! One who watches.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::mpsc::{Receiver, Sender, channel};

use crate::monitor::{self, Received, Subscription, Topic};
use crate::operations::Selection;

use super::logs::{Batch, Followed};
use super::{Events, Topics};

/// Batches of log lines that wait for one reader. A guess: eight seconds of one log.
const BATCHES_MAX: usize = 32;

/// What he is told.
#[derive(Debug)]
pub(in crate::gateway) enum Told {
    /// Something happened.
    Events(Arc<monitor::Batch>),
    /// Lines of a log.
    Log(Arc<Batch>),
    /// All servers, anew: the data of the event.
    Servers(Box<str>),
    /// So many events were left out.
    Lost(u64),
}

/// Follows topics for one reader.
#[derive(Debug)]
pub(in crate::gateway) struct Watcher {
    events: Events,
    topics: Topics,
    subscription: Option<Subscription>,
    logs: Option<Logs>,
    /// The list of servers is owed.
    owes_servers: bool,
    /// To be told next.
    batch: Option<Arc<Batch>>,
    /// What was left out before the batch was told.
    is_batch_counted: bool,
}

#[derive(Debug)]
struct Logs {
    sender: Sender<Arc<Batch>>,
    receiver: Receiver<Arc<Batch>>,
    lost: Arc<AtomicU64>,
    followed: Vec<Followed>,
}

impl Watcher {
    /// Nothing yet.
    pub(in crate::gateway) fn new(events: Events) -> Self {
        Self {
            events,
            topics: Topics::default(),
            subscription: None,
            logs: None,
            owes_servers: false,
            batch: None,
            is_batch_counted: false,
        }
    }

    /// What is followed.
    pub(in crate::gateway) fn topics(&self) -> &Topics {
        &self.topics
    }

    /// Follows these from now on, and no others. Who begins with `servers` is given the list first.
    pub(in crate::gateway) fn follow(&mut self, topics: Topics) {
        self.owes_servers |= topics.has(Topic::Servers) && !self.topics.has(Topic::Servers);
        self.topics = topics;
        let plain = self.topics.plain;
        if plain.is_empty() {
            self.subscription = None;
        } else if let Some(subscription) = &mut self.subscription {
            subscription.follow(plain);
        } else {
            self.subscription = self.events.monitor.as_ref().map(|monitor| monitor.subscribe(plain));
        }
        let Some(feeds) = self.events.logs.as_ref().filter(|_| !self.topics.logs.is_empty()) else {
            self.logs = None;
            return;
        };
        let logs = self.logs.get_or_insert_with(|| {
            let (sender, receiver) = channel(BATCHES_MAX);
            Logs { sender, receiver, lost: Arc::default(), followed: Vec::new() }
        });
        logs.followed.retain(|followed| self.topics.logs.contains(&followed.server));
        for server in &self.topics.logs {
            if !logs.followed.iter().any(|followed| followed.server == *server) {
                logs.followed.push(feeds.follow(server, logs.sender.clone(), logs.lost.clone()));
            }
        }
    }

    /// Something was lost on the way to him: he is to be told again how all servers are, if he wants to know of them.
    pub(in crate::gateway) fn catch_up(&mut self) {
        self.owes_servers |= self.topics.has(Topic::Servers) || self.topics.has(Topic::Server);
    }

    /// What happens next of what is followed. Never ends.
    ///
    /// Cancel safe.
    pub(in crate::gateway) async fn next(&mut self) -> Told {
        loop {
            if let Some(told) = self.owed() {
                return told;
            }
            let Self { subscription, logs, .. } = self;
            let event = async {
                match subscription {
                    Some(subscription) => subscription.next().await,
                    None => std::future::pending().await,
                }
            };
            let batch = async {
                match logs {
                    Some(logs) => logs.receiver.recv().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                received = event => match received {
                    Received::Events(batch) => return Told::Events(batch),
                    Received::Lost(count) => {
                        self.catch_up();
                        return Told::Lost(count);
                    }
                },
                batch = batch => self.batch = batch,
            }
        }
    }

    /// What can be told at once.
    fn owed(&mut self) -> Option<Told> {
        if std::mem::take(&mut self.owes_servers) {
            let all = self.events.operations.server_status(&Selection::default()).unwrap_or_default();
            return serde_json::to_string(&all).ok().map(|json| Told::Servers(json.into()));
        }
        let unread = self.logs.as_ref().map_or(0, |logs| logs.lost.swap(0, Ordering::Relaxed));
        let lost = unread + self.batch.as_ref().map_or(0, |batch| batch.lost) * u64::from(!self.is_batch_counted);
        if lost > 0 {
            self.is_batch_counted = self.batch.is_some();
            return Some(Told::Lost(lost));
        }
        self.is_batch_counted = false;
        self.batch.take().map(Told::Log)
    }
}
