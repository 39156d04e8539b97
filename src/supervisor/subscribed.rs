//! Where subscriptions to resources are kept: they end in the sessions in which they were begun, and nothing is started for that.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, PoisonError, Weak};
use std::time::Duration;

use crate::domain::ServerName;
use crate::upstream::{Behind, CallOptions, Session};

use super::place::Place;
use super::pool::{Outcome, Pool};
use super::request::request_at;
use super::{Error, Request};

/// Longest wait for a server that is told that nobody follows a resource any more. A guess: nobody waits for it.
const UNSUBSCRIBE_TIMEOUT: Duration = Duration::from_secs(10);

/// The sessions of one server that serve a client: its own, or those for clients of a kind. Two are equal when they are the
/// same sessions.
#[derive(Clone)]
pub struct SubscribedAt {
    server: ServerName,
    /// Also keeps its address from being given to another place.
    place: Weak<Place>,
}

impl SubscribedAt {
    /// Whose sessions.
    #[must_use]
    pub fn server(&self) -> &ServerName {
        &self.server
    }
}

impl fmt::Debug for SubscribedAt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SubscribedAt").field("server", &self.server).finish_non_exhaustive()
    }
}

impl PartialEq for SubscribedAt {
    fn eq(&self, other: &Self) -> bool {
        self.place.ptr_eq(&other.place)
    }
}

impl Eq for SubscribedAt {}

impl Hash for SubscribedAt {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.place.as_ptr().hash(state);
    }
}

impl Pool {
    /// The sessions in which a subscription of such a client is kept. Starts nothing.
    ///
    /// # Errors
    /// [`Error`], naming the server.
    pub fn subscribed_at(
        &self,
        server: &ServerName,
        behind: &Behind,
        client: Option<u64>,
    ) -> Result<SubscribedAt, Error> {
        let place = self.place_of(server, behind, client)?;
        Ok(SubscribedAt { server: server.clone(), place: Arc::downgrade(&place) })
    }

    /// As [`Pool::request`], in those sessions and no others.
    ///
    /// Cancel safe.
    ///
    /// # Errors
    /// [`Error`], naming the server: no answer came.
    pub async fn request_at(&self, at: &SubscribedAt, request: &Request<'_>) -> Result<Outcome, Error> {
        match at.place.upgrade() {
            Some(place) => request_at(&place, request).await,
            None => Err(Error::Stopping { server: at.server.clone() }),
        }
    }

    /// Nobody follows the resource any more, whose URI is the server's own. Tells the sessions that run; those that do not are
    /// not told of it when they start.
    ///
    /// Cancel safe: then the server may go on telling what nobody hears.
    pub async fn unsubscribe(&self, at: &SubscribedAt, uri: &str) {
        let Some(place) = at.place.upgrade() else { return };
        let wanted = &place.server.learned.subscriptions;
        wanted.lock().unwrap_or_else(PoisonError::into_inner).remove(uri);
        let options = CallOptions::own(place.server.call_timeout.min(UNSUBSCRIBE_TIMEOUT));
        for instance in place.instances() {
            let session = instance.view.borrow().session.clone();
            if let Some(session) = session.filter(Session::is_alive) {
                let _gone = session.unsubscribe(uri, &options).await;
            }
        }
    }
}
