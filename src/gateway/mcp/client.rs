//! One client over two streams of lines: his lines in, his answers out.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::domain::Surface;
use crate::local_socket::Journal;
use crate::operations::{CallerId, Operations};
use crate::wire::{Envelope, EnvelopeKind, Line, LineWriter, WriteWatch};

use super::conversation::{Caller, ClientLimits, Conversation, Front, INVALID_REQUEST, PARSE_ERROR, refuse};
use super::exchange::{Exchange, LineExchange};
use super::{Profile, Streams};

/// How long calls in flight may take once the client has closed its side: scripts pipe requests in and read the answers,
/// but a client that was killed closes its side too, and reads no more.
const LAST_CALLS: Duration = Duration::from_secs(10);
/// How long cancelled calls may take to end, and the last answers to be read.
pub(super) const LAST_ANSWERS: Duration = Duration::from_millis(500);

/// What a session is beside its streams. `Default` is the only session of a process, from its beginning.
#[derive(Debug, Default)]
pub struct Session {
    /// Which client, where there are several.
    pub caller: CallerId,
    /// Where open requests are noted, if they must outlive this process.
    pub journal: Option<Arc<Journal>>,
    /// The client has been through `initialize` with a process that is no more.
    pub is_resumed: bool,
    /// What the client sees.
    pub profile: Arc<Profile>,
}

impl WriteWatch for Journal {
    fn mid_line(&self, is_mid_line: bool) {
        self.note_mid_line(is_mid_line);
    }

    fn written(&self, tokens: &[u64]) {
        for token in tokens {
            self.written(*token);
        }
    }
}

/// Serves one client until it closes its side or `stop` is cancelled. Calls in flight are cancelled then.
///
/// Not cancel safe: use `stop`.
///
/// # Errors
/// When the client's stream fails.
pub async fn serve(
    front: &Arc<Front>,
    streams: Streams,
    session: Session,
    stop: CancellationToken,
) -> std::io::Result<()> {
    let Streams { mut reader, mut writer } = streams;
    if let Some(journal) = &session.journal {
        writer = writer.watched(journal.clone());
        if session.is_resumed {
            journal.note_initialized();
        }
    }
    let (id, surface) = (session.caller, Surface::McpStdio);
    let caller = Caller { id, is_anonymous: false, principal: "stdio".into(), surface, from: None };
    let conversation = front.conversation(session.profile, caller, Arc::new(writer.clone()), &stop);
    if session.is_resumed {
        conversation.resume();
    }
    let client = Client { conversation, writer, journal: session.journal, stop };
    let ended = loop {
        let line = tokio::select! {
            line = reader.next() => line,
            () = client.stop.cancelled() => break Ok(()),
        };
        match line {
            Ok(Some(Line::Text(line))) => client.receive(&line),
            Ok(Some(Line::NotUtf8(_))) => client.refuse(PARSE_ERROR, "the message is not valid UTF-8"),
            Ok(Some(Line::TooLong { len, .. })) => {
                let what = format!("the message has {len} bytes, more than allowed (limits.client_line_bytes_max)");
                client.refuse(INVALID_REQUEST, &what);
            }
            Ok(None) => break Ok(()),
            Err(fault) => break Err(fault),
        }
    };
    // What the client wrote before it closed its side is answered: scripts pipe requests in and read the answers.
    if ended.is_ok() && !client.stop.is_cancelled() && client.conversation.is_busy() {
        let _cancelled_below = tokio::time::timeout(LAST_CALLS, client.drained()).await;
    }
    client.conversation.end().await;
    let _unread = tokio::time::timeout(LAST_ANSWERS, client.writer.flushed()).await;
    // A call that does not end must not keep the client's stream open.
    client.writer.close();
    ended
}

struct Client {
    conversation: Arc<Conversation>,
    writer: LineWriter,
    journal: Option<Arc<Journal>>,
    stop: CancellationToken,
}

impl Client {
    fn receive(&self, line: &str) {
        let Ok(envelope) = Envelope::parse(line) else {
            return self.conversation.receive(line, &self.exchange("null"));
        };
        let id = envelope.id.map_or("null", |id| id.get());
        let exchange = self.exchange(id);
        if envelope.kind() == EnvelopeKind::Request {
            if let Some(journal) = &self.journal
                && journal.open(id).is_err()
            {
                let most = Journal::ID_BYTES_MAX;
                let what = format!("too many requests are open, or the id has more than {most} bytes");
                return refuse(&exchange, INVALID_REQUEST, &what, None);
            }
            let is_hello = envelope.method.as_deref() == Some("initialize");
            if let Some(journal) = self.journal.as_ref().filter(|_| is_hello) {
                journal.note_initialized();
            }
        }
        self.conversation.receive_envelope(&envelope, &exchange);
    }

    fn exchange(&self, id: &str) -> Arc<dyn Exchange> {
        Arc::new(LineExchange {
            id: id.to_owned(),
            writer: self.writer.clone(),
            journal: self.journal.clone(),
            stop: self.stop.clone(),
        })
    }

    fn refuse(&self, code: i64, what: &str) {
        refuse(&self.exchange("null"), code, what, None);
    }

    /// Waits until no call is in flight, or nobody is left to read the answers.
    async fn drained(&self) {
        let mut look = tokio::time::interval(Duration::from_millis(10));
        while self.conversation.is_busy() && !self.writer.is_closed() {
            tokio::select! {
                _ = look.tick() => {}
                () = self.stop.cancelled() => return,
            }
        }
    }
}

/// The front of a process that serves one client alone.
#[must_use]
pub fn front(operations: Arc<Operations>, limits: ClientLimits) -> Arc<Front> {
    Front::new(operations, limits, Arc::new(AtomicUsize::new(0)))
}
