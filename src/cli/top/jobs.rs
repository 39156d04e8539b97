//! What waits: for the daemon and for files. Each job is one blocking thread and ends in one event.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::cli::{Global, servers, thin};
use crate::config::{self, ProcessEnv};
use crate::domain::{ServerName, error_chain};
use crate::local_socket::{Error as SocketError, request};
use crate::server_logs::{Error as LogError, Follower, LogLine, tail};
use crate::top::{Acted, Event, Look, LookFault, Order, Server};

/// For the answer how servers are: a daemon that takes longer is as good as silent.
const LOOK_PATIENCE: Duration = Duration::from_secs(5);
/// Lines of a log that are shown at first. A guess: some screens.
const FIRST_LINES: usize = 300;

/// Where all is.
#[derive(Debug, Clone)]
pub(super) struct World {
    pub(super) global: Global,
    pub(super) socket: PathBuf,
    pub(super) logs: PathBuf,
}

/// What a job came to.
pub(super) enum Done {
    Event(Event),
    /// And the reader, for the next time.
    Log(Option<LogReader>, Event),
}

/// Where the reading of a log stands.
pub(super) struct LogReader {
    server: String,
    follower: Follower,
}

impl Done {
    pub(super) fn into_event(self, log: &mut Option<LogReader>) -> Event {
        match self {
            Self::Event(event) => event,
            Self::Log(reader, event) => {
                *log = reader;
                event
            }
        }
    }
}

impl World {
    pub(super) fn look(&self, jobs: &mut JoinSet<Done>) {
        let world = self.clone();
        jobs.spawn_blocking(move || Done::Event(Event::Looked(world.looked())));
    }

    pub(super) fn order(&self, jobs: &mut JoinSet<Done>, order: Order) {
        let socket = self.socket.clone();
        jobs.spawn_blocking(move || {
            let params = json!({"servers": order.servers});
            let told = request(&socket, order.verb.method(), params, servers::ORDER_PATIENCE);
            let ended = told.map_err(|fault| error_chain(&fault)).and_then(|answer| {
                serde_json::from_value::<Vec<Acted>>(answer)
                    .map_err(|fault| format!("the daemon's answer is odd: {fault}"))
            });
            Done::Event(Event::Ordered { order, ended })
        });
    }

    pub(super) fn start_daemon(&self, jobs: &mut JoinSet<Done>) {
        let global = self.global.clone();
        jobs.spawn_blocking(move || {
            let ended = thin::reach(&global).map(drop).map_err(|fault| format!("{fault:#}"));
            Done::Event(Event::DaemonStarted(ended))
        });
    }

    pub(super) fn read_log(&self, jobs: &mut JoinSet<Done>, server: String, is_anew: bool, reader: Option<LogReader>) {
        let world = self.clone();
        jobs.spawn_blocking(move || {
            let reader = reader.filter(|reader| !is_anew && reader.server == server);
            // Without the reader of before nobody knows what came since.
            let is_anew = reader.is_none();
            let (reader, lines) = match world.lines(&server, reader) {
                Ok((reader, lines)) => (Some(reader), Ok(lines)),
                Err(fault) => (None, Err(fault)),
            };
            Done::Log(reader, Event::LogRead { server, is_anew, lines })
        });
    }

    /// Without a daemon: the servers of the registry, none of them running.
    fn looked(&self) -> Result<Look, LookFault> {
        match request(&self.socket, "status", Value::Null, LOOK_PATIENCE) {
            Ok(answer) => serde_json::from_value(answer)
                .map_err(|fault| LookFault(format!("the daemon's answer is odd: {fault}"))),
            Err(SocketError::NoDaemon { .. }) => {
                let config = config::load(&self.global.request(), &ProcessEnv)
                    .map_err(|fault| LookFault(error_chain(&fault)))?;
                let servers =
                    Value::Array(servers::at_rest(&config, &servers::Selection::default()).unwrap_or_default());
                let mut servers: Vec<Server> =
                    serde_json::from_value(servers).map_err(|fault| LookFault(fault.to_string()))?;
                // In the daemon's order, so that rows stay where they are when it comes.
                servers.sort_by(|one, other| one.name.cmp(&other.name));
                Ok(Look { daemon: None, servers })
            }
            Err(fault) => Err(LookFault(error_chain(&fault))),
        }
    }

    fn lines(&self, server: &str, reader: Option<LogReader>) -> Result<(LogReader, Vec<LogLine>), String> {
        let name = ServerName::parse(server).map_err(|fault| fault.to_string())?;
        let told = |fault: LogError| error_chain(&fault);
        if let Some(mut reader) = reader {
            let lines = reader.follower.look().map_err(told)?;
            return Ok((reader, lines));
        }
        let mut follower = Follower::from_end(&self.logs, &name).map_err(told)?;
        let last = tail(&self.logs, &name, FIRST_LINES, None).map_err(told)?;
        let since = follower.look().map_err(told)?;
        Ok((LogReader { server: server.to_owned(), follower }, joined(last, since)))
    }
}

/// The last lines of a log, and those that came since a moment before they were read: what stands in both stands once.
pub(super) fn joined(mut last: Vec<LogLine>, since: Vec<LogLine>) -> Vec<LogLine> {
    let most = last.len().min(since.len());
    let both = (0..=most).rev().find(|count| last[last.len() - count..] == since[..*count]).unwrap_or(0);
    last.extend(since.into_iter().skip(both));
    last
}
