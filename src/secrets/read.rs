//! Files that hold secrets, read with a bound.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use super::Fault;

/// What was read, and what is odd about the file.
pub(super) struct Contents {
    pub(super) text: String,
    pub(super) warning: Option<String>,
}

/// The text of a plain file of at most `bytes_max` bytes. `unreadable` makes the fault of what the system says.
pub(super) fn text(path: &Path, bytes_max: u64, unreadable: impl Fn(io::Error) -> Fault) -> Result<Contents, Fault> {
    // Looked at before it is opened: opening a pipe waits for its other end.
    let about = path.metadata().map_err(&unreadable)?;
    if !about.is_file() {
        return Err(Fault::NotPlain { path: path.to_owned() });
    }
    let file = File::open(path).map_err(&unreadable)?;
    let mut bytes = Vec::new();
    file.take(bytes_max + 1).read_to_end(&mut bytes).map_err(&unreadable)?;
    if bytes.len() as u64 > bytes_max {
        return Err(Fault::TooLong { path: path.to_owned(), max: bytes_max });
    }
    let text = String::from_utf8(bytes).ok().filter(|text| !text.contains('\0'));
    let text = text.ok_or_else(|| Fault::NotText { path: path.to_owned() })?;
    Ok(Contents { text, warning: readable_by_others(path, &about) })
}

#[cfg(unix)]
fn readable_by_others(path: &Path, about: &std::fs::Metadata) -> Option<String> {
    use std::os::unix::fs::PermissionsExt;
    let mode = about.permissions().mode();
    // Only what everybody may read: files that a container is handed belong to another user's group as a rule.
    (mode & 0o004 != 0).then(|| {
        format!("{} may be read by every user of this machine; `chmod 600` keeps it to its owner", path.display())
    })
}

#[cfg(not(unix))]
fn readable_by_others(_path: &Path, _about: &std::fs::Metadata) -> Option<String> {
    None
}
