//! Who asks, and what he may.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What somebody may do. Ordered: each includes those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Look at servers, tools, calls and figures.
    #[default]
    Viewer,
    /// Run tools.
    Caller,
    /// Start and stop servers, read the audit log and the settings.
    Operator,
    /// Everything.
    Admin,
}

impl Scope {
    /// All, the smallest first.
    pub const ALL: [Self; 4] = [Self::Viewer, Self::Caller, Self::Operator, Self::Admin];

    /// The word used in answers, files and on the command line.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Caller => "caller",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }

    /// Whether it includes another.
    #[must_use]
    pub fn covers(self, needed: Self) -> bool {
        self >= needed
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl FromStr for Scope {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|scope| scope.word() == word);
        found.ok_or_else(|| format!("there is no scope {word:?}; there are viewer, caller, operator, admin"))
    }
}

/// Which way somebody came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Surface {
    /// MCP over stdin and stdout.
    #[default]
    McpStdio,
    /// MCP over HTTP.
    McpHttp,
    /// The REST API.
    Rest,
    /// The WebSocket API.
    Ws,
    /// The command line.
    Cli,
}

impl Surface {
    /// The word used in answers and figures.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::McpStdio => "mcp-stdio",
            Self::McpHttp => "mcp-http",
            Self::Rest => "rest",
            Self::Ws => "ws",
            Self::Cli => "cli",
        }
    }
}
