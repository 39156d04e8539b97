//! Prompts and resources of several servers. Unlike tools they are not in the catalog: their servers are asked, all at once,
//! and what they said is kept for a while.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;
use serde_json::value::RawValue;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::domain::{ServerName, error_chain};
use crate::operations::{Forwarded, OpContext};
use crate::wire::Members;

use super::asked::without_braces;
use super::conversation::Front;
use super::direct::with_server;
use super::names;
use super::profile::Selection;

/// How long a server's list is kept when it does not tell of changes. A guess.
const KEPT: Duration = Duration::from_secs(300);
/// Pages of one list that are followed.
const PAGES_MAX: usize = 100;
/// Entries that are kept of one server's list.
const ENTRIES_MAX: usize = 10_000;

/// What is listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    Prompts,
    Resources,
    Templates,
}

impl Kind {
    fn method(self) -> &'static str {
        match self {
            Self::Prompts => "prompts/list",
            Self::Resources => "resources/list",
            Self::Templates => "resources/templates/list",
        }
    }

    /// The member of the result.
    pub(super) fn member(self) -> &'static str {
        match self {
            Self::Prompts => "prompts",
            Self::Resources => "resources",
            Self::Templates => "resourceTemplates",
        }
    }

    /// The member of an entry that names it.
    fn key(self) -> &'static str {
        match self {
            Self::Prompts => "name",
            Self::Resources => "uri",
            Self::Templates => "uriTemplate",
        }
    }

    fn capability(self) -> &'static str {
        match self {
            Self::Prompts => "prompts",
            Self::Resources | Self::Templates => "resources",
        }
    }
}

/// One entry of a list.
#[derive(Debug, Clone)]
pub(super) struct Listed {
    pub(super) server: ServerName,
    /// What its server calls it.
    pub(super) name: String,
    /// What we call it.
    pub(super) shown_name: String,
    kind: Kind,
    raw: Arc<str>,
}

impl Listed {
    /// Raw JSON of the entry as clients see it.
    pub(super) fn shown(&self) -> String {
        if self.name == self.shown_name {
            return self.raw.to_string();
        }
        let members = Members::parse(&self.raw).unwrap_or_default();
        let rest = members.with(&[(self.kind.key(), None)]);
        let rest = without_braces(&rest);
        let comma = if rest.is_empty() { "" } else { "," };
        format!("{{\"{}\":{}{comma}{rest}}}", self.kind.key(), Value::from(self.shown_name.as_str()))
    }
}

/// Name and raw entry.
type Entries = Arc<Vec<(String, Arc<str>)>>;

/// What servers said lately.
#[derive(Default)]
pub(super) struct Lists(Mutex<HashMap<(Kind, ServerName), (Instant, Entries)>>);

impl Lists {
    fn lock(&self) -> MutexGuard<'_, HashMap<(Kind, ServerName), (Instant, Entries)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn forget(&self, server: &ServerName) {
        self.lock().retain(|(_, one), _| one != server);
    }
}

/// Everything of a kind in a view, in the order of the servers' names. A server that does not answer is left out, and named in
/// the log.
pub(super) async fn all(front: &Arc<Front>, cx: &OpContext, selection: &Selection, kind: Kind) -> Vec<Listed> {
    let mut asked = JoinSet::new();
    for server in servers(front, selection) {
        let (front, cx) = (front.clone(), OpContext { progress: None, ..cx.clone() });
        asked.spawn(async move {
            let entries = of_server(&front, &cx, &server, kind).await;
            (server, entries)
        });
    }
    let mut found: Vec<(ServerName, Entries)> = Vec::new();
    while let Some(ended) = asked.join_next().await {
        if let Ok((server, Some(entries))) = ended {
            found.push((server, entries));
        }
    }
    found.sort_by(|(a, _), (b, _)| a.cmp(b));
    let mut taken = HashSet::new();
    let mut listed = Vec::new();
    for (server, entries) in found {
        for (name, raw) in entries.iter() {
            let shown_name = match kind {
                Kind::Prompts => names::shown(server.as_str(), name),
                // A resource keeps its address, so that links to it hold; only a second one with the same is told apart.
                Kind::Resources | Kind::Templates if taken.contains(name) => with_server(&server, name),
                Kind::Resources | Kind::Templates => name.clone(),
            };
            taken.insert(shown_name.clone());
            listed.push(Listed { server: server.clone(), name: name.clone(), shown_name, kind, raw: raw.clone() });
        }
    }
    listed
}

/// The servers of a view that offer such things at all.
pub(super) async fn servers_with(
    front: &Arc<Front>,
    cx: &OpContext,
    selection: &Selection,
    kind: Kind,
) -> Vec<ServerName> {
    let mut having = Vec::new();
    for server in servers(front, selection) {
        if offers(front, cx, &server, kind).await {
            having.push(server);
        }
    }
    having
}

fn servers(front: &Front, selection: &Selection) -> Vec<ServerName> {
    let known = front.operations.known_now();
    let is_usable = |(name, view): &(&ServerName, &crate::reconcile::KnownServerView)| {
        view.refusal.is_none() && selection.has_server(name)
    };
    known.servers.iter().filter(is_usable).map(|(name, _)| name.clone()).collect()
}

async fn offers(front: &Front, cx: &OpContext, server: &ServerName, kind: Kind) -> bool {
    match front.operations.hello(cx, server).await {
        Ok(said) => Members::parse(&said.capabilities).is_ok_and(|all| all.member(kind.capability()).is_some()),
        Err(fault) => {
            tracing::info!(server.name = %server, error = %error_chain(&fault), "its {} are not listed", kind.member());
            false
        }
    }
}

async fn of_server(front: &Arc<Front>, cx: &OpContext, server: &ServerName, kind: Kind) -> Option<Entries> {
    let key = (kind, server.clone());
    if let Some((at, entries)) = front.direct.lists.lock().get(&key)
        && at.elapsed() < KEPT
    {
        return Some(entries.clone());
    }
    let entries = match offers(front, cx, server, kind).await {
        true => Arc::new(ask(front, cx, server, kind).await?),
        false => Entries::default(),
    };
    front.direct.lists.lock().insert(key, (Instant::now(), entries.clone()));
    Some(entries)
}

/// All pages of a list. `None`: it cannot be had.
async fn ask(front: &Front, cx: &OpContext, server: &ServerName, kind: Kind) -> Option<Vec<(String, Arc<str>)>> {
    let mut entries = Vec::new();
    let mut members = String::new();
    for _ in 0..PAGES_MAX {
        let forwarded = Forwarded { server, method: kind.method(), members: &members, is_idempotent: true, tool: None };
        let answer = match front.operations.forward(cx, &forwarded).await {
            Ok(answer) => answer,
            Err(fault) => {
                tracing::info!(server.name = %server, error = %error_chain(&fault), "its {} are not listed", kind.member());
                return None;
            }
        };
        // One that has none of this kind may say so with an error.
        let Ok(result) = answer.payload() else { return Some(entries) };
        let page = Members::parse(result).ok()?;
        let list: Vec<&RawValue> = serde_json::from_str(page.member(kind.member())?).ok()?;
        for raw in list {
            let entry = Members::parse(raw.get()).unwrap_or_default();
            if let Some(name) = entry.member(kind.key()).and_then(|name| serde_json::from_str(name).ok()) {
                entries.push((name, raw.get().into()));
            }
        }
        match page.member("nextCursor").filter(|cursor| *cursor != "null" && *cursor != "\"\"") {
            Some(cursor) if entries.len() < ENTRIES_MAX => members = format!("\"cursor\":{cursor}"),
            _ => break,
        }
    }
    entries.truncate(ENTRIES_MAX);
    Some(entries)
}
