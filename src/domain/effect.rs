//! What a tool does to the world, and how that is known.

use serde::{Deserialize, Serialize};

/// How much harm a wrong call could do. Ordered: read < write < destructive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Changes nothing.
    Read,
    /// Changes something, or may.
    Write,
    /// May destroy what it touches.
    Destructive,
}

impl Effect {
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

/// How the effect of a tool is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EffectSource {
    /// Its server says so.
    Announced,
    /// Its server does not say, or says half; it was guessed from the tool's words.
    Guessed,
    /// Its server says something more harmless than the tool's own name, or contradicts itself.
    Overruled,
    /// The operator says so in the settings.
    Operator,
}

impl EffectSource {
    /// The word used in answers.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Announced => "announced",
            Self::Guessed => "guessed",
            Self::Overruled => "overruled",
            Self::Operator => "operator",
        }
    }
}
