//! From a server's name to the name of its file.

use sha2::{Digest, Sha256};

use crate::domain::ServerName;

/// Longest readable part, in bytes: the whole stays far below the 255 that file systems allow.
const READABLE_BYTES_MAX: usize = 96;
/// Names that Windows keeps for devices, with any ending.
const DEVICES: &[&str] = &["con", "prn", "aux", "nul", "com", "lpt"];

/// The file's name, `NAME.log`. Names of small letters, digits, `-`, `_` and inner dots stand as they are. In any other, every
/// other sign becomes `_`, and `~` and a part of the name's hash follow: two servers never share a file, not even where letter
/// case does not count in file names, and no name leads out of the folder.
#[must_use]
pub fn file_name(server: &ServerName) -> String {
    let name = server.as_str();
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_' | b'.');
    let stem = name.split('.').next().unwrap_or_default().to_ascii_lowercase();
    let is_device = DEVICES.contains(&stem.trim_end_matches(|letter: char| letter.is_ascii_digit()));
    if name.bytes().all(is_plain)
        && !name.starts_with('.')
        && !name.ends_with('.')
        && !is_device
        && name.len() <= READABLE_BYTES_MAX
    {
        return format!("{name}.log");
    }
    let sign = |letter: char| if letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_') { letter } else { '_' };
    let readable: String = name.chars().map(sign).take(READABLE_BYTES_MAX).collect();
    let hash: String = Sha256::digest(name.as_bytes()).iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    // A device's name counts up to its first dot only, so that it must not be the first thing.
    let readable = if is_device { format!("_{readable}") } else { readable };
    format!("{readable}~{hash}.log")
}
