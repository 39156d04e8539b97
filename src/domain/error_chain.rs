//! Errors for people.

use std::error::Error;

/// An error and its causes in one line, `what: why: why that`. A cause that the text before already tells is left out.
#[must_use]
pub fn error_chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        next = cause.source();
    }
    text.replace(['\n', '\r'], " ")
}
