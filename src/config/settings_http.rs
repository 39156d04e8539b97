//! The settings of serving over HTTP.

use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

/// Serving clients over HTTP.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct HttpFile {
    /// Where the daemon listens, `ADDRESS:PORT`, or a list of such; empty does not listen.
    pub(super) listen: AddressesFile,
    /// Where a key is needed.
    pub(super) require_key: RequireKey,
    /// File with keys that were not made by `mcporch keys`, one on each line: `NAME:KEY` or `KEY`; empty for none.
    pub(super) bearer_key_file: String,
    /// File with the certificate, as PEM; empty serves without TLS.
    pub(super) tls_cert: String,
    /// File with its private key, as PEM.
    pub(super) tls_key: String,
    /// Requests a second of one key, or from one address without; 0 counts none.
    #[schemars(range(max = 1_000_000))]
    pub(super) requests_per_s: u32,
    /// And so many at once before that counts.
    #[schemars(range(min = 1, max = 10_000_000))]
    pub(super) requests_burst: u32,
    /// Further names that the service may be called by, `HOST` or `HOST:PORT`.
    pub(super) allowed_hosts: Vec<String>,
    /// Web pages that may call it, such as `https://app.example`.
    pub(super) allowed_origins: Vec<String>,
    /// Connections at once.
    #[schemars(range(min = 1, max = 100_000))]
    pub(super) connections_max: usize,
    /// From connecting, or an answer, to the whole head of the next request, in seconds.
    #[schemars(range(min = 1, max = 3600))]
    pub(super) idle_timeout_s: u64,
    /// For a whole body, in seconds.
    #[schemars(range(min = 1, max = 3600))]
    pub(super) body_timeout_s: u64,
    /// Sessions at once.
    #[schemars(range(min = 1, max = 100_000))]
    pub(super) sessions_max: usize,
    /// A session that nobody uses for that long ends, in seconds.
    #[schemars(range(min = 1, max = 2_592_000))]
    pub(super) session_idle_s: u64,
    /// Open streams of one client.
    #[schemars(range(min = 1, max = 10_000))]
    pub(super) streams_per_client_max: usize,
    /// What one stream holds for a client that is slow or away, in bytes.
    #[schemars(range(min = 4096, max = 1_073_741_824))]
    pub(super) stream_bytes_max: usize,
    /// From one sign of life on a silent stream to the next, in seconds.
    #[schemars(range(min = 1, max = 3600))]
    pub(super) keep_alive_s: u64,
}

/// One address or several.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum AddressesFile {
    /// One; commas divide several.
    Text(String),
    /// Several.
    List(Vec<String>),
}

impl From<AddressesFile> for Vec<String> {
    fn from(file: AddressesFile) -> Self {
        let said = match file {
            AddressesFile::Text(text) => text.split(',').map(str::to_owned).collect(),
            AddressesFile::List(list) => list,
        };
        said.iter().map(|address| address.trim().to_owned()).filter(|address| !address.is_empty()).collect()
    }
}

/// Where a key is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum RequireKey {
    /// On addresses that other machines can reach, and everywhere when `bearer_key_file` is set.
    Network,
    /// Everywhere.
    Always,
}

/// `[http]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpSettings {
    /// Where the daemon listens; nowhere when empty.
    pub listen: Vec<String>,
    /// File with keys that were not made by `mcporch keys`.
    pub bearer_key_file: Option<PathBuf>,
    /// Whether a key is needed even on addresses of this machine alone.
    pub asks_always: bool,
    /// Files of the certificate and its key; both `None` serve without TLS.
    pub tls_cert: Option<PathBuf>,
    /// See `tls_cert`.
    pub tls_key: Option<PathBuf>,
    /// Requests a second of one key, or from one address without; 0 counts none.
    pub requests_per_s: u32,
    /// And so many at once before that counts.
    pub requests_burst: u32,
    /// Further names that the service may be called by.
    pub allowed_hosts: Vec<String>,
    /// Web pages that may call it.
    pub allowed_origins: Vec<String>,
    /// Connections at once.
    pub connections_max: usize,
    /// From connecting, or an answer, to the whole head of the next request.
    pub idle_timeout: Duration,
    /// For a whole body.
    pub body_timeout: Duration,
    /// Sessions at once.
    pub sessions_max: usize,
    /// A session that nobody uses for that long ends.
    pub session_idle: Duration,
    /// Open streams of one client.
    pub streams_per_client_max: usize,
    /// What one stream holds for a client that is slow or away, in bytes.
    pub stream_bytes_max: usize,
    /// From one sign of life on a silent stream to the next.
    pub keep_alive: Duration,
}

impl From<HttpFile> for HttpSettings {
    fn from(file: HttpFile) -> Self {
        let seconds = Duration::from_secs;
        let path = |text: String| Some(text).filter(|text| !text.is_empty()).map(PathBuf::from);
        Self {
            listen: file.listen.into(),
            asks_always: file.require_key == RequireKey::Always,
            bearer_key_file: path(file.bearer_key_file),
            tls_cert: path(file.tls_cert),
            tls_key: path(file.tls_key),
            requests_per_s: file.requests_per_s,
            requests_burst: file.requests_burst,
            allowed_hosts: file.allowed_hosts,
            allowed_origins: file.allowed_origins,
            connections_max: file.connections_max,
            idle_timeout: seconds(file.idle_timeout_s),
            body_timeout: seconds(file.body_timeout_s),
            sessions_max: file.sessions_max,
            session_idle: seconds(file.session_idle_s),
            streams_per_client_max: file.streams_per_client_max,
            stream_bytes_max: file.stream_bytes_max,
            keep_alive: seconds(file.keep_alive_s),
        }
    }
}
