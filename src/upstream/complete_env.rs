//! The environment of a server at the moment of its start, or the headers of a remote one: what the registry only points at is
//! read now.

use std::time::Duration;

use crate::secrets::redactor;

use super::{Endpoint, Error, Spec};

/// The spec with every variable in it. Its secrets are hidden in logs and errors from now on. Reads on a blocking thread, so
/// that a slow disk holds nobody up.
///
/// Cancel safe: what was being read is dropped.
///
/// # Errors
/// [`Error::Secret`] for a reference that cannot be resolved, [`Error::SecretsTooSlow`] after `within`.
pub(super) async fn complete(spec: &Spec, within: Duration) -> Result<Spec, Error> {
    let mut spec = spec.clone();
    if !spec.late_env.is_empty() {
        let declared = match &spec.endpoint {
            Endpoint::Remote(remote) => remote.headers.clone(),
            Endpoint::Child | Endpoint::InProcess(_) => spec.env.clone(),
        };
        let late_env = spec.late_env.clone();
        let reading = tokio::task::spawn_blocking(move || late_env.complete(&declared));
        let too_slow = || Error::SecretsTooSlow { server: spec.server.clone(), after: within };
        let Ok(Ok(read)) = tokio::time::timeout(within, reading).await else { return Err(too_slow()) };
        let resolved = read.map_err(|fault| Error::Secret { server: spec.server.clone(), source: Box::new(fault) })?;
        for warning in resolved.warnings {
            tracing::warn!(server.name = %spec.server, "{warning}");
        }
        match &mut spec.endpoint {
            Endpoint::Remote(remote) => remote.headers = resolved.env,
            Endpoint::Child | Endpoint::InProcess(_) => spec.env = resolved.env,
        }
    }
    let declared = spec.env.iter().chain(&spec.inherited_env);
    redactor().learn_variables(declared.map(|(name, value)| (name.as_str(), value.as_str())));
    Ok(spec)
}
