//! Typed values out of the tree of a registry file. A fault says which kind of value was found and what to
//! write, and never shows the value itself, which may be a secret.

use std::path::Path;
use std::time::Duration;

use super::Fault;
use super::json::{Data, Member, Node};

/// The longest time that an entry may ask for, in seconds: a day, as in the settings.
const SECONDS_MAX: f64 = 86_400.0;

/// A place in a registry file.
#[derive(Debug, Clone)]
pub(super) struct At<'a> {
    pub(super) file: &'a Path,
    pub(super) key: String,
}

impl<'a> At<'a> {
    pub(super) fn under(&self, key: &str) -> Self {
        At { file: self.file, key: join(&self.key, key) }
    }

    pub(super) fn item(&self, index: usize) -> Self {
        At { file: self.file, key: format!("{}[{index}]", self.key) }
    }

    pub(super) fn fault(&self, line: usize, message: impl Into<String>, help: impl Into<String>) -> Fault {
        Fault::new(self.file, line, &self.key, message, help)
    }

    pub(super) fn wrong(&self, node: &Node, expected: &str) -> Fault {
        self.fault(node.line, format!("is {}", node.kind()), format!("write {expected}"))
    }

    pub(super) fn twice(&self, again: &Member, first: &Member) -> Fault {
        let message = format!("`{}` is already set at {}:{}", again.key, self.file.display(), first.line);
        self.under(&again.key).fault(again.line, message, "keep one of the two")
    }
}

/// The path of a key below a path.
pub(super) fn join(path: &str, key: &str) -> String {
    let is_plain = !key.is_empty() && key.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '$'));
    match (path.is_empty(), is_plain) {
        (true, true) => key.to_owned(),
        (false, true) => format!("{path}.{key}"),
        (_, false) => format!("{path}[{key:?}]"),
    }
}

pub(super) fn text(at: &At<'_>, node: &Node) -> Result<String, Fault> {
    if let Data::Text(it) = &node.data { Ok(it.clone()) } else { Err(at.wrong(node, "a text")) }
}

pub(super) fn flag(at: &At<'_>, node: &Node) -> Result<bool, Fault> {
    if let Data::Bool(it) = node.data { Ok(it) } else { Err(at.wrong(node, "true or false")) }
}

pub(super) fn list<'n>(at: &At<'_>, node: &'n Node, expected: &str) -> Result<&'n [Node], Fault> {
    if let Data::List(items) = &node.data { Ok(items) } else { Err(at.wrong(node, expected)) }
}

/// A list of texts, or one text.
pub(super) fn texts(at: &At<'_>, node: &Node) -> Result<Vec<String>, Fault> {
    if let Data::Text(it) = &node.data {
        return Ok(vec![it.clone()]);
    }
    let items = list(at, node, "a list of texts")?;
    items.iter().enumerate().map(|(index, item)| text(&at.item(index), item)).collect()
}

/// The members of an object in which no key stands twice.
pub(super) fn object<'n>(at: &At<'_>, node: &'n Node, expected: &str) -> Result<&'n [Member], Fault> {
    let members = node.members().ok_or_else(|| at.wrong(node, expected))?;
    for (index, member) in members.iter().enumerate() {
        if let Some(first) = members[..index].iter().find(|first| first.key == member.key) {
            return Err(at.twice(member, first));
        }
    }
    Ok(members)
}

/// A whole number from `min` to `max`.
pub(super) fn whole(at: &At<'_>, node: &Node, min: u32, max: u32) -> Result<u32, Fault> {
    let number = if let Data::Number(it) = &node.data { it.parse().ok() } else { None };
    number
        .filter(|number| (min..=max).contains(number))
        .ok_or_else(|| at.wrong(node, &format!("a whole number from {min} to {max}")))
}

/// A time: a number of seconds, or a text with `ms`, `s`, `m` or `h`.
pub(super) fn time(at: &At<'_>, node: &Node) -> Result<Duration, Fault> {
    let seconds = match &node.data {
        Data::Number(it) => it.parse().ok(),
        Data::Text(it) => seconds_of(it),
        Data::Null | Data::Bool(_) | Data::List(_) | Data::Object(_) => None,
    };
    seconds
        .filter(|seconds: &f64| *seconds >= 0.001 && *seconds <= SECONDS_MAX)
        .map(Duration::from_secs_f64)
        .ok_or_else(|| at.wrong(node, "a number of seconds from 0.001 to 86400"))
}

/// A time in a key that some programs fill with seconds and others with milliseconds: from 1000 on it is milliseconds.
/// Nobody waits 1000 seconds for one call, and nobody less than a second.
pub(super) fn time_of_either_unit(at: &At<'_>, node: &Node) -> Result<Duration, Fault> {
    if let Data::Number(it) = &node.data
        && let Some(millis) = it.parse::<f64>().ok().filter(|number| *number >= 1000.0)
    {
        let node = Node { line: node.line, data: Data::Number((millis / 1000.0).to_string()) };
        return time(at, &node);
    }
    time(at, node)
}

fn seconds_of(text: &str) -> Option<f64> {
    let text = text.trim();
    let units = [("ms", 0.001), ("s", 1.0), ("m", 60.0), ("h", 3600.0)];
    let unit = units.iter().find_map(|(end, factor)| Some((text.strip_suffix(end)?, *factor)));
    let (number, factor) = unit.unwrap_or((text, 1.0));
    number.trim().parse::<f64>().ok().filter(|number| number.is_finite()).map(|number| number * factor)
}

/// Bytes: a number, or a text with `K`, `M`, `G` or `T` (each 1024 times the one before), then perhaps `B` or `iB`.
pub(super) fn bytes(at: &At<'_>, node: &Node) -> Result<u64, Fault> {
    let count = match &node.data {
        Data::Number(it) => it.parse().ok(),
        Data::Text(it) => bytes_of(it),
        Data::Null | Data::Bool(_) | Data::List(_) | Data::Object(_) => None,
    };
    // 2^53: up to there a float holds every whole number.
    count
        .filter(|count: &f64| *count >= 1.0 && *count <= 9_007_199_254_740_992.0)
        .map(|count| count as u64)
        .ok_or_else(|| at.wrong(node, "a number of bytes, such as 536870912 or \"512M\""))
}

fn bytes_of(text: &str) -> Option<f64> {
    let text = text.trim().to_uppercase();
    let text = text.strip_suffix('B').unwrap_or(&text);
    let text = text.strip_suffix('I').unwrap_or(text);
    let units = [("K", 1024.0), ("M", 1024.0_f64.powi(2)), ("G", 1024.0_f64.powi(3)), ("T", 1024.0_f64.powi(4))];
    let unit = units.iter().find_map(|(end, factor)| Some((text.strip_suffix(end)?, *factor)));
    let (number, factor) = unit.unwrap_or((text, 1.0));
    number.trim().parse::<f64>().ok().map(|number| number * factor)
}

/// Processor cores: a number or a text with one.
pub(super) fn cores(at: &At<'_>, node: &Node) -> Result<f64, Fault> {
    let count: Option<f64> = match &node.data {
        Data::Number(it) | Data::Text(it) => it.trim().parse().ok(),
        Data::Null | Data::Bool(_) | Data::List(_) | Data::Object(_) => None,
    };
    count
        .filter(|count| *count > 0.0 && *count <= 1024.0)
        .ok_or_else(|| at.wrong(node, "a number of cores above 0, up to 1024"))
}
