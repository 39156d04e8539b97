//! The fitted numbers of the ranking, one set for each built-in model: `models/<model>.ranking.json` and, for the base, `.bin`,
//! written by `models/fit_router.py`, which also says on what they were fitted. Compiled in and read once.

use std::sync::LazyLock;

use serde::Deserialize;

use super::calibration::{FEATURE_NAMES, Features};

/// A model that was taught to route needs no shift: learned for one, it was worth nothing on sets left out (docs/routing.md).
const ROUTER: (&str, &[u8]) = (include_str!("../../models/router-v1.ranking.json"), &[]);
const BASE: (&str, &[u8]) = (
    include_str!("../../models/all-minilm-l6-v2.ranking.json"),
    include_bytes!("../../models/all-minilm-l6-v2.ranking.bin"),
);

static MODELS: LazyLock<[Fitted; 2]> = LazyLock::new(|| {
    [ROUTER, BASE].map(|(numbers, shift)| {
        // Both are part of the program, and a test reads them.
        let file: File = serde_json::from_str(numbers).expect("models/*.ranking.json is what fit_router.py writes");
        Fitted::new(file, shift).expect("models/*.ranking.json and .bin fit the code")
    })
});

/// All fitted numbers, checked: every name is known and every number finite.
#[derive(Debug)]
pub(super) struct Fitted {
    /// What the evidence beyond the two scores is worth, in cosines.
    pub(super) weights: Weights,
    is_right: Logistic,
    is_any: Logistic,
    model: String,
    shift: Option<Shift>,
}

/// The matrix that moves requests.
#[derive(Debug)]
struct Shift {
    dimensions: usize,
    /// One factor per row.
    scales: Vec<f32>,
    /// `dimensions` rows of as many steps.
    steps: &'static [u8],
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
    /// Of the tool's words, beyond what the ranking's first step gives them.
    #[serde(default)]
    pub(super) words: f32,
    /// Of what its required parameters take off, beyond what the first step takes off; -1: they take off nothing.
    #[serde(default)]
    pub(super) demand: f32,
}

#[derive(Debug, Deserialize)]
struct File {
    model: String,
    weights: Weights,
    is_right: LogisticText,
    is_any: LogisticText,
    shift: Option<ShiftText>,
}

#[derive(Debug, Deserialize)]
struct LogisticText {
    features: Vec<String>,
    coefficients: Vec<f32>,
    constant: f32,
}

#[derive(Debug, Deserialize)]
struct ShiftText {
    dimensions: usize,
}

/// A logistic model over [`Features`].
#[derive(Debug)]
struct Logistic {
    coefficients: [f32; FEATURE_NAMES.len()],
    constant: f32,
}

/// The numbers that were fitted with vectors of this model; for any other those of the base model, which is a general sentence
/// model as the others are. A snapshot's model has its hash behind the name.
pub(super) fn fitted(model: &str) -> &'static Fitted {
    let [router, base] = &*MODELS;
    if router.is_for(model) { router } else { base }
}

impl Fitted {
    /// `None` when something does not fit the code.
    fn new(file: File, shift: &'static [u8]) -> Option<Self> {
        let File { model, weights, is_right, is_any, shift: about } = file;
        let shift = match about {
            Some(about) => Some(Shift::new(&about, shift)?),
            None if weights.shift == 0.0 => None,
            None => return None,
        };
        let all = [
            weights.request_in_any,
            weights.request_in_parameters,
            weights.server,
            weights.shift,
            weights.words,
            weights.demand,
        ];
        let fits = all.iter().all(|number| number.is_finite());
        let (is_right, is_any) = (Logistic::new(&is_right)?, Logistic::new(&is_any)?);
        fits.then_some(Self { weights, is_right, is_any, model, shift })
    }

    /// The probability that the first is the right one, given that one is.
    pub(super) fn is_right(&self, features: &Features) -> f32 {
        self.is_right.probability(features)
    }

    /// The probability that any tool serves the request.
    pub(super) fn is_any(&self, features: &Features) -> f32 {
        self.is_any.probability(features)
    }

    /// Whether it was fitted with vectors of this model.
    pub(super) fn is_for(&self, model: &str) -> bool {
        model.strip_prefix(&self.model).is_some_and(|rest| rest.is_empty() || rest.starts_with('@'))
    }

    /// What requests are moved by towards the tools that serve them: a vector whose product with a tool's vector is what
    /// its cosine should have been more. Learned for one model; `None` for any other.
    pub(super) fn shift(&self, model: &str, vector: &[f32]) -> Option<Vec<f32>> {
        let shift = self.shift.as_ref().filter(|shift| self.is_for(model) && vector.len() == shift.dimensions)?;
        Some(shift.times(vector))
    }
}

impl Shift {
    /// `None` when the bytes are no such matrix.
    fn new(about: &ShiftText, bytes: &'static [u8]) -> Option<Self> {
        let dimensions = about.dimensions;
        let (scales, steps) = bytes.split_at_checked(dimensions * 4)?;
        let scales: Vec<f32> =
            scales.chunks_exact(4).map(|four| f32::from_le_bytes([four[0], four[1], four[2], four[3]])).collect();
        let fits = steps.len() == dimensions * dimensions && scales.iter().all(|number| number.is_finite());
        fits.then_some(Self { dimensions, scales, steps })
    }

    fn times(&self, vector: &[f32]) -> Vec<f32> {
        let mut out = vec![0.0_f32; self.dimensions];
        for ((number, scale), row) in vector.iter().zip(&self.scales).zip(self.steps.chunks_exact(self.dimensions)) {
            let factor = number * scale;
            // Each byte is a signed step.
            out.iter_mut().zip(row).for_each(|(sum, step)| *sum += factor * f32::from(step.cast_signed()));
        }
        out
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

    const MODELS: [((&str, &[u8]), &str); 2] =
        [(ROUTER, "builtin/router-v1"), (BASE, "builtin/all-minilm-l6-v2@0123456789abcdef")];

    fn read(numbers: (&str, &'static [u8]), change: impl FnOnce(&mut serde_json::Value)) -> Option<Fitted> {
        let mut text: serde_json::Value = serde_json::from_str(numbers.0).unwrap();
        change(&mut text);
        Fitted::new(serde_json::from_value(text).ok()?, numbers.1)
    }

    #[test]
    fn the_shipped_numbers_fit_the_code() {
        for (numbers, model) in MODELS {
            assert!(read(numbers, |_| {}).is_some());
            let text: serde_json::Value = serde_json::from_str(numbers.0).unwrap();
            for field in ["what", "script", "sets", "date", "figures"] {
                assert!(!text[field].is_null(), "the ranking's numbers for {model} say nothing about {field}");
            }
            assert!(fitted(model).is_for(model));
        }
    }

    #[test]
    fn numbers_that_do_not_fit_are_refused() {
        assert!(read(ROUTER, |text| text["is_right"]["features"][0] = "luck".into()).is_none());
        assert!(read(ROUTER, |text| text["is_any"]["coefficients"] = serde_json::json!([1.0])).is_none());
        assert!(read(ROUTER, |text| text["weights"]["luck"] = 1.0.into()).is_none());
        assert!(read(ROUTER, |text| text["weights"]["shift"] = 1.0.into()).is_none());
        assert!(read(BASE, |text| text["shift"]["dimensions"] = 383.into()).is_none());
    }

    #[test]
    fn only_the_model_that_it_was_learned_for_is_shifted() {
        let vector = vec![0.05; 384];
        let base = MODELS[1].1;
        let shift = fitted(base).shift(base, &vector).unwrap();
        assert!(shift.iter().all(|number| number.is_finite()) && shift.iter().any(|number| *number != 0.0));
        assert!(fitted(base).shift(base, &vector[1..]).is_none());
        for other in ["another", "builtin/router-v10", "builtin/all-minilm-l6-v2-mine@01"] {
            assert!(!fitted(other).is_for(other));
            assert!(fitted(other).shift(other, &vector).is_none());
        }
    }
}
