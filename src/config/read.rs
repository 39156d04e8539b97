//! Reads one file as text.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use super::Fault;
use super::json::Lines;

/// The longest file that is read, in bytes. A guess: a registry of 10,000 servers has a quarter of it.
const FILE_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// The file's text without a byte order mark.
pub(super) fn text(path: &Path) -> Result<String, Fault> {
    let fault = |line: usize, message: String, help: &str| Err(Fault::new(path, line, "", message, help));
    match fs::metadata(path) {
        Ok(data) if data.is_dir() => return fault(0, "is a folder".to_owned(), "name a file"),
        Ok(data) if data.len() > FILE_BYTES_MAX => {
            let message = format!("has {} bytes, more than {FILE_BYTES_MAX}", data.len());
            return fault(0, message, "is this the right file?");
        }
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return fault(0, "no such file".to_owned(), "correct the path or create the file");
        }
        Err(error) => return fault(0, format!("cannot be read: {error}"), "check the rights of file and folders"),
    }
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) => return fault(0, format!("cannot be read: {error}"), "check the rights of file and folders"),
    };
    let start = if bytes.starts_with(b"\xEF\xBB\xBF") { 3 } else { 0 };
    match std::str::from_utf8(&bytes[start..]) {
        Ok(text) => Ok(text.to_owned()),
        Err(error) => {
            let good = String::from_utf8_lossy(&bytes[start..start + error.valid_up_to()]);
            let line = Lines::of(&good).at(good.len());
            fault(line, "is not UTF-8 text".to_owned(), "save the file as UTF-8")
        }
    }
}
