//! The last lines of a server's log.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Serialize;
use tokio::sync::Semaphore;

use crate::domain::{Moment, ServerName};
use crate::server_logs;

use super::{Error, Operations};

/// Lines that are looked through for those with a text. A guess: what a busy server writes in a day.
const LOOKED_AT_MAX: usize = 100_000;

/// Who reads at once: the rest of the few blocking threads is for routing, which needs them too.
static READING: Semaphore = Semaphore::const_new(2);

/// Which lines.
#[derive(Debug, Clone)]
pub struct LogInput {
    /// Whose.
    pub server: String,
    /// At most that many, the newest.
    pub lines: usize,
    /// Not older than that.
    pub since: Option<Moment>,
    /// Only those with this text in them, whatever its case.
    pub contains: Option<String>,
}

/// Lines of a log.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct LogOutput {
    /// Oldest first.
    pub lines: Vec<LogLine>,
}

/// One line.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct LogLine {
    /// When it was written, in milliseconds since 1970.
    pub at: i64,
    /// `stderr`: the server wrote it; `mcporch`: we, of the server.
    pub source: &'static str,
    /// What.
    pub text: String,
}

impl From<server_logs::LogLine> for LogLine {
    fn from(line: server_logs::LogLine) -> Self {
        Self { at: line.at.0, source: line.source.word(), text: line.text }
    }
}

impl Operations {
    /// From now on logs are read from that folder. To be called once, when the verbs are built; without it nothing is kept.
    pub fn read_logs_in(&self, folder: PathBuf) {
        let _set_before = self.logs.set(folder);
    }

    /// The last lines of a server's log. Starts nothing.
    ///
    /// Cancel safe: the reading goes on behind and is thrown away.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::InvalidInput`] where no logs are kept, or they cannot be read.
    pub async fn server_log(&self, input: &LogInput) -> Result<LogOutput, Error> {
        let server = match ServerName::parse(&input.server) {
            Ok(server) if self.pool.status().iter().any(|status| status.server == server) => server,
            _ => return Err(self.no_server(&input.server)),
        };
        let Some(folder) = self.logs.get().cloned() else {
            let what = "no logs of servers are kept (server_logs.enabled)".to_owned();
            return Err(Error::InvalidInput { what });
        };
        let LogInput { lines, since, contains, .. } = input.clone();
        let contains = contains.map(|text| text.to_lowercase()).filter(|text| !text.is_empty());
        let looked_at = if contains.is_some() { LOOKED_AT_MAX } else { lines };
        let place = READING.acquire().await.map_err(|_| Error::Broken { doing: "reading the log" })?;
        let reading = tokio::task::spawn_blocking(move || {
            let _until_it_is_read = place;
            let mut found = server_logs::tail(&folder, &server, looked_at, since)?;
            if let Some(wanted) = contains {
                found.retain(|line| line.text.to_lowercase().contains(&wanted));
            }
            Ok(found.split_off(found.len().saturating_sub(lines)))
        });
        let read: Result<Vec<server_logs::LogLine>, server_logs::Error> =
            reading.await.map_err(|_| Error::Broken { doing: "reading the log" })?;
        match read {
            Ok(lines) => Ok(LogOutput { lines: lines.into_iter().map(LogLine::from).collect() }),
            Err(fault) => Err(Error::Log(fault)),
        }
    }
}
