//! Who may come in: by the name that he calls us, by the page that his browser shows, by his key, and by how often he comes.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, LazyLock};

use hyper::header::{AUTHORIZATION, HOST, HeaderName, HeaderValue, ORIGIN};
use hyper::{HeaderMap, Method};

use crate::audit;
use crate::domain::{Moment, Scope};
use crate::keys::{self, Holder, KeyRing, Verdict};

use super::buckets::Buckets;
use super::refusal::Refusal;
use super::request::Ends;
use super::{ListedKeys, Tls};

/// The name of everybody where no key is asked for.
static NOBODY: LazyLock<Arc<str>> = LazyLock::new(|| "http".into());
/// The name of those who were refused before it was known who they are.
static UNKNOWN: LazyLock<Arc<str>> = LazyLock::new(|| "nobody".into());
/// What browsers say of the page that sends them, and of why they come.
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
/// What proxies add, with what they know of who is before them.
const PASSED_ON: [HeaderName; 9] = [
    HeaderName::from_static("forwarded"),
    HeaderName::from_static("via"),
    HeaderName::from_static("x-forwarded-for"),
    HeaderName::from_static("x-forwarded-host"),
    HeaderName::from_static("x-forwarded-proto"),
    HeaderName::from_static("x-real-ip"),
    HeaderName::from_static("cf-connecting-ip"),
    HeaderName::from_static("true-client-ip"),
    HeaderName::from_static("x-client-ip"),
];
/// Wrong keys from one address before they are slowed down. A guess: a person with an old key in a client that tries again.
const WRONG_KEYS_BURST: u32 = 20;
/// And then so many a second.
const WRONG_KEYS_PER_S: f64 = 0.2;

/// Who is let in.
#[derive(Debug)]
pub struct Access {
    /// Names by which this service may be called, besides those of the machine itself: `HOST` or `HOST:PORT`.
    pub allowed_hosts: Vec<String>,
    /// Web pages that may call it: `https://HOST` or `https://HOST:PORT`.
    pub allowed_origins: Vec<String>,
    /// Keys that the operator wrote down; their holders are callers.
    pub listed: Option<ListedKeys>,
    /// Keys that were made by `mcporch keys`.
    pub ring: Arc<KeyRing>,
    /// Whether a key is needed on addresses of this machine alone, too. On others it always is.
    pub asks_always: bool,
    /// Who we are, to clients that come by TLS; `None`: they come without.
    pub tls: Option<Tls>,
    /// How often each may come; `None`: as he likes.
    pub rate: Option<Rate>,
    /// Wrong keys, by the address they came from.
    pub wrong_keys: WrongKeys,
    /// The wall clock, in milliseconds since 1970.
    pub now: fn() -> i64,
    /// Where it is noted who was not let in.
    pub audit: Option<audit::Log>,
}

/// How often each may come: each key, and each address without one.
#[derive(Debug)]
pub struct Rate(Buckets<Who>);

/// Wrong keys, by the address they came from.
#[derive(Debug)]
pub struct WrongKeys(Buckets<IpAddr>);

/// Who sends a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::gateway) struct Visitor {
    /// What he is called.
    pub(in crate::gateway) who: Arc<str>,
    /// What he may do.
    pub(in crate::gateway) scope: Scope,
    /// His address.
    pub(in crate::gateway) from: IpAddr,
    /// Whether he has shown a key.
    pub(in crate::gateway) has_key: bool,
}

#[derive(Debug, PartialEq, Eq, Hash)]
enum Who {
    Key(Arc<str>),
    Address(IpAddr),
}

impl Rate {
    /// At once, and then each second.
    #[must_use]
    pub fn new(burst: u32, per_s: u32) -> Self {
        Self(Buckets::new(f64::from(per_s), burst))
    }
}

impl Default for WrongKeys {
    fn default() -> Self {
        Self(Buckets::new(WRONG_KEYS_PER_S, WRONG_KEYS_BURST))
    }
}

impl Access {
    /// Everybody who comes from this machine, without a key or with one of those.
    #[must_use]
    pub fn new(ring: Arc<KeyRing>, now: fn() -> i64) -> Self {
        Self {
            allowed_hosts: Vec::new(),
            allowed_origins: Vec::new(),
            listed: None,
            ring,
            asks_always: false,
            tls: None,
            rate: None,
            wrong_keys: WrongKeys::default(),
            now,
            audit: None,
        }
    }

    /// Whether the request is let in, however it looks otherwise. `authority` is that of its address.
    pub(super) fn check(
        &self,
        method: &Method,
        headers: &HeaderMap,
        authority: Option<&str>,
        ends: Ends,
    ) -> Result<(), Refusal> {
        let checked = self.check_names(method, headers, authority, ends.here);
        checked.inspect_err(|refusal| self.note(*refusal, ends.from, None))
    }

    fn check_names(
        &self,
        method: &Method,
        headers: &HeaderMap,
        authority: Option<&str>,
        here: IpAddr,
    ) -> Result<(), Refusal> {
        let host = match headers.get(HOST) {
            Some(host) => host.to_str().map_err(|_| Refusal::NoHost)?,
            None => authority.ok_or(Refusal::NoHost)?,
        };
        if !self.is_host_allowed(host, here) {
            return Err(Refusal::Host);
        }
        match headers.get(ORIGIN) {
            Some(origin) if self.is_origin_allowed(origin, here) => Ok(()),
            Some(_) => Err(Refusal::Origin),
            // Browsers leave the origin out of what they take for harmless: pictures, scripts, links.
            None if is(headers, &FETCH_SITE, "cross-site") => {
                let looks_at_page = method == Method::GET && is(headers, &FETCH_MODE, "navigate");
                if looks_at_page { Ok(()) } else { Err(Refusal::CrossSite) }
            }
            None => Ok(()),
        }
    }

    /// Who sends a request with these headers, if he does not come too often. To be asked once for each request.
    ///
    /// # Errors
    /// A key that is wrong, over or missing, and too many requests.
    pub(in crate::gateway) fn visitor(&self, headers: &HeaderMap, ends: Ends) -> Result<Visitor, Refusal> {
        let visitor = match shown_key(headers)? {
            Some(key) => self.holder(key, ends.from),
            None if ends.is_local && !self.asks_always => {
                Ok(Visitor { who: NOBODY.clone(), scope: Scope::Admin, from: ends.from, has_key: false })
            }
            None => Err(Refusal::NoKey),
        };
        match visitor {
            Ok(visitor) => self.count(&visitor).map(|()| visitor),
            Err(refusal) => {
                let refusal = self.take(Who::Address(network(ends.from))).err().unwrap_or(refusal);
                // Who was not asked before has not been refused yet: browsers come without a key first.
                if refusal != Refusal::NoKey {
                    self.note(refusal, ends.from, None);
                }
                Err(refusal)
            }
        }
    }

    /// Whether somebody may do what needs that scope; if not, that is noted.
    ///
    /// # Errors
    /// [`Refusal::Scope`].
    pub(in crate::gateway) fn needs(&self, visitor: &Visitor, needed: Scope) -> Result<(), Refusal> {
        let has = visitor.scope;
        if has.covers(needed) {
            return Ok(());
        }
        let refusal = Refusal::Scope { needed, has };
        self.note(refusal, visitor.from, Some(visitor.who.clone()));
        Err(refusal)
    }

    /// Notes that somebody was not let in, or not let do something.
    pub(in crate::gateway) fn note(&self, refusal: Refusal, from: IpAddr, who: Option<Arc<str>>) {
        if let Some(audit) = &self.audit {
            audit.refused(audit::Event {
                at: (self.now)(),
                who: Some(who.unwrap_or_else(|| UNKNOWN.clone())),
                from: Some(from.to_canonical().to_string()),
                action: "access.refused",
                outcome: refusal.slug(),
                ..audit::Event::default()
            });
        }
    }

    /// Who has that key.
    ///
    /// # Errors
    /// When it is none, or none any more, or too many were wrong from that address.
    pub(in crate::gateway) fn holder(&self, shown: &str, from: IpAddr) -> Result<Visitor, Refusal> {
        let network = network(from);
        // Somebody has thought of the listed ones, so they might be guessed: then not even a right one is looked at for a while.
        // Ours cannot be, so that nobody is kept out by what others at his address do.
        if self.listed.is_some()
            && !keys::is_key(shown)
            && let Some(wait) = self.wrong_keys.0.wait(&network)
        {
            return Err(Refusal::Guessing(wait));
        }
        let known = self.known(shown, from);
        if known == Err(Refusal::Key) {
            self.wrong_keys.0.take(network).map_err(Refusal::Guessing)?;
        }
        known
    }

    /// The same, however many were wrong: of a key that nobody tries to guess, since it was good before.
    fn known(&self, shown: &str, from: IpAddr) -> Result<Visitor, Refusal> {
        let visitor = |who, scope| Ok(Visitor { who, scope, from, has_key: true });
        if keys::is_key(shown) {
            return match self.ring.check(shown, Moment((self.now)())) {
                Verdict::Known(Holder { name, scope }) => visitor(name, scope),
                Verdict::Expired => Err(Refusal::Expired),
                Verdict::Unknown => Err(Refusal::Key),
            };
        }
        let owner = self.listed.as_ref().and_then(|listed| listed.owner(shown));
        owner.map_or(Err(Refusal::Key), |who| visitor(who, Scope::Caller))
    }

    /// Whether a key that was good is so still: of connections that stay open.
    ///
    /// # Errors
    /// When it is none any more. What others at his address try does not count against him.
    pub(in crate::gateway) fn still_holds(&self, shown: &str, from: IpAddr) -> Result<(), Refusal> {
        self.known(shown, from).map(drop)
    }

    /// Counts one more request, or one more message, of him.
    ///
    /// # Errors
    /// [`Refusal::TooMany`].
    pub(in crate::gateway) fn count(&self, visitor: &Visitor) -> Result<(), Refusal> {
        match (visitor.has_key, visitor.scope) {
            (true, _) => {
                let taken = self.take(Who::Key(visitor.who.clone()));
                taken.inspect_err(|refusal| self.note(*refusal, visitor.from, Some(visitor.who.clone())))
            }
            // Without a key he is the user himself, whose calls in flight are bounded.
            (false, Scope::Admin) => Ok(()),
            (false, _) => self.take(Who::Address(network(visitor.from))),
        }
    }

    fn take(&self, who: Who) -> Result<(), Refusal> {
        match &self.rate {
            Some(rate) => rate.0.take(who).map_err(Refusal::TooMany),
            None => Ok(()),
        }
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

/// The key in the headers: also where it stands without `Bearer`, or behind another word, so that nobody who shows a key is taken for
/// one who shows none. What proxies want to know (`Basic`) is not for us.
pub(in crate::gateway) fn shown_key(headers: &HeaderMap) -> Result<Option<&str>, Refusal> {
    let Some(shown) = headers.get(AUTHORIZATION) else { return Ok(None) };
    let shown = shown.to_str().map_err(|_| Refusal::Key)?.trim();
    if shown.is_empty() {
        return Ok(None);
    }
    let Some((scheme, key)) = shown.split_once(' ') else {
        return Ok(Some(if shown.eq_ignore_ascii_case("bearer") { "" } else { shown }));
    };
    let key = key.trim();
    Ok((scheme.eq_ignore_ascii_case("bearer") || keys::is_key(key)).then_some(key))
}

fn is(headers: &HeaderMap, name: &HeaderName, value: &str) -> bool {
    headers.get(name).is_some_and(|said| said.as_bytes().eq_ignore_ascii_case(value.as_bytes()))
}

/// How a request came: what a proxy on this machine passes on comes from this machine, and he who sent it may be anywhere. It shows by
/// what proxies add, or by a name that others call us.
pub(super) fn ends_of(headers: &HeaderMap, authority: Option<&str>, ends: Ends) -> Ends {
    let host = headers.get(HOST).map_or(authority, |host| host.to_str().ok());
    let is_called_as_here = host.is_some_and(|host| is_of_this_machine(without_port(host), ends.here));
    let is_passed_on = PASSED_ON.iter().any(|name| headers.contains_key(name));
    Ends { is_local: ends.is_local && is_called_as_here && !is_passed_on, ..ends }
}

/// What one user has of addresses: of the new kind, many.
fn network(from: IpAddr) -> IpAddr {
    match from.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))),
        address @ IpAddr::V4(_) => address,
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
#[path = "access_tests.rs"]
mod tests;
