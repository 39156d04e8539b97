//! Tools of kind `clock`: times in time zones, and calculations with dates.

use serde_json::json;

use super::answer::{Answer, Fault};
use super::arguments::Arguments;
use super::dates::{DAY_S, Date, parse_local, parse_time, show_local};
use super::demo_tool::{DemoTool, Hints};
use super::time_zones::{Place, ZONES, find, show_offset, similar};
use super::world::World;

/// The tools, in the order of the list.
pub(super) const TOOLS: &[DemoTool] = &[
    DemoTool {
        name: "current_time",
        title: "Current time",
        description: "Tells what time and date it is now in a city or time zone, with the offset from UTC and whether daylight saving time is in effect.",
        hints: Hints::Reads,
        properties: r#"{"place":{"type":"string","default":"UTC","description":"City, IANA time zone name or UTC offset.","examples":["Tokyo","America/New_York","UTC+5:30"]}}"#,
        required: &[],
        output: r#"{"type":"object","properties":{"place":{"type":"string"},"local":{"type":"string"},"weekday":{"type":"string"},"utc_offset":{"type":"string"},"is_summer_time":{"type":"boolean"}},"required":["place","local","weekday","utc_offset","is_summer_time"]}"#,
        run: current_time,
    },
    DemoTool {
        name: "convert_time",
        title: "Convert time between zones",
        description: "Converts a time from one city or time zone to another, for example to plan a meeting. Daylight saving time is taken into account for the given date.",
        hints: Hints::Reads,
        properties: r#"{"time":{"type":"string","description":"Time (HH:MM, today) or date and time (YYYY-MM-DD HH:MM) to convert.","examples":["14:30","2026-07-01 09:00"]},"from":{"type":"string","description":"City, IANA name or UTC offset that the time is given in.","examples":["London"]},"to":{"type":"string","description":"City, IANA name or UTC offset to convert to.","examples":["Tokyo"]}}"#,
        required: &["time", "from", "to"],
        output: r#"{"type":"object","properties":{"from":{"type":"string"},"to":{"type":"string"},"utc":{"type":"string"},"difference_hours":{"type":"number"}},"required":["from","to","utc","difference_hours"]}"#,
        run: convert_time,
    },
    DemoTool {
        name: "days_between_dates",
        title: "Days between two dates",
        description: "Calculates the difference between two dates in days, weeks, and years, months and days. Also answers how long it is until a date.",
        hints: Hints::Reads,
        properties: r#"{"from":{"type":"string","format":"date","description":"First date, YYYY-MM-DD. Today (UTC) when left out."},"to":{"type":"string","format":"date","description":"Second date, YYYY-MM-DD.","examples":["2026-12-24"]}}"#,
        required: &["to"],
        output: r#"{"type":"object","properties":{"days":{"type":"integer"}},"required":["days"]}"#,
        run: days_between_dates,
    },
    DemoTool {
        name: "add_to_date",
        title: "Add to a date",
        description: "Adds or subtracts days, weeks, months and years to a date and gives the resulting date with its weekday.",
        hints: Hints::Reads,
        properties: r#"{"date":{"type":"string","format":"date","description":"Date to start from, YYYY-MM-DD. Today (UTC) when left out."},"days":{"type":"integer","default":0,"description":"Days to add; negative to subtract."},"weeks":{"type":"integer","default":0,"description":"Weeks to add."},"months":{"type":"integer","default":0,"description":"Months to add."},"years":{"type":"integer","default":0,"description":"Years to add."}}"#,
        required: &[],
        output: "",
        run: add_to_date,
    },
    DemoTool {
        name: "day_of_week",
        title: "Day of the week",
        description: "Tells which day of the week a date falls on, its ISO week number and its day of the year.",
        hints: Hints::Reads,
        properties: r#"{"date":{"type":"string","format":"date","description":"Date, YYYY-MM-DD.","examples":["1969-07-20"]}}"#,
        required: &["date"],
        output: "",
        run: day_of_week,
    },
    DemoTool {
        name: "list_time_zones",
        title: "List time zones",
        description: "Lists the known time zones with their current offset from UTC, optionally only those whose name contains a text.",
        hints: Hints::Reads,
        properties: r#"{"contains":{"type":"string","description":"Only zones with this in their name.","examples":["Europe"]}}"#,
        required: &[],
        output: "",
        run: list_time_zones,
    },
];

fn current_time(arguments: &Arguments, world: &World) -> Result<Answer, Fault> {
    let place = place("place", arguments.optional_text("place")?.unwrap_or("UTC"))?;
    let now = (world.now_s)();
    let (offset, is_summer) = place.offset_min(now);
    let local = show_local(place.local(now));
    let weekday = Date::from_days(place.local(now).div_euclid(DAY_S)).weekday_name();
    let summer = if is_summer { ", daylight saving time" } else { "" };
    let text = format!("{weekday} {local} in {} (UTC{}{summer})", place.name, show_offset(offset));
    let structured = json!({"place": place.name, "local": local, "weekday": weekday, "utc_offset": show_offset(offset), "is_summer_time": is_summer});
    Ok(Answer::with(text, structured))
}

fn convert_time(arguments: &Arguments, world: &World) -> Result<Answer, Fault> {
    let from = place("from", arguments.text("from")?)?;
    let to = place("to", arguments.text("to")?)?;
    let text = arguments.text("time")?;
    let local = match parse_time(text) {
        Some(time) => from.local((world.now_s)()).div_euclid(DAY_S) * DAY_S + time,
        None => parse_local(text).ok_or_else(|| Fault::Unusable {
            name: "time",
            why: format!("{text:?} is neither HH:MM nor YYYY-MM-DD HH:MM"),
        })?,
    };
    let utc = from.utc(local);
    let show = |place: &Place| format!("{} UTC{}", show_local(place.local(utc)), show_offset(place.offset_min(utc).0));
    let minutes = to.offset_min(utc).0 - from.offset_min(utc).0;
    #[expect(clippy::cast_precision_loss, reason = "a difference of time zones is at most a day")]
    let hours = minutes as f64 / 60.0;
    let text = format!("{} in {} is {} in {} ({hours:+} h)", show(&from), from.name, show(&to), to.name);
    let structured = json!({"from": show(&from), "to": show(&to), "utc": show_local(utc), "difference_hours": hours});
    Ok(Answer::with(text, structured))
}

fn days_between_dates(arguments: &Arguments, world: &World) -> Result<Answer, Fault> {
    let from = date_or_today(arguments, "from", world)?;
    let to = date(arguments, "to")?;
    let days = to.days() - from.days();
    let (early, late) = (from.min(to), from.max(to));
    let mut months = (late.year - early.year) * 12 + late.month - early.month;
    if early.plus_months(months).is_none_or(|date| date > late) {
        months -= 1;
    }
    let rest = late.days() - early.plus_months(months).unwrap_or(early).days();
    let (weeks, years) = (days.abs() / 7, months / 12);
    let text = format!(
        "From {from} ({}) to {to} ({}): {days} days = {weeks} weeks and {} days = {years} years, {} months and {rest} days",
        from.weekday_name(),
        to.weekday_name(),
        days.abs() % 7,
        months % 12,
    );
    Ok(Answer::with(text, json!({"days": days})))
}

fn add_to_date(arguments: &Arguments, world: &World) -> Result<Answer, Fault> {
    const MAX: i64 = 4_000_000;
    let start = date_or_today(arguments, "date", world)?;
    let part = |name: &str| arguments.whole(name, Some(0), -MAX, MAX);
    let beyond = || Fault::Unusable { name: "date", why: "the result is not within the years 1 to 9999".to_owned() };
    let shifted = start.plus_months(part("years")? * 12 + part("months")?).ok_or_else(beyond)?;
    let end = Date::from_days(shifted.days() + part("weeks")? * 7 + part("days")?);
    let end = Date::new(end.year, end.month, end.day).ok_or_else(beyond)?;
    Ok(Answer::text(format!("{end} ({})", end.weekday_name())))
}

fn day_of_week(arguments: &Arguments, _world: &World) -> Result<Answer, Fault> {
    let date = date(arguments, "date")?;
    Ok(Answer::text(format!(
        "{date} is a {}, in ISO week {}, day {} of the year",
        date.weekday_name(),
        date.iso_week(),
        date.day_of_year()
    )))
}

fn list_time_zones(arguments: &Arguments, world: &World) -> Result<Answer, Fault> {
    let part = arguments.optional_text("contains")?.unwrap_or_default().to_lowercase().replace(' ', "_");
    let now = (world.now_s)();
    let lines: Vec<String> = ZONES
        .iter()
        .filter(|zone| zone.id.to_lowercase().contains(&part))
        .filter_map(|zone| Some((zone, find(zone.id)?)))
        .map(|(zone, place)| format!("{} (UTC{})", zone.id, show_offset(place.offset_min(now).0)))
        .collect();
    if lines.is_empty() {
        return Ok(Answer::text("No time zone has that in its name."));
    }
    Ok(Answer::text(lines.join("\n")))
}

fn place(name: &'static str, text: &str) -> Result<Place, Fault> {
    find(text).ok_or_else(|| {
        let near = similar(text);
        let hint = if near.is_empty() {
            "try list_time_zones".to_owned()
        } else {
            format!("did you mean {}?", near.join(", "))
        };
        Fault::Unusable { name, why: format!("no time zone is known for {text:?}; {hint}") }
    })
}

fn date_or_today(arguments: &Arguments, name: &'static str, world: &World) -> Result<Date, Fault> {
    if arguments.value(name).is_none() {
        return Ok(Date::from_days((world.now_s)().div_euclid(DAY_S)));
    }
    date(arguments, name)
}

fn date(arguments: &Arguments, name: &'static str) -> Result<Date, Fault> {
    let text = arguments.text(name)?;
    Date::parse(text).ok_or_else(|| Fault::Unusable { name, why: format!("{text:?} is no date like 2026-02-28") })
}
