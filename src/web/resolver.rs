//! Names to addresses, with those left out that the rules forbid. What comes out of here is what is connected to, so a name
//! that answers differently the second time gains nothing.

use std::net::SocketAddr;
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::{Problem, Rules};

/// Addresses of one name that are looked at. A guess: far more than any service has.
const ADDRESSES_MAX: usize = 64;

/// Resolves by the system's own means and keeps what the rules allow.
pub(super) struct GuardedResolver {
    pub(super) rules: Arc<Rules>,
}

/// Every address of the name is forbidden; found again at the end of the error's chain.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Forbidden(pub(super) Problem);

/// The system does not know the name.
#[derive(Debug, thiserror::Error)]
#[error("the name cannot be resolved")]
pub(super) struct Unknown(#[source] pub(super) std::io::Error);

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let rules = self.rules.clone();
        Box::pin(async move {
            let host = name.as_str().trim_end_matches('.').to_ascii_lowercase();
            // Port 0 is filled in by the connection. The lookup runs on a blocking thread; the connection's deadline bounds it.
            let found = tokio::net::lookup_host((host.as_str(), 0)).await.map_err(Unknown)?;
            let mut problem = None;
            let mut allowed: Vec<SocketAddr> = Vec::new();
            for address in found.take(ADDRESSES_MAX) {
                match rules.problem_at(&host, address.ip()) {
                    None => allowed.push(address),
                    Some(its_problem) => problem = problem.or(Some(its_problem)),
                }
            }
            match problem {
                Some(problem) if allowed.is_empty() => Err(Forbidden(problem).into()),
                _ => Ok(Box::new(allowed.into_iter()) as Addrs),
            }
        })
    }
}
