//! What `mcporch doctor` says of secrets and of what may be started.

use std::collections::BTreeSet;

use crate::app::App;
use crate::config::{Config, Launch, ServerConfig};
use crate::doctor::{Area, Finding, Severity, unpinned_package};
use crate::domain::ServerName;
use crate::reconcile::Known;

/// References that cannot be had, files that others may read, programs that `[commands]` stops, and packages without a
/// version. What the last start of a server told already is not told again. Reads files and asks the keyring.
pub(super) async fn findings(
    config: &Config,
    app: &App,
    known: &Known,
    wanted: &BTreeSet<ServerName>,
) -> anyhow::Result<Vec<Finding>> {
    let is_wanted = |server: &&ServerConfig| !server.disabled && wanted.contains(&server.name);
    let servers: Vec<ServerConfig> = config.servers.iter().filter(is_wanted).cloned().collect();
    let is_told =
        |server: &ServerName, text: &str| known.servers.get(server).is_some_and(|seen| seen.fault.contains(text));
    let late: Vec<_> = servers.iter().map(|server| (server.name.clone(), server.late_env.clone())).collect();
    let examined = tokio::task::spawn_blocking(move || {
        late.into_iter().map(|(name, late)| (name, late.examine())).collect::<Vec<_>>()
    });
    let mut findings = Vec::new();
    for (server, one) in
        examined.await?.into_iter().flat_map(|(name, all)| all.into_iter().map(move |one| (name.clone(), one)))
    {
        let found = |severity, message: String, advice: String| {
            let place = format!("{}:{}", one.place.file.display(), one.place.line);
            Finding::new(severity, Area::Servers, server.as_str(), message, advice).at(place)
        };
        if let Some(fault) = one.fault.filter(|fault| !is_told(&server, &fault.to_string())) {
            findings.push(found(
                Severity::Problem,
                format!("{}: {}", fault.place.key, fault.fault),
                fault.fault.help(),
            ));
        }
        if let Some(warning) = one.warning {
            findings.push(found(Severity::Warning, warning, String::new()));
        }
    }
    for (server, why) in app.stopped_commands().await {
        if wanted.contains(&server) && !is_told(&server, &why) {
            findings.push(Finding::new(Severity::Problem, Area::Servers, server.as_str(), why, ""));
        }
    }
    findings.extend(servers.iter().filter_map(unpinned));
    Ok(findings)
}

fn unpinned(server: &ServerConfig) -> Option<Finding> {
    let Launch::Child { command, args, .. } = &server.launch else { return None };
    let package = unpinned_package(command, args)?;
    let message = format!("starts whatever {package} is on that day");
    let advice = "name a version that you have looked at, such as package@1.2.3 or image@sha256:…";
    let place = format!("{}:{}", server.origin.file.display(), server.origin.line);
    Some(Finding::new(Severity::Note, Area::Servers, server.name.as_str(), message, advice).at(place))
}
