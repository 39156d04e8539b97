//! What a server writes: answers to their waiters, notifications to their listeners, noise counted.

use std::ops::Range;
use std::sync::Arc;

use tokio::process::ChildStdout;

use crate::wire::{Envelope, EnvelopeKind, Line, LineReader, error_line, result_line};

use super::session::{Notice, Shared};
use super::{Answer, Error};

/// Reads until the server's stdout ends.
pub(super) async fn follow(shared: Arc<Shared>, stdout: ChildStdout, line_bytes_max: usize) {
    let mut reader = LineReader::new(stdout, line_bytes_max);
    loop {
        match reader.next().await {
            Ok(Some(Line::Text(line))) => receive(&shared, line),
            Ok(Some(Line::NotUtf8(len))) => shared.note_noise(&format!("{len} bytes that are no UTF-8")),
            Ok(Some(Line::TooLong { len, ends })) => line_too_long(&shared, len, line_bytes_max, &ends),
            Ok(None) | Err(_) => break,
        }
    }
}

fn receive(shared: &Shared, line: String) {
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
        EnvelopeKind::Notification => receive_notification(shared, &envelope),
        EnvelopeKind::Request => answer_server(shared, &envelope),
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

fn receive_notification(shared: &Shared, envelope: &Envelope<'_>) {
    #[derive(serde::Deserialize)]
    struct Progress<'a> {
        #[serde(borrow, rename = "progressToken")]
        token: &'a serde_json::value::RawValue,
    }
    let params = envelope.params.map_or("{}", |params| params.get());
    match envelope.method.as_deref() {
        Some("notifications/progress") => {
            let token = serde_json::from_str::<Progress<'_>>(params).ok().and_then(|about| own_id(about.token.get()));
            if let Some(id) = token {
                shared.pending.progress(id, params);
            }
        }
        Some("notifications/tools/list_changed") => (shared.notices)(Notice::ToolsChanged),
        _ => {}
    }
}

/// We declare no capabilities, so a server may ask for nothing but a sign of life.
fn answer_server(shared: &Shared, envelope: &Envelope<'_>) {
    let id = envelope.id.map_or("null", |id| id.get());
    let line = match envelope.method.as_deref() {
        Some("ping") => result_line(id, "{}"),
        Some("roots/list") => result_line(id, "{\"roots\":[]}"),
        _ => error_line(id, -32601, "this client offers no such method", None),
    };
    // A server that does not read is found out by its own calls.
    let _unread = shared.writer.send(&line);
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
