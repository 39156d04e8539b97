//! The settings of what looks after servers from outside: their logs, and the alerts.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is kept of each server's stderr and of its story.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ServerLogsFile {
    /// Keep it?
    pub(super) enabled: bool,
    /// Longest log file, in bytes.
    #[schemars(range(min = 4096, max = 1_073_741_824))]
    pub(super) bytes_max: u64,
    /// Log files of one server, the one that is written included.
    #[schemars(range(min = 1, max = 100))]
    pub(super) files_max: u32,
}

/// Who is told when a server crashes, comes back or goes over a limit.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AlertsFile {
    /// What is told.
    pub(super) occasions: Vec<AlertOccasion>,
    /// The same of the same server is told once in that time, in seconds; 0 tells all.
    #[schemars(range(min = 0, max = 86_400))]
    pub(super) repeat_after_s: u64,
    /// Addresses that get each alert; `${NAME}` stands for a variable.
    pub(super) webhook_urls: Vec<String>,
    /// What they get, with parts such as `{{server}}`; empty is a JSON object.
    pub(super) webhook_body: String,
    /// The type of what they get.
    #[schemars(length(min = 1))]
    pub(super) webhook_content_type: String,
    /// Further headers, `Name: value`; `${NAME}` stands for a variable.
    pub(super) webhook_headers: Vec<String>,
    /// The variable, as `${NAME}`, whose value signs what is sent; empty signs nothing.
    pub(super) webhook_secret: String,
    /// May alerts go to other machines without encryption?
    pub(super) webhook_allow_http: bool,
    /// The mail server, `HOST` or `HOST:PORT`; empty sends no mail.
    pub(super) smtp_server: String,
    /// How the connection to it is encrypted.
    pub(super) smtp_encryption: MailEncryption,
    /// Who logs in there.
    pub(super) smtp_user: String,
    /// The variable, as `${NAME}`, with the password; empty does not log in.
    pub(super) smtp_password: String,
    /// From whom mail comes.
    pub(super) smtp_from: String,
    /// To whom it goes.
    pub(super) smtp_to: Vec<String>,
    /// For one attempt, in milliseconds.
    #[schemars(range(min = 100, max = 120_000))]
    pub(super) timeout_ms: u64,
    /// Attempts at one delivery.
    #[schemars(range(min = 1, max = 50))]
    pub(super) attempts_max: u32,
    /// Before the second attempt, in milliseconds; doubles each time.
    #[schemars(range(min = 1, max = 600_000))]
    pub(super) retry_first_ms: u64,
    /// The longest time between two attempts, in seconds.
    #[schemars(range(min = 1, max = 86_400))]
    pub(super) retry_max_s: u64,
    /// Alerts that wait.
    #[schemars(range(min = 1, max = 65536))]
    pub(super) queue_len: usize,
}

/// What is told of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AlertOccasion {
    /// It died too often.
    Crashed,
    /// It runs again.
    Recovered,
    /// It uses more than it may.
    OverLimit,
    /// It is kept from running.
    Quarantined,
}

/// How a connection to a mail server is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum MailEncryption {
    /// After `STARTTLS`.
    Starttls,
    /// From the first byte.
    Tls,
    /// Not at all; only to this machine.
    None,
}

/// `[server_logs]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerLogsSettings {
    /// Whether they are kept.
    pub enabled: bool,
    /// Longest file, in bytes.
    pub bytes_max: u64,
    /// Files of one server, at least 1.
    pub files_max: u32,
}

/// `[alerts]`. Texts may hold `${NAME}`, which is resolved where they are used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertsSettings {
    /// What is told.
    pub occasions: Vec<AlertOccasion>,
    /// The same is told once in that time.
    pub repeat_after: Duration,
    /// Addresses that get each alert.
    pub webhook_urls: Vec<String>,
    /// What they get; empty is a JSON object.
    pub webhook_body: String,
    /// Its type.
    pub webhook_content_type: String,
    /// Further headers.
    pub webhook_headers: Vec<String>,
    /// `${NAME}` of the secret that signs; may be empty.
    pub webhook_secret: String,
    /// Without encryption to other machines?
    pub webhook_allow_http: bool,
    /// The mail server; `None` sends no mail.
    pub smtp_server: Option<String>,
    /// How it is spoken with.
    pub smtp_encryption: MailEncryption,
    /// Who logs in.
    pub smtp_user: String,
    /// `${NAME}` of the password; may be empty.
    pub smtp_password: String,
    /// From whom.
    pub smtp_from: String,
    /// To whom.
    pub smtp_to: Vec<String>,
    /// For one attempt.
    pub timeout: Duration,
    /// At least 1.
    pub attempts_max: u32,
    /// Before the second attempt.
    pub retry_first: Duration,
    /// Between two attempts at most.
    pub retry_max: Duration,
    /// Alerts that wait, at least 1.
    pub queue_len: usize,
}

impl From<ServerLogsFile> for ServerLogsSettings {
    fn from(file: ServerLogsFile) -> Self {
        Self { enabled: file.enabled, bytes_max: file.bytes_max, files_max: file.files_max }
    }
}

impl From<AlertsFile> for AlertsSettings {
    fn from(file: AlertsFile) -> Self {
        Self {
            occasions: file.occasions,
            repeat_after: Duration::from_secs(file.repeat_after_s),
            webhook_urls: file.webhook_urls,
            webhook_body: file.webhook_body,
            webhook_content_type: file.webhook_content_type,
            webhook_headers: file.webhook_headers,
            webhook_secret: file.webhook_secret,
            webhook_allow_http: file.webhook_allow_http,
            smtp_server: (!file.smtp_server.is_empty()).then_some(file.smtp_server),
            smtp_encryption: file.smtp_encryption,
            smtp_user: file.smtp_user,
            smtp_password: file.smtp_password,
            smtp_from: file.smtp_from,
            smtp_to: file.smtp_to,
            timeout: Duration::from_millis(file.timeout_ms),
            attempts_max: file.attempts_max,
            retry_first: Duration::from_millis(file.retry_first_ms),
            retry_max: Duration::from_secs(file.retry_max_s),
            queue_len: file.queue_len,
        }
    }
}
