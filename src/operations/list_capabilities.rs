//! What is connected?

use schemars::JsonSchema;
use serde::Serialize;

use crate::domain::ServerName;
use crate::reconcile::{Known, KnownServerView};

use super::describe::{cut, first_sentence};
use super::{Error, Operations, ToolLine};

/// Characters of an overview: what each server is for and some of its tools' names share them, about 700 tokens.
const OVERVIEW_CHARS_MAX: usize = 2_800;
/// Servers in an overview, each with a line at least.
const SERVERS_MAX: usize = 60;
/// Longest note on what a server is for, in characters.
const ABOUT_CHARS_MAX: usize = 80;
/// Tool names in the line of a server.
const NAMES_MAX: usize = 8;
/// Tools listed with what they do, when a server or a category is asked for; more are listed by name.
const TOOLS_DESCRIBED_MAX: usize = 30;
/// Tools listed at all.
const TOOLS_MAX: usize = 200;
/// What a tool does, in characters.
const TOOL_CHARS_MAX: usize = 80;

/// What to show.
#[derive(Debug, Clone, Default)]
pub struct CapabilitiesInput {
    /// A server's name or a category of the registry; all servers when empty.
    pub category: Option<String>,
}

/// What there is.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct CapabilitiesOutput {
    /// The servers that were asked for; those of one category stand together, those without one last.
    pub servers: Vec<ServerLine>,
    /// Servers that were left out to keep the answer short.
    #[serde(skip_serializing_if = "is_zero")]
    pub servers_left_out: usize,
    /// Their tools one by one; only when a server or category was asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<CapabilityLine>,
    /// Tools that were left out to keep the answer short.
    #[serde(skip_serializing_if = "is_zero")]
    pub tools_left_out: usize,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(count: &usize) -> bool {
    *count == 0
}

/// One tool in a list.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct CapabilityLine {
    /// `server.tool`.
    pub tool: String,
    /// What it does; empty in long lists.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub about: String,
}

/// One server in a line.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct ServerLine {
    /// Its name.
    pub server: String,
    /// What it is for.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub about: String,
    /// How many tools it has.
    pub tools: usize,
    /// Some of their names.
    #[serde(skip_serializing_if = "Vec::is_empty")]
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
        let is_wanted = |name: &ServerName, server: &KnownServerView| {
            wanted.is_none_or(|wanted| {
                name.as_str().eq_ignore_ascii_case(wanted)
                    || server.hints.categories.iter().any(|category| category.eq_ignore_ascii_case(wanted))
            })
        };
        let mut of_them: Vec<(&ServerName, &KnownServerView)> =
            known.servers.iter().filter(|(name, server)| is_wanted(name, server)).collect();
        of_them.sort_by_key(|(_, server)| category_of(server));
        match wanted {
            None => Ok(overview(&known, &of_them)),
            Some(wanted) if of_them.is_empty() => Err(not_called_so(&known, wanted)),
            Some(_) => Ok(tools_of(&known, &of_them)),
        }
    }
}

/// Those without a category come behind those with one.
fn category_of(server: &KnownServerView) -> (bool, String) {
    let first = server.hints.categories.first().map(|category| category.to_lowercase());
    (first.is_none(), first.unwrap_or_default())
}

fn overview(known: &Known, servers: &[(&ServerName, &KnownServerView)]) -> CapabilitiesOutput {
    let shown = &servers[..servers.len().min(SERVERS_MAX)];
    // A few servers are described at length, many in a word each.
    let chars_each = OVERVIEW_CHARS_MAX / shown.len().max(1);
    let lines = shown.iter().map(|(name, server)| server_line(known, name, server, chars_each)).collect();
    let servers_left_out = servers.len() - shown.len();
    CapabilitiesOutput { servers: lines, servers_left_out, tools: Vec::new(), tools_left_out: 0 }
}

fn tools_of(known: &Known, servers: &[(&ServerName, &KnownServerView)]) -> CapabilitiesOutput {
    let entries = known.snapshot.entries();
    let of_them: Vec<_> =
        entries.iter().filter(|entry| servers.iter().any(|(name, _)| **name == entry.tool.key.server)).collect();
    let is_described = of_them.len() <= TOOLS_DESCRIBED_MAX;
    let tools = of_them.iter().take(TOOLS_MAX).map(|entry| {
        let line = ToolLine::plain(&entry.tool);
        let about = if is_described { cut(&line.about, TOOL_CHARS_MAX) } else { String::new() };
        CapabilityLine { tool: line.tool, about }
    });
    let lines = servers.iter().take(SERVERS_MAX).map(|(name, server)| ServerLine {
        examples: Vec::new(),
        ..server_line(known, name, server, 2 * ABOUT_CHARS_MAX)
    });
    CapabilitiesOutput {
        servers: lines.collect(),
        servers_left_out: servers.len().saturating_sub(SERVERS_MAX),
        tools: tools.collect(),
        tools_left_out: of_them.len().saturating_sub(TOOLS_MAX),
    }
}

fn not_called_so(known: &Known, wanted: &str) -> Error {
    let names: Vec<&str> = known.servers.keys().take(SERVERS_MAX).map(ServerName::as_str).collect();
    let wanted = cut(wanted, 100);
    Error::NotFound {
        what: format!("no server and no category is called {wanted:?}; the servers are {}", names.join(", ")),
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

/// In about `chars` characters; the names of a few tools take what is left.
fn server_line(known: &Known, name: &ServerName, server: &KnownServerView, chars: usize) -> ServerLine {
    let about = cut(&about(server), ABOUT_CHARS_MAX.min(chars * 2 / 3));
    let mut left = chars.saturating_sub(about.chars().count() + name.as_str().len() + 20);
    let of_it = known.snapshot.entries().iter().filter(|entry| entry.tool.key.server == *name);
    let names = of_it.take(NAMES_MAX).map(|entry| entry.tool.key.tool.clone());
    let examples = names.take_while(|name| {
        let fits = name.len() + 2 <= left;
        left = left.saturating_sub(name.len() + 2);
        fits
    });
    let fault = server.refusal.clone().or_else(|| (!server.fault.is_empty()).then(|| server.fault.clone()));
    ServerLine {
        server: name.to_string(),
        about,
        tools: server.tools,
        examples: examples.collect(),
        categories: server.hints.categories.clone(),
        fault: fault.map(|fault| cut(&fault, 2 * ABOUT_CHARS_MAX)),
    }
}
