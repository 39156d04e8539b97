//! A web hook: one request per attempt, signed, without following anybody elsewhere.

use std::time::Duration;

use ureq::Agent;
use ureq::http::{HeaderName, HeaderValue, Uri};

use super::address::is_loopback;
use super::outbox::Failure;
use super::template::Template;
use super::{Alert, Error, HEADER, WebhookSettings, reference, signature};

/// A checked web hook.
pub(super) struct Webhook {
    uri: Uri,
    host: String,
    template: Template,
    headers: Vec<(HeaderName, HeaderValue)>,
    secret: Option<String>,
    agent: Agent,
}

impl Webhook {
    pub(super) fn new(settings: &WebhookSettings, lookup: &dyn Fn(&str) -> Option<String>) -> Result<Self, Error> {
        let url = reference::resolved("alerts.webhook_urls", &settings.url, lookup)?;
        let uri: Uri = url.parse().map_err(|_| Error::BadUrl)?;
        let host = uri.host().filter(|host| !host.is_empty()).ok_or(Error::BadUrl)?.to_owned();
        match uri.scheme_str() {
            Some("https") => {}
            Some("http") if is_loopback(&host) || settings.allows_http => {}
            Some("http") => return Err(Error::Unencrypted { host }),
            _ => return Err(Error::BadUrl),
        }
        let mut headers = vec![header("Content-Type", &settings.content_type)?];
        for line in &settings.headers {
            let (name, value) = line.split_once(':').ok_or(Error::BadHeader)?;
            headers.push(header(name.trim(), &reference::resolved("alerts.webhook_headers", value.trim(), lookup)?)?);
        }
        let mut config = Agent::config_builder()
            .http_status_as_error(false)
            // What is meant for one address is not carried to another.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .max_idle_connections(0)
            .user_agent(concat!("mcporch/", env!("CARGO_PKG_VERSION")));
        if is_loopback(&host) {
            config = config.proxy(None);
        }
        let template = Template::parse(&settings.body, &settings.content_type)?;
        let secret = reference::secret("alerts.webhook_secret", &settings.secret, lookup)?;
        Ok(Self { uri, host, template, headers, secret, agent: config.build().new_agent() })
    }

    /// For people: the host alone, since path and query of many hooks are their key.
    pub(super) fn name(&self) -> String {
        format!("web hook at {}", self.host)
    }

    /// One attempt. Blocking, for `timeout` at most.
    pub(super) fn deliver(&self, alert: &Alert, now: i64, timeout: Duration) -> Result<(), Failure> {
        let body = self.template.fill(alert);
        let mut request = self.agent.post(&self.uri);
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        if let Some(secret) = &self.secret {
            request = request.header(HEADER, signature(secret, now, body.as_bytes()));
        }
        let answer = request.config().timeout_global(Some(timeout)).build().send(body.as_bytes());
        let status = match answer {
            Ok(answer) => answer.status().as_u16(),
            // The library's text may hold the address.
            Err(fault) => return Err(Failure { told: told(&fault).to_owned(), is_final: is_final(&fault) }),
        };
        match status {
            200..=299 => Ok(()),
            300..=399 => {
                Err(Failure { told: format!("it answered {status}, and redirects are not followed"), is_final: true })
            }
            // Too slow, too many, or its own fault: later it may take it.
            408 | 425 | 429 | 500..=599 => Err(Failure { told: format!("it answered {status}"), is_final: false }),
            _ => Err(Failure { told: format!("it answered {status}"), is_final: true }),
        }
    }
}

fn header(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), Error> {
    let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| Error::BadHeader)?;
    Ok((name, HeaderValue::from_str(value).map_err(|_| Error::BadHeader)?))
}

fn told(fault: &ureq::Error) -> &'static str {
    if matches!(fault, ureq::Error::Timeout(_)) {
        "it did not answer in time"
    } else if matches!(fault, ureq::Error::HostNotFound) {
        "there is no machine of that name"
    } else if matches!(fault, ureq::Error::Tls(_) | ureq::Error::Rustls(_)) {
        "the encryption failed; look at its certificate"
    } else if matches!(fault, ureq::Error::Io(_) | ureq::Error::ConnectionFailed) {
        "it could not be connected to"
    } else {
        "the request failed"
    }
}

fn is_final(fault: &ureq::Error) -> bool {
    matches!(fault, ureq::Error::BadUri(_) | ureq::Error::Http(_))
}
