//! Why there is no HTTP.

use std::net::SocketAddr;
use std::path::PathBuf;

/// Why clients cannot be served over HTTP.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address is none.
    #[error("http.listen: {0:?} is no address; write ADDRESS:PORT, such as 127.0.0.1:8080")]
    Address(String),
    /// Others could reach it, and nobody asks who they are.
    #[error(
        "http.listen: {0} can be reached from other machines, and no key is asked for; name a file of keys (http.bearer_key_file, \
         or --bearer-key-file) or listen on 127.0.0.1"
    )]
    Open(SocketAddr),
    /// The address cannot be had.
    #[error("http.listen: {address} cannot be listened on")]
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
}
