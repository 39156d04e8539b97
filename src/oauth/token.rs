//! Tokens at their issuer: a new one for an old one, and the end of one. Redirects are not followed: nobody else is to see
//! a token.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, StatusCode};
use reqwest::{Method, Request};
use serde::Deserialize;
use url::Url;
use url::form_urlencoded::{Serializer, byte_serialize};

use crate::secrets::redactor;
use crate::web::{Client, read_body};

use super::error::{cleaned, on_web};
use super::http::{ANSWER_BYTES_MAX, BODY_TIME_MAX};
use super::store::Grant;
use super::{Error, Step, Target};

/// A token is refreshed that long before it expires, in milliseconds, or a fifth of its life before when that is less.
const MARGIN_MS: i64 = 60_000;
/// Longest token, in bytes: servers take heads of 8 to 32 KB.
const TOKEN_BYTES_MAX: usize = 16 << 10;
/// Longest life of a token that is believed, in seconds: ten years. It keeps sums in range.
const LIFE_MAX_S: u64 = 315_360_000;

/// The answer of a token endpoint.
#[derive(Deserialize)]
pub(super) struct TokenAnswer {
    access_token: String,
    #[serde(default)]
    token_type: String,
    #[serde(default)]
    expires_in: Option<serde_json::Value>,
    #[serde(default)]
    refresh_token: Option<String>,
    #[serde(default)]
    scope: Option<String>,
}

/// The refusal of an endpoint.
#[derive(Deserialize, Default)]
struct Refusal {
    #[serde(default)]
    error: String,
    #[serde(default)]
    error_description: String,
}

impl TokenAnswer {
    /// Puts it into the grant. What it does not say stays: the refresh token, and what was allowed.
    pub(super) fn fill(self, grant: &mut Grant, now_ms: i64) -> Result<(), &'static str> {
        redactor().learn([self.access_token.as_str()].into_iter().chain(self.refresh_token.as_deref()));
        let is_sane = |token: &str| {
            !token.is_empty() && token.len() <= TOKEN_BYTES_MAX && token.bytes().all(|byte| byte.is_ascii_graphic())
        };
        if !self.token_type.is_empty() && !self.token_type.eq_ignore_ascii_case("bearer") {
            return Err("the token is of another type than Bearer");
        }
        let refresh_token = self.refresh_token.filter(|token| !token.is_empty());
        if !is_sane(&self.access_token) || refresh_token.as_deref().is_some_and(|token| !is_sane(token)) {
            return Err("a token is empty, too long or has odd characters in it");
        }
        // Some issuers write the number as a text.
        let number = |value: serde_json::Value| value.as_u64().or_else(|| value.as_str()?.parse().ok());
        let life_s = self.expires_in.and_then(number).filter(|life| *life > 0).map(|life| life.min(LIFE_MAX_S));
        grant.access_token = self.access_token;
        grant.refresh_token = refresh_token.or(grant.refresh_token.take());
        grant.received_at_ms = now_ms;
        grant.expires_at_ms = life_s.and_then(|life| now_ms.checked_add(i64::try_from(life * 1000).ok()?));
        if let Some(scope) = self.scope {
            grant.scopes = scope.split_whitespace().map(str::to_owned).collect();
        }
        Ok(())
    }
}

impl Grant {
    /// Can the token be used without asking for a new one first? A clock that was set back makes it doubtful.
    pub(super) fn is_fresh(&self, now_ms: i64) -> bool {
        let Some(expires_at) = self.expires_at_ms else { return true };
        let margin = MARGIN_MS.min((expires_at - self.received_at_ms) / 5);
        now_ms < expires_at - margin && now_ms >= self.received_at_ms - MARGIN_MS
    }

    /// Has its time passed, as far as is known?
    pub(super) fn is_expired(&self, now_ms: i64) -> bool {
        self.expires_at_ms.is_some_and(|at| now_ms >= at)
    }

    /// What goes into `Authorization`.
    pub(super) fn header(&self) -> String {
        format!("Bearer {}", self.access_token)
    }
}

/// The grant with a new token. [`Error::Ended`] when the issuer will never give one again.
pub(super) async fn refresh(client: &Client, target: &Target, grant: &Grant, now_ms: i64) -> Result<Grant, Error> {
    let ended = || Error::Ended { server: target.server.clone() };
    let refresh_token = grant.refresh_token.as_deref().ok_or_else(ended)?;
    let form = [("grant_type", "refresh_token"), ("refresh_token", refresh_token), ("resource", &grant.resource)];
    let request = request(target, grant, &grant.token_endpoint, &form, Step::Refresh)?;
    let (status, body) = send(client, target, request, Step::Refresh).await?;
    if !status.is_success() {
        let refusal: Refusal = serde_json::from_slice(&body).unwrap_or_default();
        let is_final = status.is_client_error()
            && matches!(refusal.error.as_str(), "invalid_grant" | "invalid_client" | "unauthorized_client");
        return Err(if is_final { ended() } else { refused(target, Step::Refresh, status, &refusal) });
    }
    let answer: TokenAnswer = serde_json::from_slice(&body).map_err(|_| bad(target, "it is no token"))?;
    let mut grant = grant.clone();
    answer.fill(&mut grant, now_ms).map_err(|problem| bad(target, problem))?;
    Ok(grant)
}

/// Tells the issuer that the tokens are no longer wanted. False when he offers no way to.
pub(super) async fn revoke(client: &Client, target: &Target, grant: &Grant) -> Result<bool, Error> {
    let Some(endpoint) = grant.revocation_endpoint.as_deref() else { return Ok(false) };
    let refresh = grant.refresh_token.as_deref().map(|token| (token, "refresh_token"));
    // The refresh token first: by the standard its end is the end of the others too.
    for (token, hint) in refresh.into_iter().chain([(grant.access_token.as_str(), "access_token")]) {
        let form = [("token", token), ("token_type_hint", hint)];
        let asked = request(target, grant, endpoint, &form, Step::Revoke)?;
        let (mut status, mut body) = send(client, target, asked, Step::Revoke).await?;
        if status == StatusCode::BAD_REQUEST && grant.client_secret.is_none() {
            // Some issuers ask programs without a secret for an empty one.
            let form = [form[0], form[1], ("client_secret", "")];
            let asked = request(target, grant, endpoint, &form, Step::Revoke)?;
            (status, body) = send(client, target, asked, Step::Revoke).await?;
        }
        if !status.is_success() {
            return Err(refused(target, Step::Revoke, status, &serde_json::from_slice(&body).unwrap_or_default()));
        }
    }
    Ok(true)
}

fn bad(target: &Target, problem: &'static str) -> Error {
    Error::Answer { server: target.server.clone(), step: Step::Refresh, problem }
}

fn refused(target: &Target, step: Step, status: StatusCode, refusal: &Refusal) -> Error {
    let code = if refusal.error.is_empty() { format!("HTTP {}", status.as_u16()) } else { cleaned(&refusal.error) };
    Error::Refused { server: target.server.clone(), step, code, said: cleaned(&refusal.error_description) }
}

/// A form to an endpoint, with our identity.
fn request(
    target: &Target,
    grant: &Grant,
    endpoint: &str,
    form: &[(&str, &str)],
    step: Step,
) -> Result<Request, Error> {
    let no_address = || Error::Answer { server: target.server.clone(), step, problem: "an endpoint is no address" };
    let mut request = Request::new(Method::POST, Url::parse(endpoint).map_err(|_| no_address())?);
    let mut body = Serializer::new(String::new());
    body.extend_pairs(form);
    let headers = request.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    match &grant.client_secret {
        Some(secret) if !grant.secret_in_body => {
            let encoded = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
            let basic = STANDARD.encode(format!("{}:{}", encoded(&grant.client_id), encoded(secret)));
            redactor().learn([basic.as_str()]);
            // Base64 is always fit for a header.
            if let Ok(mut value) = HeaderValue::from_str(&format!("Basic {basic}")) {
                value.set_sensitive(true);
                headers.insert(AUTHORIZATION, value);
            }
        }
        Some(secret) => {
            body.append_pair("client_id", &grant.client_id).append_pair("client_secret", secret);
        }
        None => {
            body.append_pair("client_id", &grant.client_id);
        }
    }
    *request.body_mut() = Some(body.finish().into());
    Ok(request)
}

async fn send(client: &Client, target: &Target, request: Request, step: Step) -> Result<(StatusCode, Vec<u8>), Error> {
    let response = client.send(request).await.map_err(on_web(&target.server, step))?;
    let status = response.status();
    let body = read_body(response, ANSWER_BYTES_MAX, BODY_TIME_MAX).await.map_err(on_web(&target.server, step))?;
    Ok((status, body))
}
