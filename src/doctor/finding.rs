//! One thing that is wrong, or worth knowing.

use serde::Serialize;

/// How bad it is. Ordered: note < warning < problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Worth knowing; nothing has to be done.
    Note,
    /// It works, but not as well as it could: something should be done.
    Warning,
    /// Something does not work.
    Problem,
}

/// What it is about; the sections of a report, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Area {
    /// The settings and the registry's files.
    Configuration,
    /// Starting and listing servers.
    Servers,
    /// What tools say of themselves.
    Descriptions,
    /// Whether requests find their tools.
    Routing,
    /// Tools that are taken for one another.
    LookAlikes,
    /// What the operator says in place of the servers.
    Overrides,
    /// Requests with known answers that the operator wrote down.
    Routes,
}

impl Area {
    /// As a heading.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Configuration => "configuration",
            Self::Servers => "servers",
            Self::Descriptions => "descriptions",
            Self::Routing => "tools that requests do not find",
            Self::LookAlikes => "tools that cannot be told apart",
            Self::Overrides => "overrides",
            Self::Routes => "your routes",
        }
    }
}

/// One finding. `Display` is not there on purpose: how it looks is a matter of who shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// What it is about.
    pub area: Area,
    /// A server, a `server.tool`, or a key of the settings; empty when it is about many.
    pub subject: String,
    /// `FILE:LINE`, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// What is wrong.
    pub message: String,
    /// What to do; empty when there is nothing to do.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub advice: String,
    /// Lines for the settings file, ready to be pasted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub snippet: Option<String>,
}

impl Finding {
    /// Without a place and a snippet.
    #[must_use]
    pub fn new(
        severity: Severity,
        area: Area,
        subject: impl Into<String>,
        message: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        let (subject, message, advice) = (subject.into(), message.into(), advice.into());
        Self { severity, area, subject, place: None, message, advice, snippet: None }
    }

    /// With its place.
    #[must_use]
    pub fn at(self, place: impl Into<String>) -> Self {
        Self { place: Some(place.into()), ..self }
    }

    /// With lines to paste.
    #[must_use]
    pub fn with_snippet(self, snippet: String) -> Self {
        Self { snippet: Some(snippet), ..self }
    }
}

/// `1 tool`, `3 tools`.
pub(super) fn counted(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

/// Names with commas, the first few of them.
pub(super) fn some_of(names: &[String], shown: usize) -> String {
    let text = names.iter().take(shown).cloned().collect::<Vec<_>>().join(", ");
    if names.len() > shown { format!("{text} and {} more", names.len() - shown) } else { text }
}
