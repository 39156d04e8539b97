//! The arguments of a call, read by name and type.

use serde_json::{Map, Value};

use super::answer::Fault;

/// The arguments of one call; null counts as absent.
pub(super) struct Arguments(Map<String, Value>);

impl Arguments {
    /// Reads the object; absent arguments are an empty one. `properties` are the names that the tool knows.
    pub(super) fn read(json: Option<&str>, properties: &Map<String, Value>) -> Result<Self, Fault> {
        let map: Map<String, Value> = match json {
            None | Some("null") => Map::new(),
            Some(text) => serde_json::from_str(text).map_err(|_| Fault::NoObject)?,
        };
        if let Some(unknown) = map.keys().find(|name| !properties.contains_key(*name)) {
            let known: Vec<&str> = properties.keys().map(String::as_str).collect();
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            return Err(Fault::UnknownArgument { name: unknown.clone(), known });
        }
        Ok(Self(map))
    }

    /// The value, if it is there and not null.
    pub(super) fn value(&self, name: &str) -> Option<&Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    pub(super) fn text(&self, name: &str) -> Result<&str, Fault> {
        self.optional_text(name)?.ok_or_else(|| missing(name, "a text"))
    }

    pub(super) fn optional_text(&self, name: &str) -> Result<Option<&str>, Fault> {
        let Some(value) = self.value(name) else { return Ok(None) };
        value.as_str().map(Some).ok_or_else(|| wrong(name, "a text", value))
    }

    /// A text with something else than white space in it.
    pub(super) fn filled_text(&self, name: &'static str) -> Result<&str, Fault> {
        let text = self.text(name)?.trim();
        if text.is_empty() {
            return Err(Fault::Unusable { name, why: "it is empty".to_owned() });
        }
        Ok(text)
    }

    /// One of a few words, case ignored; the first one when absent.
    pub(super) fn word(&self, name: &str, allowed: &[&'static str]) -> Result<&'static str, Fault> {
        let Some(got) = self.optional_text(name)? else { return Ok(allowed[0]) };
        allowed.iter().find(|word| word.eq_ignore_ascii_case(got.trim())).copied().ok_or_else(|| Fault::NotOneOf {
            name: name.to_owned(),
            got: got.to_owned(),
            allowed: allowed.join(", "),
        })
    }

    /// A finite number; a text that spells one will do, because models send such.
    pub(super) fn number(&self, name: &str) -> Result<f64, Fault> {
        let value = self.value(name).ok_or_else(|| missing(name, "a number"))?;
        as_number(value).ok_or_else(|| wrong(name, "a number", value))
    }

    /// A whole number inside a range; `default` when absent.
    pub(super) fn whole(&self, name: &str, default: Option<i64>, min: i64, max: i64) -> Result<i64, Fault> {
        let got = match (self.value(name), default) {
            (None, Some(default)) => return Ok(default),
            (None, None) => return Err(missing(name, "a whole number")),
            (Some(value), _) => as_whole(value).ok_or_else(|| wrong(name, "a whole number", value))?,
        };
        if got < min || got > max {
            let (got, min, max) = (got.to_string(), min.to_string(), max.to_string());
            return Err(Fault::OutOfRange { name: name.to_owned(), got, min, max });
        }
        Ok(got)
    }

    /// A size or count: a whole number of at least 0.
    pub(super) fn count(&self, name: &str, default: usize, min: usize, max: usize) -> Result<usize, Fault> {
        let bound = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
        let got = self.whole(name, Some(bound(default)), bound(min), bound(max))?;
        Ok(usize::try_from(got).unwrap_or(max))
    }

    pub(super) fn flag(&self, name: &str) -> Result<bool, Fault> {
        let Some(value) = self.value(name) else { return Ok(false) };
        value.as_bool().ok_or_else(|| wrong(name, "true or false", value))
    }

    pub(super) fn numbers(&self, name: &str) -> Result<Vec<f64>, Fault> {
        let what = "a list of numbers";
        let value = self.value(name).ok_or_else(|| missing(name, what))?;
        let list = value.as_array().ok_or_else(|| wrong(name, what, value))?;
        list.iter().map(|item| as_number(item).ok_or_else(|| wrong(name, what, item))).collect()
    }

    /// A list of texts; empty when absent. One text counts as a list of one.
    pub(super) fn texts(&self, name: &str) -> Result<Vec<String>, Fault> {
        let what = "a list of texts";
        let Some(value) = self.value(name) else { return Ok(Vec::new()) };
        if let Some(text) = value.as_str() {
            return Ok(vec![text.to_owned()]);
        }
        let list = value.as_array().ok_or_else(|| wrong(name, what, value))?;
        list.iter().map(|item| item.as_str().map(str::to_owned).ok_or_else(|| wrong(name, what, item))).collect()
    }
}

fn as_number(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| value.as_str()?.trim().parse().ok()).filter(|number| number.is_finite())
}

#[expect(clippy::cast_possible_truncation, reason = "the float was checked to be whole and within 53 bits")]
fn as_whole(value: &Value) -> Option<i64> {
    const EXACT_MAX: f64 = 9_007_199_254_740_992.0;
    let from_float = || value.as_f64().filter(|n| n.fract() == 0.0 && n.abs() <= EXACT_MAX).map(|n| n as i64);
    value.as_i64().or_else(from_float).or_else(|| value.as_str()?.trim().parse().ok())
}

fn missing(name: &str, expected: &'static str) -> Fault {
    Fault::Missing { name: name.to_owned(), expected }
}

fn wrong(name: &str, expected: &'static str, got: &Value) -> Fault {
    let mut got = got.to_string();
    if got.len() > 60 {
        got = got.chars().take(60).chain("…".chars()).collect();
    }
    Fault::WrongType { name: name.to_owned(), expected, got }
}
