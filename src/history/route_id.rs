//! Names of routes, for referring to them later.

use std::fmt;
use std::hash::{BuildHasher, RandomState};

/// Letters and digits that are not mistaken for each other: without `l`, `o`, `0` and `1`.
const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
/// Characters behind the `r`: 35 bits, so that whoever guesses hits one of 10,000 routes once in 3 million tries.
const RANDOM_LEN: usize = 7;

/// Names one routed request, `r` and seven of 32 letters and digits. Invariant: of that form.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RouteId(String);

impl RouteId {
    /// One that nobody can guess. A tool's server must not be able to name the route that it was called on.
    #[must_use]
    pub fn random() -> Self {
        // The standard library seeds each of these from the system's randomness; 64 bits of a keyed hash over nothing are
        // as good as random for a name.
        let mut bits = RandomState::new().hash_one(0_u8);
        let mut text = String::with_capacity(1 + RANDOM_LEN);
        text.push('r');
        for _ in 0..RANDOM_LEN {
            text.push(char::from(ALPHABET[(bits & 31) as usize]));
            bits >>= 5;
        }
        Self(text)
    }

    /// Reads one as a model writes it: with white space around it, in capitals. `None` when it cannot be one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim().to_ascii_lowercase();
        let rest = text.strip_prefix('r')?;
        let is_fit = rest.len() == RANDOM_LEN && rest.bytes().all(|byte| ALPHABET.contains(&byte));
        is_fit.then_some(Self(text))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RouteId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}
