//! What a server tells by itself, because it was asked to: changes of its lists, and of single resources.

use serde_json::{Value, json};

use super::{Answer, Behind, CallOptions, Era, Error, Phase, Session, params};

impl Session {
    /// Asks a modern server to tell of every change of its lists that it can tell of. The answer never comes, so nobody waits
    /// for it; what is told comes as notices. Legacy servers tell unasked.
    pub(super) fn listen(&self, capabilities: &Value) {
        let tells = |path: &str| capabilities.pointer(path).and_then(Value::as_bool).unwrap_or(false);
        let mut wanted = serde_json::Map::new();
        for (path, name) in [
            ("/tools/listChanged", "toolsListChanged"),
            ("/prompts/listChanged", "promptsListChanged"),
            ("/resources/listChanged", "resourcesListChanged"),
        ] {
            if tells(path) {
                wanted.insert(name.to_owned(), true.into());
            }
        }
        if !wanted.is_empty() {
            self.open_stream(&Value::Object(wanted));
        }
    }

    /// Asks the server to tell when a resource changes. For a modern server a stream of its own is opened, which lasts as long
    /// as the session, or until [`Session::unsubscribe`].
    ///
    /// Cancel safe.
    ///
    /// # Errors
    /// [`Error`]; a JSON-RPC error comes back as an answer.
    pub async fn subscribe(&self, uri: &str, options: &CallOptions) -> Result<Answer, Error> {
        match self.hello().era {
            Era::Legacy => self.forward("resources/subscribe", &members(uri), options).await,
            Era::Modern => {
                let id = self.open_stream(&json!({"resourceSubscriptions": [uri]}));
                let before = self.shared().streams().insert(uri.to_owned(), id);
                before.into_iter().for_each(|id| self.close_stream(id));
                Ok(Answer::of_result("{}".to_owned()))
            }
        }
    }

    /// The opposite.
    ///
    /// Cancel safe.
    ///
    /// # Errors
    /// As [`Session::subscribe`].
    pub async fn unsubscribe(&self, uri: &str, options: &CallOptions) -> Result<Answer, Error> {
        match self.hello().era {
            Era::Legacy => self.forward("resources/unsubscribe", &members(uri), options).await,
            Era::Modern => {
                let open = self.shared().streams().remove(uri);
                open.into_iter().for_each(|id| self.close_stream(id));
                Ok(Answer::of_result("{}".to_owned()))
            }
        }
    }

    fn open_stream(&self, wanted: &Value) -> u64 {
        let shared = self.shared();
        let (id, _never_answered) = shared.pending.register(None, None);
        shared.pending.forget(id);
        let members = format!("\"notifications\":{wanted}");
        let (era, phase, behind) = (Some(Era::Modern), Phase::Start, Behind::default());
        let line = params::request_line(id, "subscriptions/listen", &members, era, phase, &behind);
        let _unread = shared.link.send(&line);
        id
    }

    fn close_stream(&self, id: u64) {
        self.notify("notifications/cancelled", Some(&format!("{{\"requestId\":{id}}}")));
    }
}

fn members(uri: &str) -> String {
    format!("\"uri\":{}", serde_json::to_string(uri).expect("a string serialises"))
}
