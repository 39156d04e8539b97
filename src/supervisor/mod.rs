//! The pool of servers: each is started when it is first needed, shared by all who call it, watched, started again after a
//! death, run several times when it is busy and may be, and stopped when nobody has needed it for a while. One task owns one
//! instance and asks a pure function what each event means; everybody else asks the task. It must never decide which server
//! to use, never start one to list what is known already, and never replay a call that may have run.

mod balance;
mod breaker;
mod check;
mod error;
mod keeper;
mod machine;
mod order;
mod place;
mod pool;
mod request;
mod retry_budget;
mod settings;
mod stateful;
mod status;
mod subscribed;
#[cfg(test)]
mod tests;
mod usage;
mod variants;

pub use balance::Balance;
pub use breaker::BreakerPolicy;
pub use error::{Error, Fault};
pub use machine::{Policy, State};
pub use pool::{Applied, Call, Outcome, Pool};
pub use request::Request;
pub use settings::{
    CallElsewhere, Elsewhere, Event, HealthCheck, HttpGet, Learned, PoolServer, Probe, StartMode, Told, TreeUse,
    Watched, World,
};
pub use status::{InstanceStatus, ServerState, ServerStatus};
pub use subscribed::SubscribedAt;

/// A number from an even distribution over 0 to 1, for waits that must not fall together.
fn chance() -> f64 {
    use std::hash::{BuildHasher, Hasher};
    // Each RandomState is seeded anew by the standard library: random enough for this, without a crate.
    let random = std::hash::RandomState::new().build_hasher().finish() % 1000;
    f64::from(u32::try_from(random).unwrap_or(0)) / 1000.0
}
