//! Sessions of the older revisions: each is one client, known by an id that cannot be guessed, and by who began it.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::Duration;

use tokio::time::Instant;

use crate::domain::Surface;
use crate::gateway::mcp::{Caller, Conversation, Front, Profile};
use crate::operations::CallerId;
use crate::wire::Members;

use super::events::EventStream;
use super::service::Limits;

/// Streams of a session that are kept after their end. A guess: a client that lost its connection comes back at once.
const STREAMS_KEPT: usize = 8;
/// When a client that lost its connection should come back.
const RETRY: Duration = Duration::from_millis(500);
/// The first revision whose clients understand an event without a message.
const PRIMED_FROM: &str = "2025-11-25";
/// The one revision that has several messages in one.
const BATCHED_IN: &str = "2025-03-26";
/// Of the id of a session: more than can be tried.
const ID_BYTES: usize = 24;

/// One client.
pub(super) struct Session {
    pub(super) id: String,
    pub(super) caller: CallerId,
    pub(super) conversation: Arc<Conversation>,
    principal: Arc<str>,
    profile: Arc<Profile>,
    version: OnceLock<String>,
    general: Arc<EventStream>,
    streams: Mutex<Streams>,
    used: Mutex<Instant>,
    stream_bytes_max: usize,
}

#[derive(Default)]
struct Streams {
    last: u64,
    open: VecDeque<Arc<EventStream>>,
}

impl Session {
    /// A session that is in no list yet.
    pub(super) fn begin(
        front: &Arc<Front>,
        profile: Arc<Profile>,
        (principal, from): (Arc<str>, IpAddr),
        limits: &Limits,
        end: &tokio_util::sync::CancellationToken,
    ) -> Arc<Self> {
        let general = EventStream::kept(0, limits.stream_bytes_max);
        let caller = front.next_caller();
        let (is_anonymous, surface) = (false, Surface::McpHttp);
        let who = Caller { id: caller, is_anonymous, principal: principal.clone(), surface, from: Some(from) };
        Arc::new(Self {
            id: fresh_id(),
            caller,
            conversation: front.conversation(profile.clone(), who, general.clone(), end),
            principal,
            profile,
            version: OnceLock::new(),
            general,
            streams: Mutex::default(),
            used: Mutex::new(Instant::now()),
            stream_bytes_max: limits.stream_bytes_max,
        })
    }

    /// Notes what `initialize` agreed on: the whole line of its answer.
    pub(super) fn agreed(&self, line: &str) {
        let version = Members::parse(line).ok().and_then(|line| {
            let result = Members::parse(line.member("result")?).ok()?;
            serde_json::from_str::<String>(result.member("protocolVersion")?).ok()
        });
        if let Some(version) = version {
            let _again = self.version.set(version);
        }
    }

    /// Whether a message may be a list of messages.
    pub(super) fn takes_batches(&self) -> bool {
        self.version.get().is_some_and(|version| version == BATCHED_IN)
    }

    /// The stream of what belongs to no request.
    pub(super) fn general(&self) -> &Arc<EventStream> {
        &self.general
    }

    /// A new stream, for a request.
    pub(super) fn open_stream(&self) -> Arc<EventStream> {
        let mut streams = self.streams();
        streams.last += 1;
        let stream = EventStream::kept(streams.last, self.stream_bytes_max);
        if self.version.get().is_some_and(|version| version.as_str() >= PRIMED_FROM) {
            stream.prime(RETRY);
        }
        streams.open.push_back(stream.clone());
        let mut finished = streams.open.iter().filter(|stream| stream.is_finished()).count();
        streams.open.retain(|stream| {
            let is_kept = finished <= STREAMS_KEPT || !stream.is_finished();
            finished -= usize::from(!is_kept);
            is_kept
        });
        stream
    }

    /// The stream of that number, if it is still there.
    pub(super) fn stream(&self, number: u64) -> Option<Arc<EventStream>> {
        if number == 0 {
            return Some(self.general.clone());
        }
        self.streams().open.iter().find(|stream| stream.number() == Some(number)).cloned()
    }

    fn streams(&self) -> MutexGuard<'_, Streams> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn touch(&self) {
        *self.used.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    fn idle_since(&self) -> Instant {
        *self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether somebody would miss it now.
    fn is_used(&self) -> bool {
        self.general.is_read()
            || self.conversation.is_busy()
            || self.streams().open.iter().any(|stream| stream.is_read())
    }
}

/// All sessions.
#[derive(Default)]
pub(super) struct Sessions {
    open: Mutex<HashMap<String, Arc<Session>>>,
}

impl Sessions {
    fn open(&self) -> MutexGuard<'_, HashMap<String, Arc<Session>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The session of that id, if it is this principal's and of this view. An id alone opens nothing.
    pub(super) fn find(&self, id: &str, principal: &str, profile: &Profile) -> Option<Arc<Session>> {
        let session = self.open().get(id).cloned()?;
        let is_his = *session.principal == *principal && *session.profile == *profile;
        is_his.then(|| {
            session.touch();
            session
        })
    }

    /// Takes a session in. When there are too many the one goes that was unused longest, and is given back to be ended; the new
    /// one itself when all are in use.
    pub(super) fn add(&self, session: Arc<Session>, max: usize) -> Result<Option<Arc<Session>>, Arc<Session>> {
        let mut open = self.open();
        let mut gone = None;
        if open.len() >= max {
            let unused = open.values().filter(|session| !session.is_used());
            let Some(oldest) = unused.min_by_key(|session| session.idle_since()).map(|session| session.id.clone())
            else {
                return Err(session);
            };
            gone = open.remove(&oldest);
        }
        open.insert(session.id.clone(), session);
        Ok(gone)
    }

    pub(super) fn remove(&self, id: &str) -> Option<Arc<Session>> {
        self.open().remove(id)
    }

    /// Takes those out that nobody has used for that long.
    pub(super) fn take_idle(&self, idle_max: Duration) -> Vec<Arc<Session>> {
        let mut gone = Vec::new();
        self.open().retain(|_, session| {
            if session.is_used() {
                session.touch();
                return true;
            }
            let is_kept = session.idle_since().elapsed() < idle_max;
            if !is_kept {
                gone.push(session.clone());
            }
            is_kept
        });
        gone
    }

    pub(super) fn take_all(&self) -> Vec<Arc<Session>> {
        self.open().drain().map(|(_, session)| session).collect()
    }
}

/// Ends a session that is in no list any more.
pub(super) async fn end(front: Weak<Front>, session: Arc<Session>) {
    session.conversation.end().await;
    session.general.finish();
    for stream in session.streams().open.drain(..) {
        stream.finish();
    }
    if let Some(front) = front.upgrade() {
        front.operations.forget_caller(session.caller);
    }
}

fn fresh_id() -> String {
    let mut bytes = [0_u8; ID_BYTES];
    getrandom::fill(&mut bytes).expect("the system gives random bytes");
    let digit = |value: u8| char::from(b"0123456789abcdef"[usize::from(value & 15)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(*byte)]).collect()
}
