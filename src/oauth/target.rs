//! Whom a login is for.

use std::fmt;

use url::Url;

use crate::domain::ServerName;
use crate::web::{self, Rules, Timeouts};

use super::error::on_web;
use super::{Error, Step};

/// A remote server, and how we present ourselves to those who issue tokens for it. `Debug` shows no secret.
#[derive(Clone)]
pub struct Target {
    /// Its name in the registry.
    pub server: ServerName,
    /// Its address.
    pub url: Url,
    /// The identity that the issuer gave the operator beforehand.
    pub client_id: Option<String>,
    /// The secret of that identity.
    pub client_secret: Option<String>,
    /// An `https` address of a document that describes us; it is our identity where the issuer can do that.
    pub client_metadata_url: Option<String>,
    /// Rights to ask for; empty: those that the server names.
    pub scopes: Vec<String>,
    /// The port that the browser comes back to; any free one when `None`.
    pub redirect_port: Option<u16>,
    /// Hosts beside its own that may have private addresses, such as the company's issuer.
    pub private_hosts: Vec<String>,
}

impl Target {
    /// A server of which nothing but its address is said.
    #[must_use]
    pub fn new(server: ServerName, url: Url) -> Self {
        Self {
            server,
            url,
            client_id: None,
            client_secret: None,
            client_metadata_url: None,
            scopes: Vec::new(),
            redirect_port: None,
            private_hosts: Vec::new(),
        }
    }

    /// Its address as it may be shown: without its query, which may hold a key.
    #[must_use]
    pub fn shown_url(&self) -> String {
        web::shown(&self.url)
    }

    /// The client for everything about its tokens. Never in the clear, but on this machine.
    pub(super) fn client(&self) -> Result<web::Client, Error> {
        let rules = Rules::for_server(&self.url, &self.private_hosts).never_in_the_clear();

        web::client(&rules, TIMEOUTS).map_err(on_web(&self.server, Step::Prepare))
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Target")
            .field("server", &self.server)
            .field("url", &web::shown(&self.url))
            .finish_non_exhaustive()
    }
}

/// For one question to an issuer. A guess: a person waits for it, or a call does.
const TIMEOUTS: Timeouts = Timeouts {
    connect: std::time::Duration::from_secs(10),
    answer: std::time::Duration::from_secs(20),
    silence: Some(std::time::Duration::from_secs(10)),
};
