//! The way back from the browser: a port of this machine that answers one page, to the one request that has our `state`.

use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;
use url::Url;

use super::{Error, Target};

/// The path that the browser comes back to.
const PATH: &str = "/callback";
/// Longest head of a request, in bytes. Browsers send a few thousand, codes included.
const HEAD_BYTES_MAX: u64 = 64 << 10;
/// For one request: browsers open connections in advance and say nothing.
const REQUEST_TIME_MAX: Duration = Duration::from_secs(10);
/// Connections at a time; more than a browser opens.
const CONNECTIONS_MAX: usize = 16;

/// A port that waits for the browser. Closed when dropped.
#[derive(Debug)]
pub struct Callback {
    listener: TcpListener,
    redirect_uri: Url,
}

impl Callback {
    /// Listens on that port of this machine, or on a free one.
    ///
    /// # Errors
    /// [`Error::Port`] when it cannot be had.
    pub async fn listen(port: Option<u16>) -> Result<Self, Error> {
        let port = port.unwrap_or(0);
        let fault = |source| Error::Port { port, source };
        let listener = TcpListener::bind(("127.0.0.1", port)).await.map_err(fault)?;
        let port = listener.local_addr().map_err(fault)?.port();
        let redirect_uri = Url::parse(&format!("http://127.0.0.1:{port}{PATH}"));
        Ok(Self { listener, redirect_uri: redirect_uri.expect("a number makes a port") })
    }

    /// Where the browser is to come back to.
    #[must_use]
    pub fn redirect_uri(&self) -> &Url {
        &self.redirect_uri
    }

    /// Waits until somebody comes back with that `state`, and gives the whole address. Others are told that nothing is here.
    /// Cancel safe.
    pub(super) async fn wait(&self, target: &Target, state: &str, deadline: Duration) -> Result<Url, Error> {
        let mut connections = JoinSet::new();
        let coming = async {
            loop {
                tokio::select! {
                    accepted = self.listener.accept(), if connections.len() < CONNECTIONS_MAX => {
                        if let Ok((stream, _)) = accepted {
                            let (base, state) = (self.redirect_uri.clone(), state.to_owned());
                            connections.spawn(async move {
                                timeout(REQUEST_TIME_MAX, answer(stream, &base, &state)).await.ok().flatten()
                            });
                        }
                    }
                    Some(answered) = connections.join_next() => {
                        if let Ok(Some(returned)) = answered {
                            return returned;
                        }
                    }
                }
            }
        };
        timeout(deadline, coming)
            .await
            .map_err(|_| Error::NobodyCame { server: target.server.clone(), seconds: deadline.as_secs() })
    }
}

/// Answers one request; the address it asked for, when it is the one we wait for.
async fn answer(stream: TcpStream, base: &Url, state: &str) -> Option<Url> {
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    let mut head = (&mut stream).take(HEAD_BYTES_MAX);
    head.read_line(&mut line).await.ok()?;
    let mut other = String::new();
    while head.read_line(&mut other).await.ok()? > 2 {
        other.clear();
    }
    let returned =
        line.strip_prefix("GET ").and_then(|rest| rest.split(' ').next()).and_then(|path| base.join(path).ok());
    let is_ours = |url: &Url| {
        let has_state = url.query_pairs().any(|(key, value)| key == "state" && value == state);
        url.origin() == base.origin() && url.path() == base.path() && has_state
    };
    let returned = returned.filter(is_ours);
    let is_refused = returned.as_ref().is_some_and(|url| url.query_pairs().any(|(key, _)| key == "error"));
    let (status, title, text) = match (&returned, is_refused) {
        (Some(_), false) => ("200 OK", "You are back", "mcporch goes on in your terminal. You may close this page."),
        (Some(_), true) => {
            ("200 OK", "Not logged in", "The login was refused; your terminal says more. You may close this page.")
        }
        (None, _) => ("404 Not Found", "Nothing here", "This page is only for the end of a login that is going on."),
    };
    let page = page(title, text);
    let answer = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {}\r\nConnection: close\r\n\
         Cache-Control: no-store\r\nReferrer-Policy: no-referrer\r\nX-Content-Type-Options: nosniff\r\n\
         Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'\r\n\r\n{page}",
        page.len()
    );
    // That he did not wait for the page changes nothing.
    let _gone = stream.get_mut().write_all(answer.as_bytes()).await;
    let _gone = stream.get_mut().shutdown().await;
    returned
}

fn page(title: &str, text: &str) -> String {
    format!(
        "<!doctype html><html lang=en><meta charset=utf-8><title>mcporch: {title}</title><style>body{{font:1.1rem/1.6 \
         system-ui,sans-serif;max-width:34rem;margin:18vh auto;padding:0 1.5rem;color:#222;background:#fafafa}}\
         @media(prefers-color-scheme:dark){{body{{color:#eee;background:#181818}}}}</style><h1>{title}</h1><p>{text}</p></html>"
    )
}
