//! The composition root: builds the rooms in their order, runs them, drains them. It decides nothing; it only knows
//! everybody.

#[cfg(unix)]
mod adopted_env;
mod behind;
mod build;
#[cfg(unix)]
mod daemon;
mod care;
mod clock;
mod events;
mod health;
mod guard;
mod pool_servers;
mod reload;
mod run;

#[cfg(unix)]
pub use adopted_env::AdoptedEnv;
pub use build::App;
#[cfg(unix)]
pub use daemon::{DaemonOptions, serve_daemon};
pub use care::alerts;
pub use clock::now_ms;
pub use guard::{Ancestry, Recursion};
pub use run::{Error, serve_stdio};
