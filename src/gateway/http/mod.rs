//! Streamable HTTP towards clients, in both protocol eras: sessions for the older revisions, nothing but the request for the
//! stateless ones. What a message means is the business of `gateway::mcp`; here is how it comes and how its answer goes, who may
//! come at all, and how much of anything there may be.

mod access;
mod answer;
mod body;
mod buckets;
mod cors;
mod depth;
mod dress;
mod error;
mod events;
mod exchange;
mod headers;
mod legacy;
mod listed_keys;
mod modern;
mod post;
mod refusal;
mod request;
mod service;
mod session;
mod stream;
mod tls;

pub use access::{Access, Rate};
pub use error::Error;
pub use listed_keys::ListedKeys;
pub use service::{Limits, Service, listen};
pub use tls::Tls;
