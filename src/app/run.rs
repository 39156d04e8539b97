//! Running as an MCP server on stdio: until the client leaves, or we are told to.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::config::{Config, Env, Request};
use crate::gateway::mcp;

use super::behind::Behind;
use super::{Ancestry, App, Recursion};

/// Why it could not run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It would start itself.
    #[error(transparent)]
    Recursion(#[from] Recursion),
    /// The catalog is of a later version.
    #[error(transparent)]
    Catalog(#[from] crate::catalog::Error),
    /// The socket cannot be had.
    #[error(transparent)]
    Socket(#[from] crate::local_socket::Error),
    /// Clients cannot be served over HTTP.
    #[error(transparent)]
    Http(#[from] crate::gateway::http::Error),
    /// There is no such profile.
    #[error("{0}")]
    Profile(String),
    /// The client's streams failed.
    #[error("the client's streams failed")]
    Streams(#[from] std::io::Error),
}

/// Serves one client on stdin and stdout. Answers at once from what is known; refreshes behind. Returns when the client
/// has closed its side or the process was told to stop, with every server gone. `request` and `env` are what `config` was read
/// with: a changed configuration is read with them anew. `is_resumed` says that the client has been through `initialize` with a
/// daemon that is no more.
///
/// # Errors
/// [`Error`].
pub async fn serve_stdio(
    config: &Config,
    request: Request,
    env: Arc<dyn Env>,
    profile: &str,
    is_resumed: bool,
) -> Result<(), Error> {
    Ancestry::of(config, &*env).check()?;
    let profile = profiles(config).find(profile).map_err(Error::Profile)?;
    let limits = &config.settings.limits;
    let streams = mcp::stdio(limits.client_line_bytes_max, limits.line_bytes_max)?;
    let app = Arc::new(App::build(config, &*env)?);
    for warning in &app.warnings {
        tracing::warn!("{warning}");
    }
    let stop = CancellationToken::new();
    let behind = Behind::start(&app, config, request, env, &stop);
    let signals = tokio::spawn(cancel_on_signal(stop.clone()));
    let client_limits = mcp::ClientLimits { calls_in_flight_max: limits.calls_in_flight_max };
    let session = mcp::Session { is_resumed, profile, ..mcp::Session::default() };
    let front = mcp::front(app.operations.clone(), client_limits);
    app.count_clients(&front, config);
    let served = mcp::serve(&front, streams, session, stop.clone()).await;
    stop.cancel();
    app.stop().await;
    signals.abort();
    behind.end().await;
    Ok(served?)
}

/// The profiles that the settings name.
pub(super) fn profiles(config: &Config) -> mcp::Profiles {
    let named = config.profiles.iter().map(|said| {
        let selection =
            mcp::Selection { servers: said.servers.clone(), tools: said.tools.clone(), is_bare: !said.prefix };
        (
            said.name.clone(),
            Arc::new(mcp::Profile { view: mcp::View::Direct(selection), inline_bytes_max: said.inline_bytes_max }),
        )
    });
    mcp::Profiles { named: named.collect() }
}

/// Cancels on the first signal that asks us to end.
pub(super) async fn cancel_on_signal(stop: CancellationToken) {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let (Ok(mut term), Ok(mut int), Ok(mut hup)) =
            (signal(SignalKind::terminate()), signal(SignalKind::interrupt()), signal(SignalKind::hangup()))
        else {
            tracing::error!("signals cannot be followed; closing stdin still ends mcporch");
            return;
        };
        tokio::select! {
            _ = term.recv() => {}
            _ = int.recv() => {}
            _ = hup.recv() => {}
        }
    }
    #[cfg(not(unix))]
    if tokio::signal::ctrl_c().await.is_err() {
        return;
    }
    stop.cancel();
}
