//! Takes a changed registry and changed settings while calls go on.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::config::{self, Config, Env, Request};
use crate::operations::Reloaded;

use super::App;
use super::build::{rooms_of, tool_override};

/// Sections whose settings count at once; the others are read when mcporch starts.
const LIVE_SECTIONS: &[&str] = &["servers", "supervision", "commands", "sandbox", "overrides"];

/// What a file looked like: when it was changed, and how long it is. `None` when it is not there.
type Stamp = Vec<(PathBuf, Option<(SystemTime, u64)>)>;

/// Reads the configuration anew. Cheap to share.
#[derive(Clone)]
pub(super) struct Reloader {
    request: Request,
    env: Arc<dyn Env>,
    app: Arc<App>,
    /// The configuration in force; its lock makes one reload wait for the other.
    current: Arc<tokio::sync::Mutex<Config>>,
}

impl Reloader {
    pub(super) fn new(request: Request, env: Arc<dyn Env>, app: Arc<App>, config: Config) -> Self {
        Self { request, env, app, current: Arc::new(tokio::sync::Mutex::new(config)) }
    }

    /// Reads and applies. On any fault everything stays as it was.
    ///
    /// Not cancel safe: run it in a task of its own.
    ///
    /// # Errors
    /// What is wrong with the new configuration, every fault of it.
    pub(super) async fn reload(&self) -> Result<Reloaded, String> {
        let mut current = self.current.lock().await;
        let (request, env) = (self.request.clone(), self.env.clone());
        let read = tokio::task::spawn_blocking(move || config::load(&request, &*env)).await;
        let new = match read {
            Ok(Ok(new)) => new,
            Ok(Err(fault)) => return Err(format!("the configuration in force stays: {fault}")),
            Err(_) => return Err("reading the configuration broke off: a fault inside mcporch".to_owned()),
        };
        if new.registry_files.is_empty() && !current.registry_files.is_empty() {
            let gone: Vec<String> = current.registry_files.iter().map(|file| file.display().to_string()).collect();
            return Err(format!(
                "the configuration in force stays: no registry is there any more ({})",
                gone.join(", ")
            ));
        }
        let (servers, sources) = rooms_of(&new, &*self.env, &self.app);
        let applied = self.app.pool.apply(servers);
        let overrides = new.tool_overrides.iter().map(tool_override).collect();
        if let Err(fault) = self.app.reconciler.replace(sources, overrides).await {
            tracing::warn!(error = %fault, "the tools of the new configuration could not be read; they are tried again later");
        }
        for server in applied.added.iter().chain(&applied.changed) {
            self.app.news.push_new(server.clone());
        }
        let reloaded = Reloaded {
            needs_restart: differing(&current, &new),
            warnings: new.faults().map(ToString::to_string).collect(),
            servers: applied,
        };
        *current = new;
        drop(current);
        let pool = self.app.pool.clone();
        pool.start_eager().await;
        tracing::info!(
            added = reloaded.servers.added.len(),
            changed = reloaded.servers.changed.len(),
            removed = reloaded.servers.removed.len(),
            kept = reloaded.servers.kept,
            needs_restart = reloaded.needs_restart.join(" "),
            "took a changed configuration"
        );
        Ok(reloaded)
    }

    /// Looks at the files from time to time, and reloads when they have changed and stayed the same for one look: an editor
    /// may still be writing. Reloads at once when `soon` is notified. Runs until cancelled.
    pub(super) async fn follow(self, interval: Duration, soon: Arc<Notify>, stop: CancellationToken) {
        let mut in_force = self.stamp().await;
        let mut last = in_force.clone();
        loop {
            let look = async {
                match interval.is_zero() {
                    true => std::future::pending().await,
                    false => tokio::time::sleep(interval).await,
                }
            };
            let is_asked = tokio::select! {
                () = look => false,
                () = soon.notified() => true,
                () = stop.cancelled() => return,
            };
            let now = self.stamp().await;
            let is_settled = now == last;
            last = now;
            if !is_asked && (!is_settled || last == in_force) {
                continue;
            }
            in_force.clone_from(&last);
            let reloader = self.clone();
            // Once begun it is finished, whoever stops waiting for it.
            match tokio::spawn(async move { reloader.reload().await }).await {
                Ok(Ok(_told)) => {}
                Ok(Err(why)) => tracing::error!("a changed configuration was not taken: {why}"),
                Err(fault) => tracing::error!(error = %fault, "taking a changed configuration failed"),
            }
        }
    }

    async fn stamp(&self) -> Stamp {
        let files = config::files_to_watch(&self.request, &*self.env);
        let looked = tokio::task::spawn_blocking(move || {
            let look = |path: PathBuf| {
                let about = std::fs::metadata(&path).ok().and_then(|about| Some((about.modified().ok()?, about.len())));
                (path, about)
            };
            files.into_iter().map(look).collect()
        });
        looked.await.unwrap_or_default()
    }
}

/// Settings that differ and are read only at the start.
fn differing(old: &Config, new: &Config) -> Vec<String> {
    let is_live = |key: &str| key.split('.').next().is_some_and(|section| LIVE_SECTIONS.contains(&section));
    let changed = new.values.iter().filter(|value| {
        let before = old.values.iter().find(|before| before.key == value.key);
        !is_live(&value.key) && before.is_some_and(|before| before.value != value.value)
    });
    changed.map(|value| value.key.clone()).collect()
}

/// For messages: a reload that nobody asked for tells through the log.
pub(super) fn reload_of(reloader: &Reloader) -> crate::operations::Reload {
    let reloader = reloader.clone();
    Arc::new(move || {
        let reloader = reloader.clone();
        Box::pin(async move {
            let done = tokio::spawn(async move { reloader.reload().await }).await;
            done.unwrap_or_else(|_| Err("the reload broke off: a fault inside mcporch".to_owned()))
        })
    })
}
