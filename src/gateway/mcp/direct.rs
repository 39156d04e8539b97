//! Tools, prompts and resources of several servers, each by its own name with its server's before it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};

use crate::domain::{ServerName, Tool, ToolKey};
use crate::operations::OpContext;
use crate::reconcile::Known;
use crate::wire::Members;

use super::asked::{Asked, without_braces};
use super::calls::{Running, TOO_MANY};
use super::conversation::{Conversation, Front, INTERNAL_ERROR, INVALID_PARAMS, not_offered, refuse};
use super::exchange::{Exchange, Said};
use super::lists::{self, Kind, Listed};
use super::profile::{Selection, View};
use super::server_view::{Passed, keep_level, pass};
use super::{four_tools, hello, names, resources};

/// What is remembered of names, so that a call does not cost a list.
#[derive(Default)]
pub(super) struct Names {
    tools: Mutex<Vec<Built>>,
    /// The list of the routed view, without `fetch_result` and with it, and what it was built from.
    routed: [Mutex<Option<RoutedList>>; 2],
    pub(super) lists: lists::Lists,
}

/// The list of the four tools, and what it was made from.
type RoutedList = (Arc<Known>, Arc<str>);

/// The table of a view, and what it was built from.
type Built = (Selection, Arc<Known>, Arc<Table>);

/// The tools of one view.
struct Table {
    by_name: HashMap<String, Arc<Tool>>,
    /// Raw JSON; one text for all clients of the view.
    list: Arc<str>,
}

impl Names {
    fn tables(&self) -> MutexGuard<'_, Vec<Built>> {
        self.tools.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the server offers may be different now.
    pub(super) fn forget(&self, server: &ServerName) {
        self.lists.forget(server);
    }

    fn table(&self, known: &Arc<Known>, selection: &Selection) -> Arc<Table> {
        let mut tables = self.tables();
        if let Some((_, of, table)) = tables.iter().find(|(one, _, _)| one == selection)
            && Arc::ptr_eq(of, known)
        {
            return table.clone();
        }
        let mut table = Table::of(known, selection);
        if let Some((_, _, old)) = tables.iter().find(|(one, _, _)| one == selection) {
            table.list = same_or(&old.list, table.list);
        }
        let table = Arc::new(table);
        tables.retain(|(one, _, _)| one != selection);
        tables.push((selection.clone(), known.clone(), table.clone()));
        table
    }

    /// The raw list of tools of the routed view.
    pub(super) fn routed(&self, known: &Arc<Known>, has_handles: bool) -> Arc<str> {
        let mut built = self.routed[usize::from(has_handles)].lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((of, list)) = &*built
            && Arc::ptr_eq(of, known)
        {
            return list.clone();
        }
        let mut list: Arc<str> = four_tools::list(known, has_handles).to_string().into();
        if let Some((_, old)) = &*built {
            list = same_or(old, list);
        }
        *built = Some((known.clone(), list.clone()));
        list
    }
}

/// The old text where the new one is the same: then clients are found to know it without a look at all of it.
fn same_or(old: &Arc<str>, new: Arc<str>) -> Arc<str> {
    if *old == new { old.clone() } else { new }
}

impl Table {
    fn of(known: &Known, selection: &Selection) -> Self {
        let mut by_name = HashMap::new();
        let mut list = String::from("[");
        let shown = known.snapshot.entries().iter().filter(|entry| selection.has_tool(&entry.tool.key));
        for entry in shown {
            let tool = &entry.tool;
            let ToolKey { server, tool: own } = &tool.key;
            let name = match selection.is_bare {
                true => names::bare(server.as_str(), own, |name| by_name.contains_key(name)),
                false => names::shown(server.as_str(), own),
            };
            if list.len() > 1 {
                list.push(',');
            }
            list.push_str(&renamed(tool, &name, known));
            by_name.insert(name, tool.clone());
        }
        list.push(']');
        Self { by_name, list: list.into() }
    }
}

/// The tool object under another name, and with the operator's description where he gave one.
fn renamed(tool: &Tool, name: &str, known: &Known) -> String {
    let members = Members::parse(&tool.raw).unwrap_or_default();
    let description = Value::from(tool.description.as_str()).to_string();
    let is_changed = known.overruled.changed.contains_key(&tool.key);
    let mut changed = vec![("name", None)];
    if is_changed {
        changed.push(("description", Some(description.as_str())));
    }
    let rest = members.with(&changed);
    let rest = without_braces(&rest);
    let comma = if rest.is_empty() { "" } else { "," };
    format!("{{\"name\":{}{comma}{rest}}}", Value::from(name))
}

/// The raw list of tools of a view.
pub(super) fn list_text(front: &Front, known: &Arc<Known>, selection: &Selection) -> Arc<str> {
    front.direct.table(known, selection).list.clone()
}

/// The tool of that name in a view.
pub(super) fn find_tool(front: &Front, selection: &Selection, name: &str) -> Option<Arc<Tool>> {
    front.direct.table(&front.operations.known_now(), selection).by_name.get(name).cloned()
}

/// The answer to `initialize`.
pub(super) fn initialized(version: Option<&str>) -> Value {
    json!({
        "protocolVersion": hello::negotiated(version),
        "capabilities": hello::capabilities_of_all(),
        "serverInfo": hello::server_info(),
    })
}

/// The answer to any other request.
pub(super) fn answer(
    conversation: &Arc<Conversation>,
    selection: &Selection,
    asked: &Asked<'_>,
    exchange: &Arc<dyn Exchange>,
) {
    match asked.method {
        "server/discover" => {
            let mut result = json!({
                "supportedVersions": hello::MODERN_VERSIONS,
                "capabilities": hello::capabilities_of_all(),
            });
            hello::complete(&mut result);
            exchange.answer(Said::Result(result.to_string().into()));
        }
        "logging/setLevel" => {
            if keep_level(conversation, asked, exchange) {
                exchange.answer(Said::Result("{}".into()));
            }
        }
        "tools/list" => list_tools(conversation, selection, asked, exchange),
        "tools/call" => call(conversation, selection, asked, exchange),
        "prompts/list" => list(conversation, selection, Kind::Prompts, asked, exchange),
        "resources/list" => list(conversation, selection, Kind::Resources, asked, exchange),
        "resources/templates/list" => list(conversation, selection, Kind::Templates, asked, exchange),
        "resources/subscribe" | "resources/unsubscribe" => resources::answer(conversation, asked, exchange),
        "prompts/get" | "resources/read" | "completion/complete" => {
            if !conversation.came_back(asked, exchange) {
                to_owner(conversation, asked, exchange);
            }
        }
        method => not_offered(exchange, method),
    }
}

fn list_tools(
    conversation: &Arc<Conversation>,
    selection: &Selection,
    asked: &Asked<'_>,
    exchange: &Arc<dyn Exchange>,
) {
    let (conversation_2, selection) = (conversation.clone(), selection.clone());
    let (exchange, is_modern) = (exchange.clone(), asked.is_modern());
    conversation.tasks.spawn(async move {
        let front = &conversation_2.front;
        // A client that asks once must get all: unlike the four tools these are not the same without their servers.
        let known = front.operations.known_listed().await;
        let list = list_text(front, &known, &selection);
        exchange.answer(Said::Result(with_era("tools", &list, is_modern).into()));
    });
}

fn with_era(member: &str, list: &str, is_modern: bool) -> String {
    if !is_modern {
        return format!("{{\"{member}\":{list}}}");
    }
    let mut rest = json!({});
    hello::complete(&mut rest);
    let rest = rest.to_string();
    format!("{{\"{member}\":{list},{}}}", without_braces(&rest))
}

fn call(conversation: &Arc<Conversation>, selection: &Selection, asked: &Asked<'_>, exchange: &Arc<dyn Exchange>) {
    if conversation.came_back(asked, exchange) {
        return;
    }
    let Some(name) = asked.text("name") else {
        return refuse(exchange, INVALID_PARAMS, "params.name is missing", None);
    };
    let front = &conversation.front;
    let known = front.operations.known_now();
    let found = front.direct.table(&known, selection).by_name.get(&name).cloned();
    let Some(tool) = found else {
        let shown: String = name.chars().take(100).collect();
        return refuse(exchange, INVALID_PARAMS, &format!("there is no tool {shown:?}; tools/list shows all"), None);
    };
    let own = Value::from(tool.key.tool.as_str()).to_string();
    let passed = Passed {
        server: tool.key.server.clone(),
        method: "tools/call".to_owned(),
        members: asked.members(&[("name", Some(&own))]),
        is_idempotent: tool.is_idempotent,
        tool: Some(tool.key.tool.clone()),
    };
    pass(conversation, passed, asked, exchange, None);
}

fn list(
    conversation: &Arc<Conversation>,
    selection: &Selection,
    kind: Kind,
    asked: &Asked<'_>,
    exchange: &Arc<dyn Exchange>,
) {
    let Some(mut running) = Running::begin(conversation, asked, exchange) else {
        return refuse(exchange, INTERNAL_ERROR, TOO_MANY, None);
    };
    let (selection, is_modern) = (selection.clone(), asked.is_modern());
    conversation.tasks.clone().spawn(async move {
        let front = running.conversation.front.clone();
        let all = lists::all(&front, &running.cx, &selection, kind).await;
        let shown: Vec<String> = all.iter().map(Listed::shown).collect();
        running.end(Said::Result(with_era(kind.member(), &format!("[{}]", shown.join(",")), is_modern).into()));
    });
}

/// A request about one prompt or resource, to whoever has it.
fn to_owner(conversation: &Arc<Conversation>, asked: &Asked<'_>, exchange: &Arc<dyn Exchange>) {
    let Some(subject) = Subject::of(asked) else {
        let what = "params name neither a prompt nor a resource";
        return refuse(exchange, INVALID_PARAMS, what, None);
    };
    let method = asked.method.to_owned();
    let params = asked.params.map_or("{}", |params| params.get()).to_owned();
    let is_modern = asked.is_modern();
    let Some(mut running) = Running::begin(conversation, asked, exchange) else {
        return refuse(exchange, INTERNAL_ERROR, TOO_MANY, None);
    };
    conversation.tasks.clone().spawn(async move {
        let conversation = running.conversation.clone();
        let found = subject.owner(&conversation, &running.cx).await;
        let Some((server, own)) = found else {
            let what = format!("nobody has {}", subject.shown());
            let code = if is_modern || method == "prompts/get" { INVALID_PARAMS } else { -32002 };
            return running.end(Said::Error(code, &json!({"code": code, "message": what}).to_string()));
        };
        let members = subject.members(&params, &own);
        let forwarded = crate::operations::Forwarded {
            server: &server,
            method: &method,
            members: &members,
            is_idempotent: true,
            tool: None,
        };
        let answered = conversation.front.operations.forward(&running.cx, &forwarded).await;
        super::server_view::give(&mut running, answered, &method, is_modern, None);
    });
}

/// What a request is about.
struct Subject {
    name: String,
    is_prompt: bool,
    /// It stands in `ref`.
    is_reference: bool,
}

impl Subject {
    fn of(asked: &Asked<'_>) -> Option<Self> {
        match asked.method {
            "prompts/get" => Some(Self { name: asked.text("name")?, is_prompt: true, is_reference: false }),
            "completion/complete" => {
                let params: Value = serde_json::from_str(asked.params?.get()).ok()?;
                let is_prompt = params.pointer("/ref/type").and_then(Value::as_str) == Some("ref/prompt");
                let name = params.pointer(if is_prompt { "/ref/name" } else { "/ref/uri" })?.as_str()?.to_owned();
                Some(Self { name, is_prompt, is_reference: true })
            }
            _ => Some(Self { name: asked.text("uri")?, is_prompt: false, is_reference: false }),
        }
    }

    fn shown(&self) -> String {
        let what = if self.is_prompt { "the prompt" } else { "the resource" };
        format!("{what} {:?}", self.name.chars().take(200).collect::<String>())
    }

    async fn owner(&self, conversation: &Arc<Conversation>, cx: &OpContext) -> Option<(ServerName, String)> {
        if !self.is_prompt {
            return owner(conversation, cx, &self.name).await;
        }
        let View::Direct(selection) = &conversation.profile.view else { return None };
        let prompts = lists::all(&conversation.front, cx, selection, Kind::Prompts).await;
        prompts.into_iter().find(|one| one.shown_name == self.name).map(|one| (one.server, one.name))
    }

    /// The params' members with the owner's own name for it.
    fn members(&self, params: &str, own: &str) -> String {
        let own = Value::from(own).to_string();
        let key = if self.is_prompt { "name" } else { "uri" };
        let members = Members::parse(params).unwrap_or_default();
        let reference = members.member("ref").and_then(|raw| Members::parse(raw).ok()).unwrap_or_default();
        let reference = reference.with(&[(key, Some(&own))]);
        let changed = if self.is_reference { ("ref", Some(reference.as_str())) } else { (key, Some(own.as_str())) };
        without_braces(&members.with(&[("_meta", None), changed])).to_owned()
    }
}

/// A resource's name where its own is not clear.
pub(super) fn with_server(server: &ServerName, uri: &str) -> String {
    format!("{server}+{uri}")
}

/// Who has a resource, and what he calls it.
pub(super) async fn owner(conversation: &Arc<Conversation>, cx: &OpContext, uri: &str) -> Option<(ServerName, String)> {
    let front = &conversation.front;
    let selection = match &conversation.profile.view {
        View::Routed => return None,
        View::Server(server) => return Some((server.clone(), uri.to_owned())),
        View::Direct(selection) => selection,
    };
    if let Some((server, own)) = uri.split_once('+')
        && let Ok(server) = ServerName::parse(server)
        && selection.has_server(&server)
        && front.operations.known_now().servers.contains_key(&server)
    {
        return Some((server, own.to_owned()));
    }
    let resources = lists::all(front, cx, selection, Kind::Resources).await;
    if let Some(found) = resources.into_iter().find(|one| one.shown_name == uri) {
        return Some((found.server, found.name));
    }
    // Which template it was made from: the one that shares the longest beginning.
    let templates = lists::all(front, cx, selection, Kind::Templates).await;
    let start = |one: &Listed| one.shown_name.split('{').next().unwrap_or_default().len();
    let fits = |one: &&Listed| uri.starts_with(one.shown_name.split('{').next().unwrap_or_default());
    let best = templates.iter().filter(fits).max_by_key(|one| start(one));
    if let Some(best) = best.filter(|best| start(best) > 0) {
        return Some((best.server.clone(), uri.to_owned()));
    }
    let mut having = lists::servers_with(front, cx, selection, Kind::Resources).await;
    (having.len() == 1).then(|| (having.remove(0), uri.to_owned()))
}
