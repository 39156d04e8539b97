//! The keys of a running process: held in memory, read again when the file has changed, and their use noted now and then.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::domain::{Moment, Scope, error_chain};

use super::Error;
use super::file::{KeyFile, Stamp, StoredKey};
use super::key::{self, SecretHash};

/// From one look at the file to the next: what was revoked works that long. A look is one system call.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// A use within that time of the one that was noted is not noted: nobody asks more precisely, and each note writes the file.
const NOTED_EVERY_MS: i64 = 60_000;

/// Who has which key, for who asks for keys.
pub struct KeyRing {
    file: KeyFile,
    held: Mutex<Held>,
}

/// Who holds a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// What he is called.
    pub name: Arc<str>,
    /// What he may do.
    pub scope: Scope,
}

/// What a shown key is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Good.
    Known(Holder),
    /// It was good.
    Expired,
    /// None, or one that was revoked.
    Unknown,
}

struct Held {
    stamp: Option<Stamp>,
    /// The last reading failed, for a reason that the stamp need not show: its mode, or no descriptor to be had.
    is_unread: bool,
    looked: Instant,
    keys: HashMap<String, HeldKey>,
}

struct HeldKey {
    holder: Holder,
    hash: SecretHash,
    expires: Option<Moment>,
    /// As the file has it, or later.
    last_used: Option<Moment>,
    /// As the file has it.
    noted: Option<Moment>,
}

impl std::fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeyRing").field("file", &self.file).finish_non_exhaustive()
    }
}

impl KeyRing {
    /// Reads the keys. A file that is not there has none, and may come. Blocks for one small file.
    ///
    /// # Errors
    /// As [`KeyFile::list`].
    pub fn open(file: KeyFile) -> Result<Self, Error> {
        let stamp = file.stamp();
        let keys = held(file.list()?, &HashMap::new());
        Ok(Self { file, held: Mutex::new(Held { stamp, is_unread: false, looked: Instant::now(), keys }) })
    }

    /// Whether there is no key that is good at that moment.
    #[must_use]
    pub fn is_empty(&self, now: Moment) -> bool {
        self.held().keys.values().all(|key| is_over(key, now))
    }

    /// What that key is. Looks at the file first when the last look was a while ago, and reads it when it has changed.
    pub fn check(&self, shown: &str, now: Moment) -> Verdict {
        let mut held = self.held();
        if held.looked.elapsed() >= LOOK_EVERY {
            held.looked = Instant::now();
            self.look(&mut held);
        }
        let Some((id, secret)) = key::parts(shown) else { return Verdict::Unknown };
        let hash = key::hash(secret);
        let Some(key) = held.keys.get_mut(id) else { return Verdict::Unknown };
        if !key::is_same(&key.hash, &hash) {
            return Verdict::Unknown;
        }
        if is_over(key, now) {
            return Verdict::Expired;
        }
        key.last_used = key.last_used.max(Some(now));
        Verdict::Known(key.holder.clone())
    }

    /// Writes down which keys were used since the last time; nothing when none was. To be called about once a minute, and at the end.
    /// Blocks for one small file.
    ///
    /// # Errors
    /// When the file cannot be changed; then the next call tries it again.
    pub fn write_used(&self) -> Result<(), Error> {
        let is_due = |key: &HeldKey| {
            key.last_used.is_some_and(|used| key.noted.is_none_or(|noted| used.0 - noted.0 >= NOTED_EVERY_MS))
        };
        let used: Vec<(String, Moment)> = {
            let held = self.held();
            let due = held.keys.iter().filter(|(_, key)| is_due(key));
            due.filter_map(|(id, key)| Some((id.clone(), key.last_used?))).collect()
        };
        if used.is_empty() {
            return Ok(());
        }
        self.file.note_used(&used)?;
        let mut held = self.held();
        for (id, moment) in used {
            if let Some(key) = held.keys.get_mut(&id) {
                key.noted = key.noted.max(Some(moment));
            }
        }
        Ok(())
    }

    fn look(&self, held: &mut Held) {
        let stamp = self.file.stamp();
        if stamp == held.stamp && !held.is_unread {
            return;
        }
        match self.file.list() {
            Ok(keys) => {
                if std::mem::take(&mut held.is_unread) {
                    tracing::info!("the API keys can be read again");
                }
                held.keys = self::held(keys, &held.keys);
                tracing::debug!(count = held.keys.len(), "the API keys were read again");
            }
            Err(fault) => {
                // A key that was taken out of a broken file must not go on working.
                if !std::mem::replace(&mut held.is_unread, true) {
                    tracing::error!(error = error_chain(&fault), "no API key is good until the keys can be read");
                }
                held.keys.clear();
            }
        }
        held.stamp = stamp;
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_over(key: &HeldKey, now: Moment) -> bool {
    key.expires.is_some_and(|end| end <= now)
}

/// Keys for looking up; what was used and is not written yet is kept.
fn held(keys: Vec<StoredKey>, before: &HashMap<String, HeldKey>) -> HashMap<String, HeldKey> {
    let each = keys.into_iter().map(|key| {
        let used_before = before.get(&key.id).and_then(|before| before.last_used);
        let held = HeldKey {
            holder: Holder { name: key.name.into(), scope: key.scope },
            hash: key.hash,
            expires: key.expires,
            last_used: key.last_used.max(used_before),
            noted: key.last_used,
        };
        (key.id, held)
    });
    each.collect()
}
