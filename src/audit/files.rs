//! The files of the log: each is named by its first record, so that they sort, and say where one has to look.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use super::Error;
use super::entry::Entry;
use super::error::file;

/// Ending of the files.
const ENDING: &str = ".jsonl";
/// The file that whoever writes holds locked.
pub(super) const LOCK: &str = "chain.lock";
/// Longest line, in bytes: a record has bounded texts, and what is longer is none of ours.
pub(super) const LINE_BYTES_MAX: usize = 64 * 1024;

/// One file of the log.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct LogFile {
    /// Number of its first record.
    pub(super) first: u64,
    pub(super) path: PathBuf,
}

/// The file that begins with that record.
pub(super) fn named(folder: &Path, first: u64) -> LogFile {
    LogFile { first, path: folder.join(format!("{first:020}{ENDING}")) }
}

/// All files, the oldest first. A folder that is not there has none.
pub(super) fn list(folder: &Path) -> Result<Vec<LogFile>, Error> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(fault) if fault.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(fault) => return Err(file("reading", folder)(fault)),
    };
    let mut files = Vec::new();
    for entry in entries {
        let entry = entry.map_err(file("reading", folder))?;
        let first = entry.file_name().to_str().and_then(|name| name.strip_suffix(ENDING)?.parse().ok());
        files.extend(first.map(|first| LogFile { first, path: entry.path() }));
    }
    files.sort();
    Ok(files)
}

/// What is left at the end of a file.
#[derive(Debug)]
pub(super) struct Tail {
    /// The last whole record, if there is one.
    pub(super) last: Option<Entry>,
    /// How long the file is up to the end of that.
    pub(super) good_len: u64,
    /// How long it is.
    pub(super) len: u64,
}

/// Looks at the end of a file: what a crash has torn is behind `good_len`.
pub(super) fn tail(path: &Path) -> Result<Tail, Error> {
    let reading = || file("reading", path);
    let mut open = File::open(path).map_err(reading())?;
    let len = open.metadata().map_err(reading())?.len();
    // Twice, so that a whole line stands in it even when the last is torn.
    let back = len.min(2 * LINE_BYTES_MAX as u64);
    open.seek(SeekFrom::Start(len - back)).map_err(reading())?;
    let mut bytes = Vec::new();
    open.take(back).read_to_end(&mut bytes).map_err(reading())?;
    let mut end = bytes.len();
    while let Some(line_end) = memchr::memrchr(b'\n', &bytes[..end]) {
        let line_start = memchr::memrchr(b'\n', &bytes[..line_end]).map_or(0, |at| at + 1);
        if let Ok(entry) = serde_json::from_slice(&bytes[line_start..line_end]) {
            return Ok(Tail { last: Some(entry), good_len: len - back + line_end as u64 + 1, len });
        }
        end = line_end;
    }
    // Nothing in sight is whole: the file has just begun, or it is none of ours and is left as it is.
    Ok(Tail { last: None, good_len: if back == len { 0 } else { len }, len })
}

/// How a file of ours is opened: by its owner alone.
pub(super) fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Makes the folder, for its owner alone.
pub(super) fn make_folder(folder: &Path) -> Result<(), Error> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder).map_err(file("making", folder))
}
