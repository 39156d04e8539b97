//! Tokens for requests: kept in memory, taken anew when another process wrote new ones, refreshed once by whoever is first.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::task::TaskTracker;

use crate::domain::{ServerName, error_chain};
use crate::upstream::{AuthFault, Authorizer, Challenge};
use crate::web::Client;

use super::login::{is_step_up, parameter};
use super::session::{blocking, client, load, save};
use super::store::{Entry, Grant, Stamp};
use super::{Callback, Error, Person, Store, Target, lock, log_in, token};

/// Between two looks whether another process wrote new credentials. A login in another terminal is noticed that soon.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// A token that is refused that soon after a refresh for a refusal is not refreshed again, in milliseconds.
const CURED_FOR_MS: i64 = 60_000;
/// After a refresh that failed none is tried for so long, in milliseconds: with an issuer that is down each takes its time,
/// and whoever waits for his turn would wait for all of those before him. A guess.
const FAILED_FOR_MS: i64 = 10_000;
/// Logins without a person, per server and process: a server that refuses everything must not keep us busy.
const LOGINS_MAX: u32 = 3;

/// What to do when only a person can help.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Consent {
    /// Say so: he is to run `mcporch auth login`.
    #[default]
    Ask,
    /// Log in without one, at issuers of tests that redirect at once; at most three times.
    Follow,
}

/// The tokens of one server, from what is kept in the home. Cheap to clone. `Debug` shows no secret.
#[derive(Clone)]
pub struct StoredAuthorizer {
    inner: Arc<Inner>,
}

struct Inner {
    target: Target,
    store: Store,
    consent: Consent,
    now_ms: fn() -> i64,
    cache: Mutex<Cache>,
    /// One refresh or login at a time in this process; the lock file does it between processes.
    turn: tokio::sync::Mutex<Worker>,
    tasks: TaskTracker,
}

#[derive(Default)]
struct Cache {
    grant: Option<Arc<Grant>>,
    stamp: Option<Stamp>,
    looked_at: Option<Instant>,
}

#[derive(Default)]
struct Worker {
    client: Option<Client>,
    logins: u32,
    /// When the last refresh failed, and how; `None` once one succeeded.
    failed: Option<(i64, String)>,
}

impl Worker {
    /// The failure of a moment ago, if there was one.
    fn failed_before(&self, server: &ServerName, now_ms: i64) -> Result<(), Error> {
        let Some((at_ms, said)) = &self.failed else { return Ok(()) };
        let passed_ms = now_ms - at_ms;
        if !(0..FAILED_FOR_MS).contains(&passed_ms) {
            return Ok(());
        }
        Err(Error::FailedBefore { server: server.clone(), seconds: passed_ms / 1000, said: said.clone() })
    }

    /// Keeps a failure in mind that time may mend.
    fn note<T>(&mut self, done: Result<T, Error>, now_ms: i64) -> Result<T, Error> {
        self.failed = match &done {
            Err(fault) if !needs_person(fault) => Some((now_ms, error_chain(fault))),
            Ok(_) | Err(_) => None,
        };
        done
    }
}

impl std::fmt::Debug for StoredAuthorizer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StoredAuthorizer").field("server", &self.inner.target.server).finish_non_exhaustive()
    }
}

impl StoredAuthorizer {
    /// For that server, with what that store keeps of it. `now_ms` is the wall clock in milliseconds since 1970. Reads
    /// nothing yet.
    #[must_use]
    pub fn new(target: Target, store: Store, consent: Consent, now_ms: fn() -> i64) -> Self {
        Self::new_among(&TaskTracker::new(), target, store, consent, now_ms)
    }

    /// The same with its refreshes among those tasks, whose owner waits for them before the runtime ends: cut off between
    /// the issuer's answer and the disk, one would cost the login.
    #[must_use]
    pub fn new_among(tasks: &TaskTracker, target: Target, store: Store, consent: Consent, now_ms: fn() -> i64) -> Self {
        let (cache, turn) = (Mutex::new(Cache::default()), tokio::sync::Mutex::new(Worker::default()));
        let inner = Inner { target, store, consent, now_ms, cache, turn, tasks: tasks.clone() };
        Self { inner: Arc::new(inner) }
    }

    /// Does it in a task that goes on when the caller leaves: a refresh token may be good for one time only.
    async fn on_its_own<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, Error>> + Send + 'static,
    ) -> Result<T, Error> {
        self.inner.tasks.spawn(work).await.map_err(|_| Error::Ending)?
    }
}

impl Authorizer for StoredAuthorizer {
    fn authorization(&self) -> Pin<Box<dyn Future<Output = Result<Option<String>, AuthFault>> + Send + '_>> {
        Box::pin(async move {
            let inner = &self.inner;
            let Some(grant) = inner.current().await.map_err(|fault| inner.told(&fault))? else { return Ok(None) };
            if grant.is_fresh((inner.now_ms)()) {
                return Ok(Some(grant.header()));
            }
            let its_inner = inner.clone();
            let refreshed = self.on_its_own(async move { its_inner.refresh_if_old().await }).await;
            match refreshed {
                Ok(grant) => Ok(grant.map(|grant| grant.header())),
                // It is about to expire and cannot be refreshed just now: it is still good for this request.
                Err(fault) if !needs_person(&fault) && !grant.is_expired((inner.now_ms)()) => {
                    tracing::warn!(server.name = %inner.target.server, error = %error_chain(&fault), "a token could not be refreshed");
                    Ok(Some(grant.header()))
                }
                Err(fault) => Err(inner.told(&fault)),
            }
        })
    }

    fn refused<'a>(
        &'a self,
        challenge: &'a Challenge,
    ) -> Pin<Box<dyn Future<Output = Result<bool, AuthFault>> + Send + 'a>> {
        Box::pin(async move {
            let inner = self.inner.clone();
            let said = challenge.www_authenticate.as_deref().unwrap_or_default();
            // Only a refusal for want of rights can be cured; another 403 is the server's last word.
            if challenge.status == 403 && !is_step_up(said) {
                return Ok(false);
            }
            let challenge = challenge.clone();
            let cured = self.on_its_own(async move { inner.cure(&challenge).await }).await;
            match cured {
                Ok(Cured::Yes) => Ok(true),
                Ok(Cured::Login) => Err(self.inner.needs_login(challenge_scope(said).as_deref())),
                Ok(Cured::Never) => Err(self.inner.never_enough(challenge_scope(said).as_deref())),
                Err(fault) => Err(self.inner.told(&fault)),
            }
        })
    }
}

/// What became of a refusal.
enum Cured {
    /// There is something new to try with.
    Yes,
    /// A person must log in.
    Login,
    /// The token has what the server asks for, and is refused.
    Never,
}

impl Inner {
    /// What is kept of this server, as of a second ago at most.
    async fn current(&self) -> Result<Option<Arc<Grant>>, Error> {
        let looked_at = {
            let cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
            if cache.looked_at.is_some_and(|at| at.elapsed() < LOOK_EVERY) {
                return Ok(cache.grant.clone());
            }
            cache.looked_at
        };
        let (store, target) = (self.store.clone(), self.target.clone());
        let stamp = blocking(move || Ok(store.stamp(&target))).await?;
        {
            let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
            if looked_at.is_some() && cache.stamp == stamp {
                cache.looked_at = Some(Instant::now());
                return Ok(cache.grant.clone());
            }
        }
        Ok(self.reload().await?.grant.map(Arc::new))
    }

    /// Reads it anew.
    async fn reload(&self) -> Result<Entry, Error> {
        let (store, target) = (self.store.clone(), self.target.clone());
        // The stamp first: a change in between is then seen the next time.
        let stamp = blocking(move || Ok(store.stamp(&target))).await?;
        let entry = load(&self.target, &self.store).await?.unwrap_or_else(|| Entry::of(&self.target));
        let grant = entry.grant.clone().map(Arc::new);
        *self.cache.lock().unwrap_or_else(PoisonError::into_inner) =
            Cache { grant, stamp, looked_at: Some(Instant::now()) };
        Ok(entry)
    }

    /// Writes it, and knows it.
    async fn keep(&self, entry: Entry) -> Result<(), Error> {
        save(&self.target, &self.store, entry).await?;
        self.reload().await.map(|_| ())
    }

    /// The grant with a token that is fresh; refreshed by us, unless somebody else was first.
    async fn refresh_if_old(&self) -> Result<Option<Arc<Grant>>, Error> {
        let mut worker = self.turn.lock().await;
        // Before the lock: in most cases the one before us has done it.
        let entry = self.reload().await?;
        let is_fresh = |entry: &Entry| entry.grant.as_ref().is_none_or(|grant| grant.is_fresh((self.now_ms)()));
        if is_fresh(&entry) {
            return Ok(entry.grant.map(Arc::new));
        }
        worker.failed_before(&self.target.server, (self.now_ms)())?;
        let done = async {
            let _held = lock::take(&self.store.lock(&self.target)).await?;
            let entry = self.reload().await?;
            if is_fresh(&entry) {
                return Ok(entry.grant.map(Arc::new));
            }
            self.refresh(&mut worker.client, entry, false).await.map(Some)
        };
        let done = done.await;
        worker.note(done, (self.now_ms)())
    }

    /// Gets a new token. The lock is held.
    async fn refresh(
        &self,
        built: &mut Option<Client>,
        entry: Entry,
        after_refusal: bool,
    ) -> Result<Arc<Grant>, Error> {
        let ended = || Error::Ended { server: self.target.server.clone() };
        let grant = entry.grant.as_ref().ok_or_else(ended)?;
        if built.is_none() {
            *built = Some(client(&self.target).await?);
        }
        let client = built.as_ref().ok_or_else(ended)?;
        match token::refresh(client, &self.target, grant, (self.now_ms)()).await {
            Ok(grant) => {
                let grant = Grant { after_refusal, ..grant };
                self.keep(Entry { grant: Some(grant.clone()), challenge: None, ..entry }).await?;
                tracing::debug!(server.name = %self.target.server, "a token was refreshed");
                Ok(Arc::new(grant))
            }
            Err(fault @ Error::Ended { .. }) => {
                // Not to be asked again: what is left of the token is used until the server refuses it.
                let grant = Grant { refresh_token: None, ..grant.clone() };
                self.keep(Entry { grant: Some(grant), ..entry }).await?;
                Err(fault)
            }
            Err(fault) => Err(fault),
        }
    }

    /// Something new to try with after a refusal, if there is any without a person.
    async fn cure(&self, challenge: &Challenge) -> Result<Cured, Error> {
        let mut worker = self.turn.lock().await;
        let held = lock::take(&self.store.lock(&self.target)).await?;
        let entry = self.reload().await?;
        let now_ms = (self.now_ms)();
        if let Some(grant) = &entry.grant {
            let is_new = challenge.used.as_deref() != Some(&grant.header()) && grant.is_fresh(now_ms);
            let was_cured = grant.after_refusal && (0..CURED_FOR_MS).contains(&(now_ms - grant.received_at_ms));
            if is_new {
                return Ok(Cured::Yes);
            }
            if challenge.status == 401 && grant.refresh_token.is_some() && !was_cured {
                worker.failed_before(&self.target.server, now_ms)?;
                let refreshed = self.refresh(&mut worker.client, entry.clone(), true).await;
                match worker.note(refreshed, (self.now_ms)()) {
                    Ok(_) => return Ok(Cured::Yes),
                    Err(Error::Ended { .. }) => {}
                    Err(fault) => return Err(fault),
                }
            }
        }
        let said = challenge.www_authenticate.clone();
        // The same rights again would be refused again: only more of them make a login worth while.
        let wanted = said.as_deref().and_then(challenge_scope).unwrap_or_default();
        let adds = wanted.split_whitespace().any(|scope| !entry.asked_scopes.iter().any(|asked| asked == scope));
        if challenge.status == 403 && entry.grant.is_some() && !adds {
            return Ok(Cured::Never);
        }
        // The token stays: a server that refused it by mistake takes it back, and the refresh token is worth a login.
        if entry.challenge != said {
            self.keep(Entry { challenge: said, ..entry }).await?;
        }
        drop(held);
        if self.consent == Consent::Ask || worker.logins >= LOGINS_MAX {
            return Ok(Cured::Login);
        }
        worker.logins += 1;
        let callback = Callback::listen(self.target.redirect_port).await?;
        log_in(&self.target, &self.store, &callback, Person::Nobody, self.now_ms).await?;
        self.reload().await.map(|_| Cured::Yes)
    }

    fn told(&self, fault: &Error) -> AuthFault {
        AuthFault { message: error_chain(fault), needs_login: needs_person(fault) }
    }

    fn needs_login(&self, scope: Option<&str>) -> AuthFault {
        let server = &self.target.server;
        let more = scope.map(|scope| format!(" with the scope `{}`", super::error::cleaned(scope))).unwrap_or_default();
        let message = format!("server `{server}` wants a login{more}; run `mcporch auth login {server}`");
        AuthFault { message, needs_login: true }
    }

    fn never_enough(&self, scope: Option<&str>) -> AuthFault {
        let server = &self.target.server;
        let scope = super::error::cleaned(scope.unwrap_or_default());
        let message = format!(
            "server `{server}` refuses the request for want of the scope `{scope}`, which the last login asked for; \
             ask those who run it for that right, then run `mcporch auth login {server}`"
        );
        AuthFault { message, needs_login: true }
    }
}

fn challenge_scope(said: &str) -> Option<String> {
    parameter(said, "scope").filter(|scope| !scope.trim().is_empty())
}

fn needs_person(fault: &Error) -> bool {
    matches!(fault, Error::Ended { .. } | Error::Damaged { .. } | Error::DamagedKey { .. })
}
