//! Which addresses may be sent to.

use std::net::IpAddr;

/// Is the host this machine? By what is written: a name other than `localhost` may be anything by the time it is used.
pub(super) fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost") || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Host and port of `HOST`, `HOST:PORT`, `[V6]` and `[V6]:PORT`.
pub(super) fn host_and_port(text: &str) -> Option<(&str, Option<u16>)> {
    let (host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, "")) => (host, None),
        Some((host, port)) => (host, Some(port.strip_prefix(':')?)),
        None => text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port))),
    };
    let port = port.map(str::parse).transpose().ok()?;
    let is_host = !host.is_empty() && !host.contains(|sign: char| sign.is_whitespace() || matches!(sign, '/' | '@'));
    (is_host && port != Some(0)).then_some((host, port))
}
