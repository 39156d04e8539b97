//! The pool of servers: each is started when it is first needed, shared by all who call it, started again after a death,
//! and stopped when nobody has needed it for a while. One task owns one server; everybody else asks it. It must never
//! decide which server to use, never start one to list what is known already, and never replay a call that may have run.

mod error;
mod keeper;
mod pool;

pub use error::Error;
pub use keeper::ServerState;
pub use pool::{Call, Event, Outcome, Pool, PoolLimits, PoolServer, ServerStatus};
