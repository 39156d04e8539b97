//! Running for HTTP clients alone, everything in one process: what `--standalone` asks for, and all there is where no daemon is.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::{Config, Env, Request};
use crate::gateway::mcp;

use super::behind::Behind;
use super::http::{Listening, Opened};
use super::run::{Error, cancel_on_signal, profiles};
use super::{Ancestry, App};

/// Between two looks whether calls are still in flight, when told to stop.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// For sessions to end once they were told to.
const LAST_SESSIONS: Duration = Duration::from_secs(3);

/// Serves clients over HTTP until it is told to stop; open requests are answered within `daemon.stop_grace`. `request` and `env`
/// are what `config` was read with. `ready` is called once clients can connect.
///
/// # Errors
/// [`Error`].
pub async fn serve_http(
    config: &Config,
    request: Request,
    env: Arc<dyn Env>,
    ready: impl FnOnce(Listening),
) -> Result<(), Error> {
    Ancestry::of(config, &*env).check()?;
    let Some(mut http) = Opened::of(config).await? else { return Ok(()) };
    let app = Arc::new(App::build(config, &*env)?);
    for warning in &app.warnings {
        tracing::warn!("{warning}");
    }
    let (stop, end) = (CancellationToken::new(), CancellationToken::new());
    let mut behind = Behind::start(&app, config, request, env.clone(), &end);
    behind.watch(&app, config, &end);
    let signals = tokio::spawn(cancel_on_signal(stop.clone()));
    let calls = Arc::new(AtomicUsize::new(0));
    let limits = mcp::ClientLimits { calls_in_flight_max: config.settings.limits.calls_in_flight_max };
    let front = mcp::Front::new(app.operations.clone(), limits, calls.clone());
    app.count_clients(&front, config);
    let tasks = TaskTracker::new();
    http.note_refusals(app.audit.clone());
    let listening = http.listening();
    let verbs = app.verbs(config, env, &listening, || 0);
    http.serve(config, &app, (front, profiles(config), verbs), (stop.clone(), end.clone()), &tasks);
    ready(listening);
    stop.cancelled().await;
    tasks.close();
    let mut look = tokio::time::interval(LOOK_EVERY);
    let drained = async {
        while calls.load(Ordering::Relaxed) > 0 {
            look.tick().await;
        }
    };
    let _cancelled_below = tokio::time::timeout(config.settings.daemon.stop_grace, drained).await;
    end.cancel();
    let _ended = tokio::time::timeout(LAST_SESSIONS, tasks.wait()).await;
    app.stop().await;
    signals.abort();
    behind.end().await;
    Ok(())
}
