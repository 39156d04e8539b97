//! How requests to a remote server get their right to be made, without this room knowing how such a right is come by.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

/// Gives requests to a remote server their right to be made.
pub trait Authorizer: Send + Sync + fmt::Debug {
    /// The value of `Authorization` for the next request, refreshed when it is about to expire; `None` when there is none yet.
    /// Cancel safe.
    fn authorization(&self) -> Pin<Box<dyn Future<Output = Result<Option<String>, AuthFault>> + Send + '_>>;

    /// The server refused a request with 401 or 403. True: try again, there is something new to try with. False: it is a
    /// refusal that no login changes. Cancel safe.
    fn refused<'a>(
        &'a self,
        challenge: &'a Challenge,
    ) -> Pin<Box<dyn Future<Output = Result<bool, AuthFault>> + Send + 'a>>;
}

/// What a server said when it refused a request. `Debug` shows no value of `Authorization`.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Challenge {
    /// 401 or 403.
    pub status: u16,
    /// The `WWW-Authenticate` header; several joined by `, `.
    pub www_authenticate: Option<String>,
    /// The value of `Authorization` that was refused; `None` when there was none.
    pub used: Option<String>,
}

impl fmt::Debug for Challenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let used = self.used.as_ref().map(|_| "hidden");
        f.debug_struct("Challenge")
            .field("status", &self.status)
            .field("www_authenticate", &self.www_authenticate)
            .field("used", &used)
            .finish()
    }
}

/// Why a request has no right to be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct AuthFault {
    /// Names the server and what to do; never a token.
    pub message: String,
    /// Only a person can help, by a login.
    pub needs_login: bool,
}
