//! What of a home is kept: everything but what can be had again or belongs to the running program.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::Error;
use super::error::file;
use super::manifest;

/// Folders at the top that are left out: models are downloaded again, logs are no state, `run` is of running programs. Of
/// `credentials` the key would lie beside what it seals, and an old refresh token can end the login it came from.
const FOLDERS_LEFT_OUT: &[&str] = &["models", "logs", "run", "credentials"];
/// Of `index/` only the catalog is kept; the rest is made from it.
pub(super) const CATALOG: &str = "index/catalog.sqlite";
/// Endings of what belongs to a running program.
const ENDINGS_LEFT_OUT: &[&str] = &["-wal", "-shm", "-journal", ".lock", ".sock", ".pid", ".tmp"];
/// How every file of SQLite begins.
const SQLITE: &[u8] = b"SQLite format 3\0";
/// Folders below each other, at most.
const DEPTH_MAX: usize = 8;

/// What was found in a home.
#[derive(Debug, Default)]
pub(super) struct Contents {
    /// To be kept, below the home, in order.
    pub(super) files: Vec<Found>,
    /// What is left out though it may matter, and why; a line each.
    pub(super) left_out: Vec<String>,
}

/// A file that is kept.
#[derive(Debug)]
pub(super) struct Found {
    /// With slashes.
    pub(super) name: String,
    pub(super) path: PathBuf,
    pub(super) is_database: bool,
}

/// Is it the work place of a restore, or another thing of the running program?
pub(super) fn is_ours_for_now(name: &str) -> bool {
    let top = name.split('/').next().unwrap_or_default().to_ascii_lowercase();
    top.starts_with(".restore")
        || FOLDERS_LEFT_OUT.contains(&top.as_str())
        || (top == "index" && name != CATALOG)
        || ENDINGS_LEFT_OUT.iter().any(|ending| name.to_ascii_lowercase().ends_with(ending))
}

/// Looks through the home.
pub(super) fn of(home: &Path) -> Result<Contents, Error> {
    let mut contents = Contents::default();
    if home.is_dir() {
        walk(home, "", 0, &mut contents)?;
    }
    contents.files.sort_by(|left, right| left.name.cmp(&right.name));
    Ok(contents)
}

fn walk(folder: &Path, prefix: &str, depth: usize, contents: &mut Contents) -> Result<(), Error> {
    for entry in fs::read_dir(folder).map_err(file("reading", folder))? {
        let entry = entry.map_err(file("reading", folder))?;
        let path = entry.path();
        let Some(name) = entry.file_name().to_str().map(|name| format!("{prefix}{name}")) else {
            contents.left_out.push(format!("{}: its name is no UTF-8", path.display()));
            continue;
        };
        // `index` itself is looked into, for the catalog.
        if name != "index" && is_ours_for_now(&name) {
            continue;
        }
        let kind = entry.file_type().map_err(file("looking at", &path))?;
        if kind.is_dir() && depth < DEPTH_MAX {
            walk(&path, &format!("{name}/"), depth + 1, contents)?;
        } else if kind.is_file() || (kind.is_symlink() && path.is_file()) {
            if manifest::below_home(&name).is_some() {
                let is_database = begins_as_database(&path);
                contents.files.push(Found { name, path, is_database });
            } else {
                contents.left_out.push(format!("{}: its name is too long or odd", path.display()));
            }
        } else if kind.is_dir() {
            contents.left_out.push(format!("{}: too deep", path.display()));
        } else if kind.is_symlink() {
            contents.left_out.push(format!("{}: a link to a folder, or to nothing", path.display()));
        }
    }
    Ok(())
}

/// Does the file begin as one of SQLite?
pub(super) fn begins_as_database(path: &Path) -> bool {
    let mut start = [0; 16];
    fs::File::open(path).and_then(|mut file| file.read_exact(&mut start)).is_ok() && start == *SQLITE
}
