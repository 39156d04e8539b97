//! Time zones: a small table with the rules for summer time that hold today, calculated and not looked up.
//!
//! Rules change by law every year somewhere, so zones whose rules are not a simple sentence (Morocco's Ramadan) or were
//! being changed when this was written (western Canada) are left out rather than told wrongly.

use super::dates::{DAY_S, Date};

/// When clocks are put forward, by an hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Summer {
    Never,
    /// European Union and neighbours: last Sundays of March and October, 01:00 UTC.
    Europe,
    /// United States and neighbours: second Sunday of March, first of November, 02:00 of the clock.
    America,
    /// South-east Australia: first Sundays of October and April, 02:00 standard time.
    Australia,
    /// New Zealand: last Sunday of September, first of April, 02:00 standard time.
    NewZealand,
    /// Chile: first Sundays from the 2nd of September and of April on, 04:00 and 03:00 UTC.
    Chile,
    /// Egypt: last Friday of April, 00:00, to the end of the last Thursday of October.
    Egypt,
    /// Israel: the Friday before March's last Sunday, and October's last Sunday, 02:00 of the clock.
    Israel,
}

/// One zone of the table.
#[derive(Debug, Clone, Copy)]
pub(super) struct Zone {
    /// Its name in the IANA data base.
    pub(super) id: &'static str,
    /// Cities and abbreviations that people use for it, in lower case, divided by commas.
    aliases: &'static str,
    /// Minutes ahead of UTC in winter.
    standard_min: i64,
    summer: Summer,
}

/// A zone of the table, or a fixed distance from UTC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// What to call it in answers.
    pub(super) name: String,
    standard_min: i64,
    summer: Summer,
}

const fn zone(id: &'static str, standard_min: i64, summer: Summer, aliases: &'static str) -> Zone {
    Zone { id, aliases, standard_min, summer }
}

/// The table, from west to east.
pub(super) const ZONES: &[Zone] = &[
    zone("Pacific/Honolulu", -600, Summer::Never, "hawaii,hst"),
    zone("America/Anchorage", -540, Summer::America, "alaska"),
    zone("America/Los_Angeles", -480, Summer::America, "la,san francisco,seattle,las vegas,pacific,pst,pdt,pt"),
    zone("America/Phoenix", -420, Summer::Never, "arizona"),
    zone("America/Denver", -420, Summer::America, "salt lake city,mountain,mst,mdt"),
    zone("America/Mexico_City", -360, Summer::Never, "mexico"),
    zone("America/Chicago", -360, Summer::America, "dallas,houston,austin,central,cst,cdt"),
    zone("America/Bogota", -300, Summer::Never, "colombia"),
    zone("America/Lima", -300, Summer::Never, "peru"),
    zone("America/New_York", -300, Summer::America, "nyc,boston,washington,miami,atlanta,eastern,est,edt,et"),
    zone("America/Toronto", -300, Summer::America, "montreal,ottawa"),
    zone("America/Caracas", -240, Summer::Never, "venezuela"),
    zone("America/Halifax", -240, Summer::America, "atlantic"),
    zone("America/Santiago", -240, Summer::Chile, "chile"),
    zone("America/St_Johns", -210, Summer::America, "newfoundland"),
    zone("America/Sao_Paulo", -180, Summer::Never, "são paulo,rio de janeiro,brasilia,brazil"),
    zone("America/Argentina/Buenos_Aires", -180, Summer::Never, "argentina"),
    zone("America/Montevideo", -180, Summer::Never, "uruguay"),
    zone("Atlantic/Azores", -60, Summer::Europe, ""),
    zone("UTC", 0, Summer::Never, "gmt,z,zulu,coordinated universal time,etc/utc"),
    zone("Atlantic/Reykjavik", 0, Summer::Never, "iceland"),
    zone("Africa/Accra", 0, Summer::Never, "ghana"),
    zone("Europe/London", 0, Summer::Europe, "uk,united kingdom,england,edinburgh,bst"),
    zone("Europe/Dublin", 0, Summer::Europe, "ireland"),
    zone("Europe/Lisbon", 0, Summer::Europe, "portugal"),
    zone("Africa/Lagos", 60, Summer::Never, "nigeria"),
    zone("Europe/Paris", 60, Summer::Europe, "france"),
    zone("Europe/Berlin", 60, Summer::Europe, "germany,munich,hamburg,frankfurt,cet,cest"),
    zone("Europe/Madrid", 60, Summer::Europe, "spain,barcelona"),
    zone("Europe/Rome", 60, Summer::Europe, "italy,milan"),
    zone("Europe/Amsterdam", 60, Summer::Europe, "netherlands"),
    zone("Europe/Brussels", 60, Summer::Europe, "belgium"),
    zone("Europe/Zurich", 60, Summer::Europe, "zürich,switzerland,geneva"),
    zone("Europe/Vienna", 60, Summer::Europe, "austria"),
    zone("Europe/Prague", 60, Summer::Europe, "czech republic"),
    zone("Europe/Warsaw", 60, Summer::Europe, "poland"),
    zone("Europe/Budapest", 60, Summer::Europe, "hungary"),
    zone("Europe/Stockholm", 60, Summer::Europe, "sweden"),
    zone("Europe/Oslo", 60, Summer::Europe, "norway"),
    zone("Europe/Copenhagen", 60, Summer::Europe, "denmark"),
    zone("Africa/Johannesburg", 120, Summer::Never, "south africa,cape town"),
    zone("Africa/Cairo", 120, Summer::Egypt, "egypt"),
    zone("Asia/Jerusalem", 120, Summer::Israel, "tel aviv,israel"),
    zone("Europe/Athens", 120, Summer::Europe, "greece"),
    zone("Europe/Helsinki", 120, Summer::Europe, "finland"),
    zone("Europe/Kyiv", 120, Summer::Europe, "kiev,ukraine"),
    zone("Europe/Bucharest", 120, Summer::Europe, "romania"),
    zone("Europe/Sofia", 120, Summer::Europe, "bulgaria"),
    zone("Europe/Istanbul", 180, Summer::Never, "turkey,ankara"),
    zone("Europe/Moscow", 180, Summer::Never, "msk,saint petersburg"),
    zone("Africa/Nairobi", 180, Summer::Never, "kenya"),
    zone("Asia/Riyadh", 180, Summer::Never, "saudi arabia"),
    zone("Asia/Baghdad", 180, Summer::Never, "iraq"),
    zone("Asia/Tehran", 210, Summer::Never, "iran"),
    zone("Asia/Dubai", 240, Summer::Never, "abu dhabi,united arab emirates"),
    zone("Asia/Kabul", 270, Summer::Never, "afghanistan"),
    zone("Asia/Karachi", 300, Summer::Never, "pakistan,lahore"),
    zone("Asia/Tashkent", 300, Summer::Never, "uzbekistan"),
    zone("Asia/Kolkata", 330, Summer::Never, "india,mumbai,delhi,new delhi,bangalore,calcutta,ist"),
    zone("Asia/Kathmandu", 345, Summer::Never, "nepal"),
    zone("Asia/Dhaka", 360, Summer::Never, "bangladesh"),
    zone("Asia/Yangon", 390, Summer::Never, "myanmar"),
    zone("Asia/Bangkok", 420, Summer::Never, "thailand"),
    zone("Asia/Ho_Chi_Minh", 420, Summer::Never, "saigon,hanoi,vietnam"),
    zone("Asia/Jakarta", 420, Summer::Never, "indonesia"),
    zone("Asia/Shanghai", 480, Summer::Never, "beijing,china,shenzhen"),
    zone("Asia/Hong_Kong", 480, Summer::Never, ""),
    zone("Asia/Taipei", 480, Summer::Never, "taiwan"),
    zone("Asia/Singapore", 480, Summer::Never, "kuala lumpur"),
    zone("Asia/Manila", 480, Summer::Never, "philippines"),
    zone("Australia/Perth", 480, Summer::Never, "western australia"),
    zone("Asia/Tokyo", 540, Summer::Never, "japan,osaka,kyoto,jst"),
    zone("Asia/Seoul", 540, Summer::Never, "korea,south korea"),
    zone("Australia/Adelaide", 570, Summer::Australia, "south australia"),
    zone("Australia/Darwin", 570, Summer::Never, ""),
    zone("Australia/Brisbane", 600, Summer::Never, "queensland"),
    zone("Australia/Sydney", 600, Summer::Australia, "canberra,aest,aedt"),
    zone("Australia/Melbourne", 600, Summer::Australia, "victoria"),
    zone("Australia/Hobart", 600, Summer::Australia, "tasmania"),
    zone("Pacific/Guam", 600, Summer::Never, ""),
    zone("Pacific/Auckland", 720, Summer::NewZealand, "new zealand,wellington"),
    zone("Pacific/Fiji", 720, Summer::Never, ""),
    zone("Pacific/Apia", 780, Summer::Never, "samoa"),
];

impl Zone {
    /// The last part of its name, as people write it.
    pub(super) fn city(&self) -> String {
        self.id.rsplit('/').next().unwrap_or(self.id).replace('_', " ")
    }

    fn is_called(&self, name: &str) -> bool {
        self.id.eq_ignore_ascii_case(name)
            || self.city().eq_ignore_ascii_case(name)
            || self.aliases.split(',').any(|alias| alias == name)
    }
}

/// The place of that name: an IANA name, a city, or a distance like `UTC+5:30`.
pub(super) fn find(name: &str) -> Option<Place> {
    let lower = name.trim().to_lowercase();
    let lower = lower.split(',').next().unwrap_or_default().trim().replace('_', " ");
    if lower.is_empty() {
        return None;
    }
    let found = ZONES.iter().find(|zone| zone.is_called(&lower) || zone.id.replace('_', " ").to_lowercase() == lower);
    let of_zone =
        |zone: &Zone| Place { name: zone.id.to_owned(), standard_min: zone.standard_min, summer: zone.summer };
    found.map(of_zone).or_else(|| fixed(&lower))
}

/// Up to five names that share letters with one that was not found.
pub(super) fn similar(name: &str) -> Vec<&'static str> {
    let lower = name.to_lowercase();
    let start: String = lower.chars().take(3).collect();
    let is_similar = |zone: &&Zone| {
        zone.city().to_lowercase().starts_with(&start) || zone.aliases.split(',').any(|alias| alias.starts_with(&start))
    };
    ZONES.iter().filter(is_similar).map(|zone| zone.id).take(5).collect()
}

fn fixed(lower: &str) -> Option<Place> {
    let rest = lower.strip_prefix("utc").or_else(|| lower.strip_prefix("gmt")).unwrap_or(lower).trim();
    let (sign, digits) = match (rest.strip_prefix('+'), rest.strip_prefix(['-', '−'])) {
        (Some(digits), _) => (1, digits),
        (_, Some(digits)) => (-1, digits),
        (None, None) => return None,
    };
    let (hours, minutes) = match digits.split_once(':') {
        Some((hours, minutes)) => (hours, minutes),
        None if digits.len() == 4 && digits.is_ascii() => digits.split_at(2),
        None => (digits, "0"),
    };
    let (hours, minutes): (i64, i64) = (hours.parse().ok()?, minutes.parse().ok()?);
    let fits = (0..=14).contains(&hours) && (0..60).contains(&minutes);
    let standard_min = sign * (hours * 60 + minutes);
    fits.then(|| Place { name: format!("UTC{}", show_offset(standard_min)), standard_min, summer: Summer::Never })
}

impl Place {
    /// Minutes ahead of UTC at a moment (seconds since 1970 in UTC), and whether that is summer time.
    pub(super) fn offset_min(&self, utc_s: i64) -> (i64, bool) {
        let is_summer = self.is_summer(utc_s);
        (self.standard_min + if is_summer { 60 } else { 0 }, is_summer)
    }

    /// What the clocks there show at a moment.
    pub(super) fn local(&self, utc_s: i64) -> i64 {
        utc_s + self.offset_min(utc_s).0 * 60
    }

    /// The moment at which the clocks there show this. Of two such moments the first; a time that is skipped in spring
    /// counts as if the clock had not been put forward.
    pub(super) fn utc(&self, local_s: i64) -> i64 {
        let winter = local_s - self.standard_min * 60;
        let summer = winter - 3600;
        if self.is_summer(summer) { summer } else { winter }
    }

    fn is_summer(&self, utc_s: i64) -> bool {
        let standard_s = self.standard_min * 60;
        let year = Date::from_days((utc_s + standard_s).div_euclid(DAY_S)).year;
        // Times of day are in standard time of the place, but where the rule itself is in UTC.
        let at = |days: i64, hour: i64| days * DAY_S + hour * 3600 - standard_s;
        let at_utc = |days: i64, hour: i64| days * DAY_S + hour * 3600;
        let (start, end) = match self.summer {
            Summer::Never => return false,
            Summer::Europe => (at_utc(last_sunday(year, 3), 1), at_utc(last_sunday(year, 10), 1)),
            Summer::America => (at(sunday_from(year, 3, 8), 2), at(sunday_from(year, 11, 1), 1)),
            Summer::Australia => (at(sunday_from(year, 10, 1), 2), at(sunday_from(year, 4, 1), 2)),
            Summer::NewZealand => (at(last_sunday(year, 9), 2), at(sunday_from(year, 4, 1), 2)),
            Summer::Chile => (at_utc(sunday_from(year, 9, 2), 4), at_utc(sunday_from(year, 4, 2), 3)),
            Summer::Egypt => (at(last_day(year, 4, 4), 0), at(last_day(year, 10, 3) + 1, -1)),
            Summer::Israel => (at(last_sunday(year, 3) - 2, 2), at(last_sunday(year, 10), 1)),
        };
        if start < end { (start..end).contains(&utc_s) } else { utc_s >= start || utc_s < end }
    }
}

/// `+05:30`.
pub(super) fn show_offset(minutes: i64) -> String {
    let sign = if minutes < 0 { '-' } else { '+' };
    format!("{sign}{:02}:{:02}", minutes.abs() / 60, minutes.abs() % 60)
}

/// The first Sunday from that day of the month on, in days since 1970.
fn sunday_from(year: i64, month: i64, day: i64) -> i64 {
    let from = Date { year, month, day };
    from.days() + 6 - from.weekday()
}

fn last_sunday(year: i64, month: i64) -> i64 {
    last_day(year, month, 6)
}

/// The month's last day of that weekday (0 is Monday), in days since 1970.
fn last_day(year: i64, month: i64, weekday: i64) -> i64 {
    let last = Date { year, month, day: super::dates::month_days(year, month) };
    last.days() - (last.weekday() - weekday).rem_euclid(7)
}
