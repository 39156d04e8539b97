//! Who is believed to be who he says: the certificates that this system trusts, so that those of a company count too.

use std::sync::{Arc, OnceLock};

use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::BuilderVerifierExt;

static TRUSTING_SYSTEM: OnceLock<Option<Arc<ClientConfig>>> = OnceLock::new();

/// Read once per process, when the first client for `https` is built. A system that has no certificates at all, such as an
/// empty container, gives those that come with us; then only public servers can be reached.
pub(super) fn trusting_system() -> ClientConfig {
    let config = TRUSTING_SYSTEM.get_or_init(|| {
        let builder = builder()?.with_platform_verifier().inspect_err(|fault| {
            tracing::warn!(error = %fault, "the certificates of this system cannot be read; those built in are used");
        });
        builder.ok().map(|builder| Arc::new(builder.with_no_client_auth()))
    });
    config.as_ref().map_or_else(trusting_built_in, |config| (**config).clone())
}

fn trusting_built_in() -> ClientConfig {
    let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    with_roots(roots)
}

/// For clients that never leave this machine's `http`: reading the system's certificates costs milliseconds.
pub(super) fn trusting_nobody() -> ClientConfig {
    with_roots(RootCertStore::empty())
}

fn with_roots(roots: RootCertStore) -> ClientConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring speaks the versions that rustls takes for safe")
        .with_root_certificates(roots)
        .with_no_client_auth()
}

fn builder() -> Option<rustls::ConfigBuilder<ClientConfig, rustls::WantsVerifier>> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().ok()
}
