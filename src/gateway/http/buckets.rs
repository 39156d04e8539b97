//! How often each of many may do something: a burst, and then so many a second. One moment is kept of each, and of a bounded number.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Of how many something is kept. A guess: 1 MB. More share one bucket, so that a flood of addresses costs the flood.
const BUCKETS_MAX: usize = 10_000;
/// From one look for buckets that are full again to the next: a look goes through all.
const SWEEP_EVERY: Duration = Duration::from_secs(1);

/// A bucket for each key. Kept as the moment from which it is full again ("generic cell rate algorithm"), which one addition brings
/// forward, so that nothing has to be filled up.
#[derive(Debug)]
pub(super) struct Buckets<K> {
    /// To fill up by one.
    each: Duration,
    /// To fill up from empty.
    whole: Duration,
    held: Mutex<Held<K>>,
}

#[derive(Debug)]
struct Held<K> {
    full_at: HashMap<K, Instant>,
    /// Of those for whom there is no room.
    others: Instant,
    swept: Instant,
}

impl<K: Hash + Eq> Buckets<K> {
    /// Buckets of `burst` that fill up again in `burst / per_s` seconds; both are at least 1 in effect.
    pub(super) fn new(per_s: f64, burst: u32) -> Self {
        let each = Duration::from_secs_f64(1.0 / per_s.clamp(1e-6, 1e9));
        let now = Instant::now();
        let held = Held { full_at: HashMap::new(), others: now, swept: now };
        Self { each, whole: each * burst.max(1), held: Mutex::new(held) }
    }

    /// Takes one out; says how long to wait where there is none.
    pub(super) fn take(&self, key: K) -> Result<(), Duration> {
        let now = Instant::now();
        let mut held = self.held();
        if held.full_at.len() >= BUCKETS_MAX && !held.full_at.contains_key(&key) {
            if now.duration_since(held.swept) >= SWEEP_EVERY {
                held.swept = now;
                held.full_at.retain(|_, full_at| *full_at > now);
            }
            if held.full_at.len() >= BUCKETS_MAX {
                return self.take_at(&mut held.others, now);
            }
        }
        self.take_at(held.full_at.entry(key).or_insert(now), now)
    }

    /// How long until one could be taken out; `None`: now.
    pub(super) fn wait(&self, key: &K) -> Option<Duration> {
        let now = Instant::now();
        let held = self.held();
        let is_full = held.full_at.len() >= BUCKETS_MAX;
        let full_at = held.full_at.get(key).copied().or(is_full.then_some(held.others))?;
        self.missing(full_at.max(now), now)
    }

    fn take_at(&self, full_at: &mut Instant, now: Instant) -> Result<(), Duration> {
        let from = (*full_at).max(now);
        match self.missing(from, now) {
            Some(wait) => Err(wait),
            None => {
                *full_at = from + self.each;
                Ok(())
            }
        }
    }

    fn missing(&self, full_at: Instant, now: Instant) -> Option<Duration> {
        let wait = (full_at + self.each).duration_since(now).saturating_sub(self.whole);
        (!wait.is_zero()).then_some(wait)
    }

    fn held(&self) -> MutexGuard<'_, Held<K>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{BUCKETS_MAX, Buckets};

    #[tokio::test(start_paused = true)]
    async fn a_burst_passes_and_then_so_many_a_second() {
        let buckets = Buckets::new(2.0, 3);
        let check = |key: &str, expected: Result<(), u64>| {
            let wait = buckets.wait(&key.to_owned()).map_or(Ok(()), |wait| Err(wait.as_millis() as u64));
            let taken = buckets.take(key.to_owned()).map_err(|wait| wait.as_millis() as u64);
            assert_eq!((taken, wait), (expected, expected), "{key}");
        };
        check("a", Ok(()));
        check("a", Ok(()));
        check("a", Ok(()));
        check("a", Err(500));
        check("b", Ok(()));
        tokio::time::advance(Duration::from_millis(500)).await;
        check("a", Ok(()));
        check("a", Err(500));
        tokio::time::advance(Duration::from_secs(100)).await;
        check("a", Ok(()));
        check("a", Ok(()));
        check("a", Ok(()));
        check("a", Err(500));
    }

    #[tokio::test(start_paused = true)]
    async fn more_than_there_is_room_for_share_one_bucket() {
        let buckets = Buckets::new(1.0, 2);
        for key in 0..BUCKETS_MAX {
            buckets.take(key).unwrap();
        }
        let check = |key: usize, expected: bool| assert_eq!(buckets.take(key).is_ok(), expected, "{key}");
        check(BUCKETS_MAX, true);
        check(BUCKETS_MAX + 1, true);
        check(BUCKETS_MAX + 2, false);
        assert!(buckets.wait(&(BUCKETS_MAX + 3)).is_some());
        check(0, true);
        tokio::time::advance(Duration::from_secs(2)).await;
        check(BUCKETS_MAX + 2, true);
        assert_eq!(buckets.held().full_at.len(), 1);
    }

    #[tokio::test]
    #[ignore = "measures"]
    async fn what_one_request_pays() {
        let buckets = Buckets::new(1e6, 1_000_000);
        for key in 0..9000_u32 {
            buckets.take(key).unwrap();
        }
        let begun = tokio::time::Instant::now();
        for round in 0..1_000_000_u32 {
            let _taken = std::hint::black_box(buckets.take(round % 1000));
        }
        println!("{} ns", begun.elapsed().as_nanos() / 1_000_000);
    }
}
