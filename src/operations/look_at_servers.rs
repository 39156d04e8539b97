//! Servers with what is known of them beyond how they run: what each is for, and its tools.

use schemars::JsonSchema;
use serde::Serialize;

use crate::supervisor::ServerStatus;

use super::list_tools::{ListedTool, of_server};
use super::{Error, Operations, Selection, list_capabilities};

/// All servers.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct ServersOutput {
    /// By name.
    pub servers: Vec<ServerSeen>,
}

/// A server in a list.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct ServerSeen {
    /// How it is.
    #[serde(flatten)]
    pub status: ServerStatus,
    /// What it is for; empty where nobody said.
    pub about: String,
    /// How many tools it has.
    pub tools: usize,
}

/// One server.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct ServerOutput {
    /// How it is.
    #[serde(flatten)]
    pub status: ServerStatus,
    /// What it is for; empty where nobody said.
    pub about: String,
    /// Its tools, by name.
    pub tools: Vec<ListedTool>,
}

impl Operations {
    /// How all servers are. Starts nothing and waits for nothing.
    #[must_use]
    pub fn look_at_servers(&self) -> ServersOutput {
        let known = self.known_now();
        let seen = self.pool.status().into_iter().map(|status| {
            let view = known.servers.get(&status.server);
            let about = view.map(list_capabilities::about).unwrap_or_default();
            ServerSeen { about, tools: view.map_or(0, |view| view.tools), status }
        });
        ServersOutput { servers: seen.collect() }
    }

    /// One server. Starts nothing and waits for nothing.
    ///
    /// # Errors
    /// [`Error::NotFound`] with the nearest name.
    pub fn look_at_server(&self, server: &str) -> Result<ServerOutput, Error> {
        let status = self.server_status(&Selection { servers: vec![server.to_owned()], ..Selection::default() })?;
        let status = status.into_iter().next().ok_or_else(|| self.no_server(server))?;
        let known = self.known_now();
        let view = known.servers.get(&status.server);
        let about = view.map(list_capabilities::about).unwrap_or_default();
        let tools = of_server(&known, &status.server);
        Ok(ServerOutput { status, about, tools })
    }

    /// That there is no such server, with the nearest name.
    pub(super) fn no_server(&self, server: &str) -> Error {
        let selection = Selection { servers: vec![server.to_owned()], ..Selection::default() };
        match self.server_status(&selection) {
            Err(fault) => fault,
            Ok(_) => Error::NotFound { what: format!("server {server:?} is not known yet; ask again in a moment") },
        }
    }
}
