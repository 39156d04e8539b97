//! Log set-up. Logs go to stderr or to a file, never to stdout: that belongs to the protocol. What is logged is decided
//! where it happens; here only how it is written.

use std::borrow::Cow;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::writer::BoxMakeWriter;

use crate::config::{LogFormat, LogSettings};
use crate::secrets::redactor;

/// Libraries whose own chatter is no news to an operator: rmcp logs each notification, hf-hub each header.
const QUIET: &[&str] = &[
    "rmcp=warn",
    "ort=warn",
    "hf_hub=warn",
    "ureq=warn",
    "tokenizers=warn",
    "rustls=warn",
    "reqwest=warn",
    "hyper_util=warn",
];

/// The log cannot be written where the settings want it.
#[derive(Debug, thiserror::Error)]
#[error("log file {path} cannot be opened", path = .path.display())]
pub struct Error {
    path: PathBuf,
    #[source]
    source: io::Error,
}

/// Starts logging; a second call in the same process changes nothing. `level_max` is a lower bound of severity that the
/// caller wants on top of the settings, for commands whose output is for people.
///
/// # Errors
/// When the log file cannot be opened.
pub fn start(settings: &LogSettings, level: Option<&str>, logs_folder: &Path) -> Result<(), Error> {
    let writer = match &settings.file {
        Some(file) => to_file(&logs_folder.join(file))?,
        None => BoxMakeWriter::new(io::stderr),
    };
    let level = level.unwrap_or(settings.level.word());
    let filter = QUIET.iter().fold(EnvFilter::new(level), |filter, quiet| match quiet.parse() {
        Ok(directive) => filter.add_directive(directive),
        Err(_) => filter,
    });
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(Redacting(writer)).with_ansi(false);
    // A second start, in tests, finds the first one's subscriber in place; that one does.
    let _already_started = match settings.format {
        LogFormat::Text => builder.with_target(false).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    Ok(())
}

/// Hides secrets in every line on its way out. A line comes in one write: that is how events are formatted.
struct Redacting<W>(W);

impl<'a, W: MakeWriter<'a>> MakeWriter<'a> for Redacting<W> {
    type Writer = RedactingWriter<W::Writer>;

    fn make_writer(&'a self) -> Self::Writer {
        RedactingWriter(self.0.make_writer())
    }
}

struct RedactingWriter<W>(W);

impl<W: Write> Write for RedactingWriter<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        match redactor().redact_bytes(line) {
            Cow::Borrowed(same) => self.0.write_all(same)?,
            Cow::Owned(clean) => self.0.write_all(&clean)?,
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

fn to_file(path: &Path) -> Result<BoxMakeWriter, Error> {
    let fault = |source| Error { path: path.to_owned(), source };
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(fault)?;
    }
    let file = OpenOptions::new().create(true).append(true).open(path).map_err(fault)?;
    Ok(BoxMakeWriter::new(SharedFile(Arc::new(file))))
}

/// One file for all threads; each event is one write, so lines of several processes do not mix.
struct SharedFile(Arc<std::fs::File>);

impl<'a> MakeWriter<'a> for SharedFile {
    type Writer = &'a std::fs::File;

    fn make_writer(&'a self) -> Self::Writer {
        &self.0
    }
}
