//! A log file of a bounded size, which any number of processes append to: `NAME` is the newest, `NAME.1` the one before it, and so on.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::Instant;

/// How long one that wants to begin a new file waits for another that is just doing so. A guess: that is some renames.
const TURN_PATIENCE: Duration = Duration::from_millis(200);
/// Between two looks whether it is done.
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// A log file, and how much of it is kept.
#[derive(Debug, Clone)]
pub struct LogFile {
    /// Where the newest lines are.
    pub path: PathBuf,
    /// Longest file, in bytes. An empty one takes any line, however long.
    pub bytes_max: u64,
    /// Files that are kept, the one that is written included.
    pub files_max: u32,
    /// Whatever this process writes to stderr goes to the same file, and is to follow when a new one is begun.
    pub is_stderr_too: bool,
}

impl LogFile {
    /// Opens it, and makes it and its folder where they are missing. The caller drops the file soon: it is opened for each
    /// writing, since another process may begin a new one at any time. What is written to one that was just put aside is in
    /// `NAME.1`, and so not lost.
    ///
    /// # Errors
    /// What the system says.
    pub(super) fn open(&self) -> io::Result<File> {
        let open = || OpenOptions::new().create(true).append(true).open(&self.path);
        match (open(), self.path.parent()) {
            (Err(fault), Some(folder)) if fault.kind() == io::ErrorKind::NotFound => {
                fs::create_dir_all(folder)?;
                open()
            }
            (opened, _) => opened,
        }
    }

    /// Appends whole lines, each with its line feed, and begins a new file whenever the next line would make this one too long.
    /// Says with a fault how many lines were written before it.
    pub(super) fn append(&self, lines: &[Vec<u8>]) -> Result<(), (usize, io::Error)> {
        let mut written = 0;
        while written < lines.len() {
            let taken = self.append_some(&lines[written..]).map_err(|fault| (written, fault))?;
            written += taken;
        }
        Ok(())
    }

    /// Appends as many as fit, at least one.
    fn append_some(&self, lines: &[Vec<u8>]) -> io::Result<usize> {
        let (mut file, length) = self.open_with_room(lines[0].len() as u64)?;
        let mut text = Vec::new();
        let mut taken = 0;
        for line in lines {
            let is_too_much = length.is_some_and(|length| length + (text.len() + line.len()) as u64 > self.bytes_max);
            if taken > 0 && is_too_much {
                break;
            }
            text.extend_from_slice(line);
            taken += 1;
        }
        // One write of whole lines at the end of the file, so that those of several processes do not mix.
        file.write_all(&text)?;
        Ok(taken)
    }

    /// The file, with room for so many bytes, and its length; `None` of what has none, such as a device.
    fn open_with_room(&self, bytes: u64) -> io::Result<(File, Option<u64>)> {
        loop {
            let file = self.open()?;
            let about = file.metadata()?;
            if !about.is_file() {
                return Ok((file, None));
            }
            let is_full = about.len() > 0 && about.len() + bytes > self.bytes_max;
            // When it is not our turn for so long, the file may as well become somewhat longer.
            if !is_full || !self.begin_anew(bytes)? {
                return Ok((file, Some(about.len())));
            }
        }
    }

    /// Puts the file aside, unless another process just did; says whether there is a new one.
    fn begin_anew(&self, bytes: u64) -> io::Result<bool> {
        let Some(_turn) = self.take_turn()? else { return Ok(false) };
        let length = fs::metadata(&self.path).map_or(0, |about| about.len());
        if length > 0 && length + bytes > self.bytes_max {
            self.put_aside()?;
        }
        if self.is_stderr_too {
            follow_stderr(&self.open()?)?;
        }
        Ok(true)
    }

    /// The right to rename, which one process has at a time: a file beside the log that is locked meanwhile. It is never removed,
    /// since two processes could then hold locks on two of them.
    fn take_turn(&self) -> io::Result<Option<File>> {
        // Read, too: Windows locks no file that is only appended to.
        let lock = OpenOptions::new().create(true).append(true).read(true).open(beside(&self.path, "lock"))?;
        let deadline = Instant::now() + TURN_PATIENCE;
        loop {
            match lock.try_lock() {
                Ok(()) => return Ok(Some(lock)),
                Err(fs::TryLockError::WouldBlock) if Instant::now() < deadline => {
                    std::thread::park_timeout(LOOK_EVERY);
                }
                Err(fs::TryLockError::WouldBlock) => return Ok(None),
                Err(fs::TryLockError::Error(fault)) => return Err(fault),
            }
        }
    }

    fn put_aside(&self) -> io::Result<()> {
        if self.files_max <= 1 {
            // Not removed: what others are about to write would go with it.
            return OpenOptions::new().write(true).open(&self.path)?.set_len(0);
        }
        for age in (0..self.files_max - 1).rev() {
            match fs::rename(self.aged(age), self.aged(age + 1)) {
                Err(fault) if fault.kind() != io::ErrorKind::NotFound => return Err(fault),
                Ok(()) | Err(_) => {}
            }
        }
        Ok(())
    }

    /// The file that is so many rotations old; 0 is the one that is written.
    fn aged(&self, age: u32) -> PathBuf {
        if age == 0 { self.path.clone() } else { beside(&self.path, &age.to_string()) }
    }
}

/// `NAME.end` in the same folder.
fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{end}"));
    path.with_file_name(name)
}

#[cfg(unix)]
fn follow_stderr(file: &File) -> io::Result<()> {
    Ok(rustix::stdio::dup2_stderr(file)?)
}

/// Elsewhere a process is not given another stderr while it runs; what is written there stays with the old file.
#[cfg(not(unix))]
fn follow_stderr(_file: &File) -> io::Result<()> {
    Ok(())
}
