//! Putting files in the place of others so that a crash at any moment leaves all of the old or all of the new: what is new
//! lies ready in a folder of the home, then a journal says what goes where, and from then on the move is finished by whoever
//! opens the home next.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Error;
use super::error::file;
use super::manifest::below_home;
use super::pack::{private_file, private_folder, sync_folder};

/// The folder in the home in which a restore works.
const FOLDER: &str = ".restore";
/// The file whose lock says that somebody works there. It stays: a lock on a file that is removed protects nobody.
const LOCK: &str = ".restore.lock";
/// The files that SQLite keeps beside a database; those of an old one must never meet a new one.
const COMPANIONS: &[&str] = &["-wal", "-shm", "-journal"];
/// How long a restore of another process is waited for. A guess: moving files takes milliseconds.
const WAIT: Duration = Duration::from_secs(30);
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(50);

/// What goes where. Each name lies below the home.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Journal {
    /// Put in place.
    pub(super) replace: Vec<String>,
    /// Taken away.
    pub(super) remove: Vec<String>,
}

/// The work place in a home, locked for this value's life.
#[derive(Debug)]
pub(super) struct Place {
    home: PathBuf,
    _lock: File,
}

/// Finishes a restore that was interrupted; to be called before anything in the home is opened. Costs one look at the disk
/// when there is nothing to do. Gives whether there was something. Blocking; waits for a restore that is running.
///
/// # Errors
/// When another process does not come to an end, or files cannot be moved.
pub fn finish_interrupted(home: &Path) -> Result<bool, Error> {
    if !home.join(FOLDER).exists() {
        return Ok(false);
    }
    let mut waited = Duration::ZERO;
    let place = loop {
        if let Some(place) = Place::lock(home)? {
            break place;
        }
        if waited >= WAIT {
            return Err(Error::InUse { by: "another restore".to_owned() });
        }
        #[expect(clippy::disallowed_methods, reason = "nothing else runs before the home is opened")]
        std::thread::sleep(PAUSE);
        waited += PAUSE;
    };
    let was_committed = place.finish()?;
    place.clear();
    Ok(was_committed)
}

impl Place {
    /// `None` when somebody else has it.
    pub(super) fn lock(home: &Path) -> Result<Option<Self>, Error> {
        let path = home.join(LOCK);
        let lock =
            File::options().create(true).truncate(false).write(true).open(&path).map_err(file("opening", &path))?;
        match lock.try_lock() {
            Ok(()) => Ok(Some(Self { home: home.to_owned(), _lock: lock })),
            Err(fs::TryLockError::WouldBlock) => Ok(None),
            Err(fs::TryLockError::Error(source)) => Err(Error::File { doing: "locking", path, source }),
        }
    }

    /// Where a part lies until it is put in place.
    pub(super) fn staged(&self, name: &str) -> PathBuf {
        self.folder().join("new").join(name)
    }

    /// An empty work place.
    pub(super) fn start_afresh(&self) -> Result<(), Error> {
        let folder = self.folder();
        self.clear();
        private_folder(&folder).map_err(file("making the folder", &folder))
    }

    /// Takes it all away. What cannot be removed is removed next time.
    pub(super) fn clear(&self) {
        // The journal last would make a crash in between look like a restore without its parts.
        let _absent = fs::remove_file(self.journal());
        let _left_behind = fs::remove_dir_all(self.folder());
    }

    /// Writes the journal, from which on the new state counts, and moves the files. When one cannot be moved, all are moved
    /// back.
    pub(super) fn commit(&self, journal: &Journal) -> Result<(), Error> {
        self.write(journal).map_err(file("writing", &self.journal()))?;
        self.apply(journal).inspect_err(|_| self.undo(journal))
    }

    /// Moves on where a crash stopped it. Gives whether the new state counts already.
    pub(super) fn finish(&self) -> Result<bool, Error> {
        let path = self.journal();
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(fault) if fault.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(source) => return Err(Error::File { doing: "reading", path, source }),
        };
        // It is renamed into place when it is whole, so that another text is not ours.
        let journal: Journal = serde_json::from_slice(&text).map_err(|source| Error::File {
            doing: "reading",
            path,
            source: source.into(),
        })?;
        self.apply(&journal)?;
        Ok(true)
    }

    fn folder(&self) -> PathBuf {
        self.home.join(FOLDER)
    }

    fn journal(&self) -> PathBuf {
        self.folder().join("journal.json")
    }

    fn aside(&self, name: &str) -> PathBuf {
        self.folder().join("old").join(name)
    }

    pub(super) fn write(&self, journal: &Journal) -> io::Result<()> {
        let draft = self.folder().join("journal.draft");
        let mut out = private_file(&draft)?;
        io::Write::write_all(&mut out, &serde_json::to_vec(journal)?)?;
        out.sync_all()?;
        // The names of the parts must be on the disk before the journal that needs them.
        for name in &journal.replace {
            sync_folder(&self.staged(name));
        }
        fs::rename(draft, self.journal())?;
        sync_folder(&self.journal());
        Ok(())
    }

    fn apply(&self, journal: &Journal) -> Result<(), Error> {
        for step in self.steps(journal)? {
            step.go().map_err(file("moving", &step.to))?;
        }
        for name in journal.replace.iter().chain(&journal.remove) {
            sync_folder(&self.home.join(name));
        }
        Ok(())
    }

    /// The moves that are still to be done, in order. Asked anew after a crash it gives the rest.
    pub(super) fn steps(&self, journal: &Journal) -> Result<Vec<Step>, Error> {
        let mut steps = Vec::new();
        for (name, is_replaced) in
            journal.replace.iter().map(|name| (name, true)).chain(journal.remove.iter().map(|name| (name, false)))
        {
            let path = below_home(name).ok_or_else(|| Error::BadName { name: name.clone() })?;
            let staged = self.staged(name);
            // One that is no longer staged stands in its place already, and what lies beside it is its own.
            if is_replaced && !staged.exists() {
                continue;
            }
            for companion in COMPANIONS.iter().chain([&""]) {
                let beside = format!("{name}{companion}");
                let old = self.home.join(&beside);
                if old.symlink_metadata().is_ok() {
                    steps.push(Step { from: old, to: self.aside(&beside) });
                }
            }
            if is_replaced {
                steps.push(Step { from: staged, to: self.home.join(path) });
            }
        }
        Ok(steps)
    }

    /// Does a journal stand, so that the move is still to be finished?
    pub(super) fn is_committed(&self) -> bool {
        self.journal().exists()
    }

    /// Back to the old state. A crash meanwhile leads to the new one, and so does a file that cannot be moved back: the
    /// journal stays then, and the next start tries again.
    fn undo(&self, journal: &Journal) {
        let mut is_whole = true;
        for name in journal.replace.iter().chain(&journal.remove) {
            let (place, staged) = (self.home.join(name), self.staged(name));
            if journal.replace.contains(name) && !staged.exists() {
                let _never_placed = fs::rename(&place, &staged);
            }
            for companion in COMPANIONS.iter().chain([&""]) {
                let beside = format!("{name}{companion}");
                let moved = fs::rename(self.aside(&beside), self.home.join(&beside));
                is_whole &= moved.is_ok() || moved.is_err_and(|fault| fault.kind() == io::ErrorKind::NotFound);
            }
        }
        if is_whole {
            let _absent = fs::remove_file(self.journal());
        }
    }
}

/// One move.
#[derive(Debug)]
pub(super) struct Step {
    from: PathBuf,
    to: PathBuf,
}

impl Step {
    pub(super) fn go(&self) -> io::Result<()> {
        if let Some(folder) = self.to.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::rename(&self.from, &self.to)
    }
}
