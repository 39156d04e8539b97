//! What a tool does to the world, as far as its server says.

use serde::{Deserialize, Serialize};

/// How much harm a wrong call could do. Ordered: read < write < destructive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Changes nothing (`readOnlyHint: true`).
    Read,
    /// Changes something, or does not say.
    Write,
    /// May destroy what it touches (`destructiveHint: true`).
    Destructive,
}

impl Effect {
    /// From the hints of MCP's `ToolAnnotations`. A tool that says nothing counts as `Write`: the specification's default
    /// for `destructiveHint` is true, but most servers leave it out on harmless tools, so silence is not taken as a threat.
    #[must_use]
    pub fn from_hints(read_only: Option<bool>, destructive: Option<bool>) -> Self {
        match (read_only, destructive) {
            (Some(true), _) => Self::Read,
            (_, Some(true)) => Self::Destructive,
            _ => Self::Write,
        }
    }

    /// The word used in answers, logs and settings.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Destructive => "destructive",
        }
    }
}
