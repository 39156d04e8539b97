//! The verbs as the network offers them, with what they must be told of this process and its settings.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use crate::config::{self, Config, Env};
use crate::gateway::verbs::Verbs;
use crate::operations::{ProcessFacts, SettingLine, SettingsOutput};
use crate::secrets::redactor;

use super::App;
use super::http::Listening;

/// The shortest time over which a rate of calls is taken.
const RATE_OVER: Duration = Duration::from_secs(1);

impl App {
    /// The verbs of this process. `clients` counts those that are connected otherwise than over HTTP.
    pub(super) fn verbs(
        &self,
        config: &Config,
        env: Arc<dyn Env>,
        listening: &Listening,
        clients: impl Fn() -> usize + Send + Sync + 'static,
    ) -> Arc<Verbs> {
        let operations = &self.operations;
        if self.server_logs.is_some() {
            operations.read_logs_in(config.home.server_logs());
        }
        let settings = settings_in_force(config);
        operations.show_settings_with(Arc::new(move || settings.clone()));
        let servers = config.servers.clone();
        operations.look_at_env_with(Arc::new(move || {
            let of_server =
                |server: &config::ServerConfig| (server.name.to_string(), server.required_env_status(&*env));
            servers.iter().map(of_server).collect()
        }));
        let listens: Vec<String> = listening.http.iter().map(ToString::to_string).collect();
        let (started, pool) = (Instant::now(), self.pool.clone());
        let rate = Rate::default();
        operations.look_at_process_with(Arc::new(move || ProcessFacts {
            uptime_s: started.elapsed().as_secs(),
            clients: clients(),
            calls_per_s: rate.look(pool.status().iter().map(|status| status.calls).sum()),
            memory_bytes: memory_bytes(),
            listens: listens.clone(),
        }));
        let verbs = Verbs::new(operations.clone());
        let settings = &config.settings;
        let verbs = if settings.monitor.enabled { verbs.with_monitor(self.monitor.clone()) } else { verbs };
        Arc::new(if settings.audit.enabled { verbs.with_audit(config.home.audit()) } else { verbs })
    }
}

/// How many calls there are in a second, over the time since the last look but one second at least.
#[derive(Debug, Default)]
struct Rate(Mutex<Option<(Instant, u64, f64)>>);

impl Rate {
    fn look(&self, calls: u64) -> f64 {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((at, before, per_s)) = *last else {
            *last = Some((Instant::now(), calls, 0.0));
            return 0.0;
        };
        if at.elapsed() < RATE_OVER {
            return per_s;
        }
        let per_s = (calls.saturating_sub(before) as f64 / at.elapsed().as_secs_f64() * 10.0).round() / 10.0;
        *last = Some((Instant::now(), calls, per_s));
        per_s
    }
}

/// Each setting with its value, its origin and the sentence that the schema has for it; what looks like a secret is not shown.
fn settings_in_force(config: &Config) -> SettingsOutput {
    let about = abouts();
    let line = |setting: &config::SettingValue| {
        let value = redactor().redact(&setting.value).into_owned();
        let value = serde_json::from_str(&value).unwrap_or_else(|_| Value::from(value));
        SettingLine {
            value: without_secrets(&setting.key, value),
            origin: setting.origin.clone(),
            about: about.get(&setting.key).cloned().unwrap_or_default(),
            key: setting.key.clone(),
        }
    };
    let files = config.registry_files.iter().map(|file| file.display().to_string()).collect();
    SettingsOutput { settings: config.values.iter().map(line).collect(), files }
}

/// The value of a setting without what is secret in it by its nature, whether or not it was written as a reference.
fn without_secrets(key: &str, value: Value) -> Value {
    let hide: fn(&str) -> String = match key {
        "alerts.smtp_password" | "alerts.webhook_secret" | "alerts.webhook_body" => |text| hidden(text).to_owned(),
        "alerts.webhook_headers" => |text| match text.split_once(':') {
            Some((name, value)) => format!("{name}: {}", hidden(value.trim())),
            None => hidden(text).to_owned(),
        },
        // Who knows the path of a web hook may send to it.
        "alerts.webhook_urls" => |text| match url::Url::parse(text) {
            Ok(url) => format!("{}://{}/{HIDDEN}", url.scheme(), url.host_str().unwrap_or_default()),
            Err(_) => hidden(text).to_owned(),
        },
        _ => return value,
    };
    match value {
        Value::String(text) => Value::from(hide(&text)),
        Value::Array(texts) => {
            texts.iter().map(|text| text.as_str().map_or(Value::Null, |text| hide(text).into())).collect()
        }
        other @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_)) => other,
    }
}

/// In the place of what is not shown.
const HIDDEN: &str = "‹hidden›";

/// Nothing is hidden of nothing, and of a reference.
fn hidden(text: &str) -> &str {
    let name = text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}'));
    let is_reference = name.is_some_and(|name| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'));
    if text.is_empty() || is_reference { text } else { HIDDEN }
}

/// What each setting is for, by `section.key`, as the schema of the settings file says it.
fn abouts() -> BTreeMap<String, String> {
    let schema: Value = serde_json::from_str(&config::schema()).unwrap_or_default();
    let followed = |schema_of: &Value| -> Value {
        let name = schema_of.get("$ref").and_then(Value::as_str).and_then(|name| name.strip_prefix('#'));
        name.and_then(|pointer| schema.pointer(pointer)).unwrap_or(schema_of).clone()
    };
    let mut abouts = BTreeMap::new();
    for (section, of_section) in schema["properties"].as_object().into_iter().flatten() {
        let of_section = followed(of_section);
        for (key, of_key) in of_section["properties"].as_object().into_iter().flatten() {
            if let Some(about) = of_key["description"].as_str() {
                abouts.insert(format!("{section}.{key}"), about.split_whitespace().collect::<Vec<_>>().join(" "));
            }
        }
    }
    abouts
}

/// What this process holds in memory, where the system says that without much ado.
fn memory_bytes() -> Option<u64> {
    #[cfg(target_os = "linux")]
    {
        let pages = std::fs::read_to_string("/proc/self/statm").ok()?;
        let resident: u64 = pages.split_whitespace().nth(1)?.parse().ok()?;
        Some(resident * rustix::param::page_size() as u64)
    }
    #[cfg(not(target_os = "linux"))]
    None
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::without_secrets;

    fn check(key: &str, value: Value, expected: Value) {
        assert_eq!(without_secrets(key, value), expected);
    }

    #[test]
    fn secrets_of_alerts_are_shown_as_references_alone() {
        check("alerts.smtp_password", json!("hunter2"), json!("‹hidden›"));
        check("alerts.smtp_password", json!("${SMTP_PASSWORD}"), json!("${SMTP_PASSWORD}"));
        check("alerts.webhook_secret", json!(""), json!(""));
        for no_reference in ["${A}tail${B}", "${A}secret}", "${X:-hunter2}"] {
            check("alerts.webhook_secret", json!(no_reference), json!("‹hidden›"));
        }
        check("alerts.webhook_body", json!("{\"token\": \"abc\"}"), json!("‹hidden›"));
        let headers = json!(["Authorization: Bearer abc", "X-Key: ${KEY}", "odd"]);
        check("alerts.webhook_headers", headers, json!(["Authorization: ‹hidden›", "X-Key: ${KEY}", "‹hidden›"]));
        let urls = json!(["https://hooks.example.com/services/T0/abc", "https://user:word@example.com", "${HOOK}"]);
        check(
            "alerts.webhook_urls",
            urls,
            json!(["https://hooks.example.com/‹hidden›", "https://example.com/‹hidden›", "${HOOK}"]),
        );
        check("http.listen", json!("127.0.0.1:8080"), json!("127.0.0.1:8080"));
    }
}
