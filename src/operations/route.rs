//! Request in words → ranked tools. Used by the verbs that route; itself it runs nothing.

use std::sync::Arc;

use serde_json::Value;
use tokio::time::Instant;

use crate::domain::{Effect, Stage, Tool, ToolKey};
use crate::reconcile::Known;
use crate::router::{self, Decision, RankOptions, Ranking};

use super::answered::Heard;
use super::{Error, Operations};

/// Candidates that `execute` ranks: more than are ever offered, so that parameters can speak for a lower one.
pub(super) const RANKED: usize = 10;

/// A ranking, and what it is a ranking of.
#[derive(Debug)]
pub struct Routed {
    /// The tools that were there.
    pub known: Arc<Known>,
    /// Which fit.
    pub ranking: Ranking,
    /// What had been answered when it was ranked.
    pub(super) made: Heard,
}

impl Routed {
    /// The tool of the candidate at this place, if there is one.
    #[must_use]
    pub fn tool(&self, place: usize) -> Option<&Arc<Tool>> {
        let candidate = self.ranking.candidates.get(place)?;
        self.known.snapshot.entries().get(candidate.entry).map(|entry| &entry.tool)
    }
}

impl Operations {
    /// Ranks the tools for a request and says what [`Self::execute`] does with that, parameters that do not fit aside: the
    /// one door to both, for those that test the routing without running anything.
    ///
    /// Cancel safe.
    ///
    /// # Errors
    /// As [`Self::route`].
    pub async fn decide(&self, request: &str, params: Option<&Value>) -> Result<(Routed, Decision), Error> {
        let routed = self.route(request, params, RANKED, None).await?;
        let effect = routed.tool(0).map_or(Effect::Write, |tool| tool.effect);
        let decision = router::decide(&routed.ranking, effect, &self.settings.bars);
        Ok((routed, decision))
    }

    /// Ranks the tools for a request. Only tools that `allowed` lets through take part.
    ///
    /// Cancel safe.
    ///
    /// # Errors
    /// When the request is empty or too long, or cannot be embedded.
    pub async fn route(
        &self,
        request: &str,
        params: Option<&Value>,
        k: usize,
        allowed: Option<&(dyn Fn(&ToolKey) -> bool + Sync)>,
    ) -> Result<Routed, Error> {
        let request = self.checked_request(request)?;
        let made = self.answered.now();
        let known = self.known().await;
        if let Some(fault) = &known.fault {
            return Err(Error::Index(fault.clone()));
        }
        let embedding = Instant::now();
        let vector = self.vectors.vector(request).await?;
        self.observers.passed(Stage::Embed, embedding);
        let ranking = Instant::now();
        let learned = self.learning.shifts(&known, &vector, None).await;
        let options = RankOptions {
            k,
            params,
            allowed: allowed.map(|allowed| allowed as &dyn Fn(&ToolKey) -> bool),
            words_weight: self.settings.words_weight,
            learned: &learned,
        };
        let ranked = router::rank(&known.snapshot, request, &vector, &options);
        self.observers.passed(Stage::Rank, ranking);
        Ok(Routed { known, ranking: ranked, made })
    }

    pub(super) fn checked_request<'a>(&self, request: &'a str) -> Result<&'a str, Error> {
        let request = request.trim();
        let chars_max = self.settings.request_chars_max;
        if request.is_empty() {
            let what = "the request is empty: say in words what is to be done, or name a `tool`".to_owned();
            return Err(Error::InvalidInput { what });
        }
        // Bytes first: counting a megabyte of characters would be work for nothing.
        if request.len() > chars_max * 4 || request.chars().count() > chars_max {
            let what = format!(
                "the request is longer than {chars_max} characters (limits.request_chars_max): say what is to be done in \
                 a sentence or two, and put the data into `params`"
            );
            return Err(Error::InvalidInput { what });
        }
        Ok(request)
    }
}
