//! What was measured, as it is printed and as it is written.

use std::path::PathBuf;

use serde::Serialize;

use super::metrics::mean;

/// All sets and their mean. Figures are fractions of 1; what cannot be measured is null.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// One per folder that has requests, in the order given.
    pub sets: Vec<SetReport>,
    /// The plain mean over the sets, each counting once.
    pub mean: Mean,
    /// Folders left out because they have no requests.
    #[serde(skip)]
    pub skipped: Vec<PathBuf>,
}

/// The figures of one folder.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SetReport {
    /// The folder's name.
    pub name: String,
    /// Tools in it.
    pub tools: usize,
    /// Requests in it, without those that no tool serves.
    pub queries: usize,
    /// The figures.
    #[serde(flatten)]
    pub figures: Mean,
}

/// The figures of one folder, or their mean over all where they could be measured.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Mean {
    /// The first tool is a right one.
    pub p_at_1: Option<f64>,
    /// Groups of right tools found at place 1.
    pub r_at_1: Option<f64>,
    /// Groups of right tools found at places 1 to 5.
    pub r_at_5: Option<f64>,
    /// Normalised discounted cumulative gain over 10 places.
    pub ndcg_at_10: Option<f64>,
    /// The first tool is of a right server; null with only one server.
    pub server_p_at_1: Option<f64>,
    /// How well `is_right` tells right first tools from wrong ones.
    pub auroc_right_wrong: Option<f64>,
    /// How well `is_any` tells requests from those that no tool serves.
    pub auroc_no_tool: Option<f64>,
    /// Share of those that no tool serves that pass where 95 % of the others pass.
    pub fpr_at_95: Option<f64>,
    /// Expected calibration error of `is_right`, 10 bins.
    pub ece: Option<f64>,
}

impl Mean {
    /// Over the sets that have the figure.
    pub(super) fn over(sets: &[SetReport]) -> Self {
        let of = |figure: fn(&Self) -> Option<f64>| mean(sets.iter().filter_map(|set| figure(&set.figures)));
        Self {
            p_at_1: of(|figures| figures.p_at_1),
            r_at_1: of(|figures| figures.r_at_1),
            r_at_5: of(|figures| figures.r_at_5),
            ndcg_at_10: of(|figures| figures.ndcg_at_10),
            server_p_at_1: of(|figures| figures.server_p_at_1),
            auroc_right_wrong: of(|figures| figures.auroc_right_wrong),
            auroc_no_tool: of(|figures| figures.auroc_no_tool),
            fpr_at_95: of(|figures| figures.fpr_at_95),
            ece: of(|figures| figures.ece),
        }
    }
}
