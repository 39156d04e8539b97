//! Why there is no HTTP.

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::keys;

/// Why clients cannot be served over HTTP.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address is none.
    #[error("http.listen: {0:?} is no address; write ADDRESS:PORT, such as 127.0.0.1:8080")]
    Address(String),
    /// Others could reach it, and nobody has a key.
    #[error(
        "http.listen: {0} can be reached from other machines, and nobody has a key; make one with `mcporch keys create NAME --scope \
         caller`, name a file of keys (http.bearer_key_file, or --bearer-key-file), or listen on 127.0.0.1"
    )]
    Open(SocketAddr),
    /// A key is asked for, and nobody has one.
    #[error(
        "http.require_key: nobody has a key; make one with `mcporch keys create NAME --scope caller`, or set it to \"network\""
    )]
    NoKeys,
    /// The keys that were made cannot be read.
    #[error("the API keys cannot be read")]
    Ring(#[source] keys::Error),
    /// The address cannot be had.
    #[error(
        "{address} cannot be listened on; something else may be there already: try another port (--http HOST:PORT, port 0 takes any that \
         is free; `dashboard --port`; http.listen)"
    )]
    Bind {
        /// Which.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// The keys cannot be read.
    #[error("http.bearer_key_file: {} cannot be read", file.display())]
    KeyFile {
        /// The file.
        file: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Others can read the keys.
    #[error("http.bearer_key_file: {} can be read by others; run `chmod 600` on it", .0.display())]
    KeyFileMode(PathBuf),
    /// What stands there is no key.
    #[error("http.bearer_key_file: {}:{line}: {what}", file.display())]
    Key {
        /// The file.
        file: PathBuf,
        /// Where, from 1; 0 is the whole file.
        line: usize,
        /// What is wrong.
        what: &'static str,
    },
    /// A certificate without a key, or the other way round.
    #[error("http.tls_cert and http.tls_key go together; set both (--tls-cert and --tls-key), or none")]
    TlsHalf,
    /// The certificate or its key cannot be read.
    #[error("{setting}: {} cannot be read", file.display())]
    TlsFile {
        /// Which of the two.
        setting: &'static str,
        /// The file.
        file: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// What stands there is none.
    #[error("TLS: {} {what}", file.display())]
    Tls {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// They do not belong together, or are of a kind that nobody uses.
    #[error("TLS: the certificate of {} and the key of {} cannot be used together", certificate.display(), key.display())]
    TlsPair {
        /// The file of the certificate.
        certificate: PathBuf,
        /// The file of the key.
        key: PathBuf,
        /// Why.
        source: rustls::Error,
    },
}
