//! Files, folders and standard input → routes files.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::parse::{ROUTES_MAX, RoutesFile, parse};
use super::{Error, Fault};

/// Longest file. Ten thousand routes of a kilobyte and a half each; a guess at what nobody writes.
const FILE_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// How the names of routes files in a folder end.
const ENDINGS: &[&str] = &["yaml", "yml", "json"];

/// Reads all of them, in order; of a folder the files in it that end in `.yaml`, `.yml` or `.json`, by name, not those of
/// folders in it. `-` is standard input. Blocking.
///
/// # Errors
/// Every fault of every file, in one [`Error::Faults`]; else the first file that cannot be read, or with which there are
/// too many routes.
pub fn read(paths: &[PathBuf]) -> Result<Vec<RoutesFile>, Error> {
    let mut files = Vec::new();
    let mut faults: Vec<Fault> = Vec::new();
    let mut routes_count = 0;
    for path in paths {
        for path in files_of(path)? {
            let name = path.display().to_string();
            match parse(&name, &text_of(&path, &name)?) {
                Ok(file) => {
                    routes_count += file.routes.len();
                    if routes_count > ROUTES_MAX {
                        return Err(Error::TooMany { file: name, routes_max: ROUTES_MAX });
                    }
                    files.push(file);
                }
                Err(Error::Faults { faults: found }) => faults.extend(found),
                Err(other) => return Err(other),
            }
        }
    }
    if faults.is_empty() { Ok(files) } else { Err(Error::Faults { faults }) }
}

fn files_of(path: &Path) -> Result<Vec<PathBuf>, Error> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let fault = |source| Error::File { file: path.display().to_string(), source };
    let mut found = Vec::new();
    for entry in fs::read_dir(path).map_err(fault)? {
        let inside = entry.map_err(fault)?.path();
        let is_routes = inside.extension().and_then(|end| end.to_str()).is_some_and(|end| ENDINGS.contains(&end));
        if is_routes && inside.is_file() {
            found.push(inside);
        }
    }
    if found.is_empty() {
        return Err(Error::EmptyFolder { folder: path.display().to_string() });
    }
    found.sort();
    Ok(found)
}

fn text_of(path: &Path, name: &str) -> Result<String, Error> {
    let fault = |source| Error::File { file: name.to_owned(), source };
    let mut text = String::new();
    let limit = FILE_BYTES_MAX + 1;
    let read = if path == Path::new("-") {
        io::stdin().lock().take(limit).read_to_string(&mut text)
    } else {
        File::open(path).and_then(|file| file.take(limit).read_to_string(&mut text))
    };
    read.map_err(fault)?;
    if text.len() as u64 > FILE_BYTES_MAX {
        return Err(Error::TooLong { file: name.to_owned(), bytes_max: FILE_BYTES_MAX });
    }
    Ok(text)
}
