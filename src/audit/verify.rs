//! Checks the whole chain, and names the first place where it is broken.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use super::Error;
use super::chain::{BEGIN, is_sealed};
use super::entry::Entry;
use super::error::file;
use super::files::{self, LINE_BYTES_MAX, LogFile};
use super::writer::REMOVED;

/// How often a look begins anew when a file went meanwhile.
const TRIES: usize = 3;

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Chain {
    /// Records that were checked, and are as they were written.
    pub records: u64,
    /// Number of the oldest; those before it were removed when their time was over.
    pub first: u64,
    /// Number of the newest good one.
    pub last: u64,
    /// Its hash. Who keeps it elsewhere can tell later that nothing up to it was cut off or written anew.
    pub head: String,
    /// Where it is broken first; what is behind is not looked at.
    pub broken: Option<Broken>,
}

/// A place where the chain is broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// In which file.
    pub file: PathBuf,
    /// In which line, from 1.
    pub line: u64,
    /// What is wrong there.
    pub what: String,
}

/// Reads all files. Blocking, for about a second for each GB.
///
/// # Errors
/// When a file cannot be read.
pub fn verify(folder: &Path) -> Result<Chain, Error> {
    let mut tries = TRIES;
    loop {
        tries -= 1;
        match verify_once(folder) {
            // It was old, and somebody who writes has removed it since we looked: the log says so now.
            Err(Error::File { source, .. }) if source.kind() == std::io::ErrorKind::NotFound && tries > 0 => {}
            checked => return checked,
        }
    }
}

/// The files and how long they are at a moment in which nobody writes; so no half of what is written just then is seen.
fn at_rest(folder: &Path) -> Result<Vec<(LogFile, u64)>, Error> {
    // A log that nobody has written to with a lock, or that may only be read, is at rest.
    let lock = File::open(folder.join(files::LOCK)).ok();
    let _is_held = lock.as_ref().is_some_and(|lock| lock.lock_shared().is_ok());
    let each = files::list(folder)?.into_iter().map(|log_file| {
        let about = std::fs::metadata(&log_file.path).map_err(file("reading", &log_file.path))?;
        Ok((log_file, about.len()))
    });
    each.collect()
}

fn verify_once(folder: &Path) -> Result<Chain, Error> {
    let mut chain = Chain { head: BEGIN.to_owned(), ..Chain::default() };
    // Up to where records were removed, as the chain itself says.
    let mut removed_to = 0;
    for (log_file, len) in at_rest(folder)? {
        let open = File::open(&log_file.path).map_err(file("reading", &log_file.path))?;
        let mut lines = BufReader::new(open.take(len));
        let mut number = 0;
        let mut line = String::new();
        loop {
            line.clear();
            let read = (&mut lines).take(LINE_BYTES_MAX as u64).read_line(&mut line);
            let broken = |what: String| Some(Broken { file: log_file.path.clone(), line: number + 1, what });
            match read {
                Ok(0) => break,
                Ok(_) => {}
                Err(fault) if fault.kind() == std::io::ErrorKind::InvalidData => {
                    chain.broken = broken("it is no text".to_owned());
                    return Ok(chain);
                }
                Err(fault) => return Err(file("reading", &log_file.path)(fault)),
            }
            match check(&line, &chain) {
                Ok(entry) => {
                    if chain.records == 0 {
                        chain.first = entry.seq;
                    }
                    if entry.action == REMOVED {
                        let to = entry.target.split_once('-').and_then(|(_, to)| to.parse().ok());
                        removed_to = to.unwrap_or(removed_to);
                    }
                    (chain.last, chain.head) = (entry.seq, entry.hash);
                    chain.records += 1;
                }
                Err(what) => {
                    chain.broken = broken(what);
                    return Ok(chain);
                }
            }
            number += 1;
        }
    }
    if chain.records > 0 && chain.first > removed_to + 1 {
        let what =
            format!("records up to {} are missing, and the log does not say that they were removed", chain.first - 1);
        let oldest = files::list(folder)?.into_iter().next().map(|log_file| log_file.path).unwrap_or_default();
        chain.broken = Some(Broken { file: oldest, line: 1, what });
    }
    Ok(chain)
}

/// The record in a line, if it follows the chain.
fn check(line: &str, chain: &Chain) -> Result<Entry, String> {
    let Some(line) = line.strip_suffix('\n') else { return Err("the line is not whole".to_owned()) };
    let entry: Entry = serde_json::from_str(line).map_err(|fault| format!("it is no record ({fault})"))?;
    let is_oldest = chain.records == 0;
    if !is_oldest && entry.seq != chain.last + 1 {
        return Err(format!("record {} follows record {}: some are missing, or not in order", entry.seq, chain.last));
    }
    if !is_oldest && entry.prev != chain.head {
        return Err(format!("record {} does not follow the one before it, which was changed or replaced", entry.seq));
    }
    if is_oldest && entry.seq == 1 && entry.prev != BEGIN {
        return Err("the first record does not begin the chain".to_owned());
    }
    if !is_sealed(line, &entry.prev) {
        return Err(format!("record {} was changed: its hash is another", entry.seq));
    }
    Ok(entry)
}
