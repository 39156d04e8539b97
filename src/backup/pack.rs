//! Making a backup.

use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use rusqlite::{Connection, OpenFlags};
use sha2::{Digest, Sha256};

use super::Error;
use super::contents::{self, Found};
use super::error::file;
use super::manifest::{self, Manifest, Part};

/// How long a copy of a database waits for a writer. A guess: writes take milliseconds.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// What to back up.
#[derive(Debug)]
pub struct Request<'a> {
    /// The home.
    pub home: &'a Path,
    /// The file to make.
    pub to: &'a Path,
    /// May it replace a file?
    pub is_forced: bool,
    /// Now, RFC 3339.
    pub now: String,
}

/// What was made.
#[derive(Debug)]
pub struct Made {
    /// What is in it, below the home.
    pub parts: Vec<String>,
    /// How long the file is.
    pub bytes: u64,
    /// What was left out though it may matter, and why.
    pub left_out: Vec<String>,
}

/// Makes a backup, consistent while others use the home: databases are copied by SQLite itself, each at one moment. The file
/// is readable by its owner alone, and it is there as a whole or not at all. Blocking.
///
/// # Errors
/// [`Error`]; then no file is made.
pub fn backup(request: &Request<'_>) -> Result<Made, Error> {
    let to = request.to;
    if to.exists() && !request.is_forced {
        return Err(Error::Exists { path: to.to_owned() });
    }
    let contents = contents::of(request.home)?;
    if contents.files.is_empty() {
        return Err(Error::Empty { home: request.home.to_owned() });
    }
    let staging = Staging::beside(to)?;
    let mut parts = Vec::new();
    for (number, found) in contents.files.iter().enumerate() {
        parts.push(stage(found, &staging.file(number))?);
    }
    let manifest = Manifest {
        format: manifest::FORMAT,
        mcporch: env!("CARGO_PKG_VERSION").to_owned(),
        made_at: request.now.clone(),
        parts,
    };
    let whole = staging.folder.join("whole");
    write(&manifest, &staging, &whole).map_err(file("writing", to))?;
    let bytes = fs::metadata(&whole).map_err(file("writing", to))?.len();
    fs::rename(&whole, to).map_err(file("writing", to))?;
    sync_folder(to);
    let parts = manifest.parts.into_iter().map(|part| part.path).collect();
    Ok(Made { parts, bytes, left_out: contents.left_out })
}

/// A private folder beside the file; gone with this value.
struct Staging {
    folder: PathBuf,
}

impl Staging {
    fn beside(to: &Path) -> Result<Self, Error> {
        let name = format!(".{}.{}", to.file_name().unwrap_or_default().to_string_lossy(), std::process::id());
        let folder = to.with_file_name(name);
        private_folder(&folder).map_err(file("making the folder", &folder))?;
        Ok(Self { folder })
    }

    fn file(&self, number: usize) -> PathBuf {
        self.folder.join(number.to_string())
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        let _left_behind = fs::remove_dir_all(&self.folder);
    }
}

/// Makes a folder that nobody else may look into.
pub(super) fn private_folder(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// Makes a file that nobody else may read.
pub(super) fn private_file(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Makes what happened to names in the folder of that path last over a power cut, where the system can.
pub(super) fn sync_folder(path: &Path) {
    #[cfg(unix)]
    if let Some(folder) = path.parent() {
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        let _as_good_as_it_gets = File::open(folder).and_then(|folder| folder.sync_all());
    }
    #[cfg(not(unix))]
    let _ = path;
}

fn stage(found: &Found, to: &Path) -> Result<Part, Error> {
    let layout = if found.is_database {
        let fault = |source| Error::Copy { path: found.path.clone(), source };
        Some(copy_database(&found.path, to).map_err(fault)?)
    } else {
        fs::copy(&found.path, to).map_err(file("copying", &found.path))?;
        None
    };
    let (bytes, sha256) = hash(File::open(to).map_err(file("reading", to))?).map_err(file("reading", to))?;
    Ok(Part { path: found.name.clone(), bytes, sha256, layout, is_program: is_program(&found.path) })
}

/// Gives the layout's number.
fn copy_database(from: &Path, to: &Path) -> rusqlite::Result<i64> {
    let connection =
        Connection::open_with_flags(from, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.execute("VACUUM INTO ?1", [to.to_string_lossy()])?;
    Connection::open(to)?.query_row("PRAGMA user_version", [], |row| row.get(0))
}

fn is_program(path: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::metadata(path).is_ok_and(|metadata| metadata.permissions().mode() & 0o100 != 0)
    }
    #[cfg(not(unix))]
    {
        let _ = path;
        false
    }
}

/// Length and hash.
pub(super) fn hash(mut from: impl Read) -> io::Result<(u64, String)> {
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    let mut bytes = 0;
    loop {
        let length = from.read(&mut buffer)?;
        if length == 0 {
            break;
        }
        hash.update(&buffer[..length]);
        bytes += length as u64;
    }
    Ok((bytes, hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()))
}

fn write(manifest: &Manifest, staging: &Staging, to: &Path) -> io::Result<()> {
    let mut archive = tar::Builder::new(GzEncoder::new(BufWriter::new(private_file(to)?), Compression::default()));
    let text = serde_json::to_vec_pretty(manifest)?;
    archive.append(&header(manifest::NAME, text.len() as u64, false)?, text.as_slice())?;
    for (number, part) in manifest.parts.iter().enumerate() {
        let content = File::open(staging.file(number))?;
        archive.append(&header(&part.path, part.bytes, part.is_program)?, content)?;
    }
    let mut file = archive.into_inner()?.finish()?;
    file.flush()?;
    file.get_ref().sync_all()
}

fn header(name: &str, bytes: u64, is_program: bool) -> io::Result<tar::Header> {
    let mut header = tar::Header::new_ustar();
    header.set_path(name)?;
    header.set_size(bytes);
    header.set_mode(if is_program { 0o700 } else { 0o600 });
    header.set_entry_type(tar::EntryType::Regular);
    header.set_cksum();
    Ok(header)
}
