//! Where a client may go.

use std::net::IpAddr;

use url::{Host, Url};

use super::place::host;
use super::{AddressKind, Error, Problem, kind_of, shown};

/// Ends of names that no public server has: of one's own network by standard or by habit.
const LOCAL_ENDS: &[&str] =
    &[".local", ".internal", ".lan", ".home.arpa", ".home", ".corp", ".intranet", ".private", ".test"];

/// Where a client may go. The default is the public web over `https`, and nothing else.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rules {
    /// Every host may have any address. For tests, and for an operator who says so.
    pub allow_private: bool,
    /// Hosts that the operator named himself, in lower case without brackets: they may have any address. One that is a
    /// loopback address or `localhost` stands for all of this machine.
    pub hosts_allowed: Vec<String>,
    /// Hosts of `hosts_allowed` may be spoken to over `http`. This machine may be in any case.
    pub allow_clear: bool,
}

impl Rules {
    /// The rules for a server that the operator wrote into the registry. A host that is not public, by its address or by
    /// its name, may have any address, since that is what was meant; a public name may not lead inside. `also` are further
    /// hosts with that right.
    #[must_use]
    pub fn for_server(url: &Url, also: &[String]) -> Self {
        let its_host = host(url);
        let mut hosts_allowed: Vec<String> = also.iter().map(|host| host.to_ascii_lowercase()).collect();
        if is_inside(url) {
            hosts_allowed.push(its_host.clone());
        }
        let allow_clear = url.scheme() == "http" && hosts_allowed.contains(&its_host);
        Self { allow_private: false, hosts_allowed, allow_clear }
    }

    /// The same rules without `http`, but to this machine. For what is secret by itself.
    #[must_use]
    pub fn never_in_the_clear(mut self) -> Self {
        self.allow_clear = false;
        self
    }

    /// May that address be asked, as far as can be said without resolving its name?
    ///
    /// # Errors
    /// [`Error::Refused`] with the rule that forbids it.
    pub fn check(&self, url: &Url) -> Result<(), Error> {
        self.problem_of(url).map_or(Ok(()), |problem| Err(Error::Refused { at: shown(url), problem }))
    }

    /// The rule that the address breaks.
    pub(super) fn problem_of(&self, url: &Url) -> Option<Problem> {
        let may_be_clear = is_this_machine(url) || (self.allow_clear && self.names(&host(url)));
        match url.scheme() {
            "https" => {}
            "http" if may_be_clear => {}
            "http" => return Some(Problem::InTheClear),
            scheme => return Some(Problem::Scheme { scheme: scheme.to_owned() }),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Some(Problem::User);
        }
        let address = match url.host() {
            Some(Host::Ipv4(address)) => IpAddr::V4(address),
            Some(Host::Ipv6(address)) => IpAddr::V6(address),
            Some(Host::Domain(_)) => return None,
            None => return Some(Problem::NoAddress),
        };
        self.problem_at(&host(url), address)
    }

    /// The rule that forbids this host this address.
    pub(super) fn problem_at(&self, host: &str, address: IpAddr) -> Option<Problem> {
        let kind = kind_of(address);
        let is_ours = kind == AddressKind::Loopback && self.hosts_allowed.iter().any(|host| names_this_machine(host));
        let may = kind == AddressKind::Public || self.allow_private || is_ours || self.names(host);
        (!may).then_some(Problem::Address { address, kind })
    }

    fn names(&self, host: &str) -> bool {
        self.hosts_allowed.iter().any(|allowed| allowed == host)
    }
}

/// Is what the address names this machine, by its text alone?
pub(super) fn is_this_machine(url: &Url) -> bool {
    names_this_machine(&host(url))
}

fn names_this_machine(host: &str) -> bool {
    let is_loopback = |address: IpAddr| kind_of(address) == AddressKind::Loopback;
    host == "localhost" || host.ends_with(".localhost") || host.parse().is_ok_and(is_loopback)
}

/// Does the text of the address say that the server is not on the public web?
fn is_inside(url: &Url) -> bool {
    let name = host(url);
    match name.parse::<IpAddr>() {
        Ok(address) => kind_of(address) != AddressKind::Public,
        Err(_no_address) => {
            is_this_machine(url) || !name.contains('.') || LOCAL_ENDS.iter().any(|end| name.ends_with(end))
        }
    }
}
