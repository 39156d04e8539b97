//! The API keys of mcporch: made and revoked by the command line, asked for by the network surfaces. What is kept of a key is the hash of
//! its secret, so that who reads the file can use none of them. A key is shown once, when it is made; it must never be logged, and nothing
//! here can show it again. What a scope allows is decided by the surfaces.

mod error;
mod file;
mod key;
mod ring;
#[cfg(test)]
mod tests;

pub use error::Error;
pub use file::{KeyFile, MadeKey, NewKey, StoredKey};
pub use key::is_key;
pub use ring::{Holder, KeyRing, Verdict};
