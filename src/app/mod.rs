//! The composition root: builds the rooms in their order, runs them, drains them. It decides nothing; it only knows
//! everybody.

mod behind;
mod build;
mod guard;
mod pool_servers;
mod reload;
mod run;

pub use build::App;
pub use guard::{Ancestry, Recursion};
pub use run::{Error, serve_stdio};
