//! Addresses of the web as messages show them.

use url::Url;

/// Scheme, host, port and path: a query, a fragment and a user's name may each hold a key.
#[must_use]
pub fn shown(url: &Url) -> String {
    let mut plain = url.clone();
    plain.set_query(None);
    plain.set_fragment(None);
    let _no_host = plain.set_username("");
    let _no_host = plain.set_password(None);
    plain.to_string()
}

/// The host without the brackets of IPv6, in lower case.
pub(super) fn host(url: &Url) -> String {
    url.host_str().unwrap_or_default().trim_matches(['[', ']']).trim_end_matches('.').to_ascii_lowercase()
}
