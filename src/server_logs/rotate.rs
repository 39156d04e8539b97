//! Files of a bounded size: `NAME.log` is the newest, `NAME.log.1` the one before it, and so on.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// How much is kept of one server.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    pub(super) bytes_max: u64,
    pub(super) files_max: u32,
}

/// The file that is so many rotations old; 0 is the one that is written.
pub(super) fn aged(path: &Path, age: u32) -> PathBuf {
    if age == 0 {
        return path.to_owned();
    }
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{age}"));
    path.with_file_name(name)
}

/// Appends the lines, each with its line feed, and starts a new file whenever the next line would make this one too long. The
/// file is opened for this one writing: another mcporch on the same home may have rotated it meanwhile, and no descriptor is
/// held for a server that is silent.
pub(super) fn append(path: &Path, lines: &[String], bounds: Bounds) -> io::Result<()> {
    let mut rest = lines;
    loop {
        let mut file = open(path)?;
        let length = file.metadata()?.len();
        let mut text = String::new();
        let mut taken = 0;
        for line in rest {
            let grown = length + text.len() as u64 + line.len() as u64 + 1;
            // An empty file takes any line, however long.
            if grown > bounds.bytes_max && length + text.len() as u64 > 0 {
                break;
            }
            text.push_str(line);
            text.push('\n');
            taken += 1;
        }
        // One write of whole lines, so that those of two processes do not mix.
        file.write_all(text.as_bytes())?;
        rest = &rest[taken..];
        if rest.is_empty() {
            return Ok(());
        }
        drop(file);
        rotate(path, bounds.files_max)?;
    }
}

fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.create(true).append(true);
    // What servers write may be private.
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

fn rotate(path: &Path, files_max: u32) -> io::Result<()> {
    if files_max <= 1 {
        return fs::remove_file(path);
    }
    for age in (0..files_max - 1).rev() {
        match fs::rename(aged(path, age), aged(path, age + 1)) {
            Err(fault) if fault.kind() != io::ErrorKind::NotFound => return Err(fault),
            Ok(()) | Err(_) => {}
        }
    }
    Ok(())
}
