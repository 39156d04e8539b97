//! Control requests from the command line: blocking, each wait under a deadline.

use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use super::{Ask, Build, Connection, Environment, Error, Hello, News, PROTOCOL, Purpose, Told, hello};

/// Asks the daemon at this socket one thing and gives its result; waits this long for it. Starts no daemon. Blocking.
///
/// # Errors
/// [`Error::NoDaemon`] when none runs; [`Error::Request`] with what the daemon said.
pub fn request(socket: &Path, method: &str, params: Value, patience: Duration) -> Result<Value, Error> {
    stream(socket, method, params, patience, |_| {})
}

/// The same, where the daemon tells of something on the way: each message goes to `hear`, and the patience is for the wait
/// between two of them.
///
/// # Errors
/// As [`request`].
pub fn stream(
    socket: &Path,
    method: &str,
    params: Value,
    patience: Duration,
    mut hear: impl FnMut(News),
) -> Result<Value, Error> {
    let mut connection = Connection::open(socket)?;
    let hello = Hello {
        protocol: PROTOCOL,
        build: Build::own(),
        pid: std::process::id(),
        purpose: Purpose::Control,
        environment: Environment::default(),
        resume: None,
        profile: String::new(),
    };
    connection.greet(&hello, &[], Instant::now() + patience)?;
    let ask = Ask { id: 1, method: method.to_owned(), params };
    connection.send(&hello::line(&ask), &[], Instant::now() + patience)?;
    loop {
        match connection.read::<Told>("a control request", Instant::now() + patience)? {
            Told::Done { result, .. } => return Ok(result),
            Told::Failed { error, .. } => return Err(Error::Request { code: error.code, message: error.message }),
            Told::News(news) => hear(news),
        }
    }
}
