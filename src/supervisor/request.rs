//! Requests to servers: a place, an instance, an attempt, and another one where that cannot do twice what was to be done once.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::broadcast;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::domain::ServerName;
use crate::upstream::{self, Answer, Behind, CallOptions, Hello, ProgressSink, Session};

use super::place::{Instance, Place};
use super::pool::{Call, ElsewhereSlot, Outcome, Pool, cancelled};
use super::settings::{CallElsewhere, Elsewhere, Told};
use super::{Error, chance, variants};

/// Attempts at one request at most, the first included.
const ATTEMPTS_MAX: u32 = 3;
/// Wait before the second attempt; doubled before each further one.
const RETRY_WAIT_FIRST: Duration = Duration::from_millis(100);

/// One request of any method.
#[derive(Clone)]
pub struct Request<'a> {
    /// To whom.
    pub server: &'a ServerName,
    /// The method. `resources/subscribe` does in each era what it does there; its opposite is [`Pool::unsubscribe`].
    pub method: &'a str,
    /// Raw members of `params`, without the braces and without `_meta`.
    pub members: &'a str,
    /// May it be tried again after a failure in the middle?
    pub is_idempotent: bool,
    /// Which client asks, if he can be told apart from others for longer than this request.
    pub client: Option<u64>,
    /// Gets the progress.
    pub progress: Option<ProgressSink>,
    /// Cancels it.
    pub cancel: CancellationToken,
    /// Who is behind it.
    pub behind: Behind,
}

impl fmt::Debug for Request<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request").field("server", &self.server).field("method", &self.method).finish_non_exhaustive()
    }
}

impl Pool {
    /// Calls a tool, starting its server if need be. Tries again, with growing waits and within the server's budget, what
    /// never reached the server, and what did when the call is idempotent and the server died of it.
    ///
    /// Cancel safe.
    ///
    /// # Errors
    /// [`Error`], naming the server; a JSON-RPC error of the server is one too.
    pub async fn call(&self, call: &Call<'_>) -> Result<Outcome, Error> {
        if let Some(ElsewhereSlot(elsewhere)) = self.elsewhere.get() {
            return call_elsewhere(elsewhere, call).await;
        }
        let name = serde_json::to_string(call.tool).expect("a string serialises");
        let members = format!("\"name\":{name},\"arguments\":{}", call.arguments);
        let request = Request {
            server: call.server,
            method: "tools/call",
            members: &members,
            is_idempotent: call.is_idempotent,
            client: call.client,
            progress: call.progress.clone(),
            cancel: call.cancel.clone(),
            behind: call.behind.clone(),
        };
        let outcome = self.request(&request).await?;
        match outcome.answer.payload() {
            Ok(_) => Ok(outcome),
            Err(error) => Err(Error::Request(upstream::Error::refused(call.server, "tools/call", error))),
        }
    }

    /// The same for any request. A JSON-RPC error of the server is an answer.
    ///
    /// Cancel safe.
    ///
    /// # Errors
    /// [`Error`], naming the server: no answer came.
    pub async fn request(&self, request: &Request<'_>) -> Result<Outcome, Error> {
        let place = self.place_of(request.server, &request.behind, request.client)?;
        request_at(&place, request).await
    }

    /// What the server says of itself to clients of this kind; starts it if need be.
    ///
    /// Cancel safe.
    ///
    /// # Errors
    /// [`Error`], naming the server.
    pub async fn hello(&self, server: &ServerName, behind: &Behind, client: Option<u64>) -> Result<Hello, Error> {
        let place = self.place_of(server, behind, client)?;
        let instance = place.choose(client);
        instance.usage.touch();
        let session = instance.session(&place.server, &CancellationToken::new()).await?;
        Ok(session.hello().clone())
    }

    /// Passes a notification of a client to the sessions that are his alone. Those that are not running are told what they need
    /// to know when they start.
    pub fn notify(&self, client: u64, method: &str, params: Option<&str>) {
        for place in self.servers.places().values() {
            for variant in place.variants.all() {
                let is_his = variant.server.spec.offer.client == Some(client);
                let session = variant.first().view.borrow().session.clone();
                if let Some(session) = session.filter(|_| is_his) {
                    session.notify(method, params);
                }
            }
        }
    }

    /// What servers tell from now on, not because of one request.
    #[must_use]
    pub fn follow_told(&self) -> broadcast::Receiver<Told> {
        self.servers.told.subscribe()
    }

    pub(super) fn place_of(
        &self,
        server: &ServerName,
        behind: &Behind,
        client: Option<u64>,
    ) -> Result<Arc<Place>, Error> {
        let place = self.servers.place(server)?;
        Ok(variants::for_request(&place, behind, client, || Some(self.servers.tasks())))
    }
}

/// Sends a request to one of a place's instances, and again where that cannot do twice what was to be done once.
pub(super) async fn request_at(place: &Place, request: &Request<'_>) -> Result<Outcome, Error> {
    let _slot = place.slot(&request.cancel).await?;
    place.retries.deposit();
    let options = CallOptions {
        timeout: place.server.call_timeout,
        ceiling: place.server.call_ceiling,
        progress: request.progress.clone(),
        cancel: request.cancel.clone(),
        behind: request.behind.clone(),
    };
    let mut attempts = 0;
    loop {
        attempts += 1;
        let instance = place.choose(request.client);
        let fault = match attempt(place, &instance, request, &options, attempts == 1).await {
            Ok(answer) => return Ok(Outcome { answer, attempts }),
            Err(fault) => fault,
        };
        let may_retry = attempts < ATTEMPTS_MAX && may_retry(&fault, request.is_idempotent);
        if !may_retry || !place.retries.take() {
            return Err(fault);
        }
        let wait = (RETRY_WAIT_FIRST * 2_u32.pow(attempts - 1)).mul_f64(0.5 + chance());
        tracing::info!(server.name = %request.server, error = %fault, attempts, "trying a request again");
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = request.cancel.cancelled() => return Err(cancelled(request.server)),
        }
    }
}

async fn call_elsewhere(elsewhere: &Elsewhere, call: &Call<'_>) -> Result<Outcome, Error> {
    let asked = CallElsewhere {
        server: call.server.clone(),
        tool: call.tool.to_owned(),
        arguments: call.arguments.to_owned(),
        is_idempotent: call.is_idempotent,
    };
    tokio::select! {
        ended = elsewhere(asked) => match ended {
            Ok(result) => Ok(Outcome { answer: Answer::of_result(result), attempts: 1 }),
            Err(message) => Err(Error::Elsewhere { message }),
        },
        () = call.cancel.cancelled() => Err(cancelled(call.server)),
    }
}

/// One attempt.
async fn attempt(
    place: &Place,
    instance: &Instance,
    request: &Request<'_>,
    options: &CallOptions,
    is_first: bool,
) -> Result<Answer, Error> {
    let admitted = instance.admit(&place.server)?;
    let usage = &instance.usage;
    usage.calls.fetch_add(u64::from(is_first), Ordering::Relaxed);
    let _in_flight = usage.begin();
    let session = instance.session(&place.server, &request.cancel).await?;
    let started = Instant::now();
    let ended = match request.method {
        // In a box, since every request would carry it along.
        "resources/subscribe" => Box::pin(subscribe(place, &session, request, options)).await,
        method => session.forward(method, request.members, options).await,
    };
    instance.note(admitted, &ended, started.elapsed());
    Ok(ended?)
}

/// Begins to hear of a resource, and keeps that in mind for the server's next life.
async fn subscribe(
    place: &Place,
    session: &Session,
    request: &Request<'_>,
    options: &CallOptions,
) -> Result<Answer, upstream::Error> {
    #[derive(serde::Deserialize)]
    struct Subject {
        uri: String,
    }
    let object = format!("{{{}}}", request.members);
    let Ok(Subject { uri }) = serde_json::from_str(&object) else {
        return session.forward(request.method, request.members, options).await;
    };
    let answer = session.subscribe(&uri, options).await?;
    if answer.payload().is_ok() {
        let wanted = &place.server.learned.subscriptions;
        wanted.lock().unwrap_or_else(std::sync::PoisonError::into_inner).insert(uri);
    }
    Ok(answer)
}

fn may_retry(fault: &Error, is_idempotent: bool) -> bool {
    match fault {
        Error::Request(upstream::Error::Died { was_sent, .. } | upstream::Error::Unreachable { was_sent, .. }) => {
            !was_sent || is_idempotent
        }
        // A start that fails is tried again by the next call, after its wait: trying at once would only repeat it.
        Error::Down { .. } | Error::Request(_) => false,
        Error::Unknown { .. } | Error::Refused { .. } | Error::Busy { .. } | Error::Stopping { .. } => false,
        Error::Stopped { .. } | Error::Quarantined { .. } | Error::Spared { .. } | Error::Elsewhere { .. } => false,
    }
}
