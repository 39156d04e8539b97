//! One login: who issues tokens for the server, who we are to him, the address for the browser, and a token for what comes
//! back.

use std::sync::Arc;

use http::header::{ACCEPT, CONTENT_TYPE, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use reqwest::{Method, Request};
use rmcp::transport::auth::{
    AuthError, AuthorizationCallback, AuthorizationManager, AuthorizationMetadata, OAuthClientConfig,
};
use url::Url;

use crate::secrets::redactor;
use crate::web::Client;

use super::error::{cleaned, on_web};
use super::http::Guarded;
use super::store::{Entry, Grant};
use super::token::TokenAnswer;
use super::{Error, Step, Target};

/// What we are called at issuers that register programs by themselves.
const CLIENT_NAME: &str = "mcporch";
/// The right to get new tokens without the person.
const OFFLINE: &str = "offline_access";
/// Requests that every server knows, with their methods; only their refusal is of interest. Some let everybody greet them, and
/// refuse what comes after that.
const QUESTIONS: [(&str, &str); 2] = [("initialize", GREETING), ("tools/list", LIST)];
const LIST: &str = concat!(
    r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"_meta":{"#,
    r#""io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{},"#,
    r#""io.modelcontextprotocol/clientInfo":{"name":"mcporch","version":""#,
    env!("CARGO_PKG_VERSION"),
    r#""}}}}"#
);
const GREETING: &str = concat!(
    r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"#,
    r#""clientInfo":{"name":"mcporch","version":""#,
    env!("CARGO_PKG_VERSION"),
    r#""}}}"#
);

/// A login that waits for its person. Holds what proves that the answer is for us.
pub(super) struct Login {
    target: Target,
    manager: AuthorizationManager,
    guarded: Arc<Guarded>,
    /// Where the browser is sent.
    pub(super) authorize_url: Url,
    /// The `state` that must come back.
    pub(super) state: String,
    /// Where it comes back to.
    pub(super) redirect_uri: Url,
    metadata: AuthorizationMetadata,
    identity: Identity,
    resource: String,
    scopes: Vec<String>,
}

/// Who we are to the issuer.
struct Identity {
    client_id: String,
    client_secret: Option<String>,
}

/// Prepares a login: asks the server and its issuer, and registers us where that is needed. `known` is what is kept of that
/// server: a refusal to start from, and rights that were asked for before.
pub(super) async fn begin(target: &Target, client: &Client, known: &Entry, redirect_uri: Url) -> Result<Login, Error> {
    let guarded = Guarded::new(client.clone());
    let failed = |step| failed(target, &guarded, step);
    client.rules().check(&target.url).map_err(on_web(&target.server, Step::Discover))?;
    let mut manager = AuthorizationManager::new_with_oauth_http_client(target.url.clone(), guarded.clone())
        .await
        .map_err(failed(Step::Prepare))?;
    let challenge = match &known.challenge {
        Some(challenge) => Some(challenge.clone()),
        None => ask_for_challenge(target, client).await?,
    };
    let found = manager.resolve_metadata_from_challenge(challenge.as_deref()).await.map_err(failed(Step::Discover))?;
    check_endpoints(target, client, &found.metadata)?;
    check_issuer(target, known, &found.metadata)?;
    manager.set_metadata(found.metadata.clone());
    let scopes = scopes(target, known, &manager, &found.metadata, challenge.as_deref()).await;
    let scope_refs: Vec<&str> = scopes.iter().map(String::as_str).collect();
    let identity = identify(target, &mut manager, &found.metadata, &redirect_uri, &scope_refs, &guarded).await?;
    redactor().learn(identity.client_secret.as_deref());
    let authorize_url = manager.get_authorization_url(&scope_refs).await.map_err(failed(Step::Authorize))?;
    let no_address = || Error::Answer {
        server: target.server.clone(),
        step: Step::Authorize,
        problem: "the address to log in at is none",
    };
    let authorize_url = Url::parse(&authorize_url).map_err(|_| no_address())?;
    // A browser would be sent there: no `file:`, and nothing inside that the operator did not name.
    client.rules().check(&authorize_url).map_err(on_web(&target.server, Step::Authorize))?;
    let parameter =
        |name| authorize_url.query_pairs().filter(|(key, _)| key == name).last().map(|(_, it)| it.into_owned());
    let state = parameter("state").ok_or_else(no_address)?;
    redactor().learn([state.as_str()]);
    let resource = parameter("resource").unwrap_or_else(|| target.url.to_string());
    let (target, metadata) = (target.clone(), found.metadata);
    Ok(Login { target, manager, guarded, state, resource, authorize_url, redirect_uri, metadata, identity, scopes })
}

impl Login {
    /// The token for what came back: the whole address that the browser was sent to.
    pub(super) async fn finish(self, returned: &Url, now_ms: i64) -> Result<Grant, Error> {
        let target = &self.target;
        let parameter = |name| returned.query_pairs().find(|(key, _)| key == name).map(|(_, it)| it.into_owned());
        let code = parameter("code");
        redactor().learn(code.as_deref());
        if parameter("state").as_deref() != Some(&self.state) {
            return Err(answer(target, "it is the answer to another login"));
        }
        if let Some(code) = parameter("error") {
            let said = cleaned(&parameter("error_description").unwrap_or_default());
            let (server, code) = (target.server.clone(), cleaned(&code));
            return Err(Error::Refused { server, step: Step::Authorize, code, said });
        }
        let callback = AuthorizationCallback::from_redirect_url(returned.as_str())
            .map_err(|_no_code| answer(target, "there is no code in it"))?;
        let issuer = callback.issuer.as_deref();
        let exchanged = self.manager.exchange_code_for_token_with_issuer(&callback.code, &callback.csrf_token, issuer);
        let exchanged = exchanged.await.map_err(failed(target, &self.guarded, Step::Exchange))?;
        let mut grant = Grant {
            issuer: self.metadata.issuer.clone(),
            resource: self.resource.clone(),
            client_id: self.identity.client_id.clone(),
            client_secret: self.identity.client_secret.clone(),
            secret_in_body: wants_secret_in_body(&self.metadata),
            token_endpoint: self.metadata.token_endpoint.clone(),
            revocation_endpoint: text(&self.metadata, "revocation_endpoint"),
            access_token: String::new(),
            refresh_token: None,
            received_at_ms: now_ms,
            expires_at_ms: None,
            scopes: self.scopes.clone(),
            after_refusal: false,
        };
        let token = serde_json::to_value(&exchanged).ok().and_then(|it| serde_json::from_value::<TokenAnswer>(it).ok());
        let token = token.ok_or_else(|| answer(target, "it is no token"))?;
        token.fill(&mut grant, now_ms).map_err(|problem| answer(target, problem))?;
        Ok(grant)
    }

    /// The rights that were asked for.
    pub(super) fn scopes(&self) -> &[String] {
        &self.scopes
    }
}

fn answer(target: &Target, problem: &'static str) -> Error {
    Error::Answer { server: target.server.clone(), step: Step::Exchange, problem }
}

/// What rmcp says, or rather what happened on the web, where it was that.
fn failed<'a>(target: &'a Target, guarded: &'a Guarded, step: Step) -> impl FnOnce(AuthError) -> Error + use<'a> {
    move |source| match guarded.take_fault() {
        Some(fault) => on_web(&target.server, step)(fault),
        None => Error::Protocol { server: target.server.clone(), step, source: Box::new(source) },
    }
}

/// Asks the server something without a token, for the sake of its refusal, which says where to go. Many refuse only `POST`.
async fn ask_for_challenge(target: &Target, client: &Client) -> Result<Option<String>, Error> {
    for (method, question) in QUESTIONS {
        let mut request = Request::new(Method::POST, target.url.clone());
        let headers = request.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(ACCEPT, HeaderValue::from_static("application/json, text/event-stream"));
        if method != "initialize" {
            headers.insert("mcp-protocol-version", HeaderValue::from_static("2026-07-28"));
            headers.insert("mcp-method", HeaderValue::from_static(method));
        }
        *request.body_mut() = Some(question.into());
        let response = client.send(request).await.map_err(on_web(&target.server, Step::Discover))?;
        if response.status() == StatusCode::UNAUTHORIZED {
            return Ok(joined(response.headers()));
        }
    }
    Ok(None)
}

/// All `WWW-Authenticate` headers as one.
pub(super) fn joined(headers: &http::HeaderMap) -> Option<String> {
    let all = headers.get_all(WWW_AUTHENTICATE).iter().filter_map(|value| value.to_str().ok());
    Some(all.collect::<Vec<_>>().join(", ")).filter(|all| !all.is_empty())
}

/// Endpoints that we or the browser will be sent to, before anything secret is.
fn check_endpoints(target: &Target, client: &Client, metadata: &AuthorizationMetadata) -> Result<(), Error> {
    let others = metadata.registration_endpoint.iter();
    for endpoint in [&metadata.authorization_endpoint, &metadata.token_endpoint].into_iter().chain(others) {
        let url = Url::parse(endpoint).map_err(|_| Error::Answer {
            server: target.server.clone(),
            step: Step::Discover,
            problem: "an endpoint is no address",
        })?;
        client.rules().check(&url).map_err(on_web(&target.server, Step::Discover))?;
    }
    Ok(())
}

/// A secret of the operator goes to the issuer that had it at the last login and to no other: who issues tokens is said by the
/// server, which may have been taken over since.
fn check_issuer(target: &Target, known: &Entry, metadata: &AuthorizationMetadata) -> Result<(), Error> {
    let Some(last) = known.grant.as_ref().filter(|_| target.client_secret.is_some()) else { return Ok(()) };
    let origin = |endpoint: &str| Url::parse(endpoint).ok().map(|url| url.origin());
    let is_same = last.issuer == metadata.issuer && origin(&last.token_endpoint) == origin(&metadata.token_endpoint);
    if is_same {
        return Ok(());
    }
    let name = |issuer: &Option<String>, endpoint: &str| cleaned(issuer.as_deref().unwrap_or(endpoint));
    Err(Error::OtherIssuer {
        server: target.server.clone(),
        known: name(&last.issuer, &last.token_endpoint),
        named: name(&metadata.issuer, &metadata.token_endpoint),
    })
}

/// The rights to ask for: those that the operator wrote, else those that the server names; with them those that it missed
/// last time, and those asked for before, so that a step up loses nothing.
async fn scopes(
    target: &Target,
    known: &Entry,
    manager: &AuthorizationManager,
    metadata: &AuthorizationMetadata,
    challenge: Option<&str>,
) -> Vec<String> {
    let missed = challenge.filter(|it| is_step_up(it)).and_then(|it| parameter(it, "scope"));
    let mut scopes: Vec<String> = Vec::new();
    if missed.is_some() {
        scopes.extend(known.asked_scopes.iter().cloned());
    }
    if target.scopes.is_empty() {
        scopes.extend(manager.select_initial_scopes(&[]).await);
    } else {
        scopes.extend(target.scopes.iter().cloned());
    }
    scopes.extend(missed.unwrap_or_default().split_whitespace().map(str::to_owned));
    let is_offered = metadata.scopes_supported.iter().flatten().any(|scope| scope == OFFLINE);
    if is_offered && !scopes.is_empty() {
        scopes.push(OFFLINE.to_owned());
    }
    let mut seen = std::collections::BTreeSet::new();
    scopes.retain(|scope| seen.insert(scope.clone()));
    scopes
}

/// Who we are: what the operator wrote, else our document, else what the issuer makes of us.
async fn identify(
    target: &Target,
    manager: &mut AuthorizationManager,
    metadata: &AuthorizationMetadata,
    redirect_uri: &Url,
    scopes: &[&str],
    guarded: &Guarded,
) -> Result<Identity, Error> {
    let takes_documents =
        metadata.additional_fields.get("client_id_metadata_document_supported").and_then(serde_json::Value::as_bool);
    let (client_id, client_secret) = match (&target.client_id, &target.client_metadata_url) {
        (Some(client_id), _) => (client_id.clone(), target.client_secret.clone()),
        (None, Some(url)) if takes_documents == Some(true) => (url.clone(), None),
        (None, _) => {
            if metadata.registration_endpoint.is_none() {
                return Err(Error::NoRegistration { server: target.server.clone() });
            }
            let registered = manager.register_client(CLIENT_NAME, redirect_uri.as_str(), scopes).await;
            let registered = registered.map_err(failed(target, guarded, Step::Register))?;
            return Ok(Identity { client_id: registered.client_id, client_secret: registered.client_secret });
        }
    };
    let mut config = OAuthClientConfig::new(client_id.clone(), redirect_uri.as_str());
    if let Some(secret) = &client_secret {
        config = config.with_client_secret(secret.clone());
    }
    manager.configure_client(config).map_err(failed(target, guarded, Step::Authorize))?;
    Ok(Identity { client_id, client_secret })
}

/// Does the token endpoint take the secret in the body of a request only? What it says of itself; the head by default.
fn wants_secret_in_body(metadata: &AuthorizationMetadata) -> bool {
    let methods = metadata.additional_fields.get("token_endpoint_auth_methods_supported");
    let methods = methods.and_then(serde_json::Value::as_array);
    let has = |name: &str| methods.into_iter().flatten().any(|method| method.as_str() == Some(name));
    has("client_secret_post") && !has("client_secret_basic")
}

fn text(metadata: &AuthorizationMetadata, name: &str) -> Option<String> {
    metadata.additional_fields.get(name).and_then(serde_json::Value::as_str).map(str::to_owned)
}

/// Does the refusal say that the token allows too little?
pub(super) fn is_step_up(challenge: &str) -> bool {
    parameter(challenge, "error").as_deref() == Some("insufficient_scope")
}

/// The value of a parameter of `WWW-Authenticate`, with or without quotes.
pub(super) fn parameter(challenge: &str, name: &str) -> Option<String> {
    const BETWEEN: [char; 3] = [' ', ',', '\t'];
    let mut rest = challenge;
    loop {
        rest = rest.trim_start_matches(BETWEEN);
        let end = rest.find(|c: char| c == '=' || BETWEEN.contains(&c))?;
        let (word, after) = rest.split_at(end);
        // A word without a value is the name of a scheme.
        let Some(written) = after.strip_prefix('=') else {
            rest = after;
            continue;
        };
        let (value, after) = value(written)?;
        if word.eq_ignore_ascii_case(name) {
            return Some(value);
        }
        rest = after;
    }
}

/// The value that the text begins with, and what comes after it. `None` when its quotes are not closed.
fn value(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let (plain, after) = text.split_at(text.find([' ', ',', '\t']).unwrap_or(text.len()));
        return Some((plain.to_owned(), after));
    };
    let mut value = String::new();
    let mut chars = quoted.chars();
    loop {
        match chars.next()? {
            '"' => return Some((value, chars.as_str())),
            '\\' => value.push(chars.next()?),
            c => value.push(c),
        }
    }
}
