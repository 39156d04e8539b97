//! What can go wrong on the way to a token.

use std::path::PathBuf;

use rmcp::transport::auth::AuthError;

use crate::domain::ServerName;
use crate::{secrets, web};

/// Where on the way it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Before anything was asked.
    Prepare,
    /// Who issues tokens for the server?
    Discover,
    /// Making ourselves known to the issuer.
    Register,
    /// Composing the address for the browser, or reading what came back.
    Authorize,
    /// The code for a token.
    Exchange,
    /// An old token for a new one.
    Refresh,
    /// Telling the issuer to forget a token.
    Revoke,
}

impl std::fmt::Display for Step {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Prepare => "preparing",
            Self::Discover => "finding out who issues its tokens",
            Self::Register => "making mcporch known to its issuer",
            Self::Authorize => "asking for the right to use it",
            Self::Exchange => "getting a token",
            Self::Refresh => "refreshing its token",
            Self::Revoke => "revoking its token",
        })
    }
}

/// Why there is no token. No variant holds one.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The web did not let us.
    #[error("server `{server}`: {step} failed")]
    Web {
        /// Which server.
        server: ServerName,
        /// Where on the way.
        step: Step,
        /// What happened.
        #[source]
        source: web::Error,
    },
    /// What the server or its issuer says is not good enough.
    #[error("server `{server}`: {step} failed")]
    Protocol {
        /// Which server.
        server: ServerName,
        /// Where on the way.
        step: Step,
        /// What is wrong.
        #[source]
        source: Box<AuthError>,
    },
    /// The issuer offers no way to make ourselves known.
    #[error(
        "server `{server}`: its issuer registers no programs by itself; \
         register mcporch there and write `oauth: {{\"client_id\": …}}` into the server's entry"
    )]
    NoRegistration {
        /// Which server.
        server: ServerName,
    },
    /// The issuer refuses, in its own words.
    #[error("server `{server}`: {step}: its issuer refuses with `{code}`{}", after_colon(said))]
    Refused {
        /// Which server.
        server: ServerName,
        /// Where on the way.
        step: Step,
        /// Such as `access_denied`.
        code: String,
        /// The issuer's explanation, cleaned; may be empty.
        said: String,
    },
    /// The issuer's answer makes no sense.
    #[error("server `{server}`: {step}: its issuer's answer cannot be used: {problem}")]
    Answer {
        /// Which server.
        server: ServerName,
        /// Where on the way.
        step: Step,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// Nobody came back from the browser.
    #[error("server `{server}`: nobody came back from the browser within {seconds} s; run the login again")]
    NobodyCame {
        /// Which server.
        server: ServerName,
        /// How long we waited.
        seconds: u64,
    },
    /// The port for the browser's way back.
    #[error("port {port} of this machine cannot be used for the way back from the browser; choose another one")]
    Port {
        /// The port; 0 is any.
        port: u16,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// A file of the store.
    #[error("{path}: credentials cannot be {doing}", path = .path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// `read`, `written`, `locked` or `removed`.
        doing: &'static str,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// A file of the store is not what we wrote.
    #[error("{path}: the credentials are damaged or sealed with another key; `mcporch auth login {server}` makes new ones", path = .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The server that they are for.
        server: ServerName,
    },
    /// The key of the store is not what we wrote.
    #[error("{path}: the key of the credentials is damaged; remove the file and log in again", path = .path.display())]
    DamagedKey {
        /// The file.
        path: PathBuf,
    },
    /// The keyring has the key and does not give it.
    #[error("the key of the credentials cannot be had from the keyring")]
    Keyring {
        /// What the keyring says.
        #[source]
        source: secrets::Fault,
    },
    /// The system gives no random numbers, or cannot seal.
    #[error("credentials cannot be sealed on this system")]
    NoSeal,
    /// Another process holds the lock for too long.
    #[error("{path}: another mcporch has been at these credentials for {seconds} s; try again", path = .path.display())]
    Locked {
        /// The lock file.
        path: PathBuf,
        /// How long we waited.
        seconds: u64,
    },
    /// The operator's secret is for the issuer of the last login, and the server names another one.
    #[error(
        "server `{server}`: it names the issuer {named}, and its `client_secret` was given to {known} so far; if that is right, \
         run `mcporch auth logout {server}` and log in again"
    )]
    OtherIssuer {
        /// Which server.
        server: ServerName,
        /// Who issued the last token.
        known: String,
        /// Who is named now.
        named: String,
    },
    /// The refresh token is refused, or there is none.
    #[error("server `{server}`: the login has ended; run `mcporch auth login {server}`")]
    Ended {
        /// Which server.
        server: ServerName,
    },
    /// It failed a moment ago, and is not tried again yet.
    #[error("server `{server}`: its token could not be refreshed {seconds} s ago, and is tried again soon: {said}")]
    FailedBefore {
        /// Which server.
        server: ServerName,
        /// How long ago.
        seconds: i64,
        /// What was wrong then.
        said: String,
    },
    /// The work on a blocking thread was cut off: the process is ending.
    #[error("mcporch is ending")]
    Ending,
}

/// Wraps what the web says.
pub(super) fn on_web(server: &ServerName, step: Step) -> impl FnOnce(web::Error) -> Error + '_ {
    move |source| Error::Web { server: server.clone(), step, source }
}

/// A text of a stranger, fit for one line of ours: no control characters, nothing secret, not long.
pub(super) fn cleaned(text: &str) -> String {
    /// What a person reads of it.
    const CHARS_MAX: usize = 200;
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(CHARS_MAX).collect();
    secrets::redactor().redact_cut(text.trim()).into_owned()
}

fn after_colon(said: &str) -> String {
    if said.is_empty() { String::new() } else { format!(": {said}") }
}
