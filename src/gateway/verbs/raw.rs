//! JSON that is passed on as it is.

use serde::Serialize;

use super::{Fault, FaultKind};

/// A JSON text. Invariant: it is one, whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawJson(String);

impl RawJson {
    /// What is told, as JSON.
    ///
    /// # Errors
    /// When it has no JSON form, which is a fault of ours.
    pub fn of(told: &impl Serialize) -> Result<Self, Fault> {
        let text = serde_json::to_string(told);
        text.map(Self).map_err(|fault| Fault::new(FaultKind::Internal, format!("the answer has no JSON form: {fault}")))
    }

    /// A text that is known to be JSON: put together from parts that are.
    pub(super) fn known(text: String) -> Self {
        Self(text)
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The text, given away.
    #[must_use]
    pub fn into_string(self) -> String {
        self.0
    }
}
