//! The results that are kept: whose they are, when they go, and what is said of those that went.

use std::collections::VecDeque;
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::Error;
use super::body::{self, BodyWriter};
use super::digest::{Kept, Provenance, digest};

/// Letters and digits that are not mistaken for one another; a power of two of them.
const ALPHABET: &[u8; 32] = b"abcdefghjkmnopqrstuvwxyz23456789";
/// Characters of a handle behind its `r_`: 100 bits, so that nobody hits upon somebody else's.
const HANDLE_CHARS: usize = 20;
/// Results that went and are remembered, so that the answer says why. A guess.
const GONE_MAX: usize = 256;

/// Bounds of what is kept.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Bytes of all results together.
    pub bytes_max: usize,
    /// Results at once, at least 1.
    pub entries_max: usize,
    /// How long one is kept after it was last asked for.
    pub time_to_live: Duration,
    /// Raw results from that many bytes on go to a file.
    pub file_from_bytes: usize,
    /// The folder for these files; it is made when it is needed.
    pub folder: PathBuf,
    /// Longest block of data that is handed out, in bytes.
    pub block_bytes_max: usize,
    /// Unix seconds.
    pub now: fn() -> i64,
}

/// Results that are kept, for all callers of this process.
#[derive(Debug)]
pub struct Results {
    limits: Limits,
    /// Its keys are drawn by the system at start, so handles cannot be foretold.
    random: RandomState,
    issued: AtomicU64,
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    /// Oldest first.
    entries: VecDeque<Entry>,
    bytes: usize,
    gone: VecDeque<Gone>,
}

#[derive(Debug)]
struct Entry {
    owner: u64,
    kept: Arc<Kept>,
    expires: i64,
}

#[derive(Debug)]
struct Gone {
    owner: u64,
    handle: String,
    from: Provenance,
    why: &'static str,
}

impl Results {
    /// Nothing is kept yet. Removes what an earlier process may have left in the folder, which blocks for a moment.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        body::sweep(&limits.folder);
        Self { limits, random: RandomState::new(), issued: AtomicU64::new(0), table: Mutex::default() }
    }

    /// Keeps a raw result for this owner; the oldest of all go if there is no room. Blocks while a large one is written.
    ///
    /// # Errors
    /// [`Error::TooLarge`], [`Error::File`].
    pub fn keep(&self, owner: u64, from: Provenance, raw: &str) -> Result<Arc<Kept>, Error> {
        let bytes_max = self.limits.bytes_max;
        if raw.len() > bytes_max {
            return Err(Error::TooLarge { bytes: raw.len(), bytes_max });
        }
        let open = |name: &str| -> io::Result<BodyWriter> {
            if raw.len() < self.limits.file_from_bytes {
                Ok(BodyWriter::in_memory())
            } else {
                BodyWriter::in_file(&self.limits.folder, name)
            }
        };
        let kept = digest(raw, self.handle(), from, &open).map_err(|fault| self.file("writing", fault))?;
        let kept = Arc::new(kept);
        let now = (self.limits.now)();
        let mut table = self.lock();
        table.forget_expired(now);
        while !table.entries.is_empty()
            && (table.entries.len() >= self.limits.entries_max || table.bytes + kept.stored_bytes() > bytes_max)
        {
            table.forget(0, "newer results took its room (results.keep_bytes_max, results.entries_max)");
        }
        table.bytes += kept.stored_bytes();
        table.entries.push_back(Entry { owner, kept: kept.clone(), expires: self.expiry(now) });
        Ok(kept)
    }

    /// The result of that handle, if it is this owner's; it is kept for the whole time again.
    ///
    /// # Errors
    /// [`Error::Unknown`], the same for what never was and for what is somebody else's; [`Error::Gone`].
    pub fn find(&self, owner: u64, handle: &str) -> Result<Arc<Kept>, Error> {
        let handle = handle.trim();
        let now = (self.limits.now)();
        let mut table = self.lock();
        table.forget_expired(now);
        let is_it = |entry: &&mut Entry| entry.owner == owner && entry.kept.handle == handle;
        if let Some(entry) = table.entries.iter_mut().find(is_it) {
            entry.expires = self.expiry(now);
            return Ok(entry.kept.clone());
        }
        let gone = table.gone.iter().find(|gone| gone.owner == owner && gone.handle == handle);
        Err(match gone {
            Some(gone) => Error::Gone {
                handle: gone.handle.clone(),
                server: gone.from.server.clone(),
                tool: gone.from.tool.clone(),
                why: gone.why,
            },
            None => Error::Unknown { handle: handle.chars().take(40).collect() },
        })
    }

    /// Forgets what was not asked for in its time. To be called now and then, so that files do not stay longer than said.
    pub fn forget_expired(&self) {
        let now = (self.limits.now)();
        self.lock().forget_expired(now);
    }

    /// Forgets all, for the end.
    pub fn clear(&self) {
        *self.lock() = Table::default();
    }

    /// How many are kept, and their bytes.
    #[must_use]
    pub fn size(&self) -> (usize, usize) {
        let table = self.lock();
        (table.entries.len(), table.bytes)
    }

    /// How long a result is kept after it was last asked for.
    #[must_use]
    pub fn time_to_live(&self) -> Duration {
        self.limits.time_to_live
    }

    /// The raw JSON of a block of data: a picture, a sound, a binary resource. Blocks when it lies in a file.
    ///
    /// # Errors
    /// [`Error::NoSuchBlock`], [`Error::BlockTooLarge`], [`Error::File`].
    pub fn block(&self, kept: &Kept, block: usize) -> Result<String, Error> {
        let found = kept.media_at.iter().find(|(number, _)| *number == block);
        let Some((_, at)) = found else { return Err(Error::NoSuchBlock { block, blocks: kept.blocks_total }) };
        let bytes_max = self.limits.block_bytes_max;
        if at.len() > bytes_max {
            return Err(Error::BlockTooLarge { block, bytes: at.len(), bytes_max });
        }
        kept.media.read(at.clone()).map_err(|fault| self.file("reading", fault))
    }

    /// Whether [`Results::block`] can give it.
    #[must_use]
    pub fn block_is_kept(&self, kept: &Kept, block: usize) -> bool {
        kept.media_at.iter().any(|(number, at)| *number == block && at.len() <= self.limits.block_bytes_max)
    }

    /// What reading a kept result fails with.
    #[must_use]
    pub fn unreadable(&self, source: io::Error) -> Error {
        self.file("reading", source)
    }

    pub(super) fn file(&self, doing: &'static str, source: io::Error) -> Error {
        Error::File { doing, path: self.limits.folder.clone(), source }
    }

    fn expiry(&self, now: i64) -> i64 {
        now.saturating_add(i64::try_from(self.limits.time_to_live.as_secs()).unwrap_or(i64::MAX))
    }

    fn handle(&self) -> String {
        let number = self.issued.fetch_add(1, Ordering::Relaxed);
        let half = |part: u8| self.random.hash_one((number, part));
        let bits = (u128::from(half(0)) << 64) | u128::from(half(1));
        let letter = |place: usize| char::from(ALPHABET[((bits >> (5 * place)) % 32) as usize]);
        std::iter::once('r').chain(std::iter::once('_')).chain((0..HANDLE_CHARS).map(letter)).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn forget(&mut self, place: usize, why: &'static str) {
        let Some(entry) = self.entries.remove(place) else { return };
        self.bytes -= entry.kept.stored_bytes();
        if self.gone.len() >= GONE_MAX {
            self.gone.pop_front();
        }
        let (owner, handle, from) = (entry.owner, entry.kept.handle.clone(), entry.kept.from.clone());
        self.gone.push_back(Gone { owner, handle, from, why });
    }

    fn forget_expired(&mut self, now: i64) {
        while let Some(place) = self.entries.iter().position(|entry| entry.expires <= now) {
            self.forget(place, "it was not asked for in its time (results.keep_s)");
        }
    }
}
