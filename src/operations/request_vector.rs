//! Request text → vector, off the runtime, with a memory for texts that come again.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::embedder::TextKind;
use crate::reconcile::LazyEmbedder;

use super::Error;

/// Makes and remembers the vectors of requests.
#[derive(Debug)]
pub(super) struct RequestVectors {
    embedder: Arc<LazyEmbedder>,
    seen: Mutex<Seen>,
    len_max: usize,
}

/// The oldest goes first: requests come again soon or not at all.
#[derive(Debug, Default)]
struct Seen {
    vectors: HashMap<Arc<str>, Arc<[f32]>>,
    order: VecDeque<Arc<str>>,
}

impl RequestVectors {
    pub(super) fn new(embedder: Arc<LazyEmbedder>, len_max: usize) -> Self {
        Self { embedder, seen: Mutex::default(), len_max }
    }

    /// What makes the vectors.
    pub(super) fn embedder(&self) -> Arc<LazyEmbedder> {
        self.embedder.clone()
    }

    /// The vector of the text, if it was asked for before.
    pub(super) fn remembered(&self, text: &str) -> Option<Arc<[f32]>> {
        self.lock().vectors.get(text).cloned()
    }

    /// The vector of the text.
    pub(super) async fn vector(&self, text: &str) -> Result<Arc<[f32]>, Error> {
        if let Some(vector) = self.remembered(text) {
            return Ok(vector);
        }
        let embedder = self.embedder.clone();
        let owned = text.to_owned();
        let work = move || -> Result<Arc<[f32]>, crate::reconcile::Error> {
            let mut vectors = embedder.get()?.embed(TextKind::Query, &[&owned])?;
            Ok(vectors.pop().unwrap_or_default().into())
        };
        let done = tokio::task::spawn_blocking(work).await;
        let vector = done.map_err(|_| Error::Broken { doing: "embedding a request" })??;
        self.remember(text, &vector);
        Ok(vector)
    }

    fn remember(&self, text: &str, vector: &Arc<[f32]>) {
        if self.len_max == 0 {
            return;
        }
        let mut seen = self.lock();
        let key: Arc<str> = text.into();
        if seen.vectors.insert(key.clone(), vector.clone()).is_none() {
            seen.order.push_back(key);
        }
        while seen.order.len() > self.len_max {
            if let Some(oldest) = seen.order.pop_front() {
                seen.vectors.remove(&oldest);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
