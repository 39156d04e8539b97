//! What is connected?

use serde::Serialize;

use crate::reconcile::{Known, KnownServerView};

use super::describe::first_sentence;
use super::{Error, Operations, ToolLine};

/// Tool names in the line of a server.
const NAMES_MAX: usize = 8;
/// Tools listed one by one when a server or a category is asked for.
const TOOLS_MAX: usize = 60;

/// What to show.
#[derive(Debug, Clone, Default)]
pub struct CapabilitiesInput {
    /// A server's name or a category of the registry; all servers when empty.
    pub category: Option<String>,
}

/// What there is.
#[derive(Debug, Clone, Serialize)]
pub struct CapabilitiesOutput {
    /// The servers that were asked for.
    pub servers: Vec<ServerLine>,
    /// Their tools one by one; only when a server or category was asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<ToolLine>,
    /// Tools that were left out to keep the answer short.
    #[serde(skip_serializing_if = "is_zero")]
    pub tools_left_out: usize,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(count: &usize) -> bool {
    *count == 0
}

/// One server in a line.
#[derive(Debug, Clone, Serialize)]
pub struct ServerLine {
    /// Its name.
    pub server: String,
    /// What it is for.
    pub about: String,
    /// How many tools it has.
    pub tools: usize,
    /// Some of their names.
    pub examples: Vec<String>,
    /// Its categories in the registry.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub categories: Vec<String>,
    /// Why it cannot be used, or could not last time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
}

impl Operations {
    /// Lists the servers, or the tools of some; starts nothing.
    ///
    /// Cancel safe.
    ///
    /// # Errors
    /// [`Error::NotFound`] when no server and no category is called so.
    pub async fn list_capabilities(&self, input: &CapabilitiesInput) -> Result<CapabilitiesOutput, Error> {
        let known = self.known_listed().await;
        let wanted = input.category.as_deref().map(str::trim).filter(|text| !text.is_empty());
        let is_wanted = |name: &str, server: &KnownServerView| {
            wanted.is_none_or(|wanted| {
                name.eq_ignore_ascii_case(wanted)
                    || server.hints.categories.iter().any(|category| category.eq_ignore_ascii_case(wanted))
            })
        };
        let servers: Vec<ServerLine> = known
            .servers
            .iter()
            .filter(|(name, server)| is_wanted(name.as_str(), server))
            .map(|(name, server)| server_line(&known, name.as_str(), server))
            .collect();
        let Some(wanted) = wanted else {
            return Ok(CapabilitiesOutput { servers, tools: Vec::new(), tools_left_out: 0 });
        };
        if servers.is_empty() {
            let names: Vec<&str> = known.servers.keys().map(|name| name.as_str()).collect();
            let shown: String = wanted.chars().take(100).collect();
            return Err(Error::NotFound {
                what: format!("no server and no category is called {shown:?}; the servers are {}", names.join(", ")),
            });
        }
        let names: Vec<&str> = servers.iter().map(|line| line.server.as_str()).collect();
        let of_them = known.snapshot.entries().iter().filter(|entry| names.contains(&entry.tool.key.server.as_str()));
        let mut tools: Vec<ToolLine> = of_them.map(|entry| ToolLine::plain(&entry.tool)).collect();
        let tools_left_out = tools.len().saturating_sub(TOOLS_MAX);
        tools.truncate(TOOLS_MAX);
        Ok(CapabilitiesOutput { servers, tools, tools_left_out })
    }
}

/// What a server is for: the operator's words, else its own instructions, else its name for itself.
pub(super) fn about(server: &KnownServerView) -> String {
    let own =
        if server.own_name.is_empty() { String::new() } else { format!("{} {}", server.own_name, server.own_version) };
    [server.hints.description.as_str(), server.instructions.as_str(), own.trim()]
        .into_iter()
        .find(|text| !text.is_empty())
        .map(first_sentence)
        .unwrap_or_default()
}

fn server_line(known: &Known, name: &str, server: &KnownServerView) -> ServerLine {
    let of_it = known.snapshot.entries().iter().filter(|entry| entry.tool.key.server.as_str() == name);
    let fault = server.refusal.clone().or_else(|| (!server.fault.is_empty()).then(|| server.fault.clone()));
    ServerLine {
        server: name.to_owned(),
        about: about(server),
        tools: server.tools,
        examples: of_it.take(NAMES_MAX).map(|entry| entry.tool.key.tool.clone()).collect(),
        categories: server.hints.categories.clone(),
        fault,
    }
}
