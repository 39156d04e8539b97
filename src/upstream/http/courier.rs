//! Carries the messages of one link: each has a task of its own, all of them owned here and ended with the link.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use super::events::Events;
use super::faults::Refusal;
use super::outgoing::{Kind, Outgoing};
use super::way::Way;
use super::{exchange, old, standalone};

/// For the goodbye to a server that keeps a session. A guess; the session may wait less.
const GOODBYE_TIMEOUT: Duration = Duration::from_secs(3);

/// For the refusals of other requests once one has said that the server forgot our session. A guess: they were sent before it,
/// and a server that has just started refuses at once.
const REFUSALS_TIMEOUT: Duration = Duration::from_millis(300);

/// A request under way.
struct UnderWay {
    task: AbortHandle,
    is_modern: bool,
}

/// Carries until the link closes, breaks off what is under way then, and says goodbye.
pub(super) async fn carry(
    way: Arc<Way>,
    mut messages: mpsc::UnboundedReceiver<Outgoing>,
    mut streams: mpsc::UnboundedReceiver<Events>,
    closing: CancellationToken,
) {
    let mut tasks: JoinSet<Option<u64>> = JoinSet::new();
    let mut under_way: HashMap<u64, UnderWay> = HashMap::new();
    loop {
        tokio::select! {
            biased;
            () = closing.cancelled() => break,
            Some(ended) = tasks.join_next() => forget(&way, ended, &mut under_way),
            Some(events) = streams.recv() => {
                let follow = old::follow(way.clone(), events);
                tasks.spawn(async move { follow.await; None });
            }
            message = messages.recv() => match message {
                Some(message) => start(&way, message, &mut tasks, &mut under_way),
                None => break,
            },
        }
    }
    if way.is_lost() {
        // What was refused for the same reason did not run: its callers are told so, who may then ask again.
        let others = async { while tasks.join_next().await.is_some() {} };
        let _rest = tokio::time::timeout(REFUSALS_TIMEOUT, others).await;
    }
    tasks.shutdown().await;
    if let Some(delete) = way.delete() {
        // Whatever it says: the session is over for us.
        let _unheard = tokio::time::timeout(GOODBYE_TIMEOUT, way.ask(&delete)).await;
    }
}

fn start(way: &Arc<Way>, message: Outgoing, tasks: &mut JoinSet<Option<u64>>, under_way: &mut HashMap<u64, UnderWay>) {
    let way = way.clone();
    match message.kind {
        Kind::Request(id) => {
            let is_modern = message.is_modern;
            let carried = exchange::request(way, message);
            let task = tasks.spawn(async move {
                carried.await;
                Some(id)
            });
            under_way.insert(id, UnderWay { task, is_modern });
        }
        Kind::Cancels(id) => {
            let request = under_way.remove(&id);
            if let Some(request) = &request {
                request.task.abort();
            }
            // Modern servers see that the stream was closed.
            if request.is_none_or(|request| !request.is_modern) && !is_modern(&way) {
                tasks.spawn(async move { tell(way, message).await });
            }
        }
        Kind::Notification if message.method == "notifications/initialized" => {
            way.gate.send_replace(false);
            let told = standalone::initialized(way, message);
            tasks.spawn(async move {
                told.await;
                None
            });
        }
        // There are no questions of modern servers that could be answered so.
        Kind::Answer if is_modern(&way) => {}
        Kind::Notification | Kind::Answer => {
            tasks.spawn(async move { tell(way, message).await });
        }
    }
}

/// Whether nothing was negotiated with the server, over a transport that could have.
fn is_modern(way: &Way) -> bool {
    !way.is_legacy() && !old::is_spoken(way)
}

/// Carries a message to which there is no answer.
async fn tell(way: Arc<Way>, message: Outgoing) -> Option<u64> {
    if message.kind == Kind::Notification {
        exchange::pass_gate(&way).await;
    }
    if old::is_spoken(&way) {
        if let Err(fault) = old::post(&way, &message).await {
            way.fail(&message, fault).await;
        }
    } else {
        notify(&way, &message).await;
    }
    None
}

/// Sends a message to which there is no answer over streamable HTTP.
pub(super) async fn notify(way: &Way, message: &Outgoing) {
    let refusal = match way.ask(&way.post(message)).await {
        Ok(response) if response.status().is_success() => return,
        Ok(response) => Refusal::read(response).await,
        Err(fault) => return way.fail(message, fault).await,
    };
    if refusal.status == 404 && way.session_id().is_some() {
        drop(way.session_lost());
        return way.end_if_lost().await;
    }
    way.fail(message, refusal.into_error(&way.server)).await;
}

fn forget(way: &Way, ended: Result<Option<u64>, JoinError>, under_way: &mut HashMap<u64, UnderWay>) {
    match ended {
        Ok(Some(id)) => drop(under_way.remove(&id)),
        Ok(None) => {}
        Err(fault) if fault.is_cancelled() => {}
        Err(fault) => {
            tracing::error!(server.name = %way.server, error = %fault, "a task that carried a message failed");
            under_way.retain(|_, request| !request.task.is_finished());
        }
    }
}
