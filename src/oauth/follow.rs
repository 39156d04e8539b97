//! A login without a person, for issuers of tests that ask nobody: the address for the browser is fetched by us.

use http::header::LOCATION;
use reqwest::{Method, Request};
use url::Url;

use crate::web::Client;

use super::error::on_web;
use super::login::Login;
use super::{Error, Step, Target};

/// Redirects until it must be back.
const HOPS_MAX: usize = 10;

/// Where the issuer sends the browser in the end: an address that begins with ours.
pub(super) async fn follow(target: &Target, client: &Client, login: &Login) -> Result<Url, Error> {
    let lost = || Error::Answer {
        server: target.server.clone(),
        step: Step::Authorize,
        problem: "it asks a person; run the login with a browser",
    };
    let mut at = login.authorize_url.clone();
    for _hop in 0..HOPS_MAX {
        let request = Request::new(Method::GET, at.clone());
        let response = client.send(request).await.map_err(on_web(&target.server, Step::Authorize))?;
        let location = response.headers().get(LOCATION).filter(|_| response.status().is_redirection());
        let to = location.and_then(|value| value.to_str().ok()).and_then(|to| at.join(to).ok()).ok_or_else(lost)?;
        let ours = &login.redirect_uri;
        if (to.origin(), to.path()) == (ours.origin(), ours.path()) {
            return Ok(to);
        }
        at = to;
    }
    Err(lost())
}
