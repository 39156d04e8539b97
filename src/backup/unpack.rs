//! Restoring a backup: all of it is read and checked beside the home's files, and only then put in their place.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;
use rusqlite::{Connection, OpenFlags};

use super::error::file;
use super::manifest::{self, Manifest, Part, below_home};
use super::pack::{hash, private_file};
use super::swap::{Journal, Place};
use super::{Error, contents, in_use};

/// What to restore.
#[derive(Debug)]
pub struct Restore<'a> {
    /// The home.
    pub home: &'a Path,
    /// The backup.
    pub from: &'a Path,
    /// Also while somebody uses the home?
    pub is_forced: bool,
    /// Who uses the home, as far as the caller knows: a daemon, say.
    pub used_by: Option<String>,
    /// The layouts of databases that this version knows: path below the home, and the latest number.
    pub layouts: &'a [(&'a str, i64)],
}

/// What was restored.
#[derive(Debug)]
pub struct Restored {
    /// When the backup was made, RFC 3339.
    pub made_at: String,
    /// By which version.
    pub version: String,
    /// What was put in place, below the home.
    pub parts: Vec<String>,
    /// What was there and is not in the backup, and so is gone.
    pub removed: Vec<String>,
}

/// Puts the home into the state of the backup. Settings, registries and databases that came later are gone; models and logs
/// stay. Blocking.
///
/// # Errors
/// [`Error`]; then the home is as it was.
pub fn restore(request: &Restore<'_>) -> Result<Restored, Error> {
    let home = request.home;
    let archive = File::open(request.from).map_err(file("opening", request.from))?;
    fs::create_dir_all(home).map_err(file("making the folder", home))?;
    let place = Place::lock(home)?.ok_or_else(|| Error::InUse { by: "another restore".to_owned() })?;
    place.finish()?;
    place.start_afresh()?;
    let manifest = match read(archive, request, &place) {
        Ok(manifest) => manifest,
        Err(fault) => {
            place.clear();
            return Err(fault);
        }
    };
    let replace: Vec<String> = manifest.parts.iter().map(|part| part.path.clone()).collect();
    let swapped = swap(request, &place, &replace);
    if swapped.is_ok() || !place.is_committed() {
        place.clear();
    }
    let removed = swapped?;
    Ok(Restored { made_at: manifest.made_at, version: manifest.mcporch, parts: replace, removed })
}

fn swap(request: &Restore<'_>, place: &Place, replace: &[String]) -> Result<Vec<String>, Error> {
    let present = contents::of(request.home)?;
    if !request.is_forced {
        let open = || in_use::open_database(&present).map(|path| format!("{} is open", path.display()));
        if let Some(by) = request.used_by.clone().or_else(open) {
            return Err(Error::InUse { by });
        }
    }
    let remove = present.files.into_iter().map(|found| found.name).filter(|name| !replace.contains(name)).collect();
    let journal = Journal { replace: replace.to_vec(), remove };
    place.commit(&journal)?;
    Ok(journal.remove)
}

/// Reads everything into the staging folder, and checks it.
fn read(archive: File, request: &Restore<'_>, place: &Place) -> Result<Manifest, Error> {
    let foreign = || Error::Foreign { path: request.from.to_owned() };
    let mut archive = tar::Archive::new(GzDecoder::new(BufReader::new(archive)));
    // Raw: names of any length that are hidden in entries of their own are not looked for.
    let mut entries = archive.entries().map_err(|_| foreign())?.raw(true);
    let first = entries.next().ok_or_else(foreign)?.map_err(|_| foreign())?;
    if &*first.path_bytes() != manifest::NAME.as_bytes() || first.size() > manifest::BYTES_MAX {
        return Err(foreign());
    }
    let manifest = read_manifest(first).map_err(|fault| fault.unwrap_or_else(foreign))?;
    check_manifest(&manifest, request)?;
    for part in &manifest.parts {
        let missing = || Error::Damaged { what: format!("it ends before {}", part.path) };
        let entry = entries.next().ok_or_else(missing)?.map_err(|_| missing())?;
        let is_right = entry.header().entry_type().is_file()
            && &*entry.path_bytes() == part.path.as_bytes()
            && entry.size() == part.bytes;
        if !is_right {
            return Err(Error::Damaged { what: format!("{} is not where it belongs", part.path) });
        }
        take(entry, part, &place.staged(&part.path))?;
    }
    let rest = entries.next().is_some();
    // To the very end, where the checksum of the whole stands.
    let whole = io::copy(&mut archive.into_inner(), &mut io::sink());
    if rest || whole.is_err() {
        return Err(Error::Damaged { what: "its end is not as it was written".to_owned() });
    }
    for part in manifest.parts.iter().filter(|part| part.layout.is_some()) {
        check_database(part, &place.staged(&part.path), request, &manifest.mcporch)?;
    }
    Ok(manifest)
}

/// `None` is a manifest that is none.
fn read_manifest(entry: impl Read) -> Result<Manifest, Option<Error>> {
    let value: serde_json::Value = serde_json::from_reader(entry.take(manifest::BYTES_MAX)).map_err(|_| None)?;
    let format = value.get("format").and_then(serde_json::Value::as_u64).ok_or(None)?;
    if format > u64::from(manifest::FORMAT) {
        let version = value.get("mcporch").and_then(serde_json::Value::as_str).unwrap_or("unknown").to_owned();
        return Err(Some(Error::Newer { version, what: format!("its format is {format}") }));
    }
    serde_json::from_value(value).map_err(|_| None)
}

fn check_manifest(manifest: &Manifest, request: &Restore<'_>) -> Result<(), Error> {
    let mut seen = BTreeSet::new();
    for part in &manifest.parts {
        let bad = || Error::BadName { name: part.path.clone() };
        let path = below_home(&part.path).ok_or_else(bad)?;
        // Letter case does not count everywhere, and a file cannot be a folder too.
        let folded = part.path.to_lowercase();
        let is_folder = seen
            .iter()
            .any(|other: &String| other.starts_with(&format!("{folded}/")) || folded.starts_with(&format!("{other}/")));
        if is_folder || !seen.insert(folded) {
            return Err(bad());
        }
        refuse_links(request.home, &path)?;
    }
    Ok(())
}

/// Folders of the home must be its own. A file that is a link is replaced by a file.
fn refuse_links(home: &Path, path: &Path) -> Result<(), Error> {
    let folders: Vec<PathBuf> = path
        .ancestors()
        .skip(1)
        .filter(|folder| !folder.as_os_str().is_empty())
        .map(|folder| home.join(folder))
        .collect();
    match folders.into_iter().find(|folder| folder.is_symlink()) {
        Some(path) => Err(Error::Link { path }),
        None => Ok(()),
    }
}

fn take(entry: impl Read, part: &Part, to: &Path) -> Result<(), Error> {
    let damaged = |what: &str| Error::Damaged { what: format!("{} {what}", part.path) };
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder).map_err(file("making the folder", folder))?;
    }
    let mut out = private_file(to).map_err(file("writing", to))?;
    let mut entry = entry.take(part.bytes);
    let mut buffer = vec![0; 1 << 16];
    loop {
        let length = entry.read(&mut buffer).map_err(|_| damaged("is cut off"))?;
        if length == 0 {
            break;
        }
        io::Write::write_all(&mut out, &buffer[..length]).map_err(file("writing", to))?;
    }
    #[cfg(unix)]
    if part.is_program {
        use std::os::unix::fs::PermissionsExt;
        out.set_permissions(fs::Permissions::from_mode(0o700)).map_err(file("writing", to))?;
    }
    out.sync_all().map_err(file("writing", to))?;
    let written = File::open(to).and_then(hash).map_err(file("reading", to))?;
    if written == (part.bytes, part.sha256.clone()) { Ok(()) } else { Err(damaged("has other content than it had")) }
}

fn check_database(part: &Part, at: &Path, request: &Restore<'_>, version: &str) -> Result<(), Error> {
    let damaged = |what: String| Error::Damaged { what: format!("{}: {what}", part.path) };
    if !contents::begins_as_database(at) {
        return Err(damaged("it is no database".to_owned()));
    }
    let look = || -> rusqlite::Result<(i64, String)> {
        let connection =
            Connection::open_with_flags(at, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
        let layout = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
        Ok((layout, connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?))
    };
    let (layout, told) = look().map_err(|fault| damaged(fault.to_string()))?;
    if told != "ok" {
        return Err(damaged(told));
    }
    let known = request.layouts.iter().find(|(path, _)| *path == part.path).map(|(_, known)| *known);
    if known.is_some_and(|known| layout > known) {
        let what = format!("{} has layout {layout}", part.path);
        return Err(Error::Newer { version: version.to_owned(), what });
    }
    Ok(())
}
