//! A moment of the wall clock as text: RFC 3339 in UTC, with milliseconds, as logs and manifests have it.

use std::fmt;

/// Milliseconds in a day.
const DAY_MS: i64 = 86_400_000;

/// Milliseconds since 1970-01-01T00:00:00Z. Its text is `2026-11-21T14:23:58.123Z`; years outside 0 to 9999 have no such text
/// and are shown as the nearest that has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Moment(pub i64);

impl Moment {
    /// From its text, exactly as [`Moment`] writes it, or without the fraction.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.strip_suffix('Z')?;
        let (text, fraction) = text.split_once('.').unwrap_or((text, "000"));
        let is_shaped = text.len() == 19 && fraction.len() == 3 && text.is_ascii();
        if !is_shaped
            || [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')]
                .iter()
                .any(|(at, sign)| text.as_bytes()[*at] != *sign)
        {
            return None;
        }
        let number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse::<i64>().ok())?;
        let (year, month, day) = (number(&text[..4])?, number(&text[5..7])?, number(&text[8..10])?);
        let (hour, minute, second) = (number(&text[11..13])?, number(&text[14..16])?, number(&text[17..])?);
        let is_possible =
            (1..=12).contains(&month) && (1..=31).contains(&day) && hour < 24 && minute < 60 && second < 61;
        let seconds = (hour * 60 + minute) * 60 + second;
        is_possible.then_some(Self(days_before(year, month, day) * DAY_MS + seconds * 1000 + number(fraction)?))
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let first = days_before(0, 1, 1) * DAY_MS;
        let last = days_before(10_000, 1, 1) * DAY_MS - 1;
        let at = self.0.clamp(first, last);
        let (year, month, day) = date(at.div_euclid(DAY_MS));
        let ms = at.rem_euclid(DAY_MS);
        let (hour, minute, second) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1000 % 60);
        let text = format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:03}Z", ms % 1000);
        f.pad(&text)
    }
}

/// Days from 1970-01-01 to that date of the Gregorian calendar. Years are counted from March, so that the leap day is the
/// last day of a year.
fn days_before(year: i64, month: i64, day: i64) -> i64 {
    let year = if month > 2 { year } else { year - 1 };
    let months = (month + 9) % 12;
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    year * 365 + leap_days + (months * 153 + 2) / 5 + day - 1 - 719_468
}

/// Year, month and day of the day with that number.
fn date(days: i64) -> (i64, i64, i64) {
    // The first guess is a year or two off, since years are a little longer.
    let mut year = days.div_euclid(365) + 1970;
    while days_before(year, 1, 1) > days {
        year -= 1;
    }
    while days_before(year + 1, 1, 1) <= days {
        year += 1;
    }
    let month = (1..=12).rev().find(|month| days_before(year, *month, 1) <= days).unwrap_or(1);
    (year, month, days - days_before(year, month, 1) + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_written_and_read_as_rfc_3339() {
        let check = |ms: i64, expected: &str| {
            assert_eq!(Moment(ms).to_string(), expected);
            assert_eq!(Moment::parse(expected), Some(Moment(ms)), "{expected}");
        };
        check(0, "1970-01-01T00:00:00.000Z");
        check(-1, "1969-12-31T23:59:59.999Z");
        check(951_826_554_001, "2000-02-29T12:15:54.001Z");
        check(1_709_164_800_000, "2024-02-29T00:00:00.000Z");
        check(1_709_251_199_999, "2024-02-29T23:59:59.999Z");
        check(4_107_542_400_000, "2100-03-01T00:00:00.000Z");
        check(253_402_300_799_999, "9999-12-31T23:59:59.999Z");
        assert_eq!(Moment(i64::MAX).to_string(), "9999-12-31T23:59:59.999Z");
        assert_eq!(Moment(i64::MIN).to_string(), "0000-01-01T00:00:00.000Z");
        assert_eq!(Moment::parse("2024-02-29T00:00:00Z"), Some(Moment(1_709_164_800_000)));
    }

    #[test]
    fn every_day_of_eight_centuries_comes_back() {
        for day in -150_000..150_000_i64 {
            let (year, month, of_month) = date(day);
            assert!((1..=12).contains(&month) && (1..=31).contains(&of_month), "{day}: {year}-{month}-{of_month}");
            assert_eq!(days_before(year, month, of_month), day);
        }
    }

    #[test]
    fn what_is_no_moment_is_refused() {
        let check = |text: &str| assert_eq!(Moment::parse(text), None, "{text}");
        check("");
        check("2024-13-01T00:00:00Z");
        check("2024-01-01T24:00:00Z");
        check("2024-01-01 00:00:00Z");
        check("2024-01-01T00:00:00+01:00");
        check("2024-01-01T00:00:00.1Z");
        check("2024-01-01T00:00:+1.000Z");
        check("2024-01-01T00:00:0ö.000Z");
    }
}
