//! MCP towards clients, in both protocol eras: four tools, tools by their own names, or one server as it is. Written on the
//! level of messages, since what a server answers passes through here without being parsed, and a call must cost
//! microseconds; rmcp's typed server would drop fields that it does not know and take several times as long (Protocol in
//! ARCHITECTURE.md). Knows nothing of what the messages travel on.

mod answer;
mod arguments;
mod asked;
mod asks;
mod calls;
mod client;
mod conversation;
mod dialogue;
mod direct;
mod exchange;
mod feedback_argument;
mod four_tools;
mod hello;
mod lists;
mod names;
mod peer;
mod profile;
mod render;
mod resources;
mod server_view;
mod stdio;
#[cfg(test)]
mod tests;
mod told;
mod traced;

pub use asked::Asked;
pub use client::{Session, front, serve};
pub use conversation::{Caller, ClientLimits, Conversation, Front, Mismatch};
pub(in crate::gateway) use conversation::{CountedCall, principal_number};
pub use exchange::{Exchange, Outlet, Said};
pub use hello::{LEGACY_VERSIONS, META_VERSION, MODERN_VERSIONS};
pub use profile::{Profile, Profiles, Selection, View};
#[cfg(unix)]
pub use stdio::streams_over;
pub use stdio::{Streams, stdio};
