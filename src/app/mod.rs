//! The composition root: builds the rooms in their order, runs them, drains them. It decides nothing; it only knows
//! everybody.

#[cfg(unix)]
mod adopted_env;
mod authorizers;
mod behind;
mod build;
mod care;
mod clock;
#[cfg(unix)]
mod daemon;
mod demand;
mod events;
mod guard;
mod health;
mod http;
mod logins;
mod network;
mod pool_servers;
mod quarantine;
mod reload;
mod run;
mod serve_http;
mod watch;

#[cfg(unix)]
pub use adopted_env::AdoptedEnv;
pub use build::App;
pub use care::{alerts, audit_options};
pub use clock::now_ms;
#[cfg(unix)]
pub use daemon::{DaemonOptions, serve_daemon};
pub use demand::sandbox_level;
pub use guard::{Ancestry, Recursion};
pub use http::Listening;
pub use logins::{LoginError, credentials, login_target};
pub use run::{Error, serve_stdio};
pub use serve_http::serve_http;
