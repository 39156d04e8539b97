//! Logging in, out, and how things stand.

use std::sync::Arc;
use std::time::Duration;

use crate::domain::error_chain;
use crate::web::Client;

use super::store::{Entry, Grant};
use super::{Callback, Error, Store, Target, follow, lock, login, token};

/// Who gives the right.
pub enum Person<'a> {
    /// Somebody with a browser, who is shown the address to log in at and has that long to come back.
    InBrowser {
        /// Shows the address, or opens it.
        show: &'a (dyn Fn(&url::Url) + Send + Sync),
        /// How long we wait.
        deadline: Duration,
    },
    /// Nobody: the issuer of a test redirects at once.
    Nobody,
}

/// How a server stands with us. Holds no token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// Is there a token, or one to be had without a person?
    pub logged_in: bool,
    /// Who issued it.
    pub issuer: Option<String>,
    /// What it is for.
    pub resource: Option<String>,
    /// What it allows, as far as the issuer said.
    pub scopes: Vec<String>,
    /// When it expires, in milliseconds since 1970; `None` when that is not known.
    pub expires_at_ms: Option<i64>,
    /// Can a new one be had without a person?
    pub can_refresh: bool,
    /// The server has asked for a login since.
    pub wants_login: bool,
}

impl State {
    /// Was there a login that nothing is left of?
    #[must_use]
    pub fn has_ended(&self) -> bool {
        !self.logged_in && self.resource.is_some()
    }
}

/// What became of a logout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LoggedOut {
    /// There was nothing.
    WasNot,
    /// Forgotten here, and by the issuer.
    Revoked,
    /// Forgotten here; the issuer offers no way to tell him.
    ForgottenHere,
    /// Forgotten here; the issuer could not be told.
    NotRevoked {
        /// Why not.
        why: String,
    },
}

/// Logs in and keeps what came of it. Not cancel safe in one way: a registration at the issuer may be left behind.
///
/// # Errors
/// When the server or its issuer cannot be asked or refuses, the person did not come back, or nothing can be kept.
pub async fn log_in(
    target: &Target,
    store: &Store,
    callback: &Callback,
    person: Person<'_>,
    now_ms: fn() -> i64,
) -> Result<State, Error> {
    let client = client(target).await?;
    let known = match load(target, store).await {
        Ok(known) => known.unwrap_or_else(|| Entry::of(target)),
        // A login is what mends a damaged file.
        Err(Error::Damaged { .. }) => Entry::of(target),
        Err(fault) => return Err(fault),
    };
    let login = login::begin(target, &client, &known, callback.redirect_uri().clone()).await?;
    let returned = match person {
        Person::Nobody => follow::follow(target, &client, &login).await?,
        Person::InBrowser { show, deadline } => {
            show(&login.authorize_url);
            callback.wait(target, &login.state, deadline).await?
        }
    };
    let asked_scopes = login.scopes().to_vec();
    let grant = login.finish(&returned, now_ms()).await?;
    let entry = Entry { grant: Some(grant), challenge: None, asked_scopes, ..Entry::of(target) };
    let _held = lock::take(&store.lock(target)).await?;
    save(target, store, entry.clone()).await?;
    Ok(state_of(&entry, now_ms()))
}

/// Forgets the login, and asks the issuer to forget it too.
///
/// # Errors
/// When the file cannot be removed. That the issuer could not be told is no error.
pub async fn log_out(target: &Target, store: &Store) -> Result<LoggedOut, Error> {
    let _held = lock::take(&store.lock(target)).await?;
    let known = match load(target, store).await {
        Ok(known) => known,
        Err(Error::Damaged { .. }) => None,
        Err(fault) => return Err(fault),
    };
    let (its_store, its_target) = (store.clone(), target.clone());
    // First here: whatever happens on the way to the issuer, the token is not used any more.
    let was_there = blocking(move || its_store.remove(&its_target)).await?;
    let Some(grant) = known.and_then(|entry| entry.grant) else {
        return Ok(if was_there { LoggedOut::ForgottenHere } else { LoggedOut::WasNot });
    };
    let told = match client(target).await {
        Ok(client) => token::revoke(&client, target, &grant).await,
        Err(fault) => Err(fault),
    };
    Ok(match told {
        Ok(true) => LoggedOut::Revoked,
        Ok(false) => LoggedOut::ForgottenHere,
        Err(fault) => LoggedOut::NotRevoked { why: error_chain(&fault) },
    })
}

/// How the server stands with us; `None` when we never heard of it. Asks nobody.
///
/// # Errors
/// When the file cannot be read or is damaged.
pub async fn state(target: &Target, store: &Store, now_ms: i64) -> Result<Option<State>, Error> {
    Ok(load(target, store).await?.map(|entry| state_of(&entry, now_ms)))
}

fn state_of(entry: &Entry, now_ms: i64) -> State {
    let grant: Option<&Grant> = entry.grant.as_ref();
    let can_refresh = grant.is_some_and(|grant| grant.refresh_token.is_some());
    State {
        logged_in: grant.is_some_and(|grant| can_refresh || !grant.is_expired(now_ms)),
        issuer: grant.and_then(|grant| grant.issuer.clone()),
        resource: grant.map(|grant| grant.resource.clone()),
        scopes: grant.map(|grant| grant.scopes.clone()).unwrap_or_default(),
        expires_at_ms: grant.and_then(|grant| grant.expires_at_ms),
        can_refresh,
        wants_login: entry.challenge.is_some(),
    }
}

/// The client, built on a blocking thread: it may have to read the system's certificates.
pub(super) async fn client(target: &Target) -> Result<Client, Error> {
    let target = target.clone();
    blocking(move || target.client()).await
}

pub(super) async fn load(target: &Target, store: &Store) -> Result<Option<Entry>, Error> {
    let (store, target) = (store.clone(), target.clone());
    blocking(move || store.load(&target)).await
}

pub(super) async fn save(target: &Target, store: &Store, entry: Entry) -> Result<(), Error> {
    let (store, target, entry) = (store.clone(), target.clone(), Arc::new(entry));
    blocking(move || store.save(&target, &entry)).await
}

pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    tokio::task::spawn_blocking(work).await.map_err(|_| Error::Ending)?
}
