//! What the fixture says: results in the form of the asker's era, notifications to whoever wants them.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};

use super::asking::Asking;
use super::request::Request;
use super::subscriptions::{Subject, Subscription};
use crate::demo_server::output::Output;

/// Levels of log messages, from the most to the least talkative.
const LEVELS: [&str; 8] = ["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"];
/// How long a client may keep a list, in milliseconds. Lists change only when a tool is told to change them.
const LIST_TTL_MS: u32 = 60_000;
/// How long a client may keep a resource: not at all, since one of them changes.
const RESOURCE_TTL_MS: u32 = 0;

/// One connection, shared by all threads.
pub(super) struct Wire {
    output: Arc<Output>,
    server_info: String,
    /// The client that shook hands, if one did.
    legacy: Mutex<Option<LegacyClient>>,
    subscriptions: Mutex<Vec<Subscription>>,
    /// What a legacy client was asked.
    pub(super) asking: Asking,
}

#[derive(Clone)]
struct LegacyClient {
    capabilities: Value,
    level: &'static str,
    /// Resources that it wants to hear about.
    watched: Vec<String>,
}

impl Wire {
    pub(super) fn new(output: Arc<Output>, server_info: String) -> Self {
        let (legacy, subscriptions) = (Mutex::default(), Mutex::default());
        Self { output, server_info, legacy, subscriptions, asking: Asking::default() }
    }

    /// Answers with a whole result, an object.
    pub(super) fn result(&self, request: &Request, result: &Value) -> io::Result<()> {
        self.raw_result(request, &result.to_string(), "complete")
    }

    /// The same, for a list that may be kept for a while.
    pub(super) fn list(&self, request: &Request, mut result: Value) -> io::Result<()> {
        if request.is_modern {
            result["ttlMs"] = json!(LIST_TTL_MS);
            result["cacheScope"] = json!("public");
        }
        self.result(request, &result)
    }

    /// The same, for the contents of a resource.
    pub(super) fn resource(&self, request: &Request, mut result: Value) -> io::Result<()> {
        if request.is_modern {
            result["ttlMs"] = json!(RESOURCE_TTL_MS);
            result["cacheScope"] = json!("private");
        }
        self.result(request, &result)
    }

    /// Answers with a result of any type, given as the JSON text of an object without metadata.
    pub(super) fn raw_result(&self, request: &Request, object: &str, result_type: &str) -> io::Result<()> {
        if !request.is_modern {
            return self.output.result(&request.id, &[object.as_bytes()]);
        }
        let open = object.strip_suffix('}').unwrap_or(object);
        let comma = if open == "{" { "" } else { "," };
        let info = &self.server_info;
        let tail =
            format!(r#"{comma}"resultType":"{result_type}","_meta":{{"io.modelcontextprotocol/serverInfo":{info}}}}}"#);
        self.output.result(&request.id, &[open.as_bytes(), tail.as_bytes()])
    }

    /// Answers with an error; `data` may be null for none.
    pub(super) fn error(&self, request: &Request, code: i32, message: &str, data: &Value) -> io::Result<()> {
        let data = if data.is_null() { String::new() } else { data.to_string() };
        self.output.error(&request.id, code, message, &data)
    }

    /// Tells how far a request is, if it wants to know.
    pub(super) fn progress(&self, request: &Request, done: u32, total: u32, message: &str) -> io::Result<()> {
        let Some(token) = request.progress_token() else { return Ok(()) };
        let message = if message.is_empty() { String::new() } else { format!(",\"message\":{}", Value::from(message)) };
        let params = format!(r#"{{"progressToken":{token},"progress":{done},"total":{total}{message}}}"#);
        self.output.notify("notifications/progress", &params)
    }

    /// Logs something about a request: for a modern one if it asks for that level, for a legacy client if it set none
    /// above.
    pub(super) fn log(&self, request: &Request, level: &str, text: &str) -> io::Result<()> {
        let least = if request.is_modern {
            let Some(least) = request.log_level() else { return Ok(()) };
            least.to_owned()
        } else {
            self.legacy().as_ref().map_or("debug", |client| client.level).to_owned()
        };
        if level_number(level) < level_number(&least) {
            return Ok(());
        }
        let params = json!({"level": level, "logger": "conformance", "data": text});
        self.output.notify("notifications/message", &params.to_string())
    }

    /// Sends a notification to a legacy client.
    pub(super) fn notify(&self, method: &str, params: &Value) -> io::Result<()> {
        self.output.notify(method, &params.to_string())
    }

    /// Sends a request of our own to a legacy client.
    pub(super) fn ask(&self, id: u64, method: &str, params: &Value) -> io::Result<()> {
        let line = json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}).to_string();
        self.output.line(line.as_bytes())
    }

    /// A handshake: what the client can do counts until the next one.
    pub(super) fn shake_hands(&self, capabilities: Value) {
        *self.legacy() = Some(LegacyClient { capabilities, level: "debug", watched: Vec::new() });
    }

    /// What the client of the handshake can do.
    pub(super) fn legacy_capabilities(&self) -> Value {
        self.legacy().as_ref().map_or(Value::Null, |client| client.capabilities.clone())
    }

    /// Sets the level of log messages for the legacy client; false when there is no such level.
    pub(super) fn set_level(&self, level: &str) -> bool {
        let Some(known) = LEVELS.into_iter().find(|known| *known == level) else { return false };
        if let Some(client) = self.legacy().as_mut() {
            client.level = known;
        }
        true
    }

    /// Makes the legacy client hear of a resource, or no longer.
    pub(super) fn watch(&self, uri: &str, is_wanted: bool) {
        if let Some(client) = self.legacy().as_mut() {
            client.watched.retain(|watched| watched != uri);
            if is_wanted && client.watched.len() < Subscription::NAMES_MAX {
                client.watched.push(uri.to_owned());
            }
        }
    }

    /// Opens a subscription of a modern client, and acknowledges it.
    pub(super) fn subscribe(&self, subscription: Subscription) -> io::Result<()> {
        // The lock is held over both, so that nothing is told before the acknowledgement.
        let mut subscriptions = self.subscriptions();
        let params = subscription.tagged(subscription.agreed());
        subscriptions.push(subscription);
        self.notify("notifications/subscriptions/acknowledged", &params)
    }

    /// Number of open subscriptions.
    pub(super) fn subscription_count(&self) -> usize {
        self.subscriptions().len()
    }

    /// Ends the subscription of that request without a word, as its client asked.
    pub(super) fn unsubscribe(&self, id: &str) {
        self.subscriptions().retain(|open| open.id != id);
    }

    /// Tells everybody who wants to know that something changed.
    pub(super) fn tell(&self, subject: &Subject<'_>) -> io::Result<()> {
        let is_wanted = self.legacy().as_ref().is_some_and(|client| match subject {
            Subject::Tools | Subject::Prompts | Subject::Resources => true,
            Subject::Resource(uri) => client.watched.iter().any(|watched| watched == uri),
            Subject::Task(..) => false,
        });
        if is_wanted {
            self.notify(subject.method(), &subject.params())?;
        }
        for subscription in self.subscriptions().iter().filter(|open| open.wants(subject)) {
            self.notify(subject.method(), &subscription.tagged(subject.params()))?;
        }
        Ok(())
    }

    /// Ends all subscriptions properly. The client is leaving, so that failures to write no longer matter.
    pub(super) fn close(&self) {
        self.asking.close();
        for subscription in self.subscriptions().drain(..) {
            let mut result = subscription.tagged(json!({"resultType": "complete"}));
            let info = serde_json::from_str(&self.server_info).unwrap_or_default();
            result["_meta"]["io.modelcontextprotocol/serverInfo"] = info;
            self.output.result(&subscription.id, &[result.to_string().as_bytes()]).ok();
        }
    }

    fn legacy(&self) -> MutexGuard<'_, Option<LegacyClient>> {
        self.legacy.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn subscriptions(&self) -> MutexGuard<'_, Vec<Subscription>> {
        self.subscriptions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// There is such a level.
pub(super) fn is_level(level: &str) -> bool {
    LEVELS.contains(&level)
}

fn level_number(level: &str) -> usize {
    LEVELS.iter().position(|known| *known == level).unwrap_or(LEVELS.len())
}
