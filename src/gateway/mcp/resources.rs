//! Who follows which resource. A server is asked to tell of one by the first who follows it, and told to stop by the last, in the
//! same sessions; whatever else happens in between is a matter of counting here.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::domain::ServerName;
use crate::operations::{Error, OpContext, SubscribedAt};
use crate::upstream::Answer;

use super::asked::Asked;
use super::calls::{Running, TOO_MANY};
use super::conversation::{Conversation, Front, INTERNAL_ERROR, INVALID_PARAMS, refuse};
use super::direct;
use super::exchange::{Exchange, Said};
use super::server_view::give;

/// Resources that one client may follow. A guess.
pub(super) const RESOURCES_MAX: usize = 1000;

/// A resource that a client follows.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Followed {
    at: SubscribedAt,
    /// What its server calls it.
    uri: String,
}

impl Followed {
    /// Whether it is this one.
    pub(super) fn is(&self, server: &ServerName, uri: &str) -> bool {
        self.at.server() == server && self.uri == uri
    }
}

/// How many follow each thing, of all conversations.
pub(super) struct Followers<K: Eq + Hash>(Mutex<HashMap<K, Arc<tokio::sync::Mutex<usize>>>>);

impl<K: Eq + Hash> Default for Followers<K> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Eq + Hash> Followers<K> {
    fn lock(&self) -> MutexGuard<'_, HashMap<K, Arc<tokio::sync::Mutex<usize>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Those of one thing. Who holds the lock on their number talks to the server about it, so that what one begins and what
    /// another ends reach it in the order in which they are counted.
    fn of(&self, key: K) -> Turn<'_, K> {
        let count = self.lock().entry(key).or_default().clone();
        Turn { followers: self, count }
    }

    /// Things that somebody follows, or is about to.
    #[cfg(test)]
    fn len(&self) -> usize {
        self.lock().len()
    }
}

/// Somebody begins or ends to follow something.
struct Turn<'a, K: Eq + Hash> {
    followers: &'a Followers<K>,
    count: Arc<tokio::sync::Mutex<usize>>,
}

impl<K: Eq + Hash> Drop for Turn<'_, K> {
    fn drop(&mut self) {
        // The list and this one hold it: nobody else is at it, nor can be before the list is free again.
        let mut all = self.followers.lock();
        if Arc::strong_count(&self.count) == 2 && self.count.try_lock().is_ok_and(|count| *count == 0) {
            all.retain(|_, count| !Arc::ptr_eq(count, &self.count));
        }
    }
}

/// The answer to `resources/subscribe` and its opposite, which only the older revisions have.
pub(super) fn answer(conversation: &Arc<Conversation>, asked: &Asked<'_>, exchange: &Arc<dyn Exchange>) {
    let Some(name) = asked.text("uri") else {
        return refuse(exchange, INVALID_PARAMS, "params.uri is missing", None);
    };
    let is_begun = asked.method == "resources/subscribe";
    let Some(mut running) = Running::begin(conversation, asked, exchange) else {
        return refuse(exchange, INTERNAL_ERROR, TOO_MANY, None);
    };
    conversation.tasks.clone().spawn(async move {
        let conversation = running.conversation.clone();
        if is_begun {
            return begin_for_client(&conversation, &mut running, name).await;
        }
        let followed = conversation.subscribed.lock().unwrap_or_else(PoisonError::into_inner).remove(&name);
        if let Some(followed) = followed {
            end(&conversation.front, followed).await;
        }
        // He hears no more of it, whatever the server has to say to that.
        running.end(Said::Result("{}".into()));
    });
}

async fn begin_for_client(conversation: &Arc<Conversation>, running: &mut Running, name: String) {
    let is_known = conversation.subscribed.lock().unwrap_or_else(PoisonError::into_inner).contains_key(&name);
    if !is_known && count(conversation) >= RESOURCES_MAX {
        let what = format!("more than {RESOURCES_MAX} resources; unsubscribe from some first");
        let error = json!({"code": INVALID_PARAMS, "message": what}).to_string();
        return running.end(Said::Error(INVALID_PARAMS, &error));
    }
    let Some((server, uri)) = direct::owner(conversation, &running.cx, &name).await else {
        let shown: String = name.chars().take(200).collect();
        let error = json!({"code": -32002, "message": format!("nobody has the resource {shown:?}")}).to_string();
        return running.end(Said::Error(-32002, &error));
    };
    let cx = running.cx.clone();
    let answered = begin(&conversation.front, &cx, &server, uri, |followed| {
        // Who left in between has given back what he had.
        let mut subscribed = conversation.subscribed.lock().unwrap_or_else(PoisonError::into_inner);
        let may_begin = !conversation.over.is_cancelled() && !subscribed.contains_key(&name);
        if may_begin {
            subscribed.insert(name, followed);
        }
        may_begin
    })
    .await;
    match answered {
        Some(answered) => give(running, answered, "resources/subscribe", false, None),
        // Taken back: no answer goes out.
        None => running.end(Said::Result("{}".into())),
    }
}

/// How many resources a client follows.
pub(super) fn count(conversation: &Conversation) -> usize {
    let own = conversation.subscribed.lock().unwrap_or_else(PoisonError::into_inner).len();
    own + conversation.listeners().iter().map(super::told::Listener::resources).sum::<usize>()
}

/// Asks a server to tell of a resource, by its own URI. `keep` is given what is followed then, and says whether it is kept: that
/// is to be ended some day. `None`: whoever wanted it took his request back.
pub(super) async fn begin(
    front: &Front,
    cx: &OpContext,
    server: &ServerName,
    uri: String,
    keep: impl FnOnce(Followed) -> bool,
) -> Option<Result<Answer, Error>> {
    let at = match front.operations.subscribed_at(cx, server) {
        Ok(at) => at,
        Err(fault) => return Some(Err(fault)),
    };
    let followed = Followed { at, uri };
    let turn = front.followers.of(followed.clone());
    let mut followers = turn_of(&turn.count, &cx.cancel).await?;
    let answered = front.operations.subscribe(cx, &followed.at, &followed.uri).await;
    if answered.as_ref().is_ok_and(|answer| answer.payload().is_ok()) {
        if keep(followed.clone()) {
            *followers += 1;
        } else if *followers == 0 {
            front.operations.unsubscribe(&followed.at, &followed.uri).await;
        }
    }
    Some(answered)
}

async fn turn_of<'a>(
    count: &'a tokio::sync::Mutex<usize>,
    cancel: &CancellationToken,
) -> Option<tokio::sync::MutexGuard<'a, usize>> {
    tokio::select! {
        turn = count.lock() => Some(turn),
        () = cancel.cancelled() => None,
    }
}

/// One of those who follow it does so no more.
pub(super) async fn end(front: &Front, followed: Followed) {
    let turn = front.followers.of(followed.clone());
    let mut followers = turn.count.lock().await;
    *followers = followers.saturating_sub(1);
    if *followers == 0 {
        front.operations.unsubscribe(&followed.at, &followed.uri).await;
    }
}

/// The same for several, behind, since nobody waits for it.
pub(super) fn end_later(front: &Arc<Front>, all: impl IntoIterator<Item = Followed>) {
    let all: Vec<Followed> = all.into_iter().collect();
    if all.is_empty() {
        return;
    }
    let front = front.clone();
    // Ends by itself: each has its time limit.
    tokio::spawn(async move {
        for followed in all {
            end(&front, followed).await;
        }
    });
}

#[cfg(test)]
mod tests {
    use super::Followers;

    #[tokio::test]
    async fn what_nobody_follows_any_more_is_not_remembered() {
        let followers = Followers::<&str>::default();
        {
            let turn = followers.of("a");
            assert_eq!((*turn.count.lock().await, followers.len()), (0, 1));
        }
        assert_eq!(followers.len(), 0, "a subscription that failed leaves nothing");
        for expected in [1, 2] {
            let turn = followers.of("a");
            let mut count = turn.count.lock().await;
            *count += 1;
            assert_eq!(*count, expected);
        }
        assert_eq!(followers.len(), 1);
        for expected in [1, 0] {
            // Another who waits for his turn sees the same number.
            let (turn, other) = (followers.of("a"), followers.of("a"));
            *turn.count.lock().await -= 1;
            drop(turn);
            assert_eq!(*other.count.lock().await, expected);
        }
        assert_eq!(followers.len(), 0);
    }
}
