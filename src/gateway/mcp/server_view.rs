//! One server as it is: what it says passes as it said it, but for what the client's revision wants otherwise.

use std::sync::Arc;

use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::domain::{ServerName, ToolKey};
use crate::operations::{Error, Forwarded};
use crate::upstream::{Answer, Era, Hello};
use crate::wire::Members;

use super::asked::Asked;
use super::calls::{Running, TOO_MANY};
use super::conversation::{Conversation, INTERNAL_ERROR, INVALID_PARAMS, METHOD_NOT_FOUND, not_offered, refuse};
use super::exchange::{Exchange, Said};
use super::{answer, hello, resources};

/// The answer of the view to `initialize`.
pub(super) fn initialize(
    conversation: &Arc<Conversation>,
    server: &ServerName,
    version: Option<String>,
    asked: &Asked<'_>,
    exchange: &Arc<dyn Exchange>,
) {
    let server = server.clone();
    with_hello(conversation, server, asked, exchange, move |running, said| {
        let result = json!({
            "protocolVersion": hello::negotiated(version.as_deref()),
            "capabilities": capabilities(said, false),
            "serverInfo": raw(&said.server_info),
            "instructions": said.instructions,
        });
        running.conversation.set_initialized();
        result
    });
}

/// The answer to any other request.
pub(super) fn answer(
    conversation: &Arc<Conversation>,
    server: &ServerName,
    asked: &Asked<'_>,
    exchange: &Arc<dyn Exchange>,
) {
    match asked.method {
        "server/discover" => with_hello(conversation, server.clone(), asked, exchange, |_, said| {
            json!({
                "resultType": "complete",
                "supportedVersions": hello::MODERN_VERSIONS,
                "capabilities": capabilities(said, true),
                "instructions": said.instructions,
                "ttlMs": 0,
                "cacheScope": "private",
                "_meta": {hello::META_SERVER: raw(&said.server_info)},
            })
        }),
        "logging/setLevel" => set_level(conversation, server, asked, exchange),
        "tools/call" => call(conversation, server, asked, exchange),
        "tools/list" if conversation.front.operations.keeps_tools_out(server) => {
            let (conversation_2, server_2) = (conversation.clone(), server.clone());
            let filter = move |result: &str| without_kept_out(&conversation_2, &server_2, result);
            pass(conversation, Passed::of(server, asked), asked, exchange, Some(Box::new(filter)));
        }
        "resources/subscribe" | "resources/unsubscribe" => resources::answer(conversation, asked, exchange),
        // No client of the older revisions is offered tasks.
        method if is_of_tasks(method) && !asked.is_modern() => not_offered(exchange, method),
        _ => {
            if !conversation.came_back(asked, exchange) {
                pass(conversation, Passed::of(server, asked), asked, exchange, None);
            }
        }
    }
}

/// What passes to a server.
pub(super) struct Passed {
    pub(super) server: ServerName,
    pub(super) method: String,
    /// Raw members of the params.
    pub(super) members: String,
    pub(super) is_idempotent: bool,
    /// The tool, where one is called.
    pub(super) tool: Option<String>,
}

impl Passed {
    /// The request as it is.
    pub(super) fn of(server: &ServerName, asked: &Asked<'_>) -> Self {
        let is_idempotent =
            ["/list", "/get", "/read", "/complete", "/setLevel"].iter().any(|end| asked.method.ends_with(end));
        let (method, members) = (asked.method.to_owned(), asked.members(&[]));
        Self { server: server.clone(), method, members, is_idempotent, tool: None }
    }
}

/// Makes another result of a result, both raw.
pub(super) type Change = Box<dyn FnOnce(&str) -> Option<String> + Send>;

/// Passes a request on, and its answer back.
pub(super) fn pass(
    conversation: &Arc<Conversation>,
    passed: Passed,
    asked: &Asked<'_>,
    exchange: &Arc<dyn Exchange>,
    change: Option<Change>,
) {
    let Some(mut running) = Running::begin(conversation, asked, exchange) else {
        return refuse(exchange, INTERNAL_ERROR, TOO_MANY, None);
    };
    let is_modern = asked.is_modern();
    // In a box, since a task is moved several times on its way to the runtime, and this one is large.
    conversation.tasks.clone().spawn(Box::pin(async move {
        let Passed { server, method, members, is_idempotent, tool } = passed;
        let tool = tool.as_deref();
        let forwarded = Forwarded { server: &server, method: &method, members: &members, is_idempotent, tool };
        let operations = running.conversation.front.operations.clone();
        if is_of_tasks(&method)
            && operations.hello(&running.cx, &server).await.is_ok_and(|said| said.era == Era::Legacy)
        {
            // Of a session that several clients share.
            let error = json!({"code": METHOD_NOT_FOUND, "message": "this server has no tasks for you"}).to_string();
            return running.end(Said::Error(METHOD_NOT_FOUND, &error));
        }
        let answered = operations.forward(&running.cx, &forwarded).await;
        give(&mut running, answered, &method, is_modern, change);
    }));
}

/// Gives a server's answer to the client, in his era's words.
pub(super) fn give(
    running: &mut Running,
    answered: Result<Answer, Error>,
    method: &str,
    is_modern: bool,
    change: Option<Change>,
) {
    match answered {
        Ok(answer) => match answer.into_payload() {
            Ok(result) => {
                let changed = change.and_then(|change| change(&result));
                let result = answer::in_era(changed.unwrap_or(result), method, is_modern);
                running.end(Said::Result(result.into()));
            }
            Err(error) => {
                let (code, error) = answer::error_in_era(&error, method, is_modern);
                running.end(Said::Error(code, &error));
            }
        },
        Err(fault) => {
            let error = json!({"code": INTERNAL_ERROR, "message": fault.one_line()}).to_string();
            running.end(Said::Error(INTERNAL_ERROR, &error));
        }
    }
}

fn call(conversation: &Arc<Conversation>, server: &ServerName, asked: &Asked<'_>, exchange: &Arc<dyn Exchange>) {
    if conversation.came_back(asked, exchange) {
        return;
    }
    let Some(name) = asked.text("name") else {
        return refuse(exchange, INVALID_PARAMS, "params.name is missing", None);
    };
    let operations = &conversation.front.operations;
    if !operations.is_tool_allowed(server, &name) {
        // The same as for one that does not exist: what is kept out is not told.
        let shown: String = name.chars().take(100).collect();
        return refuse(exchange, INVALID_PARAMS, &format!("there is no tool {shown:?}"), None);
    }
    let key = ToolKey { server: server.clone(), tool: name };
    let known = operations.known_now();
    let tool = known.snapshot.find(&key).map(|row| known.snapshot.entries()[row].tool.clone());
    let is_idempotent = tool.is_some_and(|tool| tool.is_idempotent);
    let passed = Passed { is_idempotent, tool: Some(key.tool), ..Passed::of(server, asked) };
    pass(conversation, passed, asked, exchange, None);
}

/// Keeps the level for what passes from now on, and tells a server that wants to hear of it.
fn set_level(conversation: &Arc<Conversation>, server: &ServerName, asked: &Asked<'_>, exchange: &Arc<dyn Exchange>) {
    if !keep_level(conversation, asked, exchange) {
        return;
    }
    let Some(mut running) = Running::begin(conversation, asked, exchange) else {
        return refuse(exchange, INTERNAL_ERROR, TOO_MANY, None);
    };
    let server = server.clone();
    conversation.tasks.clone().spawn(async move {
        let operations = running.conversation.front.operations.clone();
        let said = match operations.hello(&running.cx, &server).await {
            Ok(said) => said,
            Err(fault) => return give(&mut running, Err(fault), "logging/setLevel", false, None),
        };
        // A modern server is told with each request.
        if said.era == Era::Modern {
            return running.end(Said::Result("{}".into()));
        }
        if memchr::memmem::find(said.capabilities.as_bytes(), b"\"logging\"").is_none() {
            let error =
                json!({"code": METHOD_NOT_FOUND, "message": "this server keeps no log for clients"}).to_string();
            return running.end(Said::Error(METHOD_NOT_FOUND, &error));
        }
        // With any request it is told what the one who wants most of its clients wants.
        let forwarded = Forwarded { server: &server, method: "ping", members: "", is_idempotent: true, tool: None };
        let answered = operations.forward(&running.cx, &forwarded).await;
        give(&mut running, answered, "logging/setLevel", false, Some(Box::new(|_| Some("{}".to_owned()))));
    });
}

/// False: it is no level, and that was answered.
pub(super) fn keep_level(conversation: &Arc<Conversation>, asked: &Asked<'_>, exchange: &Arc<dyn Exchange>) -> bool {
    const LEVELS: &str = "debug info notice warning error critical alert emergency";
    let level = asked.text("level").filter(|level| LEVELS.split(' ').any(|known| known == level));
    let Some(level) = level else {
        refuse(exchange, INVALID_PARAMS, &format!("params.level must be one of: {LEVELS}"), None);
        return false;
    };
    conversation.set_log_level(&Value::from(level).to_string());
    true
}

/// Asks the server who it is, and makes an answer of that.
fn with_hello(
    conversation: &Arc<Conversation>,
    server: ServerName,
    asked: &Asked<'_>,
    exchange: &Arc<dyn Exchange>,
    result: impl FnOnce(&Running, &Hello) -> Value + Send + 'static,
) {
    let Some(mut running) = Running::begin(conversation, asked, exchange) else {
        return refuse(exchange, INTERNAL_ERROR, TOO_MANY, None);
    };
    conversation.tasks.clone().spawn(async move {
        let operations = running.conversation.front.operations.clone();
        match operations.hello(&running.cx, &server).await {
            Ok(said) => {
                let mut result = result(&running, &said);
                if said.instructions.is_empty()
                    && let Some(members) = result.as_object_mut()
                {
                    members.shift_remove("instructions");
                }
                running.end(Said::Result(result.to_string().into()));
            }
            Err(fault) => {
                let error = json!({"code": INTERNAL_ERROR, "message": fault.one_line()}).to_string();
                running.end(Said::Error(INTERNAL_ERROR, &error));
            }
        }
    });
}

fn is_of_tasks(method: &str) -> bool {
    method.starts_with("tasks/")
}

/// What the server offers, for a client of the other era too.
fn capabilities(said: &Hello, for_modern: bool) -> Value {
    let mut capabilities = raw(&said.capabilities);
    if let Some(members) = capabilities.as_object_mut() {
        // Tasks are an extension in one era and a capability in the other, and different things. Those of a legacy server belong
        // to a session, which several clients share here: who asked for the list of them would see those of others.
        if said.era == Era::Legacy {
            members.shift_remove("tasks");
        } else if !for_modern {
            members.shift_remove("extensions");
        }
    }
    capabilities
}

fn raw(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| json!({}))
}

/// A list of tools without those that the operator keeps out.
fn without_kept_out(conversation: &Conversation, server: &ServerName, result: &str) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Named {
        #[serde(default)]
        name: String,
    }
    let members = Members::parse(result).ok()?;
    let tools: Vec<&RawValue> = serde_json::from_str(members.member("tools")?).ok()?;
    let is_shown = |tool: &&RawValue| {
        let named: Named = serde_json::from_str(tool.get()).unwrap_or(Named { name: String::new() });
        conversation.front.operations.is_tool_allowed(server, &named.name)
    };
    let shown: Vec<&str> = tools.into_iter().filter(is_shown).map(RawValue::get).collect();
    Some(members.with(&[("tools", Some(&format!("[{}]", shown.join(","))))]))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::capabilities;
    use crate::upstream::{Era, Hello};

    #[test]
    fn tasks_of_a_legacy_server_are_offered_to_nobody() {
        let check = |era: Era, for_modern: bool, expected: serde_json::Value| {
            let said = Hello {
                era,
                protocol_version: String::new(),
                name: String::new(),
                version: String::new(),
                instructions: String::new(),
                capabilities: r#"{"tools":{},"tasks":{"list":{}},"extensions":{"a":{}}}"#.into(),
                server_info: "{}".into(),
                has_tools: true,
                tells_tool_changes: false,
            };
            assert_eq!(capabilities(&said, for_modern), expected, "{era:?} {for_modern}");
        };
        let (tasks, extensions) = (json!({"list": {}}), json!({"a": {}}));
        check(Era::Legacy, false, json!({"tools": {}, "extensions": extensions}));
        check(Era::Legacy, true, json!({"tools": {}, "extensions": extensions}));
        check(Era::Modern, false, json!({"tools": {}, "tasks": tasks}));
        check(Era::Modern, true, json!({"tools": {}, "tasks": tasks, "extensions": extensions}));
    }
}
