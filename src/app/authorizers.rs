//! The right to use remote servers, for the sessions with them. What a login needs to know is read when it is first wanted:
//! it may stand in the keyring, and most servers need none.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use tokio::sync::OnceCell;
use tokio_util::task::TaskTracker;

use crate::config::{Config, Launch, ServerConfig};
use crate::domain::error_chain;
use crate::oauth::{Consent, Store, StoredAuthorizer};
use crate::upstream::{AuthFault, Authorizer, Challenge};

use super::logins::{credentials, login_target};
use super::now_ms;

/// Whoever gives requests to this server their right. `None`: it is a program, or its entry brings a right of its own.
pub(super) fn authorizer(
    config: &Config,
    server: &ServerConfig,
    refreshes: &TaskTracker,
) -> Option<Arc<dyn Authorizer>> {
    let Launch::Remote { headers, .. } = &server.launch else { return None };
    let has_own = headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("authorization"))
        || server.late_env.has("Authorization")
        || server.late_env.has("authorization");
    let (store, refreshes) = (credentials(config), refreshes.clone());
    let has_keys = !headers.is_empty() || !server.late_env.is_empty();
    let late = Late { server: server.clone(), store, has_keys, refreshes, stored: OnceCell::new() };
    (!has_own).then(|| Arc::new(late) as Arc<dyn Authorizer>)
}

struct Late {
    server: ServerConfig,
    store: Store,
    /// Its entry has headers, which may be keys.
    has_keys: bool,
    refreshes: TaskTracker,
    stored: OnceCell<StoredAuthorizer>,
}

impl fmt::Debug for Late {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Late").field("server", &self.server.name).finish_non_exhaustive()
    }
}

impl Late {
    async fn stored(&self) -> Result<&StoredAuthorizer, AuthFault> {
        let make = || async {
            let server = self.server.clone();
            let read = tokio::task::spawn_blocking(move || login_target(&server)).await;
            let broken = || AuthFault { message: "reading the login broke off".to_owned(), needs_login: false };
            let target = read.map_err(|_| broken())?;
            let target = target.map_err(|fault| AuthFault { message: error_chain(&fault), needs_login: false })?;
            let store = self.store.clone();
            Ok(StoredAuthorizer::new_among(&self.refreshes, target, store, Consent::Ask, now_ms))
        };
        self.stored.get_or_try_init(make).await
    }
}

impl Authorizer for Late {
    fn authorization(&self) -> Pin<Box<dyn Future<Output = Result<Option<String>, AuthFault>> + Send + '_>> {
        Box::pin(async { self.stored().await?.authorization().await })
    }

    fn refused<'a>(
        &'a self,
        challenge: &'a Challenge,
    ) -> Pin<Box<dyn Future<Output = Result<bool, AuthFault>> + Send + 'a>> {
        Box::pin(async {
            // A server that asks for no login, and is given a key of its entry, wants another key.
            if challenge.www_authenticate.is_none() && challenge.used.is_none() && self.has_keys {
                return Ok(false);
            }
            self.stored().await?.refused(challenge).await
        })
    }
}
