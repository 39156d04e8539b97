//! Streamable HTTP towards clients, in both protocol eras: sessions for the older revisions, nothing but the request for the
//! stateless ones. What a message means is the business of `gateway::mcp`; here is how it comes and how its answer goes, who may
//! come at all, and how much of anything there may be.

mod access;
mod answer;
mod body;
mod cors;
mod depth;
mod error;
mod events;
mod exchange;
mod headers;
mod keys;
mod legacy;
mod modern;
mod post;
mod request;
mod service;
mod session;

pub use access::Access;
pub use error::Error;
pub use keys::Keys;
pub use service::{Limits, Service, listen};
