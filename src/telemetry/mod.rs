//! Log set-up. Logs go to stderr or to a file, never to stdout: that belongs to the protocol. What is logged is decided
//! where it happens; here only how it is written: whole lines, by a thread of their own, so that a slow disk or a client that does
//! not read our stderr never holds up a call, without secrets, and into files of a bounded size. With the feature `otlp` traces and figures are sent from here too.

use std::path::Path;
use std::sync::OnceLock;
use std::time::Duration;

use tracing_subscriber::EnvFilter;

use crate::config::{LogFormat, LogSettings, TelemetrySettings};

mod error;
mod log_file;
mod log_writer;
#[cfg(feature = "otlp")]
mod otlp;
#[cfg(test)]
mod tests;

pub use error::Error;
pub use log_file::LogFile;
pub use log_writer::{Destination, LogWriter};

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

/// How long the end of the process waits for the disk. What is lost then is a part of a log.
const FINISH_WITHIN: Duration = Duration::from_secs(3);

/// The one of this process.
static WRITER: OnceLock<LogWriter> = OnceLock::new();

/// Starts logging; a second call in the same process changes nothing. `level_max` is a lower bound of severity that the
/// caller wants on top of the settings, for commands whose output is for people.
///
/// # Errors
/// When the log file cannot be opened.
pub fn start(settings: &LogSettings, level: Option<&str>, logs_folder: &Path) -> Result<(), Error> {
    let destination = settings.file.as_ref().map_or(Destination::Stderr, |file| {
        Destination::File(LogFile {
            path: logs_folder.join(file),
            bytes_max: settings.file_bytes_max,
            files_max: settings.files_max,
            is_stderr_too: false,
        })
    });
    start_there(destination, settings, level)
}

/// The same for a process whose stderr goes into a file of its own: the log goes there too when the settings name no other file,
/// and both go on in a new one when it is longer than `bytes_max`.
///
/// # Errors
/// When the log file cannot be opened.
pub fn start_with_own_file(
    settings: &LogSettings,
    level: Option<&str>,
    logs_folder: &Path,
    own: &Path,
    bytes_max: u64,
) -> Result<(), Error> {
    if settings.file.is_some() {
        return start(settings, level, logs_folder);
    }
    let (path, files_max) = (own.to_owned(), settings.files_max);
    start_there(Destination::File(LogFile { path, bytes_max, files_max, is_stderr_too: true }), settings, level)
}

/// Begins to send traces and figures to where the settings want them; to be called once logging has started, by processes that serve
/// somebody. What is in the way of it is logged, and in the way of nothing else.
pub fn start_sending(settings: &TelemetrySettings) {
    #[cfg(feature = "otlp")]
    if let Err(fault) = otlp::start(settings) {
        tracing::warn!(error = crate::domain::error_chain(&fault), "traces and figures are not sent");
    }
    #[cfg(not(feature = "otlp"))]
    if let Some(endpoint) = &settings.otlp_endpoint {
        tracing::warn!(%endpoint, "traces and figures are not sent: this mcporch was built without the feature \"otlp\"");
    }
}

/// Waits until traces and figures are sent and all that was logged is written, for some seconds at most. To be called last in the
/// process; blocks.
pub fn finish() {
    #[cfg(feature = "otlp")]
    otlp::finish(FINISH_WITHIN);
    if let Some(writer) = WRITER.get() {
        writer.finish(FINISH_WITHIN);
    }
}

/// Lines of the log that were lost since the start of the process: the disk was full, or too slow.
#[must_use]
pub fn lines_lost() -> u64 {
    WRITER.get().map_or(0, LogWriter::lost)
}

fn start_there(destination: Destination, settings: &LogSettings, level: Option<&str>) -> Result<(), Error> {
    if let Destination::File(file) = &destination {
        // So that a wrong path is told at once, to whoever started us.
        let _opened = file.open().map_err(|source| Error::LogFile { path: file.path.clone(), source })?;
    }
    let level = level.unwrap_or(settings.level.word());
    let filter = QUIET.iter().fold(EnvFilter::new(level), |filter, quiet| match quiet.parse() {
        Ok(directive) => filter.add_directive(directive),
        Err(_) => filter,
    });
    let writer = WRITER.get_or_init(|| LogWriter::new(destination, settings.format)).clone();
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer).with_ansi(false);
    // A second start, in tests, finds the first one's subscriber in place; that one does.
    let _already_started = match settings.format {
        LogFormat::Text => builder.with_target(false).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    Ok(())
}
