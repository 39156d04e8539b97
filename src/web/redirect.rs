//! Redirects, hop by hop.

use reqwest::header::{ACCEPT, ACCEPT_LANGUAGE, CONTENT_TYPE, HeaderMap, HeaderName, LOCATION, USER_AGENT};
use reqwest::{Method, Request, Response, StatusCode};
use url::Url;

use super::{Client, Error, Problem, shown};

/// What may be told to another origin. Everything else could be a credential: operators put keys into headers of any name.
const HARMLESS: &[HeaderName] = &[ACCEPT, ACCEPT_LANGUAGE, CONTENT_TYPE, USER_AGENT];
/// The same, for the header of the protocol.
const PROTOCOL_VERSION: &str = "mcp-protocol-version";

pub(super) async fn follow(client: &Client, request: Request, hops_max: usize) -> Result<Response, Error> {
    let mut request = request;
    for _hop in 0..=hops_max {
        // A streamed body cannot be sent twice; its redirect comes back as the answer.
        let copy = request.try_clone();
        let response = client.send(request).await?;
        let Some((copy, target)) = copy.zip(location(&response)) else { return Ok(response) };
        request = next(client, copy, response.status(), target)?;
    }
    let problem = Problem::TooMany { hops_max };
    Err(Error::Refused { at: shown(request.url()), problem })
}

/// Where the answer sends us, resolved against where it came from. `None` when it is no redirect.
fn location(response: &Response) -> Option<Result<Url, String>> {
    let is_redirect = matches!(
        response.status(),
        StatusCode::MOVED_PERMANENTLY
            | StatusCode::FOUND
            | StatusCode::SEE_OTHER
            | StatusCode::TEMPORARY_REDIRECT
            | StatusCode::PERMANENT_REDIRECT
    );
    let value = response.headers().get(LOCATION).filter(|_| is_redirect)?;
    let text = String::from_utf8_lossy(value.as_bytes());
    Some(response.url().join(&text).map_err(|_no_address| "its Location".to_owned()))
}

/// The request for the next hop, when the rules allow it.
pub(super) fn next(
    client: &Client,
    mut last: Request,
    status: StatusCode,
    to: Result<Url, String>,
) -> Result<Request, Error> {
    let from = last.url().clone();
    let refused = |to: String, problem| Error::Redirect { from: shown(&from), to, problem };
    let to = to.map_err(|to| refused(to, Problem::NoAddress))?;
    let has_body = !matches!(*last.method(), Method::GET | Method::HEAD);
    let keeps_body = matches!(status, StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT);
    let is_same_origin = from.origin() == to.origin();
    let problem = match () {
        () if from.scheme() == "https" && to.scheme() == "http" => Some(Problem::Downgrade),
        () if has_body && !keeps_body => Some(Problem::DropsBody { status: status.as_u16() }),
        () if has_body && !is_same_origin => Some(Problem::OtherOrigin),
        () => client.rules.problem_of(&to),
    };
    if let Some(problem) = problem {
        return Err(refused(shown(&to), problem));
    }
    if !is_same_origin {
        *last.headers_mut() = harmless(last.headers());
    }
    *last.url_mut() = to;
    Ok(last)
}

fn harmless(headers: &HeaderMap) -> HeaderMap {
    let may_stay = |name: &HeaderName| HARMLESS.contains(name) || name.as_str() == PROTOCOL_VERSION;
    headers.iter().filter(|(name, _)| may_stay(name)).map(|(name, value)| (name.clone(), value.clone())).collect()
}
