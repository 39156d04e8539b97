//! All tools, one page after the other.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use schemars::JsonSchema;
use serde::Serialize;

use crate::domain::{ServerName, Tool, ToolKey};
use crate::reconcile::Known;

use super::describe::first_sentence;
use super::{Error, Operations};

/// Which tools.
#[derive(Debug, Clone)]
pub struct ToolsInput {
    /// Only those of this server.
    pub server: Option<String>,
    /// At most that many, 1 or more.
    pub limit: usize,
    /// Those behind this place: the `next_cursor` of the page before. `None` begins at the beginning.
    pub cursor: Option<String>,
}

/// A page of tools.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct ToolsOutput {
    /// By server and name.
    pub tools: Vec<ListedTool>,
    /// Where the next page starts; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// One tool in a list.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct ListedTool {
    /// `server.tool`.
    pub tool: String,
    /// Its server.
    pub server: ServerName,
    /// For people; empty where its server gives none.
    pub title: String,
    /// First sentence of its description.
    pub about: String,
    /// `read`, `write` or `destructive`.
    pub effect: &'static str,
}

impl ListedTool {
    fn of(tool: &Tool) -> Self {
        Self {
            tool: tool.key.to_string(),
            server: tool.key.server.clone(),
            title: tool.title.clone(),
            about: first_sentence(if tool.description.is_empty() { &tool.title } else { &tool.description }),
            effect: tool.effect.word(),
        }
    }
}

impl Operations {
    /// Lists tools; starts nothing. A tool that comes or goes between two pages is in its place or missing, and no other is
    /// passed over.
    ///
    /// Cancel safe.
    ///
    /// # Errors
    /// [`Error::NotFound`] for a server that is not there; [`Error::InvalidInput`] for a cursor of nobody's.
    pub async fn list_tools(&self, input: &ToolsInput) -> Result<ToolsOutput, Error> {
        let known = self.known_listed().await;
        if let Some(server) = &input.server
            && !known.servers.keys().any(|name| name.as_str() == server)
        {
            return Err(self.no_server(server));
        }
        let cursor = input.cursor.as_deref().map(name_before).transpose()?;
        let cursor = cursor.as_deref();
        let of_server = |key: &ToolKey| input.server.as_deref().is_none_or(|server| key.server.as_str() == server);
        let mut tools: Vec<(String, &Tool)> = known
            .snapshot
            .entries()
            .iter()
            .filter(|entry| of_server(&entry.tool.key))
            .map(|entry| (entry.tool.key.to_string(), &*entry.tool))
            .filter(|(name, _)| cursor.is_none_or(|cursor| name.as_str() > cursor))
            .collect();
        tools.sort_by(|(a, _), (b, _)| a.cmp(b));
        let has_more = tools.len() > input.limit;
        tools.truncate(input.limit);
        let next_cursor = tools.last().filter(|_| has_more).map(|(name, _)| URL_SAFE_NO_PAD.encode(name));
        Ok(ToolsOutput { tools: tools.into_iter().map(|(_, tool)| ListedTool::of(tool)).collect(), next_cursor })
    }
}

/// The name that a cursor stands for. It is written so that nobody makes one himself and later ones may hold more.
fn name_before(cursor: &str) -> Result<String, Error> {
    let name = URL_SAFE_NO_PAD.decode(cursor).ok().and_then(|name| String::from_utf8(name).ok());
    let is_name = |name: &String| name.contains('.') && !name.chars().any(char::is_control);
    name.filter(is_name).ok_or_else(|| Error::InvalidInput { what: "`cursor` is none that a page gave".to_owned() })
}

/// All tools of one server.
pub(super) fn of_server(known: &Known, server: &ServerName) -> Vec<ListedTool> {
    let entries = known.snapshot.entries().iter().filter(|entry| entry.tool.key.server == *server);
    let mut tools: Vec<ListedTool> = entries.map(|entry| ListedTool::of(&entry.tool)).collect();
    tools.sort_by(|a, b| a.tool.cmp(&b.tool));
    tools
}
