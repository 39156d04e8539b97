//! What can be wrong with what an index is built from.

use crate::domain::ToolKey;

/// Why no snapshot was built.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A vector of another length than the model's.
    #[error("a vector of {tool} has {found} dimensions, those of model {model} have {expected}; embed it again")]
    WrongDimensions {
        /// The tool it belongs to.
        tool: ToolKey,
        /// The model that the snapshot is for.
        model: String,
        /// Dimensions of the model.
        expected: usize,
        /// Dimensions found.
        found: usize,
    },
    /// A vector with a number that is not finite, or of a length that is not 1.
    #[error("a vector of {tool} by model {model} is not of length 1 (it is {length}); embed it again")]
    NotUnit {
        /// The tool it belongs to.
        tool: ToolKey,
        /// The model that the snapshot is for.
        model: String,
        /// Its Euclidean length; not a number when one of its numbers is not.
        length: f32,
    },
    /// One key twice: whoever calls must decide which of the two it means.
    #[error("tool {tool} is in the list twice; keep one of them")]
    Duplicate {
        /// The key.
        tool: ToolKey,
    },
    /// More tools than row numbers.
    #[error("{count} tools are more than an index holds ({max})")]
    TooMany {
        /// How many there were.
        count: usize,
        /// How many fit.
        max: usize,
    },
}
