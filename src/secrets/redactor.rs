//! Hides the secrets that this process has seen, wherever it writes.

use std::borrow::Cow;
use std::collections::{BTreeSet, VecDeque};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError, RwLock};

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};

use super::{forms, is_secret_name, password_in_address};

/// What stands in the place of a secret.
pub const MASK: &str = "[hidden]";

/// Values shorter than this are not hidden: hiding "1" or "true" would garble every message.
const SECRET_CHARS_MIN: usize = 6;
/// Values that are remembered; the oldest go. A guess: 200 servers with ten secrets each.
const VALUES_MAX: usize = 2000;
/// Longest end of a cut text that may be the beginning of a secret and is shown nevertheless, in bytes.
const BEGINNING_SHOWN: usize = 3;

static OF_PROCESS: LazyLock<Redactor> = LazyLock::new(Redactor::default);

/// The redactor of this process: what one room learns, all hide. There is one because an error or a log line may be written
/// anywhere, long before or after the room that knows the secret is at hand.
#[must_use]
pub fn redactor() -> &'static Redactor {
    &OF_PROCESS
}

/// Knows secrets and hides them. Costs one atomic read while it knows none. `Debug` shows no value.
#[derive(Default)]
pub struct Redactor {
    /// Whether `search` holds anything; read first.
    knows_some: AtomicBool,
    values: Mutex<VecDeque<String>>,
    search: RwLock<Option<Arc<AhoCorasick>>>,
}

impl std::fmt::Debug for Redactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Redactor").finish_non_exhaustive()
    }
}

impl Redactor {
    /// Hides these values from now on, and their forms in JSON, addresses and base64. Short ones are left out.
    pub fn learn<'a>(&self, values: impl IntoIterator<Item = &'a str>) {
        let mut known = self.values.lock().unwrap_or_else(PoisonError::into_inner);
        let mut is_new = false;
        for value in values {
            let value = value.trim();
            let is_secret = value.chars().count() >= SECRET_CHARS_MIN && !MASK.contains(value);
            if is_secret && !known.iter().any(|one| one == value) {
                known.push_back(value.to_owned());
                is_new = true;
            }
        }
        if !is_new {
            return;
        }
        while known.len() > VALUES_MAX {
            known.pop_front();
        }
        let patterns: BTreeSet<String> = known
            .iter()
            .flat_map(|value| forms::of(value))
            .filter(|form| form.chars().count() >= SECRET_CHARS_MIN && !MASK.contains(form.as_str()))
            .collect();
        // All matches are wanted, also those that overlap: of two secrets that share letters no part may stay.
        let search = AhoCorasick::builder()
            .match_kind(MatchKind::Standard)
            .kind(Some(AhoCorasickKind::ContiguousNFA))
            .build(&patterns);
        match search {
            Ok(search) => {
                *self.search.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(search));
                self.knows_some.store(true, Ordering::Release);
            }
            // Gigabytes of secrets: the size limits of files exclude that.
            Err(fault) => tracing::error!(error = %fault, "secrets of a server cannot be hidden in logs"),
        }
    }

    /// The same for variables whose names say that they are secret, and for passwords in addresses. A path to a file that
    /// exists is none, whatever its variable is called.
    pub fn learn_variables<'a>(&self, variables: impl IntoIterator<Item = (&'a str, &'a str)>) {
        let is_path = |value: &str| Path::new(value).is_absolute() && Path::new(value).exists();
        let secret = variables.into_iter().flat_map(|(name, value)| {
            let whole = Some(value).filter(|value| is_secret_name(name) && !is_path(value));
            [whole, password_in_address(value)].into_iter().flatten()
        });
        self.learn(secret.collect::<Vec<_>>());
    }

    /// The text with every known secret replaced by [`MASK`].
    #[must_use]
    pub fn redact<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let Some(search) = self.search() else { return Cow::Borrowed(text) };
        let spans = spans(&search, text.as_bytes());
        if spans.is_empty() {
            return Cow::Borrowed(text);
        }
        let mut clean = String::with_capacity(text.len());
        let mut at = 0;
        for (start, end) in spans {
            clean.push_str(&text[at..start]);
            clean.push_str(MASK);
            at = end;
        }
        clean.push_str(&text[at..]);
        Cow::Owned(clean)
    }

    /// The same for a text that was cut off: the beginning of a secret at its end is hidden too.
    #[must_use]
    pub fn redact_cut<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let clean = self.redact(text);
        let known = self.values.lock().unwrap_or_else(PoisonError::into_inner);
        let ends_with = |value: &String| {
            let starts = value.char_indices().map(|(at, _)| at).skip_while(|at| *at <= BEGINNING_SHOWN);
            starts.filter(|at| clean.ends_with(&value[..*at])).last()
        };
        match known.iter().filter_map(ends_with).max() {
            Some(len) => Cow::Owned(format!("{}{MASK}", &clean[..clean.len() - len])),
            None => clean,
        }
    }

    /// The same for bytes, such as a log line on its way out; what is no UTF-8 passes as it is.
    #[must_use]
    pub fn redact_bytes<'t>(&self, bytes: &'t [u8]) -> Cow<'t, [u8]> {
        let Some(search) = self.search() else { return Cow::Borrowed(bytes) };
        let spans = spans(&search, bytes);
        if spans.is_empty() {
            return Cow::Borrowed(bytes);
        }
        let mut clean = Vec::with_capacity(bytes.len());
        let mut at = 0;
        for (start, end) in spans {
            clean.extend_from_slice(&bytes[at..start]);
            clean.extend_from_slice(MASK.as_bytes());
            at = end;
        }
        clean.extend_from_slice(&bytes[at..]);
        Cow::Owned(clean)
    }

    fn search(&self) -> Option<Arc<AhoCorasick>> {
        if !self.knows_some.load(Ordering::Acquire) {
            return None;
        }
        self.search.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Where secrets stand, from left to right; those that overlap or touch are one.
fn spans(search: &AhoCorasick, bytes: &[u8]) -> Vec<(usize, usize)> {
    let mut found: Vec<(usize, usize)> =
        search.find_overlapping_iter(bytes).map(|one| (one.start(), one.end())).collect();
    found.sort_unstable();
    let mut spans: Vec<(usize, usize)> = Vec::new();
    for (start, end) in found {
        match spans.last_mut() {
            Some(last) if start <= last.1 => last.1 = last.1.max(end),
            _ => spans.push((start, end)),
        }
    }
    spans
}
