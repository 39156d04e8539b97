//! The journal: what a daemon owes one client an answer for, written where it outlives the daemon. Bytes of the session do
//! not pass through the thin client, so this is how it knows, when the daemon is gone, which requests to answer with an
//! error. A file without a name, shared by both; written with plain positioned writes, each so small that it is whole or
//! not there. The thin client reads it only when nobody writes any more.
//!
//! Layout: 64 bytes of head (magic, flags, number of slots), then a slot of 64 bytes for each open request, then a place
//! of 4 KiB for each slot whose id is longer than the slot.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::Error;

const MAGIC: [u8; 4] = *b"mcp1";
const HEAD_BYTES: u64 = 64;
const SLOT_BYTES: u64 = 64;
const SPILL_BYTES: u64 = 4096;
/// First byte of a slot: 0 is free, up to this the length of the id behind it, and [`SPILLED`] says that it lies in the
/// slot's larger place.
const ID_BYTES_MAX: u8 = 63;
const SPILLED: u8 = 255;
/// Where the flags lie in the head.
const AT_INITIALIZED: u64 = 4;
const AT_MID_LINE: u64 = 5;
const AT_SLOTS: u64 = 8;
/// The most slots that a reader believes in.
const SLOTS_MAX: u32 = 1 << 17;

/// The daemon's side. Not async, and it never waits: a write into memory.
#[derive(Debug)]
pub struct Journal {
    file: File,
    slots: u32,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// Which slot an open request has.
    open: HashMap<Box<str>, u32>,
    /// The last one freed is used next, so that few pages are ever touched.
    free: Vec<u32>,
}

/// There is no slot left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Full;

/// What a dead daemon owed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Owed {
    /// Raw ids of requests without an answer.
    pub ids: Vec<String>,
    /// The client had been through `initialize`.
    pub is_initialized: bool,
    /// The last line to the client was not finished.
    pub is_mid_line: bool,
}

impl Journal {
    /// Longest raw id that can be kept, in bytes.
    pub const ID_BYTES_MAX: usize = SPILL_BYTES as usize - 4;

    /// Starts the journal anew in this file: nothing is open.
    ///
    /// # Errors
    /// When it is no plain file, or cannot be written.
    pub fn over(file: File, slots: usize) -> Result<Self, Error> {
        let slots = u32::try_from(slots).unwrap_or(SLOTS_MAX).min(SLOTS_MAX);
        let fault = |source| Error::Journal(source);
        if !file.metadata().map_err(fault)?.is_file() {
            return Err(Error::Journal(io::Error::from(io::ErrorKind::InvalidInput)));
        }
        // Cut to nothing first, so that what was open in the last daemon's time is gone.
        file.set_len(0).map_err(fault)?;
        file.set_len(HEAD_BYTES + u64::from(slots) * (SLOT_BYTES + SPILL_BYTES)).map_err(fault)?;
        write_at(&file, &slots.to_le_bytes(), AT_SLOTS).map_err(fault)?;
        write_at(&file, &MAGIC, 0).map_err(fault)?;
        let free = (0..slots).rev().collect();
        Ok(Self { file, slots, state: Mutex::new(State { open: HashMap::new(), free }) })
    }

    /// A request was read. The same id twice is kept once: its client could not tell two errors apart either.
    ///
    /// # Errors
    /// `Full` when no slot is left, or the id is longer than [`Self::ID_BYTES_MAX`].
    pub fn open(&self, id: &str) -> Result<(), Full> {
        if id.len() > Self::ID_BYTES_MAX {
            return Err(Full);
        }
        let mut state = self.lock();
        if state.open.contains_key(id) {
            return Ok(());
        }
        let slot = state.free.pop().ok_or(Full)?;
        state.open.insert(id.into(), slot);
        drop(state);
        let at = HEAD_BYTES + u64::from(slot) * SLOT_BYTES;
        let mut bytes = [0_u8; SLOT_BYTES as usize];
        match u8::try_from(id.len()).ok().filter(|len| *len <= ID_BYTES_MAX) {
            Some(len) => {
                bytes[0] = len;
                bytes[1..=id.len()].copy_from_slice(id.as_bytes());
                self.write(&bytes[..=id.len()], at);
            }
            None => {
                let place = HEAD_BYTES + u64::from(self.slots) * SLOT_BYTES + u64::from(slot) * SPILL_BYTES;
                let len = u32::try_from(id.len()).unwrap_or(0).to_le_bytes();
                self.write(&[&len, id.as_bytes()].concat(), place);
                self.write(&[SPILLED], at);
            }
        }
        Ok(())
    }

    /// Its answer is about to be written: gives what [`Self::written`] is told once it is. The request stays in the journal
    /// until then.
    #[must_use]
    pub fn answering(&self, id: &str) -> Option<u64> {
        self.lock().open.remove(id).map(u64::from)
    }

    /// The answer of [`Self::answering`] was written, or nobody will ever read it.
    pub fn written(&self, slot: u64) {
        let Ok(slot) = u32::try_from(slot) else { return };
        self.write(&[0], HEAD_BYTES + u64::from(slot) * SLOT_BYTES);
        self.lock().free.push(slot);
    }

    /// It gets no answer, and that is right.
    pub fn close(&self, id: &str) {
        if let Some(slot) = self.answering(id) {
            self.written(slot);
        }
    }

    /// The client has been through `initialize`.
    pub fn note_initialized(&self) {
        self.write(&[1], AT_INITIALIZED);
    }

    /// Whether a line to the client is begun and not finished.
    pub fn note_mid_line(&self, is_mid_line: bool) {
        self.write(&[u8::from(is_mid_line)], AT_MID_LINE);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, bytes: &[u8], at: u64) {
        if let Err(fault) = write_at(&self.file, bytes, at) {
            tracing::warn!(error = %fault, "the journal of open requests could not be written");
        }
    }
}

impl Owed {
    /// Reads what the daemon left behind. What makes no sense is passed over: a journal that was never begun owes nothing.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn read(file: &File) -> Result<Self, Error> {
        let mut head = [0_u8; HEAD_BYTES as usize];
        if read_at(file, &mut head, 0).map_err(Error::Journal)? < head.len() || head[..4] != MAGIC {
            return Ok(Self::default());
        }
        let at = AT_SLOTS as usize;
        let slots = u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]).min(SLOTS_MAX);
        let mut owed = Self {
            is_initialized: head[AT_INITIALIZED as usize] == 1,
            is_mid_line: head[AT_MID_LINE as usize] == 1,
            ids: Vec::new(),
        };
        for slot in 0..u64::from(slots) {
            let mut bytes = [0_u8; SLOT_BYTES as usize];
            if read_at(file, &mut bytes, HEAD_BYTES + slot * SLOT_BYTES).map_err(Error::Journal)? < bytes.len() {
                break;
            }
            let id = match bytes[0] {
                0 => continue,
                SPILLED => spilled(file, HEAD_BYTES + u64::from(slots) * SLOT_BYTES + slot * SPILL_BYTES)?,
                len => bytes.get(1..=usize::from(len)).map(<[u8]>::to_vec),
            };
            owed.ids.extend(id.and_then(|id| String::from_utf8(id).ok()));
        }
        Ok(owed)
    }
}

fn spilled(file: &File, at: u64) -> Result<Option<Vec<u8>>, Error> {
    let mut bytes = vec![0_u8; SPILL_BYTES as usize];
    let read = read_at(file, &mut bytes, at).map_err(Error::Journal)?;
    let [a, b, c, d, rest @ ..] = &bytes[..read] else { return Ok(None) };
    let len = usize::try_from(u32::from_le_bytes([*a, *b, *c, *d])).unwrap_or(usize::MAX);
    Ok(rest.get(..len).map(<[u8]>::to_vec))
}

#[cfg(unix)]
fn write_at(file: &File, bytes: &[u8], at: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::write_all_at(file, bytes, at)
}

#[cfg(unix)]
fn read_at(file: &File, bytes: &mut [u8], at: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, bytes, at)
}

#[cfg(windows)]
fn write_at(file: &File, bytes: &[u8], at: u64) -> io::Result<()> {
    std::os::windows::fs::FileExt::seek_write(file, bytes, at).map(drop)
}

#[cfg(windows)]
fn read_at(file: &File, bytes: &mut [u8], at: u64) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, bytes, at)
}

#[cfg(test)]
mod tests {
    use super::{Journal, Owed};

    /// What a journal of four slots owes after these requests were opened, and these answered.
    fn check(opened: &[&str], answered: &[&str], expected: &[&str]) {
        let file = tempfile::tempfile().unwrap();
        let journal = Journal::over(file.try_clone().unwrap(), 4).unwrap();
        for id in opened {
            journal.open(id).unwrap();
        }
        for id in answered {
            journal.close(id);
        }
        let mut owed = Owed::read(&file).unwrap().ids;
        owed.sort();
        assert_eq!(owed, expected, "{opened:?} {answered:?}");
    }

    #[test]
    fn what_was_not_answered_is_owed() {
        check(&[], &[], &[]);
        check(&["1", "\"a b\"", "2"], &["1"], &["\"a b\"", "2"]);
        check(&["1", "1"], &[], &["1"]);
        check(&["1", "1"], &["1", "1", "7"], &[]);
        let (long, longest) = ("x".repeat(64), "y".repeat(Journal::ID_BYTES_MAX));
        check(&["z".repeat(63).as_str(), &long, &longest], &[&"z".repeat(63)], &[&long, &longest]);
    }

    #[test]
    fn a_request_is_owed_until_its_answer_is_written() {
        let file = tempfile::tempfile().unwrap();
        let journal = Journal::over(file.try_clone().unwrap(), 2).unwrap();
        journal.open("1").unwrap();
        let slot = journal.answering("1").unwrap();
        assert!(journal.answering("1").is_none());
        assert_eq!(Owed::read(&file).unwrap().ids, ["1"]);
        journal.written(slot);
        assert!(Owed::read(&file).unwrap().ids.is_empty());
    }

    #[test]
    fn slots_are_bounded_and_used_again() {
        let file = tempfile::tempfile().unwrap();
        let journal = Journal::over(file.try_clone().unwrap(), 2).unwrap();
        assert!(journal.open("1").is_ok() && journal.open("2").is_ok() && journal.open("3").is_err());
        journal.close("1");
        assert!(journal.open("3").is_ok() && journal.open("4").is_err());
        journal.close("2");
        assert!(journal.open(&"i".repeat(Journal::ID_BYTES_MAX + 1)).is_err());
        let mut owed = Owed::read(&file).unwrap().ids;
        owed.sort();
        assert_eq!(owed, ["3"]);
        // The next daemon starts with nothing, in the same file.
        Journal::over(file.try_clone().unwrap(), 2).unwrap();
        assert_eq!(Owed::read(&file).unwrap(), Owed::default());
    }

    #[test]
    fn flags_are_kept_and_garbage_owes_nothing() {
        let file = tempfile::tempfile().unwrap();
        assert_eq!(Owed::read(&file).unwrap(), Owed::default());
        let journal = Journal::over(file.try_clone().unwrap(), 2).unwrap();
        journal.note_initialized();
        journal.note_mid_line(true);
        assert_eq!(Owed::read(&file).unwrap(), Owed { ids: vec![], is_initialized: true, is_mid_line: true });
        journal.note_mid_line(false);
        assert!(!Owed::read(&file).unwrap().is_mid_line);
        std::io::Write::write_all(&mut &file, &[0xff; 500]).unwrap();
        assert_eq!(Owed::read(&file).unwrap(), Owed::default());
    }
}
