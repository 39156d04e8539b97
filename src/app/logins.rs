//! Servers that are reached by an address, as those who log in there see them.

use url::Url;

use crate::config::{Config, Launch, ServerConfig};
use crate::domain::ServerName;
use crate::oauth::{Store, Target};
use crate::secrets::{self, LateEnv, redactor};

/// Why nobody can log in at a server.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// It is started as a program.
    #[error("server `{server}` is started as a program; only servers with a `url` have logins")]
    NotRemote {
        /// Which server.
        server: ServerName,
    },
    /// Its address is none.
    #[error("server `{server}`: its `url` is no web address")]
    NoAddress {
        /// Which server.
        server: ServerName,
    },
    /// The secret of our identity cannot be had.
    #[error("server `{server}`: the secret of its `client_id` cannot be had")]
    Secret {
        /// Which server.
        server: ServerName,
        /// Why not.
        #[source]
        source: Box<secrets::Error>,
    },
}

/// The server as one to log in at. Reads the secret of our identity where there is one. Blocking: a file or the keyring.
///
/// # Errors
/// When it is no remote server, or that secret cannot be had.
pub fn login_target(server: &ServerConfig) -> Result<Target, LoginError> {
    let name = server.name.clone();
    let Launch::Remote { url, .. } = &server.launch else { return Err(LoginError::NotRemote { server: name }) };
    let url = Url::parse(url).map_err(|_| LoginError::NoAddress { server: name.clone() })?;
    let client_secret = match &server.oauth.client_secret {
        None => None,
        Some(secret) => {
            let reference = LateEnv { variables: vec![secret.clone()], ..LateEnv::default() };
            let read = reference
                .complete(&[])
                .map_err(|fault| LoginError::Secret { server: name.clone(), source: Box::new(fault) })?;
            read.env.into_iter().next().map(|(_, value)| value)
        }
    };
    redactor().learn(client_secret.as_deref());
    Ok(Target {
        client_id: server.oauth.client_id.clone(),
        client_secret,
        client_metadata_url: server.oauth.client_metadata_url.clone(),
        scopes: server.oauth.scopes.clone(),
        redirect_port: server.oauth.redirect_port,
        private_hosts: server.private_hosts.clone(),
        ..Target::new(name, url)
    })
}

/// Where logins are kept.
#[must_use]
pub fn credentials(config: &Config) -> Store {
    Store::at(config.home.credentials())
}
