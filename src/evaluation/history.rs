//! Routes of the past against where they would go today.

use serde::Serialize;

use super::metrics::calibration_error;

/// With fewer known answers a calibration error says nothing. A guess.
const LABELLED_MIN: usize = 30;

/// One request, then and now.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ReplayedRoute {
    /// The route's id.
    pub route_id: String,
    /// The request, as it was kept.
    pub request: String,
    /// The first tool then, `server.tool`; `None` where there was none.
    pub before: Option<String>,
    /// That it was right, 0..=1.
    pub confidence_before: f32,
    /// The first tool now.
    pub after: Option<String>,
    /// That it is right, 0..=1.
    pub confidence_after: f32,
    /// The right tool, where it is known from feedback or from what the caller chose.
    pub right: Option<String>,
}

/// What changed, and whether for the better. Figures are fractions of 1; what cannot be measured is null.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct HistoryReport {
    /// Routes that were compared.
    pub routes: usize,
    /// Those whose first tool is the same.
    pub same_first: usize,
    /// The others, oldest first.
    pub changed: Vec<ReplayedRoute>,
    /// Routes whose right tool is known.
    pub labelled: usize,
    /// Share of these whose first tool was right.
    pub p_at_1_before: Option<f64>,
    /// Share of these whose first tool is right now.
    pub p_at_1_after: Option<f64>,
    /// Expected calibration error then, over 10 bins; from 30 known answers on.
    pub ece_before: Option<f64>,
    /// The same now.
    pub ece_after: Option<f64>,
}

/// Compares.
#[must_use]
pub fn compare_history(routes: &[ReplayedRoute]) -> HistoryReport {
    let changed: Vec<ReplayedRoute> = routes.iter().filter(|route| route.before != route.after).cloned().collect();
    let labelled: Vec<&ReplayedRoute> = routes.iter().filter(|route| route.right.is_some()).collect();
    let before: Vec<(f64, bool)> =
        labelled.iter().map(|route| (f64::from(route.confidence_before), route.before == route.right)).collect();
    let after: Vec<(f64, bool)> =
        labelled.iter().map(|route| (f64::from(route.confidence_after), route.after == route.right)).collect();
    let share = |predictions: &[(f64, bool)]| {
        let right = predictions.iter().filter(|(_, is_right)| *is_right).count();
        (!predictions.is_empty()).then(|| right as f64 / predictions.len() as f64)
    };
    let error = |predictions: &[(f64, bool)]| {
        (predictions.len() >= LABELLED_MIN).then(|| calibration_error(predictions)).flatten()
    };
    HistoryReport {
        routes: routes.len(),
        same_first: routes.len() - changed.len(),
        changed,
        labelled: labelled.len(),
        p_at_1_before: share(&before),
        p_at_1_after: share(&after),
        ece_before: error(&before),
        ece_after: error(&after),
    }
}
