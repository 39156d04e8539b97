//! `[profiles.NAME]`: views of some servers or tools that the operator makes, each at an address of its own.

use std::path::Path;

use serde_json::{Value, json};

use super::Fault;
use super::layers::{Source, checked};
use super::toml_text::Entry;
use crate::domain::did_you_mean;

/// The section of the settings file.
pub(super) const SECTION: &str = "profiles";
/// Longest name, in bytes. A guess: it stands in addresses.
const NAME_BYTES_MAX: usize = 64;
/// Profiles at most. A guess: one for each kind of client.
const PROFILES_MAX: usize = 100;

/// A view of some servers or tools.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProfileSettings {
    /// What it is called: letters, digits, `_` and `-`.
    pub name: String,
    /// Names of servers, `*` at the end for anything; `None` is all.
    pub servers: Option<Vec<String>>,
    /// Tools as `server.tool`, `*` at the end for anything; `None` is all.
    pub tools: Option<Vec<String>>,
    /// Whether names of tools have their server's before them; else only where two would be the same.
    pub prefix: bool,
    /// In place of `results.inline_bytes_max`.
    pub inline_bytes_max: Option<usize>,
}

/// Profiles on their way through the layers.
#[derive(Default)]
pub(super) struct WrittenProfiles {
    profiles: Vec<ProfileSettings>,
    shown: Vec<(String, String, String)>,
    pub(super) warnings: Vec<Fault>,
    pub(super) faults: Vec<Fault>,
}

impl WrittenProfiles {
    /// Takes one `NAME = { … }` of the settings file.
    pub(super) fn read_entry(&mut self, file: &Path, entry: &Entry) {
        let source = |line| Source::File { path: file.to_owned(), line };
        let (at, key) = (source(entry.line), format!("{SECTION}.{}", entry.key));
        let Value::Object(members) = &entry.value else {
            let help = format!("write a section [{SECTION}.NAME] with `servers` or `tools`");
            return self.faults.push(at.fault(key, "is no section".to_owned(), help));
        };
        if !is_name(&entry.key) {
            let help = format!("write letters, digits, `_` and `-`, at most {NAME_BYTES_MAX}");
            return self.faults.push(at.fault(key, "is no name of a profile".to_owned(), help));
        }
        if self.profiles.len() == PROFILES_MAX {
            let help = format!("there may be {PROFILES_MAX} of them");
            return self.faults.push(at.fault(key, "is one profile too many".to_owned(), help));
        }
        let mut profile = ProfileSettings {
            name: entry.key.clone(),
            servers: None,
            tools: None,
            prefix: true,
            inline_bytes_max: None,
        };
        for (member, value) in members {
            let line = entry.members.iter().find(|(name, _)| name == member).map_or(entry.line, |(_, line)| *line);
            let (source, key) = (source(line), format!("{key}.{member}"));
            let Some(rule) = rule(member) else {
                let known = RULES.iter().map(|(known, ..)| *known);
                let help = did_you_mean(member, known)
                    .unwrap_or_else(|| "it may have servers, tools, prefix, inline_bytes_max".to_owned());
                self.warnings.push(source.fault(key, "unknown key, ignored".to_owned(), help));
                continue;
            };
            let value = match checked(value.clone(), &rule) {
                Ok(value) => value,
                Err(trouble) => {
                    self.faults.push(source.fault(key, trouble.what, trouble.help));
                    continue;
                }
            };
            self.shown.push((key, value.to_string(), source.shown()));
            let texts =
                || value.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect();
            match member.as_str() {
                "servers" => profile.servers = Some(texts()),
                "tools" => profile.tools = Some(texts()),
                "inline_bytes_max" => profile.inline_bytes_max = value.as_u64().and_then(|max| max.try_into().ok()),
                _ => profile.prefix = value.as_bool().unwrap_or(true),
            }
        }
        self.profiles.push(profile);
    }

    /// Each value with its origin, for `config show`.
    pub(super) fn shown(&self) -> impl Iterator<Item = (String, String, String)> {
        self.shown.iter().cloned()
    }

    /// What it all comes to.
    pub(super) fn finished(self) -> Vec<ProfileSettings> {
        self.profiles
    }
}

/// The schema of the section, for the schema file.
pub(super) fn schema() -> Value {
    let rules: serde_json::Map<String, Value> =
        RULES.iter().map(|(key, ..)| ((*key).to_owned(), rule(key).into())).collect();
    json!({
        "type": "object",
        "description": "Views of some servers or tools, by name: clients find each at `/mcp/p/NAME` or with `--profile p/NAME`.",
        "additionalProperties": {"type": "object", "additionalProperties": false, "properties": rules},
    })
}

const RULES: &[(&str, &str, &str)] = &[
    ("servers", "array", "Names of servers; `*` may stand at the end. Without it all."),
    ("tools", "array", "Tools as `server.tool`; `*` may stand at the end. Without it all."),
    (
        "prefix",
        "boolean",
        "Show each tool with its server's name before it? When false, only where two would be the same.",
    ),
    ("inline_bytes_max", "integer", "In place of `results.inline_bytes_max`."),
];

fn rule(key: &str) -> Option<Value> {
    let (_, kind, about) = RULES.iter().find(|(known, ..)| *known == key)?;
    Some(match *kind {
        "array" => json!({"type": "array", "items": {"type": "string"}, "description": about}),
        "integer" => json!({"type": "integer", "minimum": 0, "maximum": 1_073_741_824, "description": about}),
        _ => json!({"type": "boolean", "description": about}),
    })
}

fn is_name(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    !text.is_empty() && text.len() <= NAME_BYTES_MAX && text.bytes().all(is_plain)
}
