//! What a tool gives back, and why one could not.

use std::io;

use serde_json::Value;

/// A tool's result.
#[derive(Debug, PartialEq)]
pub(super) struct Answer {
    /// For people and models.
    pub(super) text: String,
    /// For programs; fits the tool's output schema, if it has one.
    pub(super) structured: Option<Value>,
}

impl Answer {
    /// A text and nothing else.
    pub(super) fn text(text: impl Into<String>) -> Self {
        Self { text: text.into(), structured: None }
    }

    /// A text with the same content for programs.
    pub(super) fn with(text: impl Into<String>, structured: Value) -> Self {
        Self { text: text.into(), structured: Some(structured) }
    }
}

/// Why a tool could not do its work. Goes to the model as `isError`, so each message says what to change.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    /// A required argument is absent.
    #[error("argument {name:?} is missing: give {expected}")]
    Missing { name: String, expected: &'static str },
    /// An argument of another type.
    #[error("argument {name:?} must be {expected}, not {got}")]
    WrongType { name: String, expected: &'static str, got: String },
    /// A number out of its range.
    #[error("argument {name:?} is {got}, but must be from {min} to {max}")]
    OutOfRange { name: String, got: String, min: String, max: String },
    /// A word that is not one of the few allowed.
    #[error("argument {name:?} is {got:?}, but must be one of: {allowed}")]
    NotOneOf { name: String, got: String, allowed: String },
    /// An argument that the tool does not have.
    #[error("there is no argument {name:?}; known are: {known}")]
    UnknownArgument { name: String, known: String },
    /// The arguments are no JSON object.
    #[error("the arguments must be a JSON object")]
    NoObject,
    /// An argument of the right type that cannot be used.
    #[error("argument {name:?} cannot be used: {why}")]
    Unusable { name: &'static str, why: String },
    /// Something that was named does not exist.
    #[error("{what} was not found; {hint}")]
    NotFound { what: String, hint: String },
    /// The server was started without a folder.
    #[error("this server has no folder to work in; start it with --folder DIR")]
    NoFolder,
    /// A path leads out of the folder.
    #[error("path {path:?} is refused: {why}; use a path inside the folder, like \"reports/2026.txt\"")]
    PathRefused { path: String, why: &'static str },
    /// The system refused.
    #[error("cannot {doing} {path:?}: {source}")]
    File { doing: &'static str, path: String, source: io::Error },
}
