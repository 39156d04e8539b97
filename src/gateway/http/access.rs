//! Who may come in: by the name that he calls us, by the page that his browser shows, and by his key.

use std::net::IpAddr;
use std::sync::{Arc, LazyLock};

use hyper::HeaderMap;
use hyper::header::{AUTHORIZATION, HOST, HeaderValue, ORIGIN};

use super::Keys;

/// The principal of everybody where no key is asked for.
static NOBODY: LazyLock<Arc<str>> = LazyLock::new(|| "http".into());

/// Who is let in.
#[derive(Debug, Default)]
pub struct Access {
    /// Names by which this service may be called, besides those of the machine itself: `HOST` or `HOST:PORT`.
    pub allowed_hosts: Vec<String>,
    /// Web pages that may call it: `https://HOST` or `https://HOST:PORT`.
    pub allowed_origins: Vec<String>,
    /// Who has a key; `None` asks for none.
    pub keys: Option<Keys>,
}

/// Why somebody is not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// There is no readable `Host`.
    NoHost,
    /// He calls us by another name: a page whose name was made to lead here does.
    Host,
    /// He is a page that may not.
    Origin,
    /// He shows no key.
    NoKey,
    /// He shows one that is none.
    Key,
}

impl Access {
    /// Whether the request is let in, however it looks otherwise. `here` is the address that the connection came to.
    pub(super) fn check(&self, headers: &HeaderMap, authority: Option<&str>, here: IpAddr) -> Result<(), Refusal> {
        let host = match headers.get(HOST) {
            Some(host) => host.to_str().map_err(|_| Refusal::NoHost)?,
            None => authority.ok_or(Refusal::NoHost)?,
        };
        if !self.is_host_allowed(host, here) {
            return Err(Refusal::Host);
        }
        match headers.get(ORIGIN) {
            Some(origin) if !self.is_origin_allowed(origin, here) => Err(Refusal::Origin),
            _ => Ok(()),
        }
    }

    /// Who sends the request.
    pub(super) fn principal(&self, headers: &HeaderMap) -> Result<Arc<str>, Refusal> {
        let Some(keys) = &self.keys else { return Ok(NOBODY.clone()) };
        let shown = headers.get(AUTHORIZATION).ok_or(Refusal::NoKey)?.to_str().map_err(|_| Refusal::Key)?;
        let (scheme, key) = shown.trim().split_once(' ').ok_or(Refusal::Key)?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(Refusal::Key);
        }
        keys.owner(key.trim()).ok_or(Refusal::Key)
    }

    fn is_host_allowed(&self, authority: &str, here: IpAddr) -> bool {
        let host = without_port(authority);
        is_of_this_machine(host, here)
            || self
                .allowed_hosts
                .iter()
                .any(|allowed| allowed.eq_ignore_ascii_case(authority) || allowed.eq_ignore_ascii_case(host))
    }

    pub(super) fn is_origin_allowed(&self, origin: &HeaderValue, here: IpAddr) -> bool {
        let Ok(origin) = origin.to_str() else { return false };
        if self.allowed_origins.iter().any(|allowed| allowed.trim_end_matches('/').eq_ignore_ascii_case(origin)) {
            return true;
        }
        let authority = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
        authority.is_some_and(|authority| is_of_this_machine(without_port(authority), here))
    }
}

/// `[::1]:80` and `localhost:80` without their ports; brackets stay.
fn without_port(authority: &str) -> &str {
    match authority.strip_prefix('[').and_then(|rest| rest.find(']')) {
        Some(end) => {
            // What follows the bracket is a port, or this is no authority.
            let (host, rest) = authority.split_at(end + 2);
            if rest.is_empty() || rest.starts_with(':') { host } else { authority }
        }
        None => authority.split_once(':').map_or(authority, |(host, _)| host),
    }
}

/// Names of the loopback, and the very address that the connection came to: no page can have the one or the other for its own.
fn is_of_this_machine(host: &str, here: IpAddr) -> bool {
    if host.eq_ignore_ascii_case("localhost") {
        return true;
    }
    let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback() || address == here.to_canonical())
}

#[cfg(test)]
mod tests {
    use hyper::HeaderMap;
    use hyper::header::{HOST, ORIGIN};

    use super::{Access, Refusal};

    fn check(host: &str, origin: Option<&str>, expected: Result<(), Refusal>) {
        let access = Access {
            allowed_hosts: vec!["mcp.example".to_owned(), "ported.example:81".to_owned()],
            allowed_origins: vec!["https://app.example".to_owned()],
            keys: None,
        };
        let mut headers = HeaderMap::new();
        headers.insert(HOST, host.parse().unwrap());
        if let Some(origin) = origin {
            headers.insert(ORIGIN, origin.parse().unwrap());
        }
        let here = "192.0.2.7".parse().unwrap();
        assert_eq!(access.check(&headers, None, here), expected, "{host} {origin:?}");
    }

    #[test]
    fn only_names_that_no_page_can_take_are_answered() {
        check("localhost:8080", None, Ok(()));
        check("127.0.0.1", None, Ok(()));
        check("[::1]:80", None, Ok(()));
        check("192.0.2.7:80", None, Ok(()));
        check("MCP.example:9", None, Ok(()));
        check("ported.example:81", None, Ok(()));
        check("ported.example:82", None, Err(Refusal::Host));
        check("evil.example", None, Err(Refusal::Host));
        check("localhost.evil.example", None, Err(Refusal::Host));
        check("[::1].evil.example", None, Err(Refusal::Host));
        check("192.0.2.8", None, Err(Refusal::Host));
    }

    #[test]
    fn only_pages_of_this_machine_and_listed_ones_may_call() {
        check("localhost", Some("http://localhost:3000"), Ok(()));
        check("localhost", Some("https://app.example"), Ok(()));
        check("localhost", Some("http://app.example"), Err(Refusal::Origin));
        check("localhost", Some("https://evil.example"), Err(Refusal::Origin));
        check("localhost", Some("null"), Err(Refusal::Origin));
        check("localhost", Some("file://localhost"), Err(Refusal::Origin));
    }
}
