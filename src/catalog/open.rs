//! Opening: the file is made, brought to the present layout, or set aside when it is damaged.

use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use super::{Catalog, Error};
use crate::database::{Kind, Opened as File};
use crate::domain::error_chain;

/// All of it can be fetched again. It is read once, in order: half a megabyte of cache does as well as the usual two.
const FILE: Kind = Kind {
    name: "catalog",
    layouts: &[include_str!("migrations/001_servers_tools_vectors.sql")],
    pragmas: "PRAGMA foreign_keys = ON; PRAGMA cache_size = -512;",
    is_private: false,
};
/// The number of the layout that this version makes, and the latest that it reads.
pub const LAYOUT: i64 = FILE.layout();

/// A catalog, and what had to be done to get it.
#[derive(Debug)]
pub struct Opened {
    /// Ready to use.
    pub catalog: Catalog,
    /// What the user should know: a file that was set aside, or that nothing can be kept. One line each.
    pub warnings: Vec<String>,
}

impl Catalog {
    /// Opens or makes the file. A damaged one is set aside and a new one begun; where nothing can be written the
    /// catalog lives in memory, and a warning says so.
    ///
    /// # Errors
    /// [`Error::Newer`] alone: everything else has a way out.
    pub fn open(path: &Path, busy_timeout: Duration) -> Result<Opened, Error> {
        let mut warnings = Vec::new();
        let fault = match FILE.open(path, busy_timeout) {
            Ok(File { connection, set_aside }) => {
                warnings.extend(set_aside.map(|old| format!("damaged {old}, and a new one is built from the servers")));
                let catalog = Self { connection: Mutex::new(connection), path: Some(path.to_owned()) };
                return Ok(Opened { catalog, warnings });
            }
            Err(fault @ Error::Newer { .. }) => return Err(fault),
            Err(fault) => fault,
        };
        warnings.push(format!(
            "the catalog {} cannot be used ({}); this run keeps it in memory, the next one starts from nothing",
            path.display(),
            error_chain(&fault)
        ));
        Ok(Opened { catalog: Self::in_memory()?, warnings })
    }

    /// A catalog that ends with the process.
    ///
    /// # Errors
    /// When SQLite itself cannot work.
    pub fn in_memory() -> Result<Self, Error> {
        Ok(Self { connection: Mutex::new(FILE.in_memory()?), path: None })
    }
}

pub(super) fn sqlite(path: &Path, doing: &'static str, source: rusqlite::Error) -> Error {
    FILE.fault(path, doing, source)
}
