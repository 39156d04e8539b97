//! What is wrong with a target. No message holds more of an address than its host.

/// A target that cannot be used as it is set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// `${NAME}` without such a variable.
    #[error("{setting}: the variable {name} is not set; set it where mcporch is started")]
    NotSet {
        /// Which setting.
        setting: &'static str,
        /// Which variable.
        name: String,
    },
    /// A secret that stands in the settings itself.
    #[error("{setting}: a secret must not stand in the settings; write `${{NAME}}` and set that variable")]
    PlainSecret {
        /// Which setting.
        setting: &'static str,
    },
    /// No address of the web.
    #[error("alerts.webhook_urls: an entry is no address of the form https://host/path")]
    BadUrl,
    /// Not encrypted, and to another machine.
    #[error(
        "alerts.webhook_urls: {host} would be reached without encryption; use https, or set alerts.webhook_allow_http"
    )]
    Unencrypted {
        /// Which machine.
        host: String,
    },
    /// No header.
    #[error("alerts.webhook_headers: an entry is not of the form `Name: value`")]
    BadHeader,
    /// A part of a template that stands for nothing.
    #[error("alerts.webhook_body: `{{{{{name}}}}}` stands for nothing; {help}")]
    UnknownPart {
        /// Its name.
        name: String,
        /// What to write instead.
        help: String,
    },
    /// A template that gives no JSON.
    #[error("alerts.webhook_body: filled in, it is no JSON; its parts belong inside of quotes, without more quotes")]
    NoJson,
    /// No mail server.
    #[error("alerts.smtp_server: {server:?} is not of the form HOST or HOST:PORT")]
    BadMailServer {
        /// As it was given.
        server: String,
    },
    /// A password for anybody to read.
    #[error("alerts.smtp_encryption: mail to {host} must be encrypted; \"none\" is for this machine alone")]
    UnencryptedMail {
        /// Which machine.
        host: String,
    },
    /// No mail address.
    #[error("{setting}: {address:?} is no mail address")]
    BadMailAddress {
        /// Which setting.
        setting: &'static str,
        /// As it was given.
        address: String,
    },
    /// Encryption cannot be set up at all.
    #[error("alerts.smtp_server: encryption cannot be set up: {fault}")]
    Encryption {
        /// What the library said.
        fault: String,
    },
}
