//! The embedder, loaded when it is first needed, and texts embedded on all the cores there are.

use std::sync::{Arc, OnceLock};

use crate::embedder::{self, Embedder, TextKind};

use super::Error;

/// Texts in one batch: small enough that progress is seen, large enough that a batch is worth a thread's while.
const BATCH_LEN: usize = 16;
/// Threads that embed at most: the machine has other work, the servers that are being started.
const THREADS_MAX: usize = 4;

/// An embedder that is opened once, by whoever comes first.
pub struct LazyEmbedder {
    options: embedder::Options,
    opened: OnceLock<Result<Arc<dyn Embedder>, Arc<embedder::Error>>>,
}

impl std::fmt::Debug for LazyEmbedder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LazyEmbedder").field("model", &self.options.model).finish_non_exhaustive()
    }
}

impl LazyEmbedder {
    /// Nothing is loaded yet.
    #[must_use]
    pub fn new(options: embedder::Options) -> Self {
        Self { options, opened: OnceLock::new() }
    }

    /// The embedder. Blocks while it loads: 1 ms for the built-in encoder, up to minutes for one that is downloaded.
    ///
    /// # Errors
    /// Why it cannot be loaded; the same at every later call.
    pub fn get(&self) -> Result<&Arc<dyn Embedder>, Error> {
        let opened = self.opened.get_or_init(|| embedder::open(&self.options).map_err(Arc::new));
        opened.as_ref().map_err(|fault| Error::Embedder(fault.clone()))
    }

    /// The name of the model, as configured.
    #[must_use]
    pub fn model(&self) -> &str {
        &self.options.model
    }
}

/// Embeds documents on several threads; hands each batch of vectors over as it is done, in no particular order, with
/// the position of its first text. Blocks.
pub(super) fn embed_documents(
    embedder: &dyn Embedder,
    texts: &[String],
    threads: usize,
    mut take: impl FnMut(usize, Vec<Vec<f32>>) -> Result<(), Error>,
) -> Result<(), Error> {
    let threads = match threads {
        0 => std::thread::available_parallelism().map_or(1, usize::from).min(THREADS_MAX),
        some => some,
    };
    let batches: Vec<(usize, &[String])> =
        texts.chunks(BATCH_LEN).enumerate().map(|(number, batch)| (number * BATCH_LEN, batch)).collect();
    let next = std::sync::atomic::AtomicUsize::new(0);
    let (sender, receiver) = std::sync::mpsc::sync_channel(THREADS_MAX);
    std::thread::scope(|scope| {
        for _ in 0..threads.min(batches.len()) {
            let (sender, next, batches) = (sender.clone(), &next, &batches);
            scope.spawn(move || {
                while let Some((first, batch)) = batches.get(next.fetch_add(1, std::sync::atomic::Ordering::Relaxed)) {
                    let batch: Vec<&str> = batch.iter().map(String::as_str).collect();
                    let vectors = embedder.embed(TextKind::Document, &batch);
                    if sender.send((*first, vectors)).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        for (first, vectors) in receiver {
            take(first, vectors?)?;
        }
        Ok(())
    })
}
