//! The one folder that tools may touch: every path is checked here before anything is opened.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Component, Path, PathBuf};

use super::answer::Fault;
use super::world::World;

/// A folder. Invariant: it exists, and its path holds no symbolic link.
pub(super) struct Folder {
    root: PathBuf,
}

/// A path that was checked. Invariant: inside its folder, with no symbolic link on the way when it was checked.
#[derive(Debug)]
pub(super) struct Inside {
    /// What to open.
    pub(super) path: PathBuf,
    /// What to call it in answers: relative, with `/`; `.` for the folder itself.
    pub(super) shown: String,
}

impl Folder {
    /// The folder of this server; made when it is not there yet.
    pub(super) fn open(world: &World) -> Result<Self, Fault> {
        let folder = world.folder.as_ref().ok_or(Fault::NoFolder)?;
        let made = fs::create_dir_all(folder).and_then(|()| folder.canonicalize());
        let root = made.map_err(|source| file_fault("use folder", &folder.display().to_string(), source))?;
        Ok(Self { root })
    }

    /// Checks a path of the world. Absolute ones must lie inside, `..` and symbolic links are refused outright: where
    /// they would lead is not worth finding out. Somebody who can change the folder between this check and the opening
    /// can read it anyway.
    pub(super) fn inside(&self, world: &World, path: &str) -> Result<Inside, Fault> {
        let refused = |why| Fault::PathRefused { path: path.to_owned(), why };
        let asked = Path::new(path.trim());
        let own = world.folder.as_deref().unwrap_or(Path::new(""));
        let relative = if asked.is_absolute() {
            let stripped = asked.strip_prefix(&self.root).or_else(|_| asked.strip_prefix(own));
            stripped.map_err(|_| refused("it lies outside of the folder"))?
        } else {
            asked
        };
        let mut whole = self.root.clone();
        let mut shown = Vec::new();
        for part in relative.components() {
            match part {
                Component::CurDir => {}
                Component::Normal(name) => {
                    let name = name.to_str().ok_or_else(|| refused("it is no UTF-8"))?;
                    if name.chars().any(char::is_control) {
                        return Err(refused("it has control characters"));
                    }
                    whole.push(name);
                    shown.push(name);
                    if fs::symlink_metadata(&whole).is_ok_and(|data| data.file_type().is_symlink()) {
                        return Err(refused("it leads through a symbolic link"));
                    }
                }
                Component::ParentDir => return Err(refused("it goes up by \"..\"")),
                Component::RootDir | Component::Prefix(_) => return Err(refused("it lies outside of the folder")),
            }
        }
        let shown = if shown.is_empty() { ".".to_owned() } else { shown.join("/") };
        Ok(Inside { path: whole, shown })
    }

    /// Writes a new file under the first free name: `name.end`, `name-2.end` and so on.
    pub(super) fn write_new(&self, stem: &str, end: &str, content: &str) -> Result<Inside, Fault> {
        const TRIES: u32 = 1000;
        let mut last = io::Error::from(io::ErrorKind::AlreadyExists);
        for number in 1..=TRIES {
            let name = if number == 1 { format!("{stem}.{end}") } else { format!("{stem}-{number}.{end}") };
            let path = self.root.join(&name);
            match File::options().write(true).create_new(true).open(&path) {
                Ok(mut file) => {
                    file.write_all(content.as_bytes()).map_err(|source| file_fault("write", &name, source))?;
                    return Ok(Inside { path, shown: name });
                }
                Err(error) => last = error,
            }
            if last.kind() != io::ErrorKind::AlreadyExists {
                break;
            }
        }
        Err(file_fault("write", &format!("{stem}.{end}"), last))
    }

    /// Replaces a file as a whole: readers see the old content or the new one, also after a crash.
    pub(super) fn replace(&self, inside: &Inside, content: &[u8]) -> Result<(), Fault> {
        let new = inside.path.with_extension(format!("new-{}", std::process::id()));
        let write = || {
            let mut file = File::create(&new)?;
            file.write_all(content)?;
            file.sync_all()?;
            fs::rename(&new, &inside.path)
        };
        write().map_err(|source| {
            // The first failure is the one to tell; what is left over is only a stray file.
            fs::remove_file(&new).ok();
            file_fault("write", &inside.shown, source)
        })
    }
}

/// A fault of the file system, told with the path as the client knows it.
pub(super) fn file_fault(doing: &'static str, path: &str, source: io::Error) -> Fault {
    Fault::File { doing, path: path.to_owned(), source }
}
