//! `mcporch serve` where there is a daemon: it is that daemon.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use crate::app::{self, AdoptedEnv, DaemonOptions, Listening};
use crate::config::{Config, ProcessEnv};
use crate::local_socket::{Build, Lock, Place, request};
use crate::telemetry;

use super::Global;
use super::daemon::{configured, warn};
use super::exit_code::Exit;
use super::output::Out;

/// For one request to the daemon that is there. A guess: it answers in a millisecond.
const REQUEST_PATIENCE: Duration = Duration::from_secs(10);
/// For an idle daemon to make room: it stops its servers first.
const ROOM_PATIENCE: Duration = Duration::from_secs(20);
/// Between two looks whether it has.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// As the daemon of the home, so that clients over stdio and the command line share its servers.
pub(super) async fn serve<T: FnOnce(Listening)>(
    global: &Global,
    prepare: impl FnOnce(&mut Config) -> T,
) -> anyhow::Result<Exit> {
    let build = Build::own();
    let env = Arc::new(AdoptedEnv::over(Box::new(ProcessEnv)));
    let (mut config, place) = configured(global, &env)?;
    let tell = prepare(&mut config);
    let lock = match Lock::try_take(&place)? {
        Some(lock) => lock,
        None => match take_over(&place).await? {
            Ok(lock) => lock,
            Err(why) => {
                Out::stderr().failure(&why);
                return Ok(Exit::Failed);
            }
        },
    };
    telemetry::start(&config.settings.log, global.verbose.then_some("debug"), &config.home.logs())?;
    telemetry::start_sending(&config.settings.telemetry);
    warn(&config);
    let log = config.settings.log.file.clone();
    let request = global.request();
    let options = DaemonOptions { place, lock, build, stays: true, must_serve_http: true, log, request };
    app::serve_daemon(&config, env, options, tell).await?;
    Ok(Exit::Done)
}

/// Asks a daemon that nobody needs to make room, and takes its place; else says who holds the home.
async fn take_over(place: &Place) -> anyhow::Result<Result<Lock, String>> {
    let status = request(&place.socket(), "status", Value::Null, REQUEST_PATIENCE);
    let daemon = status.map(|status| status["daemon"].clone()).unwrap_or_default();
    let count = |name: &str| daemon[name].as_u64().unwrap_or(0);
    let pid = Lock::holder(place).map_or_else(String::new, |pid| format!(" (process {pid})"));
    let is_idle = daemon.is_object()
        && count("clients") + count("pins") + count("calls_in_flight") == 0
        && daemon["keeps_servers"] == Value::Bool(false);
    if !is_idle {
        let why = if daemon.is_object() {
            format!("it serves {} clients and keeps what it was told to", count("clients"))
        } else {
            "it does not answer".to_owned()
        };
        return Ok(Err(format!(
            "a daemon of this home runs already{pid}: {why}. End it with `mcporch daemon --stop`, or let it listen itself: set \
             http.listen in the settings before it starts"
        )));
    }
    // It may have gone in this very moment.
    let _gone = request(&place.socket(), "stop_daemon", Value::Null, REQUEST_PATIENCE);
    let deadline = Instant::now() + ROOM_PATIENCE;
    while Instant::now() < deadline {
        if let Some(lock) = Lock::try_take(place)? {
            return Ok(Ok(lock));
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    Ok(Err(format!("the idle daemon of this home{pid} does not make room; end it with `mcporch daemon --stop`")))
}
