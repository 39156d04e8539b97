//! The signature of what is sent: who gets it can see that it comes from here, whole and now.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// The header that carries it.
pub const HEADER: &str = "X-Mcporch-Signature";

/// `t=SECONDS,v1=HEX`: the Unix time of the attempt, and HMAC-SHA256 with the secret over that time, a dot and the body as it
/// was sent. To verify: make the same of the `t` and the body that came, compare without leaving early, and refuse a `t` that
/// is older than a few minutes, so that nobody can send an old one again.
///
/// # Panics
/// Never: a key of any length will do.
#[must_use]
pub fn signature(secret: &str, at: i64, body: &[u8]) -> String {
    let mut hmac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("a key of any length will do");
    hmac.update(format!("{at}.").as_bytes());
    hmac.update(body);
    let hex: String = hmac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("t={at},v1={hex}")
}
