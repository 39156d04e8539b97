//! The built files of `ui/`, as they lie in `ui/dist`. Scripts and style sheets are kept packed, which is how nearly every
//! browser takes them.

use std::borrow::Cow;
use std::fmt::Write;
use std::io::Read;

use flate2::read::GzDecoder;
use hyper::body::Bytes;
use rust_embed::RustEmbed;

/// Longest file that is unpacked for a client that takes nothing packed; the script has 180 kB.
const UNPACKED_BYTES_MAX: u64 = 4_000_000;
/// So much of a hash tells files apart.
const TAG_BYTES: usize = 12;

#[derive(RustEmbed)]
#[folder = "ui/dist"]
struct Built;

/// One file.
#[derive(Debug, Clone)]
pub(super) struct Asset {
    /// As it is kept.
    pub(super) bytes: Bytes,
    /// Whether that is packed with gzip.
    pub(super) is_packed: bool,
    /// Begins the hash of its contents, in hexadecimal digits.
    pub(super) tag: String,
    /// Its MIME type.
    pub(super) kind: &'static str,
    /// Whether its name follows from its contents, so that there is never anything else under it.
    pub(super) is_forever: bool,
}

impl Asset {
    /// For clients that take nothing packed; `None` when it cannot be unpacked. Takes a millisecond.
    pub(super) fn unpacked(&self) -> Option<Bytes> {
        if !self.is_packed {
            return Some(self.bytes.clone());
        }
        let mut plain = Vec::new();
        let mut reader = GzDecoder::new(&*self.bytes).take(UNPACKED_BYTES_MAX);
        reader.read_to_end(&mut plain).ok()?;
        Some(plain.into())
    }
}

/// The file under a path without its leading `/`, such as `index.html`.
pub(super) fn find(path: &str) -> Option<Asset> {
    let packed = Built::get(&format!("{path}.gz"));
    let is_packed = packed.is_some();
    let file = packed.or_else(|| Built::get(path))?;
    let mut tag = String::with_capacity(2 * TAG_BYTES);
    for byte in file.metadata.sha256_hash().iter().take(TAG_BYTES) {
        // Writing into a string cannot fail.
        let _written = write!(tag, "{byte:02x}");
    }
    let bytes = match file.data {
        Cow::Borrowed(bytes) => Bytes::from_static(bytes),
        Cow::Owned(bytes) => Bytes::from(bytes),
    };
    Some(Asset { bytes, is_packed, tag, kind: kind_of(path), is_forever: is_hashed(path) })
}

fn kind_of(path: &str) -> &'static str {
    match path.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("txt") => "text/plain; charset=utf-8",
        Some(_) | None => "application/octet-stream",
    }
}

/// Vite writes `assets/NAME-HASH.ENDING`, with eight characters of hash.
fn is_hashed(path: &str) -> bool {
    let Some(name) = path.strip_prefix("assets/") else { return false };
    let Some((stem, _ending)) = name.rsplit_once('.') else { return false };
    // The hash may have a `-` of its own.
    stem.len().checked_sub(9).and_then(|at| stem.as_bytes().get(at)) == Some(&b'-')
}

/// The names of all files, for tests.
#[cfg(test)]
pub(super) fn names() -> Vec<String> {
    Built::iter().map(Cow::into_owned).collect()
}
