//! The picture that `mcporch top` shows: what is known of the daemon and its servers, what each key does, and how all of it is
//! drawn. The model is a pure function of events: it asks for what it wants by [`Wish`] and is told what came of it by
//! [`Event`]. It must never wait, read a clock, a file or a socket, and never draw a control character that came from a server.

mod clean;
mod detail;
mod draw;
mod event;
mod history;
mod keys;
mod log_view;
mod model;
mod seen;
mod table;
#[cfg(test)]
mod tests;
mod theme;

pub use draw::{Sight, draw};
pub use event::{Event, Key, LookFault, Order, Verb, Wish};
pub use model::Model;
pub use seen::{Acted, Daemon, Instance, Look, Server};
pub use theme::Theme;
