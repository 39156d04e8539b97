//! The tool `describe_numbers`: what can be said about a list of numbers.

use serde_json::json;

use super::answer::{Answer, Fault};
use super::arguments::Arguments;
use super::units::show_number;
use super::world::World;

/// Runs the tool.
#[expect(clippy::cast_precision_loss, reason = "a list has far fewer than 2^53 numbers")]
pub(super) fn describe_numbers(arguments: &Arguments, _world: &World) -> Result<Answer, Fault> {
    let mut numbers = arguments.numbers("numbers")?;
    if numbers.is_empty() {
        return Err(Fault::Unusable { name: "numbers", why: "the list is empty".to_owned() });
    }
    numbers.sort_by(f64::total_cmp);
    let count = numbers.len() as f64;
    let sum: f64 = numbers.iter().sum();
    let mean = sum / count;
    let squares: f64 = numbers.iter().map(|number| (number - mean).powi(2)).sum();
    // Of a sample, as spreadsheets do by default; one number has no deviation.
    let variance = if numbers.len() > 1 { squares / (count - 1.0) } else { 0.0 };
    let (minimum, maximum) = (numbers[0], numbers[numbers.len() - 1]);
    let median = quantile(&numbers, 0.5);
    let mode = mode(&numbers).map_or_else(|| "none".to_owned(), show_number);
    let text = format!(
        "count {}, sum {}, mean {}, median {}, mode {mode}, standard deviation {} (sample), variance {}, minimum {}, lower quartile {}, upper quartile {}, maximum {}",
        numbers.len(),
        show_number(sum),
        show_number(mean),
        show_number(median),
        show_number(variance.sqrt()),
        show_number(variance),
        show_number(minimum),
        show_number(quantile(&numbers, 0.25)),
        show_number(quantile(&numbers, 0.75)),
        show_number(maximum),
    );
    let structured = json!({"count": numbers.len(), "sum": sum, "mean": mean, "median": median, "standard_deviation": variance.sqrt(), "minimum": minimum, "maximum": maximum});
    Ok(Answer::with(text, structured))
}

/// Between the two nearest numbers of a sorted list.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a place in a list is small and not negative"
)]
fn quantile(sorted: &[f64], part: f64) -> f64 {
    let place = part * (sorted.len() - 1) as f64;
    let low = sorted[place.floor() as usize];
    let high = sorted[place.ceil() as usize];
    low + (high - low) * place.fract()
}

/// The number that is there most often, if one is there twice.
fn mode(sorted: &[f64]) -> Option<f64> {
    let groups = sorted.chunk_by(|a, b| a.total_cmp(b).is_eq());
    let best = groups.rev().max_by_key(|group| group.len())?;
    (best.len() > 1).then(|| best[0])
}
