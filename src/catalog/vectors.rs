//! Vectors, keyed by what was embedded and by which model: an unchanged text is never embedded twice.

use std::collections::HashMap;
use std::sync::Arc;

use rusqlite::{OptionalExtension, params};
use sha2::{Digest, Sha256};

use super::{Catalog, Error};

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
    /// The vectors that are there, of those asked for. One whose length is not `dimensions` counts as missing.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn vectors(
        &self,
        model: &str,
        dimensions: usize,
        texts: &[TextHash],
    ) -> Result<HashMap<TextHash, Arc<[f32]>>, Error> {
        let connection = self.lock();
        let work = || {
            let mut find =
                connection.prepare_cached("SELECT vector FROM vectors WHERE text_hash = ?1 AND model = ?2")?;
            let mut found = HashMap::with_capacity(texts.len());
            for hash in texts {
                let bytes: Option<Vec<u8>> = find.query_row(params![hash.0, model], |row| row.get(0)).optional()?;
                if let Some(bytes) = bytes.filter(|bytes| bytes.len() == dimensions * 4) {
                    found.insert(*hash, from_bytes(&bytes));
                }
            }
            Ok(found)
        };
        work().map_err(|source| self.fault("reading vectors", source))
    }

    /// Keeps vectors.
    ///
    /// # Errors
    /// When they cannot be written; then none is.
    pub fn put_vectors(&self, model: &str, vectors: &[(TextHash, &[f32])]) -> Result<(), Error> {
        self.write("writing vectors", |transaction| {
            let mut insert = transaction.prepare_cached(
                "INSERT INTO vectors (text_hash, model, vector) VALUES (?1, ?2, ?3)
                 ON CONFLICT (text_hash, model) DO UPDATE SET vector = excluded.vector",
            )?;
            for (hash, vector) in vectors {
                let bytes: Vec<u8> = vector.iter().flat_map(|value| value.to_le_bytes()).collect();
                insert.execute(params![hash.0, model, bytes])?;
            }
            Ok(())
        })
    }

    /// Forgets vectors of this model that are not among `kept`, and vectors of other models. Gives how many.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn retain_vectors(&self, model: &str, kept: &[TextHash]) -> Result<usize, Error> {
        self.write("forgetting vectors", |transaction| {
            transaction
                .execute_batch("CREATE TEMP TABLE IF NOT EXISTS kept (hash BLOB PRIMARY KEY); DELETE FROM kept;")?;
            let mut insert = transaction.prepare("INSERT OR IGNORE INTO kept (hash) VALUES (?1)")?;
            for hash in kept {
                insert.execute([hash.0])?;
            }
            transaction
                .execute("DELETE FROM vectors WHERE model <> ?1 OR text_hash NOT IN (SELECT hash FROM kept)", [model])
        })
    }
}

fn from_bytes(bytes: &[u8]) -> Arc<[f32]> {
    bytes.as_chunks::<4>().0.iter().map(|four| f32::from_le_bytes(*four)).collect()
}
