//! TLS: the certificate and its key, read again when their files change, so that who renews them starts nothing again.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use rustls::ServerConfig;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::domain::error_chain;

use super::Error;

/// From one look at the files to the next, at most. A look is two system calls, before a handshake of thousands.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Longest file, in bytes; chains have some ten thousand.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// Who we are, to clients that come by TLS.
pub struct Tls {
    files: Files,
    held: Mutex<Held>,
}

/// Both as PEM.
#[derive(Debug, Clone)]
struct Files {
    /// Our certificate, and then those that lead to one that clients know.
    certificate: PathBuf,
    key: PathBuf,
}

struct Held {
    stamps: [Option<Stamp>; 2],
    /// The last reading failed, for a reason that the stamps need not show, such as a mode.
    is_unread: bool,
    looked: Instant,
    config: Arc<ServerConfig>,
}

type Stamp = (SystemTime, u64);

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls").field("files", &self.files).finish_non_exhaustive()
    }
}

impl Tls {
    /// Reads a certificate and its private key, both as PEM. Blocks for two small files.
    ///
    /// # Errors
    /// When one of them cannot be read or is none, they do not belong together, or others can read the key.
    pub fn read(certificate: &Path, key: &Path) -> Result<Self, Error> {
        let files = Files { certificate: certificate.to_owned(), key: key.to_owned() };
        let held = Held { stamps: files.stamps(), is_unread: false, looked: Instant::now(), config: files.config()? };
        Ok(Self { files, held: Mutex::new(held) })
    }

    /// Makes a connection one that nobody else can read.
    ///
    /// Cancel safe: the connection is closed.
    ///
    /// # Errors
    /// When the client breaks off, or we have nothing in common.
    pub(super) async fn accept(&self, stream: TcpStream) -> std::io::Result<TlsStream<TcpStream>> {
        TlsAcceptor::from(self.config()).accept(stream).await
    }

    fn config(&self) -> Arc<ServerConfig> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if held.looked.elapsed() >= LOOK_EVERY {
            held.looked = Instant::now();
            let stamps = self.files.stamps();
            let is_new = stamps != held.stamps;
            if is_new || held.is_unread {
                held.stamps = stamps;
                match self.files.config() {
                    Ok(config) => {
                        held.is_unread = false;
                        tracing::info!(file = %self.files.certificate.display(), "the TLS certificate was read again");
                        held.config = config;
                    }
                    // One of two files was replaced, it may be; the other comes in a moment, and changes the stamps again.
                    Err(fault) => {
                        held.is_unread = true;
                        if is_new {
                            tracing::warn!(error = error_chain(&fault), "the last TLS certificate stays in use");
                        }
                    }
                }
            }
        }
        held.config.clone()
    }
}

impl Files {
    fn stamps(&self) -> [Option<Stamp>; 2] {
        [&self.certificate, &self.key].map(|file| {
            let about = std::fs::metadata(file).ok()?;
            Some((about.modified().ok()?, about.len()))
        })
    }

    fn config(&self) -> Result<Arc<ServerConfig>, Error> {
        let fault = |file: &Path, what: &str| Error::Tls { file: file.to_owned(), what: what.to_owned() };
        let chain = read(&self.certificate, "http.tls_cert")?;
        let chain: Result<Vec<CertificateDer<'static>>, _> = CertificateDer::pem_slice_iter(&chain).collect();
        let chain = chain.map_err(|_| fault(&self.certificate, "is damaged; it has to be PEM"))?;
        if chain.is_empty() {
            return Err(fault(&self.certificate, "has no certificate; it has to be PEM (BEGIN CERTIFICATE)"));
        }
        let key = read(&self.key, "http.tls_key")?;
        let key = PrivateKeyDer::from_pem_slice(&key).map_err(|_| {
            fault(&self.key, "has no private key; it has to be PEM (BEGIN PRIVATE KEY), without a password")
        })?;
        // From TLS 1.2 on; older ones are not in the library.
        let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
            .map_err(|source| Error::TlsPair {
                certificate: self.certificate.clone(),
                key: self.key.clone(),
                source,
            })?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }
}

fn read(file: &Path, setting: &'static str) -> Result<Vec<u8>, Error> {
    let unreadable = |source| Error::TlsFile { setting, file: file.to_owned(), source };
    let about = std::fs::metadata(file).map_err(unreadable)?;
    if about.len() > FILE_BYTES_MAX {
        return Err(Error::Tls { file: file.to_owned(), what: "is longer than 1 MiB".to_owned() });
    }
    #[cfg(unix)]
    if setting == "http.tls_key" && std::os::unix::fs::PermissionsExt::mode(&about.permissions()) & 0o007 != 0 {
        let what = "can be read by everybody; run `chmod o-rwx` on it".to_owned();
        return Err(Error::Tls { file: file.to_owned(), what });
    }
    std::fs::read(file).map_err(unreadable)
}
