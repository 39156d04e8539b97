//! Who gives requests to a remote server their right to be made. The rules of OAuth are not known here.

use std::fmt::Debug;
use std::future::Future;
use std::pin::Pin;

/// Gives requests to a remote server their right to be made.
pub trait Authorizer: Send + Sync + Debug {
    /// The value of `Authorization` for the next request, refreshed when it is about to expire; `None` when there is none yet.
    fn authorization(&self) -> Pin<Box<dyn Future<Output = Result<Option<String>, AuthFault>> + Send + '_>>;

    /// The server refused a request with 401 or 403. True: try again, there is something new to try with.
    fn refused<'a>(
        &'a self,
        challenge: &'a Challenge,
    ) -> Pin<Box<dyn Future<Output = Result<bool, AuthFault>> + Send + 'a>>;
}

/// How a server refused a request.
#[derive(Clone)]
pub struct Challenge {
    /// 401 or 403.
    pub status: u16,
    /// The header of that name.
    pub www_authenticate: Option<String>,
    /// The `Authorization` value that was refused.
    pub used: Option<String>,
}

impl Debug for Challenge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Challenge").field("status", &self.status).finish_non_exhaustive()
    }
}

/// Why there is no right to be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct AuthFault {
    /// Names the server and what to do.
    pub message: String,
    /// Whether a person must log in.
    pub needs_login: bool,
}
