//! What a server writes: answers to their waiters, notifications to their listeners, noise counted.

use std::ops::Range;
use std::sync::Arc;

use tokio::io::AsyncRead;
use tokio_util::sync::CancellationToken;

use crate::wire::{
    Envelope, EnvelopeKind, Line, LineReader, Members, error_line, is_method, notification_line, raw_error_line,
    result_line,
};

use super::session::{Notice, Shared};
use super::{Answer, Error, ServerAsk};

/// Questions of one server that may be open at once. A guess: one for each call in flight, and some more.
const ASKS_OPEN_MAX: usize = 256;

/// Reads until the server's stdout ends.
pub(super) async fn follow(shared: Arc<Shared>, stdout: impl AsyncRead + Unpin, line_bytes_max: usize) {
    let mut reader = LineReader::new(stdout, line_bytes_max);
    loop {
        match reader.next().await {
            Ok(Some(Line::Text(line))) => receive(&shared, line, None),
            Ok(Some(Line::NotUtf8(len))) => shared.note_noise(&format!("{len} bytes that are no UTF-8")),
            Ok(Some(Line::TooLong { len, ends })) => line_too_long(&shared, len, line_bytes_max, &ends),
            Ok(None) | Err(_) => break,
        }
    }
}

/// Takes one message. `about` is the request on whose own stream it came, if there are such streams.
pub(super) fn receive(shared: &Arc<Shared>, line: String, about: Option<u64>) {
    let Ok(envelope) = Envelope::parse(&line) else {
        return shared.note_noise(&line);
    };
    match envelope.kind() {
        EnvelopeKind::Answer => {
            let Some((id, payload, is_error)) = locate(&envelope, &line) else {
                return shared.note_noise(&line);
            };
            // From here on the line is the answer's: even a large one is moved, never copied.
            if !shared.pending.answer(id, Ok(Answer::new(line, payload, is_error))) {
                tracing::debug!(server.name = %shared.server, id, "an answer that nobody waits for");
            }
        }
        EnvelopeKind::Notification => receive_notification(shared, &envelope, about),
        EnvelopeKind::Request => answer_server(shared, &envelope, about),
        // JSON that is not JSON-RPC: some servers log so. Answering it makes a server that logs what it reads run in
        // circles.
        EnvelopeKind::Other => shared.note_noise(&line),
    }
}

/// Whose answer it is, where in the line its payload lies, and whether that is an error. `None` for an id that cannot
/// be ours.
fn locate(envelope: &Envelope<'_>, line: &str) -> Option<(u64, Range<usize>, bool)> {
    let id = own_id(envelope.id?.get())?;
    let (payload, is_error) = match (envelope.error, envelope.result) {
        (Some(error), _) => (error.get(), true),
        (None, Some(result)) => (result.get(), false),
        (None, None) => return None,
    };
    // Both are parts of the same string, so the distance of their addresses is the offset.
    let start = payload.as_ptr() as usize - line.as_ptr() as usize;
    Some((id, start..start + payload.len(), is_error))
}

fn receive_notification(shared: &Shared, envelope: &Envelope<'_>, about: Option<u64>) {
    let params = envelope.params.map_or("{}", |params| params.get());
    let method = envelope.method.as_deref().unwrap_or_default();
    if !is_method(method) {
        return;
    }
    match method {
        "notifications/progress" => {
            let token = member(params, "progressToken").and_then(|token| own_id(&token));
            if let Some(id) = token {
                shared.pending.progress(id, params);
            }
        }
        "notifications/cancelled" => {
            if let Some(ask) = member(params, "requestId").and_then(|id| shared.asks().remove(&id)) {
                ask.cancel();
            }
        }
        "notifications/tools/list_changed" => {
            (shared.notices)(Notice::ToolsChanged);
            (shared.notices)(Notice::Told(method.into(), params.into()));
        }
        "notifications/subscriptions/acknowledged" => {}
        // Those belong to what a client does at that moment, where it is clear who that is.
        "notifications/message" | "notifications/elicitation/complete" => match shared.peer(about) {
            Some((_, peer)) => peer.tell(method, params),
            None => (shared.notices)(Notice::Told(method.into(), params.into())),
        },
        _ => (shared.notices)(Notice::Told(method.into(), params.into())),
    }
}

/// The raw member of an object.
fn member(object: &str, name: &str) -> Option<String> {
    Members::parse(object).ok()?.member(name).map(str::to_owned)
}

/// A server's question goes to the client because of whom it asks, if that is clear.
fn answer_server(shared: &Arc<Shared>, envelope: &Envelope<'_>, about: Option<u64>) {
    let id = envelope.id.map_or("null", |id| id.get());
    let method = envelope.method.as_deref().unwrap_or_default();
    // A server that does not read is found out by its own calls.
    let answer = |line: &[u8]| {
        let _unread = shared.link.send(line);
    };
    if !is_method(method) {
        return answer(&error_line(id, -32601, "this is no method", None));
    }
    if method == "ping" {
        return answer(&result_line(id, "{}"));
    }
    if shared.offer.capabilities.is_none() {
        if method == "roots/list" {
            return answer(&result_line(id, "{\"roots\":[]}"));
        }
        return answer(&error_line(id, -32601, "this client offers no such method", None));
    }
    (shared.notices)(Notice::Asked);
    let Some((request, peer)) = shared.peer(about) else {
        let what = "several clients or none may be meant; ask while a request of the client is open";
        return answer(&error_line(id, -32601, what, None));
    };
    // A question is over with the request because of which it was asked.
    let over = request.and_then(|request| shared.pending.ask_opened(request));
    let withdrawn = over.map_or_else(CancellationToken::new, |over| over.child_token());
    {
        let mut asks = shared.asks();
        if asks.len() >= ASKS_OPEN_MAX || asks.contains_key(id) {
            drop(asks);
            request.into_iter().for_each(|request| shared.pending.ask_closed(request));
            return answer(&error_line(id, -32600, "too many questions are open, or two with this id", None));
        }
        asks.insert(id.to_owned(), withdrawn.clone());
    }
    let params = envelope.params.map_or("{}", |params| params.get()).to_owned();
    let back = {
        let shared = shared.clone();
        move |method: &str, params: &str| {
            let _unread = shared.link.send(&notification_line(method, params));
        }
    };
    let server = shared.server.clone();
    let (shared, id) = (shared.clone(), id.to_owned());
    let reply = move |said: Result<&str, &str>| {
        request.into_iter().for_each(|request| shared.pending.ask_closed(request));
        let Some(open) = shared.asks().remove(&id) else { return };
        // Whoever watched for its being taken back need not any more.
        open.cancel();
        let line = match said {
            Ok(result) => result_line(&id, result),
            Err(error) => raw_error_line(&id, error),
        };
        let _gone = shared.link.send(&line);
    };
    peer.ask(ServerAsk::new(method.to_owned(), params, withdrawn, reply).of_session(server, back));
}

fn line_too_long(shared: &Shared, len: usize, max: usize, ends: &str) {
    // The id stands at one of the ends, unless the server is up to something; then the time-out ends the call.
    let owner = ends.match_indices("\"id\":").filter_map(|(at, mark)| leading_id(&ends[at + mark.len()..]));
    for id in owner {
        let error = Error::AnswerTooLong { server: shared.server.clone(), len, max };
        if shared.pending.answer(id, Err(error)) {
            return;
        }
    }
    shared.note_noise(&format!("a line of {len} bytes, more than the {max} allowed"));
}

fn leading_id(text: &str) -> Option<u64> {
    let digits: String = text.trim_start().chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

/// Our ids are plain numbers; some servers send them back as text.
fn own_id(raw: &str) -> Option<u64> {
    raw.trim_matches('"').parse().ok()
}
