//! The fitted numbers of the ranking: `models/router.json` and `models/router.bin`, written by `models/fit_router.py`,
//! which also says on what they were fitted. Compiled in and read once.

use std::sync::LazyLock;

use serde::Deserialize;

use super::calibration::{FEATURE_NAMES, Features};

const NUMBERS: &str = include_str!("../../models/router.json");
const SHIFT: &[u8] = include_bytes!("../../models/router.bin");

static FITTED: LazyLock<Fitted> = LazyLock::new(|| {
    // Both are part of the program, and a test reads them.
    let file: File = serde_json::from_str(NUMBERS).expect("models/router.json is what fit_router.py writes");
    Fitted::new(file, SHIFT).expect("models/router.json and router.bin fit the code")
});

/// All fitted numbers, checked: every name is known and every number finite.
#[derive(Debug)]
pub(super) struct Fitted {
    /// What the evidence beyond the two scores is worth, in cosines.
    pub(super) weights: Weights,
    is_right: Logistic,
    is_any: Logistic,
    model: String,
    dimensions: usize,
    /// One factor per row of `shift`.
    scales: Vec<f32>,
    /// `dimensions` rows of as many numbers.
    shift: &'static [u8],
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Weights {
    /// Of the share of the request that a tool has.
    pub(super) request_in_any: f32,
    /// Of the share that its parameters have.
    pub(super) request_in_parameters: f32,
    /// Of the mean of its server's best three, beyond what the ranking's first step gives it.
    pub(super) server: f32,
    /// Of the shifted request's product with the tool.
    pub(super) shift: f32,
}

#[derive(Debug, Deserialize)]
struct File {
    weights: Weights,
    is_right: LogisticText,
    is_any: LogisticText,
    shift: ShiftText,
}

#[derive(Debug, Deserialize)]
struct LogisticText {
    features: Vec<String>,
    coefficients: Vec<f32>,
    constant: f32,
}

#[derive(Debug, Deserialize)]
struct ShiftText {
    model: String,
    dimensions: usize,
}

/// A logistic model over [`Features`].
#[derive(Debug)]
struct Logistic {
    coefficients: [f32; FEATURE_NAMES.len()],
    constant: f32,
}

/// The fitted numbers.
pub(super) fn fitted() -> &'static Fitted {
    &FITTED
}

impl Fitted {
    /// `None` when something does not fit the code.
    fn new(file: File, shift: &'static [u8]) -> Option<Self> {
        let File { weights, is_right, is_any, shift: about } = file;
        let dimensions = about.dimensions;
        let (scales, shift) = shift.split_at_checked(dimensions * 4)?;
        let scales: Vec<f32> =
            scales.chunks_exact(4).map(|four| f32::from_le_bytes([four[0], four[1], four[2], four[3]])).collect();
        let all = [weights.request_in_any, weights.request_in_parameters, weights.server, weights.shift];
        let fits = shift.len() == dimensions * dimensions && all.iter().chain(&scales).all(|number| number.is_finite());
        fits.then_some(Self {
            weights,
            is_right: Logistic::new(&is_right)?,
            is_any: Logistic::new(&is_any)?,
            model: about.model,
            dimensions,
            scales,
            shift,
        })
    }

    /// The probability that the first is the right one, given that one is.
    pub(super) fn is_right(&self, features: &Features) -> f32 {
        self.is_right.probability(features)
    }

    /// The probability that any tool serves the request.
    pub(super) fn is_any(&self, features: &Features) -> f32 {
        self.is_any.probability(features)
    }

    /// Whether it was fitted with vectors of this model; a snapshot's model has its hash behind the name.
    pub(super) fn is_for(&self, model: &str) -> bool {
        model.starts_with(&self.model)
    }

    /// What requests are moved by towards the tools that serve them: a vector whose product with a tool's vector is what
    /// its cosine should have been more. Learned for one model; `None` for any other.
    pub(super) fn shift(&self, model: &str, vector: &[f32]) -> Option<Vec<f32>> {
        if !self.is_for(model) || vector.len() != self.dimensions {
            return None;
        }
        let mut out = vec![0.0_f32; self.dimensions];
        for ((number, scale), row) in vector.iter().zip(&self.scales).zip(self.shift.chunks_exact(self.dimensions)) {
            let factor = number * scale;
            // Each byte is a signed step.
            out.iter_mut().zip(row).for_each(|(sum, step)| *sum += factor * f32::from(step.cast_signed()));
        }
        Some(out)
    }
}

impl Logistic {
    fn new(text: &LogisticText) -> Option<Self> {
        let mut coefficients = [0.0; FEATURE_NAMES.len()];
        for (name, coefficient) in text.features.iter().zip(&text.coefficients) {
            coefficients[FEATURE_NAMES.iter().position(|known| known == name)?] = *coefficient;
        }
        let is_finite = coefficients.iter().all(|number| number.is_finite()) && text.constant.is_finite();
        let fits = is_finite && text.features.len() == text.coefficients.len();
        fits.then_some(Self { coefficients, constant: text.constant })
    }

    fn probability(&self, features: &Features) -> f32 {
        let values = features.values();
        let sum: f32 = values.iter().zip(&self.coefficients).map(|(value, coefficient)| value * coefficient).sum();
        1.0 / (1.0 + (-(sum + self.constant)).exp())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(change: impl FnOnce(&mut serde_json::Value)) -> Option<Fitted> {
        let mut text: serde_json::Value = serde_json::from_str(NUMBERS).unwrap();
        change(&mut text);
        Fitted::new(serde_json::from_value(text).ok()?, SHIFT)
    }

    #[test]
    fn the_shipped_numbers_fit_the_code() {
        assert!(read(|_| {}).is_some());
        let text: serde_json::Value = serde_json::from_str(NUMBERS).unwrap();
        for field in ["what", "script", "sets", "date", "figures"] {
            assert!(!text[field].is_null(), "models/router.json says nothing about its {field}");
        }
        assert_eq!(text["shift"]["model"], "builtin/all-minilm-l6-v2");
    }

    #[test]
    fn numbers_that_do_not_fit_are_refused() {
        assert!(read(|text| text["is_right"]["features"][0] = "luck".into()).is_none());
        assert!(read(|text| text["is_any"]["coefficients"] = serde_json::json!([1.0])).is_none());
        assert!(read(|text| text["shift"]["dimensions"] = 383.into()).is_none());
        assert!(read(|text| text["weights"]["luck"] = 1.0.into()).is_none());
    }

    #[test]
    fn only_the_model_that_it_was_learned_for_is_shifted() {
        let fitted = fitted();
        let vector = vec![0.05; fitted.dimensions];
        let shift = fitted.shift("builtin/all-minilm-l6-v2", &vector).unwrap();
        assert!(shift.iter().all(|number| number.is_finite()) && shift.iter().any(|number| *number != 0.0));
        assert!(fitted.shift("another", &vector).is_none());
        assert!(fitted.shift("builtin/all-minilm-l6-v2", &vector[1..]).is_none());
    }
}
