//! Alerts: a server crashed, came back, went over a limit, and somebody who does not look at a screen shall know. Sent by web
//! hooks and by mail, from one thread behind a bounded queue: raising an alert never waits, an unreachable target costs
//! nobody else anything but time of that thread, and nothing is sent twice without need. It must never decide what is worth
//! an alert, and never put an address, a header or a password into a message or a log.

mod address;
mod error;
mod mail;
mod outbox;
mod reference;
mod repetition;
mod signature;
mod template;
#[cfg(test)]
mod tests;
mod webhook;

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

pub use error::Error;
pub use outbox::{Alerts, Attempt};
pub use signature::{HEADER, signature};

use crate::domain::ServerName;

/// What happened to a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Occasion {
    /// It died so often that it is not started again by itself.
    Crashed,
    /// It runs again.
    Recovered,
    /// It uses more memory or processor than it may.
    OverLimit,
    /// It is kept from running until somebody looks at it.
    Quarantined,
    /// Nothing: somebody tries whether alerts arrive.
    Test,
}

impl Occasion {
    /// All, in the order of their severity.
    pub const ALL: &'static [Self] = &[Self::Crashed, Self::Quarantined, Self::OverLimit, Self::Recovered, Self::Test];

    /// The word in messages and settings.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Crashed => "crashed",
            Self::Recovered => "recovered",
            Self::OverLimit => "over_limit",
            Self::Quarantined => "quarantined",
            Self::Test => "test",
        }
    }
}

impl fmt::Display for Occasion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// One piece of news. It leaves the machine, so it must hold no argument, no result and no environment value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alert {
    /// Of which server.
    pub server: ServerName,
    /// What happened.
    pub occasion: Occasion,
    /// A sentence for people; what is beyond 2,000 characters is cut.
    pub text: String,
    /// When, in Unix seconds.
    pub at: i64,
    /// Further facts: `pid`, `restarts`, `rss_bytes`. Names of small letters, digits and `_`.
    pub details: BTreeMap<String, String>,
}

/// How alerts are sent. `${NAME}` in a text marked so stands for a variable of mcporch's environment.
#[derive(Clone)]
pub struct Settings {
    /// Where to send to.
    pub webhooks: Vec<WebhookSettings>,
    /// Where to write to.
    pub mail: Option<MailSettings>,
    /// What is told; the others are dropped.
    pub occasions: Vec<Occasion>,
    /// The same of the same server is told once in that time, and how often it was at its end.
    pub repeat_after: Duration,
    /// Attempts at one delivery, at least 1.
    pub attempts_max: u32,
    /// Before the second attempt; doubles each time, and a part of it is left to chance.
    pub retry_first: Duration,
    /// The longest time between two attempts.
    pub retry_max: Duration,
    /// For one attempt.
    pub timeout: Duration,
    /// Alerts that wait; more are dropped. For each target as many deliveries may wait; then the oldest is dropped.
    pub queue_len: usize,
    /// Unix seconds now.
    pub now: fn() -> i64,
}

/// One web hook.
#[derive(Clone)]
pub struct WebhookSettings {
    /// `https`, or `http` to this machine; with `${NAME}`.
    pub url: String,
    /// What is sent, with `{{server}}`, `{{occasion}}`, `{{text}}`, `{{time}}`, `{{at}}`, `{{details}}` and `{{details.NAME}}`;
    /// empty is a JSON object of all that.
    pub body: String,
    /// Its type; one with `json` in it has its values escaped as JSON has it.
    pub content_type: String,
    /// `Name: value`, with `${NAME}`.
    pub headers: Vec<String>,
    /// Nothing but a `${NAME}` whose value signs what is sent; empty signs nothing.
    pub secret: String,
    /// May it go to another machine without encryption?
    pub allows_http: bool,
}

/// A mail server and who gets mail from it.
#[derive(Clone)]
pub struct MailSettings {
    /// `HOST` or `HOST:PORT`.
    pub server: String,
    /// How the connection is encrypted.
    pub encryption: Encryption,
    /// Who logs in; empty is nobody.
    pub user: String,
    /// Nothing but a `${NAME}`.
    pub password: String,
    /// From whom.
    pub from: String,
    /// To whom.
    pub to: Vec<String>,
}

/// How a connection to a mail server is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encryption {
    /// After `STARTTLS`, which the server must offer.
    StartTls,
    /// From the first byte.
    Tls,
    /// Not at all; only to this machine.
    None,
}
