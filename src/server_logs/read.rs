//! Reading what was kept: the last lines of a server, over its rotated files.

use std::fs;
use std::io;
use std::path::Path;

use crate::domain::{Moment, ServerName};

use super::rotate::aged;
use super::{Error, LogLine, file_name};

/// Rotated files that are looked for, at most: more than the settings allow.
const FILES_MAX: u32 = 1000;

/// The server's last `lines_max` lines, oldest first, and of those only what is not older than `since`. Empty when there is
/// no log. Blocking; reads whole files, newest first, until there is enough.
///
/// # Errors
/// [`Error::Unreadable`].
pub fn tail(
    folder: &Path,
    server: &ServerName,
    lines_max: usize,
    since: Option<Moment>,
) -> Result<Vec<LogLine>, Error> {
    let newest = folder.join(file_name(server));
    let mut found: Vec<LogLine> = Vec::new();
    for age in 0..FILES_MAX {
        let path = aged(&newest, age);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            // The newest may be missing for the moment between a rotation and the next line.
            Err(fault) if fault.kind() == io::ErrorKind::NotFound && age == 0 => continue,
            Err(fault) if fault.kind() == io::ErrorKind::NotFound => break,
            Err(source) => return Err(Error::Unreadable { path, source }),
        };
        let mut lines = parse_all(&bytes);
        let reaches_back = since.is_some_and(|since| lines.first().is_some_and(|first| first.at < since));
        lines.append(&mut found);
        found = lines;
        if found.len() >= lines_max || reaches_back {
            break;
        }
    }
    found.retain(|line| since.is_none_or(|since| line.at >= since));
    Ok(found.split_off(found.len().saturating_sub(lines_max)))
}

/// All whole lines.
pub(super) fn parse_all(bytes: &[u8]) -> Vec<LogLine> {
    let mut before = Moment::default();
    let text = String::from_utf8_lossy(bytes);
    let mut lines: Vec<LogLine> = Vec::new();
    for line in text.lines().filter(|line| !line.is_empty()) {
        let line = LogLine::parse(line, before);
        before = line.at;
        lines.push(line);
    }
    lines
}
