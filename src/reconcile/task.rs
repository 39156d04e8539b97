//! The background task of a running mcporch: loads, refreshes what is stale, then follows the servers.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::domain::{ServerName, error_chain};
use crate::supervisor::Event;
use crate::upstream::Hello;

use super::{Error, ProgressSink, Reconciler};

/// How often the catalog is looked at for what other processes wrote: one cheap query.
const LOOK_EVERY: Duration = Duration::from_secs(30);
/// News that come together are worked off together.
const GATHER: Duration = Duration::from_millis(200);

/// News of servers that nobody has looked at yet: the latest of each server, so a server that floods us fills nothing.
#[derive(Debug, Default)]
pub struct News {
    waiting: Mutex<BTreeMap<ServerName, Latest>>,
    arrived: Notify,
}

#[derive(Debug, Default)]
struct Latest {
    started: Option<Hello>,
    has_changed_tools: bool,
    is_new: bool,
}

impl News {
    /// Notes an event. Never blocks.
    pub fn push(&self, event: Event) {
        {
            let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            match event {
                Event::Started(server, hello) => waiting.entry(server).or_default().started = Some(hello),
                Event::ToolsChanged(server) => waiting.entry(server).or_default().has_changed_tools = true,
                // What concerns its tools alone is news here.
                Event::Told(..) | Event::Crashed(..) | Event::Recovered(_) => return,
                Event::OverLimit(..) | Event::Quarantined(..) | Event::Released(_) => return,
            }
        }
        self.arrived.notify_one();
    }

    /// Notes a server that was not there before: its tools may be asked for. Never blocks.
    pub fn push_new(&self, server: ServerName) {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).entry(server).or_default().is_new = true;
        self.arrived.notify_one();
    }

    /// Waits for news, and a moment longer for those that come together with them.
    async fn take(&self) -> BTreeMap<ServerName, Latest> {
        self.arrived.notified().await;
        tokio::time::sleep(GATHER).await;
        std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Runs until cancelled. Failures are logged; the next activation makes them good.
pub async fn follow(reconciler: Arc<Reconciler>, news: Arc<News>, stop: CancellationToken) {
    let work = async {
        note(start(&reconciler).await, "the first refresh");
        reconciler.mark_settled();
        let mut look = tokio::time::interval(LOOK_EVERY);
        look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        look.tick().await;
        loop {
            tokio::select! {
                latest = news.take() => {
                    let new: BTreeSet<_> =
                        latest.iter().filter(|(_, latest)| latest.is_new).map(|(server, _)| server.clone()).collect();
                    let changed = needing_a_list(&reconciler, latest);
                    note(refresh(&reconciler, &changed, false).await, "following a server");
                    if !new.is_empty() {
                        let unlisted = reconciler.stale().intersection(&new).cloned().collect();
                        note(refresh(&reconciler, &unlisted, true).await, "listing a new server");
                        note(fill(&reconciler).await, "embedding the tools of a new server");
                    }
                }
                _ = look.tick() => note(catch_up(&reconciler).await, "following other processes"),
            }
        }
    };
    tokio::select! {
        () = work => {}
        () = stop.cancelled() => {}
    }
}

async fn start(reconciler: &Reconciler) -> Result<(), Error> {
    reconciler.load().await?;
    // Vectors may be missing although the lists are fresh: another model, or a start that was cut short.
    reconciler.fill_vectors(silent()).await?;
    let stale = reconciler.stale();
    refresh(reconciler, &stale, true).await?;
    reconciler.tidy().await
}

async fn refresh(reconciler: &Reconciler, servers: &BTreeSet<ServerName>, rest_after: bool) -> Result<(), Error> {
    if servers.is_empty() {
        return Ok(());
    }
    reconciler.refresh(servers, rest_after, silent()).await.map(drop)
}

async fn fill(reconciler: &Reconciler) -> Result<(), Error> {
    reconciler.fill_vectors(silent()).await.map(drop)
}

async fn catch_up(reconciler: &Reconciler) -> Result<(), Error> {
    if reconciler.is_behind().await? {
        reconciler.load().await?;
        reconciler.fill_vectors(silent()).await?;
    }
    Ok(())
}

fn needing_a_list(reconciler: &Reconciler, latest: BTreeMap<ServerName, Latest>) -> BTreeSet<ServerName> {
    let needs = |(server, latest): &(ServerName, Latest)| {
        latest.has_changed_tools || latest.started.as_ref().is_some_and(|hello| reconciler.is_outdated(server, hello))
    };
    latest.into_iter().filter(needs).map(|(server, _)| server).collect()
}

fn silent() -> ProgressSink {
    Arc::new(|_| {})
}

fn note(outcome: Result<(), Error>, doing: &str) {
    if let Err(fault) = outcome {
        tracing::warn!(error = error_chain(&fault), "{doing} failed; it is tried again later");
    }
}
