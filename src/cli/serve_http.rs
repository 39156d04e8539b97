//! `mcporch serve`: clients that come over HTTP, in the foreground; where there is a daemon, as that.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use serde_json::json;

use crate::app::{self, Listening};
use crate::config::{self, Config, ProcessEnv};
use crate::telemetry;

use super::Global;
use super::exit_code::Exit;
use super::output::Out;

/// Where it listens when nothing is said.
const USUAL: &str = "127.0.0.1:8080";

#[derive(Debug, Args)]
pub(super) struct ServeArgs {
    /// Where to listen, ADDRESS:PORT or PORT, 0 is any free one; repeatable [default: http.listen of the settings, else 127.0.0.1:8080]
    #[arg(long, value_name = "ADDRESS")]
    http: Vec<String>,
    /// File with keys that were not made by `mcporch keys`, one on each line: NAME:KEY or KEY
    #[arg(long, value_name = "FILE")]
    bearer_key_file: Option<PathBuf>,
    /// Serve by HTTPS with this certificate (and its chain), PEM
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// The private key of the certificate, PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// A further name that this machine is called by; repeatable
    #[arg(long, value_name = "HOST")]
    allow_host: Vec<String>,
    /// A web page that may call, such as https://app.example; repeatable
    #[arg(long, value_name = "ORIGIN")]
    allow_origin: Vec<String>,
}

impl ServeArgs {
    /// What the command line says wins over the settings.
    pub(super) fn apply(&self, config: &mut Config) {
        let http = &mut config.settings.http;
        if !self.http.is_empty() {
            http.listen.clone_from(&self.http);
        }
        if http.listen.is_empty() {
            http.listen.push(USUAL.to_owned());
        }
        http.bearer_key_file = self.bearer_key_file.clone().or(http.bearer_key_file.take());
        if self.tls_cert.is_some() {
            (http.tls_cert, http.tls_key) = (self.tls_cert.clone(), self.tls_key.clone());
        }
        http.allowed_hosts.extend(self.allow_host.iter().cloned());
        http.allowed_origins.extend(self.allow_origin.iter().cloned());
    }
}

pub(super) async fn serve(global: &Global, args: &ServeArgs, is_alone: bool) -> anyhow::Result<Exit> {
    let is_json = global.json;
    let prepare = |config: &mut Config| {
        args.apply(config);
        teller(config, is_json)
    };
    serve_with(global, is_alone, prepare).await
}

/// Serves what `prepare` makes of the configuration; what that gives is told once clients can come.
pub(super) async fn serve_with<T: FnOnce(Listening)>(
    global: &Global,
    is_alone: bool,
    prepare: impl FnOnce(&mut Config) -> T,
) -> anyhow::Result<Exit> {
    #[cfg(unix)]
    if !is_alone {
        return super::serve_daemon::serve(global, prepare).await;
    }
    #[cfg(not(unix))]
    let _always = is_alone;
    let mut config = config::load(&global.request(), &ProcessEnv)?;
    let tell = prepare(&mut config);
    telemetry::start(&config.settings.log, global.verbose.then_some("debug"), &config.home.logs())?;
    telemetry::start_sending(&config.settings.telemetry);
    for fault in config.faults() {
        tracing::warn!("{fault}");
    }
    app::serve_http(&config, global.request(), Arc::new(ProcessEnv), tell).await?;
    Ok(Exit::Done)
}

fn teller(config: &Config, is_json: bool) -> impl FnOnce(Listening) + use<> {
    let profiles: Vec<String> = config.profiles.iter().map(|profile| profile.name.clone()).collect();
    move |listening| tell(&listening, &profiles, is_json)
}

/// Says where clients find it.
fn tell(listening: &Listening, profiles: &[String], is_json: bool) {
    let bases: Vec<String> = listening.bases().iter().map(|base| format!("{base}/mcp")).collect();
    let Some(base) = bases.first() else { return };
    if is_json {
        let told = json!({"url": base, "urls": bases, "pid": std::process::id()});
        return Out::stdout().line(&told.to_string());
    }
    let mut also = vec!["/direct".to_owned()];
    also.extend(profiles.iter().map(|name| format!("/p/{name}")));
    also.push("/s/SERVER".to_owned());
    let mut stderr = Out::stderr();
    stderr.line(&format!("mcporch serves {} (there also {})", bases.join(" and "), also.join(", ")));
    stderr.line(&format!(
        "the dashboard is at {}/, the REST API at /api/v1, figures at /metrics",
        base.trim_end_matches("/mcp")
    ));
}
