//! Our guarded client as rmcp wants it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rmcp::transport::auth::{OAuthHttpClient, OAuthHttpClientFuture, OAuthHttpRedirectPolicy, OAuthHttpRequest};

use crate::web::{self, Client, read_body};

/// Longest document or answer of an issuer, in bytes. Real ones have a few thousand.
pub(super) const ANSWER_BYTES_MAX: usize = 1 << 20;
/// For the body of one answer.
pub(super) const BODY_TIME_MAX: Duration = Duration::from_secs(15);
/// Redirects that are followed where rmcp lets us.
const HOPS_MAX: usize = 5;

/// Asks for rmcp. Keeps the last failure, since rmcp tells some of them by their first line only.
pub(super) struct Guarded {
    client: Client,
    last_fault: Mutex<Option<web::Error>>,
}

impl Guarded {
    pub(super) fn new(client: Client) -> Arc<Self> {
        Arc::new(Self { client, last_fault: Mutex::new(None) })
    }

    /// What went wrong on the web since the last question that was answered.
    pub(super) fn take_fault(&self) -> Option<web::Error> {
        self.last_fault.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    async fn ask(&self, asked: OAuthHttpRequest) -> Result<http::Response<Vec<u8>>, web::Error> {
        let (parts, body) = asked.request.into_parts();
        let url = parts.uri.to_string().parse().map_err(|_no_address| web::Error::Refused {
            at: "an address of the issuer".to_owned(),
            problem: web::Problem::NoAddress,
        })?;
        let mut request = reqwest::Request::new(parts.method, url);
        *request.headers_mut() = parts.headers;
        if !body.is_empty() {
            *request.body_mut() = Some(body.into());
        }
        // Whatever else a later rmcp thinks of is not followed.
        let response = if matches!(asked.redirect_policy, OAuthHttpRedirectPolicy::Follow) {
            self.client.send_following(request, HOPS_MAX).await?
        } else {
            self.client.send(request).await?
        };
        let (status, headers) = (response.status(), response.headers().clone());
        let body = read_body(response, ANSWER_BYTES_MAX, BODY_TIME_MAX).await?;
        let mut answer = http::Response::new(body);
        *answer.status_mut() = status;
        *answer.headers_mut() = headers;
        Ok(answer)
    }
}

/// What rmcp is told when a question failed; the fault itself is kept.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Told(String);

impl OAuthHttpClient for Guarded {
    fn execute(&self, request: OAuthHttpRequest) -> OAuthHttpClientFuture<'_> {
        Box::pin(async move {
            let (answer, fault) = match self.ask(request).await {
                Ok(answer) => (Ok(answer), None),
                Err(fault) => (Err(Told(fault.to_string()).into()), Some(fault)),
            };
            *self.last_fault.lock().unwrap_or_else(PoisonError::into_inner) = fault;
            answer
        })
    }
}
