//! What cannot be written into a service's file.

/// A path or an argument does not fit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It has a control character in it.
    #[error("{text:?} has a control character in it and cannot stand in a service's file; use another folder")]
    ControlCharacter {
        /// As it is.
        text: String,
    },
    /// It is no text.
    #[error("a path is no valid text and cannot stand in a service's file; use another folder")]
    NoText,
}
