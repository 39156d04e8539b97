//! Time zones and the calendar against facts that were looked up.

use serde_json::json;

use super::check;
use crate::demo_server::dates::{Date, parse_time};
use crate::demo_server::time_zones::{ZONES, find};

fn check_offset(place: &str, local: &str, expected: &str) {
    let text = format!("in {} is", find(place).unwrap().name);
    let arguments = json!({"time": local, "from": place, "to": "UTC"});
    check("convert_time", &arguments, &format!("{local}:00 UTC{expected} {text}"));
}

#[test]
fn offsets_in_january_and_july() {
    for (place, january, july) in [
        ("New York", "-05:00", "-04:00"),
        ("los angeles", "-08:00", "-07:00"),
        ("America/Chicago", "-06:00", "-05:00"),
        ("Phoenix", "-07:00", "-07:00"),
        ("St. Johns", "-03:30", "-02:30"),
        ("Sao Paulo", "-03:00", "-03:00"),
        ("Mexico City", "-06:00", "-06:00"),
        ("Santiago", "-03:00", "-04:00"),
        ("London", "+00:00", "+01:00"),
        ("Dublin", "+00:00", "+01:00"),
        ("Berlin", "+01:00", "+02:00"),
        ("Athens", "+02:00", "+03:00"),
        ("Istanbul", "+03:00", "+03:00"),
        ("Moscow", "+03:00", "+03:00"),
        ("Cairo", "+02:00", "+03:00"),
        ("Tel Aviv", "+02:00", "+03:00"),
        ("Tehran", "+03:30", "+03:30"),
        ("Kolkata", "+05:30", "+05:30"),
        ("mumbai, india", "+05:30", "+05:30"),
        ("Kathmandu", "+05:45", "+05:45"),
        ("Beijing", "+08:00", "+08:00"),
        ("Tokyo", "+09:00", "+09:00"),
        ("Adelaide", "+10:30", "+09:30"),
        ("Sydney", "+11:00", "+10:00"),
        ("Brisbane", "+10:00", "+10:00"),
        ("Auckland", "+13:00", "+12:00"),
        ("UTC+5:30", "+05:30", "+05:30"),
        ("GMT-3", "-03:00", "-03:00"),
    ] {
        let place = if place == "St. Johns" { "America/St_Johns" } else { place };
        check_offset(place, "2026-01-15 12:00", january);
        check_offset(place, "2026-07-15 12:00", july);
    }
}

#[test]
fn clocks_change_on_the_right_minute() {
    for (place, before, before_offset, after, after_offset) in [
        ("New York", "2026-03-08 01:59", "-05:00", "2026-03-08 03:00", "-04:00"),
        ("New York", "2026-11-01 00:59", "-04:00", "2026-11-01 02:00", "-05:00"),
        ("London", "2026-03-29 00:59", "+00:00", "2026-03-29 02:00", "+01:00"),
        ("London", "2026-10-25 00:59", "+01:00", "2026-10-25 02:00", "+00:00"),
        ("Paris", "2027-03-28 01:59", "+01:00", "2027-03-28 03:00", "+02:00"),
        ("Sydney", "2026-10-04 01:59", "+10:00", "2026-10-04 03:00", "+11:00"),
        ("Sydney", "2026-04-05 01:59", "+11:00", "2026-04-05 03:00", "+10:00"),
        ("Auckland", "2026-09-27 01:59", "+12:00", "2026-09-27 03:00", "+13:00"),
    ] {
        check_offset(place, before, before_offset);
        check_offset(place, after, after_offset);
    }
}

#[test]
fn hours_that_are_skipped_or_doubled_have_one_meaning() {
    let ask = |time: &str| json!({"time": time, "from": "Berlin", "to": "UTC"});
    check("convert_time", &ask("2026-03-29 02:30"), "is 2026-03-29 01:30:00");
    check("convert_time", &ask("2026-10-25 02:30"), "is 2026-10-25 00:30:00");
}

#[test]
fn time_tools_answer() {
    check("current_time", &json!({"place": "Tokyo"}), "Saturday 2026-11-21 21:34:56 in Asia/Tokyo (UTC+09:00)");
    check(
        "current_time",
        &json!({"place": "sydney"}),
        "Saturday 2026-11-21 23:34:56 in Australia/Sydney (UTC+11:00, day",
    );
    check("current_time", &json!({}), "2026-11-21 12:34:56 in UTC (UTC+00:00)");
    check(
        "current_time",
        &json!({"place": "Berlim"}),
        "fault: argument \"place\" cannot be used: no time zone is known for \"Berlim\"; did you mean Europe/Berlin",
    );
    check(
        "convert_time",
        &json!({"time": "9:30 pm", "from": "London", "to": "New York"}),
        "2026-11-21 16:30:00 UTC-05:00 in America/New_York (-5 h)",
    );
    check("convert_time", &json!({"time": "25:00", "from": "London", "to": "Rome"}), "fault: ");
    check("list_time_zones", &json!({"contains": "new york"}), "America/New_York (UTC-05:00)");
    assert!(ZONES.len() >= 60);
    assert!(ZONES.iter().all(|zone| find(zone.id).is_some_and(|place| place.name == zone.id)));
    assert!(ZONES.iter().all(|zone| find(&zone.city()).is_some_and(|place| place.name == zone.id)));
}

#[test]
fn date_tools_answer() {
    check(
        "days_between_dates",
        &json!({"from": "2024-02-28", "to": "2024-03-01"}),
        ": 2 days = 0 weeks and 2 days = 0 years, 0 months and 2 days",
    );
    check("days_between_dates", &json!({"to": "2026-12-24"}), "(Saturday) to 2026-12-24 (Thursday): 33 days");
    check("days_between_dates", &json!({"from": "2026-03-31", "to": "1990-02-28"}), ": -13180 days");
    check("days_between_dates", &json!({"from": "2023-02-29", "to": "2024-01-01"}), "fault: argument \"from\"");
    check("add_to_date", &json!({"date": "2026-01-31", "months": 1}), "2026-02-28 (Saturday)");
    check("add_to_date", &json!({"days": -21}), "2026-10-31 (Saturday)");
    check("add_to_date", &json!({"date": "9999-12-31", "days": 1}), "fault: ");
    check("day_of_week", &json!({"date": "1969-07-20"}), "a Sunday, in ISO week 29, day 201");
    check("day_of_week", &json!({"date": "2027-01-01"}), "a Friday, in ISO week 53, day 1 ");
    check("day_of_week", &json!({"date": "0001-01-01"}), "a Monday");
}

#[test]
fn days_and_dates_are_each_others_opposite() {
    let (first, last) = (Date::new(1, 1, 1).unwrap().days(), Date::new(9999, 12, 31).unwrap().days());
    assert_eq!(Date::new(1970, 1, 1).unwrap().days(), 0);
    for days in (first..=last).step_by(13) {
        let date = Date::from_days(days);
        assert_eq!(date.days(), days);
        assert_eq!(Date::new(date.year, date.month, date.day), Some(date));
    }
    for (text, expected) in [("12am", Some(0)), ("12:30 PM", Some(45_000)), ("13pm", None), ("7", None), ("", None)] {
        assert_eq!(parse_time(text), expected, "{text}");
    }
}
