//! Reads the log, the newest first, without reading whole files.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use super::Error;
use super::entry::Entry;
use super::error::file;
use super::files::{self, LINE_BYTES_MAX};

/// What is read at once, in bytes, from behind.
const BLOCK_LEN: u64 = 64 * 1024;
/// Records that are looked at for one page; then it ends, and the next goes on from there. A guess: a tenth of a second.
const LOOKED_AT_MAX: usize = 50_000;

/// Which records are wanted; all that are left out fit.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Of that one.
    pub who: Option<String>,
    /// This action, or all that begin so where it ends with a dot: `server.`.
    pub action: Option<String>,
}

/// Some of the records.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Page {
    /// The newest first.
    pub entries: Vec<Entry>,
    /// Where the next page goes on, if there may be one.
    pub next: Option<u64>,
}

impl Filter {
    /// Whether a record is wanted.
    #[must_use]
    pub fn fits(&self, entry: &Entry) -> bool {
        self.who.as_ref().is_none_or(|who| entry.who.as_ref() == Some(who))
            && self.action.as_ref().is_none_or(|action| {
                entry.action == *action || (action.ends_with('.') && entry.action.starts_with(action.as_str()))
            })
    }
}

/// At most `limit` records that are older than number `before`, or the newest. Blocking. Lines that are no records are passed over.
///
/// # Errors
/// When a file cannot be read.
pub fn page(folder: &Path, filter: &Filter, before: Option<u64>, limit: usize) -> Result<Page, Error> {
    let mut page = Page::default();
    let mut looked_at = 0;
    let before = before.unwrap_or(u64::MAX);
    for log_file in files::list(folder)?.iter().rev().filter(|log_file| log_file.first < before) {
        let mut lines = match Backwards::open(&log_file.path, before) {
            Ok(lines) => lines,
            // It was old, and went between the look at the folder and this one.
            Err(fault) if fault.kind() == std::io::ErrorKind::NotFound => break,
            Err(fault) => return Err(file("reading", &log_file.path)(fault)),
        };
        while let Some(line) = lines.next_line().map_err(file("reading", &log_file.path))? {
            let Ok(entry) = serde_json::from_slice::<Entry>(&line) else { continue };
            if entry.seq >= before {
                continue;
            }
            if page.entries.len() == limit || looked_at == LOOKED_AT_MAX {
                page.next = Some(entry.seq + 1);
                return Ok(page);
            }
            looked_at += 1;
            if filter.fits(&entry) {
                page.entries.push(entry);
            }
        }
    }
    Ok(page)
}

/// The lines of a file, the last first.
struct Backwards {
    file: File,
    /// Up to where nothing is read yet.
    unread: u64,
    /// What is read and not given out.
    held: Vec<u8>,
}

impl Backwards {
    /// Begins at the record before that number, or behind it.
    fn open(path: &Path, before: u64) -> std::io::Result<Self> {
        let mut file = File::open(path)?;
        let len = file.metadata()?.len();
        let unread = if before == u64::MAX { len } else { place(&mut file, len, before)? };
        Ok(Self { file, unread, held: Vec::new() })
    }

    fn next_line(&mut self) -> std::io::Result<Option<Vec<u8>>> {
        loop {
            // The break at its own end is not that before it.
            let text_len = self.held.len() - usize::from(self.held.last() == Some(&b'\n'));
            if let Some(at) = memchr::memrchr(b'\n', &self.held[..text_len]) {
                let mut line = self.held.split_off(at + 1);
                line.truncate(line.trim_ascii_end().len());
                return Ok(Some(line));
            }
            if self.unread == 0 {
                let line = std::mem::take(&mut self.held);
                return Ok(Some(line).filter(|line| !line.is_empty()));
            }
            let len = self.unread.min(BLOCK_LEN);
            self.unread -= len;
            self.file.seek(SeekFrom::Start(self.unread))?;
            let mut block = Vec::with_capacity(usize::try_from(len).unwrap_or_default() + self.held.len());
            (&self.file).take(len).read_to_end(&mut block)?;
            // What is no line of ours is not gathered without end.
            if self.held.len() > 2 * LINE_BYTES_MAX {
                self.held.clear();
            }
            block.append(&mut self.held);
            self.held = block;
        }
    }
}

/// Where a line begins from which on no record is older than that number, by halving: numbers rise.
fn place(file: &mut File, len: u64, before: u64) -> std::io::Result<u64> {
    let (mut low, mut high) = (0, len);
    // A line that reaches beyond `high` lets `low` pass it.
    while high.saturating_sub(low) > BLOCK_LEN {
        let middle = low + (high - low) / 2;
        match first_from(file, middle)? {
            Some((start, seq)) if seq < before && start > low => low = start,
            _ => high = middle,
        }
    }
    // The line in the middle may have begun before `high`, and is passed over by its number otherwise.
    Ok((low.max(high) + LINE_BYTES_MAX as u64).min(len))
}

/// The first record that begins behind that place, and where.
fn first_from(file: &mut File, at: u64) -> std::io::Result<Option<(u64, u64)>> {
    file.seek(SeekFrom::Start(at))?;
    let mut bytes = Vec::new();
    file.take(2 * LINE_BYTES_MAX as u64).read_to_end(&mut bytes)?;
    let Some(mut start) = memchr::memchr(b'\n', &bytes).map(|at| at + 1) else { return Ok(None) };
    while let Some(len) = memchr::memchr(b'\n', &bytes[start..]) {
        if let Ok(entry) = serde_json::from_slice::<Entry>(&bytes[start..start + len]) {
            return Ok(Some((at + start as u64, entry.seq)));
        }
        // A line that is none must not hide the good ones behind it.
        start += len + 1;
    }
    Ok(None)
}
