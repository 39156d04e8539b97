//! Requests that pass to one server as they are, and what servers tell: for surfaces that show servers themselves.

use tokio::sync::broadcast;

use crate::domain::{CallParams, ServerName, Verb};
use crate::supervisor::{Request, SubscribedAt, Told};
use crate::traces::Span;
use crate::upstream::{Answer, Hello};

use super::observed::Watch;
use super::spans::{begin, told, traced};
use super::{Error, OpContext, Operations};

/// One request to one server.
#[derive(Debug, Clone, Copy)]
pub struct Forwarded<'a> {
    /// To whom.
    pub server: &'a ServerName,
    /// The method.
    pub method: &'a str,
    /// Raw members of `params`, without the braces and without `_meta`.
    pub members: &'a str,
    /// May it be tried again after a failure in the middle? Asking for lists and contents may.
    pub is_idempotent: bool,
    /// The tool, where one is called.
    pub tool: Option<&'a str>,
}

impl Operations {
    /// Sends a request as it is. A JSON-RPC error of the server is an answer.
    ///
    /// Cancel safe: the server is told that nobody waits any more.
    ///
    /// # Errors
    /// [`Error::Server`]: no answer came.
    pub async fn forward(&self, cx: &OpContext, asked: &Forwarded<'_>) -> Result<Answer, Error> {
        if asked.tool.is_some() {
            self.check_can_be_noted()?;
        }
        let watch = asked.tool.map(|tool| {
            let params = CallParams::Members(asked.members);
            Watch::begin(self, Verb::Forward, cx).calling(asked.server.as_str(), tool, params)
        });
        let mut span = begin(cx, asked);
        let ended = self.pool.request(&request(cx, asked, &span)).await;
        told(&mut span, &ended);
        let ended = ended.map_err(Error::from);
        self.answered.note(asked.server);
        if let Some(watch) = watch {
            watch.called(cx, &ended);
        }
        Ok(ended?.answer)
    }

    /// Which sessions of a server keep this caller's subscriptions: the same as another's, or others. Starts nothing.
    ///
    /// # Errors
    /// [`Error::Server`].
    pub fn subscribed_at(&self, cx: &OpContext, server: &ServerName) -> Result<SubscribedAt, Error> {
        Ok(self.pool.subscribed_at(server, &cx.behind, (!cx.is_anonymous).then_some(cx.caller.0))?)
    }

    /// Asks to be told when a resource changes, by its server's own URI. A JSON-RPC error of the server is an answer.
    ///
    /// Cancel safe.
    ///
    /// # Errors
    /// [`Error::Server`]: no answer came.
    pub async fn subscribe(&self, cx: &OpContext, at: &SubscribedAt, uri: &str) -> Result<Answer, Error> {
        let members = format!("\"uri\":{}", serde_json::Value::from(uri));
        let method = "resources/subscribe";
        let asked = Forwarded { server: at.server(), method, members: &members, is_idempotent: true, tool: None };
        let mut span = begin(cx, &asked);
        let ended = self.pool.request_at(at, &request(cx, &asked, &span)).await;
        told(&mut span, &ended);
        self.answered.note(at.server());
        Ok(ended?.answer)
    }

    /// Nobody in those sessions follows the resource any more. Tells those that run, and starts none.
    ///
    /// Cancel safe: then the server may go on telling what nobody hears.
    pub async fn unsubscribe(&self, at: &SubscribedAt, uri: &str) {
        self.pool.unsubscribe(at, uri).await;
    }

    /// What a server says of itself to this caller; starts it if need be.
    ///
    /// Cancel safe.
    ///
    /// # Errors
    /// [`Error::Server`].
    pub async fn hello(&self, cx: &OpContext, server: &ServerName) -> Result<Hello, Error> {
        Ok(self.pool.hello(server, &cx.behind, (!cx.is_anonymous).then_some(cx.caller.0)).await?)
    }

    /// Tells the servers that serve this caller alone.
    pub fn tell_servers(&self, cx: &OpContext, method: &str, params: Option<&str>) {
        self.pool.notify(cx.caller.0, method, params);
    }

    /// What servers tell from now on, not because of one request.
    #[must_use]
    pub fn follow_told(&self) -> broadcast::Receiver<Told> {
        self.pool.follow_told()
    }

    /// Whether the operator lets this tool be used: neither kept out by its server's entry nor hidden.
    #[must_use]
    pub fn is_tool_allowed(&self, server: &ServerName, tool: &str) -> bool {
        let hidden = &self.known.borrow().overruled.hidden;
        self.reconciler.takes(server, tool) && !hidden.keys().any(|key| key.server == *server && key.tool == tool)
    }

    /// Whether some tool of the server is kept out, so that its list does not pass as it is.
    #[must_use]
    pub fn keeps_tools_out(&self, server: &ServerName) -> bool {
        self.reconciler.keeps_tools_out(server)
            || self.known.borrow().overruled.hidden.keys().any(|key| key.server == *server)
    }
}

fn request<'a>(cx: &OpContext, asked: &Forwarded<'a>, span: &Span) -> Request<'a> {
    Request {
        server: asked.server,
        method: asked.method,
        members: asked.members,
        is_idempotent: asked.is_idempotent,
        client: (!cx.is_anonymous).then_some(cx.caller.0),
        progress: cx.progress.clone(),
        cancel: cx.cancel.clone(),
        behind: traced(&cx.behind, span),
    }
}
