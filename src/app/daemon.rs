//! Running as the daemon: one process for all clients of a user, from the lock to the last server's end.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::net::UnixListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::{Config, Request};
use crate::domain::error_chain;
use crate::gateway::local::{Checks, Limits, Presence, Service, listen};
use crate::local_socket::{Build, Environment, Lock, Place, bind};

use super::behind::Behind;
use super::http::{Listening, Opened};
use super::{AdoptedEnv, Ancestry, App, Error};

/// Between two looks whether calls are still in flight, when told to stop.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// For sessions to end once they were told to.
const LAST_SESSIONS: Duration = Duration::from_secs(3);

/// How it runs.
#[derive(Debug)]
pub struct DaemonOptions {
    /// Where it listens.
    pub place: Place,
    /// Held from before the start.
    pub lock: Lock,
    /// Which mcporch it is.
    pub build: Build,
    /// Never leave for want of clients.
    pub stays: bool,
    /// Who started it wants it to listen for HTTP clients: it does not start without, and makes no room for a newer build.
    pub must_serve_http: bool,
    /// Where its log goes, if to a file.
    pub log: Option<PathBuf>,
    /// What the configuration was read with, to read it anew.
    pub request: Request,
}

/// Serves clients until it is told to stop, a newer build takes over, or nobody has been there for a while; then stops all
/// servers. `ready` is called once clients can connect.
///
/// # Errors
/// [`Error`].
pub async fn serve_daemon(
    config: &Config,
    env: Arc<AdoptedEnv>,
    options: DaemonOptions,
    ready: impl FnOnce(Listening),
) -> Result<(), Error> {
    let ancestry = Ancestry::of(config, env.as_ref());
    ancestry.check()?;
    let signals = Signals::follow()?;
    let http = open_http(config, options.must_serve_http).await?;
    let app = Arc::new(App::build(config, env.as_ref())?);
    for warning in &app.warnings {
        tracing::warn!("{warning}");
    }
    let listener = bind(&options.place, &options.lock)?;
    listener.set_nonblocking(true)?;
    let listener = UnixListener::from_std(listener)?;
    let behind_stop = CancellationToken::new();
    let mut behind = Behind::start(&app, config, options.request, env.clone(), &behind_stop);
    behind.watch(&app, config, &behind_stop);
    let checks = checks(config, env.clone(), behind.reload_soon());
    let service = Arc::new(Service::new(
        app.operations.clone(),
        super::run::profiles(config),
        limits(config),
        checks,
        options.build.clone(),
        options.log.clone(),
    ));
    app.count_clients(&service.front, config);
    let tasks = TaskTracker::new();
    let listening = http.as_ref().map(Opened::listening).unwrap_or_default();
    let addresses = listening.http.clone();
    // Nothing else sets it.
    let _set = service.http.set(listening.bases());
    if let Some(mut http) = http {
        http.note_refusals(app.audit.clone());
        let until = (service.stop.clone(), service.end.clone());
        let presence = service.presence.clone();
        let verbs = app.verbs(config, env, &listening, move || presence.borrow().clients);
        http.serve(config, &app, (service.front.clone(), service.profiles.clone(), verbs), until, &tasks);
    }
    if options.must_serve_http {
        service.presence.send_modify(|presence| presence.pins += 1);
    }
    ready(listening);
    let socket = options.place.socket();
    tracing::info!(pid = std::process::id(), socket = %socket.display(), http = ?addresses, "the daemon is ready");

    let hard = CancellationToken::new();
    let signals = tokio::spawn(signals.run(service.stop.clone(), hard.clone()));
    // Nothing starts it again for a client that comes over HTTP.
    let idle_exit = (!options.stays && addresses.is_empty()).then_some(config.settings.daemon.idle_exit);
    tokio::select! {
        () = listen(service.clone(), listener, tasks.clone()) => {}
        why = nobody_left(service.presence.subscribe(), idle_exit, || app.operations.keeps_servers()) => tracing::info!("{why}"),
    }
    // Whoever comes now finds no socket, and may start the next daemon while our servers stop.
    service.stop.cancel();
    drop(options.lock);
    tokio::select! {
        () = finish(&service, &tasks, config.settings.daemon.stop_grace) => {}
        () = hard.cancelled() => {}
    }
    service.end.cancel();
    let _ended = tokio::time::timeout(LAST_SESSIONS, tasks.wait()).await;
    behind_stop.cancel();
    tokio::select! {
        () = app.stop() => {}
        // What still runs is killed when the runtime ends.
        () = hard.cancelled() => tracing::warn!("told twice to stop; servers are killed"),
    }
    signals.abort();
    behind.end().await;
    tracing::info!("the daemon leaves");
    Ok(())
}

/// Listens for HTTP clients. A daemon that was not started for them serves the others without.
async fn open_http(config: &Config, is_needed: bool) -> Result<Option<Opened>, Error> {
    match Opened::of(config).await {
        Ok(opened) => Ok(opened),
        Err(fault) if is_needed => Err(fault.into()),
        Err(fault) => {
            tracing::error!(error = error_chain(&fault), "no client is served over HTTP");
            Ok(None)
        }
    }
}

fn limits(config: &Config) -> Limits {
    let (daemon, limits) = (&config.settings.daemon, &config.settings.limits);
    Limits {
        clients_max: daemon.clients_max,
        hello_timeout: daemon.hello_timeout,
        client_line_bytes_max: limits.client_line_bytes_max,
        waiting_bytes_max: limits.line_bytes_max,
        calls_in_flight_max: limits.calls_in_flight_max,
    }
}

fn checks(config: &Config, env: Arc<AdoptedEnv>, reload_soon: Arc<Notify>) -> Checks {
    let config = config.clone();
    let refuse = move |client: &Environment| {
        let client = crate::config::MapEnv { vars: client.0.clone(), exe: None };
        Ancestry::of(&config, &client).check().err().map(|fault| error_chain(&fault))
    };
    let adopt = move |client: &Environment| {
        let new = env.adopt(&client.0);
        if !new.is_empty() {
            // Names only.
            tracing::info!(variables = new.join(", "), "a client brought variables that the registry wants");
            reload_soon.notify_one();
        }
    };
    Checks { refuse: Box::new(refuse), adopt: Box::new(adopt) }
}

/// Resolves when the daemon may leave: a newer build waits and nobody is left, or nobody has been there for a while.
async fn nobody_left(
    mut presence: watch::Receiver<Presence>,
    idle_exit: Option<Duration>,
    keeps_servers: impl Fn() -> bool,
) -> &'static str {
    loop {
        let now = *presence.borrow_and_update();
        if now.is_alone() && now.is_relieved {
            return "the last client has left; a newer build takes over";
        }
        let idle = async {
            match idle_exit.filter(|_| now.is_alone()) {
                Some(idle_exit) => tokio::time::sleep(idle_exit).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            // What the operator started runs until he stops it.
            () = idle => if !keeps_servers() { return "no client for a while (daemon.idle_exit_s)" },
            changed = presence.changed() => if changed.is_err() { return "nobody can come any more" },
        }
    }
}

/// Waits until no call is in flight or the time is over, while sessions go on.
async fn finish(service: &Service, tasks: &TaskTracker, grace: Duration) {
    tasks.close();
    let mut look = tokio::time::interval(LOOK_EVERY);
    let drained = async {
        while service.calls.load(Ordering::Relaxed) > 0 || service.presence.borrow().orders > 0 {
            look.tick().await;
        }
    };
    let _cancelled_below = tokio::time::timeout(grace, drained).await;
}

/// What the system tells us to do.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn follow() -> std::io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    /// The first asks to stop, the second to stop now.
    async fn run(mut self, stop: CancellationToken, hard: CancellationToken) {
        for token in [stop, hard] {
            tokio::select! {
                _ = self.terminate.recv() => {}
                _ = self.interrupt.recv() => {}
            }
            token.cancel();
        }
    }
}
