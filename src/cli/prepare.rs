//! What commands have in common: read the configuration, build the rooms, get to know servers that were never listed.

use crate::app::App;
use crate::config::{self, Config, Fault, ProcessEnv};
use crate::telemetry;

use super::Global;
use super::output::Out;
use super::progress::Bars;

/// Reads the configuration and starts logging. Warnings go to stderr.
pub(super) fn configuration(global: &Global) -> anyhow::Result<Config> {
    configured(global, |_| true)
}

/// The same for a command that has nothing to do with servers: what is odd in their registry is left to the others.
pub(super) fn settings(global: &Global) -> anyhow::Result<Config> {
    configured(global, |fault| {
        // A registry is JSON, whatever the settings file is called.
        fault.file.extension().is_none_or(|extension| extension != "json")
    })
}

fn configured(global: &Global, is_told: impl Fn(&Fault) -> bool) -> anyhow::Result<Config> {
    let config = config::load(&global.request(), &ProcessEnv)?;
    let level = if global.verbose { None } else { Some("error") };
    telemetry::start(&config.settings.log, level, &config.home.logs())?;
    let mut stderr = Out::stderr();
    for fault in config.faults().filter(|fault| is_told(fault)) {
        stderr.warning(&fault.to_string());
    }
    Ok(config)
}

/// The rooms, with the catalog read.
pub(super) async fn app(config: &Config) -> anyhow::Result<App> {
    let app = App::build(config, &ProcessEnv)?;
    let mut stderr = Out::stderr();
    for warning in &app.warnings {
        stderr.warning(warning);
    }
    app.reconciler.load().await?;
    Ok(app)
}

/// The same, and servers that were never listed are listed now: the first command on a new home just works.
pub(super) async fn app_with_tools(config: &Config) -> anyhow::Result<App> {
    let app = app(config).await?;
    let never_listed: std::collections::BTreeSet<_> = {
        let known = app.operations.known_now();
        let is_new = |server: &crate::reconcile::KnownServerView| {
            server.listed_at.is_none() && server.fault.is_empty() && server.refusal.is_none()
        };
        known.servers.iter().filter(|(_, server)| is_new(server)).map(|(name, _)| name.clone()).collect()
    };
    let bars = Bars::new();
    if never_listed.is_empty() {
        app.reconciler.fill_vectors(bars.sink()).await?;
    } else {
        app.reconciler.refresh(&never_listed, true, bars.sink()).await?;
    }
    bars.finish();
    app.reconciler.mark_settled();
    Ok(app)
}
