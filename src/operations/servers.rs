//! The operator's verbs over servers: look, start, stop, restart, quarantine, and take a changed configuration.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::domain::{CallParams, ServerName, Verb, did_you_mean, error_chain};
use crate::supervisor::{Applied, Call, CallElsewhere, ServerState, ServerStatus};

use super::observed::Watch;
use super::order::Order;
use super::{CallerId, Error, OpContext, Operations};

/// Which servers are meant; nothing said means all.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Selection {
    /// By name.
    pub servers: Vec<String>,
    /// By group.
    pub groups: Vec<String>,
    /// All, those too that only the operator starts.
    pub all: bool,
}

/// How an order to one server ended.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Acted {
    /// Which server.
    pub server: ServerName,
    /// Whether it is as ordered.
    pub is_done: bool,
    /// What it is doing now.
    pub state: ServerState,
    /// Its process while it runs.
    pub pid: Option<u32>,
    /// Why it is not as ordered.
    pub message: Option<String>,
}

/// What taking the configuration anew came to.
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
pub struct Reloaded {
    /// Which servers it concerns.
    pub servers: Applied,
    /// Settings that changed and count only after a new start of mcporch, as `section.key`.
    pub needs_restart: Vec<String>,
    /// What is odd in the new configuration, one line each.
    pub warnings: Vec<String>,
}

/// A call that another process has decided.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Relayed {
    /// Whose tool.
    pub server: String,
    /// The tool's name, as the server spells it.
    pub tool: String,
    /// Raw JSON.
    pub arguments: String,
    /// May it be tried again after a failure in mid-call?
    pub is_idempotent: bool,
}

/// Carries a call out elsewhere; gives the raw result, or what was wrong.
pub type Relay = Arc<dyn Fn(Relayed) -> Pin<Box<dyn Future<Output = Result<String, String>> + Send>> + Send + Sync>;

/// Takes the configuration anew; an error leaves the old one in force and says what is wrong with the new one.
pub type Reload = Arc<dyn Fn() -> Pin<Box<dyn Future<Output = Result<Reloaded, String>> + Send>> + Send + Sync>;

impl Operations {
    /// How the chosen servers are. Starts nothing.
    ///
    /// # Errors
    /// [`Error::NotFound`] for a server or group that is not there.
    pub fn server_status(&self, selection: &Selection) -> Result<Vec<ServerStatus>, Error> {
        let all = self.pool.status();
        let names = chosen(&all, selection)?;
        Ok(all.into_iter().filter(|status| names.contains(&status.server)).collect())
    }

    /// Carries out a call for another process that has decided it already. Gives the raw result.
    ///
    /// Cancel safe: the server is told that nobody waits any more.
    ///
    /// # Errors
    /// [`Error::Server`]; [`Error::InvalidInput`] with a JSON-RPC error of the server.
    pub async fn relay(&self, cx: &OpContext, asked: &Relayed) -> Result<String, Error> {
        let server = ServerName::parse(&asked.server).map_err(|_| nothing_of(&asked.server))?;
        self.check_can_be_noted()?;
        let call = Call {
            server: &server,
            tool: &asked.tool,
            arguments: &asked.arguments,
            is_idempotent: asked.is_idempotent,
            client: Some(cx.caller.0),
            progress: None,
            cancel: cx.cancel.clone(),
            behind: cx.behind.clone(),
        };
        let params = CallParams::Raw(&asked.arguments);
        let watch = Watch::begin(self, Verb::Relay, cx).calling(&asked.server, &asked.tool, params);
        let ended = self.pool.call(&call).await.map_err(Error::from);
        watch.called(cx, &ended);
        let outcome = ended?;
        let result = outcome.answer.payload().map_err(|what| Error::InvalidInput { what: what.to_owned() })?;
        Ok(result.to_owned())
    }

    /// Lets another process carry out all calls from now on. Only the first counts.
    pub fn relay_through(&self, relay: Relay) {
        self.pool.call_elsewhere(Arc::new(move |call: CallElsewhere| {
            let CallElsewhere { server, tool, arguments, is_idempotent } = call;
            relay(Relayed { server: server.to_string(), tool, arguments, is_idempotent })
        }));
    }

    /// A caller has left: what was kept for it is free.
    pub fn forget_caller(&self, caller: CallerId) {
        self.pool.forget_client(caller.0);
    }

    /// Whether some server shall run although nobody calls it.
    #[must_use]
    pub fn keeps_servers(&self) -> bool {
        self.pool.has_kept()
    }

    /// Starts the chosen servers and keeps them running until they are stopped. Of all servers, those that only the operator
    /// starts are left out unless `all` is said. Waits until each is up or has failed.
    ///
    /// Cancel safe: what was ordered goes on.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::NotRecorded`]; that a server does not start is part of the answer.
    pub async fn start_servers(&self, cx: &OpContext, selection: &Selection) -> Result<Vec<Acted>, Error> {
        let mut names = chosen(&self.pool.status(), selection)?;
        if selection.servers.is_empty() && selection.groups.is_empty() && !selection.all {
            names.retain(|name| !self.pool.is_manual(name));
        }
        let order = Order::begin(self, cx, "server.start", &names)?;
        let ended = self.pool.start(&names).await;
        Ok(self.acted(order, ended))
    }

    /// Stops the chosen servers; calls do not start them again. Waits until each is gone.
    ///
    /// Cancel safe: what was ordered goes on.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn stop_servers(&self, cx: &OpContext, selection: &Selection) -> Result<Vec<Acted>, Error> {
        let names = chosen(&self.pool.status(), selection)?;
        let order = Order::begin_anyhow(self, cx, "server.stop", &names);
        let ended = self.pool.stop_servers(&names).await;
        Ok(self.acted(order, ended))
    }

    /// Stops and starts the chosen servers. Of all servers only those are meant that run, or tried to. Waits until each is up
    /// again or has failed.
    ///
    /// Cancel safe: what was ordered goes on.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::NotRecorded`]; that a server does not start is part of the answer.
    pub async fn restart_servers(&self, cx: &OpContext, selection: &Selection) -> Result<Vec<Acted>, Error> {
        let all = self.pool.status();
        let mut names = chosen(&all, selection)?;
        if selection.servers.is_empty() && selection.groups.is_empty() {
            let is_off = |status: &ServerStatus| {
                let off = [ServerState::Stopped, ServerState::Dormant, ServerState::Quarantined, ServerState::Refused];
                off.contains(&status.state)
            };
            let off: Vec<&ServerName> = all.iter().filter(|one| is_off(one)).map(|one| &one.server).collect();
            names.retain(|name| !off.contains(&name));
        }
        let order = Order::begin(self, cx, "server.restart", &names)?;
        let ended = self.pool.restart(&names).await;
        Ok(self.acted(order, ended))
    }

    /// Takes one server out of use until the operator starts it.
    ///
    /// Cancel safe: what was ordered goes on.
    ///
    /// # Errors
    /// [`Error::NotFound`], and what keeps the order from being taken.
    pub async fn quarantine_server(&self, cx: &OpContext, server: &str, why: &str) -> Result<Acted, Error> {
        let selection = Selection { servers: vec![server.to_owned()], ..Selection::default() };
        let names = chosen(&self.pool.status(), &selection)?;
        let Some(name) = names.first() else { return Err(nothing_of(server)) };
        let why = if why.trim().is_empty() { "the operator said so" } else { why };
        let order = Order::begin_anyhow(self, cx, "server.quarantine", [name]).because(why);
        let ended = self.pool.quarantine(name, why).await;
        self.acted(order, vec![(name.clone(), ended)]).pop().ok_or_else(|| nothing_of(server))
    }

    /// Takes the registry and the settings as they are now. Calls in flight go on; servers whose entry did not change are
    /// not touched. A faulty configuration changes nothing.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] with every fault of the new configuration; [`Error::NotRecorded`].
    pub async fn reload(&self, cx: &OpContext) -> Result<Reloaded, Error> {
        let Some(reload) = self.reload.get() else {
            return Err(Error::InvalidInput {
                what: "this mcporch reads its configuration once, when it starts".into(),
            });
        };
        let order = Order::begin(self, cx, "reload", [""])?;
        let ended = reload().await.map_err(|what| Error::InvalidInput { what });
        order.end(|_| ended.is_ok());
        ended
    }

    /// Sets what [`Self::reload`] does. Only the first counts.
    pub fn reload_with(&self, reload: Reload) {
        let _set_before = self.reload.set(reload);
    }

    fn acted(&self, order: Order<'_>, ended: Vec<(ServerName, Result<(), crate::supervisor::Error>)>) -> Vec<Acted> {
        order.end(|target| ended.iter().any(|(server, ended)| server.as_str() == target && ended.is_ok()));
        let status = self.pool.status();
        let acted = ended.into_iter().filter_map(|(server, ended)| {
            let now = status.iter().find(|one| one.server == server)?;
            let message = ended.err().map(|fault| error_chain(&fault));
            Some(Acted { state: now.state, pid: now.pid, is_done: message.is_none(), message, server })
        });
        acted.collect()
    }
}

/// The names that are meant.
fn chosen(all: &[ServerStatus], selection: &Selection) -> Result<Vec<ServerName>, Error> {
    let mut chosen = Vec::new();
    for wanted in &selection.servers {
        let found = all.iter().find(|status| status.server.as_str() == wanted);
        let known = all.iter().map(|status| status.server.as_str());
        let found = found.ok_or_else(|| missing("server", wanted, known))?;
        chosen.push(found.server.clone());
    }
    for group in &selection.groups {
        let of_group: Vec<ServerName> =
            all.iter().filter(|status| status.groups.contains(group)).map(|status| status.server.clone()).collect();
        if of_group.is_empty() {
            return Err(missing("group", group, all.iter().flat_map(|status| &status.groups).map(String::as_str)));
        }
        chosen.extend(of_group);
    }
    if selection.servers.is_empty() && selection.groups.is_empty() {
        chosen = all.iter().map(|status| status.server.clone()).collect();
    }
    chosen.sort();
    chosen.dedup();
    Ok(chosen)
}

fn missing<'a>(kind: &str, wanted: &str, known: impl Iterator<Item = &'a str>) -> Error {
    let help = did_you_mean(wanted, known).unwrap_or_else(|| "`mcporch status` lists those that are there".to_owned());
    Error::NotFound { what: format!("there is no {kind} {wanted:?} in the registry; {help}") }
}

fn nothing_of(server: &str) -> Error {
    Error::NotFound { what: format!("there is no server {server:?} in the registry") }
}
