//! What goes on behind the requests of a running mcporch: lists are refreshed, a changed configuration is taken, servers that
//! shall run from the beginning are started.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::config::{Config, Env, Request};
use crate::operations::Operations;
use crate::reconcile;

use super::App;
use super::reload::{Reloader, reload_of};

/// Between two looks for kept results that nobody asked for in their time.
const FORGET_EVERY: Duration = Duration::from_secs(30);

/// The background tasks. [`Behind::end`] waits for them.
#[derive(Debug)]
pub(super) struct Behind {
    tasks: JoinSet<()>,
    reload_soon: Arc<Notify>,
}

impl Behind {
    /// Starts them; they run until `stop` is cancelled. `request` and `env` are what `config` was read with, to read it anew.
    pub(super) fn start(
        app: &Arc<App>,
        config: &Config,
        request: Request,
        env: Arc<dyn Env>,
        stop: &CancellationToken,
    ) -> Self {
        let mut tasks = JoinSet::new();
        tasks.spawn(reconcile::follow(app.reconciler.clone(), app.news.clone(), stop.clone()));
        let reload_soon = Arc::new(Notify::new());
        let interval = config.settings.supervision.reload_interval;
        let reloader = Reloader::new(request, env, app.clone(), config.clone());
        app.operations.reload_with(reload_of(&reloader));
        tasks.spawn(reloader.follow(interval, reload_soon.clone(), stop.clone()));
        tasks.spawn(forget_old_results(app.operations.clone(), stop.clone()));
        let (pool, stop) = (app.pool.clone(), stop.clone());
        tasks.spawn(async move {
            tokio::select! {
                () = pool.start_eager() => {}
                () = stop.cancelled() => {}
            }
        });
        Self { tasks, reload_soon }
    }

    /// Samples servers for those who look, from now on: where somebody can look.
    pub(super) fn watch(&mut self, app: &Arc<App>, config: &Config, stop: &CancellationToken) {
        if config.settings.monitor.enabled {
            self.tasks.spawn(super::watch::watch(app.clone(), stop.clone()));
        }
    }

    /// Notify it, and the configuration is read anew.
    pub(super) fn reload_soon(&self) -> Arc<Notify> {
        self.reload_soon.clone()
    }

    /// Waits for their end; `stop` must have been cancelled.
    pub(super) async fn end(mut self) {
        while let Some(ended) = self.tasks.join_next().await {
            if let Err(fault) = ended {
                tracing::error!(error = %fault, "a background task failed");
            }
        }
    }
}

async fn forget_old_results(operations: Arc<Operations>, stop: CancellationToken) {
    let mut look = tokio::time::interval(FORGET_EVERY);
    loop {
        tokio::select! {
            _ = look.tick() => operations.forget_old_results(),
            () = stop.cancelled() => return,
        }
    }
}
