//! HTTP towards others: one guarded client for everything that talks to remote MCP servers and to those who issue tokens for
//! them. A name is resolved once, its addresses are checked, and the connection goes to the very address that was checked;
//! redirects are followed here alone, each hop checked like the first. Nothing here may send a request to a loopback, private
//! or metadata address that the operator did not name, send credentials to another origin, read a body without a limit, or
//! put more of an address than scheme, host and path into an error.

mod addresses;
mod body;
mod client;
mod error;
mod place;
mod redirect;
mod resolver;
mod rules;
#[cfg(test)]
mod tests;
mod tls;

pub use addresses::{AddressKind, kind_of};
pub use body::{read_body, read_start};
pub use client::{Client, Timeouts, client};
pub use error::{Error, Problem};
pub use place::shown;
pub use rules::Rules;
