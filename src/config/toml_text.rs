//! The settings file's text, read into sections and keys that know their lines.

use std::path::Path;

use serde_json::Value;
use toml::de::{DeTable, DeValue};

use super::Fault;
use super::json::{Lines, lower_first};

/// One `key = value`, or one section that is no table.
pub(super) struct Entry {
    /// `None` for a key that stands before the first section.
    pub(super) section: Option<String>,
    pub(super) key: String,
    pub(super) value: Value,
    pub(super) line: usize,
    /// Where the members of the value stand, when it is a table.
    pub(super) members: Vec<(String, usize)>,
}

/// All entries, in the order of the file.
pub(super) fn parse(file: &Path, text: &str) -> Result<Vec<Entry>, Fault> {
    let lines = Lines::of(text);
    let table = DeTable::parse(text).map_err(|error| {
        let line = error.span().map_or(0, |span| lines.at(span.start));
        let message = lower_first(&error.message().replace('\n', ", "));
        Fault::new(file, line, "", message, "write TOML: `[section]` lines and `key = value` lines")
    })?;
    let mut entries = Vec::new();
    for (name, value) in table.get_ref() {
        let at = |byte: usize| lines.at(byte);
        if let DeValue::Table(section) = value.get_ref() {
            entries.extend(section.iter().map(|(key, value)| Entry {
                section: Some(name.get_ref().to_string()),
                key: key.get_ref().to_string(),
                value: json(value.get_ref()),
                line: at(key.span().start),
                members: members(value.get_ref(), &lines),
            }));
        } else {
            let (key, value) = (name.get_ref().to_string(), json(value.get_ref()));
            entries.push(Entry { section: None, key, value, line: at(name.span().start), members: Vec::new() });
        }
    }
    // The parser sorts keys by name; messages and `config show` follow the file.
    entries.sort_by_key(|entry| entry.line);
    Ok(entries)
}

fn members(value: &DeValue<'_>, lines: &Lines) -> Vec<(String, usize)> {
    let members = if let DeValue::Table(it) = value { Some(it) } else { None };
    members.into_iter().flatten().map(|(key, _)| (key.get_ref().to_string(), lines.at(key.span().start))).collect()
}

fn json(value: &DeValue<'_>) -> Value {
    match value {
        DeValue::String(it) => Value::String(it.to_string()),
        DeValue::Integer(it) => {
            i64::from_str_radix(it.as_str(), it.radix()).map_or_else(|_| Value::from(it.as_str()), Value::from)
        }
        // What JSON cannot hold, such as `nan`, stays a text, and so is named as it was written and refused.
        DeValue::Float(it) => {
            let number = it.as_str().parse::<f64>().ok().filter(|number| number.is_finite());
            number.map_or_else(|| Value::from(it.as_str()), Value::from)
        }
        DeValue::Boolean(it) => Value::Bool(*it),
        DeValue::Datetime(it) => Value::String(it.to_string()),
        DeValue::Array(it) => Value::Array(it.iter().map(|item| json(item.get_ref())).collect()),
        DeValue::Table(it) => {
            Value::Object(it.iter().map(|(key, item)| (key.get_ref().to_string(), json(item.get_ref()))).collect())
        }
    }
}
