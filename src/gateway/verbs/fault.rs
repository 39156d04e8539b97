//! Why a verb gave no answer, in the words that all network surfaces share: REST makes a problem document of it, the WebSocket an
//! error.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Serialize;

use crate::operations::{Blame, Error};

/// What kind of thing went wrong. Each has one word, one status and one title everywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FaultKind {
    /// What was sent cannot be understood; each place is named.
    InvalidInput,
    /// A key is needed and none was shown.
    KeyNeeded,
    /// The key that was shown is not known.
    KeyUnknown,
    /// The key that was shown is no longer good.
    KeyExpired,
    /// The key may do less than this.
    ScopeTooSmall,
    /// The service is not called so.
    ForbiddenHost,
    /// Pages of that origin may not call.
    ForbiddenOrigin,
    /// There is no such thing.
    NotFound,
    /// The address takes other methods.
    MethodNotAllowed,
    /// There is no answer in a form that the client takes.
    NotAcceptable,
    /// The request did not come in time.
    Timeout,
    /// The server was stopped, put in quarantine or refused: the operator's word, no failure.
    ServerOff,
    /// The request is too long.
    TooLarge,
    /// The body is not JSON.
    UnsupportedMediaType,
    /// Too much at once; later there may be room.
    TooManyRequests,
    /// A tool's server did not do it.
    ServerFailed,
    /// mcporch cannot do it now.
    Unavailable,
    /// A tool's server did not answer in time.
    Deadline,
    /// A fault inside mcporch.
    Internal,
}

impl FaultKind {
    /// All of them, by status.
    pub const ALL: [Self; 19] = [
        Self::InvalidInput,
        Self::KeyNeeded,
        Self::KeyUnknown,
        Self::KeyExpired,
        Self::ScopeTooSmall,
        Self::ForbiddenHost,
        Self::ForbiddenOrigin,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::NotAcceptable,
        Self::Timeout,
        Self::ServerOff,
        Self::TooLarge,
        Self::UnsupportedMediaType,
        Self::TooManyRequests,
        Self::Internal,
        Self::ServerFailed,
        Self::Unavailable,
        Self::Deadline,
    ];

    /// The word: `not-found`.
    #[must_use]
    pub fn slug(self) -> &'static str {
        self.words().0
    }

    /// The HTTP status.
    #[must_use]
    pub fn status(self) -> u16 {
        self.words().1
    }

    /// The same in a sentence for people, without a full stop.
    #[must_use]
    pub fn title(self) -> &'static str {
        self.words().2
    }

    fn words(self) -> (&'static str, u16, &'static str) {
        match self {
            Self::InvalidInput => ("invalid-input", 400, "The request cannot be understood"),
            Self::KeyNeeded => ("key-needed", 401, "A key is needed"),
            Self::KeyUnknown => ("key-unknown", 401, "The key is not known"),
            Self::KeyExpired => ("key-expired", 401, "The key has expired"),
            Self::ScopeTooSmall => ("scope-too-small", 403, "The key may not do this"),
            Self::ForbiddenHost => ("forbidden-host", 403, "The service is not called so"),
            Self::ForbiddenOrigin => ("forbidden-origin", 403, "Pages of this origin may not call"),
            Self::NotFound => ("not-found", 404, "There is no such thing"),
            Self::MethodNotAllowed => ("method-not-allowed", 405, "The address takes other methods"),
            Self::NotAcceptable => ("not-acceptable", 406, "There is no answer of a kind that is accepted"),
            Self::Timeout => ("timeout", 408, "The request did not come in time"),
            Self::ServerOff => ("server-off", 409, "The server is out of use"),
            Self::TooLarge => ("too-large", 413, "The request is too long"),
            Self::UnsupportedMediaType => ("unsupported-media-type", 415, "The body is not JSON"),
            Self::TooManyRequests => ("too-many-requests", 429, "Too much at once"),
            Self::Internal => ("internal", 500, "A fault inside mcporch"),
            Self::ServerFailed => ("server-failed", 502, "The tool's server did not do it"),
            Self::Unavailable => ("unavailable", 503, "mcporch cannot do it now"),
            Self::Deadline => ("deadline", 504, "The tool's server did not answer in time"),
        }
    }
}

/// What is wrong in one place of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Wrong {
    /// Where: a JSON pointer into the body, `?name` in the query, `{name}` in the path; empty for the whole.
    #[serde(rename = "where")]
    pub place: String,
    /// What, and where it helps what to do.
    pub what: String,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// What kind of thing.
    pub kind: FaultKind,
    /// This time: what, where, what to do. One line, without secrets.
    pub detail: String,
    /// The single places, where there are such.
    pub errors: Vec<Wrong>,
    /// After how many seconds it may go better, where that is known.
    pub retry_after_s: Option<u64>,
}

impl Fault {
    /// Without single places.
    #[must_use]
    pub fn new(kind: FaultKind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into(), errors: Vec::new(), retry_after_s: None }
    }

    /// What was sent is wrong in these places; the detail names the first.
    #[must_use]
    pub fn invalid(errors: Vec<Wrong>) -> Self {
        let detail = match errors.first() {
            Some(Wrong { place, what }) if place.is_empty() => what.clone(),
            Some(Wrong { place, what }) => format!("{place}: {what}"),
            None => "the request cannot be understood".to_owned(),
        };
        Self { kind: FaultKind::InvalidInput, detail, errors, retry_after_s: None }
    }

    /// One place is wrong.
    #[must_use]
    pub fn invalid_at(place: impl Into<String>, what: impl Into<String>) -> Self {
        Self::invalid(vec![Wrong { place: place.into(), what: what.into() }])
    }

    /// The address of its kind, relative to the service: `/problems/not-found`.
    #[must_use]
    pub fn address(&self) -> String {
        format!("/problems/{}", self.kind.slug())
    }
}

impl From<Error> for Fault {
    fn from(fault: Error) -> Self {
        let detail = fault.one_line();
        let kind = match fault.blame() {
            Blame::Input => return Self::invalid_at("", detail),
            Blame::Missing => FaultKind::NotFound,
            Blame::Server => FaultKind::ServerFailed,
            Blame::Late => FaultKind::Deadline,
            Blame::Busy => FaultKind::TooManyRequests,
            Blame::Unavailable => FaultKind::Unavailable,
            Blame::Inside => FaultKind::Internal,
        };
        let whole = |wait: Duration| u64::try_from(wait.as_millis().div_ceil(1000).max(1)).unwrap_or(u64::MAX);
        Self { kind, detail, errors: Vec::new(), retry_after_s: fault.retry_in().map(whole) }
    }
}

#[cfg(test)]
mod tests {
    use super::FaultKind;

    #[test]
    fn each_kind_has_its_own_word_and_an_error_status() {
        let mut slugs: Vec<&str> = FaultKind::ALL.iter().map(|kind| kind.slug()).collect();
        assert!(FaultKind::ALL.iter().all(|kind| (400..600).contains(&kind.status())));
        assert!(FaultKind::ALL.is_sorted_by_key(|kind| kind.status()));
        slugs.sort_unstable();
        slugs.dedup();
        assert_eq!(slugs.len(), FaultKind::ALL.len());
    }
}
