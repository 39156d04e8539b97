//! The wall clock. Rooms get it from here, so that tests can give them another.

/// Milliseconds since 1970-01-01T00:00:00Z, now; 0 on a system whose clock stands before that.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the one place where the wall clock is read in milliseconds")]
pub fn now_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
