//! The name under which a server stands in the registry.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// Longest accepted server name, in bytes. A guess: longer ones break every table and every prefixed tool name.
const NAME_BYTES_MAX: usize = 128;

/// A server's name. Invariant: 1 to 128 bytes, no control characters, no white space at either end.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ServerName(String);

/// Why a text is no server name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadServerName {
    /// Nothing in it.
    #[error("a server name must not be empty")]
    Empty,
    /// More than 128 bytes.
    #[error("a server name has at most {NAME_BYTES_MAX} bytes, this one {len}")]
    TooLong {
        /// Its length in bytes.
        len: usize,
    },
    /// White space at an end, or a control character.
    #[error("server name {name:?} has a control character or white space at an end")]
    BadCharacter {
        /// The name as it was given.
        name: String,
    },
}

impl ServerName {
    /// Checks the text.
    ///
    /// # Errors
    /// [`BadServerName`] when the text breaks the type's invariant.
    pub fn parse(name: &str) -> Result<Self, BadServerName> {
        if name.is_empty() {
            return Err(BadServerName::Empty);
        }
        if name.len() > NAME_BYTES_MAX {
            return Err(BadServerName::TooLong { len: name.len() });
        }
        if name.trim() != name || name.chars().any(char::is_control) {
            return Err(BadServerName::BadCharacter { name: name.to_owned() });
        }
        Ok(Self(name.to_owned()))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// As a text within its bounds. Characters are bounded where bytes are meant: JSON Schema has no word for those.
impl JsonSchema for ServerName {
    fn schema_name() -> Cow<'static, str> {
        "ServerName".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "minLength": 1, "maxLength": NAME_BYTES_MAX})
    }
}

impl fmt::Display for ServerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl TryFrom<String> for ServerName {
    type Error = BadServerName;

    fn try_from(name: String) -> Result<Self, Self::Error> {
        Self::parse(&name)
    }
}

impl From<ServerName> for String {
    fn from(name: ServerName) -> Self {
        name.0
    }
}

impl AsRef<str> for ServerName {
    fn as_ref(&self) -> &str {
        &self.0
    }
}
