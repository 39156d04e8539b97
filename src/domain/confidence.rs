//! A probability that a routing decision is right.

use serde::{Deserialize, Serialize};

/// A calibrated probability in 0..=1. Invariant: finite and inside that range.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Confidence(f32);

impl Confidence {
    /// No confidence at all.
    pub const NONE: Self = Self(0.0);
    /// Certainty: the caller named the tool.
    pub const CERTAIN: Self = Self(1.0);

    /// Clamps into 0..=1; what is not a number becomes 0.
    #[must_use]
    pub fn new(value: f32) -> Self {
        if value.is_nan() { Self::NONE } else { Self(value.clamp(0.0, 1.0)) }
    }

    /// The probability, 0..=1.
    #[must_use]
    pub fn value(self) -> f32 {
        self.0
    }
}
