//! Who is behind a request: what the server may ask of him, and what it is told of him.

use std::fmt;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::domain::ServerName;
use crate::wire::Members;

/// The client behind a request, as far as a server can reach him through us.
pub trait Peer: Send + Sync {
    /// Which client; requests of one client may share what the server asks.
    fn client(&self) -> u64;

    /// The same client where no request of his is meant; `None` when he cannot be reached outside of one.
    fn outside(&self) -> Option<Arc<dyn Peer>>;

    /// The server asks for something. Must not block; the answer is given through the question, be it much later. A question
    /// that is dropped is answered with an error.
    fn ask(&self, ask: ServerAsk);

    /// The server tells something: method and raw `params`. Must not block.
    fn tell(&self, method: &str, params: &str);
}

/// How a request is to reach the server beside its method and params.
#[derive(Clone, Default)]
pub struct Behind {
    /// Who can be asked. `None`: nobody, and whatever the server asks is refused.
    pub peer: Option<Arc<dyn Peer>>,
    /// What he can be asked: the raw JSON object of his capabilities; `None` is `{}`.
    pub capabilities: Option<Arc<str>>,
    /// From which level on he wants log messages: a raw JSON text.
    pub log_level: Option<Arc<str>>,
    /// Further members of `_meta`, raw and without braces; none that the protocol itself sets on each hop.
    pub meta: Option<Arc<str>>,
    /// An `input_required` result of a modern server passes to him as it is. Without this the session asks him, and sends the
    /// request again with his answers.
    pub takes_input_required: bool,
    /// He speaks the stateless revisions: errors that only the older ones know mean nothing to him.
    pub is_modern: bool,
}

impl fmt::Debug for Behind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Behind").field("client", &self.peer.as_ref().map(|peer| peer.client())).finish_non_exhaustive()
    }
}

/// What a session is opened with: to a legacy server capabilities are told once.
#[derive(Clone, Default)]
pub struct Offer {
    /// Raw JSON object of capabilities; `None` is `{}`.
    pub capabilities: Option<Arc<str>>,
    /// Whose alone the session is, if it is one client's.
    pub client: Option<u64>,
    /// How he is asked outside of any request.
    pub peer: Option<Arc<dyn Peer>>,
}

impl fmt::Debug for Offer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Offer").field("capabilities", &self.capabilities).finish_non_exhaustive()
    }
}

/// Takes the answer to a question, as raw JSON: a result, or a JSON-RPC error object.
type Reply = Box<dyn FnOnce(Result<&str, &str>) + Send>;

/// A question of a server.
pub struct ServerAsk {
    /// `sampling/createMessage`, `elicitation/create`, `roots/list`, or what else it likes.
    pub method: String,
    /// Raw JSON; `{}` when it gave none.
    pub params: String,
    /// Cancelled when the server takes the question back, or is gone.
    pub withdrawn: CancellationToken,
    /// Whose session waits with it, if one does.
    pub held_up: Option<ServerName>,
    reply: Option<Reply>,
    back: Option<BackChannel>,
}

/// Takes notifications about a question to the server that asked it: method and raw params.
type BackChannel = Box<dyn Fn(&str, &str) + Send>;

impl fmt::Debug for ServerAsk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerAsk").field("method", &self.method).finish_non_exhaustive()
    }
}

impl ServerAsk {
    /// A question whose answer goes to `reply`.
    #[must_use]
    pub fn new(
        method: String,
        params: String,
        withdrawn: CancellationToken,
        reply: impl FnOnce(Result<&str, &str>) + Send + 'static,
    ) -> Self {
        Self { method, params, withdrawn, held_up: None, reply: Some(Box::new(reply)), back: None }
    }

    /// The same, of a session with this server that waits meanwhile, with a way back for notifications about it.
    #[must_use]
    pub fn of_session(mut self, server: ServerName, back: impl Fn(&str, &str) + Send + 'static) -> Self {
        self.held_up = Some(server);
        self.back = Some(Box::new(back));
        self
    }

    /// The token under which the server wants to hear of progress, raw JSON.
    #[must_use]
    pub fn progress_token(&self) -> Option<String> {
        let params = Members::parse(&self.params).ok()?;
        let meta = Members::parse(params.member("_meta")?).ok()?;
        meta.member("progressToken").map(str::to_owned)
    }

    /// Tells the server something about its question.
    pub fn tell(&self, method: &str, params: &str) {
        if let Some(back) = &self.back {
            back(method, params);
        }
    }

    /// Answers it: raw JSON of the result, or of a JSON-RPC error object.
    pub fn answer(mut self, answer: Result<&str, &str>) {
        if let Some(reply) = self.reply.take() {
            reply(answer);
        }
    }

    /// Answers it with an error of our own. `code` is JSON-RPC's.
    pub fn refuse(self, code: i64, message: &str) {
        let error = serde_json::json!({"code": code, "message": message}).to_string();
        self.answer(Err(&error));
    }
}

impl Drop for ServerAsk {
    fn drop(&mut self) {
        if let Some(reply) = self.reply.take() {
            reply(Err("{\"code\":-32603,\"message\":\"the client gave no answer\"}"));
        }
    }
}
