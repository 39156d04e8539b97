//! Dates of the Gregorian calendar as numbers of days, and times as seconds of a day.

use std::fmt;

/// Seconds of a day.
pub(super) const DAY_S: i64 = 86_400;
/// Years that are accepted. Four digits, so that dates sort as texts.
const YEARS: std::ops::RangeInclusive<i64> = 1..=9999;

/// A day. Invariant: it exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Date {
    pub(super) year: i64,
    /// 1 to 12.
    pub(super) month: i64,
    /// 1 to 31.
    pub(super) day: i64,
}

impl Date {
    /// The day, if it exists.
    pub(super) fn new(year: i64, month: i64, day: i64) -> Option<Self> {
        let exists = YEARS.contains(&year) && (1..=12).contains(&month) && day >= 1 && day <= month_days(year, month);
        exists.then_some(Self { year, month, day })
    }

    /// Reads `YYYY-MM-DD`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.trim().split('-');
        let mut next = || parts.next().filter(|part| part.bytes().all(|b| b.is_ascii_digit()))?.parse().ok();
        let date = Self::new(next()?, next()?, next()?)?;
        parts.next().is_none().then_some(date)
    }

    /// Days since 1970-01-01. Counts years from March, so that the leap day is the last of its year.
    pub(super) fn days(self) -> i64 {
        let year = if self.month <= 2 { self.year - 1 } else { self.year };
        let era = year.div_euclid(400);
        let year_of_era = year.rem_euclid(400);
        let month = (self.month + 9) % 12;
        let day_of_year = (153 * month + 2) / 5 + self.day - 1;
        era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
    }

    /// The opposite of [`Date::days`].
    pub(super) fn from_days(days: i64) -> Self {
        let shifted = days + 719_468;
        let era = shifted.div_euclid(146_097);
        let day_of_era = shifted.rem_euclid(146_097);
        let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted_month = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
        let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        Self { year, month, day }
    }

    /// The same day some months on; the last day of the month where there is no such day.
    pub(super) fn plus_months(self, months: i64) -> Option<Self> {
        let count = self.year * 12 + self.month - 1 + months;
        let (year, month) = (count.div_euclid(12), count.rem_euclid(12) + 1);
        Self::new(year, month, self.day.min(month_days(year, month)))
    }

    /// 0 for Monday to 6 for Sunday.
    pub(super) fn weekday(self) -> i64 {
        (self.days() + 3).rem_euclid(7)
    }

    pub(super) fn weekday_name(self) -> &'static str {
        const NAMES: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
        NAMES[usize::try_from(self.weekday()).unwrap_or_default()]
    }

    /// The number of the week by ISO 8601: the week that holds the year's first Thursday is week 1.
    pub(super) fn iso_week(self) -> i64 {
        let thursday = Self::from_days(self.days() - self.weekday() + 3);
        (thursday.day_of_year() - 1) / 7 + 1
    }

    /// 1 for the first of January.
    pub(super) fn day_of_year(self) -> i64 {
        self.days() - Self { month: 1, day: 1, ..self }.days() + 1
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

/// The days of a month.
pub(super) fn month_days(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Reads `HH:MM` or `HH:MM:SS`, also with am or pm, as seconds of the day.
pub(super) fn parse_time(text: &str) -> Option<i64> {
    let lower = text.trim().to_ascii_lowercase();
    let (digits, half) = match (lower.strip_suffix("am"), lower.strip_suffix("pm")) {
        (Some(digits), _) => (digits.trim(), Some(0)),
        (_, Some(digits)) => (digits.trim(), Some(12)),
        (None, None) => (lower.as_str(), None),
    };
    let parts: Vec<i64> = digits.split(':').map(|part| part.parse().ok()).collect::<Option<_>>()?;
    let (hour, minute, second) = match (parts.as_slice(), half) {
        ([hour], Some(_)) => (*hour, 0, 0),
        ([hour, minute], _) => (*hour, *minute, 0),
        ([hour, minute, second], _) => (*hour, *minute, *second),
        _ => return None,
    };
    let hour = match half {
        Some(half) if (1..=12).contains(&hour) => hour % 12 + half,
        Some(_) => return None,
        None => hour,
    };
    let fits = (0..24).contains(&hour) && (0..60).contains(&minute) && (0..60).contains(&second);
    fits.then_some(hour * 3600 + minute * 60 + second)
}

/// Reads `YYYY-MM-DD HH:MM[:SS]` (or with a T) as seconds since 1970 of a clock that shows this; a date alone is midnight.
pub(super) fn parse_local(text: &str) -> Option<i64> {
    let text = text.trim();
    let (date, time) = text.split_once(['T', 't', ' ']).unwrap_or((text, "00:00"));
    Some(Date::parse(date)?.days() * DAY_S + parse_time(time)?)
}

/// `YYYY-MM-DD HH:MM:SS` of seconds since 1970.
pub(super) fn show_local(seconds: i64) -> String {
    let (date, time) = (Date::from_days(seconds.div_euclid(DAY_S)), seconds.rem_euclid(DAY_S));
    format!("{date} {:02}:{:02}:{:02}", time / 3600, time / 60 % 60, time % 60)
}
