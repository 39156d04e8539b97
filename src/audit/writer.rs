//! Writes at the end of the chain, one process at a time. What a crash has torn is cut off into a file of its own, and told in the chain.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::chain::{BEGIN, sealed};
use super::entry::{Entry, Event};
use super::error::file;
use super::files::{self, LogFile, Tail};
use super::{Error, Options};

const DAY_MS: i64 = 86_400_000;
/// The action of a record that says which files went.
pub(super) const REMOVED: &str = "audit.removed";

/// Writes one event, for a process that has no more to say. Blocks until it is on the disk.
///
/// # Errors
/// When it cannot be written.
pub fn append(options: &Options, event: &Event) -> Result<(), Error> {
    Writer::new(options.clone()).append(std::slice::from_ref(event)).map(drop)
}

/// The end of the chain.
#[derive(Debug)]
pub(super) struct Writer {
    options: Options,
    /// Opened anew after a failure: the folder may be another.
    lock: Option<File>,
    end: Option<End>,
    /// What we have to tell of the log itself, and could not yet.
    own: Vec<Event>,
}

/// Where the next line goes.
#[derive(Debug)]
struct End {
    file: LogFile,
    open: File,
    len: u64,
    seq: u64,
    hash: String,
    /// When the last record was.
    at: i64,
}

impl Writer {
    /// Nothing is opened yet.
    pub(super) fn new(options: Options) -> Self {
        Self { options, lock: None, end: None, own: Vec::new() }
    }

    /// Whether the folder can be had, as far as that shows without writing into it. Blocking.
    pub(super) fn try_out(&mut self) -> Result<(), Error> {
        self.lock = Some(lock_file(&self.options.folder)?);
        Ok(())
    }

    /// Writes records of these events and gives them back once they are on the disk. Blocking. After an error none of them is there,
    /// and it can be tried again.
    pub(super) fn append(&mut self, events: &[Event]) -> Result<Vec<Entry>, Error> {
        let folder = self.options.folder.clone();
        let lock = match self.lock.take() {
            Some(lock) => lock,
            None => lock_file(&folder)?,
        };
        // Held for one write and one sync.
        lock.lock().map_err(file("locking", &folder))?;
        let appended = self.append_locked(events);
        let unlocked = lock.unlock();
        match (appended, unlocked) {
            (Ok(entries), Ok(())) => {
                self.lock = Some(lock);
                Ok(entries)
            }
            // They are written, and the lock goes with its file.
            (Ok(entries), Err(_)) => Ok(entries),
            (Err(fault), _) => {
                // What is there is looked at anew.
                self.end = None;
                Err(fault)
            }
        }
    }

    fn append_locked(&mut self, events: &[Event]) -> Result<Vec<Entry>, Error> {
        let mut own = std::mem::take(&mut self.own);
        let written = self.write_locked(events, &mut own);
        if written.is_err() {
            // Nothing was removed: that is looked at anew.
            own.retain(|event| event.action != REMOVED);
            self.own = own;
        }
        written
    }

    fn write_locked(&mut self, events: &[Event], own: &mut Vec<Event>) -> Result<Vec<Entry>, Error> {
        let now = events.iter().map(|event| event.at).max().unwrap_or_default();
        let end = match self.end.take().filter(|end| end.is_the_end(&self.options.folder)) {
            Some(end) => end,
            None => End::find(&self.options.folder, now, own)?,
        };
        let (mut end, old) = self.turned_over(end, now, own)?;
        let entries = end.write(own.iter().chain(events))?;
        self.end = Some(end);
        // Only now, when it is on the disk that they go. One that stays is tried again at the next turn.
        for old in old {
            if let Err(fault) = fs::remove_file(&old.path) {
                tracing::warn!(file = %old.path.display(), error = %fault, "an old file of the audit log could not be removed");
            }
        }
        Ok(entries)
    }

    /// A new file when this one is full or of another day; and the old ones that are to go then.
    fn turned_over(&self, end: End, now: i64, own: &mut Vec<Event>) -> Result<(End, Vec<LogFile>), Error> {
        let is_of_today = end.at.div_euclid(DAY_MS) >= now.div_euclid(DAY_MS);
        if end.len == 0 || (end.len < self.options.file_bytes_max && is_of_today) {
            return Ok((end, Vec::new()));
        }
        let keep = i64::from(self.options.keep_days).saturating_mul(DAY_MS);
        // Of a clock that jumps ahead nothing gets old at once: the next turn is early enough, when it was right.
        let known_now = if now.saturating_sub(end.at) > keep { end.at } else { now };
        let next = files::named(&self.options.folder, end.seq + 1);
        let end = End::begin(next, end.seq, end.hash, end.at)?;
        sync_folder(&self.options.folder);
        let oldest = known_now.saturating_sub(keep);
        let mut gone: Vec<LogFile> = Vec::new();
        let mut last_gone = 0;
        for (old, next) in pairs(&files::list(&self.options.folder)?) {
            // One whose end cannot be read may have been tampered with: it stays, for who checks the chain.
            let is_over = files::tail(&old.path)?.last.is_some_and(|last| last.at < oldest);
            if !is_over || next.first > end.seq + 1 {
                break;
            }
            gone.push(old.clone());
            last_gone = next.first - 1;
        }
        if let Some(first) = gone.first().map(|old| old.first) {
            own.push(told(now, REMOVED, format!("{first}-{last_gone}"), json!(self.options.keep_days), "keep_days"));
        }
        Ok((end, gone))
    }
}

impl End {
    /// Finds the end of the chain, and cuts off what is torn.
    fn find(folder: &Path, now: i64, own: &mut Vec<Event>) -> Result<Self, Error> {
        let files = files::list(folder)?;
        let Some(newest) = files.last() else {
            return Self::begin(files::named(folder, 1), 0, BEGIN.to_owned(), now);
        };
        let tail = files::tail(&newest.path)?;
        if tail.good_len < tail.len {
            let (aside, bytes) = cut(newest, &tail, now)?;
            own.push(told(now, "audit.torn", aside, json!(bytes), "bytes"));
        }
        let last = match tail.last {
            Some(last) => Some(last),
            None if tail.good_len == 0 && files.len() > 1 => files::tail(&files[files.len() - 2].path)?.last,
            None => None,
        };
        let is_foreign = last.is_none() && tail.good_len > 0;
        let (seq, hash, at) = match last {
            Some(last) => (last.seq, last.hash, last.at),
            None => (newest.first - 1, BEGIN.to_owned(), now),
        };
        if is_foreign {
            // None of ours: it is left as it is, and shows when the chain is checked.
            return Self::begin(files::named(folder, newest.first + 1), newest.first, hash, now);
        }
        let open = files::private().append(true).open(&newest.path).map_err(file("opening", &newest.path))?;
        Ok(Self { file: newest.clone(), open, len: tail.good_len, seq, hash, at })
    }

    fn begin(new: LogFile, seq: u64, hash: String, at: i64) -> Result<Self, Error> {
        let open = files::private().append(true).open(&new.path).map_err(file("making", &new.path))?;
        Ok(Self { file: new, open, len: 0, seq, hash, at })
    }

    /// Whether no other process has written since.
    fn is_the_end(&self, folder: &Path) -> bool {
        fs::metadata(&self.file.path).is_ok_and(|about| about.len() == self.len)
            && !files::named(folder, self.seq + 1).path.exists()
    }

    fn write<'a>(&mut self, events: impl Iterator<Item = &'a Event>) -> Result<Vec<Entry>, Error> {
        let (mut text, mut entries) = (String::new(), Vec::new());
        let (mut seq, mut hash) = (self.seq, self.hash.clone());
        for event in events {
            seq += 1;
            let mut entry = Entry::of(event, seq, &hash);
            let (line, sealed_hash) = sealed(&entry);
            text.extend([&line, "\n"]);
            hash.clone_from(&sealed_hash);
            entry.hash = sealed_hash;
            entries.push(entry);
        }
        let written = self.open.write_all(text.as_bytes()).and_then(|()| self.open.sync_data());
        if let Err(fault) = written {
            // Half a batch must not stand there, since it is tried again as a whole.
            let _as_it_was = self.open.set_len(self.len);
            return Err(file("writing", &self.file.path)(fault));
        }
        self.len += text.len() as u64;
        (self.seq, self.hash) = (seq, hash);
        self.at = entries.last().map_or(self.at, |last| last.at);
        Ok(entries)
    }
}

fn lock_file(folder: &Path) -> Result<File, Error> {
    files::make_folder(folder)?;
    let path = folder.join(files::LOCK);
    files::private().write(true).truncate(false).open(&path).map_err(file("opening", &path))
}

/// Moves what is behind the last whole record into a file of its own; gives its name and length.
fn cut(newest: &LogFile, tail: &Tail, now: i64) -> Result<(String, u64), Error> {
    let aside = aside(&newest.path, now);
    let bytes = fs::read(&newest.path).map_err(file("reading", &newest.path))?;
    let good_len = usize::try_from(tail.good_len).unwrap_or(bytes.len()).min(bytes.len());
    let mut kept = files::private().write(true).truncate(true).open(&aside).map_err(file("making", &aside))?;
    kept.write_all(&bytes[good_len..]).and_then(|()| kept.sync_all()).map_err(file("writing", &aside))?;
    let open = files::private().write(true).truncate(false).open(&newest.path);
    let cut = open.and_then(|open| open.set_len(tail.good_len).and_then(|()| open.sync_all()));
    cut.map_err(file("cutting", &newest.path))?;
    let name = aside.file_name().unwrap_or_default().to_string_lossy().into_owned();
    tracing::warn!(file = %aside.display(), "the end of the audit log was torn; it is kept aside");
    Ok((name, tail.len - tail.good_len))
}

fn aside(path: &Path, now: i64) -> PathBuf {
    path.with_extension(format!("torn-{now}"))
}

fn told(at: i64, action: &'static str, target: String, value: serde_json::Value, name: &'static str) -> Event {
    let who = Some("mcporch".into());
    Event { at, who, action, target, outcome: "done", details: vec![(name, value)], ..Event::default() }
}

fn pairs(files: &[LogFile]) -> impl Iterator<Item = (&LogFile, &LogFile)> {
    files.iter().zip(files.iter().skip(1))
}

/// A new name is on the disk when its folder is. Where folders cannot be opened, the system sees to it.
fn sync_folder(folder: &Path) {
    #[cfg(unix)]
    if let Ok(folder) = File::open(folder) {
        let _as_well_as_it_goes = folder.sync_all();
    }
    #[cfg(not(unix))]
    let _by_the_system = folder;
}
