//! `mcporch dashboard`: opens the dashboard in a browser. Where a daemon listens for HTTP it is that one's; else this process
//! serves it, as `mcporch serve` would, until it is ended.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use clap::Args;
use serde_json::json;
use url::Url;

use crate::app::Listening;
use crate::config::Config;
use crate::oauth::open_browser;

use super::Global;
use super::exit_code::Exit;
use super::output::Out;
use super::serve_http;

/// Where it is when nothing is said; people know this port from an older program.
const USUAL_PORT: u16 = 5000;

#[derive(Debug, Args)]
pub(super) struct DashboardArgs {
    /// Serve it on this port of this machine, 0 is any free one [default: http.listen of the settings, else 5000]
    #[arg(long, value_name = "PORT")]
    port: Option<u16>,
    /// Only say where it is
    #[arg(long)]
    no_open: bool,
}

impl DashboardArgs {
    /// What the command line says wins over the settings.
    fn apply(&self, config: &mut Config) {
        let listen = &mut config.settings.http.listen;
        if let Some(port) = self.port {
            *listen = vec![at(port).to_string()];
        } else if listen.is_empty() {
            listen.push(at(USUAL_PORT).to_string());
        }
    }

    /// Opens the first address, or says where it is.
    fn show(&self, listening: &Listening, is_json: bool) {
        let Some(address) = listening.http.first() else { return };
        let scheme = if listening.has_tls { "https" } else { "http" };
        self.open(&page(scheme, *address), is_json);
    }

    fn open(&self, page: &str, is_json: bool) {
        let is_open = !self.no_open && Url::parse(page).is_ok_and(|url| open_browser(&url));
        if is_json {
            return Out::stdout().line(&json!({"url": page, "is_open": is_open}).to_string());
        }
        let how = if is_open { " and is opened in your browser" } else { "" };
        Out::stdout().line(&format!("the dashboard is at {page}{how}"));
    }
}

pub(super) async fn dashboard(global: &Global, args: DashboardArgs, is_alone: bool) -> anyhow::Result<Exit> {
    #[cfg(unix)]
    if !is_alone && let Some(pages) = of_daemon(global)? {
        let wanted = |page: &&String| {
            args.port.is_none_or(|port| Url::parse(page).is_ok_and(|url| url.port_or_known_default() == Some(port)))
        };
        if let Some(page) = pages.iter().find(wanted) {
            args.open(page, global.json);
            return Ok(Exit::Done);
        }
        if let (Some(page), Some(port)) = (pages.first(), args.port) {
            Out::stderr().warning(&format!("the daemon that runs does not listen on port {port}, but here"));
            args.open(page, global.json);
            return Ok(Exit::Done);
        }
    }
    let is_json = global.json;
    let prepare = move |config: &mut Config| {
        args.apply(config);
        // What opens a page may take a moment, in which it is served already.
        move |listening: Listening| drop(std::thread::spawn(move || args.show(&listening, is_json)))
    };
    serve_http::serve_with(global, is_alone, prepare).await
}

/// Where the daemon of this home shows it, one page for each address; `None` without a daemon.
#[cfg(unix)]
fn of_daemon(global: &Global) -> anyhow::Result<Option<Vec<String>>> {
    use crate::local_socket::{Error, request};

    const PATIENCE: std::time::Duration = std::time::Duration::from_secs(10);
    let place = super::thin::place_of(global)?;
    let status = match request(&place.socket(), "status", json!({}), PATIENCE) {
        Ok(status) => status,
        Err(Error::NoDaemon { .. }) => return Ok(None),
        Err(fault) => return Err(fault.into()),
    };
    let listens = status["daemon"]["http"].as_array().cloned().unwrap_or_default();
    let pages = listens.iter().filter_map(|base| {
        let (scheme, address) = base.as_str()?.split_once("://")?;
        Some(page(scheme, address.parse().ok()?))
    });
    Ok(Some(pages.collect()))
}

fn at(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

/// The page at an address; what listens on all addresses is found on this machine's own.
fn page(scheme: &str, address: SocketAddr) -> String {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip @ (IpAddr::V4(_) | IpAddr::V6(_)) => ip,
    };
    format!("{scheme}://{}/", SocketAddr::new(ip, address.port()))
}

#[cfg(test)]
mod tests {
    use super::page;

    #[test]
    fn a_page_is_at_an_address_that_a_browser_can_open() {
        let check =
            |scheme: &str, address: &str, expected: &str| assert_eq!(page(scheme, address.parse().unwrap()), expected);
        check("http", "127.0.0.1:5000", "http://127.0.0.1:5000/");
        check("http", "0.0.0.0:80", "http://127.0.0.1:80/");
        check("https", "[::]:8443", "https://[::1]:8443/");
        check("http", "192.168.1.4:1", "http://192.168.1.4:1/");
    }
}
