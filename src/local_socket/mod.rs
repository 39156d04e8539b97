//! The local socket between thin clients, the command line and the daemon: where it lies, who may listen on it, how both
//! sides greet each other, how descriptors pass over it, and the journal in which a daemon notes what it owes an answer.
//! Everything here is as good with a stranger on the other end: both ends check the user, every wait has a deadline, and
//! every message a limit. It must never log or show the value of an environment variable, and knows nothing of MCP.

mod build;
#[cfg(unix)]
mod connect;
#[cfg(unix)]
mod control;
#[cfg(unix)]
mod descriptors;
mod error;
mod hello;
mod journal;
#[cfg(unix)]
mod listen;
#[cfg(unix)]
mod place;
#[cfg(unix)]
mod start;
#[cfg(all(test, unix))]
mod tests;

pub use build::Build;
#[cfg(unix)]
pub use connect::Connection;
#[cfg(unix)]
pub use control::{request, stream};
#[cfg(unix)]
pub use descriptors::{Received, receive};
pub use error::Error;
pub use hello::{
    Accepted, Ask, Environment, Failure, Goodbye, HELLO_BYTES_MAX, Hello, News, PROTOCOL, Purpose, Refusal,
    RefusalKind, Reply, Resume, Told, line,
};
pub use journal::{Journal, Owed};
#[cfg(unix)]
pub use listen::{Lock, bind};
#[cfg(unix)]
pub use place::{Place, Surroundings, name_of};
#[cfg(unix)]
pub use start::{Ready, Start, start};
