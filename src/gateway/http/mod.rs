//! Streamable HTTP towards clients, in both protocol eras: sessions for the older revisions, nothing but the request for the
//! stateless ones. What a message means is the business of `gateway::mcp`; here is how it comes and how its answer goes, who may
//! come at all, and how much of anything there may be.

mod access;
mod answer;
mod body;
mod buckets;
mod cors;
pub(in crate::gateway) mod depth;
mod dress;
mod error;
mod events;
mod exchange;
mod headers;
mod legacy;
mod listed_keys;
mod modern;
mod patient;
mod post;
mod refusal;
mod request;
mod service;
mod session;
mod stream;
mod tls;

pub use access::{Access, Rate};
pub(in crate::gateway) use access::{Visitor, shown_key};
pub(in crate::gateway) use answer::Reply;
pub(in crate::gateway) use body::{BodyFault, read_body};
pub(in crate::gateway) use cors::preflight;
pub use error::Error;
pub(in crate::gateway) use headers::{Accepts, is_json};
pub use listed_keys::ListedKeys;
pub(in crate::gateway) use refusal::Refusal;
pub(in crate::gateway) use request::Ends;
pub(in crate::gateway) use service::{Counted, Place};
pub use service::{Limits, Service, listen};
pub use tls::Tls;
