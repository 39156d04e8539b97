//! `mcporch auth`: logins at remote servers. The address to log in at goes to stderr; no token goes anywhere.

use std::time::Duration;

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use serde::Serialize;
use serde_json::json;
use url::Url;

use crate::app::{credentials, login_target, now_ms};
use crate::config::{Config, Launch, ServerConfig};
use crate::domain::{Moment, did_you_mean, error_chain};
use crate::oauth::{self, Callback, LoggedOut, Person, State, Target, open_browser};

use super::exit_code::Exit;
use super::output::{BAD, DIM, GOOD, Out, WARN, one_line, painted};
use super::{Global, prepare};

#[derive(Debug, Subcommand)]
pub(super) enum AuthCommand {
    /// Log in at a server with a browser
    Login(LoginArgs),
    /// Show where you are logged in; with SERVER, exit code 3 says that a login is needed
    Status {
        /// Only this server
        server: Option<String>,
    },
    /// Forget a login, and let the server's issuer revoke it
    Logout {
        /// The server
        server: String,
    },
}

#[derive(Debug, Args)]
pub(super) struct LoginArgs {
    /// The server
    server: String,
    /// Print the address to log in at, and open no browser
    #[arg(long)]
    no_browser: bool,
    /// Port of this machine that the browser comes back to [default: the entry's oauth.redirect_port, else a free one]
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    callback_port: Option<u16>,
    /// How long to wait for the browser, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 300, value_parser = clap::value_parser!(u64).range(1..=3600))]
    timeout: u64,
    /// Follow the address without a person, at the issuer of a test
    #[arg(long, hide = true)]
    follow: bool,
}

/// One server, as the status shows it.
#[derive(Debug, Serialize)]
struct Line {
    server: String,
    url: String,
    logged_in: bool,
    wants_login: bool,
    issuer: Option<String>,
    resource: Option<String>,
    scopes: Vec<String>,
    /// RFC 3339.
    expires_at: Option<String>,
    can_refresh: bool,
    fault: Option<String>,
}

pub(super) async fn auth(global: &Global, command: AuthCommand) -> anyhow::Result<Exit> {
    let config = prepare::configuration(global)?;
    match command {
        AuthCommand::Login(args) => login(global, &config, &args).await,
        AuthCommand::Status { server } => status(global, &config, server.as_deref()).await,
        AuthCommand::Logout { server } => logout(global, &config, &server).await,
    }
}

async fn login(global: &Global, config: &Config, args: &LoginArgs) -> anyhow::Result<Exit> {
    let server = find(config, &args.server)?;
    let target = target(server).await?;
    let store = credentials(config);
    let callback = Callback::listen(args.callback_port.or(target.redirect_port)).await?;
    let deadline = Duration::from_secs(args.timeout);
    let show = |url: &Url| {
        let is_open = !args.no_browser && open_browser(url);
        let mut stderr = Out::stderr();
        let said = if is_open { "a browser was opened at" } else { "open this address to log in" };
        stderr.line(&format!("server `{}`: {said}:\n\n  {url}\n", server.name));
        stderr.line(&painted(DIM, &format!("waiting up to {} s for the browser to come back", args.timeout)));
    };
    let person = if args.follow { Person::Nobody } else { Person::InBrowser { show: &show, deadline } };
    let state = oauth::log_in(&target, &store, &callback, person, now_ms).await?;
    let line = line(&target, Ok(Some(state)));
    let mut out = Out::stdout();
    if global.json {
        out.json(&line);
    } else {
        let until = if line.can_refresh { "it is renewed by itself" } else { "it is not renewed" };
        out.line(&format!("{} logged in at server `{}`; {until}", painted(GOOD, "✓"), server.name));
    }
    Ok(Exit::Done)
}

async fn status(global: &Global, config: &Config, only: Option<&str>) -> anyhow::Result<Exit> {
    let store = credentials(config);
    let servers: Vec<&ServerConfig> = match only {
        Some(name) => vec![find(config, name)?],
        None => config.servers.iter().filter(|server| matches!(server.launch, Launch::Remote { .. })).collect(),
    };
    let mut lines = Vec::new();
    for server in servers {
        if only.is_none() && server.refusal.is_some() {
            continue;
        }
        let target = target(server).await?;
        let state = oauth::state(&target, &store, now_ms()).await;
        lines.push(line(&target, state));
    }
    if global.json {
        Out::stdout().json(&json!({"servers": lines}));
    } else {
        show(&lines);
    }
    let is_well = lines.iter().all(|line| line.logged_in && line.fault.is_none());
    Ok(if only.is_none() || is_well { Exit::Done } else { Exit::NothingRan })
}

async fn logout(global: &Global, config: &Config, name: &str) -> anyhow::Result<Exit> {
    let server = find(config, name)?;
    let target = target(server).await?;
    let ended = oauth::log_out(&target, &credentials(config)).await?;
    let (word, told) = match &ended {
        LoggedOut::WasNot => ("was_not", "was not logged in".to_owned()),
        LoggedOut::Revoked => ("revoked", "is logged out; its issuer has revoked the login".to_owned()),
        LoggedOut::ForgottenHere => {
            ("forgotten", "is logged out here; its issuer offers no way to revoke the login".to_owned())
        }
        LoggedOut::NotRevoked { why } => {
            ("not_revoked", format!("is logged out here; its issuer could not revoke the login: {why}"))
        }
    };
    if let (true, LoggedOut::NotRevoked { .. }) = (!global.json, &ended) {
        Out::stderr().warning(&format!("server `{}` {told}", server.name));
    } else if global.json {
        Out::stdout().json(&json!({"server": server.name, "outcome": word, "told": told}));
    } else {
        Out::stdout().line(&format!("server `{}` {told}", server.name));
    }
    Ok(Exit::Done)
}

fn show(lines: &[Line]) {
    let mut out = Out::stdout();
    if lines.is_empty() {
        out.line("no server has a `url`; only those have logins");
        return;
    }
    let rows: Vec<Vec<String>> = lines
        .iter()
        .map(|line| {
            let state = match (line.logged_in, line.wants_login) {
                (true, false) => painted(GOOD, "logged in"),
                (true, true) => painted(WARN, "wants a login"),
                (false, true) => painted(BAD, "wants a login"),
                (false, false) => painted(DIM, "no login"),
            };
            let until = match (&line.expires_at, line.can_refresh) {
                (_, true) => "renewed".to_owned(),
                (Some(at), false) => at.clone(),
                (None, false) => String::new(),
            };
            let scopes = line.scopes.join(" ");
            vec![line.server.clone(), state, until, scopes, line.issuer.clone().unwrap_or_default()]
        })
        .collect();
    out.table(&["SERVER", "LOGIN", "UNTIL", "SCOPES", "ISSUER"], &rows);
    for line in lines {
        if let Some(fault) = &line.fault {
            Out::stderr().warning(&one_line(fault));
        } else if line.wants_login {
            out.line(&format!("run `mcporch auth login {}`", line.server));
        }
    }
}

fn line(target: &Target, state: Result<Option<State>, oauth::Error>) -> Line {
    let (state, fault) = match state {
        Ok(state) => (state, None),
        Err(fault) => (None, Some(error_chain(&fault))),
    };
    let at = |state: &State| state.expires_at_ms.map(|at| Moment(at).to_string());
    Line {
        server: target.server.to_string(),
        url: target.shown_url(),
        logged_in: state.as_ref().is_some_and(|state| state.logged_in),
        wants_login: state.as_ref().map_or(fault.is_some(), |state| state.wants_login || state.has_ended()),
        issuer: state.as_ref().and_then(|state| state.issuer.clone()),
        resource: state.as_ref().and_then(|state| state.resource.clone()),
        scopes: state.as_ref().map(|state| state.scopes.clone()).unwrap_or_default(),
        expires_at: state.as_ref().and_then(at),
        can_refresh: state.as_ref().is_some_and(|state| state.can_refresh),
        fault,
    }
}

fn find<'c>(config: &'c Config, name: &str) -> anyhow::Result<&'c ServerConfig> {
    let found = config.servers.iter().find(|server| server.name.as_str() == name);
    let Some(server) = found else {
        let known = config.servers.iter().map(|server| server.name.as_str());
        let help =
            did_you_mean(name, known).unwrap_or_else(|| "`mcporch auth status` lists those with logins".to_owned());
        bail!("no server is called `{name}`; {help}");
    };
    if let Some(fault) = &server.refusal {
        bail!("{fault}");
    }
    Ok(server)
}

/// On a blocking thread: a secret may be in a file or the keyring.
async fn target(server: &ServerConfig) -> anyhow::Result<Target> {
    let server = server.clone();
    let target = tokio::task::spawn_blocking(move || login_target(&server)).await;
    Ok(target.context("mcporch is ending")??)
}
