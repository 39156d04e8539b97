//! Vectors, keyed by what was embedded and by which model: an unchanged text is never embedded twice.

use std::collections::HashMap;
use std::sync::Arc;

use rusqlite::{OptionalExtension, params};
use sha2::{Digest, Sha256};

use super::{Catalog, Error};

/// Seconds in a day.
const DAY_S: i64 = 86_400;

/// First 16 bytes of a text's SHA-256.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TextHash([u8; 16]);

impl TextHash {
    /// Of this text.
    #[must_use]
    pub fn of(text: &str) -> Self {
        let digest = Sha256::digest(text.as_bytes());
        let mut hash = [0; 16];
        hash.copy_from_slice(&digest[..16]);
        Self(hash)
    }
}

impl Catalog {
    /// The vectors that are there, of those asked for. One whose length is not `dimensions` counts as missing. Marks them
    /// as seen at `now` (Unix seconds), at most once a day.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn vectors(
        &self,
        model: &str,
        dimensions: usize,
        texts: &[TextHash],
        now: i64,
    ) -> Result<HashMap<TextHash, Arc<[f32]>>, Error> {
        let mut found = HashMap::with_capacity(texts.len());
        let mut unmarked = Vec::new();
        let mut work = || {
            let connection = self.lock();
            let mut find =
                connection.prepare_cached("SELECT vector, seen_at FROM vectors WHERE text_hash = ?1 AND model = ?2")?;
            for hash in texts {
                let row: Option<(Vec<u8>, i64)> =
                    find.query_row(params![hash.0, model], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
                if let Some((bytes, seen_at)) = row.filter(|(bytes, _)| bytes.len() == dimensions * 4) {
                    found.insert(*hash, from_bytes(&bytes));
                    if seen_at < now - DAY_S {
                        unmarked.push(*hash);
                    }
                }
            }
            Ok(())
        };
        work().map_err(|source| self.fault("reading vectors", source))?;
        if !unmarked.is_empty() {
            self.write("marking vectors as seen", |transaction| {
                let mut mark = transaction
                    .prepare_cached("UPDATE vectors SET seen_at = ?3 WHERE text_hash = ?1 AND model = ?2")?;
                for hash in &unmarked {
                    mark.execute(params![hash.0, model, now])?;
                }
                Ok(())
            })?;
        }
        Ok(found)
    }

    /// Keeps vectors.
    ///
    /// # Errors
    /// When they cannot be written; then none is.
    pub fn put_vectors(&self, model: &str, vectors: &[(TextHash, &[f32])], now: i64) -> Result<(), Error> {
        self.write("writing vectors", |transaction| {
            let mut insert = transaction.prepare_cached(
                "INSERT INTO vectors (text_hash, model, vector, seen_at) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT (text_hash, model) DO UPDATE SET vector = excluded.vector, seen_at = excluded.seen_at",
            )?;
            for (hash, vector) in vectors {
                let bytes: Vec<u8> = vector.iter().flat_map(|value| value.to_le_bytes()).collect();
                insert.execute(params![hash.0, model, bytes, now])?;
            }
            Ok(())
        })
    }
}

fn from_bytes(bytes: &[u8]) -> Arc<[f32]> {
    bytes.as_chunks::<4>().0.iter().map(|four| f32::from_le_bytes(*four)).collect()
}
