//! Settings from their layers: defaults < settings file < environment < `--set`. Each value remembers its layer.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use crate::domain::{did_you_mean, nearest};

use super::home::{Home, set};
use super::profiles::{self, ProfileSettings, WrittenProfiles};
use super::settings_file::{self, SettingsFile};
use super::tool_overrides::{self, ToolOverride, WrittenOverrides};
use super::{Env, Fault, Request, SettingValue, Settings, below, command_rules, expand, read, toml_text};

/// The defaults, each with its unit and reason.
pub(super) const DEFAULTS: &str = include_str!("../../config/mcporch.toml");

/// What the layers come to.
pub(super) struct Layered {
    pub(super) settings: Settings,
    pub(super) values: Vec<SettingValue>,
    pub(super) tool_overrides: Vec<ToolOverride>,
    pub(super) profiles: Vec<ProfileSettings>,
    pub(super) warnings: Vec<Fault>,
}

/// The defaults as a JSON object of sections.
///
/// # Panics
/// When the compiled-in file is malformed, which a test excludes.
pub(super) fn defaults() -> Value {
    let entries = toml_text::parse(Path::new("mcporch.toml"), DEFAULTS).expect("a test reads the compiled-in defaults");
    let mut root = Map::new();
    for entry in entries {
        let section = root.entry(entry.section.unwrap_or_default()).or_insert_with(|| Value::Object(Map::new()));
        if let Some(section) = section.as_object_mut() {
            section.insert(entry.key, entry.value);
        }
    }
    Value::Object(root)
}

/// Reads all layers. Every fault of every layer is found in one go.
pub(super) fn load(request: &Request, home: &Home, env: &dyn Env) -> Result<Layered, Vec<Fault>> {
    let mut layers = Layers::of_defaults();
    layers.read_file(request.settings_file.as_deref(), home);
    layers.read_environment(env);
    layers.read_overrides(&request.overrides);
    layers.compare();
    if !layers.faults.is_empty() {
        return Err(layers.faults);
    }
    let merged: SettingsFile =
        serde_json::from_value(layers.merged()).expect("each value was checked against the schema of this very struct");
    let mut settings = Settings::from(merged);
    settings.embedder.model = expand::tilde(&settings.embedder.model, env);
    settings.embedder.onnx_runtime = settings.embedder.onnx_runtime.map(|path| expand::tilde_path(&path, env));
    settings.daemon.run_folder = settings.daemon.run_folder.map(|path| expand::tilde_path(&path, env));
    for folder in &mut settings.sandbox.write_folders {
        *folder = expand::tilde_path(folder, env);
    }
    settings.http.bearer_key_file =
        settings.http.bearer_key_file.map(|path| below(&home.config(), expand::tilde_path(&path, env)));
    for file in [&mut settings.http.tls_cert, &mut settings.http.tls_key] {
        *file = file.take().map(|path| below(&home.config(), expand::tilde_path(&path, env)));
    }
    settings.log.file = settings.log.file.map(|path| below(&home.logs(), expand::tilde_path(&path, env)));
    let mut values: Vec<SettingValue> = layers.slots.iter().map(Slot::shown).collect();
    values.extend(layers.tool_overrides.shown().map(|(key, value, origin)| SettingValue { key, value, origin }));
    values.extend(layers.profiles.shown().map(|(key, value, origin)| SettingValue { key, value, origin }));
    let tool_overrides = layers.tool_overrides.finished();
    let profiles = layers.profiles.finished();
    Ok(Layered { settings, values, tool_overrides, profiles, warnings: layers.warnings })
}

/// Whether any layer above the defaults may have a setting of this section: looked for as a word, so it may say yes in
/// vain, and costs a thousandth of reading the layers.
pub(super) fn may_mention(section: &str, request: &Request, home: &Home, env: &dyn Env) -> bool {
    let variable = format!("MCPORCH_{}_", section.to_uppercase());
    let file = request.settings_file.clone().unwrap_or_else(|| home.config().join("mcporch.toml"));
    request.overrides.iter().any(|text| text.contains(section))
        || env.all().iter().any(|(name, _)| name.starts_with(&variable))
        || std::fs::read(&file).is_ok_and(|text| String::from_utf8_lossy(&text).contains(section))
}

/// Where a value came from.
#[derive(Debug, Clone)]
pub(super) enum Source {
    Default,
    File { path: PathBuf, line: usize },
    Environment { name: String },
    Override,
}

impl Source {
    pub(super) fn fault(&self, key: String, message: String, help: String) -> Fault {
        match self {
            Self::Default => Fault::new(Path::new("mcporch.toml"), 0, key, message, help),
            Self::File { path, line } => Fault::new(path, *line, key, message, help),
            Self::Environment { name } => Fault::new(Path::new("environment"), 0, name.clone(), message, help),
            Self::Override => Fault::new(Path::new("--set"), 0, key, message, help),
        }
    }

    /// For people.
    pub(super) fn shown(&self) -> String {
        match self {
            Self::Default => "default".to_owned(),
            Self::File { path, line } => format!("{}:{line}", path.display()),
            Self::Environment { name } => format!("environment {name}"),
            Self::Override => "--set".to_owned(),
        }
    }
}

struct Slot {
    section: String,
    key: String,
    value: Value,
    rule: Value,
    source: Source,
}

impl Slot {
    fn name(&self) -> String {
        format!("{}.{}", self.section, self.key)
    }

    fn shown(&self) -> SettingValue {
        SettingValue { key: self.name(), value: self.value.to_string(), origin: self.source.shown() }
    }
}

#[derive(Default)]
struct Layers {
    slots: Vec<Slot>,
    tool_overrides: WrittenOverrides,
    profiles: WrittenProfiles,
    warnings: Vec<Fault>,
    faults: Vec<Fault>,
}

impl Layers {
    fn of_defaults() -> Self {
        let schema = settings_file::plain_schema();
        let mut slots = Vec::new();
        let defaults = defaults();
        for (section, keys) in defaults.as_object().into_iter().flatten() {
            for (key, value) in keys.as_object().into_iter().flatten() {
                let rule = schema.pointer(&format!("/properties/{section}/properties/{key}"));
                slots.push(Slot {
                    section: section.clone(),
                    key: key.clone(),
                    value: value.clone(),
                    rule: rule.cloned().unwrap_or_default(),
                    source: Source::Default,
                });
            }
        }
        Self { slots, ..Self::default() }
    }

    fn read_file(&mut self, asked: Option<&Path>, home: &Home) {
        let path = asked.map_or_else(|| home.config().join("mcporch.toml"), Path::to_owned);
        if asked.is_none() && !path.exists() {
            return;
        }
        let entries = match read::text(&path).and_then(|text| toml_text::parse(&path, &text)) {
            Ok(entries) => entries,
            Err(mut fault) => {
                if asked.is_some() && fault.line == 0 {
                    fault.key = "--config".to_owned();
                }
                return self.faults.push(fault);
            }
        };
        for entry in entries {
            if entry.section.as_deref() == Some(tool_overrides::SECTION) {
                self.tool_overrides.read_entry(&path, &entry);
                continue;
            }
            if entry.section.as_deref() == Some(profiles::SECTION) {
                self.profiles.read_entry(&path, &entry);
                continue;
            }
            let source = Source::File { path: path.clone(), line: entry.line };
            match entry.section.as_deref().and_then(|section| self.find(section, &entry.key)) {
                Some(at) => self.put(at, entry.value, source),
                None => {
                    let help = self.help_with(entry.section.as_deref(), &entry.key);
                    let key = entry.section.map_or(entry.key.clone(), |section| format!("{section}.{}", entry.key));
                    self.warnings.push(source.fault(key, "unknown key, ignored".to_owned(), help));
                }
            }
        }
    }

    fn read_environment(&mut self, env: &dyn Env) {
        if let (Some(level), Some(at)) = (set(env, "MCP_LOG_LEVEL"), self.find("log", "level")) {
            // Other programs read this variable too and know other words, so a strange one is no fault.
            let source = Source::Environment { name: "MCP_LOG_LEVEL".to_owned() };
            let word = match level.to_lowercase().as_str() {
                "warning" => "warn".to_owned(),
                "critical" | "fatal" => "error".to_owned(),
                other => other.to_owned(),
            };
            match checked(Value::String(word), &self.slots[at].rule) {
                Ok(value) => (self.slots[at].value, self.slots[at].source) = (value, source),
                Err(trouble) => {
                    self.warnings.push(source.fault(String::new(), format!("{}, ignored", trouble.what), trouble.help));
                }
            }
        }
        if let (Some(endpoint), Some(at)) =
            (set(env, "OTEL_EXPORTER_OTLP_ENDPOINT"), self.find("telemetry", "otlp_endpoint"))
        {
            let source = Source::Environment { name: "OTEL_EXPORTER_OTLP_ENDPOINT".to_owned() };
            (self.slots[at].value, self.slots[at].source) = (Value::String(endpoint), source);
        }
        for (name, text) in env.all().into_iter().filter(|(_, text)| !text.is_empty()) {
            let Some(rest) = name.strip_prefix("MCPORCH_") else { continue };
            let source = Source::Environment { name: name.clone() };
            if let Some(at) = self.slots.iter().position(|slot| variable_end(slot) == rest) {
                self.put_text(at, &text, source);
            } else if rest.to_lowercase().starts_with(tool_overrides::SECTION) {
                let help = "overrides stand in the settings file, or in --set".to_owned();
                self.warnings.push(source.fault(String::new(), "no such setting, ignored".to_owned(), help));
            } else if self.slots.iter().any(|slot| rest.starts_with(&format!("{}_", slot.section.to_uppercase()))) {
                let known: Vec<String> = self.slots.iter().map(variable_end).collect();
                let help = nearest(rest, known.iter().map(String::as_str))
                    .map_or_else(see_settings, |known| format!("did you mean `MCPORCH_{known}`?"));
                self.warnings.push(source.fault(String::new(), "no such setting, ignored".to_owned(), help));
            }
        }
    }

    fn read_overrides(&mut self, overrides: &[String]) {
        for text in overrides {
            let parts =
                text.split_once('=').and_then(|(name, value)| Some((name.trim().split_once('.')?, value.trim())));
            let Some(((section, key), value)) = parts else {
                let help = "write --set section.key=value".to_owned();
                self.faults.push(Source::Override.fault(text.clone(), "not a setting".to_owned(), help));
                continue;
            };
            if section == tool_overrides::SECTION {
                self.tool_overrides.read_set(key, value);
                continue;
            }
            match self.find(section, key) {
                Some(at) => self.put_text(at, value, Source::Override),
                None => {
                    let help = self.help_with(Some(section), key);
                    let name = format!("{section}.{key}");
                    self.faults.push(Source::Override.fault(name, "no such setting".to_owned(), help));
                }
            }
        }
    }

    fn find(&self, section: &str, key: &str) -> Option<usize> {
        self.slots.iter().position(|slot| slot.section == section && slot.key == key)
    }

    fn put_text(&mut self, at: usize, text: &str, source: Source) {
        let value = from_text(text, &self.slots[at].rule);
        self.put(at, value, source);
    }

    fn put(&mut self, at: usize, value: Value, source: Source) {
        match checked(value, &self.slots[at].rule) {
            Ok(value) => (self.slots[at].value, self.slots[at].source) = (value, source),
            Err(trouble) => self.faults.push(source.fault(self.slots[at].name(), trouble.what, trouble.help)),
        }
    }

    /// What a person who wrote an unknown key probably meant.
    fn help_with(&self, section: Option<&str>, key: &str) -> String {
        let section = section.unwrap_or_default();
        let same_section = self.slots.iter().filter(|slot| slot.section == section).map(|slot| slot.key.as_str());
        if let Some(help) = did_you_mean(key, same_section) {
            return help;
        }
        if let Some(slot) = self.slots.iter().find(|slot| slot.key == key) {
            return format!("did you mean `{}` in section [{}]?", slot.key, slot.section);
        }
        if !self.slots.iter().any(|slot| slot.section == section) {
            let wanted = if section.is_empty() { key } else { section };
            let sections =
                self.slots.iter().map(|slot| slot.section.as_str()).chain([tool_overrides::SECTION, profiles::SECTION]);
            if let Some(known) = nearest(wanted, sections) {
                return format!("did you mean section [{known}]?");
            }
        }
        see_settings()
    }

    /// Rules between two settings.
    fn compare(&mut self) {
        self.tool_overrides.compare();
        self.warnings.append(&mut self.tool_overrides.warnings);
        self.faults.append(&mut self.tool_overrides.faults);
        self.warnings.append(&mut self.profiles.warnings);
        self.faults.append(&mut self.profiles.faults);
        let pairs = [
            (("servers", "call_timeout_s"), ("servers", "call_ceiling_s"), 1),
            (("servers", "restart_backoff_ms"), ("servers", "restart_backoff_max_s"), 1000),
        ];
        for ((section, low), (high_section, high), factor) in pairs {
            let (Some(low), Some(high)) = (self.find(section, low), self.find(high_section, high)) else { continue };
            let figure = |at: usize| self.slots[at].value.as_u64().unwrap_or_default();
            if figure(low) <= figure(high) * factor {
                continue;
            }
            // The one that a person wrote is the one to name.
            let (named, other) =
                if matches!(self.slots[high].source, Source::Default) { (low, high) } else { (high, low) };
            let relation = if named == low { "more than" } else { "less than" };
            let [slot, other] = [&self.slots[named], &self.slots[other]];
            let message = format!("{} is {relation} {} = {}", slot.value, other.name(), other.value);
            self.faults.push(slot.source.fault(slot.name(), message, "change one of the two".to_owned()));
        }
    }

    fn merged(&self) -> Value {
        let mut root = Map::new();
        for slot in &self.slots {
            let section = root.entry(slot.section.clone()).or_insert_with(|| Value::Object(Map::new()));
            if let Some(section) = section.as_object_mut() {
                section.insert(slot.key.clone(), slot.value.clone());
            }
        }
        Value::Object(root)
    }
}

fn see_settings() -> String {
    "`mcporch config show` lists all settings".to_owned()
}

/// What follows `MCPORCH_` in the name of the variable for a setting.
fn variable_end(slot: &Slot) -> String {
    format!("{}_{}", slot.section, slot.key).to_uppercase()
}

/// Why a value is not accepted.
pub(super) struct Trouble {
    pub(super) what: String,
    pub(super) help: String,
}

/// The value of a text, as the rule's type wants it; a text that does not fit stays a text and is refused later.
pub(super) fn from_text(text: &str, rule: &Value) -> Value {
    let number = || text.parse::<i64>().map(Value::from).or_else(|_| text.parse::<f64>().map(Value::from));
    match rule["type"].as_str() {
        Some("integer" | "number") => number().unwrap_or_else(|_| Value::from(text)),
        Some("boolean") => match text.to_lowercase().as_str() {
            "true" | "1" | "yes" | "on" => Value::Bool(true),
            "false" | "0" | "no" | "off" => Value::Bool(false),
            _ => Value::from(text),
        },
        Some("array") => text.split(',').map(str::trim).filter(|item| !item.is_empty()).collect(),
        _ => Value::from(text),
    }
}

/// The value when it keeps the rule, which is a property's schema.
pub(super) fn checked(value: Value, rule: &Value) -> Result<Value, Trouble> {
    let words = words(rule);
    if !words.is_empty() {
        let word = value.as_str().map(str::to_lowercase);
        return match word.filter(|word| words.contains(&word.as_str())) {
            Some(word) => Ok(Value::String(word)),
            None => Err(Trouble { what: format!("{value} is none of the choices"), help: one_of(&words) }),
        };
    }
    let (is_right, wanted) = match rule["type"].as_str() {
        Some("integer") => (value.is_u64() && in_range(&value, rule), format!("a whole number{}", range(rule))),
        Some("number") => (value.is_number() && in_range(&value, rule), format!("a number{}", range(rule))),
        Some("boolean") => (value.is_boolean(), "true or false".to_owned()),
        Some("array") if rule["items"]["anyOf"].is_array() => {
            let is_right = value.as_array().is_some_and(|items| items.iter().all(command_rules::is_rule));
            (is_right, command_rules::EXPECTED.to_owned())
        }
        Some("array") => {
            let is_right = value.as_array().is_some_and(|items| items.iter().all(Value::is_string));
            (is_right, "a list of texts".to_owned())
        }
        None if rule["anyOf"].is_array() => {
            let is_list = value.as_array().is_some_and(|items| items.iter().all(Value::is_string));
            (is_list || value.is_string(), "a text or a list of texts".to_owned())
        }
        _ => {
            let len_min = rule["minLength"].as_u64().unwrap_or_default();
            let is_right = value.as_str().is_some_and(|text| text.len() as u64 >= len_min);
            (is_right, if len_min > 0 { "a text that is not empty" } else { "a text" }.to_owned())
        }
    };
    if is_right {
        Ok(value)
    } else {
        Err(Trouble { what: format!("{value} does not fit"), help: format!("write {wanted}") })
    }
}

fn in_range(value: &Value, rule: &Value) -> bool {
    let Some(figure) = value.as_f64() else { return false };
    rule["minimum"].as_f64().is_none_or(|min| figure >= min) && rule["maximum"].as_f64().is_none_or(|max| figure <= max)
}

fn range(rule: &Value) -> String {
    format!(" from {} to {}", rule["minimum"], rule["maximum"])
}

/// The words of a choice; empty when the rule is none.
fn words(rule: &Value) -> Vec<&str> {
    let plain = rule["enum"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let described = rule["oneOf"].as_array().into_iter().flatten().filter_map(|one| one["const"].as_str());
    plain.chain(described).collect()
}

fn one_of(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("\"{word}\"")).collect();
    format!("write {}", quoted.join(" or "))
}
