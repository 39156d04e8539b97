//! Routes one's own history again, with today's tools, settings and lessons. Runs nothing, starts nothing, notes nothing.

use serde_json::{Map, Value};

use crate::domain::ToolKey;
use crate::history::StoredRoute;
use crate::router::{self, RankOptions};

use super::{Error, Operations};

/// A route of the past, and where it would go today.
#[derive(Debug, Clone)]
pub struct Replayed {
    /// As it was.
    pub stored: StoredRoute,
    /// The first tool today.
    pub first: Option<ToolKey>,
    /// That it is right, 0..=1.
    pub confidence: f32,
}

impl Operations {
    /// Every route that is kept, oldest first. A lesson that came from a route does not count for that route, so that nothing
    /// is measured by what it was learned from.
    ///
    /// # Errors
    /// When no history is kept or it cannot be read, or a request cannot be embedded.
    pub async fn replay_history(&self) -> Result<Vec<Replayed>, Error> {
        let stored = self.kept_history()?.routes().await?;
        let known = self.known().await;
        let mut replayed = Vec::with_capacity(stored.len());
        for stored in stored {
            let vector = self.vectors.vector(&stored.route.request).await?;
            let learned = self.learning.shifts(&known, &vector, Some(&stored.route.id)).await;
            // Ranking looks at the parameters' names alone.
            let names = stored.route.params.iter().map(|name| (name.clone(), Value::Null));
            let params = Value::Object(names.collect::<Map<_, _>>());
            let options = RankOptions {
                k: 1,
                params: Some(&params),
                allowed: None,
                words_weight: self.settings.words_weight,
                learned: &learned,
            };
            let ranking = router::rank(&known.snapshot, &stored.route.request, &vector, &options);
            let first = ranking.candidates.first().map(|found| known.snapshot.entries()[found.entry].tool.key.clone());
            replayed.push(Replayed { stored, first, confidence: ranking.is_right.value() });
        }
        Ok(replayed)
    }
}
