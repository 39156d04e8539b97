//! `[overrides."server.tool"]`: what the operator knows better than a server about its tools.

use std::path::Path;

use serde_json::{Map, Value, json};

use super::Fault;
use super::layers::{Source, checked, from_text};
use super::toml_text::Entry;
use crate::domain::{Effect, ServerName, did_you_mean};

/// The section of the settings file.
pub(super) const SECTION: &str = "overrides";
/// Longest alias, in bytes: as a server's name, so that both together stay readable.
const ALIAS_BYTES_MAX: usize = 128;

/// What the operator says about one tool, or about several of one server. What is not said stays as the server has it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ToolOverride {
    /// `server.tool`; one with `*` at its end stands for all tools of the server that start so.
    pub pattern: String,
    /// Another name. Unique among all overrides; never with a `*`.
    pub alias: Option<String>,
    /// In place of the server's description; never with a `*`.
    pub description: Option<String>,
    /// Further words that people use for it.
    pub keywords: Vec<String>,
    /// Further requests that it serves.
    pub examples: Vec<String>,
    /// Whether it is kept out of everything.
    pub hidden: Option<bool>,
    /// What it does to the world, whatever its annotations say.
    pub effect: Option<Effect>,
    /// Where it stands: `FILE:LINE`, or `--set`.
    pub origin: String,
}

impl ToolOverride {
    /// Whether one of these servers could have the tool.
    #[must_use]
    pub fn names_one_of<'a>(&self, servers: impl IntoIterator<Item = &'a ServerName>) -> bool {
        servers.into_iter().any(|server| {
            self.pattern.strip_prefix(server.as_str()).is_some_and(|rest| rest.len() > 1 && rest.starts_with('.'))
        })
    }

    /// The key with its section, as it stands in the file.
    #[must_use]
    pub fn key(&self) -> String {
        format!("{SECTION}.{:?}", self.pattern)
    }
}

/// Overrides on their way through the layers.
#[derive(Default)]
pub(super) struct WrittenOverrides {
    tools: Vec<Written>,
    pub(super) warnings: Vec<Fault>,
    pub(super) faults: Vec<Fault>,
}

struct Written {
    pattern: String,
    source: Source,
    values: Vec<(String, Value, Source)>,
}

impl WrittenOverrides {
    /// Takes one `"server.tool" = { … }` of the settings file.
    pub(super) fn read_entry(&mut self, file: &Path, entry: &Entry) {
        let source = |line| Source::File { path: file.to_owned(), line };
        let at = source(entry.line);
        let name = format!("{SECTION}.{:?}", entry.key);
        let Value::Object(members) = &entry.value else {
            let help = format!("write a section [{SECTION}.\"server.tool\"] with one line for each thing you say");
            return self.faults.push(at.fault(name, "is no section".to_owned(), help));
        };
        let split = members.iter().find(|(key, value)| value.is_object() && rule(key).is_none());
        if let Some((inner, _)) = split {
            let help = format!("write [{SECTION}.\"{}.{inner}\"], with the tool's whole name in quotes", entry.key);
            return self.faults.push(at.fault(name, "is no tool's name".to_owned(), help));
        }
        if let Err(trouble) = check_pattern(&entry.key) {
            return self.faults.push(at.fault(name, trouble.to_owned(), pattern_help()));
        }
        self.tool(&entry.key, at);
        for (key, value) in members {
            let line = entry.members.iter().find(|(member, _)| member == key).map_or(entry.line, |(_, line)| *line);
            self.put(&entry.key, key, value.clone(), source(line));
        }
    }

    /// Takes one `--set overrides."server.tool".key=value`; `name` is what stands between the section and `=`.
    pub(super) fn read_set(&mut self, name: &str, text: &str) {
        let parts = name.rsplit_once('.').map(|(tool, key)| (tool.trim_matches(['"', '\'']), key));
        let Some((pattern, key)) = parts.filter(|(pattern, _)| check_pattern(pattern).is_ok()) else {
            let help = format!("write --set '{SECTION}.\"server.tool\".key=value'");
            return self.faults.push(Source::Override.fault(
                format!("{SECTION}.{name}"),
                "names no tool".to_owned(),
                help,
            ));
        };
        let value = rule(key).map_or_else(|| Value::from(text), |rule| from_text(text, &rule));
        self.put(pattern, key, value, Source::Override);
    }

    fn tool(&mut self, pattern: &str, source: Source) -> &mut Written {
        let at = self.tools.iter().position(|tool| tool.pattern == pattern).unwrap_or_else(|| {
            self.tools.push(Written { pattern: pattern.to_owned(), source, values: Vec::new() });
            self.tools.len() - 1
        });
        &mut self.tools[at]
    }

    fn put(&mut self, pattern: &str, key: &str, value: Value, source: Source) {
        let name = format!("{SECTION}.{pattern:?}.{key}");
        let Some(rule) = rule(key) else {
            let help = did_you_mean(key, keys()).unwrap_or_else(|| format!("it may have {}", list_of_keys()));
            let fault = source.fault(name, "unknown key, ignored".to_owned(), help);
            // On the command line a slip is a fault, as for every other setting.
            let list = if matches!(source, Source::Override) { &mut self.faults } else { &mut self.warnings };
            return list.push(fault);
        };
        if pattern.ends_with('*') && matches!(key, "alias" | "description") {
            let help = "give it to one tool, by its whole name".to_owned();
            return self.faults.push(source.fault(name, "cannot be the same for several tools".to_owned(), help));
        }
        let value = match checked(value, &rule) {
            Ok(value) => value,
            Err(trouble) => return self.faults.push(source.fault(name, trouble.what, trouble.help)),
        };
        if key == "alias" && !value.as_str().is_some_and(is_alias) {
            let help = format!("write one word without white space, at most {ALIAS_BYTES_MAX} bytes");
            return self.faults.push(source.fault(name, format!("{value} is no name for a tool"), help));
        }
        let values = &mut self.tool(pattern, source.clone()).values;
        values.retain(|(known, ..)| known != key);
        values.push((key.to_owned(), value, source));
    }

    /// Finds what only shows once all layers are read: an alias that is given twice.
    pub(super) fn compare(&mut self) {
        let aliases: Vec<(&Written, &Value, &Source)> = self
            .tools
            .iter()
            .flat_map(|tool| tool.values.iter().map(move |(key, value, source)| (tool, key, value, source)))
            .filter(|(_, key, ..)| *key == "alias")
            .map(|(tool, _, value, source)| (tool, value, source))
            .collect();
        for (at, (tool, alias, source)) in aliases.iter().enumerate() {
            if let Some((first, ..)) = aliases[..at].iter().find(|(_, other, _)| other == alias) {
                let name = format!("{SECTION}.{:?}.alias", tool.pattern);
                let message = format!("{alias} is the alias of {} already", first.pattern);
                self.faults.push(source.fault(name, message, "give each tool an alias of its own".to_owned()));
            }
        }
    }

    /// Each value with its origin, for `config show`: the key behind the section, the value, where it stands.
    pub(super) fn shown(&self) -> impl Iterator<Item = (String, String, String)> {
        self.tools.iter().flat_map(|tool| {
            tool.values.iter().map(|(key, value, source)| {
                (format!("{SECTION}.{:?}.{key}", tool.pattern), value.to_string(), source.shown())
            })
        })
    }

    /// What it all comes to.
    pub(super) fn finished(self) -> Vec<ToolOverride> {
        self.tools.into_iter().map(finished).collect()
    }
}

fn finished(written: Written) -> ToolOverride {
    let mut tool = ToolOverride { pattern: written.pattern, origin: written.source.shown(), ..ToolOverride::default() };
    for (key, value, _) in written.values {
        let text = || value.as_str().map(str::to_owned);
        let texts = || value.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect();
        match key.as_str() {
            "alias" => tool.alias = text(),
            "description" => tool.description = text(),
            "keywords" => tool.keywords = texts(),
            "examples" => tool.examples = texts(),
            "hidden" => tool.hidden = value.as_bool(),
            _ => tool.effect = serde_json::from_value(value).ok(),
        }
    }
    tool
}

/// The schema of the section, for the schema file.
pub(super) fn schema() -> Value {
    let rules: Map<String, Value> = RULES.iter().map(|(key, ..)| ((*key).to_owned(), rule(key).into())).collect();
    json!({
        "type": "object",
        "description": "What you know better than a server about its tools, by `server.tool`; `*` may stand at the end.",
        "additionalProperties": {"type": "object", "additionalProperties": false, "properties": rules},
    })
}

/// Keys, their type and what they are for. The range of every key stands here only, as for the other settings.
const RULES: &[(&str, &str, &str)] = &[
    ("alias", "string", "Another name for the tool."),
    ("description", "string", "In place of the server's description."),
    ("keywords", "array", "Further words that people use for it."),
    ("examples", "array", "Further requests that it serves."),
    ("hidden", "boolean", "Keeps the tool out of everything."),
    ("effect", "choice", "What it does to the world, whatever its annotations say."),
];

fn rule(key: &str) -> Option<Value> {
    let (_, kind, about) = RULES.iter().find(|(known, ..)| *known == key)?;
    Some(match *kind {
        "string" => json!({"type": "string", "minLength": 1, "description": about}),
        "array" => json!({"type": "array", "items": {"type": "string"}, "description": about}),
        "boolean" => json!({"type": "boolean", "description": about}),
        _ => {
            let words = [Effect::Read, Effect::Write, Effect::Destructive].map(Effect::word);
            json!({"enum": words, "description": about})
        }
    })
}

fn keys() -> impl Iterator<Item = &'static str> {
    RULES.iter().map(|(key, ..)| *key)
}

fn list_of_keys() -> String {
    keys().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ")
}

fn check_pattern(pattern: &str) -> Result<(), &'static str> {
    let start = pattern.strip_suffix('*').unwrap_or(pattern);
    let has_both = pattern.find('.').is_some_and(|at| at > 0 && at + 1 < pattern.len());
    match (has_both, start.contains('*')) {
        (_, true) => Err("has a `*` that is not at its end"),
        (false, _) => Err("names no tool of a server"),
        (true, false) => Ok(()),
    }
}

fn pattern_help() -> String {
    format!("write [{SECTION}.\"server.tool\"], or \"server.*\" for all tools of a server")
}

fn is_alias(text: &str) -> bool {
    text.len() <= ALIAS_BYTES_MAX && !text.chars().any(|letter| letter.is_whitespace() || letter.is_control())
}
